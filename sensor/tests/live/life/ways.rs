//! Ways round a path, and what is refused.

use super::*;

#[test]
fn what_is_refused_is_told_with_its_answer() {
    let make = |d: &Path| {
        fs::create_dir(d.join("locked")).unwrap();
        fs::write(d.join("locked/a"), "").unwrap();
    };
    let Some((mut acts, _)) = Acts::new(
        &[kind::UNLINK, kind::CHMOD, kind::RENAME, kind::MKDIR],
        make,
        "os.chmod(d, 0o755); os.chdir(d); os.setgroups([]); os.setresuid(65534, 65534, 65534)
assert call(87, b'locked/a') == -13
assert call(90, b'locked/a', 0o4755) == -1
assert call(82, b'locked/a', b'locked/b') == -13
assert call(83, b'locked/c', 0o755) == -13
assert call(87, b'locked/none') == -2",
    ) else {
        return;
    };
    let a = acts.dir.join("locked/a");
    for (kind, name, ret, about) in [
        (kind::UNLINK, "locked/a", -13, true),
        (kind::CHMOD, "locked/a", -1, true),
        (kind::RENAME, "locked/b", -13, true),
        (kind::MKDIR, "locked/c", -13, false),
    ] {
        let event = acts.of(kind, name);
        assert_eq!(event.ret, ret);
        if about {
            is_about(&event, &a);
        } else {
            assert_eq!(event.b, 0);
        }
        is_marked(&event, event_mark::AS_GIVEN);
    }
    assert_eq!(acts.all(kind::UNLINK).len(), 1);
}

#[test]
fn in_roots_and_namespaces_of_their_own() {
    let make = |d: &Path| {
        for name in ["jail/etc", "jail/sub", "space"] {
            fs::create_dir_all(d.join(name)).unwrap();
        }
        std::os::unix::fs::symlink("/etc", d.join("jail/way")).unwrap();
        fs::write(d.join("jail/etc/a"), "").unwrap();
    };
    // In a chroot an absolute link leads to the chroot's own /etc. In a mount namespace of its own
    // a new file system hides what the others see.
    let Some((mut acts, _)) = Acts::new(
        &[kind::UNLINK, kind::MKDIR],
        make,
        "if os.fork() == 0:
    os.chroot(d + '/jail'); os.chdir('/sub')
    os.mkdir('/way/made'); os.mkdir('../../../here')
    time.sleep(0.3); os._exit(0)
os.wait()
assert call(272, 0x20000) == 0
assert libc.mount(None, b'/', None, 0x44000, None) == 0
assert libc.mount(b'none', (d + '/space').encode(), b'tmpfs', 0, None) == 0
os.mkdir(d + '/space/in'); print(os.stat(d + '/space/in').st_ino)
time.sleep(0.3)",
    ) else {
        return;
    };
    let pid = acts.pid;
    for (told, real) in [("/etc/made", "jail/etc/made"), ("/here", "jail/here")] {
        let event = acts.watch.expect(told, |e| {
            e.kind == kind::MKDIR && e.task.parent.pid == pid && text(&e.text) == told
        });
        is_about(&event, &acts.dir.join(real));
        is_marked(&event, acts.given);
    }
    let event = acts.of(kind::MKDIR, "space/in");
    is_marked(&event, acts.given);
    assert_ne!(event.b, 0);
    assert_ne!(
        event.c,
        kernel_device(acts.dir.metadata().unwrap().dev()),
        "on its own tmpfs"
    );
}

