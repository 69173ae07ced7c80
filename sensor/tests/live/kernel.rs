use crate::observe::{Watch, of, python, text};
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
fn modules_and_bpf() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, _) = python(
        "f = os.open('/etc/passwd', os.O_RDONLY)
call(313, f, b'', 0)
call(175, b'x', 1, b'')
call(321, 0, struct.pack('IIIII', 2, 4, 4, 1, 0) + bytes(100), 120)",
    );
    let module = watch.expect("finit_module", |e| {
        of(kind::MODULE, pid)(e) && !e.text.is_empty()
    });
    assert_eq!(text(&module.text), "/etc/passwd");
    assert!(module.ret < 0);
    watch.expect("init_module", |e| {
        of(kind::MODULE, pid)(e) && e.text.is_empty()
    });
    let map = watch.expect("bpf", of(kind::BPF, pid));
    assert_eq!((map.a as u32, map.a >> 32), (0, 2));
    assert!(map.ret >= 0);
}
