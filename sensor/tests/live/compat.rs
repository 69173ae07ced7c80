//! System calls made through the table for 32-bit programs, which a 64-bit program reaches by
//! `int 0x80`: told like the calls that they stand for.
#![cfg(target_arch = "x86_64")]

use crate::observe::{Watch, of, python, skip, text};
use std::{fs, os::unix::fs::MetadataExt};
use vedette_contract::{
    kind,
    values::{credentials_cause, event_mark, memory_access, mount_operation, stream_kind},
};
use vedette_sensor::{event::Event, filter::Filter};

/// `int80(number, …)`, in memory below 4 GiB so that a 32-bit call can point to it.
const INT80: &str = r#"
libc.mmap.restype = ctypes.c_void_p
low = libc.mmap(ctypes.c_void_p(0), ctypes.c_size_t(65536), 7, 0x62, -1, ctypes.c_long(0))
assert low < 1 << 32
code = bytes.fromhex('5355' '8b07' '8b5f04' '8b4f08' '8b570c' '8b7710' '8b6f18' '8b7f14' 'cd80' '5d5bc3')
ctypes.memmove(low, code, len(code))
gate = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(low)
used = 4096
def put(data):
    global used
    at = low + used
    used += len(data) + 8 & ~7
    ctypes.memmove(at, data, len(data))
    return at
def word(a): return put(a) if isinstance(a, bytes) else a & 0xffffffff
def int80(number, *args):
    words = [number] + [word(a) for a in args] + [0] * (6 - len(args))
    return gate(put(struct.pack('7I', *words)))
def socketcall(meant, *args):
    return int80(102, meant, struct.pack('6I', *[word(a) for a in args] + [0xdeadbeef] * (6 - len(args))))
def int80_works():
    child = os.fork()
    if child == 0: os._exit(int80(20) != os.getpid())
    return os.waitpid(child, 0)[1] == 0
"#;

/// Runs a script that may use [`INT80`]; none where this kernel has no such table.
fn int80(script: &str) -> Option<(u32, String)> {
    let (pid, told) = python(&format!(
        "{INT80}
if int80_works():
    def act():
        {}
    act()
else: print('without int 0x80')",
        script.replace('\n', "\n        ")
    ));
    if told == "without int 0x80" {
        skip(&told);
        return None;
    }
    Some((pid, told))
}

/// The event of this kind that a 32-bit call made.
fn compat(watch: &mut Watch, kind: u16, pid: u32, fits: impl Fn(&Event) -> bool) -> Event {
    watch.expect(&format!("kind {kind} by a 32-bit call"), |e| {
        of(kind, pid)(e) && e.marks & event_mark::COMPAT != 0 && fits(e)
    })
}

#[test]
fn files_opened_by_32_bit_calls() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    for name in ["open", "openat", "openat2"] {
        fs::write(d.join(name), "x").unwrap();
    }
    std::os::unix::fs::symlink(d.join("open"), d.join("link")).unwrap();
    let Some((pid, _)) = int80(&format!(
        "d = b'{}/'
assert int80(5, d + b'link\\0', os.O_RDWR) > 2
assert int80(295, -100, d + b'openat\\0', os.O_RDONLY) > 2
assert int80(437, -100, d + b'openat2\\0', struct.pack('QQQ', 1, 0, 0), 24) > 2
assert int80(8, d + b'creat\\0', 0o600) > 2",
        d.display()
    )) else {
        return;
    };
    for (name, flags) in [("open", 2), ("openat", 0), ("openat2", 1), ("creat", 1)] {
        let path = d.join(name);
        let open = compat(&mut watch, kind::OPEN, pid, |e| {
            text(&e.text) == path.to_str().unwrap()
        });
        assert_eq!(open.a & 3, flags, "{name}");
        assert_eq!(open.b, path.metadata().unwrap().ino());
    }
    // What the same process opened by its own calls does not carry the mark.
    watch.expect("an open by a 64-bit call", |e| {
        of(kind::OPEN, pid)(e) && e.marks & event_mark::COMPAT == 0
    });
}

