use crate::observe::{Watch, of, python, skip, text};
use vedette_contract::{
    kind,
    values::{memory_access, process_mark},
};
use vedette_sensor::{event::TaskRef, filter::Filter};

#[test]
fn tracing_and_touching_another_process() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let act = "buffer = ctypes.create_string_buffer(b'12345678')
child = os.fork()
if child == 0:
    time.sleep(5); os._exit(0)
assert libc.ptrace(0x4206, child, 0, 0) == 0
class Vec(ctypes.Structure): _fields_ = [('base', ctypes.c_void_p), ('len', ctypes.c_size_t)]
v = Vec(ctypes.addressof(buffer), 8)
assert call(310, child, ctypes.byref(v), 1, ctypes.byref(v), 1, 0) == 8
assert call(311, child, ctypes.byref(v), 1, ctypes.byref(v), 1, 0) == 8
print(call(310, 0x7ffffff0, ctypes.byref(v), 1, ctypes.byref(v), 1, 0), end=' ')
os.kill(child, 9); os.waitpid(child, 0)
print(child)";
    let check = |watch: &mut Watch, pid: u32, child: TaskRef| {
        let seize = watch.expect("ptrace", of(kind::PTRACE, pid));
        assert_eq!((seize.a, seize.ret), (0x4206, 0));
        assert_eq!(seize.target, Some(child));
        for access in [memory_access::READ, memory_access::WRITE] {
            let touched = watch.expect("process-memory", |e| {
                of(kind::PROCESS_MEMORY, pid)(e) && e.a == u64::from(access) && e.ret == 8
            });
            assert_eq!(touched.target, Some(child));
        }
        let nobody = watch.expect("nobody", |e| {
            of(kind::PROCESS_MEMORY, pid)(e) && e.ret == -3
        });
        assert_eq!(nobody.target, None);
    };
    let (pid, told) = python(act);
    let child: u32 = told.rsplit(' ').next().unwrap().parse().unwrap();
    let fork = watch.expect("fork", |e| {
        of(kind::FORK, pid)(e) && e.target.unwrap().pid == child
    });
    check(&mut watch, pid, fork.target.unwrap());

    // The same from inside a pid namespace, where numbers mean others.
    let indented = act.replace('\n', "\n    ");
    let (pid, _) = python(&format!(
        "assert call(272, 0x20000000) == 0
outer = os.fork()
if outer == 0:
    {indented}
    os._exit(0)
assert os.waitpid(outer, 0)[1] == 0"
    ));
    let outer = watch.expect("fork", of(kind::FORK, pid)).target.unwrap();
    let child = watch
        .expect("fork", of(kind::FORK, outer.pid))
        .target
        .unwrap();
    check(&mut watch, outer.pid, child);
}

#[test]
fn a_program_run_from_memory() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(
        "m = os.memfd_create('payload', os.MFD_CLOEXEC)
os.write(m, open('/bin/true', 'rb').read())
print(os.fstat(m).st_ino, flush=True)
os.execve(m, ['innocent'], {})",
    );
    let memfd = watch.expect("memfd", of(kind::MEMFD, pid));
    assert_eq!((text(&memfd.text), memfd.a), ("payload".into(), 1));
    assert_eq!(memfd.b, told.parse().unwrap());
    let exec = watch.expect("exec", |e| {
        e.kind == kind::EXEC && e.task.process.pid == pid && e.a == memfd.b
    });
    let image = exec.image.as_deref().unwrap();
    assert_eq!(
        image.marks & (process_mark::MEMFD_IMAGE | process_mark::DELETED_IMAGE),
        process_mark::MEMFD_IMAGE | process_mark::DELETED_IMAGE
    );
    assert_eq!(text(&exec.text), "/memfd:payload");
    assert_eq!(text(&image.args), "innocent");
}

#[test]
fn modules() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(
        "f = os.open('/etc/passwd', os.O_RDONLY)
call(313, f, b'', 0)
call(175, b'x', 1, b'')
import glob, lzma
found = glob.glob(f'/lib/modules/{os.uname().release}/kernel/drivers/net/dummy.ko*') + glob.glob('/modules/dummy.ko')
if found:
    image = open(found[0], 'rb').read()
    if found[0].endswith('.xz'): image = lzma.decompress(image)
    call(176, b'dummy', 0)
    print(call(175, image, len(image), b''))",
    );
    let module = watch.expect("finit_module", |e| {
        of(kind::MODULE, pid)(e) && !e.text.is_empty()
    });
    assert_eq!(text(&module.text), "/etc/passwd");
    assert!(module.ret < 0 && module.text2.is_empty());
    watch.expect("init_module", |e| {
        of(kind::MODULE, pid)(e) && e.text.is_empty() && e.ret < 0
    });
    if told == "0" {
        let loaded = watch.expect("loaded", |e| of(kind::MODULE, pid)(e) && e.ret == 0);
        assert_eq!(text(&loaded.text2), "dummy");
    } else {
        skip(&format!("no module to load here ({told})"));
    }
}

