//! Unusual sockets, messages to addresses, and vsock.

use crate::observe::{Watch, of, python, text};
use vedette_contract::{Slot, kind, values::event_mark};
use vedette_sensor::{event::Event, filter::Filter};

fn only(kinds: &[u16]) -> Filter {
    let mut filter = Filter::context();
    filter.kinds = kinds.iter().fold(filter.kinds, |set, kind| set.with(*kind));
    filter
}

fn family(event: &Event) -> (u16, u16) {
    ((event.a >> 32) as u16, (event.a >> 48) as u16)
}

#[test]
fn unusual_sockets_are_told_and_usual_ones_are_not() {
    let Some(mut watch) = Watch::start(&only(&[kind::SOCKET])) else {
        return;
    };
    let (pid, told) = python(
        "def go(*a):
    try: s = socket.socket(*a); print(os.fstat(s.fileno()).st_ino, end=' '); return s
    except OSError as e: print(-e.errno, end=' ')
keep = [go(*a) for a in (
    (socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_DGRAM),
    (socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_NETLINK, socket.SOCK_RAW, 0),
    (socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)),
    (socket.AF_NETLINK, socket.SOCK_RAW, 12), (38, socket.SOCK_SEQPACKET), (40, socket.SOCK_STREAM),
    (socket.AF_INET, socket.SOCK_STREAM, 132), (45, 1))]
os.setuid(65534); go(socket.AF_INET, socket.SOCK_RAW, 255)",
    );
    let results: Vec<i64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    watch.expect("exit", of(kind::EXIT, pid));
    let all: Vec<&Event> = watch
        .seen
        .iter()
        .filter(|e| of(kind::SOCKET, pid)(e))
        .collect();
    let expected = [
        ((2, 3), 1),
        ((17, 3), 3),
        ((16, 3), 12),
        ((38, 5), 0),
        ((40, 1), 0),
        ((2, 1), 132),
        ((45, 1), 0),
        ((2, 3), 255),
    ];
    assert_eq!(all.len(), expected.len(), "{all:#?}");
    for ((event, (of, protocol)), result) in all.iter().zip(expected).zip(&results[4..]) {
        assert_eq!((family(event), event.a as u32), (of, protocol));
        if *result < 0 {
            assert_eq!((i64::from(event.ret), event.b), (*result, 0));
        } else {
            assert!(event.ret >= 0);
            assert_eq!(event.b, *result as u64);
        }
    }
    assert_eq!(all.last().unwrap().ret, -1);
    if watch.sensor.gaps().is_empty() {
        assert_ne!(all[0].c, 0, "the cookie of a raw socket");
    }
}

#[test]
fn messages_to_addresses_are_told_once_each() {
    let Some(mut watch) = Watch::start(&only(&[kind::SEND])) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let p = path.display();
    let (pid, told) = python(&format!(
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('{p}')
x = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); x.bind(b'\\0hidden-%d' % os.getpid())
c = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for i in range(3): c.sendto(b'a', '{p}'); s.recv(9)
c.sendmsg([b'b'], [], 0, b'\\0hidden-%d' % os.getpid())
c.connect('{p}'); c.send(b'c')
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u.sendto(b'x', ('::ffff:127.0.0.1', 9)); u.sendmsg([b'x'], [], 0, ('::ffff:127.0.0.1', 10))
m = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names = [ctypes.create_string_buffer(struct.pack('<H', 2) + struct.pack('>H', port) + bytes([127, 0, 0, 1]) + bytes(8)) for port in (21, 22, 21)]
data = ctypes.create_string_buffer(b'y'); iov = ctypes.create_string_buffer(struct.pack('QQ', ctypes.addressof(data), 1))
msgs = ctypes.create_string_buffer(b''.join(struct.pack('QIIQQQQQQ', ctypes.addressof(n), 16, 0, ctypes.addressof(iov), 1, 0, 0, 0, 0) for n in names))
assert call(307, m.fileno(), ctypes.byref(msgs), 3, 0) == 3
r = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253); r.sendto(b'z', ('127.0.0.9', 0))
print(*[os.fstat(k.fileno()).st_ino for k in (c, r)])"
    ));
    let inodes: Vec<u64> = told.split(' ').map(|n| n.parse().unwrap()).collect();
    watch.expect("exit", of(kind::EXIT, pid));
    let all: Vec<&Event> = watch
        .seen
        .iter()
        .filter(|e| of(kind::SEND, pid)(e))
        .collect();
    let told: Vec<((u16, u16), u32, Vec<u8>)> = all
        .iter()
        .map(|e| (family(e), e.a as u32, e.text.to_vec()))
        .collect();
    let hidden = format!("\0hidden-{pid}").into_bytes();
    let v4 = |last| vec![127, 0, 0, last];
    assert_eq!(
        told,
        [
            ((1, 2), 0, path.to_str().unwrap().as_bytes().to_vec()),
            ((1, 2), 0, hidden),
            ((10, 2), 9, v4(1)),
            ((10, 2), 10, v4(1)),
            ((2, 2), 21, v4(1)),
            ((2, 2), 22, v4(1)),
            ((2, 3), 0, v4(9)),
        ]
    );
    assert_eq!(
        (all[0].b, all[1].b, all[6].b),
        (inodes[0], inodes[0], inodes[1])
    );
    for given in [all[0], all[1], all[6]] {
        assert_ne!(given.marks & event_mark::AS_GIVEN, 0);
    }
    if watch.sensor.gaps().is_empty() {
        for kernels in &all[2..6] {
            assert_eq!(kernels.marks & event_mark::AS_GIVEN, 0);
            assert_ne!(kernels.c, 0);
        }
    }
}

