use super::*;
use crate::plugin::delivered::{BLOCK, MAX_NEWEST};
use crate::{
    context::{Context, container::Container},
    record::Record,
};
use proptest::prelude::*;
use vedette_contract::kind;
use vedette_sensor::event::{Event, TaskRef};

const MANIFEST: &str = r#"
    [plugin]
    id = "t"
    version = "1"
    title = "t"
    description = "t"
    contract = "0.1.0"
    [[subscribe]]
    kind = "exec"
    [[finding]]
    id = "seen"
    title = "seen"
    category = "execution"
    severity = "medium"
    techniques = ["T1059", "T1071.001"]
    response = ["kill"]
"#;

fn record(id: u64) -> Arc<Record> {
    Arc::new(Record {
        event: Event {
            id,
            at: id,
            ..Event::default()
        },
        process: None,
        target: None,
    })
}

fn finding() -> impl Strategy<Value = wit::Finding> {
    let severity = prop_oneof![
        Just(wit::Severity::Info),
        Just(wit::Severity::Medium),
        Just(wit::Severity::Critical)
    ];
    let evidence = proptest::collection::vec((0..3000u64, "\\PC{0,9}"), 0..100);
    let proposals = proptest::collection::vec((0..3u32, any::<u64>(), any::<u64>()), 0..30);
    let detail = (
        0..4u32,
        any::<u64>(),
        "(T1059.[0-9]{3}|T[0-9]{4}|\\PC{0,9}=?\\PC{0,600})",
    );
    let details = proptest::collection::vec(detail, 0..50);
    let texts = ("(seen|other)", "\\PC{0,900}", "\\PC{0,900}");
    (
        texts,
        severity,
        any::<u8>(),
        (
            prop_oneof![Just(0), any::<u64>()],
            prop_oneof![4 => Just(0), 1 => any::<u64>()],
        ),
        evidence,
        (proposals, details),
    )
        .prop_map(
            |(
                (rule, message, dedup),
                severity,
                confidence,
                (process, container),
                evidence,
                (proposals, details),
            )| {
                wit::Finding {
                    rule,
                    severity,
                    confidence,
                    process,
                    container,
                    message,
                    evidence: evidence
                        .into_iter()
                        .map(|(event, note)| wit::Evidence { event, note })
                        .collect(),
                    dedup,
                    proposals: proposals
                        .into_iter()
                        .map(|(action, target, event)| wit::Proposal {
                            action,
                            target,
                            event,
                        })
                        .collect(),
                    details: details
                        .into_iter()
                        .map(|(key, value, text)| wit::Detail { key, value, text })
                        .collect(),
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]
    /// Whatever a guest returns: no panic, and what is let out is declared, proven, bounded.
    #[test]
    fn what_is_accepted_is_sound(findings in proptest::collection::vec(finding(), 0..40)) {
        let manifest = Manifest::parse(MANIFEST, "plugin.toml").expect("sound");
        let mut delivered = Delivered::default();
        let batch: Vec<_> = (0..MAX_NEWEST as u64 + 100).map(record).collect();
        for record in &batch {
            delivered.turn_to(0, delivered.next_place());
            delivered.record(record);
        }
        let (plugin, version) = ("t".into(), "1".into());
        let counters = Counters::default();
        let (accepted, _) = accept(
            Answer {
                plugin: &plugin,
                version: &version,
                manifest: &manifest,
                at: 0,
                findings,
            },
            &mut delivered,
            &counters,
        );
        for f in &accepted {
            prop_assert_eq!(&*f.rule, "seen");
            prop_assert!(f.process.is_none() && f.about.is_none() && f.proposals.is_empty());
            prop_assert!(f.details.len() <= MAX_DETAILS && !f.techniques.is_empty());
            prop_assert!(f.techniques.iter().all(|t| is_part(t, &manifest.findings[0].techniques)));
            for d in &f.details {
                prop_assert!(d.key.capacity() <= MAX_DETAIL && d.value.capacity() <= MAX_DETAIL);
            }
            prop_assert!(f.severity <= Severity::Medium && f.confidence <= 100);
            // Not even room is held for what was cut off.
            prop_assert!(f.message.capacity() <= MAX_MESSAGE && f.dedup.capacity() <= MAX_MESSAGE);
            prop_assert!(f.evidence.capacity() <= MAX_EVIDENCE && f.proposals.capacity() <= MAX_PROPOSALS);
            for e in &f.evidence {
                // The first block was pushed out of the ring.
                let kept = BLOCK..MAX_NEWEST as u64 + 100;
                prop_assert!(kept.contains(&e.event));
                prop_assert_eq!(e.record.as_ref().map(|r| r.event.id), Some(e.event));
            }
        }
    }
}

/// A process in a container that executed something, sent to a plugin.
fn sent() -> (Delivered, Arc<Process>) {
    let mut context = Context::default();
    let mut event = Event {
        id: 7,
        at: 7,
        kind: kind::EXEC,
        ..Event::default()
    };
    event.task.process = TaskRef { pid: 9, start: 1 };
    let row = context.apply(&event).process.expect("somebody acted");
    let process = Arc::new(Process {
        container: Some(Arc::new(Container {
            key: 77,
            ..Container::default()
        })),
        ..(*row).clone()
    });
    let record = Arc::new(Record {
        event,
        process: Some(process.clone()),
        target: None,
    });
    let mut delivered = Delivered::default();
    delivered.process(&process, delivered.next_place());
    delivered.record(&record);
    (delivered, process)
}

/// What a finding names beyond its process must have been sent as well.
#[test]
fn containers_events_and_details_are_checked() {
    let manifest = Manifest::parse(MANIFEST, "plugin.toml").expect("sound");
    let (mut delivered, process) = sent();
    let detail = |key, text: &str| wit::Detail {
        key,
        value: 0,
        text: text.to_owned(),
    };
    let proposal = |event| wit::Proposal {
        action: 1,
        target: process.key,
        event,
    };
    let one = |container| wit::Finding {
        rule: "seen".to_owned(),
        severity: wit::Severity::Low,
        confidence: 50,
        process: 0,
        container,
        message: String::new(),
        evidence: Vec::new(),
        dedup: String::new(),
        proposals: vec![proposal(0), proposal(7), proposal(8)],
        details: vec![
            detail(finding_detail::TECHNIQUE, "T1059.004"),
            detail(finding_detail::TECHNIQUE, "T1071"),
            detail(finding_detail::NOTE, "pool=a=b"),
            detail(finding_detail::NOTE, "nothing"),
            detail(9999, "of a later contract"),
        ],
    };
    let (plugin, version) = ("t".into(), "1".into());
    let counters = Counters::default();
    let (accepted, faults) = accept(
        Answer {
            plugin: &plugin,
            version: &version,
            manifest: &manifest,
            at: 0,
            findings: vec![one(77), one(78)],
        },
        &mut delivered,
        &counters,
    );
    let [finding] = &accepted[..] else {
        panic!("one finding: {accepted:?}");
    };
    assert_eq!(finding.container().map(|c| c.key), Some(77));
    assert_eq!(finding.techniques, ["T1059.004"]);
    let pool = Detail {
        key: "pool".to_owned(),
        value: "a=b".to_owned(),
    };
    assert_eq!(finding.details, [pool]);
    let events: Vec<Option<u64>> = finding
        .proposals
        .iter()
        .map(|p| p.event.as_ref().map(|r| r.event.id))
        .collect();
    assert_eq!(events, [None, Some(7)]);
    assert!(
        faults[0].contains("names a container that it was not sent"),
        "{faults:?}"
    );
    let counted = counters.read();
    assert_eq!((counted.refused, counted.unproven), (1, 3));
}

/// A finding about a process, with these events as its evidence.
fn about(process: u64, evidence: &[u64]) -> wit::Finding {
    let of = |event: &u64| wit::Evidence {
        event: *event,
        note: String::new(),
    };
    wit::Finding {
        rule: "seen".to_owned(),
        severity: wit::Severity::Low,
        confidence: 50,
        process,
        container: 0,
        message: String::new(),
        evidence: evidence.iter().map(of).collect(),
        dedup: String::new(),
        proposals: Vec::new(),
        details: Vec::new(),
    }
}

fn accepted(
    delivered: &mut Delivered,
    at: u64,
    findings: Vec<wit::Finding>,
) -> (Vec<Finding>, Vec<String>, u64) {
    let manifest = Manifest::parse(MANIFEST, "plugin.toml").expect("sound");
    let (plugin, version) = ("t".into(), "1".into());
    let counters = Counters::default();
    let answer = Answer {
        plugin: &plugin,
        version: &version,
        manifest: &manifest,
        at,
        findings,
    };
    let (accepted, faults) = accept(answer, delivered, &counters);
    (accepted, faults, counters.read().refused)
}

/// What is let through is decided by the second: not by the call, and not by an event of an
/// earlier second that comes late.
#[test]
fn findings_are_counted_by_the_second_alone() {
    const SECOND: u64 = 1_000_000_000;
    let many = |count: u32| (0..count).map(|_| about(0, &[])).collect();
    let delivered = &mut Delivered::default();
    let (some, faults, _) = accepted(delivered, SECOND, many(600));
    assert_eq!((some.len(), faults.len()), (600, 0));
    let (some, faults, refused) = accepted(delivered, SECOND + 9, many(600));
    assert_eq!((some.len(), faults.len(), refused), (400, 1, 200));
    let (some, ..) = accepted(delivered, 2 * SECOND, many(1));
    assert_eq!((some.len(), some[0].at), (1, 2 * SECOND));
}

/// A row of one process, and an event of it.
fn row(of: &Arc<Process>, exec_id: u32, id: u64) -> (Arc<Process>, Arc<Record>) {
    let row = Arc::new(Process {
        exec_id,
        revision: exec_id.into(),
        ..(**of).clone()
    });
    let event = Event {
        id,
        at: id,
        ..Event::default()
    };
    let record = Record {
        event,
        process: Some(row.clone()),
        target: None,
    };
    (row, Arc::new(record))
}

/// Whatever shares a batch with an event: a finding tells of the process as it was at its
/// evidence, and without any as it was when the step began, or as it was first met in it.
#[test]
fn the_row_of_a_finding_does_not_depend_on_batches() {
    let (_, process) = sent();
    let events: Vec<_> = (1..=3).map(|n| row(&process, n, n.into())).collect();
    // Each event told to the plugin in a call of its own; and all before it judges the first.
    for together in [false, true] {
        for known in [false, true] {
            let mut delivered = Delivered::default();
            if known {
                let (earlier, _) = row(&process, 9, 0);
                let (before, _) = row(&process, 8, 0);
                delivered.turn_to(4, delivered.next_place());
                delivered.process(&earlier, 0);
                // A lineage may show an older row again.
                delivered.process(&before, 0);
            }
            delivered.turn_to(5, delivered.next_place());
            let mut told = Vec::new();
            for (row, record) in &events {
                delivered.process(row, delivered.next_place());
                delivered.record(record);
                if !together {
                    told.push(accepted(&mut delivered, 5, vec![about(process.key, &[])]).0);
                }
            }
            for _ in told.len()..3 {
                told.push(accepted(&mut delivered, 5, vec![about(process.key, &[])]).0);
            }
            let expected = if known { 9 } else { 1 };
            for findings in told {
                let row = findings[0].process.as_ref().expect("it was sent");
                assert_eq!(row.exec_id, expected, "together {together}, known {known}");
            }
            let (proven, ..) = accepted(&mut delivered, 5, vec![about(process.key, &[2])]);
            let row = proven[0].process.as_ref().expect("it was sent");
            assert_eq!((row.exec_id, proven[0].at), (2, 2));
            // In the next step it is the newest of all.
            delivered.turn_to(6, delivered.next_place());
            let (after, ..) = accepted(&mut delivered, 6, vec![about(process.key, &[])]);
            let row = after[0].process.as_ref().expect("it was sent");
            assert_eq!(row.exec_id, if known { 9 } else { 3 });
        }
    }
}

/// What a plugin was shown when it asked about the first event of a batch was not sent after the
/// last.
#[test]
fn what_was_shown_for_an_event_has_its_place() {
    let (_, process) = sent();
    let events: Vec<_> = (1..=3).map(|n| row(&process, n, n.into())).collect();
    let mut delivered = Delivered::default();
    delivered.turn_to(5, delivered.next_place());
    for (n, (row, record)) in events.iter().enumerate() {
        if n > 0 {
            delivered.process(row, delivered.next_place());
        }
        delivered.record(record);
    }
    assert_eq!([1, 2, 3].map(|event| delivered.place_of(event)), [0, 1, 2]);
    delivered.process(&events[0].0, delivered.place_of(1));
    let (told, ..) = accepted(&mut delivered, 5, vec![about(process.key, &[])]);
    assert_eq!(told[0].process.as_ref().map(|row| row.exec_id), Some(1));
}
