//! Says all that a plugin can see and do of every event: in each language the same.

mod asks;
mod fields;
mod process;
mod show;

use serde::{Deserialize, Serialize};
use show::put;
use std::time::Duration;
use vedette_sdk::lineage::Flags;
use vedette_sdk::prelude::*;
use vedette_sdk::sequence::Sequences;
use vedette_sdk::window::{Windows, distinct};

#[derive(Deserialize)]
struct Settings {
    greeting: String,
    number: u32,
}

#[plugin(snapshot = 1)]
#[derive(Serialize, Deserialize)]
struct Conformance {
    greeting: String,
    events: u64,
    windows: Windows<u64, u32>,
    sequences: Sequences<u64>,
    flags: Flags<u32>,
}

impl Default for Conformance {
    fn default() -> Self {
        Conformance {
            greeting: String::new(),
            events: 0,
            // So few that entries are evicted.
            windows: Windows::new(Duration::from_millis(50), 3, 4),
            sequences: Sequences::new(2, Duration::from_millis(40), 4),
            flags: Flags::new(4),
        }
    }
}

impl Plugin for Conformance {
    fn init(&mut self, config: Config<'_>) -> Result<(), String> {
        let settings: Settings = config.parse()?;
        if settings.number != 7 {
            return Err(format!("number is {}", settings.number));
        }
        self.greeting = settings.greeting;
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
        if let Some(exec) = event.as_exec()
            && exec.path() == b"/conformance/poison"
        {
            state::set(b"poison", b"1", None).expect("the quota is not used up");
            panic!("poison");
        }
        self.events += 1;
        let id = event.id();

        let mut said = fields::fields(event);
        put(&mut said, "ret", event.ret());
        put(&mut said, "marks", event.marks());
        put(&mut said, "tid", event.tid());
        put(&mut said, "at", event.at());
        put(&mut said, "target", event.target());
        findings
            .raise("view", Severity::Info)
            .message(said)
            .evidence(id, "seen")
            .dedup(format!("{id}"));

        if let Some(process) = event.process() {
            let said = process::describe(process);
            for (n, part) in said.into_iter().enumerate() {
                findings
                    .raise("process", Severity::Low)
                    .confidence(50)
                    .process(process)
                    .message(part)
                    .evidence(id, process::note(event))
                    .dedup(format!("{id} {n}"));
            }
        }

        findings
            .raise("asked", Severity::Info)
            .message(asks::ask(event))
            .evidence(id, "")
            .dedup(format!("{id}"));

        let said = self.remember(event);
        let raised = findings
            .raise("memory", Severity::Critical)
            .confidence(200)
            .message(said)
            .evidence(id, "")
            .evidence(u64::MAX, "of no event")
            .note("events", self.events)
            .technique("T1059.004")
            .dedup(format!("{id}"));
        if let Some(process) = event.process() {
            raised.process(process).propose_kill(process);
        }
    }
}

impl Conformance {
    /// What services and helpers answer.
    fn remember(&mut self, event: Event<'_>) -> String {
        let kind = event.kind();
        let key = event.process().map_or(0, Process::key);
        let mut out = self.greeting.clone();
        put(&mut out, "events", self.events);

        let counted = state::count(format!("kind/{kind}").as_bytes(), 1, Duration::from_secs(1));
        put(&mut out, "counted", counted.unwrap_or(0));
        let last = format!("last/{kind}");
        let before = state::get(last.as_bytes()).unwrap_or_default();
        put(&mut out, "before", before.as_slice());
        let value = [event.text(), b"\xff"].concat();
        if let Err(failure) = state::set(last.as_bytes(), &value, Some(Duration::from_millis(300)))
        {
            put(&mut out, "failed", failure.to_string().as_str());
        }
        if kind == u32::from(kind::EXIT) {
            state::delete(last.as_bytes());
        }
        let keys = state::keys(b"last/", b"last/2", 6);
        put(
            &mut out,
            "keys",
            show::list(keys.iter().map(Vec::as_slice)).as_str(),
        );
        if let Err(failure) = state::set(&[b'k'; 300], b"", None) {
            put(&mut out, "refused", failure.to_string().as_str());
        }
        metrics::add("events", 1);
        metrics::set("kind", kind.into());
        if let Some(exec) = event.as_exec() {
            let name = exec.argv().next().unwrap_or_default();
            log::info(&format!("exec {}", String::from_utf8_lossy(name)));
        }

        let hits = self.windows.add(key, event, kind % 3);
        put(&mut out, "hits", hits.len() as u32);
        put(&mut out, "distinct", distinct(hits) as u32);
        put(&mut out, "oldest", hits[0].event);
        if hits.len() == 3 && kind.is_multiple_of(5) {
            self.windows.forget(&key);
        }
        let step = usize::from(!kind.is_multiple_of(2));
        let done = self.sequences.step(key, step, event).unwrap_or_default();
        put(&mut out, "sequence", show::list(done.into_iter()).as_str());
        if let Some(process) = event.process() {
            if kind.is_multiple_of(7) {
                self.flags.put(process, kind);
            }
            let nearest = self.flags.nearest(process, 3);
            let flagged = nearest.map(|(process, kind)| (process.key(), *kind));
            put(&mut out, "flagged", flagged.map_or(0, |(key, _)| key));
            put(&mut out, "flag", flagged.map_or(0, |(_, kind)| kind));
            if kind.is_multiple_of(11) {
                put(&mut out, "taken", self.flags.take(process).unwrap_or(0));
            }
        }
        out
    }
}
