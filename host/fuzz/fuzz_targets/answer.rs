//! Guests return what they like: what is let out is declared, sent and bounded.
#![no_main]

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};
use vedette::context::Context;
use vedette::manifest::Manifest;
use vedette::plugin::accept::{Answer, accept};
use vedette::plugin::bindings::vedette::detect::types::{Detail, Evidence, Finding, Proposal, Severity};
use vedette::plugin::delivered::Delivered;
use vedette::plugin::stats::Counters;
use vedette::record::Record;
use vedette_sensor::event::{Event, TaskRef};

static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| {
    let text = "[plugin]\nid = \"p\"\nversion = \"1\"\ntitle = \"t\"\ndescription = \"d\"\n\
        contract = \"0.1.0\"\n[[subscribe]]\nkind = \"exec\"\n[[finding]]\nid = \"a\"\ntitle = \"a\"\n\
        category = \"policy\"\nseverity = \"medium\"\ntechniques = [\"T1059\"]\nresponse = [\"kill\"]\n";
    Manifest::parse(text, "plugin.toml").expect("sound")
});

/// Events of some processes, as they are sent in one batch.
static BATCH: LazyLock<Vec<Arc<Record>>> = LazyLock::new(|| {
    let mut context = Context::default();
    let record = |id: u64| {
        let mut event = Event {
            id,
            at: id,
            kind: 1,
            ..Event::default()
        };
        event.task.process = TaskRef {
            pid: (id % 7) as u32,
            start: 1,
        };
        let process = context.apply(&event).process;
        Arc::new(Record {
            event,
            process,
            target: None,
        })
    };
    (1..=32).map(record).collect()
});

/// A key or id: often one that was sent.
fn key(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.arbitrary::<u8>()? {
        n @ 0..64 => BATCH[usize::from(n) % BATCH.len()].process.as_ref().map_or(0, |p| p.key),
        n @ 64..192 => u64::from(n) - 64,
        _ => u.arbitrary()?,
    })
}

fn finding(u: &mut Unstructured<'_>) -> Result<Finding> {
    let mut evidence = Vec::new();
    let mut proposals = Vec::new();
    let mut details = Vec::new();
    for _ in 0..u.int_in_range(0..=80)? {
        evidence.push(Evidence { event: key(u)?, note: u.arbitrary()? });
    }
    for _ in 0..u.int_in_range(0..=20)? {
        proposals.push(Proposal { action: u.int_in_range(0..=3)?, target: key(u)?, event: key(u)? });
    }
    for _ in 0..u.int_in_range(0..=40)? {
        details.push(Detail { key: u.int_in_range(0..=4)?, value: u.arbitrary()?, text: u.arbitrary()? });
    }
    Ok(Finding {
        rule: if u.ratio(7, 8)? { "a".to_owned() } else { u.arbitrary()? },
        severity: *u.choose(&[Severity::Info, Severity::Medium, Severity::Critical])?,
        confidence: u.arbitrary()?,
        process: key(u)?,
        container: if u.ratio(3, 4)? { 0 } else { key(u)? },
        message: u.arbitrary()?,
        evidence,
        dedup: u.arbitrary()?,
        proposals,
        details,
    })
}

fuzz_target!(|bytes: &[u8]| {
    let mut u = Unstructured::new(bytes);
    let mut findings = Vec::new();
    while let (false, Ok(one)) = (u.is_empty() || findings.len() > 600, finding(&mut u)) {
        findings.push(one);
    }
    let mut delivered = Delivered::default();
    for record in BATCH.iter() {
        let place = delivered.next_place();
        record.process.iter().for_each(|p| delivered.process(p, place));
        delivered.record(record);
    }
    let (plugin, version) = ("p".into(), "1".into());
    let counters = Counters::default();
    let given = findings.len();
    let answer = Answer {
        plugin: &plugin,
        version: &version,
        manifest: &MANIFEST,
        at: 0,
        findings,
    };
    let (accepted, faults) = accept(answer, &mut delivered, &counters);
    assert!(accepted.len() <= given && accepted.len() <= 1000);
    assert!(accepted.len() + faults.len() >= given.min(1));
    for one in &accepted {
        assert_eq!(one.rule, "a");
        assert!(one.confidence <= 100 && one.message.len() <= 1024 && one.dedup.len() <= 1024);
        assert!(one.evidence.len() <= 64 && one.proposals.len() <= 16 && one.details.len() <= 32);
        assert!(one.evidence.iter().all(|e| (1..=32).contains(&e.event)));
        assert!(one.about.is_none(), "no container was sent");
        assert!(one.techniques.iter().all(|t| t.starts_with("T1059")));
    }
});
