//! What is done through an io_uring, which no system call of its own shows.

use crate::observe::{Watch, of, python, skip, text};
use std::{fs, os::unix::fs::MetadataExt, path::Path};
use vedette_contract::{
    kind,
    values::{event_mark, stream_kind},
};
use vedette_sensor::{event::Event, filter::Filter};

/// `Ring(flags)` with `ask(operation, …)`, which gives the result, and `post`, which does not wait.
const RING: &str = r#"
import mmap
class Ring:
    def __init__(self, flags=0, entries=8):
        p = ctypes.create_string_buffer(struct.pack('IIIIIIIIII', 0, 0, flags, 0, 9000, 0, 0, 0, 0, 0), 120)
        self.fd = call(425, entries, p)
        if self.fd < 0: return
        words = struct.unpack('30I', p.raw)
        self.polled = flags & 2
        self.sq, self.cq = words[10:17], words[20:27]
        size = max(self.sq[6] + words[0] * 4, self.cq[5] + words[1] * 16)
        shared = lambda size, at: mmap.mmap(self.fd, size, mmap.MAP_SHARED | 0x8000, offset=at)
        self.ring, self.entries, self.kept = shared(size, 0), shared(words[0] * 64, 0x10000000), []
    def word(self, at, value=None):
        if value is None: return struct.unpack_from('I', self.ring, at)[0]
        struct.pack_into('I', self.ring, at, value)
    def where(self, a):
        if not isinstance(a, bytes): return a
        self.kept.append(ctypes.create_string_buffer(a))
        return ctypes.addressof(self.kept[-1])
    def post(self, operation, fd=-1, addr=0, off=0, len=0, flags=0, how=0, slot=0, data=1, ioprio=0, addr3=0, enter=True):
        tail = self.word(self.sq[1])
        at = tail & self.word(self.sq[2])
        struct.pack_into('=BBHiQQIIQHHIQQ', self.entries, at * 64, operation, flags, ioprio, fd,
            self.where(off), self.where(addr), len, how, data, 0, 0, slot, self.where(addr3), 0)
        self.word(self.sq[6] + at * 4, at)
        self.word(self.sq[1], tail + 1)
        if enter: self.enter(0 if self.polled else 1)
    def enter(self, submit, wait=0):
        return call(426, self.fd, submit, wait, (1 if wait else 0) | (2 if self.polled else 0), 0, 0)
    def answer(self):
        head = self.word(self.cq[0])
        while self.word(self.cq[1]) == head: self.enter(0, 1)
        data, res, flags = struct.unpack_from('QiI', self.ring, self.cq[5] + (head & self.word(self.cq[2])) * 16)
        self.word(self.cq[0], head + 1)
        return res
    def ask(self, *a, **k):
        self.post(*a, **k)
        return self.answer()
    def supports(self, operation):
        p = ctypes.create_string_buffer(16 + 256 * 8)
        assert call(427, self.fd, 8, p, 256) == 0
        return operation < p.raw[1] + 0 + 1 and bool(p.raw[16 + operation * 8 + 2] & 1)
def how(flags, mode=0, resolve=0): return struct.pack('QQQ', flags, mode, resolve)
OPENAT, OPENAT2, CLOSE, CONNECT, ACCEPT, INSTALL, BIND, LISTEN = 18, 28, 19, 16, 13, 54, 56, 57
RENAME, UNLINK, MKDIR, SYMLINK, LINK, SPLICE, SOCKET, FTRUNCATE = 35, 36, 37, 38, 39, 30, 45, 55
FSETXATTR, SETXATTR, PIPE = 41, 42, 62
"#;

/// Runs a script that uses [`RING`]; none where this machine lets nobody make a ring.
pub fn ring(script: &str) -> Option<(u32, String)> {
    let (pid, told) = python(&format!(
        "{RING}
if Ring().fd < 0: print('no ring')
else:
    def act():
        {}
    act()",
        script.replace('\n', "\n        ")
    ));
    if told == "no ring" {
        skip("io_uring is not to be had here");
        return None;
    }
    Some((pid, told))
}

/// The event of this kind that was done through a ring; exactly one fits.
pub fn by_ring(
    watch: &mut Watch,
    what: &str,
    kind: u16,
    pid: u32,
    fits: impl Fn(&Event) -> bool,
) -> Event {
    let fits = |e: &Event| of(kind, pid)(e) && fits(e);
    let event = watch.expect(what, |e| fits(e) && e.marks & event_mark::IO_URING != 0);
    watch.settle();
    assert_eq!(
        watch.seen.iter().filter(|e| fits(e)).count(),
        1,
        "{what} is told once"
    );
    event
}

