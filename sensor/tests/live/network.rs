use crate::observe::{Watch, of, python, text};
use std::net::{TcpListener, UdpSocket};
use vedette_contract::{
    Slot, kind,
    values::{stream_kind, stream_mark},
};
use vedette_sensor::{event::Event, filter::Filter};

fn port(event: &Event) -> u16 {
    event.a as u16
}

fn family(event: &Event) -> (u16, u16) {
    ((event.a >> 32) as u16, (event.a >> 48) as u16)
}

#[test]
fn a_connection_on_both_sides_its_payload_and_its_streams() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
port = s.getsockname()[1]
child = os.fork()
if child == 0:
    c = socket.create_connection(('127.0.0.1', port))
    c.send(b'{\"method\": \"mining.subscribe\"}')
    os.dup2(c.fileno(), 0)
    print(os.getpid(), os.fstat(c.fileno()).st_ino, flush=True)
    c.recv(1)
    for i in range(8): c.send(b'x' * 600); time.sleep(0.01)
    os._exit(0)
a, peer = s.accept()
os.dup2(a.fileno(), 0)
a.recv(100); a.send(b'!'); 
while a.recv(65536): pass
os.wait()
print(port, peer[1], os.fstat(a.fileno()).st_ino)",
    );
    let numbers: Vec<u64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [child, out_inode, server, client, in_inode] = numbers[..] else {
        panic!("{told}")
    };
    let (child, server, client) = (child as u32, server as u16, client as u16);

    let bind = watch.expect("bind", of(kind::BIND, pid));
    assert_eq!(
        (&bind.text[..], family(&bind)),
        (&[127, 0, 0, 1][..], (2, 1))
    );
    let listen = watch.expect("listen", of(kind::LISTEN, pid));
    assert_eq!(port(&listen), server);
    let connect = watch.expect("connect", |e| {
        of(kind::CONNECT, child)(e) && port(e) == server
    });
    assert_eq!((connect.ret, connect.b), (0, out_inode));
    assert_eq!(&connect.text[..], [127, 0, 0, 1]);
    assert_ne!(connect.c, 0);
    let accept = watch.expect("accept", of(kind::ACCEPT, pid));
    assert_eq!(port(&accept), client);
    assert_eq!(accept.number(Slot::Attr(1)), Some(server.into()));
    assert_eq!(accept.b, in_inode);
    assert_ne!(accept.c, 0);

    let stream = |watch: &mut Watch, pid| {
        let dup = watch.expect("dup", |e| {
            of(kind::DUP, pid)(e) && e.a >> 32 == u64::from(stream_kind::INET)
        });
        dup.stream.as_deref().unwrap().clone()
    };
    let outbound = stream(&mut watch, child);
    assert_eq!(
        outbound.marks & (stream_mark::OUTBOUND | stream_mark::ACCEPTED),
        stream_mark::OUTBOUND
    );
    assert_eq!((outbound.port as u16, outbound.id), (server, out_inode));
    let accepted = stream(&mut watch, pid);
    assert_eq!(
        accepted.marks & (stream_mark::OUTBOUND | stream_mark::ACCEPTED),
        stream_mark::ACCEPTED
    );
    assert_eq!(&accepted.address[..], [127, 0, 0, 1]);

    let sent = watch.expect("sent", |e| {
        of(kind::SENT, child)(e) && e.text.starts_with(b"{\"method\": \"mining.subscribe\"}")
    });
    assert_eq!(
        (port(&sent), sent.b, sent.c),
        (server, out_inode, connect.c)
    );
    assert_eq!(&sent.text2[..], [127, 0, 0, 1]);
    assert_eq!(sent.a >> 32, sent.text.len() as u64);
    watch.expect("exit", of(kind::EXIT, pid));
    watch.settle();
    let by = |pid| {
        let sent = watch.seen.iter();
        sent.filter(move |e| e.kind == kind::SENT && e.task.process.pid == pid)
    };
    // The first message counts for 64 bytes, each of the others for 512.
    assert_eq!(by(child).count(), 5, "the first 2,048 bytes");
    assert_eq!(by(pid).count(), 1, "the answer");
    assert!(by(child).all(|e| e.text.len() <= 512));
}

