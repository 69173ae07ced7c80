use crate::observe::{Watch, of, python, text};
use vedette_contract::{
    kind,
    values::{event_mark, mount_operation},
};
use vedette_sensor::{event::Event, filter::Filter};

const CLONE_NEWNS: u64 = 0x20000;
const CLONE_NEWUTS: u64 = 0x4000000;
const CLONE_NEWPID: u64 = 0x20000000;
const CLONE_NEWNET: u64 = 0x40000000;

fn mount(watch: &mut Watch, pid: u32, operation: u32) -> Event {
    watch.expect(&format!("mount operation {operation}"), |e| {
        of(kind::MOUNT, pid)(e) && e.b >> 32 == u64::from(operation)
    })
}

#[test]
fn leaving_and_entering_namespaces() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(
        "old = os.open('/proc/self/ns/mnt', os.O_RDONLY)
assert call(272, 0x20000 | 0x4000000) == 0
print(os.stat('/proc/self/ns/mnt').st_ino, end=' ')
assert call(308, old, 0) == 0
print(os.stat('/proc/self/ns/mnt').st_ino, end=' ')
assert call(272, 0x20000000) == 0
child = os.fork()
if child == 0: os._exit(0)
os.wait()
print(child, flush=True)",
    );
    let numbers: Vec<u64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [new, old, child] = numbers[..] else {
        panic!("{told}")
    };
    let unshare = watch.expect("unshare", of(kind::UNSHARE, pid));
    assert_eq!(unshare.a, CLONE_NEWNS | CLONE_NEWUTS);
    assert_eq!(u64::from(unshare.task.namespaces.mount), new);
    let setns = watch.expect("setns", of(kind::SETNS, pid));
    assert_eq!(setns.a as u32, 0, "any type");
    assert_eq!(setns.a >> 32, CLONE_NEWNS, "only the mount namespace");
    assert_eq!(setns.b as u32 as u64, old);
    assert_eq!(setns.marks & event_mark::INCOMPLETE, 0);
    // The parent's children live in a new pid namespace since the last unshare.
    let fork = watch.expect("fork", |e| {
        of(kind::FORK, pid)(e) && e.target.unwrap().pid == child as u32
    });
    assert_eq!(fork.a, CLONE_NEWPID);

    let (pid, _) = python(
        "import signal
flags = 0x20000 | 0x40000000 | signal.SIGCHLD
child = call(56, flags, 0, 0, 0, 0)
if child == 0: os._exit(0)
os.waitpid(child, 0)",
    );
    let clone = watch.expect("clone", of(kind::FORK, pid));
    assert_eq!(clone.a, CLONE_NEWNS | CLONE_NEWNET);
}

#[test]
fn namespaces_entered_through_a_process_and_made_with_a_child() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    // A child in namespaces of its own; its parent goes there by its pidfd, part by part.
    let (pid, told) = python(
        "r, w = os.pipe()
args = struct.pack('11Q', 0x20000 | 0x4000000 | 0x8000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0)
child = call(435, args, len(args))
if child == 0:
    os.close(w); os.read(r, 1); os._exit(0)
fd = call(434, child, 0)
assert call(308, fd, 0x20000 | 0x4000000) == 0
print(child, os.stat('/proc/%d/ns/mnt' % child).st_ino, end=' ')
assert call(308, fd, 0x8000000) == 0
assert call(308, os.open('/proc/self/ns/net', 0), 0x20000) == -22
os.close(w)
os.waitpid(child, 0)
assert call(272, 0x10000000) == 0
print(os.stat('/proc/self/ns/user').st_ino)",
    );
    let numbers: Vec<u64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [child, mount_ns, user_ns] = numbers[..] else {
        panic!("{told}")
    };
    const CLONE_NEWIPC: u64 = 0x8000000;
    const CLONE_NEWUSER: u64 = 0x10000000;
    let fork = watch.expect("fork", of(kind::FORK, pid));
    assert_eq!(u64::from(fork.target.unwrap().pid), child);
    assert_eq!(fork.a, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC);
    let setns = |watch: &mut Watch, types: u64| {
        watch.expect(&format!("setns {types:x}"), |e| {
            of(kind::SETNS, pid)(e) && e.a & 0xffff_ffff == types
        })
    };
    let both = setns(&mut watch, CLONE_NEWNS | CLONE_NEWUTS);
    assert_eq!((both.ret, both.a >> 32), (0, CLONE_NEWNS | CLONE_NEWUTS));
    assert_eq!(both.b as u32 as u64, mount_ns);
    assert_eq!(u64::from(both.task.namespaces.mount), mount_ns);
    let third = setns(&mut watch, CLONE_NEWIPC);
    assert_eq!(third.a >> 32, CLONE_NEWIPC);
    // A descriptor of another type than the one asked for.
    let failed = setns(&mut watch, CLONE_NEWNS);
    assert_eq!((failed.ret, failed.a >> 32), (-22, 0));
    let unshare = watch.expect("unshare", of(kind::UNSHARE, pid));
    assert_eq!((unshare.a, unshare.ret), (CLONE_NEWUSER, 0));
    assert_eq!(u64::from(unshare.task.namespaces.user), user_ns);
}