fn opened(watch: &mut Watch, pid: u32, path: &Path) -> Event {
    let what = format!("open of {}", path.display());
    let open = by_ring(watch, &what, kind::OPEN, pid, |e| {
        text(&e.text) == path.to_str().unwrap()
    });
    assert_eq!(open.b, path.metadata().unwrap().ino());
    assert_eq!(open.task.process.pid, pid);
    // A worker may have overtaken what it happened beside.
    let marks = open.marks & !event_mark::LATE;
    assert_eq!(marks, event_mark::IO_URING, "nothing is missing");
    open
}

#[test]
fn a_ring_is_made() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let Some((pid, told)) = ring("print(Ring(flags=1 << 7, entries=5).fd)") else {
        return;
    };
    let made = watch.expect("io-uring", |e| of(kind::IO_URING, pid)(e) && e.a >> 32 != 0);
    // The kernel rounds the size up; the flag is IORING_SETUP_SUBMIT_ALL.
    assert_eq!((made.a as u32, made.a >> 32), (8, 1 << 7));
    assert_eq!(made.ret, told.parse::<i32>().unwrap());
}

#[test]
fn files_opened_through_a_ring() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    let names = [
        "inline", "open2", "async", "slot", "any", "polled", "lost", "thread",
    ];
    for name in names {
        fs::write(d.join(name), "x").unwrap();
    }
    std::os::unix::fs::symlink(d.join("inline"), d.join("link")).unwrap();
    let Some((pid, told)) = ring(&format!(
        "d = b'{}/'
import threading
r = Ring()
dirfd = os.open(d, os.O_PATH)
print(r.ask(OPENAT, fd=dirfd, addr=b'../' + os.path.basename(d[:-1]) + b'/link', how=os.O_RDWR), end=' ')
assert r.ask(OPENAT2, fd=-100, addr=d + b'open2', len=24, off=how(os.O_WRONLY)) > 2
assert r.ask(OPENAT, fd=-100, addr=d + b'async', how=os.O_RDONLY, flags=16) > 2
assert r.ask(OPENAT, fd=-100, addr=d + b'made', how=os.O_WRONLY | os.O_CREAT, len=0o600) > 2
assert call(427, r.fd, 2, struct.pack('8i', *[-1] * 8), 8) == 0
assert r.ask(OPENAT, fd=-100, addr=d + b'slot', how=os.O_RDONLY, slot=6) == 0
any = r.ask(OPENAT, fd=-100, addr=d + b'any', how=os.O_RDONLY, slot=0xffffffff)
print(any, end=' ')
p = Ring(flags=2)
assert p.ask(OPENAT, fd=-100, addr=d + b'polled', how=os.O_RDONLY) > 2
assert r.ask(OPENAT, fd=-100, addr=d + b'absent', how=os.O_RDONLY) == -2
o = Ring(entries=1)
for i in range(3): o.post(0, data=7)
o.post(OPENAT, fd=-100, addr=d + b'lost', how=os.O_RDONLY, data=8)
def other():
    assert r.ask(OPENAT, fd=-100, addr=d + b'thread', how=os.O_RDONLY) > 2
    print(threading.get_native_id())
t = threading.Thread(target=other); t.start(); t.join()",
        d.display()
    )) else {
        return;
    };
    let numbers: Vec<i32> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [first, any, thread] = numbers[..] else {
        panic!("{told}")
    };
    let w = &mut watch;
    let inline = opened(w, pid, &d.join("inline"));
    assert_eq!((inline.ret, inline.a & 3), (first, 2));
    assert_eq!(opened(w, pid, &d.join("open2")).a & 3, 1);
    let made = opened(w, pid, &d.join("made"));
    assert_eq!(made.a & 3, 1);
    assert_eq!(made.task.tid, pid, "it is not the worker that acts");
    assert_eq!(opened(w, pid, &d.join("async")).task.tid, pid);
    assert_eq!(opened(w, pid, &d.join("slot")).ret, 0);
    assert_eq!(opened(w, pid, &d.join("any")).ret, any);
    opened(w, pid, &d.join("lost"));
    assert_eq!(opened(w, pid, &d.join("thread")).task.tid, thread as u32);
    // The polling thread has a name and a number of its own, and is part of the process.
    let polled = w.expect("open by the polling thread", |e| {
        e.kind == kind::OPEN && text(&e.text) == d.join("polled").to_str().unwrap()
    });
    assert_eq!(polled.task.process, inline.task.process);
    assert_eq!(polled.marks & !event_mark::LATE, event_mark::IO_URING);
    assert!(!w.seen.iter().any(|e| text(&e.text).ends_with("/absent")));
}

