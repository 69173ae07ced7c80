//! Memory that is made executable in all the ways that shellcode and code injectors know, and
//! files that are mapped so.

use crate::observe::{Watch, of, python, text};
use std::os::unix::fs::MetadataExt;
use vedette_contract::{
    kind,
    values::{event_mark, file_mark, memory_mark},
};
use vedette_sensor::{device::kernel_device, event::Event, filter::Filter};

/// `mmap`, `mprotect` and where a mapping of one's own lies.
const CALLS: &str = "
libc.syscall.restype = ctypes.c_long
def mmap(length, protection, flags, fd=-1, at=0):
    r = call(9, at, length, protection, flags, fd, 0)
    assert r > 0, r
    return r
def protect(at, length, protection): assert call(10, at, length, protection) == 0
def find(name):
    for line in open('/proc/self/maps'):
        if line.rstrip().endswith(name): return [int(n, 16) for n in line.split()[0].split('-')]
def write(at): ctypes.memset(at, 0xc3, 16)
";

fn run(watch: &mut Watch, script: &str) -> (u32, String) {
    let (pid, told) = python(&format!("{CALLS}{script}"));
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    (pid, told)
}

fn all(watch: &Watch, kind: u16, pid: u32) -> Vec<Event> {
    let of = of(kind, pid);
    watch.seen.iter().filter(|e| of(e)).cloned().collect()
}

#[test]
fn memory_that_becomes_executable() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = std::fs::canonicalize(dir.path()).unwrap().join("code");
    std::fs::write(&file, [0xc3; 8192]).unwrap();
    let (pid, told) = run(
        &mut watch,
        &format!(
            "told = []
told += [mmap(8192, 7, 0x22)]
told += [mmap(4096, 5, 0x22)]
told += [mmap(4096, 5, 0x21)]
a = mmap(8192, 3, 0x22); write(a); protect(a, 4096, 5); told += [a]
# Not beside memory that is written, with which the kernel would join it.
a = mmap(12288, 0, 0x22) + 4096; protect(a, 4096, 3); protect(a, 4096, 5); told += [a]
a = mmap(4096, 0, 0x22); protect(a, 4096, 5); told += [a]
a = mmap(4096, 3, 0x22); write(a); assert call(329, a, 4096, 7, -1) == 0; told += [a]
libc.sbrk.restype = ctypes.c_long
end = libc.sbrk(ctypes.c_long(16384)); a = end + 4095 & ~4095; write(a); protect(a, 4096, 7); told += [a]
low, high = find('[stack]'); protect(high - 4096, 4096, 7); told += [high - 4096]
f = os.open('{file}', os.O_RDWR)
a = mmap(4096, 3, 2, f); write(a); protect(a, 4096, 5); told += [a]
told += [mmap(4096, 7, 1, f)]
# A file's page before anonymous ones, all in one call.
a = mmap(12288, 3, 0x22); mmap(4096, 1, 0x12, f, a); protect(a, 12288, 5); told += [a]
s = call(29, 0, 4096, 0o600); a = call(30, s, 0, 0o100000); call(31, s, 0, 0); told += [a]
# None of these: readable, writable, refused.
a = mmap(4096, 3, 0x22); write(a); protect(a, 4096, 1); protect(a, 4096, 3); mmap(4096, 1, 2, f)
assert call(10, 12345, 4096, 7) < 0
# What can be read can be executed.
assert call(135, 0x400000) >= 0
a = mmap(4096, 3, 0x22); told += [a]
print(*told)",
            file = file.display()
        ),
    );
    let addresses: Vec<u64> = told.split(' ').map(|a| a.parse().unwrap()).collect();
    let events = all(&watch, kind::EXECUTABLE_MEMORY, pid);
    use memory_mark::{ANONYMOUS, HEAP, MAPPED, STACK, WRITABLE, WRITTEN};
    let path = file.to_str().unwrap();
    let expected = [
        (8192, 7, ANONYMOUS | WRITABLE | MAPPED, ""),
        (4096, 5, ANONYMOUS | MAPPED, ""),
        (4096, 5, ANONYMOUS | MAPPED, ""),
        (4096, 5, ANONYMOUS | WRITTEN, ""),
        (4096, 5, ANONYMOUS, ""),
        (4096, 5, ANONYMOUS, ""),
        (4096, 7, ANONYMOUS | WRITABLE | WRITTEN, ""),
        (4096, 7, ANONYMOUS | WRITABLE | WRITTEN | HEAP, ""),
        (4096, 7, ANONYMOUS | WRITABLE | WRITTEN | STACK, ""),
        (4096, 5, WRITTEN, path),
        (4096, 7, WRITABLE | MAPPED, path),
        (12288, 5, ANONYMOUS, path),
        (1, 7, ANONYMOUS | WRITABLE | MAPPED, ""),
        (4096, 7, ANONYMOUS | WRITABLE | MAPPED, ""),
    ];
    // What Python does by itself, the same system calls for closures of its own, comes on top.
    let events: Vec<_> = events.iter().filter(|e| addresses.contains(&e.b)).collect();
    let seen: Vec<_> = events
        .iter()
        .map(|e| (e.c, e.a as u32, (e.a >> 32) as u32, text(&e.text)))
        .collect();
    let seen: Vec<_> = seen
        .iter()
        .map(|(l, p, m, t)| (*l, *p, *m, t.as_str()))
        .collect();
    assert_eq!(seen, expected);
    let at: Vec<u64> = events.iter().map(|e| e.b).collect();
    assert_eq!(at, addresses);
    for event in events {
        // Another thread may hold the lock; here there is none.
        assert_eq!(event.marks & event_mark::INCOMPLETE, 0);
    }
}

