//! What runs already, as the kernel's iterator tells it and as `/proc` does.

use crate::observe::{Watch, skip};
use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use vedette_contract::kind;
use vedette_contract::values::{event_mark, process_mark, stream_kind, stream_mark};
use vedette_sensor::event::{Event, Image};
use vedette_sensor::existing::{Survey, Tasks, existing};
use vedette_sensor::filter::{Filter, KindSet};
use vedette_sensor::image::Classifier;

struct Sleeper(Child);

impl Sleeper {
    fn new(stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> Sleeper {
        let mut command = Command::new("sleep");
        let command = command.arg("1000").stdin(stdin).stdout(stdout);
        let child = Sleeper(command.current_dir("/usr").spawn().unwrap());
        // Its maker goes on while the new image is not yet all of it.
        let comm = format!("/proc/{}/comm", child.0.id());
        while std::fs::read_to_string(&comm).unwrap() != "sleep\n" {
            std::thread::yield_now();
        }
        child
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn all(tasks: Option<Tasks>) -> BTreeMap<u32, Event> {
    let mut id = 0;
    let mut next_id = || {
        id += 1;
        id
    };
    let events = existing(tasks, &mut Classifier::new(), &mut next_id, 77);
    let processes = events.into_iter().filter(|e| e.kind == kind::EXISTING);
    processes.map(|e| (e.task.process.pid, e)).collect()
}

/// The kernel's account, or none where it has no iterators for it.
fn account(watch: &mut Watch) -> Option<Tasks> {
    let tasks = watch.sensor.tasks().unwrap();
    let feature = watch
        .sensor
        .features()
        .iter()
        .find(|f| f.name == "iterators");
    println!("{}", feature.unwrap());
    assert!(feature.unwrap().available || tasks.is_none());
    if tasks.is_none() {
        let gaps = watch.sensor.gaps();
        let gap = gaps.iter().find(|g| g.kinds.has(kind::EXISTING));
        skip(&gap.expect("a gap says why").reason);
    }
    tasks
}

fn image(event: &Event) -> &Image {
    event.image.as_deref().unwrap()
}

/// Its name, without what the kernel leaves behind the end of it.
fn name(event: &Event) -> [u8; 16] {
    let mut name = event.task.comm;
    if let Some(end) = name.iter().position(|b| *b == 0) {
        name[end..].fill(0);
    }
    name
}

/// What only one of the two can know, made equal; the rest is to be the same.
fn common(event: &Event, tick: u64) -> Event {
    let mut event = event.clone();
    let cut = |start: &mut u64| *start -= *start % tick;
    cut(&mut event.task.process.start);
    cut(&mut event.task.parent.start);
    event.id = 0;
    event.task.exec_id = 0;
    event.task.comm = name(&event);
    let image = event.image.as_mut().unwrap();
    image.marks &= !(process_mark::WRITTEN_IMAGE | process_mark::FOREIGN_IMAGE);
    image.streams.sort_by_key(|s| s.fd);
    event
}

#[test]
fn the_kernel_and_proc_tell_the_same_of_a_process() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let Some(tasks) = account(&mut watch) else {
        return;
    };
    let (read, _write) = std::io::pipe().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let out = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let six = TcpListener::bind("[::1]:0").unwrap();
    let out_six = TcpStream::connect(six.local_addr().unwrap()).unwrap();
    let (one, two) = UnixStream::pair().unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.connect("127.0.0.1:9").unwrap();
    let file = tempfile::tempfile_in("/tmp").unwrap();
    let children = [
        Sleeper::new(Stdio::null(), Stdio::null()),
        Sleeper::new(read.try_clone().unwrap(), file),
        Sleeper::new(OwnedFd::from(out), OwnedFd::from(accepted)),
        Sleeper::new(OwnedFd::from(out_six), OwnedFd::from(udp)),
        Sleeper::new(OwnedFd::from(one), OwnedFd::from(two)),
        Sleeper::new(OwnedFd::from(listener.try_clone().unwrap()), Stdio::null()),
    ];
    let (told, found) = (all(Some(tasks)), all(None));
    let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
    for child in &children {
        let pid = child.0.id();
        let (told, found) = (&told[&pid], &found[&pid]);
        if image(found).streams[0].kind == stream_kind::SOCKET {
            skip("this kernel has no diagnostics of unix sockets: /proc alone tells less");
            assert_eq!(image(told).streams[0].kind, stream_kind::UNIX);
            continue;
        }
        assert_eq!(common(told, tick), common(found, tick));
        assert!(told.task.exec_id > 0);
        assert_eq!(&*image(told).args, b"sleep\x001000");
    }
    // This process has threads, and descriptors above 2.
    let me = std::process::id();
    let mine = |events: &BTreeMap<u32, Event>, fd: i32| {
        let streams = &image(&events[&me]).streams;
        streams.iter().find(|s| s.fd == fd as u32).cloned()
    };
    for fd in [read.as_raw_fd(), listener.as_raw_fd(), six.as_raw_fd()] {
        assert!(mine(&told, fd).is_some(), "descriptor {fd}");
        assert_eq!(mine(&told, fd), mine(&found, fd));
    }
    let ours = image(&told[&children[2].0.id()]);
    assert_eq!(ours.streams[0].kind, stream_kind::INET);
    assert!(ours.streams[0].marks & stream_mark::OUTBOUND != 0);
    assert!(ours.streams[1].marks & stream_mark::ACCEPTED != 0);
    // Whatever else runs is told by both, but for what began or ended between.
    let kernel_thread = |e: &Event| image(e).marks & process_mark::KERNEL_THREAD != 0;
    assert!(kernel_thread(&told[&2]) && kernel_thread(&found[&2]));
    assert_eq!(common(&told[&2], tick), common(&found[&2], tick));
}

#[test]
fn the_start_that_is_told_is_that_of_the_events() {
    let filter = Filter {
        kinds: KindSet::CONTEXT,
        ..Filter::default()
    };
    let Some(mut watch) = Watch::start(&filter) else {
        return;
    };
    let child = Sleeper::new(Stdio::null(), Stdio::null());
    let pid = child.0.id();
    let exec = watch.expect("the child's image", |e| {
        e.kind == kind::EXEC && e.task.process.pid == pid
    });
    let Some(tasks) = account(&mut watch) else {
        return;
    };
    let told = all(Some(tasks)).remove(&pid).unwrap();
    assert_eq!(name(&told), name(&exec));
    let mut task = exec.task.clone();
    task.comm = told.task.comm;
    assert_eq!(told.task, task);
    assert_eq!(told.text, exec.text);
    let (now, then) = (image(&told), image(&exec));
    assert_eq!(
        (now.inode, now.device, &now.args, &now.cwd),
        (then.inode, then.device, &then.args, &then.cwd)
    );
    let standard: Vec<_> = now.streams.iter().filter(|s| s.fd < 3).collect();
    assert_eq!(standard, then.streams.iter().collect::<Vec<_>>());
}

#[test]
fn a_process_whose_first_thread_has_ended_is_told() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    // 60 is exit on x86-64.
    let script = "import ctypes, os, threading, time
def rest():
    while open('/proc/%d/stat' % os.getpid()).read().split()[2] != 'Z': time.sleep(0.01)
    os.write(1, b'up\\n')
    time.sleep(1000)
for _ in range(3): threading.Thread(target=rest).start()
ctypes.CDLL(None).syscall(ctypes.c_long(60), 0)";
    let mut command = Command::new("python3");
    let command = command.args(["-c", script]).stdout(Stdio::piped());
    let mut child = Sleeper(command.spawn().unwrap());
    let mut line = String::new();
    let stdout = child.0.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    let Some(tasks) = account(&mut watch) else {
        return;
    };
    let pid = child.0.id();
    let told = all(Some(tasks)).remove(&pid).expect("it lives");
    assert_eq!((told.task.tid, told.task.process.pid), (pid, pid));
    assert!(!told.text.is_empty() && told.task.namespaces.mount != 0);
    assert_eq!(image(&told).streams[1].kind, stream_kind::PIPE);
}

#[test]
fn many_processes_are_told_both_ways() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let many = std::env::var("VEDETTE_MANY").map_or(300, |n| n.parse().unwrap());
    let children: Vec<Sleeper> = (0..many)
        .map(|_| Sleeper::new(Stdio::null(), Stdio::null()))
        .collect();
    let begin = Instant::now();
    let Some(tasks) = account(&mut watch) else {
        return;
    };
    let loaded = begin.elapsed();
    for (name, tasks) in [("the kernel", Some(tasks)), ("/proc", None)] {
        let begin = Instant::now();
        let events = all(tasks);
        let took: Duration = begin.elapsed();
        let of_ours = children.iter().filter(|c| events.contains_key(&c.0.id()));
        assert_eq!(of_ours.count(), children.len());
        println!("{name}: {} processes in {took:?}", events.len());
    }
    println!("the program was there after {loaded:?}");
    // A survey sees each of them too.
    let mut survey = Survey::begin(watch.sensor.tasks().unwrap());
    while survey.list(64) {}
    let mut seen = BTreeMap::new();
    while let Some(one) = survey.look() {
        seen.insert(one.glance.process.pid, one.glance);
    }
    assert!(children.iter().all(|c| seen.contains_key(&c.0.id())));
}