#[test]
fn sockets_by_32_bit_calls_and_by_socketcall() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let Some((pid, told)) = int80(
        "address = struct.pack('=HH4s8x', 2, 0, socket.inet_aton('127.0.0.1'))
s = socketcall(1, 2, 1, 0)
assert s > 2 and socketcall(2, s, address, 16) == 0 and socketcall(4, s, 7) == 0
server = socket.socket(fileno=os.dup(s)).getsockname()[1]
to = struct.pack('=H', 2) + struct.pack('>H', server) + socket.inet_aton('127.0.0.1') + bytes(8)
c = int80(359, 2, 1, 0)
assert socketcall(3, c, to, 16) == 0
d = socketcall(1, 2, 1, 0)
assert int80(362, d, to, 16) == 0
a = socketcall(5, s, 0, 0)
b = int80(364, s, 0, 0, 0)
pair = put(bytes(8))
assert socketcall(8, 1, 1, 0, pair) == 0
e = int80(361, int80(359, 2, 1, 0), address, 16)
assert a > 2 and b > 2 and e == 0
fds = struct.unpack('2I', ctypes.string_at(pair, 8))
print(server, *[os.fstat(f).st_ino for f in (s, c, d, a, b, *fds)])",
    ) else {
        return;
    };
    let numbers: Vec<u64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [server, s, c, d, a, b, first, second] = numbers[..] else {
        panic!("{told}")
    };
    let tcp = 2 | 1 << 16;
    for kind in [kind::BIND, kind::LISTEN] {
        let event = compat(&mut watch, kind, pid, |e| e.b == s);
        assert_eq!((event.a as u32 as u64, event.a >> 32), (server, tcp));
        assert_eq!(&event.text[..], [127, 0, 0, 1]);
    }
    for socket in [c, d] {
        let connect = compat(&mut watch, kind::CONNECT, pid, |e| e.b == socket);
        assert_eq!((connect.ret, connect.a as u32 as u64), (0, server));
        assert_eq!(&connect.text[..], [127, 0, 0, 1]);
        assert_ne!(connect.c, 0);
    }
    for socket in [a, b] {
        let accept = compat(&mut watch, kind::ACCEPT, pid, |e| e.b == socket);
        assert_eq!(accept.a >> 32, tcp);
        assert_eq!(&accept.text[..], [127, 0, 0, 1]);
    }
    let pair = compat(&mut watch, kind::SOCKETPAIR, pid, |_| true);
    assert_eq!((pair.a, pair.b), (first, second));
    compat(&mut watch, kind::BIND, pid, |e| e.b != s);
}

#[test]
fn the_rest_by_32_bit_calls() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    let Some((pid, told)) = int80(&format!(
        "d = b'{}'
fds = put(bytes(8))
assert int80(42, fds) == 0
r, w = struct.unpack('2I', ctypes.string_at(fds, 8))
print(os.fstat(r).st_ino, end=' ')
assert int80(63, r, 0) == 0 and int80(221, w, 0, 0) > 2
m = int80(356, b'payload\\0', 1)
print(os.fstat(m).st_ino)
old = os.open('/proc/self/ns/mnt', os.O_RDONLY)
assert int80(310, 0x20000) == 0
assert int80(21, b'none\\0', b'/\\0', 0, 0x44000, 0) == 0
assert int80(21, b'source\\0', d + b'\\0', b'tmpfs\\0', 0, 0) == 0
assert int80(52, d + b'\\0', 2) == 0
assert int80(346, old, 0) == 0
assert int80(21, b'lost\\0', d + b'/none\\0', b'tmpfs\\0', 0, 0) == -2
child = os.fork()
if child == 0: time.sleep(9)
assert int80(26, 16, child, 0, 0) == 0
memory = put(b'word')
vector = struct.pack('2I', memory, 4)
assert int80(347, child, vector, 1, struct.pack('2I', memory, 4), 1, 0) == 4
os.kill(child, 9)
assert int80(61, d + b'\\0') == 0",
        d.display()
    )) else {
        return;
    };
    let (pipe_inode, memfd_inode) = told.split_once(' ').unwrap();
    let w = &mut watch;
    let pipe = compat(w, kind::PIPE, pid, |_| true);
    assert_eq!(pipe.a, pipe_inode.parse().unwrap());
    let dup = compat(w, kind::DUP, pid, |e| e.a as u32 == 0);
    assert_eq!((dup.a >> 32, dup.b), (u64::from(stream_kind::PIPE), pipe.a));
    let memfd = compat(w, kind::MEMFD, pid, |_| true);
    assert_eq!((text(&memfd.text), memfd.a), ("payload".into(), 1));
    assert_eq!(memfd.b, memfd_inode.parse().unwrap());
    assert_eq!(compat(w, kind::UNSHARE, pid, |_| true).a, 0x20000);
    let setns = compat(w, kind::SETNS, pid, |_| true);
    assert_eq!(setns.a >> 32, 0x20000);
    let mut mount = |operation: u32, ret: i32| {
        compat(w, kind::MOUNT, pid, |e| {
            e.b >> 32 == u64::from(operation) && e.ret == ret
        })
    };
    let made = mount(mount_operation::MOUNT, 0);
    assert_eq!(
        (text(&made.text), text(&made.text2)),
        (d.to_str().unwrap().into(), "source".into())
    );
    assert_eq!(text(&made.attrs[0].text), "tmpfs");
    let failed = mount(mount_operation::MOUNT, -2);
    assert_eq!(text(&failed.text), d.join("none").to_str().unwrap());
    let umount = mount(mount_operation::UMOUNT, 0);
    assert_eq!(
        (text(&umount.text), umount.a),
        (d.to_str().unwrap().into(), 2)
    );
    let chroot = mount(mount_operation::CHROOT, 0);
    assert_eq!(text(&chroot.text), d.to_str().unwrap());
    let ptrace = compat(w, kind::PTRACE, pid, |_| true);
    assert_eq!((ptrace.a, ptrace.ret), (16, 0));
    let memory = compat(w, kind::PROCESS_MEMORY, pid, |_| true);
    assert_eq!((memory.a, memory.ret), (u64::from(memory_access::READ), 4));
    assert_eq!(memory.target, ptrace.target);
    // What runs in the child is seen as ever, and by its own calls.
    let fork = w.expect("fork", |e| {
        of(kind::FORK, pid)(e) && e.target == ptrace.target
    });
    assert_eq!(fork.marks & event_mark::COMPAT, 0);
}

