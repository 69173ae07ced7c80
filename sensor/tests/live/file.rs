use crate::observe::{Watch, of, python, skip, text};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    os::unix::fs::MetadataExt,
};
use vedette_contract::{
    kind,
    values::{event_mark, open_mark},
};
use vedette_sensor::{
    device::kernel_device,
    event::Event,
    filter::{Access, Filter, KindSet, Opens},
};

fn opens(opens: Opens) -> Filter {
    Filter {
        kinds: KindSet::CONTEXT.with(kind::OPEN),
        opens,
        ..Filter::default()
    }
}

fn open_of(pid: u32, path: &str) -> impl Fn(&Event) -> bool {
    move |e| e.kind == kind::OPEN && e.task.process.pid == pid && text(&e.text) == path
}

fn marks(event: &Event) -> u32 {
    (event.a >> 32) as u32
}

#[test]
fn an_open_is_told_from_the_kernels_copy() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    fs::write(&real, "x").unwrap();
    std::os::unix::fs::symlink(&real, dir.path().join("link")).unwrap();
    let (pid, _) = python(&format!(
        "os.open('{}/../{}/link', os.O_RDWR)",
        dir.path().display(),
        dir.path().file_name().unwrap().to_str().unwrap()
    ));
    let open = watch.expect("open", open_of(pid, real.to_str().unwrap()));
    let metadata = real.metadata().unwrap();
    assert_eq!(open.a as u32 & 3, 2, "O_RDWR");
    assert_eq!(open.b, metadata.ino());
    assert_eq!(open.c as u32 as u64, kernel_device(metadata.dev()));
    assert_eq!(marks(&open), 0);
    assert!(open.ret > 2);
    assert_eq!(open.target, None);
}

#[test]
fn watched_names_prefixes_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let dir = fs::canonicalize(dir.path()).unwrap();
    fs::create_dir_all(dir.join("secret/deep")).unwrap();
    for name in ["release_agent", "other", "secret/deep/key"] {
        fs::write(dir.join(name), "x").unwrap();
    }
    let secret = format!("{}/secret/", dir.display());
    let filter = opens(Opens {
        names: BTreeMap::from([(b"release_agent".to_vec(), Access::Write)]),
        prefixes: BTreeMap::from([(secret.clone().into_bytes(), Access::Any)]),
        ..Opens::default()
    });
    let Some(mut watch) = Watch::start(&filter) else {
        return;
    };
    let act = format!(
        "d='{}'\nfor n, f in [('release_agent', os.O_RDONLY), ('other', os.O_WRONLY), ('secret/deep/key', os.O_RDONLY), ('release_agent', os.O_WRONLY)]: os.open(d + '/' + n, f)",
        dir.display()
    );
    let (pid, _) = python(&act);
    watch.expect("by prefix", open_of(pid, &format!("{secret}deep/key")));
    let agent = watch.expect(
        "by name",
        open_of(pid, dir.join("release_agent").to_str().unwrap()),
    );
    assert_eq!(agent.a & 3, 1, "only the write");
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    let told = |watch: &Watch, pid| {
        watch
            .seen
            .iter()
            .filter(|e| e.kind == kind::OPEN && e.task.process.pid == pid)
            .count()
    };
    assert_eq!(told(&watch, pid), 2);

    // Live: nothing watched any more, then everything that can write.
    watch.sensor.set_filter(&opens(Opens::default())).unwrap();
    let (pid, _) = python(&act);
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    assert_eq!(told(&watch, pid), 0);
    watch
        .sensor
        .set_filter(&opens(Opens {
            all: Some(Access::Write),
            ..Opens::default()
        }))
        .unwrap();
    let (pid, _) = python(&act);
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    assert_eq!(told(&watch, pid), 2);
}

#[test]
fn marks_of_devices_fifos_and_other_processes_memory() {
    let all = open_mark::BLOCK_DEVICE
        | open_mark::CHARACTER_DEVICE
        | open_mark::FIFO
        | open_mark::PROCESS_MEMORY
        | open_mark::RUNNING_IMAGE;
    let Some(mut watch) = Watch::start(&opens(Opens {
        marks: all,
        ..Opens::default()
    })) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    let (pid, told) = python(&format!(
        "d='{}'
os.mkfifo(d + '/fifo')
os.open(d + '/fifo', os.O_RDWR)
os.open('/dev/null', os.O_RDWR)
os.open('/proc/%d/mem' % os.getppid(), os.O_RDONLY)
os.open('/proc/self/exe', os.O_RDONLY)
os.mknod(d + '/disk', 0o60600, os.makedev(7, 250))
try: os.open(d + '/disk', os.O_RDONLY | os.O_NONBLOCK)
except OSError as e: print(e.errno)",
        d.display()
    ));
    let fifo = watch.expect("fifo", open_of(pid, d.join("fifo").to_str().unwrap()));
    assert_eq!(marks(&fifo), open_mark::FIFO);
    let null = watch.expect("device", open_of(pid, "/dev/null"));
    assert_eq!(marks(&null), open_mark::CHARACTER_DEVICE);
    assert_eq!(null.c as u32, 1 << 20 | 3);
    let memory = watch.expect(
        "memory",
        open_of(pid, &format!("/proc/{}/mem", std::process::id())),
    );
    assert_eq!(marks(&memory), open_mark::PROCESS_MEMORY);
    assert_eq!(memory.target, Some(memory.task.parent));
    assert_eq!(memory.c >> 32, 0x9fa0);
    let running = watch.expect("image", |e| {
        e.kind == kind::OPEN
            && e.task.process.pid == pid
            && marks(e) & open_mark::RUNNING_IMAGE != 0
            && text(&e.text).contains("python")
    });
    assert_eq!(running.marks & event_mark::INCOMPLETE, 0);
    if told.is_empty() {
        let disk = watch.expect("disk", open_of(pid, d.join("disk").to_str().unwrap()));
        assert_eq!(marks(&disk), open_mark::BLOCK_DEVICE);
    } else {
        skip(&format!("the block device: errno {told}"));
    }
}