#[test]
fn mounts_are_told_as_the_kernel_made_them() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = std::fs::canonicalize(dir.path()).unwrap();
    let (pid, _) = python(&format!(
        "d='{}'
assert call(272, 0x20000) == 0
def mount(*a): assert libc.mount(*a) == 0, ctypes.get_errno()
for n in 'abcn': os.mkdir(d + '/' + n)
mount(None, b'/', None, 0x44000, None)
mount(b'none', (d + '/a/../a').encode(), b'tmpfs', 2, b'size=64k')
mount((d + '/a').encode(), (d + '/b').encode(), None, 0x1000, None)
mount(None, (d + '/a').encode(), None, 0x20 | 1, None)
assert libc.mount(b'/dev/nothing', (d + '/c').encode(), b'ext4', 0, None) == -1
f = call(430, b'tmpfs', 0)
assert f >= 0, f
assert call(431, f, 1, b'source', b'a-source', 0) == 0
assert call(431, f, 6, None, None, 0) == 0
m = call(432, f, 0, 0)
assert call(429, m, b'', -100, (d + '/n').encode(), 4) == 0
t = call(428, -100, (d + '/n').encode(), 1)
assert t >= 0
assert libc.umount2((d + '/b').encode(), 2) == 0
os.chroot(d + '/n/..')",
        d.display()
    ));
    let fs_type = |e: &Event| text(&e.attrs[0].text);
    let here = |name: &str| d.join(name).to_str().unwrap().to_owned();
    let propagation = mount(&mut watch, pid, mount_operation::PROPAGATION);
    assert_eq!(text(&propagation.text), "/");
    let made = watch.expect("mount", |e| {
        of(kind::MOUNT, pid)(e) && e.b >> 32 == 1 && e.ret == 0
    });
    assert_eq!(text(&made.text), here("a"));
    assert_eq!(text(&made.text2), "none");
    assert_eq!(
        (made.b as u32, fs_type(&made)),
        (0x0102_1994, "tmpfs".into())
    );
    assert_eq!(made.a, 2);
    let bind = mount(&mut watch, pid, mount_operation::BIND);
    assert_eq!(
        (text(&bind.text), text(&bind.text2)),
        (here("b"), here("a"))
    );
    assert_eq!(bind.c, made.c);
    let remount = mount(&mut watch, pid, mount_operation::REMOUNT);
    assert_eq!(text(&remount.text), here("a"));
    let failed = watch.expect("failed", |e| {
        of(kind::MOUNT, pid)(e) && e.b >> 32 == 1 && e.ret < 0
    });
    assert_eq!(
        (text(&failed.text), text(&failed.text2)),
        (here("c"), "/dev/nothing".into())
    );
    assert_eq!(fs_type(&failed), "ext4");
    assert_eq!(
        fs_type(&mount(&mut watch, pid, mount_operation::FSOPEN)),
        "tmpfs"
    );
    let config = mount(&mut watch, pid, mount_operation::FSCONFIG);
    assert_eq!(
        (text(&config.text2), fs_type(&config)),
        ("a-source".into(), "tmpfs".into())
    );
    let fsmount = mount(&mut watch, pid, mount_operation::FSMOUNT);
    assert_eq!(fsmount.b as u32, 0x0102_1994);
    let moved = mount(&mut watch, pid, mount_operation::MOVE);
    assert_eq!((text(&moved.text), moved.c), (here("n"), fsmount.c));
    let tree = mount(&mut watch, pid, mount_operation::OPEN_TREE);
    assert_eq!((tree.c, tree.ret >= 0), (fsmount.c, true));
    assert_eq!(
        text(&mount(&mut watch, pid, mount_operation::UMOUNT).text),
        here("b")
    );
    let chroot = mount(&mut watch, pid, mount_operation::CHROOT);
    assert_eq!(text(&chroot.text), d.to_str().unwrap());
}
