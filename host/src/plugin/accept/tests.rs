use super::*;
use crate::context::{Context, container::Container};
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
        let batch: Vec<_> = (0..crate::plugin::delivered::MAX_NEWEST as u64 + 100).map(record).collect();
        batch.iter().for_each(|r| delivered.record(r));
        let (plugin, version) = ("t".into(), "1".into());
        let counters = Counters::default();
        let (accepted, _) = accept(
            Answer {
                plugin: &plugin,
                version: &version,
                manifest: &manifest,
                batch: &batch[..2],
                findings,
            },
            &mut delivered,
            &counters,
        );
        prop_assert!(accepted.len() <= 2 * MAX_PER_EVENT);
        for f in &accepted {
            prop_assert_eq!(&*f.rule, "seen");
            prop_assert!(f.process.is_none() && f.about.is_none() && f.proposals.is_empty());
            prop_assert!(f.details.len() <= MAX_DETAILS && !f.techniques.is_empty());
            prop_assert!(f.techniques.iter().all(|t| is_part(t, &manifest.findings[0].techniques)));
            for d in &f.details {
                prop_assert!(d.key.len() <= MAX_DETAIL && d.value.len() <= MAX_DETAIL);
            }
            prop_assert!(f.severity <= Severity::Medium && f.confidence <= 100);
            prop_assert!(f.message.len() <= MAX_MESSAGE && f.dedup.len() <= MAX_MESSAGE);
            prop_assert!(f.evidence.len() <= MAX_EVIDENCE);
            for e in &f.evidence {
                // The first hundred were pushed out of the ring.
                prop_assert!((100..crate::plugin::delivered::MAX_NEWEST as u64 + 100).contains(&e.event));
                prop_assert_eq!(e.record.as_ref().map(|r| r.event.id), Some(e.event));
            }
        }
    }
}

/// A process in a container that executed something, sent to a plugin.
fn sent() -> (Delivered, Arc<Record>, Arc<Process>) {
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
    delivered.process(&process);
    delivered.record(&record);
    (delivered, record, process)
}

/// What a finding names beyond its process must have been sent as well.
#[test]
fn containers_events_and_details_are_checked() {
    let manifest = Manifest::parse(MANIFEST, "plugin.toml").expect("sound");
    let (mut delivered, record, process) = sent();
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
            batch: &[record],
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
