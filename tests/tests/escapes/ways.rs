//! The ways out: each prepares the scene and says what the container is to run.

use crate::scene::{LoopDevice, Restored, Scene};
use std::{
    any::Any,
    fs,
    io::{Read, Write},
    os::unix::net::UnixListener,
    path::Path,
    process::Command,
    thread,
};
use vedette_tests::{
    tools::{Names, Place, Tools},
    workspace,
};

/// Prepares the scene, says what the container is to run, and keeps alive what that needs.
pub type Escape = fn(&mut Scene) -> (String, Box<dyn Any>);

pub fn release_agent(scene: &mut Scene) -> (String, Box<dyn Any>) {
    let hierarchy = Path::new("/sys/fs/cgroup/memory");
    let kept = Restored::new(hierarchy.join("release_agent"));
    scene
        .spec
        .binds
        .push((hierarchy.to_owned(), "/mnt/control".into()));
    // No group of this hierarchy notifies on release, so that nothing is ever called.
    (
        "echo /bin/true > /mnt/control/release_agent".into(),
        Box::new(kept),
    )
}

pub fn core_pattern(scene: &mut Scene) -> (String, Box<dyn Any>) {
    let kept = Restored::new("/proc/sys/kernel/core_pattern");
    let cat = scene.tools.get("cat");
    let script = format!(
        "was=$({cat} /proc/sys/kernel/core_pattern); echo \"$was\" > /proc/sys/kernel/core_pattern"
    );
    (script, Box::new(kept))
}

pub fn nsenter(scene: &mut Scene) -> (String, Box<dyn Any>) {
    scene.host_pids();
    let (nsenter, victim) = (scene.tools.get("nsenter"), scene.victim.pid());
    (
        format!("{nsenter} --target {victim} --mount -- /bin/true"),
        Box::new(()),
    )
}

fn intrude(scene: &mut Scene, how: &str) -> (String, Box<dyn Any>) {
    scene.host_pids();
    let (intrude, victim) = (scene.tools.program("intrude"), scene.victim.pid());
    (format!("{intrude} {victim} {how}"), Box::new(()))
}

pub fn setns_by_pidfd(scene: &mut Scene) -> (String, Box<dyn Any>) {
    intrude(scene, "enter")
}

pub fn memory_file(scene: &mut Scene) -> (String, Box<dyn Any>) {
    intrude(scene, "mem")
}

pub fn memory_call(scene: &mut Scene) -> (String, Box<dyn Any>) {
    intrude(scene, "vm")
}

pub fn ptrace(scene: &mut Scene) -> (String, Box<dyn Any>) {
    intrude(scene, "attach")
}

/// The standard input of a process of the machine, which is asked for nothing.
pub fn fetch_descriptor(scene: &mut Scene) -> (String, Box<dyn Any>) {
    intrude(scene, "fetch")
}

pub fn mount_disk(scene: &mut Scene) -> (String, Box<dyn Any>) {
    let disk = LoopDevice::new();
    let (mount, umount) = (scene.tools.get("mount"), scene.tools.get("umount"));
    let script = format!(
        "{} && {mount} -t ext2 /tmp/disk /mnt/shared && {umount} /mnt/shared",
        disk.mknod(&scene.tools)
    );
    (script, Box::new(disk))
}

pub fn read_disk(scene: &mut Scene) -> (String, Box<dyn Any>) {
    let disk = LoopDevice::new();
    let dd = scene.tools.get("dd");
    let script = format!(
        "{} && {dd} if=/tmp/disk of=/dev/null bs=512 count=4",
        disk.mknod(&scene.tools)
    );
    (script, Box::new(disk))
}

pub fn mount_procfs(scene: &mut Scene) -> (String, Box<dyn Any>) {
    scene.host_pids();
    let mount = scene.tools.get("mount");
    (
        format!("{mount} -t proc anything /mnt/shared"),
        Box::new(()),
    )
}

pub fn mount_cgroup(scene: &mut Scene) -> (String, Box<dyn Any>) {
    let mount = scene.tools.get("mount");
    (
        format!("{mount} -t cgroup -o memory anything /mnt/shared"),
        Box::new(()),
    )
}

/// As CVE-2019-5736 does it: hold the image of a process of the machine open, wait until that
/// process has ended, overwrite the image through what is held.
pub fn overwrite_image(scene: &mut Scene) -> (String, Box<dyn Any>) {
    scene.host_pids();
    let (sleep, victim) = (scene.tools.get("sleep"), scene.victim.pid());
    let script = format!(
        "exec 5< /proc/{victim}/exe && kill -9 {victim}
tries=0
until (printf overwritten > /proc/self/fd/5) 2>/dev/null; do
  tries=$((tries + 1)); [ $tries -lt 100 ] || exit 1; {sleep} 0.05
done"
    );
    (script, Box::new(()))
}

