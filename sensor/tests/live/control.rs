use crate::observe::{Watch, of, python, skip, text};
use std::{
    os::unix::fs::MetadataExt,
    time::{Duration, Instant},
};
use vedette_contract::{
    kind,
    values::{event_mark, process_mark},
};
use vedette_sensor::{
    event::Event,
    filter::{Filter, KindSet},
    live::{Options, Sensor},
    probe::Features,
};

#[test]
fn a_waker_ends_the_wait() {
    let Some(mut watch) = Watch::start(&Filter::default()) else {
        return;
    };
    let waker = watch.sensor.waker();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        waker.wake();
    });
    let begin = Instant::now();
    loop {
        let before = watch.seen.len();
        watch
            .sensor
            .next_batch(Duration::from_secs(30), &mut watch.seen)
            .unwrap();
        if watch.seen.len() == before {
            break;
        }
    }
    assert!(begin.elapsed() < Duration::from_secs(10));
    thread.join().unwrap();
}

#[test]
fn a_kind_that_nobody_wants_is_not_sent() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let act = "os.pipe(); os.memfd_create('x'); socket.socketpair(); open('/etc/passwd')";
    let (pid, _) = python(act);
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    for event in &watch.seen {
        assert!(KindSet::CONTEXT.has(event.kind), "{event:?}");
    }
    let mut filter = Filter::context();
    filter.kinds = filter.kinds.with(kind::MEMFD);
    watch.sensor.set_filter(&filter).unwrap();
    let (pid, _) = python(act);
    watch.expect("memfd", |e| {
        e.kind == kind::MEMFD && e.task.process.pid == pid
    });
}

/// BPF objects of this kind that this process holds.
fn held(what: &str) -> usize {
    std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok())
        .filter(|to| to.to_string_lossy() == format!("anon_inode:{what}"))
        .count()
}

#[test]
fn programs_come_and_go_with_the_kinds_that_they_serve() {
    // A sensor of its own: the one that tests share has loaded much already.
    let Some(mut watch) = Watch::start_with(&Options::default(), &Filter::context()) else {
        return;
    };
    let (programs, links) = (held("bpf-prog"), held("bpf_link"));
    let act = "libc.unshare(0x20000); libc.mount(b'x', b'/tmp', b'tmpfs', 0, 0)";
    let mut filter = Filter::context();
    filter.kinds = filter.kinds.with(kind::MOUNT).with(kind::SENT);
    watch.sensor.set_filter(&filter).unwrap();
    assert!(
        held("bpf-prog") >= programs + 10,
        "those of the mount family"
    );
    // What is sent is seen in packets, and joined to who made or accepted its socket.
    let packets = Features::probe().has("cgroup2");
    assert!(held("bpf_link") >= links + 2 * usize::from(packets));
    assert!(watch.sensor.senses(kind::MOUNT));
    assert_eq!(watch.sensor.senses(kind::SENT), packets);
    let (pid, _) = python(act);
    watch.expect("mount", of(kind::MOUNT, pid));

    let loaded = held("bpf-prog");
    watch.sensor.set_filter(&Filter::context()).unwrap();
    assert_eq!(
        held("bpf_link"),
        links,
        "packets are not looked at any more"
    );
    assert_eq!(held("bpf-prog"), loaded, "what is loaded need not be again");
    let (pid, _) = python(act);
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    assert!(!watch.seen.iter().any(of(kind::MOUNT, pid)));
}

#[test]
fn whatever_this_kernel_refuses_is_told_with_its_reason() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    watch.settle();
    let gaps = watch.sensor.gaps();
    println!("{gaps:#?}");
    assert!(gaps.iter().all(|gap| !gap.reason.is_empty()));
    for kind in KindSet::CONTEXT.numbers() {
        assert!(watch.sensor.senses(kind), "kind {kind}");
    }
    assert_eq!(Sensor::gaps_here().unwrap(), gaps);
}

#[test]
fn events_come_in_order_of_time_with_ids_of_their_own() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, _) = python(
        "for i in range(40):
    if os.fork() == 0: os.execv('/bin/true', ['true'])
for i in range(40): os.wait()",
    );
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    let mut ids: Vec<u64> = watch.seen.iter().map(|e| e.id).collect();
    let mut newest = 0;
    for event in &watch.seen {
        let late = event.marks & event_mark::LATE != 0;
        assert!(late || event.at >= newest, "out of order and not marked");
        newest = newest.max(event.at);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), watch.seen.len());
    let forks = watch
        .seen
        .iter()
        .filter(|e| e.kind == kind::FORK && e.task.process.pid == pid);
    assert_eq!(forks.count(), 40);
    assert_eq!(watch.sensor.losses(), []);
}

#[test]
fn a_flood_is_counted_to_the_last_event() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    // Nobody reads while more is opened than the bulk ring holds.
    let (pid, _) = python("for i in range(60000): os.close(os.open('/etc/passwd', os.O_RDONLY))");
    watch.settle();
    let told = watch
        .seen
        .iter()
        .filter(|e| {
            e.kind == kind::OPEN && e.task.process.pid == pid && text(&e.text) == "/etc/passwd"
        })
        .count() as u64;
    let lost: u64 = watch.sensor.losses().iter().map(|l| l.count).sum();
    assert!(told < 60_000 && lost > 0, "told {told}, lost {lost}");
    assert!(told + lost >= 60_000, "told {told}, lost {lost}");
    watch.expect("the security lane is unharmed", |e| {
        e.kind == kind::EXEC && e.task.process.pid == pid
    });
}

