//! Ways to one file. Whatever the name, the event has the file's own inode and the path that the
//! kernel took.

use super::numbers;
use crate::observe::{Watch, python, skip, text};
use std::{fs, os::unix::fs::MetadataExt};
use vedette_contract::{kind, values::open_mark};
use vedette_sensor::{
    device::kernel_device,
    filter::{Access, Filter, KindSet, Opens},
};

#[test]
fn every_way_to_a_file_leads_to_its_path_and_inode() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    fs::create_dir(d.join("x")).unwrap();
    let secret = d.join("secret");
    fs::write(&secret, "x").unwrap();
    std::os::unix::fs::symlink("../secret", d.join("x/link")).unwrap();
    std::os::unix::fs::symlink(d.join("x"), d.join("way")).unwrap();
    // Each gives a descriptor; beside it the name that the kernel's path ends with.
    let ways = [
        ("os.open(d + '/x/link', 0)", "secret"),
        ("os.open(d + '/way/link', 0)", "secret"),
        ("os.open(d + '/x/.././x/../secret', 0)", "secret"),
        ("os.open('/proc/self/root' + d + '/secret', 0)", "secret"),
        (
            "os.open('/proc/%d/root' % os.getppid() + d + '/secret', 0)",
            "secret",
        ),
        ("os.open('/proc/self/cwd/x/link', 0)", "secret"),
        (
            "os.open('/proc/thread-self/root/proc/self/cwd/secret', 0)",
            "secret",
        ),
        (
            "os.open('/proc/self/fd/%d' % os.open(d + '/secret', os.O_PATH), 0)",
            "secret",
        ),
        (
            "os.open('link', 0, dir_fd=os.open(d + '/way', os.O_PATH | os.O_DIRECTORY))",
            "secret",
        ),
        ("openat2(base, b'/x/link', 0x10)", "secret"),
        ("openat2(base, b'x/../secret', 0x08)", "secret"),
        ("openat2(-100, b'way/link', 0x02)", "secret"),
        (
            "os.link(d + '/secret', d + '/hard') or os.open(d + '/hard', 0)",
            "hard",
        ),
        ("os.open(bound, 0)", "bound"),
    ];
    let lines: String = ways
        .iter()
        .map(|(way, _)| format!("print({way}, end=' ')\n"))
        .collect();
    let (pid, told) = python(&format!(
        "d = '{}'
os.chdir(d)
base = os.open(d, os.O_RDONLY | os.O_DIRECTORY)
bound = d + '/bound'
open(bound, 'w').close()
assert call(272, 0x20000) == 0
assert libc.mount(None, b'/', None, 0x44000, None) == 0
assert libc.mount((d + '/secret').encode(), bound.encode(), None, 0x1000, None) == 0
def openat2(at, path, resolve):
    fd = call(437, at, path, struct.pack('QQQ', 0, 0, resolve), 24)
    assert fd > 2, (path, fd)
    return fd
{lines}
os.chroot(d + '/x')
os.chdir('/')
print(os.open('secret', 0, dir_fd=base), end=' ')
os.fchdir(base)
print(os.open('x/../secret', 0), end=' ')
os.chroot('.')
print(os.open('/secret', 0), os.open('/../x/link', 0))",
        d.display()
    ));
    let fds = numbers(&told);
    assert_eq!(fds.len(), ways.len() + 4);
    let metadata = secret.metadata().unwrap();
    let mut check = |what: &str, fd: u64, path: &str| {
        let open = watch.expect(what, |e| {
            e.kind == kind::OPEN
                && e.task.process.pid == pid
                && e.ret as u64 == fd
                && e.b == metadata.ino()
        });
        assert_eq!(text(&open.text), path, "{what}");
        assert_eq!(
            open.c as u32 as u64,
            kernel_device(metadata.dev()),
            "{what}"
        );
    };
    for ((way, name), fd) in ways.iter().zip(&fds) {
        check(way, *fd, d.join(name).to_str().unwrap());
    }
    // Out of a root by a directory that is still open, or by where the process still is: the path
    // is that of the machine, for the own root is not above the file.
    let [out, cwd, own, dots] = fds[ways.len()..] else {
        panic!("{told}")
    };
    check(
        "out of the root by a descriptor",
        out,
        secret.to_str().unwrap(),
    );
    check(
        "out of the root by the directory",
        cwd,
        secret.to_str().unwrap(),
    );
    check("in a root of its own", own, "/secret");
    check("above a root of its own", dots, "/secret");
}

#[test]
fn a_watched_file_is_told_whatever_it_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    fs::create_dir(d.join("vault")).unwrap();
    fs::write(d.join("vault/shadow"), "x").unwrap();
    let prefix = format!("{}/vault/", d.display());
    let filter = Filter {
        kinds: KindSet::CONTEXT.with(kind::OPEN),
        opens: Opens {
            prefixes: [(prefix.clone().into_bytes(), Access::Any)].into(),
            ..Opens::default()
        },
        ..Filter::default()
    };
    let Some(mut watch) = Watch::start(&filter) else {
        return;
    };
    let (pid, told) = python(&format!(
        "d = '{}'
os.symlink(d + '/vault/shadow', d + '/harmless')
os.symlink('vault', d + '/docs')
os.chdir(d + '/vault')
fds = [os.open(p, 0) for p in (d + '/harmless', d + '/docs/shadow', 'shadow', '../vault/./shadow', '/proc/self/cwd/shadow', '/proc/self/root' + d + '/docs/shadow')]
fds.append(os.open('/proc/self/fd/%d' % os.open('shadow', os.O_PATH), 0))
print(*fds)",
        d.display()
    ));
    for fd in numbers(&told) {
        let open = watch.expect(&format!("descriptor {fd} of {told}"), |e| {
            e.kind == kind::OPEN && e.task.process.pid == pid && e.ret as u64 == fd
        });
        assert_eq!(text(&open.text), format!("{prefix}shadow"));
    }
}

#[test]
fn a_file_opened_by_its_handle() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    fs::write(d.join("secret"), "x").unwrap();
    let (pid, told) = python(&format!(
        "d = '{}'
handle = ctypes.create_string_buffer(struct.pack('Ii', 128, 0) + bytes(128))
r = call(303, -100, (d + '/secret').encode(), handle, ctypes.byref(ctypes.c_int()), 0)
if r == 0: r = call(304, os.open(d, os.O_RDONLY | os.O_DIRECTORY), handle, os.O_RDONLY)
print(r)",
        d.display()
    ));
    let fd: i32 = told.parse().unwrap();
    if fd < 0 {
        skip(&format!("this file system gives no handles ({fd})"));
        return;
    }
    let open = watch.expect("open by handle", |e| {
        let by_handle = (e.a >> 32) as u32 & open_mark::BY_HANDLE != 0;
        e.kind == kind::OPEN && e.task.process.pid == pid && e.ret == fd && by_handle
    });
    assert_eq!((open.a >> 32) as u32, open_mark::BY_HANDLE);
    assert_eq!(text(&open.text), d.join("secret").to_str().unwrap());
}
