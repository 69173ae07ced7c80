use crate::observe::{Watch, text};
use std::{
    os::unix::fs::MetadataExt,
    process::{Command, Stdio},
};
use vedette_contract::{
    kind,
    values::{process_mark, stream_kind, stream_mark},
};
use vedette_sensor::{device::kernel_device, filter::Filter};

#[test]
fn exec_fork_and_exit_of_one_process() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", "import os; os._exit(7)", "ä"])
        .current_dir("/usr/share")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    child.wait().unwrap();

    let exec = watch.expect("exec", |e| {
        e.kind == kind::EXEC && e.task.process.pid == pid
    });
    let image = exec.image.as_deref().unwrap();
    let python = std::fs::canonicalize("/usr/bin/python3").unwrap();
    assert_eq!(text(&exec.text), python.to_str().unwrap());
    assert_eq!(text(&exec.text2), "/usr/bin/python3");
    assert_eq!(
        text(&image.args),
        "/usr/bin/python3\0-c\0import os; os._exit(7)\0ä"
    );
    assert_eq!(image.args_len as usize, image.args.len());
    assert_eq!(text(&image.cwd), "/usr/share");
    let metadata = python.metadata().unwrap();
    let (file, device) = (metadata.ino(), kernel_device(metadata.dev()));
    assert_eq!((image.inode, image.device), (file, device));
    assert_eq!((exec.a, exec.b & 0xffff_ffff), (file, device));
    assert_eq!(image.marks & process_mark::MEMFD_IMAGE, 0);
    let [stdin, stdout, _] = &image.streams[..] else {
        panic!("{:?}", image.streams)
    };
    assert_eq!(stdin.kind, stream_kind::DEVICE);
    assert_ne!(stdin.marks & stream_mark::NULL, 0);
    assert_eq!(stdout.kind, stream_kind::PIPE);
    assert_eq!(
        stdout.marks & (stream_mark::WRITABLE | stream_mark::READABLE),
        stream_mark::WRITABLE
    );
    assert_eq!(exec.task.parent.pid, std::process::id());
    assert_eq!(exec.task.tid, pid);
    assert_eq!(exec.task.uid, rustix::process::getuid().as_raw());
    let own = |ns: &str| {
        let link = std::fs::read_link(format!("/proc/self/ns/{ns}")).unwrap();
        let link = link.to_str().unwrap();
        link[link.find('[').unwrap() + 1..link.len() - 1]
            .parse::<u32>()
            .unwrap()
    };
    let ns = exec.task.namespaces;
    assert_eq!(
        (ns.mount, ns.pid, ns.network, ns.user),
        (own("mnt"), own("pid"), own("net"), own("user"))
    );

    let fork = watch.expect("fork", |e| {
        e.kind == kind::FORK && e.target == Some(exec.task.process)
    });
    assert_eq!(fork.task.process, exec.task.parent);
    assert_eq!(fork.a, 0);
    assert!(fork.at < exec.at);
    let exit = watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process == exec.task.process
    });
    assert_eq!(exit.a, 7 << 8);
    assert_eq!(exit.task.exec_id, exec.task.exec_id);
}
