//! Many connections must not make the sensor forget what a single one is.

use crate::observe::{Watch, of, skip};
use vedette_contract::{
    kind,
    values::{stream_kind, stream_mark},
};
use vedette_sensor::filter::Filter;

/// More than the sensor keeps of anything that is shared by all connections of the machine would be
/// as good, but for the time that it takes on an emulated one.
const REFUSED: u32 = 10_000;

#[test]
fn refused_connections_make_no_other_forgotten() {
    let mut filter = Filter::context();
    filter.kinds = filter.kinds.with(kind::SENT);
    let Some(mut watch) = Watch::start(&filter) else {
        return;
    };
    let (pid, told) = watch.python(&format!(
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
c = socket.create_connection(s.getsockname()); a, _ = s.accept()
n = socket.socket(); n.bind(('127.0.0.1', 0)); nowhere = n.getsockname()
for i in range({REFUSED}):
    with socket.socket() as r: assert r.connect_ex(nowhere) == 111
os.dup2(c.fileno(), 0); os.dup2(a.fileno(), 1)
c.send(b'after the storm'); a.recv(100)
os.write(2, b''); sys.stdout = os.fdopen(2, 'w')"
    ));
    assert_eq!(told, "");
    for (fd, side) in [(0, stream_mark::OUTBOUND), (1, stream_mark::ACCEPTED)] {
        let dup = watch.expect("dup", |e| {
            of(kind::DUP, pid)(e) && e.a == fd | u64::from(stream_kind::INET) << 32
        });
        let stream = dup.stream.as_deref().unwrap();
        assert_eq!(
            stream.marks & (stream_mark::OUTBOUND | stream_mark::ACCEPTED),
            side
        );
    }
    if !watch.sensor.senses(kind::SENT) {
        skip("no packets are seen here");
        return;
    }
    watch.expect("what it says", |e| {
        of(kind::SENT, pid)(e) && &e.text[..] == b"after the storm"
    });
}

/// Lets a socket of the kernel's have no memory for what programs keep with it, in the two ways that
/// need no rights on the machine: a limit of one's own network namespace, and a filter that takes what
/// there is.
const FILL: &str = "
call(272, 0x40000000)
t = socket.socket(); fcntl.ioctl(t, 0x8914, struct.pack('16sH14x', b'lo', 1))
most = '/proc/sys/net/core/optmem_max'
if os.path.exists(most): open(most, 'w').write('100')
def fill(s):
    for n in range(4096, 0, -1):
        code = ctypes.create_string_buffer(struct.pack('HBBI', 0, 0, 0, 0) * (n - 1) + struct.pack('HBBI', 6, 0, 0, 0xffff))
        try: s.setsockopt(1, 26, struct.pack('HxxxxxxQ', n, ctypes.addressof(code))); return
        except OSError: pass";

#[test]
fn a_socket_that_cannot_remember_has_a_side_all_the_same() {
    let mut filter = Filter::context();
    filter.kinds = filter.kinds.with(kind::SENT);
    let Some(mut watch) = Watch::start(&filter) else {
        return;
    };
    let (pid, _) = watch.python(&format!(
        "{FILL}
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
c = socket.socket(); fill(c); c.connect(s.getsockname()); a, _ = s.accept()
os.dup2(c.fileno(), 0); c.send(b'filled'); a.recv(100)"
    ));
    let dup = watch.expect("dup", |e| {
        of(kind::DUP, pid)(e) && e.a == u64::from(stream_kind::INET) << 32
    });
    let marks = dup.stream.as_deref().unwrap().marks;
    assert_ne!(marks & stream_mark::OUTBOUND, 0);
    if watch.sensor.senses(kind::SENT) {
        watch.expect("what it says", |e| {
            of(kind::SENT, pid)(e) && &e.text[..] == b"filled"
        });
    }
}
