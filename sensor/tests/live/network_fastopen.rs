//! A TCP connection that is begun by sending: no call to connect is made.

use crate::observe::{Watch, of, python, skip};
use vedette_contract::{
    kind,
    values::{event_mark, stream_kind, stream_mark},
};
use vedette_sensor::{event::Event, filter::Filter};

/// MSG_FASTOPEN.
const FLAG: u32 = 0x2000_0000;

#[test]
fn a_connection_that_is_begun_by_sending() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(&format!(
        "open('/proc/sys/net/ipv4/tcp_fastopen', 'w').write('1')
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()
l6 = socket.socket(socket.AF_INET6); l6.bind(('::1', 0)); l6.listen()
n = socket.socket(); n.bind(('127.0.0.1', 0))
inode = lambda s: os.fstat(s.fileno()).st_ino
told = [l.getsockname()[1], l6.getsockname()[1], n.getsockname()[1]]
def go(send, family=socket.AF_INET, protocol=0):
    s = socket.socket(family, socket.SOCK_STREAM, protocol); told.append(inode(s))
    try: send(s)
    except OSError as e:
        # Multipath TCP began to do it with Linux 6.2.
        if protocol: told[-1] = 0
        else: assert e.errno == 111, e
    return s
a = go(lambda s: s.sendto(b'by sendto', {FLAG}, l.getsockname()))
b = go(lambda s: s.sendmsg([b'by sendmsg'], [], {FLAG}, l6.getsockname()[:2]), socket.AF_INET6)
def many(s):
    name = ctypes.create_string_buffer(struct.pack('<H', 2) + struct.pack('>H', l.getsockname()[1]) + bytes([127, 0, 0, 1]) + bytes(8))
    data = ctypes.create_string_buffer(b'many'); iov = ctypes.create_string_buffer(struct.pack('QQ', ctypes.addressof(data), 4))
    msg = ctypes.create_string_buffer(struct.pack('QIIQQQQQQ', ctypes.addressof(name), 16, 0, ctypes.addressof(iov), 1, 0, 0, 0, 0))
    assert call(307, s.fileno(), ctypes.byref(msg), 1, {FLAG}) == 1
c = go(many)
d = go(lambda s: s.sendto(b'refused', {FLAG}, n.getsockname()))
e = go(lambda s: s.sendto(b'multipath', {FLAG}, l.getsockname()), protocol=262) if os.path.exists('/proc/sys/net/mptcp') else told.append(0)
os.dup2(a.fileno(), 0)
print(*told)"
    ));
    let n: Vec<u64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [port, port6, refusing, a, b, c, d, e] = n[..] else {
        panic!("{told}")
    };
    let v6 = std::net::Ipv6Addr::LOCALHOST.octets();
    let mut acts = vec![
        ("sendto", a, port | 2 << 32, &[127, 0, 0, 1][..]),
        ("sendmsg", b, port6 | 10 << 32, &v6[..]),
        ("sendmmsg", c, port | 2 << 32, &[127, 0, 0, 1]),
        ("refused", d, refusing | 2 << 32, &[127, 0, 0, 1]),
    ];
    if e == 0 {
        skip("Multipath TCP does not begin by sending");
    } else {
        acts.push(("multipath", e, port | 2 << 32, &[127, 0, 0, 1]));
    }
    watch.expect("exit", of(kind::EXIT, pid));
    watch.settle();
    for (what, inode, target, address) in acts {
        let told: Vec<&Event> = watch
            .seen
            .iter()
            .filter(|e| of(kind::CONNECT, pid)(e) && e.b == inode)
            .collect();
        let [connect] = told[..] else {
            panic!("{what}: {told:#?}")
        };
        assert_eq!(
            (connect.a, &connect.text[..]),
            (target | 1 << 48, address),
            "{what}"
        );
        // It is under way; nobody waits for what comes of it.
        assert_eq!(connect.ret, -115, "{what}");
        assert_ne!(connect.c, 0, "{what}");
    }
    let dup = watch.expect("dup", |e| {
        of(kind::DUP, pid)(e) && e.a >> 32 == u64::from(stream_kind::INET)
    });
    assert_ne!(
        dup.stream.as_deref().unwrap().marks & stream_mark::OUTBOUND,
        0
    );
}

#[test]
fn a_connection_that_is_begun_by_a_message_through_a_ring() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let Some((pid, told)) = crate::uring::ring(&format!(
        "open('/proc/sys/net/ipv4/tcp_fastopen', 'w').write('1')
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()
name = ctypes.create_string_buffer(struct.pack('<H', 2) + struct.pack('>H', l.getsockname()[1]) + bytes([127, 0, 0, 1]) + bytes(8))
data = ctypes.create_string_buffer(b'ring'); iov = ctypes.create_string_buffer(struct.pack('QQ', ctypes.addressof(data), 4))
head = ctypes.create_string_buffer(struct.pack('QIIQQQQQ', ctypes.addressof(name), 16, 0, ctypes.addressof(iov), 1, 0, 0, 0))
c = socket.socket()
result = Ring().ask(9, fd=c.fileno(), addr=ctypes.addressof(head), len=1, how={FLAG})
print(os.fstat(c.fileno()).st_ino, l.getsockname()[1], result)"
    )) else {
        return;
    };
    let n: Vec<i64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    watch.expect("exit", of(kind::EXIT, pid));
    watch.settle();
    let told: Vec<&Event> = watch
        .seen
        .iter()
        .filter(|e| of(kind::CONNECT, pid)(e) && e.b == n[0] as u64)
        .collect();
    let [connect] = told[..] else {
        panic!("{told:#?}")
    };
    assert_eq!(connect.a, n[1] as u64 | 2 << 32 | 1 << 48);
    assert_eq!(i64::from(connect.ret), n[2]);
    assert_eq!(connect.text[..], [127, 0, 0, 1]);
    assert_ne!(connect.marks & event_mark::IO_URING, 0);
}
