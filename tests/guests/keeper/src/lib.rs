//! A guest for tests of reloads: it counts in its memory, which it hands over, and in its state.
//! Its configuration makes bad versions of it: they refuse or trap when they are to take over, or
//! misbehave after so many events.

wit_bindgen::generate!({
    path: "../../../wit",
    world: "plugin-with-snapshot",
    generate_all,
});

use exports::vedette::detect::{detector, snapshot};
use std::cell::{Cell, RefCell};
use vedette::detect::state;
use vedette::detect::types::{Batch, Event, Evidence, Finding, Severity};

struct Keeper;

export!(Keeper);

thread_local! {
    /// Events that all generations have seen.
    static SEEN: Cell<u64> = const { Cell::new(0) };
    /// Events that this instance has seen.
    static OWN: Cell<u64> = const { Cell::new(0) };
    static CONFIG: RefCell<String> = const { RefCell::new(String::new()) };
    static BALLAST: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A number of the configuration.
fn number(name: &str) -> Option<u64> {
    CONFIG.with_borrow(|config| {
        let (_, rest) = config.split_once(&format!("\"{name}\":"))?;
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        rest[..end].parse().ok()
    })
}

/// Whether the configuration says that.
fn says(name: &str, what: &str) -> bool {
    CONFIG.with_borrow(|config| config.contains(&format!("\"{name}\":\"{what}\"")))
}

impl detector::Guest for Keeper {
    fn init(config: String) -> Result<(), String> {
        CONFIG.set(config);
        if says("init", "trap") {
            panic!();
        }
        let ballast = number("ballast").unwrap_or(0) as usize;
        BALLAST.set((0..ballast).map(|n| (n % 251) as u8).collect());
        for n in 0..number("keeps").unwrap_or(0) {
            // 64 bytes, key and value together.
            let key = n.to_be_bytes();
            if state::get(&key).is_none() && state::set(&key, &[n as u8; 56], 0).is_err() {
                return Err(format!("no room for key {n}"));
            }
        }
        Ok(())
    }

    fn detect(batch: Batch) -> Vec<Finding> {
        let mut findings = Vec::new();
        let bad_after = number("after").unwrap_or(0);
        for event in &batch.events {
            SEEN.set(SEEN.get() + 1);
            OWN.set(OWN.get() + 1);
            let kept = state::count(b"seen", 1, u64::MAX).unwrap_or(0);
            if OWN.get() > bad_after {
                misbehave(&batch, event, &mut findings);
            }
            if says("misses", "odd") && event.id % 2 == 1 {
                continue;
            }
            let text = CONFIG.with_borrow(String::clone);
            findings.push(finding(&batch, event, format!("{} {kept} {text}", SEEN.get())));
            if says("adds", "more") {
                let mut more = finding(&batch, event, String::new());
                more.dedup.push_str(" more");
                findings.push(more);
            }
        }
        findings
    }
}

fn misbehave(batch: &Batch, event: &Event, findings: &mut Vec<Finding>) {
    if says("deed", "trap") {
        panic!();
    }
    if says("deed", "flood") {
        for n in 0..40 {
            let mut one = finding(batch, event, String::new());
            one.dedup = n.to_string();
            findings.push(one);
        }
    }
    if says("deed", "garbage") {
        let mut one = finding(batch, event, "x".repeat(5000));
        one.rule = "\u{0}not declared".to_owned();
        one.process = u64::MAX;
        findings.push(one);
    }
    if says("deed", "grow") {
        BALLAST.with_borrow_mut(|ballast| ballast.resize(ballast.len() + (1 << 20), 1));
    }
    if says("deed", "slow") {
        // Each step needs the one before, so that no compiler makes it short.
        let mut n = event.id;
        for _ in 0..number("steps").unwrap_or(1_000_000) {
            n = n.wrapping_mul(0x5851_f42d_4c95_7f2d).rotate_left(7) ^ 1;
        }
        std::hint::black_box(n);
    }
}

fn finding(batch: &Batch, event: &Event, message: String) -> Finding {
    Finding {
        rule: "seen".to_owned(),
        severity: Severity::Low,
        confidence: 50,
        process: batch
            .processes
            .get(event.process as usize)
            .map_or(0, |p| p.key),
        message,
        evidence: vec![Evidence {
            event: event.id,
            note: String::new(),
        }],
        dedup: event.id.to_string(),
        proposals: Vec::new(),
        container: 0,
        details: Vec::new(),
    }
}

impl snapshot::Guest for Keeper {
    fn schema() -> u32 {
        number("schema").unwrap_or(1) as u32
    }

    fn save() -> Vec<u8> {
        if says("save", "trap") {
            panic!();
        }
        let seen = SEEN.get().to_le_bytes();
        BALLAST.with_borrow(|ballast| [&seen, ballast.as_slice()].concat())
    }

    fn restore(schema: u32, data: Vec<u8>) -> Result<(), String> {
        if says("restore", "refuse") {
            return Err("as the configuration asks".to_owned());
        }
        if says("restore", "trap") {
            panic!();
        }
        let known = Self::schema();
        if schema != known {
            return Err(format!("schema {schema} is unknown, it knows {known}"));
        }
        let (seen, ballast) = data.split_first_chunk().ok_or("not 8 bytes")?;
        let expected = |(n, byte): (usize, &u8)| *byte == (n % 251) as u8;
        if !ballast.iter().enumerate().all(expected) {
            return Err("the ballast is damaged".to_owned());
        }
        SEEN.set(u64::from_le_bytes(*seen));
        BALLAST.set(ballast.to_vec());
        Ok(())
    }
}