#[test]
fn what_lies_in_another_namespace_or_outside_of_its_mount() {
    let Some(mut watch) = Watch::start(&opens(Opens {
        marks: open_mark::FOREIGN_MOUNT | open_mark::OUTSIDE_MOUNT | open_mark::BY_HANDLE,
        ..Opens::default()
    })) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    fs::create_dir_all(d.join("inner")).unwrap();
    fs::write(d.join("shadow"), "x").unwrap();
    // A new mount namespace; the parent's root through /proc is a mount of the old one. A bind
    // mount of a directory, and a handle of a file that is not below it.
    let (pid, told) = python(&format!(
        "d='{}'
assert call(272, 0x20000) == 0
os.open('/proc/%d/root/etc/passwd' % os.getppid(), os.O_RDONLY)
assert libc.mount(None, b'/', None, 0x44000, None) == 0
assert libc.mount((d + '/inner').encode(), (d + '/inner').encode(), None, 0x1000, None) == 0
handle = ctypes.create_string_buffer(struct.pack('Ii', 128, 0) + bytes(128))
mount_id = ctypes.c_int()
r = call(303, -100, (d + '/shadow').encode(), handle, ctypes.byref(mount_id), 0)
if r == 0:
    fd = os.open(d + '/inner', os.O_RDONLY | os.O_DIRECTORY)
    r = call(304, fd, handle, os.O_RDONLY)
print(r)",
        d.display()
    ));
    let foreign = watch.expect("foreign", |e| {
        e.kind == kind::OPEN && e.task.process.pid == pid && text(&e.text).ends_with("/etc/passwd")
    });
    assert_eq!(
        marks(&foreign) & open_mark::FOREIGN_MOUNT,
        open_mark::FOREIGN_MOUNT
    );
    if told.parse::<i32>().unwrap() < 0 {
        skip(&format!("the handle: this file system gives none ({told})"));
        return;
    }
    let handle = watch.expect("handle", |e| {
        e.kind == kind::OPEN && e.task.process.pid == pid && marks(e) & open_mark::BY_HANDLE != 0
    });
    assert_eq!(
        marks(&handle),
        open_mark::BY_HANDLE | open_mark::OUTSIDE_MOUNT
    );
    assert_eq!(handle.b, d.join("shadow").metadata().unwrap().ino());
}

#[test]
fn the_agents_own_opens_are_not_told() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("own");
    File::create(&path).unwrap();
    OpenOptions::new().append(true).open(&path).unwrap();
    watch.settle();
    let own = std::process::id();
    assert!(
        !watch
            .seen
            .iter()
            .any(|e| e.kind == kind::OPEN && e.task.process.pid == own)
    );
}

/// Another process with the same descriptors closes them while the calls that make them are still
/// under way.
#[test]
fn what_is_closed_before_the_call_ends_is_told_as_it_was_asked_for() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = std::fs::canonicalize(dir.path()).unwrap().join("secret");
    std::fs::write(&file, "x").unwrap();
    const OPENS: u64 = 3000;
    let path = file.to_str().unwrap();
    for round in 1.. {
        let before = watch.seen.len();
        let (pid, _) = watch.python(&format!(
            "import signal
fd = os.dup(0); os.close(fd)
child = call(56, 0x400 | 17, 0, 0, 0, 0)
if child == 0:
    while True: call(3, fd)
for i in range({OPENS}):
    r = call(257, -100, b'{path}', os.O_RDWR, 0)
    assert r >= 0
    call(3, r)
os.kill(child, signal.SIGKILL)"
        ));
        watch.settle();
        let opens = watch.seen[before..]
            .iter()
            .filter(|e| of(kind::OPEN, pid)(e) && text(&e.text) == path);
        let (early, whole): (Vec<_>, Vec<_>) =
            opens.partition(|e| e.marks & event_mark::INCOMPLETE != 0);
        assert_eq!((early.len() + whole.len()) as u64, OPENS);
        for open in &early {
            assert_ne!(open.marks & event_mark::AS_GIVEN, 0);
            assert_eq!((open.a & 3, open.c as u32), (2, whole[0].c as u32));
        }
        if !early.is_empty() {
            return;
        }
        assert!(round < 20, "nobody was fast enough");
    }
}
