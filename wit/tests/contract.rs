//! docs/contract.md says what wit/detect.wit says.

#[path = "../examples/contract-md.rs"]
mod contract_md;

#[test]
fn the_contract_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/contract.md");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        text == contract_md::markdown(),
        "docs/contract.md is behind wit/: run `make docs`"
    );
}
