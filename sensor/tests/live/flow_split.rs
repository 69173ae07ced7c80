//! Names that whoever sends them cuts where a reader of single packets would miss them.

use crate::observe::{Watch, of, python, skip, text};
use vedette_contract::{kind, values::event_mark};
use vedette_sensor::{event::Event, filter::Filter};

fn only(kind: u16) -> Option<Watch> {
    let mut filter = Filter::context();
    filter.kinds = filter.kinds.with(kind);
    let watch = Watch::start(&filter)?;
    if !watch.sensor.senses(kind) {
        skip("no packets are seen here");
        return None;
    }
    Some(watch)
}

fn told(watch: &mut Watch, kind: u16, pid: u32) -> Vec<Event> {
    watch.expect("exit", of(kind::EXIT, pid));
    watch.settle();
    let all = watch.seen.iter();
    all.filter(|e| of(kind, pid)(e)).cloned().collect()
}

#[test]
fn a_server_name_that_is_cut_before_it_can_be_told_for_one() {
    let Some(mut watch) = only(kind::TLS) else {
        return;
    };
    let (pid, _) = python(
        "def hello(name):
    e = struct.pack('>HHHBH', 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    b = b'\\x03\\x03' + b'r' * 32 + b'\\0' + b'\\0\\x02\\x13\\x01' + b'\\x01\\0' + struct.pack('>H', len(e)) + e
    m = b'\\x01' + struct.pack('>I', len(b))[1:] + b
    return b'\\x16\\x03\\x01' + struct.pack('>H', len(m)) + m
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
def go(parts, answer=None):
    c = socket.create_connection(s.getsockname()); a, _ = s.accept()
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for p in parts:
        c.send(p); time.sleep(0.01)
        if answer: a.send(answer); c.recv(100)
    while len(a.recv(65536, socket.MSG_PEEK)) < sum(map(len, parts)): pass
for cut in range(1, 8):
    h = hello(b'cut-%d.example' % cut); go([h[:cut], h[cut:]])
h = hello(b'crumbs.example'); go([h[i:i + 1] for i in range(6)] + [h[6:]])
go([b'\\x16', hello(b'again.example')])
h = hello(b'answered.example'); go([h[:3], h[3:9], h[9:]], b'go on')",
    );
    let all = told(&mut watch, kind::TLS, pid);
    let names: Vec<String> = all.iter().map(|e| text(&e.text)).collect();
    let mut expected: Vec<String> = (1..8).map(|cut| format!("cut-{cut}.example")).collect();
    for name in ["crumbs.example", "again.example", "answered.example"] {
        expected.push(name.to_owned());
    }
    assert_eq!(names, expected);
    assert!(all.iter().all(|e| e.marks & event_mark::INCOMPLETE == 0));
}

#[test]
fn questions_over_tcp_however_they_are_cut() {
    let Some(mut watch) = only(kind::DNS) else {
        return;
    };
    let (pid, _) = python(
        "call(272, 0x40000000)
t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(t, 0x8914, struct.pack('16sH14x', b'lo', 1))
l = socket.socket(); l.bind(('127.0.0.1', 53)); l.listen()
def message(name, answer=False):
    q = b'\\x12\\x34' + (b'\\x81\\x80' if answer else b'\\x01\\0') + b'\\0\\x01\\0\\0\\0\\0\\0\\0'
    q += bytes([len(name)]) + name + b'\\x07example\\0\\0\\x01\\0\\x01'
    return struct.pack('>H', len(q)) + q
def go(parts, answers=()):
    c = socket.create_connection(('127.0.0.1', 53)); a, _ = l.accept()
    for s in c, a: s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for p in parts: c.send(p); time.sleep(0.01)
    for p in answers: a.send(p); time.sleep(0.01)
m = message(b'cut'); go([m[:1], m[1:2], m[2:20], m[20:]], [message(b'cut', True)[:2], message(b'cut', True)[2:]])
go([message(b'first') + message(b'second') + message(b'third')[:9], message(b'third')[9:]])
go([message(b'n%d' % i) for i in range(10)])",
    );
    let all = told(&mut watch, kind::DNS, pid);
    let names: Vec<(String, u64)> = all
        .iter()
        .map(|e| (text(&e.text).replace(".example", ""), e.b >> 32))
        .collect();
    let mut expected = vec![("cut".to_owned(), 0), ("cut".to_owned(), 1)];
    for name in ["first", "second", "third"] {
        expected.push((name.to_owned(), 0));
    }
    expected.extend((0..10).map(|i| (format!("n{i}"), 0)));
    assert_eq!(names, expected);
    let ids: std::collections::HashSet<u64> = all.iter().map(|e| e.id).collect();
    assert_eq!(ids.len(), all.len());
}

/// What is cut into crumbs is told for as many of them as there would be bytes of whole packets.
#[test]
fn what_is_said_in_crumbs() {
    let Some(mut watch) = only(kind::SENT) else {
        return;
    };
    let (pid, _) = python(
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
c = socket.create_connection(s.getsockname()); a, _ = s.accept()
for one in c, a: one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
def say(one, other, parts):
    for p in parts:
        one.send(p)
        while len(p): p = p[len(other.recv(len(p))):]
say(c, a, [b'crumb %02d' % i for i in range(40)])
say(a, c, [b'a' * 300 for i in range(9)])
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 0))
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v.connect(u.getsockname())
for i in range(40): v.send(b'beat %02d' % i)",
    );
    let all = told(&mut watch, kind::SENT, pid);
    let said = |with: &[u8]| -> Vec<String> {
        let of_them = all.iter().filter(|e| e.text.starts_with(with));
        of_them.map(|e| text(&e.text)).collect()
    };
    let crumbs: Vec<String> = (0..32).map(|i| format!("crumb {i:02}")).collect();
    assert_eq!(said(b"crumb"), crumbs);
    assert_eq!(
        said(b"aa").len(),
        7,
        "7 times 300 bytes are more than 2,048"
    );
    let beats: Vec<String> = (0..32).map(|i| format!("beat {i:02}")).collect();
    assert_eq!(said(b"beat"), beats);
}