#[test]
fn a_process_that_is_gone_leaves_a_path_all_the_same() {
    let make = |d: &Path| {
        fs::create_dir_all(d.join("jail/real")).unwrap();
        std::os::unix::fs::symlink("real", d.join("jail/link")).unwrap();
        std::os::unix::fs::symlink("jail/real", d.join("link")).unwrap();
    };
    let Some((mut acts, _)) = Acts::new(
        &[kind::MKDIR],
        make,
        "if os.fork() == 0: os.mkdir(d + '/link/one'); os._exit(0)
os.wait()
if os.fork() == 0:
    os.chroot(d + '/jail'); os.chdir('/')
    if os.fork() == 0: os.mkdir('link/two'); os._exit(0)
    os.wait(); time.sleep(0.3); os._exit(0)
os.wait()
if os.fork() == 0:
    os.chroot(d + '/jail'); os.chdir('/'); os.mkdir('link/../link/three'); os.kill(os.getpid(), 9)
os.wait()",
    ) else {
        return;
    };
    // In the machine's root, and in one that the parent has too, everything can still be known.
    let one = acts.path("jail/real/one");
    for (told, real) in [
        (one.as_str(), "jail/real/one"),
        ("/real/two", "jail/real/two"),
    ] {
        let event = acts
            .watch
            .expect(told, |e| e.kind == kind::MKDIR && text(&e.text) == told);
        is_about(&event, &acts.dir.join(real));
        is_marked(&event, acts.given);
    }
    // Else it stays as it was written, unless the sensor was quicker.
    let three = acts.watch.expect("three", |e| {
        e.kind == kind::MKDIR && e.text.ends_with(b"/three")
    });
    if text(&three.text) == "/real/three" {
        is_marked(&three, acts.given);
    } else {
        assert_eq!(text(&three.text), "/link/three");
        is_marked(&three, event_mark::AS_GIVEN | event_mark::INCOMPLETE);
    }
}

#[test]
fn ways_round_a_path() {
    let make = |d: &Path| {
        fs::create_dir_all(d.join("real/deep")).unwrap();
        for name in ["a", "b", "c", "e"] {
            fs::write(d.join("real").join(name), "").unwrap();
        }
        std::os::unix::fs::symlink("real", d.join("x")).unwrap();
        std::os::unix::fs::symlink("x/deep", d.join("y")).unwrap();
    };
    let Some((mut acts, _)) = Acts::new(
        &[kind::UNLINK],
        make,
        "os.unlink(d + '/y/../a')
os.unlink('/proc/self/root' + d + '/x/b')
os.unlink('/proc/%d/root/../' % os.getpid() + d + '//./x/../x/c')
os.unlink(d + '/.' * 900 + '/real/e')
time.sleep(0.2)",
    ) else {
        return;
    };
    for name in ["real/a", "real/b", "real/c", "real/e"] {
        let event = acts.of(kind::UNLINK, name);
        is_marked(&event, acts.given);
    }
}

#[test]
fn links_into_the_processs_own_part_of_proc() {
    let make = |d: &Path| {
        fs::create_dir(d.join("real")).unwrap();
        std::os::unix::fs::symlink("/proc/self/root", d.join("me")).unwrap();
        std::os::unix::fs::symlink("/proc/thread-self/../../../self", d.join("x")).unwrap();
    };
    let Some((mut acts, told)) = Acts::new(
        &[kind::MKDIR, kind::CHMOD],
        make,
        "os.mkdir(d + '/me' + d + '/real/made')
try: os.chmod(d + '/x/task/%d/comm' % os.getpid(), 0o600)
except OSError as e: print(e.errno)
time.sleep(0.2)",
    ) else {
        return;
    };
    let event = acts.of(kind::MKDIR, "real/made");
    is_about(&event, &acts.dir.join("real/made"));
    is_marked(&event, acts.given);
    let (pid, comm) = (acts.pid, format!("/proc/{0}/task/{0}/comm", acts.pid));
    assert_eq!(told, "1", "not permitted, and so told with its answer");
    let event = acts.watch.expect("the process's own", |e| {
        e.kind == kind::CHMOD && e.task.process.pid == pid && e.text.ends_with(b"/comm")
    });
    assert_eq!(text(&event.text), comm);
}

#[test]
fn names_where_the_kernel_asks_anew_every_time() {
    let Some(group) = crate::observe::Group::new("life") else {
        return;
    };
    let Some((mut acts, _)) = Acts::new(
        &[kind::MKDIR, kind::UNLINK],
        |_| (),
        &format!(
            "os.mkdir('{0}/sub'); print(os.stat('{0}/sub').st_ino); time.sleep(0.2); os.rmdir('{0}/sub')",
            group.path.display()
        ),
    ) else {
        return;
    };
    // A hook is shown an entry that this file system never fills in.
    let unknown = if acts.given == 0 {
        event_mark::INCOMPLETE
    } else {
        0
    };
    for (kind, marks) in [(kind::MKDIR, unknown), (kind::UNLINK, 0)] {
        let event = acts.of(kind, group.path.join("sub").to_str().unwrap());
        is_marked(&event, acts.given | marks);
    }
}