#[test]
fn connections_through_a_ring() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let Some((pid, told)) = ring(
        "def address(port): return struct.pack('=H', 2) + struct.pack('>H', port) + socket.inet_aton('127.0.0.1') + bytes(8)
r = Ring()
own = r.supports(BIND)
s = socket.socket()
if own:
    assert r.ask(BIND, fd=s.fileno(), addr=address(0), off=16) == 0
    assert r.ask(LISTEN, fd=s.fileno(), len=5) == 0
else: s.bind(('127.0.0.1', 0)); s.listen()
port = s.getsockname()[1]
def connect(ring, to):
    c = socket.socket()
    return c, ring.ask(CONNECT, fd=c.fileno(), addr=address(to), off=16)
a = Ring()
a.post(ACCEPT, fd=s.fileno())
c, result = connect(r, port)
assert result == 0
first = a.answer()
a.post(ACCEPT, fd=s.fileno(), ioprio=1, data=5)
more = [connect(r, port)[0] for i in range(2)]
second, third = a.answer(), a.answer()
free = socket.socket(); free.bind(('127.0.0.1', 0)); gone = free.getsockname()[1]; free.close()
refused, result = connect(r, gone)
assert result == -111, result
pending = socket.socket(); pending.setblocking(False)
polled = Ring(flags=2)
assert polled.ask(CONNECT, fd=pending.fileno(), addr=address(port), off=16) in (0, -115)
u = socket.socket(socket.AF_UNIX)
assert r.ask(CONNECT, fd=u.fileno(), addr=struct.pack('H', 1) + b'/nowhere', off=11) == -2
inode = lambda f: os.fstat(f).st_ino
print(int(own), port, gone, inode(s.fileno()), inode(c.fileno()), inode(refused.fileno()), inode(pending.fileno()), *map(inode, (first, second, third)))",
    ) else {
        return;
    };
    let numbers: Vec<u64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [
        own,
        port,
        gone,
        server,
        client,
        refused,
        pending,
        ref accepted @ ..,
    ] = numbers[..]
    else {
        panic!("{told}")
    };
    let tcp = 2 | 1 << 16;
    let w = &mut watch;
    if own == 1 {
        for kind in [kind::BIND, kind::LISTEN] {
            let end = by_ring(w, "own end", kind, pid, |e| e.b == server);
            assert_eq!((end.a as u32 as u64, end.a >> 32), (port, tcp));
            assert_eq!(&end.text[..], [127, 0, 0, 1]);
        }
    }
    let connect = by_ring(w, "connect", kind::CONNECT, pid, |e| e.b == client);
    assert_eq!((connect.ret, connect.a as u32 as u64), (0, port));
    assert_eq!(&connect.text[..], [127, 0, 0, 1]);
    assert_ne!(connect.c, 0);
    let refused = by_ring(w, "refused", kind::CONNECT, pid, |e| e.b == refused);
    assert_eq!((refused.ret, refused.a as u32 as u64), (-111, gone));
    assert_eq!(accepted.len(), 3);
    for socket in accepted {
        let accept = by_ring(w, "accept", kind::ACCEPT, pid, |e| e.b == *socket);
        assert_eq!(accept.a >> 32, tcp);
        assert_eq!(&accept.text[..], [127, 0, 0, 1]);
        assert!(accept.ret > 2);
    }
    let unix = by_ring(w, "unix", kind::CONNECT, pid, |e| e.a >> 32 & 0xffff == 1);
    assert_eq!((text(&unix.text), unix.ret), ("/nowhere".into(), -2));
    let pending = w.expect("connect by the polling thread", |e| {
        e.kind == kind::CONNECT && e.b == pending
    });
    assert_eq!(pending.task.process, connect.task.process);
    assert_eq!(pending.a as u32 as u64, port);
}

