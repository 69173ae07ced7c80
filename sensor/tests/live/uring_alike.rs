//! Requests to one io_uring that are called the same, where the ring has no room for their answers:
//! then nothing names the request that an answer is meant for.

use crate::{
    observe::{Watch, of, text},
    uring::{by_ring, ring},
};
use std::fs;
use vedette_contract::{
    kind,
    values::{event_mark, loss_cause},
};
use vedette_sensor::filter::Filter;

/// `full(entries)` makes a ring that has no room left, `batch(ring, data, *requests)` submits some at
/// once.
const FULL: &str = "def full(entries):
    r = Ring(entries=entries)
    for i in range(2 * entries + 1): r.post(0, data=7)
    return r
def batch(r, data, *requests):
    for request in requests: r.post(**request, data=data, enter=False)
    assert r.enter(len(requests)) == len(requests)
def answers(r, count, *paths):
    # The ring has no room until the acts are done.
    while not all(map(os.path.lexists, paths)): time.sleep(0.01)
    for i in range(count): r.answer()
def making(name): return dict(operation=MKDIR, fd=-100, addr=name, len=0o700)
def opening(name, flags=0): return dict(operation=OPENAT, fd=-100, addr=name, how=os.O_RDONLY, flags=flags)";

#[test]
fn one_behind_another_that_is_called_the_same() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    for name in ["hidden", "shown"] {
        fs::write(d.join(name), name).unwrap();
    }
    let Some((pid, _)) = ring(&format!(
        "{FULL}
d = b'{}/'
r = full(4)
batch(r, 8, opening(d + b'hidden'), opening(d + b'shown'))
batch(r, 9, *[dict(operation=SYMLINK, fd=-100, addr=b'content', off=d + name) for name in (b'first', b'second')])
# The second one does not end.
os.mkfifo(d + b'fifo')
batch(r, 10, making(d + b'made'), opening(d + b'fifo', flags=16))
answers(r, 9 + 4 + 1, d + b'first', d + b'second', d + b'made')",
        d.display()
    )) else {
        return;
    };
    let w = &mut watch;
    for (kind, name) in [
        (kind::OPEN, "hidden"),
        (kind::OPEN, "shown"),
        (kind::SYMLINK, "first"),
        (kind::SYMLINK, "second"),
        (kind::MKDIR, "made"),
    ] {
        let path = d.join(name);
        // Of these alone the answers differ. What is told as incomplete may be told again.
        if kind == kind::OPEN {
            let open = by_ring(w, name, kind, pid, |e| {
                text(&e.text) == path.to_str().unwrap()
            });
            assert_eq!(open.marks & event_mark::INCOMPLETE, 0, "{name}");
            continue;
        }
        w.expect(name, |e| {
            of(kind, pid)(e) && text(&e.text) == path.to_str().unwrap()
        });
    }
}

/// More than are noted, and two whose answers are the same.
#[test]
fn many_that_are_called_the_same() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    for name in ["hidden", "shown"] {
        fs::write(d.join(name), name).unwrap();
    }
    let Some((pid, _)) = ring(&format!(
        "{FULL}
d = b'{}/'
r = full(8)
names = [d + b'd%d' % i for i in range(7)]
batch(r, 8, *map(making, names))
free = os.dup(0); os.close(free)
batch(r, 9, opening(d + b'hidden'), dict(operation=CLOSE, fd=free), opening(d + b'shown'))
assert os.readlink('/proc/self/fd/%d' % free).endswith('/shown')
answers(r, 17 + 7 + 3, *names)",
        d.display()
    )) else {
        return;
    };
    let w = &mut watch;
    for i in 0..7 {
        let path = d.join(format!("d{i}"));
        w.expect("one of many", |e| {
            of(kind::MKDIR, pid)(e) && text(&e.text) == path.to_str().unwrap()
        });
    }
    for name in ["hidden", "shown"] {
        let path = d.join(name);
        let open = w.expect(name, |e| {
            of(kind::OPEN, pid)(e) && text(&e.text) == path.to_str().unwrap()
        });
        assert_ne!(open.marks & event_mark::INCOMPLETE, 0, "{name}");
    }
}

/// More than are noted, made while the ring has room for all answers that there are.
#[test]
fn a_crowd_that_nobody_saw_coming() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    const REQUESTS: u64 = 6;
    // One waits for another, and the first for what is written when there is no room any more.
    let Some((pid, _)) = ring(&format!(
        "{FULL}
d = b'{}/'
r = Ring(entries=8)
a, b = os.pipe()
place = ctypes.create_string_buffer(8)
names = [d + b'd%d' % i for i in range({REQUESTS})]
reading = dict(operation=22, fd=a, addr=ctypes.addressof(place), len=1, flags=4)
batch(r, 8, reading, *[making(name) | dict(flags=4) for name in names])
for i in range(17): r.post(0, data=7)
os.write(b, b'x')
answers(r, 17 + 1 + {REQUESTS}, *names)",
        d.display()
    )) else {
        return;
    };
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    watch.settle();
    let told = watch.seen.iter().filter(|e| of(kind::MKDIR, pid)(e));
    let names: std::collections::BTreeSet<String> = told.map(|e| text(&e.text)).collect();
    let losses = watch.sensor.losses();
    let lost: u64 = (losses.iter().filter(|l| l.kind == kind::MKDIR))
        .inspect(|l| assert_eq!(l.cause, loss_cause::UNREADABLE))
        .map(|l| l.count)
        .sum();
    assert!(names.len() >= 4, "{names:?}");
    assert!(names.len() as u64 + lost >= REQUESTS, "{losses:?}");
}
