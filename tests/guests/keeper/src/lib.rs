//! A guest for tests of reloads: it counts in its memory, which it hands over, and in its state.

wit_bindgen::generate!({
    path: "../../../wit",
    world: "plugin-with-snapshot",
    generate_all,
});

use exports::vedette::detect::{detector, snapshot};
use std::cell::{Cell, RefCell};
use vedette::detect::state;
use vedette::detect::types::{Batch, Evidence, Finding, Severity};

struct Keeper;

export!(Keeper);

thread_local! {
    static SEEN: Cell<u64> = const { Cell::new(0) };
    static CONFIG: RefCell<String> = const { RefCell::new(String::new()) };
}

impl detector::Guest for Keeper {
    fn init(config: String) -> Result<(), String> {
        CONFIG.set(config);
        Ok(())
    }

    fn detect(batch: Batch) -> Vec<Finding> {
        batch
            .events
            .iter()
            .map(|event| {
                SEEN.set(SEEN.get() + 1);
                let kept = state::count(b"seen", 1, u64::MAX).unwrap_or(0);
                Finding {
                    rule: "seen".to_owned(),
                    severity: Severity::Low,
                    confidence: 50,
                    process: batch
                        .processes
                        .get(event.process as usize)
                        .map_or(0, |p| p.key),
                    message: format!("{} {kept} {}", SEEN.get(), CONFIG.with_borrow(String::clone)),
                    evidence: vec![Evidence {
                        event: event.id,
                        note: String::new(),
                    }],
                    dedup: event.id.to_string(),
                    proposals: Vec::new(),
                    container: 0,
                    details: Vec::new(),
                }
            })
            .collect()
    }
}

impl snapshot::Guest for Keeper {
    fn schema() -> u32 {
        1
    }

    fn save() -> Vec<u8> {
        SEEN.get().to_le_bytes().to_vec()
    }

    fn restore(schema: u32, data: Vec<u8>) -> Result<(), String> {
        if CONFIG.with_borrow(|c| c.contains("\"restore\":\"refuse\"")) {
            return Err("as the configuration asks".to_owned());
        }
        if schema != 1 {
            return Err(format!("schema {schema} is unknown"));
        }
        let bytes = data.try_into().map_err(|_| "not 8 bytes")?;
        SEEN.set(u64::from_le_bytes(bytes));
        Ok(())
    }
}
