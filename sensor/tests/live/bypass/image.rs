//! Ways to execute one thing and to look like another.

use super::{exec, numbers};
use crate::observe::{Watch, python, skip, text};
use std::{fs, os::unix::fs::MetadataExt, path::Path};
use vedette_contract::{
    kind,
    values::{event_mark, process_mark},
};
use vedette_sensor::{event::Event, filter::Filter};

fn args(event: &Event) -> String {
    text(&event.image.as_deref().unwrap().args)
}

fn image_of(event: &Event, path: &Path) {
    assert_eq!(
        event.image.as_deref().unwrap().inode,
        path.metadata().unwrap().ino()
    );
}

#[test]
fn links_descriptors_and_scripts() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    let python3 = fs::canonicalize("/usr/bin/python3").unwrap();
    let (pid, told) = python(&format!(
        "d = '{}'
import shutil
def run(act):
    child = os.fork()
    if child == 0:
        try: act()
        finally: os._exit(9)
    assert os.waitpid(child, 0)[1] == 0
    print(child, end=' ')
os.symlink('/usr/bin/python3', d + '/innocent')
code = ['-c', 'pass']
run(lambda: os.execv(d + '/innocent', ['innocent', *code]))
fd = os.open('/usr/bin/python3', os.O_RDONLY)
run(lambda: call(322, fd, b'', (ctypes.c_char_p * 4)(b'kworker/0:1', b'-c', b'pass', None), None, 0x1000))
def script(name, first):
    with open(d + '/' + name, 'w') as f: f.write('#!' + first + '\\n')
    os.chmod(d + '/' + name, 0o700)
script('inner', '/usr/bin/python3 -Icpass')
script('outer', d + '/inner nested')
run(lambda: os.execv(d + '/inner', ['sshd']))
run(lambda: os.execv(d + '/outer', ['sshd', 'last']))
libc.execve.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p]
shutil.copy('/bin/busybox' if os.path.exists('/bin/busybox') else '/bin/true', d + '/gone')
os.chmod(d + '/gone', 0o700)
gone = os.open(d + '/gone', os.O_PATH)
os.unlink(d + '/gone')
child = os.fork()
if child == 0:
    call(322, gone, b'', (ctypes.c_char_p * 2)(b'true', None), None, 0x1000)
    os._exit(9)
os.waitpid(child, 0)
print(child, end=' ')
a, b = socket.socketpair(socket.AF_UNIX)
def passed():
    got = socket.recv_fds(b, 1, 1)[1][0]
    os.execve(got, ['passed', *code], {{}})
child = os.fork()
if child == 0: passed()
socket.send_fds(a, [b'x'], [fd])
os.waitpid(child, 0)
print(child)",
        d.display()
    ));
    let children = numbers(&told);
    let [link, at, inner, outer, gone, passed] = children[..] else {
        panic!("{told}")
    };
    let real = python3.to_str().unwrap();
    let named = |event: &Event| (text(&event.text), text(&event.text2), args(event));
    let w = &mut watch;
    let event = exec(w, link as u32, "");
    let linked = d.join("innocent").to_str().unwrap().to_owned();
    assert_eq!(
        named(&event),
        (real.into(), linked, "innocent\0-c\0pass".into())
    );
    image_of(&event, &python3);
    let event = exec(w, at as u32, "");
    assert_eq!(
        (text(&event.text), args(&event)),
        (real.into(), "kworker/0:1\0-c\0pass".into())
    );
    assert!(text(&event.text2).starts_with("/dev/fd/"), "{event:?}");
    // Of a script: the interpreter that runs, the script that was asked for, and what it made of
    // the arguments. The caller's argv[0] is lost, in the kernel too.
    let script = |name: &str| d.join(name).to_str().unwrap().to_owned();
    let event = exec(w, inner as u32, "");
    let line = format!("/usr/bin/python3\0-Icpass\0{}", script("inner"));
    assert_eq!(named(&event), (real.into(), script("inner"), line));
    let event = exec(w, outer as u32, "");
    let line = format!(
        "/usr/bin/python3\0-Icpass\0{}\0nested\0{}\0last",
        script("inner"),
        script("outer")
    );
    assert_eq!(named(&event), (real.into(), script("outer"), line));
    let event = exec(w, gone as u32, "");
    assert_eq!(text(&event.text), script("gone"));
    assert_eq!(event.b >> 32, 0, "no name is left");
    let marks = event.image.as_deref().unwrap().marks;
    assert_eq!(
        marks & (process_mark::DELETED_IMAGE | process_mark::MEMFD_IMAGE),
        process_mark::DELETED_IMAGE
    );
    let event = exec(w, passed as u32, "");
    assert_eq!(
        (text(&event.text), args(&event)),
        (real.into(), "passed\0-c\0pass".into())
    );
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
}

