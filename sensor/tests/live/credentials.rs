//! Credentials that change, each change by what made it. The acts are those of `su`, of a
//! privilege-dropping daemon and of an exploit; the last are performed upon what the kernel side
//! remembers, since no test can make the kernel write credentials.

mod exploit;

use crate::observe::{Watch, python, skip};
use crate::remembered::Remembered;
use std::{
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use vedette_contract::{
    kind,
    values::{credentials_cause, event_mark},
};
use vedette_sensor::{event::Event, filter::Filter};

const NET_BIND_SERVICE: u64 = 1 << 10;
const SYS_ADMIN: u64 = 1 << 21;

/// Takes user 1000 for good and leaves group 0.
const BE_NOBODY: &str = "os.setresuid(1000, 1000, 1000)\n";

/// What the event says, and what the process is after it.
#[derive(Debug, PartialEq)]
struct Change {
    cause: u32,
    old_uid: u32,
    old_euid: u32,
    old_gid: u32,
    euid: u32,
    uid: u32,
    gid: u32,
}

fn change(e: &Event) -> Change {
    assert_eq!((e.attrs.len(), e.attrs[0].key), (1, 1));
    Change {
        cause: e.a as u32,
        old_uid: (e.a >> 32) as u32,
        old_euid: e.b as u32,
        old_gid: e.attrs[0].value as u32,
        euid: (e.b >> 32) as u32,
        uid: e.task.uid,
        gid: e.task.gid,
    }
}

fn changes(watch: &Watch, pid: u32) -> Vec<Event> {
    let of = |e: &&Event| e.kind == kind::CREDENTIALS && e.task.process.pid == pid;
    watch.seen.iter().filter(of).cloned().collect()
}

/// Runs the script to its end and gives all that it did to its credentials.
fn acts(watch: &mut Watch, script: &str) -> Vec<Event> {
    let (pid, _) = python(script);
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    let told = changes(watch, pid);
    // What it had before was known.
    let incomplete = |e: &Event| e.marks & event_mark::INCOMPLETE != 0;
    assert!(!told.iter().any(incomplete), "{told:?}");
    told
}

/// A copy of a program that needs nothing but itself, which everybody may execute.
fn program(dir: &Path, mode: u32) -> PathBuf {
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    let busybox = ["/bin/busybox", "/usr/bin/busybox"];
    let from = busybox.iter().find(|p| Path::new(p).exists()).unwrap();
    let to = dir.join("busybox");
    std::fs::copy(from, &to).unwrap();
    std::fs::set_permissions(&to, std::fs::Permissions::from_mode(mode)).unwrap();
    to
}

#[test]
fn calls_that_are_made_for_it() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let told = acts(
        &mut watch,
        "os.setresgid(41, 42, 42)
os.setresgid(41, 42, 42)
os.setresuid(11, 12, 13)
os.seteuid(13)
os.seteuid(13)
libc.setfsuid(11)",
    );
    let [group, user, effective] = &told[..] else {
        panic!("{told:?}")
    };
    let call = credentials_cause::CALL;
    let all = group.task.capabilities;
    assert_ne!(all & SYS_ADMIN, 0);
    assert_eq!(
        change(group),
        Change {
            cause: call,
            old_uid: 0,
            old_euid: 0,
            old_gid: 0,
            euid: 0,
            uid: 0,
            gid: 41
        }
    );
    assert_eq!((group.c, group.marks), (all, 0));
    assert_eq!(
        change(user),
        Change {
            cause: call,
            old_uid: 0,
            old_euid: 0,
            old_gid: 41,
            euid: 12,
            uid: 11,
            gid: 41
        }
    );
    assert_eq!((user.c, user.task.capabilities), (all, 0));
    assert_eq!(
        change(effective),
        Change {
            cause: call,
            old_uid: 11,
            old_euid: 12,
            old_gid: 41,
            euid: 13,
            uid: 11,
            gid: 41
        }
    );
    assert_eq!((effective.c, effective.task.capabilities), (0, 0));

    // Capabilities alone, with a user that stays.
    let told = acts(
        &mut watch,
        "head = struct.pack('Ii', 0x20080522, 0)
old = ctypes.create_string_buffer(24)
assert call(125, head, old) == 0
e, p, i, *high = struct.unpack('6I', old.raw)
assert call(126, head, struct.pack('6I', e & ~(1 << 21), p, i, *high)) == 0",
    );
    let [dropped] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((dropped.a, dropped.b), (u64::from(call), 0));
    assert_eq!(dropped.c ^ dropped.task.capabilities, SYS_ADMIN);
}

#[test]
fn all_threads_alike_are_told_once_and_one_alone_is_told() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let threads = "import threading
go, done = threading.Event(), threading.Event()
others = [threading.Thread(target=done.wait) for _ in range(5)]
for t in others: t.start()
";
    // The C library lets every thread make the call.
    let told = acts(
        &mut watch,
        &format!("{threads}assert libc.setresuid(7, 7, 7) == 0\ndone.set()"),
    );
    let [once] = &told[..] else {
        panic!("{told:?}")
    };
    let call = credentials_cause::CALL;
    assert_eq!((once.a, once.b, once.task.uid), (call.into(), 7 << 32, 7));

    // The call itself changes the thread that makes it.
    let told = acts(
        &mut watch,
        &format!(
            "{threads}one = threading.Thread(target=lambda: call(117, 7, 7, 7))
one.start(); one.join(); done.set()"
        ),
    );
    let [alone] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((alone.a, alone.task.uid), (call.into(), 7));
    assert_ne!(alone.task.tid, alone.task.process.pid);
}

