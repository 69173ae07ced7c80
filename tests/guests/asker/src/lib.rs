//! A guest for tests of the services: what it executes says what it asks, and it tells what it is
//! told.

wit_bindgen::generate!({
    path: "../../../wit",
    world: "plugin",
    generate_all,
});

use exports::vedette::detect::detector;
use vedette::detect::types::{Batch, Event, Evidence, Finding, Severity};
use vedette::detect::{context, file, intel, timer};

struct Asker;

export!(Asker);

/// Number of the kind `timer`.
const TIMER: u32 = 114;

impl detector::Guest for Asker {
    fn init(_: String) -> Result<(), String> {
        Ok(())
    }

    fn detect(batch: Batch) -> Vec<Finding> {
        batch
            .events
            .iter()
            .filter_map(|event| {
                let message = told(&batch, event)?;
                Some(finding(&batch, event, message))
            })
            .collect()
    }
}

fn told(batch: &Batch, event: &Event) -> Option<String> {
    if event.kind == TIMER {
        return Some(format!("timer {} due {} at {}", event.a, event.b, event.at));
    }
    let text = &batch.text[event.text.start as usize..][..event.text.len as usize];
    let text = std::str::from_utf8(text).ok()?;
    let text = &text[text.find("/do/")?..];
    let mut words = text.split(' ');
    let what = words.next()?;
    let number = words.next().and_then(|word| word.parse().ok());
    let number = number.unwrap_or(0);
    let key = batch.processes.get(event.process as usize)?.key;
    Some(match what {
        "/do/timer" => format!("{:?}", timer::set(event.id, number)),
        "/do/same-timer" => format!("{:?}", timer::set(1_000_000, number)),
        "/do/clear" => {
            timer::clear(number);
            "cleared".to_owned()
        }
        "/do/timer-and-trap" => {
            let _ = timer::set(event.id, number);
            panic!();
        }
        "/do/many-timers" => {
            let set = (0..number).take_while(|token| timer::set(*token, 1 << 60).is_ok());
            format!("{} set", set.count())
        }
        "/do/process" => match context::process(event.id, key) {
            Ok(answer) => pids(&answer, answer.processes.len() as u32),
            Err(failure) => format!("failure {failure}"),
        },
        "/do/nobody" => match context::process(event.id, 12345) {
            Ok(answer) => pids(&answer, answer.processes.len() as u32),
            Err(failure) => format!("failure {failure}"),
        },
        "/do/not-sent" => match context::process(event.id + 1, key) {
            Ok(answer) => pids(&answer, answer.processes.len() as u32),
            Err(failure) => format!("failure {failure}"),
        },
        "/do/children" => match context::children(event.id, key, number as u32) {
            Ok((count, answer)) => pids(&answer, count),
            Err(failure) => format!("failure {failure}"),
        },
        "/do/address" => {
            let address: Option<Vec<u8>> = rest(text).map(|text| {
                let numbers = text.split('.').map(|number| number.parse::<u8>());
                numbers.map_while(Result::ok).collect()
            });
            listed(1, &address.unwrap_or_default())
        }
        "/do/domain" => listed(2, rest(text).unwrap_or_default().as_bytes()),
        "/do/hash" => listed(3, &[0xab; 32]),
        "/do/listed-and-trap" => {
            let _ = listed(2, b"evil.example");
            panic!();
        }
        "/do/stat" => match file::stat(event.id, number as u32) {
            Ok(facts) => format!(
                "{} bytes {:o} of {} inode {}",
                facts.size, facts.mode, facts.uid, facts.inode
            ),
            Err(failure) => format!("failure {failure}"),
        },
        "/do/sha256" => digest(event.id, number as u32),
        "/do/sha256-and-trap" => {
            let _ = digest(event.id, number as u32);
            panic!();
        }
        "/do/head" => match file::head(event.id, number as u32, 1 << 20) {
            Ok(bytes) => format!("{} bytes {:?}", bytes.len(), &bytes[..bytes.len().min(4)]),
            Err(failure) => format!("failure {failure}"),
        },
        "/do/elf" => match file::elf(event.id, number as u32) {
            Ok(facts) => format!("{} needs {:?}", facts.interpreter, facts.needed),
            Err(failure) => format!("failure {failure}"),
        },
        "/do/sockets" => sockets(event.id, key),
        "/do/many-stats" => {
            let asked = (0..number).take_while(|_| !matches!(file::stat(event.id, 1), Err(1)));
            format!("{} answered", asked.count())
        }
        "/do/many-questions" => {
            let asked = (0..number).take_while(|_| intel::look_up(2, b"nobody.example").is_ok());
            format!("{} answered", asked.count())
        }
        _ => return None,
    })
}

fn digest(event: u64, role: u32) -> String {
    match file::sha256(event, role) {
        Ok(digest) => digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(failure) => format!("failure {failure}"),
    }
}

fn sockets(event: u64, key: u64) -> String {
    let told = |socket: &context::Socket| {
        format!(
            "{}:{}->{}:{} marks {:x}",
            socket.local.len(),
            socket.local_port,
            socket.remote.len(),
            socket.remote_port,
            socket.marks
        )
    };
    match context::sockets(event, key) {
        Ok(sockets) => sockets.iter().map(told).collect::<Vec<_>>().join(", "),
        Err(failure) => format!("failure {failure}"),
    }
}

/// What is behind the first word.
fn rest(text: &str) -> Option<&str> {
    text.split_once(' ').map(|(_, rest)| rest)
}

/// What the lists say of a value.
fn listed(kind: u32, value: &[u8]) -> String {
    match intel::look_up(kind, value) {
        Ok(hits) => {
            let hits = hits
                .iter()
                .map(|hit| format!("{} has {} ({})", hit.list, hit.entry, hit.note));
            format!("[{}]", hits.collect::<Vec<_>>().join(", "))
        }
        Err(failure) => format!("failure {failure}"),
    }
}

/// The pids of the first rows of an answer, and how many rows there are.
fn pids(answer: &Batch, count: u32) -> String {
    let first = answer.processes.iter().take(count as usize);
    let pids: Vec<u32> = first.map(|process| process.pid).collect();
    format!("{pids:?} of {}", answer.processes.len())
}

fn finding(batch: &Batch, event: &Event, message: String) -> Finding {
    Finding {
        rule: "told".to_owned(),
        severity: Severity::Low,
        confidence: 50,
        process: batch
            .processes
            .get(event.process as usize)
            .map_or(0, |p| p.key),
        container: 0,
        message,
        evidence: vec![Evidence {
            event: event.id,
            note: String::new(),
        }],
        dedup: event.id.to_string(),
        proposals: vec![],
        details: vec![],
    }
}
