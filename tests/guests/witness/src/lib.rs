//! Tells of every event that it was given: its id, and which generation it was given to. What it
//! has not told yet it hands over to the next generation; how many events all generations have
//! seen is counted in their state.

wit_bindgen::generate!({
    path: "../../../wit",
    world: "plugin-with-snapshot",
    generate_all,
});

use exports::vedette::detect::{detector, snapshot};
use std::cell::RefCell;
use std::fmt::Write;
use vedette::detect::state;
use vedette::detect::types::{Batch, Event, Evidence, Finding, Severity};

/// Number of the kind `tick` in the event catalogue.
const TICK: u32 = 112;

/// Bytes of an id and a generation in a snapshot.
const PAIR: usize = 16;

struct Witness;

export!(Witness);

#[derive(Default)]
struct Memory {
    generation: u64,
    /// Events that one finding tells of: more of them are fewer findings.
    gather: usize,
    /// Ids and generations that were not told yet.
    untold: Vec<(u64, u64)>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

impl detector::Guest for Witness {
    fn init(config: String) -> Result<(), String> {
        let number = |name: &str| {
            let rest = config.split_once(&format!("\"{name}\":\""))?.1;
            rest.split('"').next()?.parse().ok()
        };
        MEMORY.with_borrow_mut(|memory| {
            memory.generation = number("generation").ok_or("no generation")?;
            memory.gather = number("gather").ok_or("no number to gather")? as usize;
            Ok(())
        })
    }

    fn detect(batch: Batch) -> Vec<Finding> {
        let (ticks, events): (Vec<&Event>, Vec<&Event>) =
            batch.events.iter().partition(|event| event.kind == TICK);
        let count = state::count(b"events", events.len() as u64, u64::MAX).unwrap_or(0);
        MEMORY.with_borrow_mut(|memory| {
            let generation = memory.generation;
            memory
                .untold
                .extend(events.iter().map(|event| (event.id, generation)));
            // What is left over is told once a second.
            let least = if ticks.is_empty() { memory.gather } else { 1 };
            let mut findings = Vec::new();
            while memory.untold.len() >= least {
                let told = memory.untold.len().min(memory.gather);
                findings.push(tell(memory.untold.drain(..told), count, &batch, &events));
            }
            findings
        })
    }
}

fn tell(
    told: impl Iterator<Item = (u64, u64)>,
    count: u64,
    batch: &Batch,
    events: &[&Event],
) -> Finding {
    let mut message = format!("counted {count}:");
    let mut last = events.last();
    for (id, generation) in told {
        let _ = write!(message, " {generation}:{id:x}");
        // What another generation has left untold is of no batch any more.
        last = events.iter().find(|event| event.id == id).or(last);
    }
    Finding {
        rule: "told".to_owned(),
        severity: Severity::Info,
        confidence: 100,
        process: last
            .and_then(|event| batch.processes.get(event.process as usize))
            .map_or(0, |process| process.key),
        dedup: message.clone(),
        message,
        evidence: last
            .map(|event| Evidence {
                event: event.id,
                note: String::new(),
            })
            .into_iter()
            .collect(),
        proposals: Vec::new(),
        container: 0,
        details: Vec::new(),
    }
}

impl snapshot::Guest for Witness {
    fn schema() -> u32 {
        1
    }

    fn save() -> Vec<u8> {
        MEMORY.with_borrow(|memory| {
            let pairs = memory.untold.iter();
            pairs
                .flat_map(|(id, generation)| [id.to_le_bytes(), generation.to_le_bytes()].concat())
                .collect()
        })
    }

    fn restore(_schema: u32, data: Vec<u8>) -> Result<(), String> {
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        MEMORY.with_borrow_mut(|memory| {
            let pairs = data.chunks_exact(PAIR);
            memory.untold = pairs
                .map(|pair| (number(&pair[..8]), number(&pair[8..])))
                .collect();
        });
        Ok(())
    }
}
