//! A guest for tests of the runtime: what it does to an event stands in the event's path.

wit_bindgen::generate!({
    path: "../../../wit",
    world: "plugin",
    generate_all,
});

use exports::vedette::detect::detector::{Batch, Finding, Guest};
use std::cell::{Cell, RefCell};
use vedette::detect::types::{Event, Evidence, Proposal, Severity};
use vedette::detect::{log, metrics, state};

struct Probe;

export!(Probe);

thread_local! {
    static SEEN: Cell<u64> = const { Cell::new(0) };
    static HOARD: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    /// Keys of processes, as they acted.
    static PROCESSES: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

impl Guest for Probe {
    fn init(config: String) -> Result<(), String> {
        QUIET.set(config.contains("\"quiet\":true"));
        if config.contains("\"init\":\"refuse\"") {
            return Err("as the configuration asks".to_owned());
        }
        if config.contains("\"init\":\"trap\"") {
            panic!();
        }
        if config.contains("\"init\":\"loop\"") {
            endless();
        }
        Ok(())
    }

    fn detect(batch: Batch) -> Vec<Finding> {
        let mut findings = Vec::new();
        for event in &batch.events {
            if let Some(process) = batch.processes.get(event.process as usize) {
                PROCESSES.with_borrow_mut(|keys| {
                    if keys.len() == 4096 {
                        keys.drain(..2048);
                    }
                    keys.push(process.key);
                });
            }
            let path = text(&batch, event.text.start, event.text.len);
            match path {
                b"/do/loop" => endless(),
                b"/do/spin" => {
                    // Each step needs the one before, so that no compiler makes it short.
                    let mut n = event.id;
                    for _ in 0..100_000_000 {
                        n = n.wrapping_mul(0x5851_f42d_4c95_7f2d).rotate_left(7) ^ 1;
                    }
                    metrics::set("spun", n as i64);
                }
                b"/do/trap" => panic!(),
                b"/do/error-and-trap" => {
                    log::write(log::Level::Error, "nothing fits");
                    log::write(log::Level::Info, "and so it ends");
                    panic!()
                }
                b"/do/memory" => hoard(),
                b"/do/recursion" => {
                    std::hint::black_box(deeper(0));
                }
                b"/do/output" => return flood(event),
                b"/do/many" => {
                    for n in 0..1000 {
                        let mut one = finding(&batch, event);
                        one.dedup = n.to_string();
                        findings.push(one);
                    }
                }
                b"/do/undeclared" => {
                    let mut one = finding(&batch, event);
                    one.rule = "not-declared".to_owned();
                    findings.push(one);
                }
                b"/do/unknown-process" => {
                    let mut one = finding(&batch, event);
                    one.process ^= 1;
                    findings.push(one);
                }
                b"/do/exaggerate" => {
                    let mut one = finding(&batch, event);
                    one.severity = Severity::Critical;
                    one.confidence = 255;
                    one.message = "é".repeat(100_000);
                    one.evidence.push(Evidence {
                        event: 0xdead_beef,
                        note: "never sent".to_owned(),
                    });
                    one.proposals.push(Proposal {
                        action: 1,
                        target: 77,
                        event: 0,
                    });
                    one.proposals.push(Proposal {
                        action: 99,
                        target: one.process,
                        event: 0,
                    });
                    findings.push(one);
                }
                b"/do/write-and-trap" => {
                    let _ = state::set(b"half", b"done", 0);
                    panic!();
                }
                b"/do/read-half" => {
                    let mut one = finding(&batch, event);
                    one.message = format!("half is {:?}", state::get(b"half"));
                    findings.push(one);
                }
                b"/do/echo" => {
                    let process = &batch.processes[event.process as usize];
                    for message in [
                        format!("{event:?}"),
                        format!("{process:?}"),
                        format!("{:?}", batch.streams[process.streams.first as usize]),
                        format!("{:?}", batch.containers[process.container as usize]),
                        format!("{:?}", batch.attrs[event.attrs.first as usize]),
                    ] {
                        let mut one = finding(&batch, event);
                        one.message = message;
                        findings.push(one);
                    }
                }
                b"/do/window" => {
                    let count = state::count(b"window", 1, 250_000_000).unwrap_or(0);
                    let mut one = finding(&batch, event);
                    one.message = format!("window {count} of events");
                    findings.push(one);
                }
                b"/do/recall" => {
                    // Events and processes that it was sent long ago, near the end of what is kept.
                    let mut one = finding(&batch, event);
                    one.evidence = (2017..=2080)
                        .filter_map(|back| event.id.checked_sub(back))
                        .map(|event| Evidence {
                            event,
                            note: "long ago".to_owned(),
                        })
                        .collect();
                    findings.push(one);
                    PROCESSES.with_borrow(|keys| {
                        for back in (400..1200).step_by(29).filter(|back| *back < keys.len()) {
                            let mut one = finding(&batch, event);
                            one.process = keys[keys.len() - back];
                            findings.push(one);
                        }
                    });
                }
                b"/do/log" => {
                    for n in 0..100_000 {
                        log::write(log::Level::Info, &format!("line {n}"));
                    }
                }
                b"/do/fill-state" => {
                    let mut n = 0u64;
                    while state::set(&n.to_le_bytes(), &[0; 60_000], 0).is_ok() {
                        n += 1;
                    }
                    let mut one = finding(&batch, event);
                    one.message = format!("{n} values fit");
                    findings.push(one);
                }
                _ if QUIET.get() => {
                    let process = &batch.processes[event.process as usize];
                    let args = text(&batch, process.args.start, process.args.len);
                    if args.windows(3).any(|w| w == b"-i\0") {
                        findings.push(finding(&batch, event));
                    }
                }
                _ => {
                    SEEN.set(SEEN.get() + 1);
                    let _ = state::count(b"seen", 1, u64::MAX);
                    metrics::add("seen", 1);
                    findings.push(finding(&batch, event));
                }
            }
        }
        findings
    }
}

fn text(batch: &Batch, start: u32, len: u32) -> &[u8] {
    &batch.text[start as usize..(start + len) as usize]
}

fn finding(batch: &Batch, event: &Event) -> Finding {
    let process = batch
        .processes
        .get(event.process as usize)
        .map_or(0, |p| p.key);
    let count = state::get(b"seen").map_or(0, |v| u64::from_le_bytes(v.try_into().unwrap()));
    Finding {
        rule: "seen".to_owned(),
        severity: Severity::Low,
        confidence: 50,
        process,
        message: format!("memory {} state {count}", SEEN.get()),
        evidence: vec![Evidence {
            event: event.id,
            note: "this one".to_owned(),
        }],
        dedup: event.id.to_string(),
        proposals: vec![Proposal {
            action: 1,
            target: process,
            event: 0,
        }],
        container: 0,
        details: Vec::new(),
    }
}

fn endless() -> ! {
    loop {
        std::hint::black_box(0);
    }
}

fn hoard() {
    loop {
        HOARD.with_borrow_mut(|hoard| hoard.push(vec![1; 1 << 20]));
    }
}

#[inline(never)]
#[expect(unconditional_recursion, reason = "that is what it is for")]
fn deeper(n: u64) -> u64 {
    let room = std::hint::black_box([n; 64]);
    deeper(n + 1) + room[(n % 64) as usize]
}

/// More than the host would want to copy: many findings whose texts are large.
fn flood(event: &Event) -> Vec<Finding> {
    let note = "x".repeat(100_000);
    (0..40)
        .map(|n| Finding {
            rule: "seen".to_owned(),
            severity: Severity::Low,
            confidence: 1,
            process: 0,
            message: note.clone(),
            evidence: vec![Evidence {
                event: event.id,
                note: String::new(),
            }],
            dedup: n.to_string(),
            proposals: Vec::new(),
            container: 0,
            details: Vec::new(),
        })
        .collect()
}
