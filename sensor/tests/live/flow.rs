//! What flows say first: bytes, names, messages.

use crate::observe::{Watch, of, python, text};
use vedette_contract::{
    Slot, kind,
    values::{event_mark, stream_mark},
};
use vedette_sensor::{event::Event, filter::Filter};

const LOOPBACK: &[u8] = &[127, 0, 0, 1];

fn only(kinds: &[u16]) -> Filter {
    let mut filter = Filter::context();
    filter.kinds = kinds.iter().fold(filter.kinds, |set, kind| set.with(*kind));
    filter
}

/// Whether packets can be seen here at all.
fn packets(watch: &Watch) -> bool {
    let seen = watch.sensor.senses(kind::TLS);
    if !seen {
        println!("skipped: no packets are seen here");
    }
    seen
}

fn numbers(told: &str) -> Vec<u64> {
    told.split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect()
}

fn marks(event: &Event) -> u64 {
    event.number(Slot::Attr(2)).unwrap()
}

fn protocol(event: &Event) -> u64 {
    event.number(Slot::Attr(1)).unwrap()
}

#[test]
fn both_sides_of_a_connection_say_what_they_sent_and_received() {
    let Some(mut watch) = Watch::start(&only(&[kind::SENT, kind::RECEIVED])) else {
        return;
    };
    if !packets(&watch) {
        return;
    }
    // The client speaks before the server accepts.
    let (pid, told) = python(
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
port = s.getsockname()[1]
r, w = os.pipe()
child = os.fork()
if child == 0:
    c = socket.create_connection(('127.0.0.1', port))
    c.send(b'hello from the client')
    print(os.getpid(), os.fstat(c.fileno()).st_ino, flush=True)
    os.write(w, b'x')
    c.recv(100); c.send(b'more'); c.recv(100)
    os._exit(0)
os.read(r, 1)
a, peer = s.accept()
a.recv(100); a.send(b'answer of the server'); a.recv(100); a.close(); os.wait()
print(port, peer[1], os.fstat(s.fileno()).st_ino)",
    );
    let n = numbers(&told);
    let [child, out_inode, port, client, _] = n[..] else {
        panic!("{told}")
    };
    let child = child as u32;
    let by = |kind, pid: u32, bytes: &'static [u8]| {
        move |e: &Event| e.kind == kind && e.task.process.pid == pid && &e.text[..] == bytes
    };
    let sent = watch.expect("sent", by(kind::SENT, child, b"hello from the client"));
    assert_eq!((sent.a, sent.b), (port | 21 << 32, out_inode));
    assert_eq!((&sent.text2[..], protocol(&sent)), (LOOPBACK, 6));
    assert_eq!(marks(&sent), stream_mark::OUTBOUND.into());
    let received = watch.expect(
        "received",
        by(kind::RECEIVED, pid, b"hello from the client"),
    );
    assert_eq!((received.a, protocol(&received)), (client | 21 << 32, 6));
    assert_eq!(marks(&received), stream_mark::ACCEPTED.into());
    assert_ne!(received.marks & event_mark::LATE, 0);
    assert_ne!(received.c, sent.c);
    let answer = watch.expect("answer", by(kind::SENT, pid, b"answer of the server"));
    assert_eq!((answer.a, answer.c), (client | 20 << 32, received.c));
    assert_ne!(answer.b, 0);
    assert_eq!(answer.b, received.b);
    assert_eq!(marks(&answer), stream_mark::ACCEPTED.into());
    let back = watch.expect("back", by(kind::RECEIVED, child, b"answer of the server"));
    assert_eq!(
        (back.a, back.b, back.c),
        (port | 20 << 32, out_inode, sent.c)
    );
    let more = watch.expect("more", by(kind::RECEIVED, pid, b"more"));
    assert_eq!(more.task.process, answer.task.process);
    assert_eq!(more.marks & event_mark::LATE, 0);
    watch.settle();
    assert!(
        !watch.seen.iter().any(|e| e.kind == kind::ACCEPT),
        "nobody wants accepts"
    );
}

