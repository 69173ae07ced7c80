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
    #[test]
    fn no_bytes_whatever_make_it_panic(
        text: Vec<u8>, text2: Vec<u8>, marks: u32, ret: i32, kind in 0u16..128, c: u64,
    ) {
        let mut event = Event {
            kind, marks, ret, c,
            text: text.into(),
            text2: text2.into(),
            ..Event::default()
        };
        let resolver = Resolver::new();
        resolver.settle(&mut event);
        prop_assert_eq!(event.marks & PRIVATE, 0);
        if event.marks & event_mark::AS_GIVEN != 0 {
            prop_assert!(event.text.len() <= PATH_KEPT.max(event.text.len()));
            prop_assert!(!event.text.contains(&0) || event.text2.contains(&0) || event.text.is_empty());
        }
    }
}
