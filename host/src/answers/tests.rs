#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use crate::record::Record;
use std::time::{Duration, Instant};
use vedette_contract::values::failure;

fn record(id: u64) -> Record {
    Record {
        event: Event {
            id,
            kind: kind::OPEN,
            ..Event::default()
        },
        process: None,
        target: None,
    }
}

fn asked(record: &Record, len: u32) -> Asked<'_> {
    Asked {
        what: What::Head { role: 2, len },
        about: About::Event(record),
        until: Instant::now() + Duration::from_secs(60),
    }
}

fn failure_of(said: &Said) -> u32 {
    said.bytes().1.unwrap_err()
}

#[test]
fn what_is_no_answer_is_unavailable() {
    let unavailable = (0, Err(failure::UNAVAILABLE));
    for bytes in [
        &b""[..],
        b"ok",
        b"ok 1",
        b"ok\nbody",
        b"ok 1 2\nbody",
        b"failure 1\n",
        b"failure x 1\n",
        b"\xff\n",
    ] {
        assert_eq!(
            Said::recorded(bytes.into()).bytes(),
            unavailable,
            "{bytes:?}"
        );
    }
    let head = Said::recorded(b"ok 7\nbo\ndy".as_slice().into());
    assert_eq!(head.bytes(), (7, Ok(&b"bo\ndy"[..])));
    let (read, facts) = head.value::<FileFacts>();
    assert_eq!((read, facts), (7, Err(failure::UNAVAILABLE)));
}

#[test]
fn a_replay_says_what_was_recorded_and_else_that_it_does_not_know() {
    let live = Answers::of_machine();
    live.keep();
    let first = live.ask("a", 1, &asked(&record(1), 8));
    // Nobody acted, so there is no root to look in.
    assert_eq!(failure_of(&first), failure::NOT_FOUND);
    let (events, lost) = live.take();
    assert_eq!((events.len(), lost), (1, 0));
    assert_eq!(&*events[0].text, b"a file.head 2 8");

    let replay = Answers::of_capture();
    assert_eq!(
        failure_of(&replay.ask("a", 1, &asked(&record(1), 8))),
        failure::UNAVAILABLE
    );
    let replay = Answers::of_capture();
    replay.know(events.iter().collect());
    assert_eq!(replay.ask("a", 1, &asked(&record(1), 8)), first);
    for (plugin, event, len) in [("b", 1, 8), ("a", 2, 8), ("a", 1, 9)] {
        let other = replay.ask(plugin, event, &asked(&record(event), len));
        assert_eq!(failure_of(&other), failure::UNAVAILABLE);
    }
}

#[test]
fn a_question_has_one_answer_while_events_are_judged() {
    let live = Answers::of_machine();
    live.keep();
    for _ in 0..3 {
        live.ask("a", 1, &asked(&record(1), 8));
    }
    assert_eq!(live.take().0.len(), 1);
    live.forget("a");
    live.ask("a", 1, &asked(&record(1), 8));
    assert_eq!(live.take().0.len(), 1);
}

#[test]
fn what_is_held_and_what_waits_is_bounded() {
    let live = Answers::of_machine();
    live.keep();
    for id in 0..MAX_WAITING as u64 + 10 {
        live.ask("a", id, &asked(&record(id), 8));
    }
    assert!(lock(&live.0.held)["a"].order.len() <= MAX_HELD);
    let (events, lost) = live.take();
    assert_eq!((events.len(), lost), (MAX_WAITING, 10));
}

#[test]
fn only_an_elf_file_has_elf_facts() {
    let own = std::fs::read("/proc/self/exe").unwrap();
    let facts = ElfFacts::read(&own).unwrap();
    assert!(facts.needed.iter().any(|name| name.starts_with("libc.so")));
    assert!(facts.sections.iter().any(|name| name == ".text"));
    assert!(facts.interpreter.starts_with("/lib"));
    assert!(!facts.build_id.is_empty() || facts.bits == 64);
    assert!((1000..8000).contains(&facts.entropy));
    assert!(ElfFacts::read(b"#!/bin/sh\n").is_none());
    // Whatever is cut off or damaged, it ends and does not panic.
    for len in (0..4096).step_by(7) {
        let _ = ElfFacts::read(&own[..len]);
    }
    for at in 0..512 {
        let mut damaged = own[..own.len().min(1 << 16)].to_vec();
        damaged[at] ^= 0xff;
        let _ = ElfFacts::read(&damaged);
    }
}