#[test]
fn datagrams_say_what_is_sent_and_received_but_only_the_first() {
    let Some(mut watch) = Watch::start(&only(&[kind::SENT, kind::RECEIVED, kind::SEND])) else {
        return;
    };
    if !packets(&watch) {
        return;
    }
    let (pid, told) = python(
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0))
port = s.getsockname()[1]
c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); c.bind(('127.0.0.1', 0))
for i in range(40): c.sendto(b'ping %d' % i, ('127.0.0.1', port))
data, peer = s.recvfrom(100)
s.sendto(b'pong', peer)
c.recv(100)
print(port, peer[1])",
    );
    let n = numbers(&told);
    let (port, client) = (n[0], n[1]);
    watch.expect("exit", of(kind::EXIT, pid));
    watch.settle();
    let said = |kind: u16, port: u64| -> Vec<&Event> {
        watch
            .seen
            .iter()
            .filter(|e| of(kind, pid)(e) && e.a & 0xffff_ffff == port)
            .collect()
    };
    let sent = said(kind::SENT, port);
    let texts: Vec<String> = sent.iter().map(|e| text(&e.text)).collect();
    let pings: Vec<String> = (0..32).map(|i| format!("ping {i}")).collect();
    assert_eq!(texts, pings);
    assert_eq!(
        (protocol(sent[0]), marks(sent[0])),
        (17, stream_mark::DATAGRAM.into())
    );
    assert_eq!(sent[0].text2[..], *LOOPBACK);
    let received = said(kind::RECEIVED, client);
    assert_eq!(received.len(), 32);
    assert_eq!(text(&received[0].text), "ping 0");
    assert_eq!(said(kind::SENT, client).len(), 1);
    assert_eq!(text(&said(kind::RECEIVED, port)[0].text), "pong");
    // Told once for each address, with the same cookie.
    let send = said(kind::SEND, port);
    assert_eq!(send.len(), 1);
    assert_eq!((&send[0].text[..], send[0].c), (LOOPBACK, sent[0].c));
    assert_eq!(send[0].a >> 32, 2 | 2 << 16);
    assert_eq!(send[0].marks & event_mark::AS_GIVEN, 0);
}

/// A name server in a network namespace of its own, where port 53 is free.
const NAME_SERVER: &str = "
call(272, 0x40000000)
import fcntl
t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(t, 0x8914, struct.pack('16sH14x', b'lo', 1))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 53))
l = socket.socket(); l.bind(('127.0.0.1', 53)); l.listen()
q = b'\\x12\\x34\\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0\\x03CnC\\x07example\\x03ORG\\0\\0\\x01\\0\\x01'
a = b'\\x12\\x34\\x81\\x80\\0\\x01\\0\\x02\\0\\0\\0\\0' + q[12:]
a += b'\\xc0\\x0c\\0\\x01\\0\\x01\\0\\0\\0\\x3c\\0\\x04\\x0a\\x01\\x02\\x03'
a += b'\\xc0\\x0c\\0\\x01\\0\\x01\\0\\0\\0\\x3c\\0\\x04\\x0a\\x01\\x02\\x04'
no = b'\\x12\\x34\\x81\\x83\\0\\x01\\0\\0\\0\\0\\0\\0' + q[12:]
child = os.fork()
if child == 0:
    c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for i in range(7):
        c.sendto(q, ('127.0.0.1', 53)); c.recv(512)
    d = socket.create_connection(('127.0.0.1', 53))
    d.send(struct.pack('>H', len(q)) + q); d.recv(512)
    os._exit(0)
for i in range(7):
    data, peer = s.recvfrom(512); s.sendto(a if i else no, peer)
n, peer = l.accept(); n.recv(512); n.send(struct.pack('>H', len(a)) + a)
os.wait()
print(child)";

