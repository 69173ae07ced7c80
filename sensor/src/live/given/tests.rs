#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use proptest::prelude::*;

fn text(parts_of: &str) -> String {
    String::from_utf8(lexical(&parts(parts_of.as_bytes(), 42))).unwrap()
}

#[test]
fn paths_without_links_are_a_matter_of_words() {
    for (given, meant) in [
        ("/a/./b//c", "/a/b/c"),
        ("/a/../b", "/b"),
        ("/../../a", "/a"),
        ("/a/..", "/"),
        ("/", "/"),
        ("/proc/self/root/etc/x", "/etc/x"),
        ("/proc/self/root/proc/42/root/../etc/x", "/etc/x"),
        ("/proc/thread-self/root/etc", "/etc"),
        ("/proc/42/task/43/root/etc", "/etc"),
        ("/proc/43/root/etc", "/proc/43/root/etc"),
    ] {
        assert_eq!(text(given), meant, "{given}");
    }
}

proptest! {
    /// Whatever a record holds: nothing panics, and the sensor's own marks go.
    #[test]
    fn any_bytes_are_taken(
        text in "[a./\0]{0,40}",
        text2: Vec<u8>,
        marks: u32,
        ret: i32,
        kind in 16u16..30,
        c: u64,
    ) {
        let mut event = Event {
            kind,
            marks: marks & !event_mark::TRUNCATED | event_mark::AS_GIVEN,
            ret,
            c,
            text: text.into_bytes().into(),
            text2: text2.into(),
            ..Event::default()
        };
        let given = event.text.contains(&0);
        Resolver::new().settle(&mut event);
        prop_assert_eq!(event.marks & PRIVATE, 0);
        if given {
            prop_assert!(event.text.starts_with(b"/"));
        }
    }
}

#[test]
fn what_the_kernel_told_stays() {
    let told = Event {
        kind: kind::CHMOD,
        text: b"/../a".as_slice().into(),
        b: 3,
        c: 1 << 40,
        ..Event::default()
    };
    let mut settled = told.clone();
    Resolver::new().settle(&mut settled);
    assert_eq!(settled, told);
}