/// One call over many mappings of which only the last holds what was written.
#[test]
fn memory_behind_many_harmless_parts() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = std::fs::canonicalize(dir.path()).unwrap().join("code");
    std::fs::write(&file, [0xc3; 4096]).unwrap();
    let (pid, told) = run(
        &mut watch,
        &format!(
            "f = os.open('{}', os.O_RDONLY)
# The same page of a file again and again is a mapping for each.
def behind(parts):
    a = mmap(4096 * (parts + 1), 3, 0x22)
    for i in range(parts): mmap(4096, 1, 0x12, f, a + 4096 * i)
    write(a + 4096 * parts); protect(a, 4096 * (parts + 1), 5)
    return a
print(behind(5), behind(15), behind(16), behind(40))",
            file.display()
        ),
    );
    let events = all(&watch, kind::EXECUTABLE_MEMORY, pid);
    let known = memory_mark::ANONYMOUS | memory_mark::WRITTEN;
    let expected = [(6, known), (16, known), (17, 0), (41, 0)];
    let addresses = told.split(' ').map(|a| a.parse::<u64>().unwrap());
    for (address, (pages, marks)) in addresses.zip(expected) {
        let event = events.iter().find(|e| e.b == address).unwrap();
        assert_eq!((event.c, event.a as u32), (pages * 4096, 5), "{pages}");
        assert_eq!((event.a >> 32) as u32, marks, "{pages}");
        let incomplete = event.marks & event_mark::INCOMPLETE != 0;
        assert_eq!(incomplete, marks == 0, "{pages}");
        assert_eq!(text(&event.text), file.to_str().unwrap(), "{pages}");
    }
}

#[test]
fn files_that_are_mapped_executable() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let dir = std::fs::canonicalize(dir.path()).unwrap();
    let (pid, told) = run(
        &mut watch,
        &format!(
            "import shutil
d = '{}'
os.chmod(d, 0o777); os.mkdir(d + '/closed', 0o755)
library = next(l.split()[-1] for l in open('/proc/self/maps') if '/libc.so.6' in l or '/libc-2' in l)
for n in ['/open.so', '/closed/own.so', '/gone.so', '/closed/later.so', '/closed/foreign.so']: shutil.copy(library, d + n)
os.chmod(d + '/closed/own.so', 0o600)
def code(path, flags=os.O_RDONLY):
    f = os.open(path, flags); mmap(4096, 5, 2, f); return f
print(os.path.realpath('/proc/self/exe'), flush=True)
code(d + '/open.so'); code(d + '/closed/own.so')
f = os.open(d + '/gone.so', os.O_RDONLY); os.unlink(d + '/gone.so'); mmap(4096, 5, 2, f)
m = os.memfd_create('lib'); os.write(m, open(library, 'rb').read()); ctypes.CDLL(f'/proc/self/fd/{{m}}')
f = os.open(d + '/closed/later.so', os.O_RDWR); a = mmap(4096, 1, 2, f); protect(a, 4096, 5)
f = os.open(d + '/closed/foreign.so', os.O_RDONLY)
assert call(272, 0x20000) == 0
mmap(4096, 5, 2, f)",
            dir.display()
        ),
    );
    let events = all(&watch, kind::LIBRARY, pid);
    let own = |name: &str| {
        let found: Vec<_> = events
            .iter()
            .filter(|e| text(&e.text).ends_with(name))
            .collect();
        let [event] = found[..] else {
            panic!("{name}: {events:?}")
        };
        assert_eq!(event.a >> 32, 5, "{name}");
        (event, event.a as u32)
    };
    use file_mark::{DELETED, FOREIGN_MOUNT, MEMFD, READ_ONLY, WORLD_WRITABLE};
    for (name, marks) in [
        ("/open.so", WORLD_WRITABLE | READ_ONLY),
        ("/closed/own.so", READ_ONLY),
        ("/closed/later.so", 0),
    ] {
        let path = dir.join(&name[1..]);
        let (event, own_marks) = own(name);
        let written = own_marks & file_mark::WRITTEN;
        assert_eq!(own_marks & !written, marks, "{name}");
        assert_eq!(text(&event.text), path.to_str().unwrap());
        let meta = path.metadata().unwrap();
        assert_eq!(
            (event.b, event.c),
            (meta.ino(), kernel_device(meta.dev())),
            "{name}"
        );
    }
    assert_ne!(own("/gone.so").1 & DELETED, 0);
    assert_eq!(own("/gone.so").1 & MEMFD, 0);
    let memory: Vec<_> = events
        .iter()
        .filter(|e| text(&e.text) == "/memfd:lib")
        .collect();
    assert!(!memory.is_empty());
    assert_eq!(memory[0].a as u32 & (MEMFD | DELETED), MEMFD | DELETED);
    let foreign = events.last().unwrap();
    assert_ne!(foreign.a as u32 & FOREIGN_MOUNT, 0, "{events:?}");
    // What the loader maps for the program, but not the program itself.
    assert!(events.iter().any(|e| text(&e.text).contains("/libc")));
    assert!(!events.iter().any(|e| text(&e.text) == told));
    // None of them is memory that should not be executed.
    let own_paths = |e: &&Event| text(&e.text).starts_with(dir.to_str().unwrap());
    let memory = all(&watch, kind::EXECUTABLE_MEMORY, pid);
    assert_eq!(memory.iter().filter(own_paths).count(), 0, "{memory:?}");
}
