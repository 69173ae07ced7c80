//! The rest of the mount family: attempts that fail, mounts that are attached nowhere, and roots
//! that are exchanged.

use crate::observe::{Watch, of, python, skip, text};
use std::{fs, os::unix::fs::MetadataExt};
use vedette_contract::{
    kind,
    values::{event_mark, mount_operation, open_mark},
};
use vedette_sensor::{event::Event, filter::Filter};

const TMPFS: u32 = 0x0102_1994;

#[track_caller]
fn mount(watch: &mut Watch, pid: u32, operation: u32, fits: impl Fn(&Event) -> bool) -> Event {
    watch.expect(&format!("mount operation {operation}"), |e| {
        of(kind::MOUNT, pid)(e) && e.b >> 32 == u64::from(operation) && fits(e)
    })
}

fn type_of(event: &Event) -> String {
    text(&event.attrs[0].text)
}

#[test]
fn a_mount_that_is_attached_nowhere() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    fs::create_dir(d.join("at")).unwrap();
    fs::create_dir(d.join("tree")).unwrap();
    fs::write(d.join("tree/file"), "x").unwrap();
    let (pid, told) = python(&format!(
        "d = '{}'
assert call(272, 0x20000) == 0
assert libc.mount(None, b'/', None, 0x44000, None) == 0
f = call(430, b'tmpfs', 0)
assert call(431, f, 6, None, None, 0) == 0
m = call(432, f, 0, 0)
made = os.open('made', os.O_WRONLY | os.O_CREAT, dir_fd=m)
t = call(428, -100, (d + '/tree').encode(), 1)
assert t > 2
copied = os.open('file', 0, dir_fd=t)
attributes = struct.pack('QQQQ', 1, 0, 0, 0)
assert call(442, t, b'', 0x1000, attributes, 32) == 0
assert call(442, -100, d.encode() + b'/none', 0, attributes, 32) == -2
assert call(429, m, b'', -100, (d + '/at').encode(), 4) == 0
attached = os.open(d + '/at/made', 0)
assert call(429, -100, b'/none', -100, b'/at', 0) == -2
print(made, copied, attached, os.fstat(made).st_ino)",
        d.display()
    ));
    let numbers: Vec<u64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [made, copied, attached, inode] = numbers[..] else {
        panic!("{told}")
    };
    let w = &mut watch;
    let open = |w: &mut Watch, fd: u64, inode: u64| {
        w.expect(&format!("open of {fd}"), |e| {
            of(kind::OPEN, pid)(e) && e.ret as u64 == fd && e.b == inode
        })
    };
    // Nothing leads to it from any root: the path is that within the file system. It belongs to no
    // namespace, so that it is not foreign either: the calls that made it are what tells.
    let detached = open(w, made, inode);
    assert_eq!(text(&detached.text), "/made");
    assert_eq!((detached.c >> 32) as u32, TMPFS);
    let foreign = u64::from(open_mark::FOREIGN_MOUNT);
    assert_eq!(detached.a >> 32 & foreign, 0);
    let clone = open(w, copied, d.join("tree/file").metadata().unwrap().ino());
    let within = |path: &str| {
        d.to_str()
            .unwrap()
            .ends_with(path.trim_end_matches("/tree/file"))
    };
    let copy = text(&clone.text);
    assert!(copy.ends_with("/tree/file") && within(&copy), "{copy}");
    assert_eq!(clone.a >> 32 & foreign, 0);
    let attached = open(w, attached, inode);
    assert_eq!(text(&attached.text), d.join("at/made").to_str().unwrap());

    let made = mount(w, pid, mount_operation::FSMOUNT, |e| e.ret > 2);
    assert_eq!((made.b as u32, type_of(&made)), (TMPFS, "tmpfs".into()));
    let tree = mount(w, pid, mount_operation::OPEN_TREE, |e| e.ret > 2);
    assert_eq!(text(&tree.text2), d.join("tree").to_str().unwrap());
    let changed = mount(w, pid, mount_operation::SETATTR, |e| e.ret == 0);
    assert_eq!(changed.a as u32, 0x1000);
    assert_eq!(text(&changed.text), copy.trim_end_matches("/file"));
    assert_eq!(changed.c, tree.c, "the mount behind the descriptor");
    let failed = mount(w, pid, mount_operation::SETATTR, |e| e.ret == -2);
    assert_eq!(text(&failed.text), d.join("none").to_str().unwrap());
    let moved = mount(w, pid, mount_operation::MOVE, |e| e.ret == 0);
    assert_eq!(text(&moved.text), d.join("at").to_str().unwrap());
    assert_eq!((moved.b as u32, moved.c), (TMPFS, made.c));
    let failed = mount(w, pid, mount_operation::MOVE, |e| e.ret == -2);
    assert_eq!(
        (text(&failed.text), text(&failed.text2)),
        ("/at".into(), "/none".into())
    );
}

