//! Ways to lose one's parent, one's number or one's place. Who made whom is told by the kernel.

use super::{exec, numbers};
use crate::observe::{Group, Watch, of, python, skip, text};
use vedette_contract::kind;
use vedette_sensor::filter::Filter;

#[test]
fn a_process_that_leaves_its_parents_behind() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(
        "r, w = os.pipe()
child = os.fork()
if child == 0:
    os.setsid()
    grandchild = os.fork()
    if grandchild: os._exit(0)
    while os.getppid() == os.getsid(0): time.sleep(0.01)
    libc.prctl(15, b'dbus-daemon', 0, 0, 0)
    os.open('/etc/passwd', 0)
    os.write(w, b'%d' % os.getpid())
    os._exit(0)
os.close(w)
os.waitpid(child, 0)
print(child, int(os.read(r, 20)))",
    );
    let [child, grandchild] = numbers(&told)[..] else {
        panic!("{told}")
    };
    let fork = |watch: &mut Watch, made: u64| {
        watch.expect(&format!("fork of {made}"), |e| {
            e.kind == kind::FORK && u64::from(e.target.unwrap().pid) == made
        })
    };
    let first = fork(&mut watch, child);
    assert_eq!(first.task.process.pid, pid);
    let second = fork(&mut watch, grandchild);
    assert_eq!(Some(second.task.process), first.target);
    let open = watch.expect("open", |e| {
        e.kind == kind::OPEN
            && e.task.comm.starts_with(b"dbus-daemon")
            && *e.text == *b"/etc/passwd"
    });
    assert_eq!(Some(open.task.process), second.target);
    // Its parent is another one by then; the forks say where it comes from.
    assert_ne!(open.task.parent, second.task.process);
}

#[test]
fn processes_made_in_every_way() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, told) = python(
        "spawned = os.posix_spawn('/bin/true', ['spawned'], {})
os.waitpid(spawned, 0)
args = struct.pack('11Q', 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0)
child = call(435, args, len(args))
if child == 0: os._exit(3)
os.waitpid(child, 0)
number = ctypes.c_int(child)
args = struct.pack('11Q', 0, 0, 0, 0, 17, 0, 0, 0, ctypes.addressof(number), 1, 0)
again = call(435, args, len(args))
if again == 0: os._exit(4)
if again > 0: os.waitpid(again, 0)
import threading
thread = os.fork()
if thread == 0:
    threading.Thread(target=lambda: os.execv('/bin/true', ['from a thread'])).start()
    time.sleep(60)
os.waitpid(thread, 0)
print(spawned, child, again, thread)",
    );
    let fields: Vec<i64> = told
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [spawned, child, again, thread] = fields[..] else {
        panic!("{told}")
    };
    let w = &mut watch;
    let fork = |w: &mut Watch, made: i64| {
        w.expect(&format!("fork of {made}"), |e| {
            of(kind::FORK, pid)(e) && i64::from(e.target.unwrap().pid) == made
        })
    };
    let made = fork(w, spawned);
    let run = exec(w, spawned as u32, "true");
    assert_eq!(Some(run.task.process), made.target);
    assert_eq!(text(&run.image.as_deref().unwrap().args), "spawned");

    // A number that is used again is another process: it starts at another time.
    let made = fork(w, child);
    let exit = |w: &mut Watch, code: u64| {
        w.expect(&format!("exit with {code}"), |e| {
            of(kind::EXIT, child as u32)(e) && e.a == code << 8
        })
    };
    assert_eq!(Some(exit(w, 3).task.process), made.target);
    if again == child {
        let second = exit(w, 4).task.process;
        assert_eq!(second.pid, child as u32);
        assert!(second.start > made.target.unwrap().start);
        w.expect("second fork", |e| {
            of(kind::FORK, pid)(e) && e.target == Some(second)
        });
    } else {
        skip(&format!("a number cannot be chosen here ({again})"));
    }

    // A thread that executes takes its process over, number, start and all.
    let made = fork(w, thread);
    let run = exec(w, thread as u32, "true");
    assert_eq!(Some(run.task.process), made.target);
    assert_eq!(run.task.tid, thread as u32);
    assert_eq!(text(&run.image.as_deref().unwrap().args), "from a thread");
    let exit = w.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process == run.task.process
    });
    assert_eq!(exit.a, 0);
}

#[test]
fn a_process_made_inside_of_another_control_group() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let Some(group) = Group::new("clone") else {
        return;
    };
    let (pid, told) = python(&format!(
        "fd = os.open('{}', os.O_RDONLY | os.O_DIRECTORY)
args = struct.pack('11Q', 0x200000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, fd)
child = call(435, args, len(args))
if child == 0:
    os.open('/etc/passwd', 0)
    os._exit(0)
if child > 0: os.waitpid(child, 0)
print(child)",
        group.path.display()
    ));
    let child: i64 = told.parse().unwrap();
    assert!(child > 0, "{child}");
    let fork = watch.expect("fork", of(kind::FORK, pid));
    assert_eq!(i64::from(fork.target.unwrap().pid), child);
    assert_ne!(fork.task.cgroup, group.id);
    // From its first act on it is where it was put.
    let open = watch.expect("open", |e| {
        of(kind::OPEN, child as u32)(e) && *e.text == *b"/etc/passwd"
    });
    assert_eq!(open.task.cgroup, group.id);
}
