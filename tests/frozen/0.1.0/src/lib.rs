//! Uses every function of contract 0.1.0 and every record of it, so that none of them can go or
//! change without this plugin failing to load.

wit_bindgen::generate!({
    path: "../../../wit/blessed/0.1.0",
    world: "plugin-with-snapshot",
    generate_all,
});

use exports::vedette::detect::{detector, snapshot};
use std::cell::{Cell, RefCell};
use vedette::detect::types::{Batch, Detail, Event, Evidence, Finding, Proposal, Severity, Span};
use vedette::detect::{context, file, intel, log, metrics, state, timer};

/// Numbers of the catalogue as they stood in 0.1.0.
const EXEC: u32 = 1;
const KILL: u32 = 1;
const TECHNIQUE: u32 = 1;
const NOTE: u32 = 2;
/// A second in ns of event time.
const SECOND: u64 = 1_000_000_000;
const NONE: u32 = u32::MAX;

struct Frozen;

export!(Frozen);

thread_local! {
    static SEEN: Cell<u64> = const { Cell::new(0) };
    static CONFIG: RefCell<String> = const { RefCell::new(String::new()) };
}

impl detector::Guest for Frozen {
    fn init(config: String) -> Result<(), String> {
        log::write(log::Level::Debug, "frozen in 0.1.0");
        if !config.contains("greeting") {
            return Err("it was given no settings".to_owned());
        }
        CONFIG.set(config);
        Ok(())
    }

    fn detect(batch: Batch) -> Vec<Finding> {
        let events = batch.events.iter().filter(|event| event.kind == EXEC);
        events.map(|event| tell(&batch, event)).collect()
    }
}

impl snapshot::Guest for Frozen {
    fn schema() -> u32 {
        1
    }

    fn save() -> Vec<u8> {
        SEEN.get().to_le_bytes().to_vec()
    }

    fn restore(schema: u32, data: Vec<u8>) -> Result<(), String> {
        match (schema, <[u8; 8]>::try_from(data)) {
            (1, Ok(bytes)) => SEEN.set(u64::from_le_bytes(bytes)),
            _ => return Err("another schema".to_owned()),
        }
        Ok(())
    }
}

fn text(batch: &Batch, span: Span) -> String {
    let (start, len) = (span.start as usize, span.len as usize);
    String::from_utf8_lossy(&batch.text[start..start + len]).into_owned()
}

fn tell(batch: &Batch, event: &Event) -> Finding {
    SEEN.set(SEEN.get() + 1);
    metrics::add("execs", 1);
    metrics::set("seen", SEEN.get() as i64);
    let process = &batch.processes[event.process as usize];
    let count = state::count(b"count", 1, 3600 * SECOND);
    let kept = state::set(b"last", &event.id.to_le_bytes(), 0).is_ok()
        && state::get(b"last").as_deref() == Some(&event.id.to_le_bytes()[..])
        && state::keys(b"l", b"", 9) == [b"last".to_vec()];
    state::delete(b"last");
    let timed = timer::set(7, SECOND).is_ok();
    timer::clear(7);
    let mut answers = Vec::new();
    answers.push(result("process", context::process(event.id, process.key).map(|b| b.processes.len())));
    answers.push(result("children", context::children(event.id, process.key, 4).map(|(n, _)| n)));
    answers.push(result("members", context::members(event.id, 0, 4).map(|(n, _)| n)));
    let sockets = context::sockets(event.id, process.key);
    answers.push(result("sockets", sockets.map(|all| all.iter().map(ports).sum::<u64>())));
    answers.push(result("stat", file::stat(event.id, 0).map(facts)));
    answers.push(result("sha256", file::sha256(event.id, 0).map(|hash| hash.len())));
    answers.push(result("head", file::head(event.id, 0, 4).map(|bytes| bytes.len())));
    answers.push(result("elf", file::elf(event.id, 0).map(elf)));
    let hits = intel::look_up(1, b"10.0.0.1");
    answers.push(result("intel", hits.map(|hits| hits.iter().map(hit).sum::<usize>())));
    log::write(log::Level::Info, &answers.join(" "));
    let container = match process.container {
        NONE => 0,
        row => batch.containers[row as usize].key,
    };
    Finding {
        rule: "seen".to_owned(),
        severity: Severity::Medium,
        confidence: 70,
        process: process.key,
        container,
        message: format!(
            "{} by {} (pid {}, uid {}, {} streams, {} attributes), number {}, kept {kept}, timed {timed}, with {}",
            text(batch, event.text),
            text(batch, process.args),
            process.pid,
            process.uid,
            streams(batch, process.streams.first, process.streams.count),
            batch.attrs[event.attrs.first as usize..][..event.attrs.count as usize].len(),
            count.unwrap_or(0),
            CONFIG.with_borrow(String::clone),
        ),
        evidence: vec![Evidence {
            event: event.id,
            note: "the exec".to_owned(),
        }],
        dedup: event.id.to_string(),
        proposals: vec![Proposal {
            action: KILL,
            target: process.key,
            event: event.id,
        }],
        details: vec![
            Detail { key: TECHNIQUE, value: 0, text: "T1059.004".to_owned() },
            Detail { key: NOTE, value: 0, text: "frozen=0.1.0".to_owned() },
        ],
    }
}

/// Open streams with an address or an identity.
fn streams(batch: &Batch, first: u32, count: u32) -> usize {
    let rows = &batch.streams[first as usize..][..count as usize];
    let told = |s: &&vedette::detect::types::Stream| {
        s.kind != 0 && (s.marks, s.port, s.fd) != (0, 0, NONE) && (s.id, s.other, s.address.len) != (1, 1, 1)
    };
    rows.iter().filter(told).count()
}

fn result<T: std::fmt::Display>(what: &str, answer: Result<T, u32>) -> String {
    match answer {
        Ok(value) => format!("{what}={value}"),
        Err(failure) => format!("{what}:{failure}"),
    }
}

fn ports(socket: &context::Socket) -> u64 {
    let numbers = socket.fd ^ socket.kind ^ socket.marks ^ socket.family;
    let bytes = socket.local.len() + socket.remote.len();
    u64::from(numbers ^ socket.local_port ^ socket.remote_port) ^ socket.inode ^ bytes as u64
}

fn facts(facts: file::Facts) -> u64 {
    let owner = u64::from(facts.mode ^ facts.uid ^ facts.gid ^ facts.links);
    facts.size ^ owner ^ facts.device ^ facts.inode ^ facts.modified
}

fn elf(elf: file::ElfFacts) -> usize {
    let numbers = elf.machine ^ elf.form ^ elf.bits ^ elf.marks ^ elf.entropy;
    numbers as usize ^ elf.interpreter.len() ^ elf.needed.len() ^ elf.sections.len() ^ elf.build_id.len()
}

fn hit(hit: &intel::Hit) -> usize {
    hit.list.len() + hit.entry.len() + hit.note.len()
}
