use super::*;
use crate::device::kernel_device;
use crate::event::{Image, Stream};
use rustix::fs::{Mode, OFlags, fstat};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use vedette_contract::values::{image_class, process_mark, stream_kind, stream_mark};

fn all() -> Vec<Event> {
    let mut id = 0xffff << 48;
    let mut next_id = || {
        id += 1;
        id
    };
    existing(None, &mut Classifier::new(), &mut next_id, 77)
}

fn of(events: &[Event], pid: u32) -> &Event {
    events
        .iter()
        .find(|e| e.kind == kind::EXISTING && e.task.process.pid == pid)
        .unwrap_or_else(|| panic!("no event of {pid}"))
}

fn image(events: &[Event], pid: u32) -> &Image {
    of(events, pid).image.as_ref().unwrap()
}

fn stream(events: &[Event], pid: u32, fd: i32) -> &Stream {
    let streams = &image(events, pid).streams;
    let found = streams.iter().find(|s| s.fd == fd as u32);
    found.unwrap_or_else(|| panic!("no stream {fd} of {pid} in {streams:?}"))
}

/// What the kernel says of a descriptor of ours: inode and device.
fn identity(fd: &impl AsFd) -> (u64, u64) {
    let stat = fstat(fd).unwrap();
    (stat.st_ino, kernel_device(stat.st_dev))
}

struct Sleeper(Child);