#[test]
fn a_slot_that_becomes_standard_input() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let Some((pid, told)) = ring(
        "r = Ring()
if r.supports(INSTALL):
    assert call(427, r.fd, 2, struct.pack('8i', *[-1] * 8), 8) == 0
    assert r.ask(OPENAT, fd=-100, addr=b'/etc/passwd', how=os.O_RDONLY, slot=3) == 0
    os.close(0)
    print(r.ask(INSTALL, fd=2, flags=1))
else: print('none')",
    ) else {
        return;
    };
    if told == "none" {
        skip("a slot cannot become a descriptor here");
        return;
    }
    assert_eq!(told, "0");
    let dup = by_ring(&mut watch, "dup", kind::DUP, pid, |e| e.a as u32 == 0);
    assert_eq!(dup.a >> 32, u64::from(stream_kind::FILE));
    assert_eq!(dup.b, fs::metadata("/etc/passwd").unwrap().ino());
}

#[test]
fn names_that_come_and_go_through_a_ring() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    fs::write(d.join("old"), "content").unwrap();
    fs::write(d.join("spare"), "").unwrap();
    fs::create_dir(d.join("empty")).unwrap();
    let Some((pid, told)) = ring(&format!(
        "d = b'{}/'
r = Ring()
base = os.open(d, os.O_PATH)
assert r.ask(RENAME, fd=base, addr=b'old', len=base, off=d + b'new', how=1) == 0
assert r.ask(LINK, fd=-100, addr=d + b'new', len=base, off=b'second') == 0
assert r.ask(SYMLINK, fd=base, addr=b'/etc/shadow', off=b'link') == 0
assert r.ask(MKDIR, fd=base, addr=b'made', len=0o750) == 0
assert r.ask(UNLINK, fd=-100, addr=d + b'../' + os.path.basename(d[:-1]) + b'/spare') == 0
assert r.ask(UNLINK, fd=base, addr=b'empty', how=0x200) == 0
assert r.ask(UNLINK, fd=base, addr=b'absent') == -2
f = os.open(d + b'new', os.O_RDWR)
cut = r.supports(FTRUNCATE) and r.ask(FTRUNCATE, fd=f, off=3) == 0
reader = os.open(d + b'new', os.O_RDONLY)
a, b = os.pipe()
assert r.ask(SPLICE, fd=b, off=(1 << 64) - 1, addr=0, len=2, slot=reader) == 2
raw = r.ask(SOCKET, fd=2, off=3, len=1) if r.supports(SOCKET) else -1
print(int(cut), os.fstat(b).st_ino, os.fstat(raw).st_ino if raw > 0 else 0)",
        d.display()
    )) else {
        return;
    };
    let numbers: Vec<u64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [cut, pipe, raw] = numbers[..] else {
        panic!("{told}")
    };
    let path = |name: &str| d.join(name).to_str().unwrap().to_owned();
    let file = d.join("new").metadata().unwrap().ino();
    let w = &mut watch;
    let mut act = |kind, name: &str| {
        let event = by_ring(w, name, kind, pid, |e| text(&e.text) == path(name));
        assert_eq!(event.ret, 0);
        assert_eq!(event.marks & event_mark::INCOMPLETE, 0, "{name}");
        event
    };
    let rename = act(kind::RENAME, "new");
    assert_eq!(
        (text(&rename.text2), rename.b, rename.a),
        (path("old"), file, 1)
    );
    let link = act(kind::LINK, "second");
    assert_eq!((text(&link.text2), link.b), (path("new"), file));
    assert_eq!(text(&act(kind::SYMLINK, "link").text2), "/etc/shadow");
    assert_eq!(act(kind::MKDIR, "made").a, 0o750);
    assert_eq!(act(kind::UNLINK, "spare").a, 0);
    assert_eq!(act(kind::UNLINK, "empty").a, 0x200);
    if cut == 1 {
        let truncate = act(kind::TRUNCATE, "new");
        assert_eq!((truncate.a, truncate.b), (3, file));
    } else {
        skip("a ring does not truncate here");
    }
    let splice = by_ring(w, "splice", kind::SPLICE, pid, |_| true);
    assert_eq!((text(&splice.text), splice.b), (path("new"), file));
    assert_eq!((splice.c, splice.ret), (pipe, 2));
    if raw == 0 {
        skip("a ring makes no raw socket here");
    } else {
        let socket = by_ring(w, "socket", kind::SOCKET, pid, |_| true);
        assert_eq!((socket.b, socket.a), (raw, 1 | 2 << 32 | 3 << 48));
    }
    assert!(!w.seen.iter().any(|e| text(&e.text).ends_with("/absent")));
}

