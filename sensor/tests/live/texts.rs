//! Texts that just fit into the room that there is for them, and such that do not.

use crate::observe::{Watch, of, text};
use std::fs;
use vedette_contract::{kind, values::event_mark};
use vedette_sensor::filter::Filter;

/// Bytes of a link's content that are kept.
const CONTENT: usize = 3071;

#[test]
fn what_just_fits_is_not_truncated() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    let (pid, _) = watch.python(&format!(
        "d = '{}/'
for n in ({CONTENT}, {CONTENT} + 1): os.symlink('x' * n, d + str(n))
# An address has room for 108 bytes, of which none need be a NUL.
s = socket.socket(socket.AF_UNIX)
assert call(49, s.fileno(), struct.pack('H', 1) + (d + 'u' * (108 - len(d))).encode(), 110) == 0",
        d.display()
    ));
    let w = &mut watch;
    for (given, truncated) in [(CONTENT, 0), (CONTENT + 1, event_mark::TRUNCATED)] {
        let path = d.join(given.to_string());
        let link = w.expect("link", |e| {
            of(kind::SYMLINK, pid)(e) && text(&e.text) == path.to_str().unwrap()
        });
        assert_eq!(text(&link.text2), "x".repeat(CONTENT), "{given}");
        assert_eq!(link.marks & event_mark::TRUNCATED, truncated, "{given}");
    }
    let bind = w.expect("bind", |e| {
        of(kind::BIND, pid)(e) && e.text.ends_with(b"uuu")
    });
    assert_eq!(
        (bind.text.len(), bind.marks & event_mark::TRUNCATED),
        (108, 0)
    );
}
