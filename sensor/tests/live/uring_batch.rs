//! Requests of one batch that take away what the one before has made, and more requests than are
//! remembered.

use crate::{
    observe::{Watch, of, skip, text},
    uring::{by_ring, ring},
};
use std::fs;
use vedette_contract::{
    kind,
    values::{event_mark, loss_cause},
};
use vedette_sensor::filter::Filter;

/// What is opened may be closed, or its descriptor opened again, before the batch is completed.
#[test]
fn files_that_a_batch_opens_and_closes() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    for name in ["closed", "first", "second", "slot", "other", "beside"] {
        fs::write(d.join(name), name).unwrap();
    }
    fs::create_dir(d.join("below")).unwrap();
    fs::write(d.join("below/first"), "").unwrap();
    let Some((pid, told)) = ring(&format!(
        "d = b'{}/'
r = Ring()
os.chdir(d)
free = os.dup(0); os.close(free)
def batch(*requests):
    for request in requests: r.post(**request, enter=False)
    assert r.enter(len(requests)) == len(requests)
    return [r.answer() for _ in requests]
def opening(name, slot=0): return dict(operation=OPENAT, fd=-100, addr=name, how=os.O_RDONLY, slot=slot)
closing = dict(operation=CLOSE, fd=free)
assert batch(opening(d + b'closed'), closing) == [free, 0]
# The other one is called the same, and by a name that ends like the first one's.
assert batch(opening(b'first'), closing, opening(d + b'below/first'), closing) == [free, 0, free, 0]
assert batch(opening(d + b'second'), closing, opening(b'below/../beside')) == [free, 0, free]
assert call(427, r.fd, 2, struct.pack('8i', *[-1] * 8), 8) == 0
assert batch(opening(d + b'slot', 3), opening(d + b'other', 3)) == [0, 0]
print(free)",
        d.display()
    )) else {
        return;
    };
    let w = &mut watch;
    let fd: i32 = told.parse().unwrap();
    let asked = event_mark::IO_URING | event_mark::INCOMPLETE | event_mark::AS_GIVEN;
    for (name, ret) in [("closed", fd), ("first", fd), ("second", fd), ("slot", 0)] {
        let path = d.join(name);
        let open = by_ring(w, name, kind::OPEN, pid, |e| {
            text(&e.text) == path.to_str().unwrap()
        });
        assert_eq!((open.ret, open.marks), (ret, asked), "{name}");
    }
    for name in ["below/first", "beside", "other"] {
        let path = d.join(name);
        w.expect(name, |e| {
            of(kind::OPEN, pid)(e) && text(&e.text) == path.to_str().unwrap()
        });
    }
}

#[test]
fn more_requests_than_are_remembered() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    const REQUESTS: u64 = 8700;
    // One waits for another, and the first for what nobody has written yet.
    let Some((pid, _)) = ring(&format!(
        "r = Ring(entries=16384)
a, b = os.pipe()
place = ctypes.create_string_buffer(8)
directory = os.open(b'{}', os.O_PATH)
r.post(22, fd=a, addr=ctypes.addressof(place), len=1, flags=4, enter=False)
for i in range({REQUESTS}): r.post(MKDIR, fd=directory, addr=b'd%d' % i, len=0o700, flags=4, enter=False)
assert r.enter({REQUESTS} + 1) == {REQUESTS} + 1
os.write(b, b'x')
assert r.answer() == 1
for i in range({REQUESTS}): assert r.answer() == 0",
        d.display()
    )) else {
        return;
    };
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    watch.settle();
    let told = watch.seen.iter().filter(|e| of(kind::MKDIR, pid)(e));
    let told = told.count() as u64;
    let losses = watch.sensor.losses();
    let lost: u64 = (losses.iter().filter(|l| l.kind == kind::MKDIR))
        .inspect(|l| assert_eq!(l.cause, loss_cause::UNREADABLE))
        .map(|l| l.count)
        .sum();
    assert!(lost > 0 && told > 0, "{told} told, {losses:?}");
    assert_eq!(told + lost, REQUESTS, "{losses:?}");
}

/// Nothing tells of the end of these.
#[test]
fn sockets_and_splices_that_nobody_answers() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = fs::canonicalize(dir.path()).unwrap().join("file");
    fs::write(&file, "content").unwrap();
    let Some((pid, told)) = ring(&format!(
        "r = Ring()
f = os.open(b'{}', os.O_RDONLY)
a, b = os.pipe()
r.post(SPLICE, fd=b, off=(1 << 64) - 1, addr=0, len=4, slot=f, flags=0x40)
assert os.read(a, 4) == b'cont'
made = r.supports(SOCKET)
if made: r.post(SOCKET, fd=17, off=3, len=0, flags=0x40)
print(os.fstat(b).st_ino, int(made))",
        file.display()
    )) else {
        return;
    };
    let (pipe, made) = told.split_once(' ').unwrap();
    let w = &mut watch;
    let asked = event_mark::IO_URING | event_mark::INCOMPLETE;
    let splice = by_ring(w, "splice", kind::SPLICE, pid, |_| true);
    assert_eq!(text(&splice.text), file.to_str().unwrap());
    assert_eq!(
        (splice.c, splice.ret, splice.marks),
        (pipe.parse().unwrap(), 4, asked)
    );
    if made == "0" {
        skip("a ring makes no socket here");
        return;
    }
    let socket = by_ring(w, "socket", kind::SOCKET, pid, |_| true);
    assert_eq!((socket.a, socket.b), (17 << 32 | 3 << 48, 0));
    assert_eq!((socket.ret, socket.marks), (0, asked));
}