#[test]
fn extended_attributes_through_a_ring() {
    let mut filter = Filter::context();
    filter.kinds = filter.kinds.with(kind::XATTR);
    let Some(mut watch) = Watch::start(&filter) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = fs::canonicalize(dir.path()).unwrap().join("file");
    fs::write(&file, "content").unwrap();
    std::os::unix::fs::symlink("file", file.with_file_name("link")).unwrap();
    let long = "n".repeat(200);
    let Some((pid, told)) = ring(&format!(
        "r = Ring()
if r.supports(SETXATTR):
    d = b'{}/'
    f = os.open(d + b'file', os.O_RDWR)
    assert r.ask(FSETXATTR, fd=f, addr=b'trusted.by-descriptor', off=b'1', len=1) == 0
    os.chdir(d)
    assert r.ask(SETXATTR, addr=b'trusted.{long}', off=b'1', len=1, addr3=b'link') == 0
    assert r.ask(SETXATTR, addr=b'trusted.absent', off=b'1', len=1, addr3=b'absent') == -2
    # Both exist, so this one is refused with what is not told.
    assert r.ask(FSETXATTR, fd=f, addr=b'trusted.by-descriptor', off=b'1', len=1, how=1) == -17
    r.post(FSETXATTR, fd=f, addr=b'trusted.unanswered', off=b'1', len=1, flags=0x40)
    assert r.ask(0) == 0
    while b'trusted.unanswered' not in [n.encode() for n in os.listxattr(f)]: time.sleep(0.01)
    print('done')",
        file.parent().unwrap().display()
    )) else {
        return;
    };
    if told != "done" {
        skip("a ring sets no attributes here");
        return;
    }
    let inode = file.metadata().unwrap().ino();
    let long = format!("trusted.{long}");
    for (name, incomplete, given) in [
        ("trusted.by-descriptor", 0, false),
        (long.as_str(), 0, true),
        ("trusted.unanswered", event_mark::INCOMPLETE, false),
    ] {
        let event = by_ring(&mut watch, name, kind::XATTR, pid, |e| {
            text(&e.text2) == name
        });
        assert_eq!(text(&event.text), file.to_str().unwrap(), "{name}");
        assert_eq!((event.a, event.b, event.ret), (1, inode, 0), "{name}");
        assert_eq!(event.marks & event_mark::INCOMPLETE, incomplete, "{name}");
        assert_eq!(event.marks & event_mark::AS_GIVEN != 0, given, "{name}");
    }
    let all = watch.seen.iter().filter(|e| of(kind::XATTR, pid)(e));
    assert_eq!(all.count(), 3);
}

/// Requests that ask for no answer when they succeed: nothing tells of their end.
#[test]
fn what_is_asked_for_without_an_answer() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    fs::write(d.join("quiet"), "x").unwrap();
    let Some((pid, told)) = ring(&format!(
        "d = b'{}/'
r = Ring()
before = len(os.listdir('/proc/self/fd'))
r.post(OPENAT, fd=-100, addr=d + b'quiet', how=os.O_RDWR, flags=0x40)
assert len(os.listdir('/proc/self/fd')) == before + 1
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
c = socket.socket()
r.post(CONNECT, fd=c.fileno(), addr=struct.pack('=H', 2) + struct.pack('>H', s.getsockname()[1]) + socket.inet_aton('127.0.0.1') + bytes(8), off=16, flags=0x40)
s.accept()
r.post(MKDIR, fd=-100, addr=d + b'silent', len=0o700, flags=0x40)
while not os.path.exists(d + b'silent'): time.sleep(0.01)
print(s.getsockname()[1], os.fstat(c.fileno()).st_ino)",
        d.display()
    )) else {
        return;
    };
    let (port, inode) = told.split_once(' ').unwrap();
    let asked = event_mark::IO_URING | event_mark::INCOMPLETE;
    let w = &mut watch;
    let open = by_ring(w, "open", kind::OPEN, pid, |e| e.text.ends_with(b"/quiet"));
    assert_eq!(text(&open.text), d.join("quiet").to_str().unwrap());
    assert_eq!(open.b, d.join("quiet").metadata().unwrap().ino());
    assert_eq!((open.a & 3, open.marks), (2, asked | event_mark::AS_GIVEN));
    let connect = by_ring(w, "connect", kind::CONNECT, pid, |e| {
        e.b == inode.parse().unwrap()
    });
    assert_eq!(&connect.text[..], [127, 0, 0, 1]);
    assert_eq!(connect.a, port.parse::<u64>().unwrap() | 2 << 32 | 1 << 48);
    assert_eq!((connect.ret, connect.marks), (-115, asked));
    let mkdir = by_ring(w, "mkdir", kind::MKDIR, pid, |_| true);
    assert_eq!(text(&mkdir.text), d.join("silent").to_str().unwrap());
}

