use crate::observe::{Watch, of, python, text};
use vedette_contract::{
    kind,
    values::{stream_kind, stream_mark},
};
use vedette_sensor::{
    event::{Event, Stream},
    filter::Filter,
};

/// The stream of the dup that put something on a descriptor.
fn dup(watch: &mut Watch, pid: u32, fd: u32) -> (Event, Stream) {
    let event = watch.expect("dup", |e| {
        of(kind::DUP, pid)(e) && e.stream.as_ref().is_some_and(|s| s.fd == fd)
    });
    let stream = event.stream.as_deref().unwrap().clone();
    (event, stream)
}

#[test]
fn pipes_pairs_and_what_is_put_on_the_standard_descriptors() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(
        "r, w = os.pipe()
a, b = socket.socketpair()
m = os.memfd_create('relay')
print(os.fstat(r).st_ino, os.fstat(a.fileno()).st_ino, os.fstat(b.fileno()).st_ino, os.fstat(m).st_ino, flush=True)
os.dup2(r, 0)
os.dup3(a.fileno(), 1, 0) if hasattr(os, 'dup3') else call(292, a.fileno(), 1, 0)
os.close(2)
fcntl.fcntl(m, fcntl.F_DUPFD, 0)",
    );
    let inodes: Vec<u64> = told.split(' ').map(|n| n.parse().unwrap()).collect();
    let pipe = watch.expect("pipe", |e| {
        e.kind == kind::PIPE && e.task.process.pid == pid && e.a == inodes[0]
    });
    assert_eq!((pipe.b >> 32) as u32, pipe.b as u32 + 1);
    watch.expect("pair", |e| {
        e.kind == kind::SOCKETPAIR
            && e.task.process.pid == pid
            && (e.a, e.b) == (inodes[1], inodes[2])
    });
    let (event, stdin) = dup(&mut watch, pid, 0);
    assert_eq!((stdin.kind, stdin.id), (stream_kind::PIPE, inodes[0]));
    assert_eq!(stdin.marks, stream_mark::READABLE);
    assert_eq!(event.a, u64::from(stream_kind::PIPE) << 32);
    assert_eq!(event.b, inodes[0]);
    let (event, stdout) = dup(&mut watch, pid, 1);
    assert_eq!(
        (stdout.kind, stdout.id, stdout.other),
        (stream_kind::UNIX, inodes[1], inodes[2])
    );
    assert_eq!(event.a, 1 | u64::from(stream_kind::UNIX) << 32);
    let (_, stderr) = dup(&mut watch, pid, 2);
    assert_eq!((stderr.kind, stderr.id), (stream_kind::MEMFD, inodes[3]));
    assert_eq!(text(&stderr.address), "/memfd:relay");
}

#[test]
fn both_sides_of_a_terminal_have_one_identity_in_every_devpts() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let act = "import pty
m, s = pty.openpty()
os.dup2(m, 0); os.dup2(s, 2)
print(os.ttyname(s))";
    let (pid, name) = python(act);
    let index: u32 = name.rsplit('/').next().unwrap().parse().unwrap();
    let (_, master) = dup(&mut watch, pid, 0);
    let (_, slave) = dup(&mut watch, pid, 2);
    assert_eq!(master.kind, stream_kind::TERMINAL_MASTER);
    assert_eq!(slave.kind, stream_kind::TERMINAL);
    assert_eq!((master.port, slave.port), (index, index));
    assert_eq!(master.id, slave.id);
    assert_ne!(master.id, 0);
    let made = watch.expect("terminal", |e| {
        e.kind == kind::TERMINAL && e.task.process.pid == pid
    });
    assert_eq!((made.a, made.b), (index.into(), master.id));

    // A devpts of its own, as every container has.
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path().display();
    let (pid, name) = python(&format!(
        "assert call(272, 0x20000) == 0
libc.mount(None, b'/', None, 0x44000, None)
assert libc.mount(b'devpts', b'{d}', b'devpts', 0, b'newinstance,ptmxmode=0666') == 0
m = os.open('{d}/ptmx', os.O_RDWR)
n = ctypes.c_uint()
fcntl.ioctl(m, 0x40045431, struct.pack('i', 0))
index = struct.unpack('I', fcntl.ioctl(m, 0x80045430, bytes(4)))[0]
s = os.open('{d}/%d' % index, os.O_RDWR | os.O_NOCTTY)
os.dup2(m, 0); os.dup2(s, 2)
print(index)"
    ));
    let (_, own_master) = dup(&mut watch, pid, 0);
    let (_, own_slave) = dup(&mut watch, pid, 2);
    assert_eq!(own_master.port, name.parse().unwrap());
    assert_eq!(
        (own_master.id, own_master.port),
        (own_slave.id, own_slave.port)
    );
    assert_ne!(own_master.id, master.id);
}

#[test]
fn a_fifo_and_a_file_keep_their_names_and_devices() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = std::fs::canonicalize(dir.path()).unwrap();
    let (pid, told) = python(&format!(
        "d='{}'
os.mkfifo(d + '/fifo'); f = os.open(d + '/fifo', os.O_RDWR)
w = os.open(d + '/log', os.O_CREAT | os.O_WRONLY)
print(os.fstat(f).st_ino, os.fstat(w).st_ino, flush=True)
os.dup2(f, 0); os.dup2(w, 2)",
        d.display()
    ));
    let inodes: Vec<u64> = told.split(' ').map(|n| n.parse().unwrap()).collect();
    let (_, fifo) = dup(&mut watch, pid, 0);
    let (_, file) = dup(&mut watch, pid, 2);
    assert_eq!((fifo.kind, fifo.id), (stream_kind::FIFO, inodes[0]));
    assert_ne!(fifo.other, 0);
    assert_eq!((file.kind, file.id), (stream_kind::FILE, inodes[1]));
    assert_eq!(file.other, fifo.other);
    assert_eq!(text(&file.address), d.join("log").to_str().unwrap());
    assert_eq!(file.marks, stream_mark::WRITABLE);
}
