//! Multipath TCP: the socket that the process holds is one, the TCP connections below it others, and
//! all that is told is told of the former.

use crate::observe::{Watch, of, python, skip};
use vedette_contract::{
    Slot, kind,
    values::{stream_kind, stream_mark},
};
use vedette_sensor::{event::Event, filter::Filter};

const SIDES: u32 = stream_mark::OUTBOUND | stream_mark::ACCEPTED;

/// Whether this kernel has Multipath TCP, and lets it be used.
fn has_mptcp() -> bool {
    let enabled = std::fs::read_to_string("/proc/sys/net/mptcp/enabled");
    let has = enabled.is_ok_and(|enabled| enabled.trim() == "1");
    if !has {
        skip("no Multipath TCP");
    }
    has
}

/// A client of protocol `CLIENT` and a server of `SERVER` that talk, hold the connection as their
/// standard input, and close it.
const TALK: &str = "
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, SERVER); s.bind(('127.0.0.1', 0)); s.listen()
inode = lambda s: os.fstat(s.fileno()).st_ino
r, w = os.pipe()
child = os.fork()
if child == 0:
    c = socket.socket(socket.AF_INET, socket.SOCK_STREAM, CLIENT); c.connect(s.getsockname())
    s.close()
    c.send(b'hello from the client'); os.dup2(c.fileno(), 0)
    assert c.recv(100) == b'answer'
    os.write(w, str(inode(c)).encode()); os._exit(0)
a, peer = s.accept()
while a.recv(100) != b'hello from the client': pass
a.send(b'answer'); os.dup2(a.fileno(), 0)
os.wait(); os.close(0); n = inode(a); a.recv(1); a.close()
print(child, os.read(r, 100).decode(), n, s.getsockname()[1], peer[1])";

struct Talk {
    watch: Watch,
    server: u32,
    client: u32,
    out_inode: u64,
    in_inode: u64,
    port: u64,
    client_port: u64,
}

fn talk(client: u32, server: u32) -> Option<Talk> {
    let mut watch = Watch::start(&Filter::everything())?;
    if !has_mptcp() {
        return None;
    }
    let script = format!("CLIENT, SERVER = {client}, {server}\n{TALK}");
    let (server, told) = watch.python(&script);
    let n: Vec<u64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [client, out_inode, in_inode, port, client_port] = n[..] else {
        panic!("{told}")
    };
    Some(Talk {
        watch,
        server,
        client: client as u32,
        out_inode,
        in_inode,
        port,
        client_port,
    })
}

fn stream_of(watch: &mut Watch, pid: u32, inode: u64) -> u32 {
    let dup = watch.expect("dup", |e| {
        of(kind::DUP, pid)(e) && e.a >> 32 == u64::from(stream_kind::INET) && e.b == inode
    });
    dup.stream.as_deref().unwrap().marks & SIDES
}

impl Talk {
    /// What the client's side says of itself: all of it of the socket that the process holds.
    fn client_says(&mut self) {
        let (pid, inode, port) = (self.client, self.out_inode, self.port);
        let connect = self.watch.expect("connect", |e| {
            of(kind::CONNECT, pid)(e) && e.a & 0xffff == port
        });
        assert_eq!((connect.ret, connect.b), (0, inode));
        assert_eq!(connect.text[..], [127, 0, 0, 1]);
        assert_ne!(connect.c, 0);
        let marks = stream_of(&mut self.watch, pid, inode);
        assert_eq!(marks, stream_mark::OUTBOUND);
        let over = self.watch.expect("disconnect", |e| {
            of(kind::DISCONNECT, pid)(e) && e.a & 0xffff == port
        });
        assert_eq!((over.b, over.c), (inode, connect.c));
        assert_eq!(over.a >> 32, stream_mark::OUTBOUND.into());
        // The kernel counts them since Linux 6.5.
        if !over.attrs.is_empty() {
            assert_eq!(over.number(Slot::Attr(1)), Some(21));
        }
        if !self.watch.sensor.senses(kind::SENT) {
            skip("no packets are seen here");
            return;
        }
        let sent = self.watch.expect("sent", |e| {
            of(kind::SENT, pid)(e) && &e.text[..] == b"hello from the client"
        });
        assert_eq!((sent.b, sent.c), (inode, connect.c));
        assert_eq!(
            sent.number(Slot::Attr(2)),
            Some(stream_mark::OUTBOUND.into())
        );
        let back = self.watch.expect("received", |e| {
            of(kind::RECEIVED, pid)(e) && &e.text[..] == b"answer"
        });
        assert_eq!((back.b, back.c), (inode, connect.c));
    }

    fn server_says(&mut self) {
        let (pid, inode, port) = (self.server, self.in_inode, self.client_port);
        let accept = self.watch.expect("accept", of(kind::ACCEPT, pid));
        assert_eq!((accept.a & 0xffff, accept.b), (port, inode));
        assert_ne!(accept.c, 0);
        let marks = stream_of(&mut self.watch, pid, inode);
        assert_eq!(marks, stream_mark::ACCEPTED);
        let over = self.watch.expect("disconnect", |e| {
            of(kind::DISCONNECT, pid)(e) && e.a & 0xffff == port
        });
        assert_eq!((over.b, over.c), (inode, accept.c));
        if !self.watch.sensor.senses(kind::SENT) {
            return;
        }
        let received = self.watch.expect("received", |e| {
            of(kind::RECEIVED, pid)(e) && &e.text[..] == b"hello from the client"
        });
        assert_eq!((received.b, received.c), (inode, accept.c));
        let sent = self.watch.expect("sent", |e| {
            of(kind::SENT, pid)(e) && &e.text[..] == b"answer"
        });
        assert_eq!((sent.b, sent.c), (inode, accept.c));
    }

    /// Each end of a connection is over once, and nothing is told of the connections below.
    fn nothing_twice(mut self) {
        self.watch.settle();
        for pid in [self.client, self.server] {
            let count = |kind| self.watch.seen.iter().filter(|e| of(kind, pid)(e)).count();
            assert_eq!(count(kind::DISCONNECT), 1, "of {pid}");
            assert_eq!(count(kind::CONNECT) + count(kind::ACCEPT), 1, "of {pid}");
        }
    }
}

#[test]
fn multipath_on_both_sides() {
    let Some(mut talk) = talk(262, 262) else {
        return;
    };
    talk.client_says();
    talk.server_says();
    talk.nothing_twice();
}

#[test]
fn multipath_that_falls_back_to_tcp() {
    for (client, server) in [(262, 6), (6, 262)] {
        let Some(mut talk) = talk(client, server) else {
            return;
        };
        talk.client_says();
        talk.server_says();
        talk.nothing_twice();
    }
}

#[test]
fn multipath_that_is_refused() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    if !has_mptcp() {
        return;
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let (pid, _) = python(&format!(
        "for block in (True, False):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262); s.setblocking(block)
    s.connect_ex(('127.0.0.1', {port})); time.sleep(0.1)"
    ));
    let results: Vec<i32> = [-111, -115]
        .map(|ret| {
            let is = |e: &Event| of(kind::CONNECT, pid)(e) && e.ret == ret;
            let connect = watch.expect("connect", is);
            assert_eq!(
                (connect.a as u16, &connect.text[..]),
                (port, &[127, 0, 0, 1][..])
            );
            connect.ret
        })
        .into();
    assert_eq!(results, [-111, -115]);
}