#[test]
fn questions_of_names_and_their_answers() {
    let Some(mut watch) = Watch::start(&only(&[kind::DNS])) else {
        return;
    };
    if !packets(&watch) {
        return;
    }
    let (pid, told) = python(NAME_SERVER);
    let child: u32 = told.parse().unwrap();
    watch.expect("exit", of(kind::EXIT, pid));
    watch.settle();
    let all: Vec<&Event> = watch
        .seen
        .iter()
        .filter(|e| of(kind::DNS, child)(e))
        .collect();
    assert_eq!(all.len(), 16, "every question and answer, over UDP and TCP");
    let [question, none, .., asked, answered] = all[..] else {
        panic!()
    };
    for event in &all {
        assert_eq!(text(&event.text), "cnc.example.org");
        assert_eq!((&event.text2[..], event.a as u32), (LOOPBACK, 1));
    }
    assert_eq!((question.b, question.a >> 32), (0, 0));
    assert_eq!((none.b, none.a >> 32), (1 << 32, 3));
    assert_ne!(question.c, 0);
    assert_eq!(question.c, none.c);
    assert_eq!((asked.b, answered.b), (0, 2 | 1 << 32));
    assert_ne!(asked.c, question.c);
    let addresses: Vec<&[u8]> = answered.attrs.iter().map(|a| &a.text[..]).collect();
    assert_eq!(addresses, [[10, 1, 2, 3], [10, 1, 2, 4]]);
    assert!(
        !watch
            .seen
            .iter()
            .any(|e| matches!(e.kind, kind::SENT | kind::RECEIVED)),
        "nobody asked for bytes"
    );
}

#[test]
fn the_first_message_of_tls_whole_in_parts_and_long() {
    let Some(mut watch) = Watch::start(&only(&[kind::TLS])) else {
        return;
    };
    if !packets(&watch) {
        return;
    }
    let (pid, told) = python(
        "def ext(k, b): return struct.pack('>HH', k, len(b)) + b
def hello(pad, name):
    e = ext(0x0a0a, b'') + ext(51, b'k' * pad)
    e += ext(0, struct.pack('>HBH', len(name) + 3, 0, len(name)) + name)
    e += ext(16, b'\\0\\x0c\\x02h2\\x08http/1.1') + ext(43, b'\\x04\\x03\\x04\\x03\\x03')
    b = b'\\x03\\x03' + b'r' * 32 + b'\\0' + b'\\0\\x02\\x13\\x01' + b'\\x01\\0' + struct.pack('>H', len(e)) + e
    m = b'\\x01' + struct.pack('>I', len(b))[1:] + b
    return b'\\x16\\x03\\x01' + struct.pack('>H', len(m)) + m
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
def go(*parts):
    c = socket.create_connection(s.getsockname()); a, _ = s.accept()
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for p in parts: c.send(p); time.sleep(0.01)
    print(os.fstat(c.fileno()).st_ino)
    while len(a.recv(65536, socket.MSG_PEEK)) < sum(map(len, parts)): pass
whole = hello(20, b'Whole.Example')
go(whole)
post = hello(1300, b'post.example')
go(post[:700], post[700:])
go(b'STARTTLS\\r\\n', hello(20, b'late.example'))
go(hello(3000, b'long.example'))
go(hello(9000, b'hidden.example'))
go(b'plain words')
print(s.getsockname()[1])",
    );
    let n = numbers(&told);
    let port = n[6];
    watch.expect("exit", of(kind::EXIT, pid));
    watch.settle();
    let all: Vec<&Event> = watch
        .seen
        .iter()
        .filter(|e| of(kind::TLS, pid)(e))
        .collect();
    let names: Vec<(String, u64)> = all.iter().map(|e| (text(&e.text), e.b)).collect();
    let expected = [
        "whole.example",
        "post.example",
        "late.example",
        "long.example",
        "",
    ];
    assert_eq!(
        names,
        expected
            .iter()
            .zip(&n)
            .map(|(name, inode)| ((*name).to_owned(), *inode))
            .collect::<Vec<_>>()
    );
    for event in &all[..4] {
        assert_eq!(event.a, port | 0x304 << 32);
        assert_eq!(text(&event.attrs[0].text), "h2,http/1.1");
        assert_eq!(&event.text2[..], LOOPBACK);
        assert_ne!(event.c, 0);
        assert_eq!(event.marks, 0);
    }
    // More than is kept: that there was a message is told, and that its name is not known.
    assert_ne!(all[4].marks & event_mark::INCOMPLETE, 0);
    assert!(!watch.seen.iter().any(|e| e.kind == kind::SENT));
}