pub fn open_by_handle(scene: &mut Scene) -> (String, Box<dyn Any>) {
    let host = Tools::new(Place::Host, Names::Own);
    let told = Command::new(host.program("handle"))
        .arg("tell")
        .arg(&scene.outside)
        .output()
        .expect("it is built");
    assert!(told.status.success(), "the file has a handle: {told:?}");
    let handle = String::from_utf8_lossy(&told.stdout).trim().to_owned();
    (
        format!(
            "{} open /mnt/shared {handle}",
            scene.tools.program("handle")
        ),
        Box::new(()),
    )
}

/// The container sees the machine's runtime socket under a name of its own.
pub fn runtime_socket(scene: &mut Scene) -> (String, Box<dyn Any>) {
    let run = scene.shared.join("run");
    fs::create_dir(&run).expect("an own directory");
    let listener = UnixListener::bind(run.join("docker.sock")).expect("an own directory");
    let server = thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else {
            return;
        };
        let mut request = [0; 64];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n{}");
    });
    let inside = match scene.tools.names() {
        Names::Own => "/var/run/docker.sock".to_owned(),
        Names::Others => format!("/tmp/{}", workspace::random_word()),
    };
    scene
        .spec
        .binds
        .push((run.join("docker.sock"), inside.clone()));
    let python = scene.tools.get("python3");
    let script = format!(
        r#"{python} -c 'import socket
s=socket.socket(socket.AF_UNIX); s.connect("{inside}")
s.sendall(b"GET /containers/json HTTP/1.0\r\n\r\n"); s.recv(100)'"#
    );
    (script, Box::new(server))
}

/// The container sees the machine's hierarchies of control groups that tell where it is.
fn hierarchies(scene: &mut Scene) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("every process has it");
    let of_groups = |line: &&str| {
        let (_, kind) = line.split_once(" - ").unwrap_or_default();
        kind.starts_with("cgroup2 ")
            || kind.starts_with("cgroup ") && kind.split([',', ' ']).any(|word| word == "pids")
    };
    let mut inside = Vec::new();
    for line in mounts.lines().filter(of_groups) {
        let from = line.split(' ').nth(4).expect("where it is mounted");
        let to = format!("/mnt/groups{}", inside.len());
        scene.spec.binds.push((from.into(), to.clone()));
        inside.push(format!("{to}/cgroup.procs"));
    }
    inside
}

/// A shell of the container's writes itself into the root of each hierarchy.
pub fn leave_groups(scene: &mut Scene) -> (String, Box<dyn Any>) {
    let moves: Vec<String> = hierarchies(scene)
        .iter()
        .map(|file| format!("echo 0 > {file}"))
        .collect();
    (format!("({})", moves.join(" && ")), Box::new(()))
}

/// What it does there is its container's still.
pub fn act_outside_of_groups(scene: &mut Scene) -> (String, Box<dyn Any>) {
    let kept = Restored::new("/proc/sys/kernel/core_pattern");
    let (moves, _) = leave_groups(scene);
    let (cat, sh, sleep) = (
        scene.tools.get("cat"),
        scene.tools.get("sh"),
        scene.tools.get("sleep"),
    );
    let act = r#"echo "$was" > /proc/sys/kernel/core_pattern"#;
    let moves = moves.trim_matches(['(', ')']);
    let script = format!(
        "(was=$({cat} /proc/sys/kernel/core_pattern); export was; {moves} && {sleep} 0.5 && {sh} -c '{act}')"
    );
    (script, Box::new(kept))
}

/// Opens the machine's memory, under a name of its own, for reading, and reads nothing.
pub fn machine_memory(scene: &mut Scene) -> (String, Box<dyn Any>) {
    let mknod = scene.tools.get("mknod");
    (
        format!("{mknod} /tmp/anything c 1 1 && {{ (: < /tmp/anything) || :; }}"),
        Box::new(()),
    )
}

fn with_the_machines_root(scene: &mut Scene) {
    scene.spec.binds.push(("/".into(), "/mnt/host".into()));
}

pub fn change_root(scene: &mut Scene) -> (String, Box<dyn Any>) {
    with_the_machines_root(scene);
    let busybox = scene.tools.get("busybox");
    let script = format!("{busybox} chroot /mnt/host /bin/true");
    (script, Box::new(()))
}

/// Opens the list of users to append to it, and appends nothing.
pub fn write_to_the_machine(scene: &mut Scene) -> (String, Box<dyn Any>) {
    with_the_machines_root(scene);
    ("(: >> /mnt/host/etc/passwd)".into(), Box::new(()))
}
