//! Names, modes, owners, attributes, flags and lengths of files.

mod ways;

use crate::observe::{Watch, python, skip, text};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use vedette_contract::{
    kind,
    values::{event_mark, file_mark, open_mark, xattr_operation},
};
use vedette_sensor::{
    device::kernel_device,
    event::Event,
    filter::{Access, Filter, KindSet, Opens},
};

fn kinds(kinds: &[u16]) -> Filter {
    Filter {
        kinds: kinds
            .iter()
            .fold(KindSet::CONTEXT, |set, kind| set.with(*kind)),
        ..Filter::default()
    }
}

/// A directory of its own, and its path without links.
fn directory() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(dir.path()).unwrap();
    (dir, path)
}

struct Acts {
    watch: Watch,
    pid: u32,
    dir: PathBuf,
    /// How an act on a name comes about: as given, or from a hook of the kernel.
    given: u32,
    _dir: tempfile::TempDir,
}

/// Whether the hooks for security modules run BPF programs here.
fn has_hooks(watch: &Watch) -> bool {
    let modules = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    let refused = watch.sensor.gaps();
    modules.trim().split(',').any(|module| module == "bpf")
        && !refused.iter().any(|gap| gap.program.starts_with("see_"))
}

impl Acts {
    /// Runs the script with `d` as a directory of its own, in which `make` has been before.
    fn new(wanted: &[u16], make: impl Fn(&Path), script: &str) -> Option<(Acts, String)> {
        let mut watch = Watch::start(&kinds(wanted))?;
        let (keep, dir) = directory();
        make(&dir);
        let (pid, told) = watch.python(&format!("d = '{}'\n{script}", dir.display()));
        let given = if has_hooks(&watch) {
            0
        } else {
            event_mark::AS_GIVEN
        };
        let acts = Acts {
            watch,
            pid,
            dir,
            given,
            _dir: keep,
        };
        Some((acts, told))
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    /// The event of this kind about this name of the directory.
    #[track_caller]
    fn of(&mut self, kind: u16, name: &str) -> Event {
        let (pid, path) = (self.pid, self.path(name));
        self.watch.expect(&format!("{kind} of {name}"), |e| {
            e.kind == kind && e.task.process.pid == pid && text(&e.text) == path
        })
    }

    /// All events of a kind, once the script has ended.
    #[track_caller]
    fn all(&mut self, kind: u16) -> Vec<Event> {
        let pid = self.pid;
        self.watch.expect("exit", |e| {
            e.kind == kind::EXIT && e.task.process.pid == pid
        });
        self.watch
            .seen
            .iter()
            .filter(|e| e.kind == kind && e.task.process.pid == pid)
            .cloned()
            .collect()
    }
}

#[track_caller]
fn is_about(event: &Event, path: &Path) {
    let metadata = path.symlink_metadata().unwrap();
    assert_eq!(event.b, metadata.ino(), "inode of {}", path.display());
    assert_eq!(
        u64::from(event.c as u32),
        kernel_device(metadata.dev()),
        "device of {}",
        path.display()
    );
}

/// Every mark that the sensor keeps for itself must be gone.
#[track_caller]
fn is_marked(event: &Event, marks: u32) {
    assert_eq!(
        event.marks & !event_mark::LATE,
        marks,
        "marks of {}",
        text(&event.text)
    );
}

#[test]
fn renames() {
    let make = |d: &Path| {
        fs::create_dir(d.join("real")).unwrap();
        std::os::unix::fs::symlink("real", d.join("link")).unwrap();
        for name in ["a", "b", "c", "real/d"] {
            fs::write(d.join(name), name).unwrap();
        }
    };
    let Some((mut acts, _)) = Acts::new(
        &[kind::RENAME],
        make,
        "os.chdir(d)
call(82, (d + '/a').encode(), b'real/../A')
fd = os.open('link', os.O_RDONLY)
call(264, -100, b'./b', fd, b'B')
call(316, fd, b'd', -100, b'D', 1)
os.chdir('/')
call(82, (d + '/link/../link/../c').encode(), (d + '/link/C').encode())
assert call(82, (d + '/missing').encode(), (d + '/x').encode()) == -2",
    ) else {
        return;
    };
    for (new, old, flags) in [("A", "a", 0), ("real/B", "b", 0), ("D", "real/d", 1)] {
        let event = acts.of(kind::RENAME, new);
        assert_eq!(text(&event.text2), acts.path(old));
        assert_eq!(event.a, flags);
        assert_eq!(event.ret, 0);
        is_about(&event, &acts.dir.join(new));
        is_marked(&event, acts.given);
    }
    // `link/..` is the parent of what the link leads to.
    let event = acts.of(kind::RENAME, "real/C");
    assert_eq!(text(&event.text2), acts.path("c"));
    is_about(&event, &acts.dir.join("real/C"));
    assert_eq!(
        acts.all(kind::RENAME).len(),
        4,
        "what is missing is not told"
    );
}

#[test]
fn names_that_go_and_come() {
    let make = |d: &Path| {
        for name in ["a", "b", "old"] {
            fs::write(d.join(name), name).unwrap();
        }
        fs::create_dir_all(d.join("deep/er")).unwrap();
        fs::create_dir(d.join("gone")).unwrap();
        std::os::unix::fs::symlink(d.join("deep"), d.join("link")).unwrap();
    };
    let Some((mut acts, inode)) = Acts::new(
        &[
            kind::UNLINK,
            kind::LINK,
            kind::SYMLINK,
            kind::MKDIR,
            kind::MKNOD,
        ],
        make,
        "fd = os.open(d, os.O_RDONLY)
os.chdir(d + '/deep')
print(os.stat('../a').st_ino)
call(87, b'../a'); call(263, fd, b'link/../b', 0)
call(84, b'er/'); call(263, fd, b'gone', 0x200)
call(86, b'../old', b'second'); os.symlink('second', 'way')
call(265, fd, b'link/way', fd, b'third', 0x400); call(265, fd, b'deep/way', -100, b'way2', 0)
old = os.open(d + '/old', os.O_RDONLY)
call(265, old, b'', fd, b'fourth', 0x1000)
call(88, b'/no/where', (d + '/s1').encode()); call(266, b'../else', fd, b'link/s2')
call(83, (d + '/m1/').encode(), 0o700); call(258, fd, b'./m1/m2', 0o1777)
call(133, (d + '/fifo').encode(), 0o10644, 0); call(259, fd, b'node', 0o20600, os.makedev(1, 3))
assert call(83, (d + '/m1').encode(), 0o700) == -17",
    ) else {
        return;
    };
    for (name, flags) in [("a", 0), ("b", 0), ("deep/er", 0x200), ("gone", 0x200)] {
        let event = acts.of(kind::UNLINK, name);
        assert_eq!(event.a, flags, "{name}");
        // What is gone has an inode where a hook saw it go.
        assert_eq!(event.b != 0, acts.given == 0, "{name}");
        assert_eq!(
            event.c,
            kernel_device(acts.dir.metadata().unwrap().dev()),
            "{name}"
        );
        is_marked(&event, acts.given);
    }
    if acts.given == 0 {
        assert_eq!(acts.of(kind::UNLINK, "a").b.to_string(), inode);
    }
    for (name, old) in [
        ("deep/second", "old"),
        ("third", "deep/second"),
        ("deep/way2", "deep/way"),
        ("fourth", "old"),
    ] {
        let event = acts.of(kind::LINK, name);
        assert_eq!(text(&event.text2), acts.path(old));
        is_about(&event, &acts.dir.join(name));
        is_marked(&event, acts.given);
    }
    for (name, content) in [("s1", "/no/where"), ("deep/s2", "../else")] {
        let event = acts.of(kind::SYMLINK, name);
        assert_eq!(text(&event.text2), content);
        is_about(&event, &acts.dir.join(name));
        is_marked(&event, acts.given);
    }
    for (name, mode) in [("m1", 0o700), ("m1/m2", 0o1777)] {
        let event = acts.of(kind::MKDIR, name);
        assert_eq!(event.a, mode);
        is_about(&event, &acts.dir.join(name));
        is_marked(&event, acts.given);
    }
    assert_eq!(acts.all(kind::MKDIR).len(), 2, "what exists is not told");
    let fifo = acts.of(kind::MKNOD, "fifo");
    assert_eq!(fifo.a, 0o10644);
    is_about(&fifo, &acts.dir.join("fifo"));
    let node = acts.of(kind::MKNOD, "node");
    if node.ret == 0 {
        assert_eq!(node.a, 0o20600 | (1 << 20 | 3) << 32);
        is_about(&node, &acts.dir.join("node"));
    }
}

#[test]
fn modes_owners_and_lengths() {
    let make = |d: &Path| {
        fs::create_dir(d.join("real")).unwrap();
        for name in ["a", "real/b", "c"] {
            fs::write(d.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("real", d.join("link")).unwrap();
        std::os::unix::fs::symlink("../c", d.join("real/to-c")).unwrap();
    };
    let Some((mut acts, told)) = Acts::new(
        &[kind::CHMOD, kind::CHOWN, kind::TRUNCATE],
        make,
        "fd = os.open(d, os.O_RDONLY); os.chdir(d + '/real')
f = os.open('b', os.O_RDWR)
call(90, b'../a', 0o104755); call(91, f, 0o2711); call(268, fd, b'link/to-c', 0o600)
print(call(452, fd, b'link/b', 0o640, 0x100))
call(452, f, b'', 0o400, 0x1000)
call(92, b'../a', 1, 2); call(94, b'to-c', 3, -1); call(93, f, 4, 5); call(260, fd, b'link/to-c', 6, 7, 0)
os.chdir(d); call(260, -100, b'', 8, 9, 0x1000)
call(76, b'link/to-c', 5 << 32); call(77, f, 1 << 33)
assert call(90, b'missing', 0) == -2",
    ) else {
        return;
    };
    // (kind, told as, a, its marks)
    let given = acts.given;
    let mut wanted = vec![
        (kind::CHMOD, "a", 0o4755, given),
        (kind::CHMOD, "real/b", 0o2711, 0),
        (kind::CHMOD, "c", 0o600, given),
        (kind::CHOWN, "a", 1 | 2 << 32, given),
        (kind::CHOWN, "real/to-c", 3 | 0xffff_ffff << 32, given),
        (kind::CHOWN, "real/b", 4 | 5 << 32, 0),
        (kind::CHOWN, "c", 6 | 7 << 32, given),
        (kind::CHOWN, "", 8 | 9 << 32, 0),
        (kind::TRUNCATE, "c", 5 << 32, given),
        (kind::TRUNCATE, "real/b", 1 << 33, 0),
    ];
    if told == "0" {
        wanted.push((kind::CHMOD, "real/b", 0o640, given));
        wanted.push((kind::CHMOD, "real/b", 0o400, 0));
    } else {
        skip(&format!("fchmodat2 answers {told}"));
    }
    let chmods = wanted.iter().filter(|w| w.0 == kind::CHMOD).count();
    for (kind, name, a, marks) in wanted {
        let path = acts.dir.join(name);
        let (pid, wanted) = (
            acts.pid,
            path.to_str().unwrap().trim_end_matches('/').to_owned(),
        );
        let event = acts
            .watch
            .expect(&format!("{kind} of {name} to {a:o}"), |e| {
                e.kind == kind && e.task.process.pid == pid && text(&e.text) == wanted && e.a == a
            });
        assert_eq!(event.ret, 0);
        is_about(&event, &path);
        is_marked(&event, marks);
    }
    assert_eq!(acts.all(kind::CHMOD).len(), chmods);
}

#[test]
fn extended_attributes() {
    let make = |d: &Path| {
        fs::write(d.join("a"), "").unwrap();
        std::os::unix::fs::symlink("a", d.join("link")).unwrap();
    };
    let Some((mut acts, told)) = Acts::new(
        &[kind::XATTR],
        make,
        "fd = os.open(d, os.O_RDONLY); os.chdir(d); f = os.open('a', os.O_RDWR)
n = b'trusted.vedette'
r = [call(188, b'link', n, b'v', 1, 0), call(190, f, n + b'2', b'v', 1, 0), call(189, b'link', n + b'3', b'v', 1, 0)]
args = struct.pack('QII', ctypes.addressof(ctypes.create_string_buffer(b'v')), 1, 0)
r += [call(463, fd, b'link', 0, n + b'4', args, 16), call(463, f, b'', 0x1000, n + b'5', args, 16)]
r += [call(197, b'link', n), call(199, f, n + b'2'), call(198, b'link', n + b'3')]
r += [call(466, fd, b'link', 0, n + b'4')]
print(' '.join(map(str, r)))",
    ) else {
        return;
    };
    let told: Vec<i32> = told.split(' ').map(|r| r.parse().unwrap()).collect();
    if told[0] != 0 {
        skip(&format!("no extended attributes here ({})", told[0]));
        return;
    }
    let name = |n: &str| format!("trusted.vedette{n}");
    let (set, remove) = (xattr_operation::SET, xattr_operation::REMOVE);
    let given = event_mark::AS_GIVEN;
    for (index, path, attribute, operation, marks) in [
        (0, "a", "", set, given),
        (1, "a", "2", set, 0),
        (2, "link", "3", set, given),
        (3, "a", "4", set, given),
        (4, "a", "5", set, 0),
        (5, "a", "", remove, given),
        (6, "a", "2", remove, 0),
        (7, "link", "3", remove, given),
        (8, "a", "4", remove, given),
    ] {
        if told[index] != 0 {
            skip(&format!("attribute call {index} answers {}", told[index]));
            continue;
        }
        let (pid, wanted) = (acts.pid, acts.path(path));
        let event = acts.watch.expect(&format!("attribute {index}"), |e| {
            e.kind == kind::XATTR
                && e.task.process.pid == pid
                && text(&e.text) == wanted
                && text(&e.text2) == name(attribute)
                && e.a == u64::from(operation)
        });
        assert_eq!(event.ret, 0);
        is_about(&event, &acts.dir.join(path));
        is_marked(&event, marks);
    }
}

#[test]
fn flags_of_an_inode() {
    let make = |d: &Path| {
        fs::write(d.join("a"), "").unwrap();
        fs::create_dir(d.join("sub")).unwrap();
    };
    let Some((mut acts, told)) = Acts::new(
        &[kind::FILE_FLAGS],
        make,
        "os.chdir(d); f = os.open('a', os.O_RDWR)
def flags(n): return call(16, f, 0x40086602, struct.pack('l', n))
r = [flags(0x10), flags(0x20 | 0x80), call(16, f, 0x401c5820, struct.pack('IIIII8x', 8, 0, 0, 0, 0))]
flags(0)
attr = struct.pack('QIIII', 0x10, 0, 0, 0, 0)
r += [call(469, -100, b'./sub/../a', attr, 24, 0)]
flags(0)
call(16, 1, 0x5401, bytes(64))
print(' '.join(map(str, r)))",
    ) else {
        return;
    };
    let told: Vec<i32> = told.split(' ').map(|r| r.parse().unwrap()).collect();
    let refused = [-1, -13, -30];
    let wanted = [
        (told[0], 0x10, 0),
        (told[1], 0xa0, 0),
        (told[2], 0x10, 0),
        (told[3], 0x20, event_mark::AS_GIVEN),
    ];
    for (ret, flags, marks) in wanted {
        if ret != 0 && !refused.contains(&ret) {
            skip(&format!("setting flags {flags:#x} answers {ret}"));
            continue;
        }
        let (pid, path) = (acts.pid, acts.path("a"));
        let event = acts.watch.expect(&format!("flags {flags:#x}"), |e| {
            e.kind == kind::FILE_FLAGS
                && e.task.process.pid == pid
                && text(&e.text) == path
                && e.a == flags
                && e.marks & event_mark::AS_GIVEN == marks
        });
        assert_eq!(event.ret, ret);
        is_about(&event, &acts.dir.join("a"));
        is_marked(&event, marks);
    }
}

#[test]
fn pages_of_a_read_only_file_in_a_pipe() {
    let Some((mut acts, _)) = Acts::new(
        &[kind::SPLICE],
        |d| fs::write(d.join("a"), "x".repeat(5000)).unwrap(),
        "os.chdir(d); r, w = os.pipe(); print(os.fstat(r).st_ino)
f = os.open('a', os.O_RDONLY); g = os.open('a', os.O_RDWR)
os.splice(g, w, 10)
os.splice(f, w, 100)
os.sendfile(w, f, 0, 50)
a, b = socket.socketpair(); os.sendfile(a.fileno(), f, 0, 10)
import mmap
def vmsplice(memory, offset, size, writable=False):
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory)) if writable else libc.mmap(0, 8192, 1, 2, f, 0)
    piece = ctypes.create_string_buffer(struct.pack('QQ', base + offset, size))
    assert call(278, w, ctypes.c_void_p(ctypes.addressof(piece)), 1, 0) == size
libc.mmap.restype = ctypes.c_void_p
vmsplice(mmap.mmap(-1, 4096), 0, 20, True)
vmsplice(None, 4096, 30)",
    ) else {
        return;
    };
    let events = acts.all(kind::SPLICE);
    let lengths: Vec<i32> = events.iter().map(|e| e.ret).collect();
    assert_eq!(
        lengths,
        [100, 50, 30],
        "neither a writable file nor a socket nor memory without a file"
    );
    for event in events {
        assert_eq!(text(&event.text), acts.path("a"));
        assert_eq!(event.b, acts.dir.join("a").metadata().unwrap().ino());
        assert_eq!(event.a, u64::from(file_mark::READ_ONLY));
        assert_ne!(event.c, 0);
        is_marked(&event, 0);
    }
}

#[test]
fn an_open_that_makes_the_file_says_so() {
    let filter = Filter {
        kinds: KindSet::CONTEXT.with(kind::OPEN),
        opens: Opens {
            all: Some(Access::Any),
            ..Opens::default()
        },
        ..Filter::default()
    };
    let Some(mut watch) = Watch::start(&filter) else {
        return;
    };
    let (_keep, dir) = directory();
    let (pid, _) = python(&format!(
        "os.chdir('{}'); os.open('new', os.O_CREAT | os.O_RDWR); os.open('new', os.O_CREAT | os.O_RDONLY)",
        dir.display()
    ));
    let path = dir.join("new").to_str().unwrap().to_owned();
    let mut marks_with = |access: u64| {
        let event = watch.expect("open", |e| {
            e.kind == kind::OPEN
                && e.task.process.pid == pid
                && text(&e.text) == path
                && e.a & 3 == access
        });
        (event.a >> 32) as u32
    };
    assert_eq!(marks_with(2), open_mark::CREATED);
    assert_eq!(marks_with(0), 0);
}