#[test]
fn bpf_programs_and_maps() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, _) = python(
        "def bpf(command, attributes): return call(321, command, attributes + bytes(120 - len(attributes)), 120)
def load(kind, attach, name):
    code = struct.pack('BBhiBBhi', 0xb7, 0, 0, 0, 0x95, 0, 0, 0)
    held = ctypes.create_string_buffer(code); licence = ctypes.create_string_buffer(b'GPL')
    head = struct.pack('IIQQIIQII16sII', kind, 2, ctypes.addressof(held), ctypes.addressof(licence), 0, 0, 0, 0, 0, name, 0, attach)
    return bpf(5, head)
bpf(0, struct.pack('IIIIIII16s', 2, 4, 4, 1, 0, 0, 0, b'a_map'))
bpf(0, struct.pack('IIIIIII16s', 2, 4, 4, 0, 0, 0, 0, b'no_map'))
tracer = load(17, 0, b'a_tracer')
filter = load(8, 0, b'a_filter')
assert tracer >= 0 and filter >= 0, (tracer, filter)
name = ctypes.create_string_buffer(b'sched_process_exit')
bpf(17, struct.pack('QI', ctypes.addressof(name), tracer))
nowhere = os.open('/', os.O_RDONLY)
bpf(28, struct.pack('IIII', filter, nowhere, 1, 0))
bpf(8, struct.pack('IIII', nowhere, filter, 0, 0))
bpf(1, bytes(32))",
    );
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    let told: Vec<_> = watch
        .seen
        .iter()
        .filter(|e| of(kind::BPF, pid)(e))
        .map(|e| (e.a as u32, e.a >> 32, e.b, text(&e.text), e.ret >= 0))
        .collect();
    let told: Vec<_> = told
        .iter()
        .map(|(command, ty, attachment, name, done)| {
            (*command, *ty, *attachment, name.as_str(), *done)
        })
        .collect();
    assert_eq!(
        told,
        [
            (0, 2, 0, "a_map", true),
            (0, 2, 0, "no_map", false),
            (5, 17, 0, "a_tracer", true),
            (5, 8, 0, "a_filter", true),
            (17, 17, 0, "a_tracer", true),
            (28, 8, 1, "a_filter", false),
            (8, 8, 0, "a_filter", false),
        ]
    );
}

#[test]
fn performance_events_keys_and_page_faults() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(
        "child = os.fork()
if child == 0: time.sleep(20); os._exit(0)
attributes = struct.pack('IIQ', 1, 112, 2) + bytes(96)
opened = call(298, attributes, child, -1, -1, 0)
call(298, attributes, -1, 0, -1, 0)
call(298, struct.pack('IIQ', 0xbad, 112, 77) + bytes(96), 0, -1, -1, 0)
key = call(248, b'user', b'a key', b'payload', 7, -2)
call(249, b'user', b'another key', None, 0)
call(250, 3, key, 0, 0, 0)
f = call(323, 0o2000000 | 1)
device = -1
if os.path.exists('/dev/userfaultfd'):
    d = os.open('/dev/userfaultfd', os.O_RDWR); device = call(16, d, 0xaa00, 0o2000000)
call(16, 0, 0xaa00, 0)
os.kill(child, 9); os.waitpid(child, 0)
print(child, opened, key, f, device)",
    );
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    let numbers: Vec<i64> = told.split(' ').map(|n| n.parse().unwrap()).collect();
    let [child, opened, key, faults, device] = numbers[..] else {
        panic!("{told}")
    };
    let all = |kind| -> Vec<_> {
        let of = of(kind, pid);
        watch.seen.iter().filter(|e| of(e)).collect()
    };
    let forked = all(kind::FORK)[0].target.unwrap();
    assert_eq!(i64::from(forked.pid), child);
    let own = all(kind::FORK)[0].task.process;
    let events: Vec<_> = all(kind::PERF_EVENT)
        .iter()
        .map(|e| (e.a, e.b, e.target, e.ret >= 0))
        .collect();
    assert_eq!(
        events,
        [
            (1, 2, Some(forked), opened >= 0),
            (1, 2, None, events[1].3),
            (0xbad, 77, Some(own), false),
        ]
    );
    let keys: Vec<_> = all(kind::KEYCTL)
        .iter()
        .map(|e| (e.a, e.b, text(&e.text), text(&e.text2), i64::from(e.ret)))
        .collect();
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert_eq!(keys[0], (0xffff, 0, "user".into(), "a key".into(), key));
    assert_eq!((keys[1].0, keys[1].3.as_str()), (0xfffe, "another key"));
    assert!(keys[1].4 < 0);
    assert_eq!((keys[2].0, keys[2].1 as i32), (3, key as i32));
    let told: Vec<_> = all(kind::USERFAULTFD)
        .iter()
        .map(|e| (e.a, i64::from(e.ret)))
        .collect();
    let mut expected = vec![(0o2000001, faults)];
    if device >= 0 {
        expected.push((0o2000000, device));
    }
    assert_eq!(told, expected);
}
