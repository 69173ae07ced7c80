//! What another thread has taken away before a call is over: the descriptor that it works on.

use crate::observe::{Watch, of, python};
use std::fs;
use vedette_contract::{
    kind,
    values::{loss_cause, stream_kind},
};
use vedette_sensor::filter::Filter;

fn only(kinds: &[u16]) -> Filter {
    let mut filter = Filter::context();
    filter.kinds = kinds.iter().fold(filter.kinds, |set, kind| set.with(*kind));
    filter
}

/// How many of each of these kinds were lost since the last call, all because they could not be read.
fn lost<const N: usize>(watch: &mut Watch, kinds: [u16; N]) -> [u64; N] {
    let losses = watch.sensor.losses();
    kinds.map(|kind| {
        (losses.iter().filter(|l| l.kind == kind))
            .inspect(|l| assert_eq!(l.cause, loss_cause::UNREADABLE))
            .map(|l| l.count)
            .sum()
    })
}

/// Another process with the same descriptors closes them while the calls are still under way.
#[test]
fn calls_on_a_descriptor_that_is_closed_meanwhile() {
    let kinds = [kind::CHMOD, kind::XATTR, kind::TRUNCATE, kind::FILE_FLAGS];
    let Some(mut watch) = Watch::start(&only(&kinds)) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = fs::canonicalize(dir.path()).unwrap().join("file");
    fs::write(&file, "x").unwrap();
    for round in 1.. {
        let before = watch.seen.len();
        lost(&mut watch, kinds);
        let (pid, told) = watch.python(&format!(
            "import signal
kept = os.open(b'{}', os.O_RDWR)
fd = os.dup(kept)
child = call(56, 0x400 | 17, 0, 0, 0, 0)
if child == 0:
    while True: call(3, fd)
name, flags = b'trusted.a', ctypes.create_string_buffer(struct.pack('Q', 0))
acts = [lambda: call(91, fd, 0o600), lambda: call(190, fd, name, b'1', 1, 0), lambda: call(77, fd, 1), lambda: call(16, fd, 0x40086602, ctypes.addressof(flags))]
done = [0] * len(acts)
for i in range(2000):
    for n, act in enumerate(acts):
        call(33, kept, fd)
        done[n] += act() == 0
os.kill(child, signal.SIGKILL)
print(*done)",
            file.display()
        ));
        watch.settle();
        let done = told.split_whitespace().map(|n| n.parse::<u64>().unwrap());
        let lost = lost(&mut watch, kinds);
        let mut all = true;
        for ((kind, done), lost) in kinds.into_iter().zip(done).zip(lost) {
            let seen = watch.seen[before..].iter();
            let seen = seen.filter(|e| of(kind, pid)(e) && e.ret == 0).count();
            assert_eq!(seen as u64 + lost, done, "kind {kind}");
            // Not every file system has flags.
            all &= lost > 0 || kind == kind::FILE_FLAGS;
        }
        if all {
            return;
        }
        assert!(round < 20, "nobody was fast enough");
    }
}

/// The calls wait for another process while their descriptor is closed.
#[test]
fn calls_that_wait_on_a_descriptor_that_is_closed_meanwhile() {
    let Some(mut watch) = Watch::start(&only(&[kind::PASSED, kind::SPLICE])) else {
        return;
    };
    lost(&mut watch, [kind::SPLICE]);
    let (pid, told) = python(
        "import array, threading
def waiting(what):
    t = threading.Thread(target=what); t.start()
    return t
def blocked(number):
    while True:
        for t in os.listdir('/proc/self/task'):
            with open('/proc/self/task/%s/syscall' % t) as f:
                if f.read().split()[0] == str(number): return
        time.sleep(0.01)
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
p, w = os.pipe()
t = waiting(lambda: b.recvmsg(1, 64))
blocked(47)
os.close(b.detach())
a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [p]))])
t.join()
full, drain = os.pipe()[::-1]
f = os.open('/etc/passwd', os.O_RDONLY)
os.set_blocking(full, False)
try:
    while True: os.write(full, bytes(4096))
except BlockingIOError: pass
os.set_blocking(full, True)
t = waiting(lambda: call(275, f, 0, full, 0, 16, 0))
blocked(275)
os.close(f)
os.read(drain, 65536)
t.join()
print(os.fstat(p).st_ino)",
    );
    let passed = watch.expect("descriptor", |e| {
        of(kind::PASSED, pid)(e) && e.b.to_string() == told
    });
    assert_eq!(passed.a >> 32, u64::from(stream_kind::PIPE));
    assert_eq!(lost(&mut watch, [kind::SPLICE]), [1]);
}