#[test]
fn pipes_through_a_ring() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let Some((pid, told)) = ring(
        "r = Ring()
if r.supports(PIPE):
    ends = ctypes.create_string_buffer(8)
    at = ctypes.addressof(ends)
    assert r.ask(PIPE, fd=0, addr=at, how=os.O_CLOEXEC) == 0
    read, write = struct.unpack('ii', ends.raw)
    print(os.fstat(read).st_ino, read, write)
    assert call(427, r.fd, 2, struct.pack('8i', *[-1] * 8), 8) == 0
    assert r.ask(PIPE, fd=0, addr=at, slot=4) == 0
    assert r.ask(INSTALL, fd=3, flags=1) > 2
    slot = r.ask(INSTALL, fd=4, flags=1)
    print(os.fstat(slot).st_ino, 3, 4)
    assert r.ask(PIPE, fd=0, addr=at, slot=0xffffffff) == 0
    read, write = struct.unpack('ii', ends.raw)
    slot = r.ask(INSTALL, fd=write, flags=1)
    print(os.fstat(slot).st_ino, read, write)
    r.post(PIPE, fd=0, addr=at, flags=0x40)
    print(0, 0, 0)
else: print('none')",
    ) else {
        return;
    };
    if told == "none" {
        skip("a ring makes no pipes here");
        return;
    }
    for line in told.lines() {
        let numbers: Vec<u64> = (line.split_whitespace().map(|n| n.parse().unwrap())).collect();
        let [inode, read, write] = numbers[..] else {
            panic!("{told}")
        };
        let pipe = by_ring(&mut watch, line, kind::PIPE, pid, |e| {
            (e.a, e.b) == (inode, read | write << 32)
        });
        let unknown = pipe.marks & event_mark::INCOMPLETE != 0;
        assert_eq!((pipe.ret, unknown), (0, inode == 0), "{line}");
    }
}

#[test]
fn messages_through_a_ring() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let Some((pid, told)) = ring(
        "import array
SENDMSG, RECVMSG = 9, 10
def head(data, name=b'', control=b''):
    keep = [ctypes.create_string_buffer(b, len(b) or 1) for b in (data, name, control)]
    at = [ctypes.addressof(k) for k in keep]
    piece = ctypes.create_string_buffer(struct.pack('QQ', at[0], len(data)))
    packed = struct.pack('QIIQQQQQ', at[1] if name else 0, len(name), 0, ctypes.addressof(piece), 1, at[2] if control else 0, len(control), 0)
    return ctypes.create_string_buffer(packed), keep, piece
r = Ring()
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
p, w = os.pipe()
a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [p]))])
message = head(bytes(9), control=bytes(64))
assert r.ask(RECVMSG, fd=b.fileno(), addr=ctypes.addressof(message[0]), len=1) == 1
path = b'/tmp/vedette-ring-%d' % os.getpid()
u = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); u.bind(path)
c = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
message = head(b'hello', name=struct.pack('H', 1) + path)
assert r.ask(SENDMSG, fd=c.fileno(), addr=ctypes.addressof(message[0]), len=1) == 5
os.unlink(path)
print(os.fstat(p).st_ino, os.fstat(c.fileno()).st_ino)",
    ) else {
        return;
    };
    let (pipe, sender) = told.split_once(' ').unwrap();
    let (pipe, sender): (u64, u64) = (pipe.parse().unwrap(), sender.parse().unwrap());
    let w = &mut watch;
    let passed = by_ring(w, "descriptor", kind::PASSED, pid, |e| e.b == pipe);
    assert_eq!(passed.a >> 32, u64::from(stream_kind::PIPE));
    let sent = by_ring(w, "message", kind::SEND, pid, |e| e.b == sender);
    assert_eq!(text(&sent.text), format!("/tmp/vedette-ring-{pid}"));
    assert_eq!(sent.task.process, passed.task.process);
}
