//! Writes the views of the Python and JavaScript SDKs: `make docs`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in vedette_contract::views::files() {
        std::fs::write(root.join(file.path), file.text)?;
    }
    Ok(())
}
