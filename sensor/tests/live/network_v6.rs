//! Both ends of connections, flows and messages by IPv6.

use crate::observe::{Watch, of, python, skip, text};
use std::net::Ipv6Addr;
use vedette_contract::{
    Slot, kind,
    values::{event_mark, stream_kind, stream_mark},
};
use vedette_sensor::{event::Event, filter::Filter};

const LOOPBACK: [u8; 16] = Ipv6Addr::LOCALHOST.octets();

/// A namespace of the script's own, with the ports of servers free in it.
const HOME: &str = "call(272, 0x40000000)
t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(t, 0x8914, struct.pack('16sH14x', b'lo', 1))
inode = lambda s: os.fstat(s.fileno()).st_ino
V6 = socket.AF_INET6
";

fn numbers(told: &str) -> Vec<u64> {
    told.split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect()
}

/// A running sensor, where it can see packets.
fn start(filter: &Filter) -> Option<Watch> {
    let watch = Watch::start(filter)?;
    if !std::path::Path::new("/proc/net/if_inet6").exists() {
        skip("no IPv6");
        return None;
    }
    if !watch.sensor.senses(kind::SENT) {
        skip("no packets are seen here");
        return None;
    }
    Some(watch)
}

#[test]
fn a_connection_by_ipv6_on_both_sides() {
    let Some(mut watch) = start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(&format!(
        "{HOME}
s = socket.socket(V6); s.bind(('::1', 0)); s.listen()
c = socket.socket(V6); c.connect(s.getsockname()[:2]); a, peer = s.accept()
c.send(b'six asks'); a.recv(100); a.send(b'six answers'); c.recv(100)
os.dup2(c.fileno(), 0); os.dup2(a.fileno(), 1)
os.write(2, b'') ; sys.stdout = os.fdopen(os.dup(2), 'w')
open('/proc/self/comm').read()
n = [s.getsockname()[1], peer[1], inode(s), inode(c), inode(a)]
os.close(0); c.close(); a.recv(1); a.close(); os.close(1)
open('/tmp/vedette-v6-%d' % os.getpid(), 'w').write(' '.join(map(str, n)))"
    ));
    assert_eq!(told, "");
    let path = format!("/tmp/vedette-v6-{pid}");
    let n = numbers(&std::fs::read_to_string(&path).unwrap());
    std::fs::remove_file(path).unwrap();
    let [port, client, listening, out, into] = n[..] else {
        panic!("{n:?}")
    };
    let family = 10 << 32 | 1 << 48;
    for (kind, told_port) in [(kind::BIND, 0), (kind::LISTEN, port)] {
        let own = watch.expect("own end", |e| of(kind, pid)(e) && e.b == listening);
        assert_eq!(own.text[..], LOOPBACK);
        if told_port != 0 {
            assert_eq!(own.a, port | family);
        }
    }
    let connect = watch.expect("connect", |e| of(kind::CONNECT, pid)(e) && e.b == out);
    assert_eq!(
        (connect.a, &connect.text[..]),
        (port | family, &LOOPBACK[..])
    );
    let accept = watch.expect("accept", |e| of(kind::ACCEPT, pid)(e) && e.b == into);
    assert_eq!(
        (accept.a, &accept.text[..]),
        (client | family, &LOOPBACK[..])
    );
    assert_eq!(accept.number(Slot::Attr(1)), Some(port));
    let mut flow = |kind, bytes: &'static [u8], inode, cookie, to| {
        let event = watch.expect("flow", |e| of(kind, pid)(e) && &e.text[..] == bytes);
        assert_eq!((event.b, event.c), (inode, cookie));
        assert_eq!(event.a & 0xffff, to);
        assert_eq!(event.text2[..], LOOPBACK);
    };
    flow(kind::SENT, b"six asks", out, connect.c, port);
    flow(kind::RECEIVED, b"six asks", into, accept.c, client);
    flow(kind::SENT, b"six answers", into, accept.c, client);
    flow(kind::RECEIVED, b"six answers", out, connect.c, port);
    for (inode, side) in [(out, stream_mark::OUTBOUND), (into, stream_mark::ACCEPTED)] {
        let dup = watch.expect("dup", |e| {
            of(kind::DUP, pid)(e) && e.a >> 32 == u64::from(stream_kind::INET) && e.b == inode
        });
        let stream = dup.stream.as_deref().unwrap();
        let sides = stream_mark::OUTBOUND | stream_mark::ACCEPTED;
        assert_eq!(
            (stream.marks & sides, &stream.address[..]),
            (side, &LOOPBACK[..])
        );
        let over = watch.expect("disconnect", |e| {
            of(kind::DISCONNECT, pid)(e) && e.b == inode
        });
        assert_eq!(
            (over.text[..] == LOOPBACK, over.a >> 32),
            (true, side.into())
        );
    }
}

