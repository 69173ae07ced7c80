//! One finding for each batch, with the ids of all of its events as evidence, and how many events
//! all generations together have counted in their state.

wit_bindgen::generate!({
    path: "../../../wit",
    world: "plugin",
    generate_all,
});

use exports::vedette::detect::detector::{Batch, Finding, Guest};
use vedette::detect::state;
use vedette::detect::types::{Evidence, Severity};

struct Witness;

export!(Witness);

impl Guest for Witness {
    fn init(_config: String) -> Result<(), String> {
        Ok(())
    }

    fn detect(batch: Batch) -> Vec<Finding> {
        let Some(first) = batch.events.first() else {
            return Vec::new();
        };
        let evidence: Vec<_> = batch
            .events
            .iter()
            .map(|event| Evidence {
                event: event.id,
                note: String::new(),
            })
            .collect();
        let count = state::count(b"events", evidence.len() as u64, u64::MAX);
        vec![Finding {
            rule: "batch".to_owned(),
            severity: Severity::Info,
            confidence: 100,
            process: batch
                .processes
                .get(first.process as usize)
                .map_or(0, |process| process.key),
            message: count.map_or_else(
                |_| "not counted".to_owned(),
                |count| format!("counted {count}"),
            ),
            evidence,
            dedup: first.id.to_string(),
            proposals: Vec::new(),
        }]
    }
}
