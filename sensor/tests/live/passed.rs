//! Descriptors that come from another process, and the identities by which bytes are followed
//! from a connection through relays to standard streams.

use crate::observe::{Watch, of, python, text};
use vedette_contract::{
    Slot, kind,
    values::{passed_how, stream_kind, stream_mark},
};
use vedette_sensor::{event::Event, filter::Filter};

fn numbers(told: &str) -> Vec<u64> {
    told.split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect()
}

fn passed(pid: u32, inode: u64) -> impl Fn(&Event) -> bool {
    move |e| of(kind::PASSED, pid)(e) && e.b == inode
}

/// Whether it was sent or taken.
fn how(event: &Event) -> u32 {
    event.number(Slot::Attr(2)).expect("it is told") as u32
}

#[test]
fn descriptors_passed_over_a_unix_socket() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(
        "import array
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()
n = socket.create_connection(l.getsockname()); a, peer = l.accept()
path = '/tmp/passed-%d' % os.getpid()
s = socket.socket(socket.AF_UNIX); s.bind(path); s.listen()
child = os.fork()
if child == 0:
    c = socket.socket(socket.AF_UNIX); c.connect(path)
    data, control, flags, _ = c.recvmsg(10, socket.CMSG_SPACE(4 * 253))
    fds = array.array('i'); fds.frombytes(control[0][2])
    print(os.getpid(), len(fds), fds[0], fds[-1], flush=True)
    data, control, flags, _ = c.recvmsg(10, socket.CMSG_SPACE(12) + socket.CMSG_SPACE(8))
    os._exit(0)
u, _ = s.accept()
null = os.open('/dev/null', os.O_RDONLY)
u.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
u.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [null] * 252 + [a.fileno()]))])
r, w = os.pipe(); p, q = socket.socketpair()
u.sendmsg([b'y'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [r, p.fileno()]))])
os.wait(); os.unlink(path)
print(os.fstat(a.fileno()).st_ino, peer[1], *[os.fstat(k).st_ino for k in (r, p.fileno(), q.fileno())])",
    );
    let n = numbers(&told);
    let (child, count, first, last) = (n[0] as u32, n[1], n[2], n[3]);
    let (socket, port, pipe) = (n[4], n[5], n[6]);
    assert_eq!(count, 253);
    // The socket is the last of as many as go into one message.
    let event = watch.expect("the socket", passed(child, socket));
    assert_eq!(event.ret as u64, last);
    assert_eq!(event.a, last | u64::from(stream_kind::INET) << 32);
    assert_eq!(event.c >> 32, port);
    assert_eq!(
        event.c as u32 & stream_mark::ACCEPTED,
        stream_mark::ACCEPTED
    );
    assert_eq!(&event.text[..], [127, 0, 0, 1]);
    assert_eq!(event.target.unwrap().pid, pid);
    let null = watch.expect("null", |e| {
        of(kind::PASSED, child)(e) && e.a as u32 as u64 == first
    });
    assert_ne!(null.c as u32 & stream_mark::NULL, 0);
    let pipe = watch.expect("the pipe", passed(child, pipe));
    assert_eq!(pipe.a >> 32, stream_kind::PIPE.into());
    let pair = watch.expect("a socket of a pair", passed(child, n[7]));
    assert_eq!(pair.a >> 32, stream_kind::UNIX.into());
    assert_eq!(pair.number(Slot::Attr(1)), Some(n[8]));
    assert_eq!(how(&pair), passed_how::MESSAGE);
    watch.expect("exit", of(kind::EXIT, pid));
    let all = watch
        .seen
        .iter()
        .filter(|e| of(kind::PASSED, child)(e))
        .count();
    assert_eq!(all, 255);
}

#[test]
fn several_messages_in_one_call_and_none_where_none_is_passed() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(
        "import array
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
r, w = os.pipe()
for fd in (r, w): a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))])
a.send(b'plain')
data = ctypes.create_string_buffer(9); iov = ctypes.create_string_buffer(struct.pack('QQ', ctypes.addressof(data), 9))
controls = [ctypes.create_string_buffer(64) for i in range(3)]
msgs = ctypes.create_string_buffer(b''.join(struct.pack('QIIQQQQQQ', 0, 0, 0, ctypes.addressof(iov), 1, ctypes.addressof(k), 64, 0, 0) for k in controls))
assert call(299, b.fileno(), ctypes.byref(msgs), 3, 0, 0) == 3
print(os.fstat(r).st_ino)",
    );
    let inode: u64 = told.parse().unwrap();
    watch.expect("exit", of(kind::EXIT, pid));
    let all: Vec<&Event> = watch
        .seen
        .iter()
        .filter(|e| of(kind::PASSED, pid)(e))
        .collect();
    assert_eq!(all.len(), 2);
    let marks: Vec<u32> = all.iter().map(|e| e.c as u32).collect();
    assert_eq!(marks, [stream_mark::READABLE, stream_mark::WRITABLE]);
    assert!(all.iter().all(|e| e.b == inode));
    assert_ne!(all[0].a as u32, all[1].a as u32);
}