#[test]
fn images_that_give_credentials() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let image = program(dir.path(), 0o6755);
    // Without the environment: a C library in secure mode looks at some of it.
    let run = format!(
        "{BE_NOBODY}os.execve('{}', ['busybox', 'true'], {{}})",
        image.display()
    );
    let told = acts(&mut watch, &run);
    // (The applet then gives up what it does not need.)
    let [_, image_told, ..] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        change(image_told),
        Change {
            cause: credentials_cause::IMAGE,
            old_uid: 1000,
            old_euid: 1000,
            old_gid: 0,
            euid: 0,
            uid: 1000,
            gid: 0
        }
    );
    assert_eq!(image_told.c, 0);
    assert_ne!(image_told.task.capabilities & SYS_ADMIN, 0);
    let exec = watch.expect("exec", |e| {
        e.kind == kind::EXEC
            && e.task.process == image_told.task.process
            && e.task.exec_id == image_told.task.exec_id
    });
    assert!(exec.at < image_told.at, "the process is the new image's");

    // Capabilities of the file, and none of its bits.
    let image = program(dir.path(), 0o755);
    let (_, kept) = python(&format!(
        "caps = struct.pack('<5I', 0x02000001, 1 << 10, 0, 0, 0)
try:
    os.setxattr('{}', 'security.capability', caps); print('yes')
except OSError: print('no')",
        image.display()
    ));
    if kept == "yes" {
        let told = acts(&mut watch, &run);
        let [_, given, ..] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(given.a, u64::from(credentials_cause::IMAGE) | 1000 << 32);
        assert_eq!((given.c, given.task.capabilities), (0, NET_BIND_SERVICE));
    } else {
        skip("the file system keeps no file capabilities");
    }

    // Capabilities that no rule carries over are gone: prctl(PR_SET_KEEPCAPS), setuid, capset.
    let image = program(dir.path(), 0o755);
    let told = acts(
        &mut watch,
        &format!(
            "assert libc.prctl(8, 1) == 0
{BE_NOBODY}bits = (1 << 21, 1 << 21, 0, 0, 0, 0)
assert call(126, struct.pack('Ii', 0x20080522, 0), struct.pack('6I', *bits)) == 0
os.execve('{}', ['busybox', 'true'], {{}})",
            image.display()
        ),
    );
    let [_, _, gone, ..] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(gone.a as u32, credentials_cause::IMAGE);
    assert_eq!((gone.c, gone.task.capabilities), (SYS_ADMIN, 0));
}

#[test]
fn user_namespaces() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let told = acts(
        &mut watch,
        &format!(
            "{BE_NOBODY}if call(272, 0x10000000): sys.exit(0)
try: os.setuid(0)
except OSError: pass"
        ),
    );
    match &told[..] {
        [_, entered] => {
            assert_eq!(entered.a as u32, credentials_cause::NAMESPACE);
            assert_eq!((entered.a >> 32, entered.b), (1000, 1000 | 1000 << 32));
            assert_eq!(entered.c, 0);
            assert_ne!(entered.task.capabilities & SYS_ADMIN, 0);
        }
        [_] => skip("nobody may make a user namespace here"),
        _ => panic!("{told:?}"),
    }

    // Into that of a child, by setns, and a child that is born in one.
    let (pid, told) = python(
        "import signal
child = call(56, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
if child == 0: time.sleep(20); os._exit(0)
assert call(308, os.open(f'/proc/{child}/ns/user', os.O_RDONLY), 0) == 0
os.kill(child, 9); os.waitpid(child, 0); print(child)",
    );
    let entered = watch.expect("setns", |e| {
        e.kind == kind::CREDENTIALS && e.task.process.pid == pid
    });
    assert_eq!(entered.a, u64::from(credentials_cause::NAMESPACE));
    watch.settle();
    assert_eq!(changes(&watch, told.parse().unwrap()), []);
}

#[test]
fn tools_that_may_change_credentials_are_explained() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    for tool in [
        &[
            "su",
            "nobody",
            "-s",
            "/bin/sh",
            "-c",
            "exec su -c id nobody",
        ][..],
        &["sudo", "-u", "nobody", "sudo", "-n", "id"],
        &[
            "setpriv",
            "--reuid=1",
            "--inh-caps=+net_raw",
            "--ambient-caps=+net_raw",
            "id",
        ],
        &[
            "setpriv",
            "--reuid=1",
            "--clear-groups",
            "--bounding-set=-all",
            "id",
        ],
        &["unshare", "-U", "-r", "-p", "-f", "id"],
    ] {
        // One that is not here proves nothing, and one that fails has changed them all the same.
        let _ = Command::new(tool[0])
            .args(&tool[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
    // A handler of signals that is changing its user when it is killed, again and again.
    python(
        "for i in range(200):
    child = os.fork()
    if child == 0:
        while True: os.setresuid(0, 1, 0); os.setresuid(0, 0, 0)
    time.sleep(0.0005); os.kill(child, 9); os.waitpid(child, 0)",
    );
    watch.settle();
    let unexplained: Vec<_> = watch
        .seen
        .iter()
        .filter(|e| e.kind == kind::CREDENTIALS && e.a as u32 == credentials_cause::UNEXPLAINED)
        .collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
    assert!(watch.seen.iter().any(|e| e.kind == kind::CREDENTIALS));
}