#[test]
fn a_control_group_is_told_and_its_processes_carry_its_id() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let features = Features::probe();
    let Some(root) = features.iter().find(|f| f.name == "cgroup2" && f.available) else {
        skip("no unified hierarchy");
        return;
    };
    let name = format!("vedette-test-{}", std::process::id());
    let path = std::path::Path::new(&root.detail).join(&name);
    std::fs::create_dir(&path).unwrap();
    let id = path.metadata().unwrap().ino();
    let (pid, _) = python(&format!(
        "open('{}/cgroup.procs', 'w').write('0')\nos.dup2(1, 2)\nopen('{root}/cgroup.procs', 'w').write('0')",
        path.display(),
        root = root.detail
    ));
    std::fs::remove_dir(&path).unwrap();
    let own = format!("/{name}");
    let told = |watch: &mut Watch, kind, what| {
        let event = watch.expect(what, |e| e.kind == kind && e.a == id);
        assert_eq!((text(&event.text), event.b), (own.clone(), 0));
        event
    };
    let made = told(&mut watch, kind::CGROUP, "cgroup");
    assert_eq!(made.task.process.pid, std::process::id());
    let moved = told(&mut watch, kind::CGROUP_MOVE, "cgroup-move");
    let inside = watch.expect("dup", of(kind::DUP, pid));
    assert_eq!(inside.task.cgroup, id);
    assert_eq!(moved.target, Some(inside.task.process));
    assert_eq!(moved.task.process.pid, pid);
    let gone = told(&mut watch, kind::CGROUP_REMOVED, "cgroup-removed");
    assert!(made.at < moved.at && moved.at < inside.at && inside.at < gone.at);

    // Hierarchies that tell nothing of containers are not told of.
    let other = std::path::Path::new("/sys/fs/cgroup/memory");
    if other.join("memory.stat").exists() {
        let path = other.join(&name);
        std::fs::create_dir(&path).unwrap();
        std::fs::remove_dir(&path).unwrap();
        watch.settle();
        let ends = |e: &&Event| e.kind == kind::CGROUP && text(&e.text) == own;
        assert_eq!(watch.seen.iter().filter(ends).count(), 1);
    }
}

#[test]
fn an_overlay_file_that_was_written_is_marked() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (pid, told) = python(&format!(
        "import shutil, subprocess
d='{}'
assert call(272, 0x20000) == 0
libc.mount(None, b'/', None, 0x44000, None)
libc.mount(b'none', d.encode(), b'tmpfs', 0, None)
for n in ['lower', 'upper', 'work', 'merged']: os.mkdir(d + '/' + n)
shutil.copy('/bin/true', d + '/lower/shipped')
r = libc.mount(b'overlay', (d + '/merged').encode(), b'overlay', 0, f'lowerdir={{d}}/lower,upperdir={{d}}/upper,workdir={{d}}/work'.encode())
if r == 0:
    shutil.copy('/bin/true', d + '/merged/dropped')
    subprocess.run([d + '/merged/shipped']); subprocess.run([d + '/merged/dropped'])
print(r)",
        dir.path().display()
    ));
    if told != "0" {
        skip("overlay cannot be mounted here");
        return;
    }
    let mut written = |name: &str| {
        let exec = watch.expect(name, |e| {
            e.kind == kind::EXEC && e.task.parent.pid == pid && text(&e.text).ends_with(name)
        });
        exec.image.unwrap().marks & process_mark::WRITTEN_IMAGE
    };
    assert_eq!(written("/merged/shipped"), 0);
    assert_ne!(written("/merged/dropped"), 0);
}

#[test]
fn long_command_lines_keep_head_tail_and_length() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let (pid, _) = python("os.execv('/bin/true', ['true', 'a' * 9000, 'stratum+tcp://end'])");
    let exec = watch.expect("exec", |e| {
        e.kind == kind::EXEC && e.task.process.pid == pid && e.text.ends_with(b"true")
    });
    let image = exec.image.unwrap();
    assert_eq!(image.args_len, 5 + 9001 + 17);
    assert_eq!(image.args.len(), 3072 + 5 + 1024);
    assert!(image.args.starts_with(b"true\0aaa"));
    assert_eq!(&image.args[3072..3077], b"\0...\0");
    assert!(image.args.ends_with(b"a\0stratum+tcp://end"));
    // One that just fits, and one that just does not.
    for (len, kept) in [(4095, 4095), (4096, 3072 + 5 + 1024)] {
        let (pid, _) = python(&format!("os.execv('/bin/true', ['t', 'b' * {}])", len - 2));
        let exec = watch.expect("exec", |e| {
            e.kind == kind::EXEC && e.task.process.pid == pid && e.text.ends_with(b"true")
        });
        let image = exec.image.unwrap();
        assert_eq!((image.args_len, image.args.len()), (len, kept));
    }
}