/// A process with `relays` descriptors above 2 that relays are made of, and one of another kind at a
/// number.
fn holder(relays: u32, number: u32) -> Sleeper {
    let script = format!(
        "import os, fcntl, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
os.closerange(3, 8192)
a, b = os.pipe()
for i in range({relays} - 2): fcntl.fcntl(a, fcntl.F_DUPFD, 100)
os.dup2(os.open('/dev/null', os.O_RDONLY), {number})
print(flush=True)
time.sleep(1000)"
    );
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", &script]).stdin(Stdio::null());
    let mut child = Sleeper(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut ready = [0];
    std::io::Read::read_exact(child.0.stdout.as_mut().unwrap(), &mut ready).unwrap();
    child
}

#[test]
fn a_process_with_more_relays_than_are_told_is_incomplete() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let tasks = account(&mut watch);
    let children = [holder(64, 99), holder(65, 99), holder(200, 99)];
    let far = holder(2, 4500);
    let told = tasks.map(|tasks| all(Some(tasks)));
    for events in told.iter().chain([&all(None)]) {
        let of = |child: &Sleeper| {
            let event = &events[&child.0.id()];
            let above = image(event).streams.iter().filter(|s| s.fd > 2).count();
            (above, event.marks & event_mark::INCOMPLETE != 0)
        };
        assert_eq!(
            children.each_ref().map(of),
            [(64, false), (65, true), (65, true)]
        );
    }
    // What is not looked at is a number to the kernel's account, and a count in `/proc`.
    if let Some(told) = told {
        assert_ne!(told[&far.0.id()].marks & event_mark::INCOMPLETE, 0);
    }
}
