//! A hostile guest beside an honest plugin.

use super::{raw::Guest, *};
use vedette::plugin::host::{HostOptions, PluginHost};

/// Makes the probe into an honest neighbour.
pub const NEIGHBOUR: &[(&str, &str)] = &[("id = \"probe\"", "id = \"neighbour\"")];

/// What the host makes of it.
pub enum Fate {
    /// It does not come into service, for a reason that holds these words.
    Refused(&'static str),
    /// The poisonous event is skipped and named, with these words.
    Skipped(&'static str),
    /// The call returns; nothing that it did is harmful.
    Served,
}

/// An event that [`Guest`] knows as poison, with a long text.
pub fn poison(id: u64) -> Record {
    let record = exec(id, "/usr/bin/id");
    let mut event = record.event.clone();
    event.a = 1;
    event.text = format!("/usr/bin/{}", "x".repeat(50_000))
        .into_bytes()
        .into();
    Record {
        event,
        process: record.process.clone(),
        target: None,
    }
}

/// Runs it beside an honest plugin on the same worker, a hundred events of which one is poison.
pub fn meets(name: &str, guest: &Guest, fate: &Fate) {
    let directory = directory();
    put(directory.path(), "raw.wasm", &guest.build());
    put(
        directory.path(),
        "neighbour.wasm",
        &plugin("probe", NEIGHBOUR),
    );
    let (send, outcomes) = crossbeam_channel::unbounded();
    let options = HostOptions {
        sources: vec![directory.path().to_owned()],
        watch: false,
        workers: 1,
        overflow: vedette::plugin::queue::Overflow::Wait,
        ..HostOptions::default()
    };
    let mut host = PluginHost::new(options, send).expect("the runtime starts");
    let refused: Vec<String> = host
        .load_all()
        .into_iter()
        .filter_map(|report| report.result.err())
        .collect();
    for id in 0..100 {
        match id {
            40 => offer(&mut host, &poison(id)),
            _ => offer(&mut host, &exec(id, "/usr/bin/id")),
        }
    }
    host.drain();
    let mut findings = Vec::new();
    for outcome in outcomes.try_iter() {
        if let Outcome::Finding(finding) = outcome {
            findings.push(*finding);
        }
    }
    assert_eq!(
        ids(&findings, "neighbour"),
        (0..100).collect::<Vec<u64>>(),
        "{name}: the neighbour gets every event, in order"
    );
    let health: Vec<&str> = findings
        .iter()
        .filter(|f| *f.plugin == *"vedette")
        .map(|f| f.message.as_str())
        .collect();
    match fate {
        Fate::Refused(reason) => {
            assert_eq!(refused.len(), 1, "{name}");
            assert!(refused[0].contains(reason), "{name}: {}", refused[0]);
        }
        Fate::Skipped(reason) => {
            assert_eq!(refused, [""; 0], "{name}");
            assert_eq!(health.len(), 1, "{name}: {health:?}");
            assert!(
                health[0].contains("did not judge event 0x28") && health[0].contains(reason),
                "{name}: {}",
                health[0]
            );
        }
        Fate::Served => {
            assert_eq!(refused, [""; 0], "{name}");
            assert_eq!(health, [""; 0], "{name}");
        }
    }
}

/// A guest that logs; others are made from it.
pub const LOG: Guest = Guest {
    services: "\"log\"",
    imports: r#"(import "vedette:detect/log@0.1.0" "write" (func $write (param i32 i32 i32)))"#,
    memory: None,
    items: "",
    init: None,
    lie: None,
    detect: "",
};