#[test]
fn credentials_memory_and_keys_by_32_bit_calls() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    // setresuid32, the setuid16 of old, mmap2, the mmap of old, mprotect, add_key.
    let Some((pid, _)) = int80(
        "int80(288, 3, 7)
assert int80(286, b'user\\0', b'a key\\0', b'payload', 7, -2) > 0
assert int80(192, 0, 8192, 7, 0x22, -1, 0) & 0xfff == 0
assert int80(90, struct.pack('6I', 0, 12288, 7, 0x22, 0xffffffff, 0)) & 0xfff == 0
assert int80(125, low + 61440, 4096, 5) == 0
assert int80(208, 0, 9, 0) == 0
assert int80(23, 0) == 0",
    ) else {
        return;
    };
    let keyctl = |e: &Event| (e.a as u32, e.b) == (3, 7);
    compat(&mut watch, kind::KEYCTL, pid, keyctl);
    let add = compat(&mut watch, kind::KEYCTL, pid, |e| e.a == 0xffff);
    assert_eq!(
        (text(&add.text), text(&add.text2)),
        ("user".into(), "a key".into())
    );
    let mut memory = |length, protection: u32| {
        compat(&mut watch, kind::EXECUTABLE_MEMORY, pid, |e| {
            (e.c, e.a as u32) == (length, protection)
        })
    };
    assert_ne!(memory(8192, 7).b, 0);
    assert_ne!(memory(12288, 7).b, 0);
    assert_ne!(memory(4096, 5).b, 0);
    let cause = u64::from(credentials_cause::CALL);
    let effective = compat(&mut watch, kind::CREDENTIALS, pid, |e| e.b == 9 << 32);
    assert_eq!((effective.a, effective.task.uid), (cause, 0));
    // By a number of 16 bits.
    let back = compat(&mut watch, kind::CREDENTIALS, pid, |e| e.b == 9);
    assert_eq!((back.a, back.task.uid), (cause, 0));
    let exit = watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    assert!(!watch.seen.iter().any(|e| {
        e.kind == kind::CREDENTIALS && e.task.process == exit.task.process && e.a as u32 == 4
    }));
}

/// Calls that 32-bit programs make with other arguments, or under another number.
#[test]
fn forms_that_32_bit_calls_alone_have() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    fs::write(d.join("long"), "x").unwrap();
    // shmat by ipc, truncate64, ftruncate64, umount of old, whose second argument means nothing.
    let Some((pid, told)) = int80(&format!(
        "d = b'{}/'
s = call(29, 0, 4096, 0o600)
at = put(bytes(4))
assert int80(117, 21, s, 0o100000, at, 0) == 0
a = struct.unpack('I', ctypes.string_at(at, 4))[0]
call(31, s, 0, 0)
assert int80(193, d + b'long\\0', 5, 1) == 0
f = os.open(d + b'long', os.O_RDWR)
assert int80(194, f, 6, 2) == 0
assert call(272, 0x20000) == 0
assert int80(22, d + b'absent\\0', 0x12345678) == -2
print(a)",
        d.display()
    )) else {
        return;
    };
    let w = &mut watch;
    let memory = compat(w, kind::EXECUTABLE_MEMORY, pid, |e| {
        e.b == told.parse().unwrap()
    });
    assert_eq!((memory.a as u32, memory.c), (7, 1));
    for length in [1 << 32 | 5, 2 << 32 | 6] {
        let truncate = compat(w, kind::TRUNCATE, pid, |e| e.a == length);
        assert_eq!(text(&truncate.text), d.join("long").to_str().unwrap());
    }
    let umount = compat(w, kind::MOUNT, pid, |_| true);
    assert_eq!(umount.a, 0);
    assert_eq!(text(&umount.text), d.join("absent").to_str().unwrap());
}

#[test]
fn x32_calls_are_told_like_others() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = std::fs::canonicalize(dir.path()).unwrap().join("x32");
    std::fs::write(&path, "x").unwrap();
    let (pid, told) = python(&format!(
        "fd = call(0x40000000 | 257, -100, b'{}', os.O_RDWR, 0)
print(fd)
if fd >= 0: assert call(0x40000000 | 272, 0x400) == 0",
        path.display()
    ));
    if told == "-38" {
        skip("this kernel has no x32 calls");
        return;
    }
    let open = watch.expect("open", |e| {
        of(kind::OPEN, pid)(e) && text(&e.text) == path.to_str().unwrap()
    });
    assert_eq!((open.ret, open.a & 3), (told.parse().unwrap(), 2));
    let unshare = watch.expect("unshare", of(kind::UNSHARE, pid));
    assert_eq!((unshare.a, unshare.ret), (0x400, 0));
}