#[test]
fn a_descriptor_taken_out_of_another_process() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(
        "l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()
n = socket.create_connection(l.getsockname())
child = os.fork()
if child == 0: time.sleep(30); os._exit(0)
n2 = n.fileno(); inode = os.fstat(n2).st_ino; os.close(n2)
p = os.pidfd_open(child)
fd = call(438, p, n2, 0)
os.dup2(fd, 0)
os.kill(child, 9)
print(child, inode, fd, l.getsockname()[1]); n.detach()",
    );
    let n = numbers(&told);
    let event = watch.expect("taken", passed(pid, n[1]));
    assert_eq!(
        (event.a, event.ret as u64),
        (n[2] | u64::from(stream_kind::INET) << 32, n[2])
    );
    assert_eq!(event.target.unwrap().pid, n[0] as u32);
    assert_eq!(how(&event), passed_how::FETCH);
    assert_eq!(event.c >> 32, n[3]);
    assert_ne!(event.c as u32 & stream_mark::OUTBOUND, 0);
    let dup = watch.expect("dup", |e| of(kind::DUP, pid)(e) && e.b == n[1]);
    assert_eq!(dup.c, event.c);
}

/// Whether a relay's two ends, held by different processes, are seen to be one thing.
#[test]
fn the_ends_of_every_relay_are_told_by_one_identity() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path().display();
    let (pid, told) = python(&format!(
        "import pty
a, b = socket.socketpair()
os.mkfifo('{d}/fifo')
s = socket.socket(socket.AF_UNIX); s.bind('{d}/s'); s.listen()
m, t = pty.openpty()
child = os.fork()
if child == 0:
    os.dup2(b.fileno(), 0)
    f = os.open('{d}/fifo', os.O_RDONLY); os.dup2(f, 1)
    c = socket.socket(socket.AF_UNIX); c.connect('{d}/s'); os.dup2(c.fileno(), 2)
    c.recv(1); os.dup2(t, 2); os._exit(0)
os.dup2(a.fileno(), 0)
f = os.open('{d}/fifo', os.O_WRONLY); os.dup2(f, 2)
u, _ = s.accept(); os.dup2(u.fileno(), 0); u.send(b'x'); os.dup2(m, 0)
os.wait(); print(child)"
    ));
    let child: u32 = told.parse().unwrap();
    watch.expect("exit", of(kind::EXIT, pid));
    let dups = |pid: u32| -> Vec<vedette_sensor::event::Stream> {
        let mine = watch.seen.iter().filter(|e| of(kind::DUP, pid)(e));
        mine.map(|e| *e.stream.clone().unwrap()).collect()
    };
    let (parent, child_streams) = (dups(pid), dups(child));
    let [pair, fifo, accepted, master] = &parent[..] else {
        panic!("{parent:#?}")
    };
    let [other, read, connected, slave] = &child_streams[..] else {
        panic!("{child_streams:#?}")
    };
    assert_eq!((pair.id, pair.other), (other.other, other.id));
    assert_eq!(
        (fifo.kind, fifo.id, fifo.other),
        (stream_kind::FIFO, read.id, read.other)
    );
    assert_eq!(
        (fifo.marks, read.marks),
        (stream_mark::WRITABLE, stream_mark::READABLE)
    );
    assert_eq!(accepted.other, connected.id);
    assert_eq!((master.id, master.port), (slave.id, slave.port));
    assert_eq!(
        (master.kind, slave.kind),
        (stream_kind::TERMINAL_MASTER, stream_kind::TERMINAL)
    );
    let pair_made = watch.expect("pair", |e| e.kind == kind::SOCKETPAIR && e.a == pair.id);
    assert_eq!(pair_made.b, other.id);
    let accept = watch.expect("accept", of(kind::ACCEPT, pid));
    assert_eq!(
        (accept.b, accept.number(Slot::Attr(2))),
        (accepted.id, Some(connected.id))
    );
    let connect = watch.expect("connect", of(kind::CONNECT, child));
    assert_eq!(connect.b, connected.id);
    assert_eq!(text(&connect.text), format!("{d}/s"));
}