impl Sleeper {
    fn new(stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> Sleeper {
        let mut command = Command::new("sleep");
        command
            .arg("1000")
            .stdin(stdin)
            .stdout(stdout)
            .current_dir("/usr");
        Sleeper(command.spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn terminal() -> (OwnedFd, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).unwrap();
    (master, slave)
}

#[test]
fn a_process_is_told_as_the_kernel_knows_it() {
    let child = Sleeper::new(Stdio::null(), Stdio::null());
    let events = all();
    let event = of(&events, child.pid());
    assert_eq!((event.at, event.marks), (77, event_mark::SYNTHETIC));
    assert!(events.iter().all(|e| e.id >> 48 == 0xffff));
    let me = of(&events, std::process::id());
    assert_eq!(event.task.parent, me.task.process);
    assert!(event.task.process.start >= me.task.process.start);
    assert_eq!(event.task.uid, rustix::process::getuid().as_raw());
    assert_eq!(event.task.namespaces, me.task.namespaces);
    for (name, inode) in [
        ("mnt", event.task.namespaces.mount),
        ("pid", event.task.namespaces.pid),
        ("net", event.task.namespaces.network),
        ("user", event.task.namespaces.user),
    ] {
        let stat = rustix::fs::stat(format!("/proc/self/ns/{name}")).unwrap();
        assert_eq!(u64::from(inode), stat.st_ino, "{name}");
    }
    let image = event.image.as_ref().unwrap();
    assert_eq!(
        (&*image.args, image.args_len, &*image.cwd),
        (&b"sleep\x001000"[..], 10, &b"/usr"[..])
    );
    assert_eq!(
        (image.marks, image.class),
        (process_mark::EXISTING, image_class::OTHER)
    );
    let exe = rustix::fs::stat(format!("/proc/{}/exe", child.pid())).unwrap();
    assert_eq!(
        (image.device, image.inode),
        (kernel_device(exe.st_dev), exe.st_ino)
    );
    assert!(event.text.ends_with(b"/sleep"));
    assert_eq!(
        stream(&events, child.pid(), 0).marks,
        stream_mark::READABLE | stream_mark::NULL
    );
}

#[test]
fn a_start_is_that_of_the_clock() {
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let before = boot.tv_sec as u64 * 1_000_000_000 + boot.tv_nsec as u64;
    let child = Sleeper::new(Stdio::null(), Stdio::null());
    let start = of(&all(), child.pid()).task.process.start;
    let late = start.abs_diff(before);
    assert!(late < 500_000_000, "{late} ns apart");
}

#[test]
fn groups_come_first_and_parents_before_children() {
    let child = Sleeper::new(Stdio::null(), Stdio::null());
    let events = all();
    let first = events
        .iter()
        .position(|e| e.kind == kind::EXISTING)
        .unwrap();
    assert!(first > 0, "no control group");
    assert!(events[first..].iter().all(|e| e.kind == kind::EXISTING));
    let place = |pid| {
        events
            .iter()
            .position(|e| e.task.process.pid == pid && e.image.is_some())
    };
    for event in &events[first..] {
        if event.task.parent.pid != 0 {
            assert!(place(event.task.parent.pid) < place(event.task.process.pid));
        }
    }
    // Its groups are among those that were told.
    let task = &of(&events, child.pid()).task;
    for (id, v1) in [(task.cgroup, false), (task.cgroup_v1, true)] {
        let told = |e: &&Event| e.kind == kind::CGROUP && e.a == id && (e.b != 0) == v1;
        assert!(id == 0 || events.iter().any(|e| told(&e)), "group {id}");
    }
    assert!(task.cgroup != 0);
    assert!(of(&events, 2).image.as_ref().unwrap().marks & process_mark::KERNEL_THREAD != 0);
}

#[test]
fn pipes_fifos_and_files_keep_their_identity() {
    let (read, write) = std::io::pipe().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    let kind_ = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &path, kind_, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let fifo = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let child = Sleeper::new(read.try_clone().unwrap(), fifo.try_clone().unwrap());
    let file = tempfile::NamedTempFile::new_in(&dir).unwrap();
    let other = Sleeper::new(file.reopen().unwrap(), Stdio::null());
    let events = all();
    let pipe = stream(&events, child.pid(), 0);
    assert_eq!(
        (pipe.kind, pipe.marks),
        (stream_kind::PIPE, stream_mark::READABLE)
    );
    assert_eq!((pipe.id, pipe.other), (identity(&read).0, 0));
    let named = stream(&events, child.pid(), 1);
    assert_eq!(named.kind, stream_kind::FIFO);
    assert_eq!((named.id, named.other), identity(&fifo));
    let plain = stream(&events, other.pid(), 0);
    assert_eq!(plain.kind, stream_kind::FILE);
    assert_eq!((plain.id, plain.other), identity(&file.as_file()));
    assert_eq!(&*plain.address, file.path().as_os_str().as_encoded_bytes());
    // The end that this process holds above 2 is told too.
    let held = stream(&events, std::process::id(), write.as_raw_fd());
    assert_eq!((held.kind, held.id), (stream_kind::PIPE, pipe.id));
}

#[test]
fn terminals_are_the_same_from_both_sides() {
    let (master, slave) = terminal();
    let child = Sleeper::new(slave.try_clone().unwrap(), Stdio::null());
    let events = all();
    let theirs = stream(&events, child.pid(), 0);
    assert_eq!(theirs.kind, stream_kind::TERMINAL);
    assert_eq!(theirs.id, identity(&slave).1);
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    assert_eq!(name, format!("/dev/pts/{}", theirs.port));
    let ours = stream(&events, std::process::id(), master.as_raw_fd());
    assert_eq!(ours.kind, stream_kind::TERMINAL_MASTER);
    assert_eq!((ours.id, ours.port), (theirs.id, theirs.port));
}

#[test]
fn connections_have_address_and_direction() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let out = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (accepted, from) = listener.accept().unwrap();
    let child = Sleeper::new(
        OwnedFd::from(out.try_clone().unwrap()),
        OwnedFd::from(accepted),
    );
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.connect("127.0.0.1:9").unwrap();
    // An IPv4 peer of an IPv6 socket.
    let six = TcpListener::bind("[::]:0").unwrap();
    let mapped = TcpStream::connect(("127.0.0.1", six.local_addr().unwrap().port())).unwrap();
    let (mapped_in, mapped_from) = six.accept().unwrap();
    let (events, me) = (all(), std::process::id());

    let both = stream_mark::READABLE | stream_mark::WRITABLE;
    let theirs = stream(&events, child.pid(), 0);
    assert_eq!(
        (theirs.kind, theirs.marks),
        (stream_kind::INET, both | stream_mark::OUTBOUND)
    );
    assert_eq!((theirs.id, theirs.port), (identity(&out).0, port.into()));
    assert_eq!(&*theirs.address, [127, 0, 0, 1]);
    let theirs = stream(&events, child.pid(), 1);
    assert_eq!(
        (theirs.marks, theirs.port),
        (both | stream_mark::ACCEPTED, from.port().into())
    );
    let waiting = stream(&events, me, listener.as_raw_fd());
    assert_eq!(
        (waiting.marks, waiting.port),
        (both | stream_mark::LISTENING, 0)
    );
    assert!(waiting.address.is_empty());
    let datagram = stream(&events, me, udp.as_raw_fd());
    let marks = both | stream_mark::DATAGRAM | stream_mark::OUTBOUND;
    assert_eq!(
        (datagram.kind, datagram.marks, datagram.port),
        (stream_kind::INET, marks, 9)
    );
    let six = stream(&events, me, mapped_in.as_raw_fd());
    assert_eq!(
        (&*six.address, six.port),
        (&[127, 0, 0, 1][..], mapped_from.port().into())
    );
    drop(mapped);
}

#[test]
fn unix_sockets_know_their_peers() {
    let (one, two) = UnixStream::pair().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let client = UnixStream::connect(&path).unwrap();
    let (server, _) = listener.accept().unwrap();
    let child = Sleeper::new(OwnedFd::from(one.try_clone().unwrap()), Stdio::null());
    let (events, me) = (all(), std::process::id());
    let theirs = stream(&events, child.pid(), 0);
    assert_eq!(theirs.kind, stream_kind::UNIX);
    assert_eq!(
        (theirs.id, theirs.other),
        (identity(&one).0, identity(&two).0)
    );
    let ours = stream(&events, me, client.as_raw_fd());
    assert_eq!(
        (ours.id, ours.other),
        (identity(&client).0, identity(&server).0)
    );
    assert_eq!(
        &*ours.address,
        path.as_os_str().as_encoded_bytes(),
        "the peer's path"
    );
    let waiting = stream(&events, me, listener.as_raw_fd());
    assert!(waiting.marks & stream_mark::LISTENING != 0);
}

#[test]
fn another_network_namespace_is_looked_into() {
    let script = "import socket,sys
a,b=socket.socketpair(); l=socket.socket(); print(a.fileno(),b.fileno(),flush=True); sys.stdin.read()";
    let mut child = Sleeper(
        Command::new("unshare")
            .args(["--net", "python3", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    let stdout = child.0.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    let fds: Vec<i32> = line
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let events = all();
    let (a, b) = (
        stream(&events, child.pid(), fds[0]),
        stream(&events, child.pid(), fds[1]),
    );
    assert_eq!((a.kind, a.other, b.other), (stream_kind::UNIX, b.id, a.id));
    let me = of(&events, std::process::id()).task.namespaces.network;
    assert_ne!(of(&events, child.pid()).task.namespaces.network, me);
    assert_eq!(image(&events, child.pid()).class, image_class::INTERPRETER);
}

#[test]
fn a_deleted_image_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("innocent");
    std::fs::copy("/bin/dash", &path).unwrap();
    let mut command = Command::new(&path);
    command
        .args(["-c", "echo up; read x"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = loop {
        // A fork in another test may hold the copy open for writing for a moment.
        match command.spawn() {
            Err(e) if e.kind() == std::io::ErrorKind::ExecutableFileBusy => continue,
            child => break Sleeper(child.unwrap()),
        }
    };
    let mut up = [0; 3];
    child
        .0
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut up)
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    let events = all();
    let event = of(&events, child.pid());
    assert_eq!(&*event.text, path.as_os_str().as_encoded_bytes());
    let image = event.image.as_ref().unwrap();
    assert_eq!(
        image.marks,
        process_mark::EXISTING | process_mark::DELETED_IMAGE
    );
    assert_eq!(image.class, image_class::SHELL);
}

#[test]
fn many_processes_do_not_take_long() {
    let children: Vec<Sleeper> = (0..300)
        .map(|_| Sleeper::new(Stdio::null(), Stdio::null()))
        .collect();
    let begin = std::time::Instant::now();
    let events = all();
    let took = begin.elapsed();
    for child in &children {
        of(&events, child.pid());
    }
    let each = took / events.iter().filter(|e| e.image.is_some()).count() as u32;
    println!("{} events in {took:?}, {each:?} a process", events.len());
    // Some 50 µs here; other tests run beside it.
    assert!(each.as_millis() < 5, "{each:?} a process");
}