#[test]
fn vsock_says_context_and_port_even_where_it_fails() {
    let Some(mut watch) = Watch::start(&only(&[
        kind::CONNECT,
        kind::ACCEPT,
        kind::BIND,
        kind::LISTEN,
    ])) else {
        return;
    };
    let (pid, told) = python(
        "try: c = socket.socket(40, 1)
except OSError: print('none'); sys.exit()
c.settimeout(1)
try: c.connect((2147483649, 4040)); print('odd')
except OSError as e: print('failed')
s = socket.socket(40, 1); s.bind((0xffffffff, 5005)); s.listen()
d = socket.socket(40, 1); d.settimeout(1)
try:
    d.connect((1, 5005)); a, peer = s.accept(); os.dup2(a.fileno(), 0); print('loopback', peer[1], os.fstat(a.fileno()).st_ino)
except OSError as e: print('no-loopback')",
    );
    if told == "none" {
        println!("skipped: this kernel has no vsock");
        return;
    }
    let failed = watch.expect("refused", |e| {
        of(kind::CONNECT, pid)(e) && text(&e.text) == "2147483649"
    });
    assert!(failed.ret < 0);
    assert_eq!((failed.a as u32, family(&failed)), (4040, (40, 1)));
    assert!(failed.has_text_address());
    for kind in [kind::BIND, kind::LISTEN] {
        let own = watch.expect("own end", of(kind, pid));
        assert_eq!(
            (text(&own.text), own.a as u32),
            ("4294967295".to_owned(), 5005)
        );
    }
    let connect = watch.expect("connect", |e| {
        of(kind::CONNECT, pid)(e) && text(&e.text) == "1"
    });
    assert_eq!(connect.a as u32, 5005);
    let Some(of_peer) = told
        .split_once("loopback ")
        .filter(|(head, _)| !head.ends_with("no-"))
    else {
        println!("no loopback of vsock here: the failing connect alone was checked");
        assert!(connect.ret < 0);
        return;
    };
    let numbers: Vec<u64> = of_peer.1.split(' ').map(|n| n.parse().unwrap()).collect();
    let accept = watch.expect("accept", of(kind::ACCEPT, pid));
    assert_eq!(
        (text(&accept.text), accept.a as u32),
        ("1".to_owned(), numbers[0] as u32)
    );
    assert_eq!(accept.number(Slot::Attr(1)), Some(5005));
    assert_eq!(accept.b, numbers[1]);
    let dup = watch.expect("dup", |e| of(kind::DUP, pid)(e) && e.b == numbers[1]);
    assert_eq!(
        (text(&dup.text), (dup.c >> 32) as u32),
        ("1".to_owned(), numbers[0] as u32)
    );
}