#[test]
fn messages_of_icmp_with_their_bytes() {
    let Some(mut watch) = Watch::start(&only(&[kind::ICMP])) else {
        return;
    };
    if !packets(&watch) {
        return;
    }
    let (pid, _) = python(
        "call(272, 0x40000000)
t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(t, 0x8914, struct.pack('16sH14x', b'lo', 1))
open('/proc/sys/net/ipv4/ping_group_range', 'w').write('0 0')
r = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
p = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1)
def message(kind, data):
    m = struct.pack('>BBHHH', kind, 0, 0, 7, 1) + data
    if len(m) % 2: m += b'\\0'
    c = sum(struct.unpack('>%dH' % (len(m) // 2), m)); c = (c >> 16) + (c & 0xffff); c += c >> 16
    return m[:2] + struct.pack('>H', ~c & 0xffff) + m[4:]
r.sendto(message(8, b'a tunnel'), ('127.0.0.1', 0))
p.sendto(message(8, b'a ping!!'), ('127.0.0.1', 0))
r.sendto(message(0, b'x' * 900), ('127.0.0.1', 0))
for i in range(40): r.sendto(message(8, b'flood'), ('127.0.0.1', 0))",
    );
    let tunnel = watch.expect("raw", |e| {
        of(kind::ICMP, pid)(e) && &e.text[..] == b"a tunnel"
    });
    assert_eq!((tunnel.a, &tunnel.text2[..]), (8 | 8 << 32, LOOPBACK));
    assert_ne!(tunnel.c, 0);
    let ping = watch.expect("ping", |e| {
        of(kind::ICMP, pid)(e) && &e.text[..] == b"a ping!!"
    });
    assert_ne!(ping.c, tunnel.c);
    let answer = watch.expect("answer", |e| of(kind::ICMP, pid)(e) && e.a as u32 == 0);
    assert_eq!((answer.a >> 32, answer.text.len()), (900, 512));
    assert_ne!(answer.marks & event_mark::TRUNCATED, 0);
    watch.expect("exit", of(kind::EXIT, pid));
    watch.settle();
    let count = |cookie| {
        let of_socket = |e: &&Event| e.kind == kind::ICMP && e.c == cookie;
        watch.seen.iter().filter(of_socket).count()
    };
    assert_eq!(count(tunnel.c), 16);
    // The kernel's own answers are nobody's.
    let ours = watch
        .seen
        .iter()
        .filter(|e| e.kind == kind::ICMP)
        .all(|e| e.task.process.pid != pid || [tunnel.c, ping.c].contains(&e.c));
    assert!(ours);
}

#[test]
fn connections_of_before_are_not_taken_for_new() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (began, go) = (dir.path().join("began"), dir.path().join("go"));
    let act = std::thread::spawn({
        let (began, go) = (began.display().to_string(), go.display().to_string());
        move || {
            python(&format!(
                "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
c = socket.create_connection(s.getsockname()); a, _ = s.accept()
open('{began}', 'w')
while not os.path.exists('{go}'): time.sleep(0.01)
c.send(b'in the middle'); a.recv(100)
d = socket.create_connection(s.getsockname()); d.send(b'at the beginning')"
            ))
        }
    });
    while !began.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    watch
        .sensor
        .set_filter(&only(&[kind::SENT, kind::RECEIVED]))
        .unwrap();
    if !packets(&watch) {
        std::fs::write(&go, "").unwrap();
        act.join().unwrap();
        return;
    }
    std::fs::write(&go, "").unwrap();
    let (pid, _) = act.join().unwrap();
    watch.expect("new", |e| {
        of(kind::SENT, pid)(e) && &e.text[..] == b"at the beginning"
    });
    watch.settle();
    assert!(!watch.seen.iter().any(|e| &e.text[..] == b"in the middle"));
}