#[test]
fn attempts_that_fail_are_told_as_given() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, _) = python(
        "assert libc.mount(b'/no/source', b'/no/target', b'nosuchfs', 7, None) == -1
assert libc.umount2(b'/no/mount', 8) == -1
assert call(155, b'/no/root', b'/no/old') == -2
assert call(161, b'/no/jail') == -2
assert call(428, -100, b'/no/tree', 1) == -2
assert call(430, b'nosuchfs', 0) == -19
assert call(431, -1, 1, b'source', b'somewhere', 0) < 0
assert call(432, -1, 0, 0) < 0",
    );
    let w = &mut watch;
    let mut failed = |operation| mount(w, pid, operation, |e| e.ret < 0);
    let event = failed(mount_operation::MOUNT);
    assert_eq!(
        (
            text(&event.text),
            text(&event.text2),
            type_of(&event),
            event.a
        ),
        (
            "/no/target".into(),
            "/no/source".into(),
            "nosuchfs".into(),
            7
        )
    );
    let event = failed(mount_operation::UMOUNT);
    assert_eq!((text(&event.text), event.a), ("/no/mount".into(), 8));
    let event = failed(mount_operation::PIVOT_ROOT);
    assert_eq!(
        (text(&event.text), text(&event.text2)),
        ("/no/old".into(), "/no/root".into())
    );
    assert_eq!(text(&failed(mount_operation::CHROOT).text), "/no/jail");
    assert_eq!(text(&failed(mount_operation::OPEN_TREE).text2), "/no/tree");
    assert_eq!(type_of(&failed(mount_operation::FSOPEN)), "nosuchfs");
    assert_eq!(text(&failed(mount_operation::FSCONFIG).text2), "somewhere");
    failed(mount_operation::FSMOUNT);
}

#[test]
fn roots_that_are_exchanged() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    let (pid, told) = python(&format!(
        "d = '{}'
outside = os.open('/', os.O_RDONLY | os.O_DIRECTORY)
assert call(272, 0x20000) == 0
assert libc.mount(None, b'/', None, 0x44000, None) == 0
assert libc.mount(b'new-root', d.encode(), b'tmpfs', 0, None) == 0
os.mkdir(d + '/old'); os.mkdir(d + '/etc')
open(d + '/etc/passwd', 'w').close()
os.chdir(d)
r = call(155, b'.', b'old')
if r == 0:
    os.chdir('/')
    own = os.open('/etc/passwd', 0)
    old = os.open('/old/etc/passwd', 0)
    # Out of it again, by what is still open: a mount of the namespace that was left.
    left = os.open('etc/passwd', 0, dir_fd=outside)
    print(own, old, left)
else: print(r)",
        d.display()
    ));
    let Ok([own, old, left]) = <[i32; 3]>::try_from(
        told.split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect::<Vec<i32>>(),
    ) else {
        skip(&format!(
            "the root of this machine cannot be exchanged ({told})"
        ));
        return;
    };
    let w = &mut watch;
    let pivot = mount(w, pid, mount_operation::PIVOT_ROOT, |_| true);
    assert_eq!(pivot.ret, 0);
    assert_eq!(
        (text(&pivot.text), text(&pivot.text2)),
        ("old".into(), ".".into())
    );
    let made = mount(w, pid, mount_operation::MOUNT, |e| e.ret == 0);
    assert_eq!((pivot.b as u32, pivot.c), (TMPFS, made.c), "the new root");
    let open = |w: &mut Watch, fd: i32, path: &str| {
        w.expect(&format!("open of {path}, {fd}"), |e| {
            of(kind::OPEN, pid)(e) && e.ret == fd && text(&e.text) == path
        })
    };
    let own = open(w, own, "/etc/passwd");
    assert_eq!(own.c as u32, made.c as u32);
    open(w, old, "/old/etc/passwd");
    let left = open(w, left, "/etc/passwd");
    assert_ne!(left.c as u32, made.c as u32);
    let foreign = u64::from(open_mark::FOREIGN_MOUNT);
    assert_eq!(left.a >> 32 & foreign, foreign);
}

