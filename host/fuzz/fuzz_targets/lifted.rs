//! Hostile bytes on their way through the real engine. What begins with an even byte is what a
//! guest returns, as it lies in its memory; the rest changes bytes of a sound component, three for
//! each change: where, and what is turned over. Whatever came before, an honest answer is read.
#![no_main]

#[allow(dead_code, reason = "the tests of the host use more of it")]
#[path = "../../tests/support/lifted.rs"]
mod lifted;
#[allow(dead_code, reason = "the tests of the host use more of it")]
#[path = "../../tests/support/raw.rs"]
mod raw;

use libfuzzer_sys::fuzz_target;
use lifted::{BASE, Lifter};
use std::cell::RefCell;

/// Most changes of one component: with more none is sound.
const MAX_CHANGES: usize = 8;

thread_local! {
    static LIFTER: RefCell<Lifter> = RefCell::default();
}

/// A list without findings.
fn honest() -> Vec<u8> {
    [BASE.to_le_bytes(), [0; 4]].concat()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    LIFTER.with_borrow_mut(|lifter| {
        if first & 1 == 0 {
            let found = lifter.judge(rest).unwrap_or_default();
            let bytes: usize = found.iter().map(|f| f.message.len() + 16 * f.evidence.len()).sum();
            assert!(bytes <= 2 << 20, "more than the plugin's `output`");
        } else {
            let changes = rest.chunks_exact(3).take(MAX_CHANGES);
            let changes: Vec<_> = changes.map(|c| (u16::from_le_bytes([c[0], c[1]]), c[2])).collect();
            lifter.mutate(&changes);
        }
        assert_eq!(lifter.judge(&honest()).map(|found| found.len()), Some(0));
    });
});
