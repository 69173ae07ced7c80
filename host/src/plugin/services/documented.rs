//! docs/contract.md names the quotas that there are.

use super::{context, log, quota::Meter, timer};
use crate::answers::look;
use crate::plugin::{accept, delivered, metrics as names, state};

#[test]
fn the_contract_s_page_names_the_quotas_that_there_are() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/contract.md");
    let page = std::fs::read_to_string(path).expect("docs/contract.md exists");
    let (ask, intel) = (Meter::Context.limit(), Meter::Intel.limit());
    let machine = Meter::Machine.limit();
    assert_eq!((ask.a_second, ask.amount), (intel.a_second, intel.amount));
    let quotas: &[(&str, u64)] = &[
        ("`log`: lines in a second", log::MAX_LINES_PER_SECOND.into()),
        (
            "`log`: bytes of a line, the rest is cut",
            log::MAX_LINE as u64,
        ),
        ("`metrics`: names of a plugin", names::MAX_METRICS as u64),
        ("`metrics`: bytes of a name", names::MAX_NAME as u64),
        ("`state`: bytes of a key", state::MAX_KEY as u64),
        ("`state`: bytes of a value", state::MAX_VALUE as u64),
        (
            "`state`: bytes in all where the manifest does not say",
            state::DEFAULT_BYTES as u64,
        ),
        (
            "`state`: bytes of that for each key that it allows",
            state::BYTES_A_KEY as u64,
        ),
        (
            "`state`: keys that one call lists",
            state::MAX_LISTED as u64,
        ),
        (
            "`context`: processes that one answer lists",
            context::MAX_LISTED.into(),
        ),
        (
            "`context`, `intel`: questions in a second, each",
            ask.a_second.into(),
        ),
        (
            "`context`, `intel`: rows or entries in a second, each",
            ask.amount,
        ),
        (
            "`file` and `context.sockets`: questions in a second",
            machine.a_second.into(),
        ),
        (
            "`file` and `context.sockets`: bytes read in a second",
            machine.amount,
        ),
        ("`file`: bytes of a head", look::MAX_HEAD.into()),
        ("`file`: bytes of a file that is hashed", look::MAX_HASHED),
        ("`file`: bytes of a file that `elf` tells of", look::MAX_ELF),
        ("`timer`: timers at a time", timer::MAX_TIMERS as u64),
        ("findings in a second", delivered::MAX_PER_SECOND.into()),
        (
            "bytes of a finding's message, and of its dedup key",
            accept::MAX_MESSAGE as u64,
        ),
        ("bytes of a note of evidence", accept::MAX_NOTE as u64),
        (
            "pieces of evidence of a finding",
            accept::MAX_EVIDENCE as u64,
        ),
        ("proposals of a finding", accept::MAX_PROPOSALS as u64),
        ("details of a finding", accept::MAX_DETAILS as u64),
        ("bytes of a detail", accept::MAX_DETAIL as u64),
    ];
    for (what, most) in quotas {
        let row = format!("| {what} | {most} |\n");
        assert!(page.contains(&row), "wit/quotas.md: {row}");
    }
}
