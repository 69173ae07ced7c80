//! Hostile answers and components go through the real engine, some hundreds of them in every run.
//! `host/fuzz` goes on from there.

mod support;

use proptest::prelude::*;
use std::cell::RefCell;
use support::lifted::{BASE, Lifter};

/// Bytes of a finding in a guest's memory.
const FINDING: usize = 72;

/// An answer as the canonical ABI has it, built piece by piece: offsets are where a piece lies.
struct Answer(Vec<u8>);

impl Answer {
    /// Room for the head and for so many findings.
    fn of(findings: u32) -> Answer {
        let mut answer = Answer(vec![0; 8 + FINDING * findings as usize]);
        answer.put(0, BASE + 8);
        answer.put(4, findings);
        answer
    }

    fn put(&mut self, at: usize, value: u32) {
        self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// Puts bytes behind all others, and their place and number (of `each` bytes) at `at`.
    fn list(&mut self, at: usize, bytes: &[u8], each: usize) {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        let place = BASE + self.0.len() as u32;
        self.0.extend_from_slice(bytes);
        self.put(at, place);
        self.put(at + 4, (bytes.len() / each) as u32);
    }

    /// Fills in the finding with this number.
    fn finding(&mut self, n: usize, message: &str, evidence: &[u64]) {
        let at = 8 + n * FINDING;
        self.list(at, b"harm", 1);
        self.0[at + 8] = 2;
        self.0[at + 9] = 90;
        self.list(at + 32, message.as_bytes(), 1);
        let mut pieces = Vec::new();
        for event in evidence {
            pieces.extend_from_slice(&event.to_le_bytes());
            pieces.extend_from_slice(&[0; 8]);
        }
        self.list(at + 40, &pieces, 16);
    }
}

thread_local! {
    /// Compiled once for all cases of a test.
    static LIFTER: RefCell<Lifter> = RefCell::default();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn an_answer_is_lifted_as_it_stands(
        messages in prop::collection::vec(("\\PC{0,40}", prop::collection::vec(any::<u64>(), 0..5)), 0..8),
    ) {
        let mut answer = Answer::of(messages.len() as u32);
        for (n, (message, evidence)) in messages.iter().enumerate() {
            answer.finding(n, message, evidence);
        }
        let found = LIFTER.with_borrow_mut(|lifter| lifter.judge(&answer.0));
        let found = found.expect("it is sound");
        prop_assert_eq!(found.len(), messages.len());
        for (finding, (message, evidence)) in found.iter().zip(&messages) {
            prop_assert_eq!(&finding.rule, "harm");
            prop_assert_eq!(&finding.message, message);
            let events: Vec<u64> = finding.evidence.iter().map(|e| e.event).collect();
            prop_assert_eq!(&events, evidence);
        }
    }

    #[test]
    fn an_answer_with_lies_in_it_harms_nobody(
        findings in 0_u32..8,
        lies in prop::collection::vec((any::<prop::sample::Index>(), lie()), 1..6),
    ) {
        let mut answer = Answer::of(findings);
        for n in 0..findings as usize {
            answer.finding(n, "a message", &[1, 2]);
        }
        for (at, value) in lies {
            let at = at.index(answer.0.len() - 4);
            answer.put(at / 4 * 4, value);
        }
        // It is refused or read; either way the next answer is.
        LIFTER.with_borrow_mut(|lifter| {
            if let Some(found) = lifter.judge(&answer.0) {
                let bytes: usize = found.iter().map(|f| f.message.len() + 16 * f.evidence.len()).sum();
                assert!(bytes <= 2 << 20, "more than the plugin's `output`");
            }
            let mut honest = Answer::of(1);
            honest.finding(0, "still here", &[]);
            assert_eq!(lifter.judge(&honest.0).map(|found| found.len()), Some(1));
        });
    }

    #[test]
    fn a_component_with_changed_bytes_is_refused_or_contained(
        changes in prop::collection::vec((any::<u16>(), 1_u8..), 1..4),
    ) {
        LIFTER.with_borrow_mut(|lifter| {
            lifter.mutate(&changes);
            let mut honest = Answer::of(1);
            honest.finding(0, "still here", &[]);
            assert_eq!(lifter.judge(&honest.0).map(|found| found.len()), Some(1));
        });
    }
}

#[test]
fn a_component_with_other_data_comes_into_service() {
    let mut lifter = Lifter::default();
    let data = lifter.component().windows(6).position(|w| w == b"poison");
    let data = data.expect("it is there") as u16;
    assert!(lifter.mutate(&[(data, 1)]));
    // The first byte of all says that this is WebAssembly.
    assert!(!lifter.mutate(&[(0, 1)]));
}

/// Numbers and places that an answer may hold: those that lie at the edges, most of all.
fn lie() -> impl Strategy<Value = u32> {
    prop_oneof![
        any::<u32>(),
        0_u32..64,
        BASE..BASE + 4096,
        Just(u32::MAX),
        Just(i32::MAX as u32),
        Just(4 * 65_536 - 4),
    ]
}
