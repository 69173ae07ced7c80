//! Which of the mounts that one call makes is told: the one that it was asked for.

use crate::observe::{Watch, of, text};
use std::{fs, path::Path};
use vedette_contract::{
    kind,
    values::{event_mark, mount_operation},
};
use vedette_sensor::{device::kernel_device, event::Event, filter::Filter};

const TMPFS: u32 = 0x0102_1994;
const RAMFS: u32 = 0x8584_58f6;

/// A namespace of its own, a tree of mounts in `tree` (a tmpfs with a ramfs in it, and a tmpfs in
/// that), and one directory that is mounted in two places, `base` and `peer`, which share what is
/// mounted below. A step is a call, then the device that is mounted there now.
const SCENE: &str = "
os.chdir(d)
assert call(272, 0x20000) == 0
def mount(source, target, kind, flags):
    if libc.mount(source, target, kind, flags, None): raise OSError(ctypes.get_errno(), target)
mount(None, b'/', None, 0x44000)
for name in ('tree', 'base', 'peer', 'at', 'top'): os.mkdir(name)
mount(b'-', b'tree', b'tmpfs', 0); os.mkdir('tree/one')
mount(b'-', b'tree/one', b'ramfs', 0); os.mkdir('tree/one/two')
mount(b'-', b'tree/one/two', b'tmpfs', 0)
mount(b'-', b'base', b'tmpfs', 0)
mount(None, b'base', None, 0x100000)
mount(b'base', b'peer', None, 0x1000)
for name in 'abcdefghijkl': os.mkdir('base/' + name)
os.symlink('base', 'link')
def step(source, target, kind=None, flags=0, seen=None):
    mount(source, target, kind, flags)
    print(os.stat(seen or target).st_dev, flush=True)
";

struct Scene {
    _directory: tempfile::TempDir,
    path: std::path::PathBuf,
    pid: u32,
    devices: Vec<u32>,
}

fn play(watch: &mut Watch, steps: &str) -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(directory.path()).unwrap();
    let (pid, told) = watch.python(&format!("d = '{}'\n{SCENE}\n{steps}", path.display()));
    let devices = told.split_whitespace().map(|n| n.parse().unwrap());
    let devices = devices.map(|n: u64| kernel_device(n) as u32).collect();
    Scene {
        _directory: directory,
        path,
        pid,
        devices,
    }
}

/// The events of the scene's steps, which are named by their sources.
#[track_caller]
fn step(watch: &mut Watch, scene: &Scene, source: &str) -> Event {
    watch.expect(source, |e| {
        of(kind::MOUNT, scene.pid)(e) && e.ret == 0 && text(&e.text2) == source
    })
}

fn told(event: &Event, root: &Path) -> (String, u32, String, u32) {
    let path = text(&event.text);
    let within = path.strip_prefix(root.to_str().unwrap()).unwrap_or(&path);
    (
        within.to_owned(),
        event.b as u32,
        text(&event.attrs[0].text),
        event.c as u32,
    )
}

#[track_caller]
fn exact(watch: &mut Watch, scene: &Scene, n: usize, source: &str, target: &str, magic: u32) {
    let event = step(watch, scene, source);
    let name = if magic == RAMFS { "ramfs" } else { "tmpfs" };
    assert_eq!(
        told(&event, &scene.path),
        (target.into(), magic, name.into(), scene.devices[n]),
        "{source}"
    );
    let unsure = event_mark::AS_GIVEN | event_mark::INCOMPLETE;
    assert_eq!(event.marks & unsure, 0, "{source}");
}