#[test]
fn refused_and_pending_connections_keep_their_port() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    // A port that was just free refuses.
    let refusing = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let refusing6 = TcpListener::bind("[::1]:0").map(|l| l.local_addr().unwrap().port());
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp_port = udp.local_addr().unwrap().port();
    let (pid, _) = python(&format!(
        "def go(family, address, block=True, type=socket.SOCK_STREAM):
    s = socket.socket(family, type); s.setblocking(block)
    try: s.connect(address)
    except OSError: pass
    return s
a = go(socket.AF_INET, ('127.0.0.1', {refusing}))
b = go(socket.AF_INET, ('127.0.0.2', {refusing}), False)
c = go(socket.AF_INET, ('127.0.0.1', {udp_port}), True, socket.SOCK_DGRAM)
d = go(socket.AF_INET6, ('::ffff:127.0.0.3', {refusing}))
e = go(socket.AF_INET6, ('::1', {}))
f = go(socket.AF_UNIX, '/nowhere/at/all')
os.dup2(c.fileno(), 0)",
        refusing6.as_ref().copied().unwrap_or(1)
    ));
    let to = |watch: &mut Watch, what: &str, address: &[u8]| {
        watch.expect(what, |e| {
            of(kind::CONNECT, pid)(e) && &e.text[..] == address
        })
    };
    let refused = watch.expect("refused", |e| {
        of(kind::CONNECT, pid)(e) && e.text[..] == [127, 0, 0, 1] && family(e).1 == 1
    });
    assert_eq!((port(&refused), refused.ret), (refusing, -111));
    let pending = to(&mut watch, "pending", &[127, 0, 0, 2]);
    assert_eq!((port(&pending), pending.ret), (refusing, -115));
    let datagram = watch.expect("udp", |e| of(kind::CONNECT, pid)(e) && family(e).1 == 2);
    assert_eq!((port(&datagram), datagram.ret), (udp_port, 0));
    let mapped = to(&mut watch, "mapped", &[127, 0, 0, 3]);
    assert_eq!((family(&mapped).0, mapped.ret), (10, -111));
    if let Ok(refusing6) = refusing6 {
        let v6 = to(&mut watch, "v6", &std::net::Ipv6Addr::LOCALHOST.octets());
        assert_eq!((port(&v6), v6.ret), (refusing6, -111));
    }
    let unix = to(&mut watch, "unix", b"/nowhere/at/all");
    assert_eq!((unix.ret, family(&unix)), (-2, (1, 1)));
    let dup = watch.expect("dup", of(kind::DUP, pid));
    let stream = dup.stream.as_deref().unwrap();
    assert_eq!(
        stream.marks & (stream_mark::OUTBOUND | stream_mark::DATAGRAM),
        stream_mark::OUTBOUND | stream_mark::DATAGRAM
    );
}