/// Names of mounts that say something else than they mean.
#[test]
fn targets_are_resolved() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    for name in ["at", "to", "copy"] {
        fs::create_dir(d.join(name)).unwrap();
    }
    std::os::unix::fs::symlink("at", d.join("link")).unwrap();
    let (pid, told) = watch.python(&format!(
        "d = '{}'
os.chdir(d)
assert call(272, 0x20000) == 0
assert libc.mount(None, b'/', None, 0x44000, None) == 0
assert libc.mount(b'here', b'at', b'tmpfs', 0, None) == 0
assert libc.mount(None, b'to/../link', None, 0x21, None) == 0
assert libc.mount(None, b'link/.', None, 0x40000, None) == 0
c = call(433, -100, b'link', 0)
print(os.stat('at').st_dev)
base = os.open('to', os.O_PATH)
assert call(442, base, b'../link', 0, struct.pack('QQQQ', 2, 0, 0, 0), 32) == 0
t = call(467, -100, b'at', 1, struct.pack('QQQQ', 1, 0, 0, 0), 32)
print(c, t)
assert call(429, -100, b'to/../at', base, b'../to', 0) == 0
assert libc.umount2(b'copy/../to', 2) == 0
# What is gone cannot be resolved.
time.sleep(1)",
        d.display()
    ));
    let numbers: Vec<i64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [device, picked, tree] = numbers[..] else {
        panic!("{told}")
    };
    let device = vedette_sensor::device::kernel_device(device as u64);
    let w = &mut watch;
    let made = mount(w, pid, mount_operation::MOUNT, |e| e.ret == 0);
    assert_eq!((text(&made.text), made.c), (path(&d, "at"), device));
    for (operation, at, flags) in [
        (mount_operation::REMOUNT, "at", 0x21),
        (mount_operation::PROPAGATION, "at", 0x40000),
        (mount_operation::SETATTR, "at", 0),
        (mount_operation::MOVE, "to", 0),
        (mount_operation::UMOUNT, "to", 2),
    ] {
        let event = mount(w, pid, operation, |e| {
            e.ret == 0 && text(&e.text) == path(&d, at)
        });
        assert_eq!(event.marks & !event_mark::LATE, event_mark::AS_GIVEN);
        assert_eq!(event.a as u32, flags, "{operation}");
    }
    let pick = mount(w, pid, mount_operation::FSPICK, |_| true);
    assert_eq!(i64::from(pick.ret), picked);
    assert_eq!((text(&pick.text), pick.c), (path(&d, "at"), device));
    assert_eq!((pick.b as u32, type_of(&pick)), (TMPFS, "tmpfs".into()));
    if tree == -38 {
        skip("this kernel has no open_tree_attr");
        return;
    }
    let tree = mount(w, pid, mount_operation::OPEN_TREE, |e| {
        i64::from(e.ret) == tree
    });
    assert_eq!((text(&tree.text2), tree.c), ("at".into(), device));
}

fn path(directory: &std::path::Path, name: &str) -> String {
    directory.join(name).to_str().unwrap().to_owned()
}