#[test]
fn a_tree_that_is_bound_as_a_whole() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let scene = play(
        &mut watch,
        "step(b'tree', b'at', None, 0x5000)
step(b'tree/', d.encode() + b'/base/a/', None, 0x5000)
step(b'./tree', b'peer/b', None, 0x5000)
os.chdir('base/c'); step(b'../../tree', b'.', None, 0x5000, '../c'); os.chdir(d)
f = os.open('peer/d', os.O_PATH)
step(b'tree//', b'/proc/self/fd/%d' % f, None, 0x5000, 'peer/d')
f = os.open('peer/e', os.O_PATH)
step(b'tree/.', b'/proc/thread-self/fd/%d' % f, None, 0x5000, 'peer/e')
# Without what is mounted in it.
step(b'at', b'base/f', None, 0x1000)
step(b'tree/one', b'base/g', None, 0x1000)
step(b'tree/one/.', b'peer/h', None, 0x5000)
# The descriptor is the tree.
t = call(428, -100, b'tree', 0x8001)
assert t > 2
assert call(429, t, b'', -100, b'base/i', 4) == 0
print(os.stat('base/i').st_dev)",
    );
    let w = &mut watch;
    for (n, source, target, magic) in [
        (0, "tree", "/at", TMPFS),
        (1, "tree/", "/base/a", TMPFS),
        (2, "./tree", "/peer/b", TMPFS),
        (3, "../../tree", "/base/c", TMPFS),
        (4, "tree//", "/peer/d", TMPFS),
        (5, "tree/.", "/peer/e", TMPFS),
        (6, "at", "/base/f", TMPFS),
        (7, "tree/one", "/base/g", RAMFS),
        (8, "tree/one/.", "/peer/h", RAMFS),
    ] {
        exact(w, &scene, n, source, target, magic);
    }
    let moved = w.expect("the move", |e| {
        of(kind::MOUNT, scene.pid)(e) && e.b >> 32 == u64::from(mount_operation::MOVE)
    });
    assert_eq!(
        told(&moved, &scene.path),
        ("/base/i".into(), TMPFS, "tmpfs".into(), scene.devices[9])
    );
}

#[test]
fn a_mount_that_has_copies() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let scene = play(
        &mut watch,
        "step(b'plain', b'top', b'ramfs')
step(b'first', b'base/a', b'ramfs')
step(b'second', b'peer/b', b'tmpfs')
# On top of what is mounted there, in both places, and below that again.
step(b'third', b'peer/b', b'ramfs')
os.mkdir('peer/b/x')
step(b'fourth', d.encode() + b'/peer/b/x', b'tmpfs')
# Itself on itself, twice.
step(b'base/c', b'base/c', None, 0x1000)
step(b'peer/c', b'base/c', None, 0x1000)
os.chdir('peer/d'); step(b'fifth', b'.', b'tmpfs', 0, '../d'); os.chdir(d)
# Root is elsewhere.
os.chroot(d)
step(b'sixth', b'/peer/e', b'ramfs')",
    );
    let w = &mut watch;
    for (n, source, target, magic) in [
        (0, "plain", "/top", RAMFS),
        (1, "first", "/base/a", RAMFS),
        (2, "second", "/peer/b", TMPFS),
        (3, "third", "/peer/b", RAMFS),
        (4, "fourth", "/peer/b/x", TMPFS),
        (5, "base/c", "/base/c", TMPFS),
        (6, "peer/c", "/base/c", TMPFS),
        (7, "fifth", "/peer/d", TMPFS),
        (8, "sixth", "/peer/e", RAMFS),
    ] {
        exact(w, &scene, n, source, target, magic);
    }
}

/// What only a look-up tells is looked up a moment later, and says so.
#[test]
fn a_target_behind_a_link() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let scene = play(
        &mut watch,
        "os.symlink('top', 'short')
step(b'alone', b'short', b'ramfs')
step(b'copied', b'link/a', b'ramfs')
step(b'tree', b'link/../link/b', None, 0x5000)
time.sleep(1)",
    );
    let w = &mut watch;
    // There is one of it only.
    exact(w, &scene, 0, "alone", "/top", RAMFS);
    // All copies are of one file system.
    let copied = step(w, &scene, "copied");
    assert_eq!(
        told(&copied, &scene.path),
        ("/base/a".into(), RAMFS, "ramfs".into(), scene.devices[1])
    );
    assert_ne!(copied.marks & event_mark::AS_GIVEN, 0);
    let tree = step(w, &scene, "tree");
    assert_eq!(
        told(&tree, &scene.path),
        ("/base/b".into(), 0, "".into(), 0)
    );
    let unsure = event_mark::AS_GIVEN | event_mark::INCOMPLETE;
    assert_eq!(tree.marks & unsure, unsure);
}