#[test]
fn arguments_that_are_none_many_or_rewritten() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    // No argument at all; one in the middle of a hundred thousand bytes; and a process that
    // writes others over its own, in its memory and as its name.
    let (pid, told) = python(
        "def run(act):
    child = os.fork()
    if child == 0: act()
    os.waitpid(child, 0)
    print(child, end=' ')
def empty():
    libc.execve(b'/bin/true', None, None)
    os._exit(9)
run(empty)
run(lambda: os.execv('/bin/true', ['true', *['a' * 900] * 50, 'stratum+tcp://pool', *['b' * 900] * 50, 'end']))
rewrite = '''
import ctypes, os
start, end = map(int, open('/proc/self/stat').read().rsplit(')', 1)[1].split()[45:47])
ctypes.memset(start, 0x78, end - start)
ctypes.CDLL(None).prctl(15, b'kworker/0:1', 0, 0, 0)
assert open('/proc/self/cmdline').read().startswith('xxx')
os.open('/etc/passwd', 0)
'''
run(lambda: os.execv('/usr/bin/python3', ['innocent', '-c', rewrite, 'evil-argument']))",
    );
    let [empty, padded, rewritten] = numbers(&told)[..] else {
        panic!("{told}")
    };
    let w = &mut watch;
    let event = exec(w, empty as u32, "true");
    assert_eq!((args(&event), event.marks), (String::new(), 0));
    let event = exec(w, padded as u32, "true");
    let image = event.image.as_deref().unwrap();
    let whole = 4 + 2 * 50 * 901 + 19 + 4;
    assert_eq!(image.args_len, whole, "what was cut is known by the length");
    assert!((image.args.len() as u32) < whole);
    assert!(args(&event).starts_with("true\0aaa") && args(&event).ends_with("bbb\0end"));
    assert!(args(&event).contains("\0...\0"), "where it was cut");
    let event = exec(w, rewritten as u32, "");
    assert!(args(&event).starts_with("innocent\0-c\0"));
    assert!(args(&event).ends_with("\0evil-argument"));
    let open = w.expect("open under another name", |e| {
        e.kind == kind::OPEN
            && e.task.comm.starts_with(b"kworker/0:1")
            && *e.text == *b"/etc/passwd"
    });
    assert_eq!(open.task.process, event.task.process);
    assert_eq!(open.task.exec_id, event.task.exec_id);
    w.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
}

#[test]
fn a_program_run_by_the_loader() {
    let loader = Path::new("/lib64/ld-linux-x86-64.so.2");
    if !loader.exists() {
        skip("no loader of that name");
        return;
    }
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, _) = python(&format!(
        "os.execv('{}', ['bash', '/bin/true', 'argument'])",
        loader.display()
    ));
    let w = &mut watch;
    let event = exec(w, pid, "");
    let event = if args(&event).ends_with("argument") {
        event
    } else {
        w.expect("exec of the loader", |e| {
            e.kind == kind::EXEC && e.task.process.pid == pid && args(e).ends_with("argument")
        })
    };
    // What the kernel executed is the loader: that is what the process is. What it was told to
    // run stands in the arguments, and the loader's open and mapping of it follow.
    image_of(&event, loader);
    assert_eq!(
        text(&event.text),
        fs::canonicalize(loader).unwrap().to_str().unwrap()
    );
    assert_eq!(args(&event), "bash\0/bin/true\0argument");
    let run = fs::canonicalize("/bin/true").unwrap();
    let open = w.expect("open of the program", |e| {
        e.kind == kind::OPEN
            && e.task.process.pid == pid
            && e.task.exec_id == event.task.exec_id
            && text(&e.text) == run.to_str().unwrap()
    });
    assert_eq!(open.b, run.metadata().unwrap().ino());
    assert_eq!(open.marks & event_mark::INCOMPLETE, 0);
}

#[test]
fn a_program_in_a_root_of_its_own() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let d = fs::canonicalize(dir.path()).unwrap();
    // The smallest of programs: it ends with status 7.
    let (pid, _) = python(&format!(
        "d = '{}'
code = bytes.fromhex('b83c000000bf070000000f05')
elf = b'\\x7fELF\\2\\1\\1' + bytes(9) + struct.pack('<HHIQQQIHHHHHH', 2, 62, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
elf += struct.pack('<IIQQQQQQ', 1, 5, 0, 0x400000, 0x400000, 0x78 + len(code), 0x78 + len(code), 4096) + code
with open(d + '/tiny', 'wb') as f: f.write(elf)
os.chmod(d + '/tiny', 0o700)
child = os.fork()
if child == 0:
    os.chroot(d); os.chdir('/')
    os.execv('/tiny', ['/sbin/init'])
assert os.waitpid(child, 0)[1] == 7 << 8",
        d.display()
    ));
    let fork = watch.expect("fork", |e| {
        e.kind == kind::FORK && e.task.process.pid == pid
    });
    let event = exec(&mut watch, fork.target.unwrap().pid, "/tiny");
    assert_eq!(
        (text(&event.text), args(&event)),
        ("/tiny".into(), "/sbin/init".into())
    );
    image_of(&event, &d.join("tiny"));
    assert_eq!(text(&event.image.as_deref().unwrap().cwd), "/");
    let exit = watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process == event.task.process
    });
    assert_eq!(exit.a, 7 << 8);
}