#[test]
fn a_connection_is_over_when_its_last_holder_lets_go_of_it() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let refusing = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (pid, told) = python(&format!(
        "l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()
def pair():
    c = socket.create_connection(l.getsockname())
    return (c,) + l.accept()
inode = lambda s: os.fstat(s.fileno()).st_ino
# Closed by both, the client first, while a child keeps it for a while.
a, b, peer = pair(); a.send(b'seven b'); b.recv(100); b.send(b'three'); a.recv(100)
r, w = os.pipe()
child = os.fork()
if child == 0:
    os.close(w); os.read(r, 1); os._exit(0)
os.close(r); first = inode(a), inode(b); a.close()
kept = time.clock_gettime_ns(time.CLOCK_BOOTTIME); os.close(w); os.wait()
b.recv(1); b.close()
# One direction shut down: not over until it is closed.
c, d, _ = pair(); c.shutdown(socket.SHUT_WR); d.recv(1); d.send(b'still'); c.recv(100)
half = time.clock_gettime_ns(time.CLOCK_BOOTTIME); second = inode(c); d.close(); c.close()
# Broken off.
e, f, _ = pair(); third = inode(f)
e.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); e.close()
try: f.recv(1)
except OSError: pass
# Refused later.
g = socket.socket(); g.setblocking(False); fourth = inode(g)
g.connect_ex(('127.0.0.1', {refusing})); time.sleep(0.05)
print(*first, peer[1], l.getsockname()[1], kept, second, half, third, fourth)"
    ));
    let numbers: Vec<u64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [
        out,
        accepted,
        client,
        server,
        kept,
        second,
        half,
        third,
        fourth,
    ] = numbers[..]
    else {
        panic!("{told}")
    };
    let over = |watch: &mut Watch, what: &str, socket: u64| {
        let event = watch.expect(what, |e| of(kind::DISCONNECT, pid)(e) && e.b == socket);
        assert_eq!(&event.text[..], [127, 0, 0, 1], "{what}");
        event
    };
    let (from, to) = (
        u64::from(stream_mark::OUTBOUND),
        u64::from(stream_mark::ACCEPTED),
    );
    let event = over(&mut watch, "own side", out);
    assert_eq!((event.a, event.ret), (server | from << 32, 0));
    assert!(event.at >= kept, "the child held it");
    assert_eq!(event.number(Slot::Attr(1)), Some(7));
    assert_eq!(event.number(Slot::Attr(2)), Some(5));
    let event = over(&mut watch, "other side", accepted);
    assert_eq!((event.a, event.ret), (client | to << 32, 0));
    assert_eq!(event.number(Slot::Attr(2)), Some(8), "and the end");
    let event = over(&mut watch, "half", second);
    assert!(event.at >= half, "the other direction was open");
    let event = over(&mut watch, "broken off", third);
    assert_eq!((event.a >> 32, event.ret), (to, -104));
    let event = over(&mut watch, "refused", fourth);
    assert_eq!(
        (event.a, event.ret),
        (u64::from(refusing) | from << 32, -111)
    );
    watch.expect("exit", of(kind::EXIT, pid));
    watch.settle();
    for socket in [out, accepted, second, third, fourth] {
        let told = watch.seen.iter();
        let told = told.filter(|e| e.kind == kind::DISCONNECT && e.b == socket);
        assert_eq!(told.count(), 1, "each once");
    }
}

#[test]
fn a_unix_connection_names_path_and_peer() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("docker.sock");
    let (pid, told) = python(&format!(
        "s = socket.socket(socket.AF_UNIX); s.bind('{}'); s.listen()
child = os.fork()
if child == 0:
    c = socket.socket(socket.AF_UNIX); c.connect('{}')
    c.recv(1); os._exit(0)
a, _ = s.accept()
os.dup2(a.fileno(), 0)
a.send(b'x'); os.wait()
n = socket.socket(socket.AF_UNIX); n.bind(b'\\0abstract-%d' % os.getpid())
print(child)",
        path.display(),
        path.display()
    ));
    let child: u32 = told.parse().unwrap();
    let connect = watch.expect("connect", of(kind::CONNECT, child));
    assert_eq!(text(&connect.text), path.to_str().unwrap());
    assert_eq!(connect.target.unwrap().pid, pid);
    let accept = watch.expect("accept", of(kind::ACCEPT, pid));
    assert_eq!(text(&accept.text), path.to_str().unwrap());
    assert_eq!(accept.target.unwrap().pid, child);
    assert_eq!(accept.number(Slot::Attr(2)), Some(connect.b));
    let dup = watch.expect("dup", of(kind::DUP, pid));
    let stream = dup.stream.as_deref().unwrap();
    assert_eq!((stream.kind, stream.id), (stream_kind::UNIX, accept.b));
    assert_eq!(stream.other, connect.b);
    let abstract_ = watch.expect("abstract", |e| {
        of(kind::BIND, pid)(e) && e.text.first() == Some(&0)
    });
    assert_eq!(text(&abstract_.text), format!("\0abstract-{pid}"));
}
