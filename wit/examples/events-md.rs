//! Writes docs/events.md to standard output: `make docs`.

fn main() {
    print!("{}", vedette_contract::reference::markdown());
}