#[test]
fn datagrams_names_and_messages_by_ipv6() {
    let Some(mut watch) = start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(&format!(
        "{HOME}
q = b'\\x12\\x34\\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0\\x03six\\x07example\\0\\0\\x1c\\0\\x01'
a = b'\\x12\\x34\\x81\\x80\\0\\x01\\0\\x01\\0\\0\\0\\0' + q[12:] + b'\\xc0\\x0c\\0\\x1c\\0\\x01\\0\\0\\0\\x3c\\0\\x10' + b'\\x20\\x01' + b'\\0' * 13 + b'\\x07'
n = socket.socket(V6, socket.SOCK_DGRAM); n.bind(('::1', 53))
u = socket.socket(V6, socket.SOCK_DGRAM)
u.sendto(q, ('::1', 53)); data, peer = n.recvfrom(512); n.sendto(a, peer); u.recv(512)
# A first message of TLS.
name = b'six.example'
e = struct.pack('>HHHBH', 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
b = b'\\x03\\x03' + b'r' * 32 + b'\\0' + b'\\0\\x02\\x13\\x01' + b'\\x01\\0' + struct.pack('>H', len(e)) + e
m = b'\\x01' + struct.pack('>I', len(b))[1:] + b
s = socket.socket(V6); s.bind(('::1', 0)); s.listen()
c = socket.create_connection(s.getsockname()[:2]); x, _ = s.accept()
c.send(b'\\x16\\x03\\x01' + struct.pack('>H', len(m)) + m); x.recv(500)
# ICMPv6: the kernel fills in the checksum.
r = socket.socket(V6, socket.SOCK_RAW, 58)
r.sendto(struct.pack('>BBHHH', 128, 0, 0, 7, 1) + b'six tunnel', ('::1', 0))
print(inode(u), inode(n), inode(c), inode(r), peer[1], s.getsockname()[1])"
    ));
    let n = numbers(&told);
    let [asking, answering, connected, raw, port, server] = n[..] else {
        panic!("{told}")
    };
    watch.expect("exit", of(kind::EXIT, pid));
    watch.settle();
    let one = |what: &str, fits: &dyn Fn(&Event) -> bool| {
        let all = watch.seen.iter();
        let mut all = all.filter(|e| e.task.process.pid == pid && fits(e));
        let event = all.next().unwrap_or_else(|| panic!("no {what}"));
        event.clone()
    };
    let sixes = |e: &Event| e.text[..] == LOOPBACK || e.text2[..] == LOOPBACK;
    let send = one("send", &|e| e.kind == kind::SEND && e.b == asking);
    assert_eq!(send.a, 53 | 10 << 32 | 2 << 48);
    assert!(sixes(&send));
    assert_ne!(send.c, 0);
    assert_eq!(send.marks & event_mark::AS_GIVEN, 0);
    let back = one("answer's send", &|e| {
        e.kind == kind::SEND && e.b == answering
    });
    assert_eq!(back.a as u32, port as u32);
    let sent = one("sent", &|e| e.kind == kind::SENT && e.c == send.c);
    assert_eq!((sent.a as u32, sent.b), (53, asking));
    assert!(sixes(&sent));
    let received = one("received", &|e| e.kind == kind::RECEIVED && e.c == back.c);
    assert_eq!(
        (u64::from(received.a as u32), received.b),
        (port, answering)
    );
    let question = one("question", &|e| e.kind == kind::DNS && e.b >> 32 == 0);
    assert_eq!(text(&question.text), "six.example");
    assert_eq!((question.a, question.c), (28, send.c));
    assert!(sixes(&question));
    let answer = one("answer", &|e| e.kind == kind::DNS && e.b >> 32 == 1);
    assert_eq!(answer.attrs[0].text.len(), 16);
    let tls = one("tls", &|e| e.kind == kind::TLS);
    assert_eq!(
        (text(&tls.text), tls.b),
        ("six.example".to_owned(), connected)
    );
    assert_eq!(u64::from(tls.a as u32), server);
    assert!(sixes(&tls));
    let icmp = one("icmp", &|e| e.kind == kind::ICMP);
    assert_eq!(text(&icmp.text), "six tunnel");
    assert_eq!((icmp.a as u32, icmp.b), (128, raw));
    assert!(sixes(&icmp));
}
