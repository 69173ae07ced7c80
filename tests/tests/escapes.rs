//! Acts that leave a privileged container, harmless ones: what they overwrite they overwrite with
//! what was there, and whom they enter is a sleeping process of the test.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};
use tempfile::TempDir;
use vedette_tests::{
    agent::{Agent, PATIENCE},
    container::{Container, Spec},
    need::Need,
    network::Network,
    process::{Mark, wait_for},
    require,
    tools::{Names, Place, Tools},
    workspace,
};

/// What an escape is about to be told, and what it needs around it.
struct Scene {
    tools: Tools,
    /// A file on the machine, outside of the container, holding "outside".
    outside: PathBuf,
    /// A directory of the machine that the container sees as `/mnt/shared`.
    shared: PathBuf,
    victim: Victim,
    spec: Spec,
    _directory: TempDir,
}

/// A sleeping process on the machine, with an executable of its own.
struct Victim {
    child: Child,
}

impl Victim {
    fn start(directory: &Path) -> Self {
        let image = directory.join("sleeper");
        let sleep = vedette_tests::tools::find("sleep").expect("every machine has it");
        fs::copy(sleep, &image).expect("an own directory");
        let child = Command::new(image)
            .arg("300")
            .stdin(Stdio::null())
            .spawn()
            .expect("it is executable");
        Self { child }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // One escape has killed it already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Scene {
    fn new(names: Names) -> Self {
        let directory = TempDir::with_prefix("vedette-machine-").expect("a temporary directory");
        let shared = directory.path().join("shared");
        fs::create_dir(&shared).expect("an own directory");
        let outside = directory.path().join("outside");
        fs::write(&outside, "outside").expect("an own directory");
        let victim = Victim::start(directory.path());
        let spec = Spec {
            privileged: true,
            binds: vec![(shared.clone(), "/mnt/shared".into())],
            ..Spec::default()
        };
        Self {
            tools: Tools::new(Place::Container, names),
            outside,
            shared,
            victim,
            spec,
            _directory: directory,
        }
    }

    fn host_pids(&mut self) {
        self.spec.host_pids = true;
    }
}

/// A file of the kernel that an escape writes to; dropped, it holds again what it held.
struct Restored {
    path: PathBuf,
    content: Vec<u8>,
}

impl Restored {
    fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let content = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, content }
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        // An empty value takes a line feed to be written at all.
        let content: &[u8] = if self.content.is_empty() {
            b"\n"
        } else {
            &self.content
        };
        let changed = fs::read(&self.path).is_ok_and(|now| now != self.content);
        if changed && let Err(error) = fs::write(&self.path, content) {
            eprintln!("{} could not be restored: {error}", self.path.display());
        }
    }
}

/// A loop device over a small file system; dropped, it is detached.
struct LoopDevice {
    path: String,
    numbers: (u32, u32),
    _image: TempDir,
}

impl LoopDevice {
    fn new() -> Self {
        let directory = TempDir::with_prefix("vedette-disk-").expect("a temporary directory");
        let image = directory.path().join("image");
        fs::write(&image, vec![0; 4 << 20]).expect("an own directory");
        let output = Command::new("losetup")
            .args(["--find", "--show"])
            .arg(&image)
            .output()
            .expect("util-linux");
        assert!(output.status.success(), "a loop device: {output:?}");
        let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let device = rustix::fs::stat(&path).expect("the device exists").st_rdev;
        let numbers = (rustix::fs::major(device), rustix::fs::minor(device));
        let disk = Self {
            path,
            numbers,
            _image: directory,
        };
        let made = Command::new("busybox")
            .args(["mke2fs", &disk.path])
            .output()
            .expect("busybox is installed");
        assert!(made.status.success(), "a file system: {made:?}");
        disk
    }

    fn mknod(&self, tools: &Tools) -> String {
        format!(
            "{} /tmp/disk b {} {}",
            tools.get("mknod"),
            self.numbers.0,
            self.numbers.1
        )
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        let detached = Command::new("losetup")
            .args(["--detach", &self.path])
            .status();
        if !detached.is_ok_and(|status| status.success()) {
            eprintln!("{} is not detached", self.path);
        }
    }
}

/// Prepares the scene, says what the container is to run, and keeps alive what that needs.
type Escape = fn(&mut Scene) -> (String, Box<dyn std::any::Any>);

fn release_agent(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
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

fn core_pattern(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    let kept = Restored::new("/proc/sys/kernel/core_pattern");
    let cat = scene.tools.get("cat");
    let script = format!(
        "was=$({cat} /proc/sys/kernel/core_pattern); echo \"$was\" > /proc/sys/kernel/core_pattern"
    );
    (script, Box::new(kept))
}

fn nsenter(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    scene.host_pids();
    let (nsenter, victim) = (scene.tools.get("nsenter"), scene.victim.pid());
    (
        format!("{nsenter} --target {victim} --mount -- /bin/true"),
        Box::new(()),
    )
}

fn intrude(scene: &mut Scene, how: &str) -> (String, Box<dyn std::any::Any>) {
    scene.host_pids();
    let (intrude, victim) = (scene.tools.program("intrude"), scene.victim.pid());
    (format!("{intrude} {victim} {how}"), Box::new(()))
}

fn setns_by_pidfd(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    intrude(scene, "enter")
}

fn memory_file(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    intrude(scene, "mem")
}

fn memory_call(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    intrude(scene, "vm")
}

fn ptrace(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    intrude(scene, "attach")
}

fn mount_disk(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    let disk = LoopDevice::new();
    let (mount, umount) = (scene.tools.get("mount"), scene.tools.get("umount"));
    let script = format!(
        "{} && {mount} -t ext2 /tmp/disk /mnt/shared && {umount} /mnt/shared",
        disk.mknod(&scene.tools)
    );
    (script, Box::new(disk))
}

fn read_disk(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    let disk = LoopDevice::new();
    let dd = scene.tools.get("dd");
    let script = format!(
        "{} && {dd} if=/tmp/disk of=/dev/null bs=512 count=4",
        disk.mknod(&scene.tools)
    );
    (script, Box::new(disk))
}

fn mount_procfs(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    scene.host_pids();
    let mount = scene.tools.get("mount");
    (
        format!("{mount} -t proc anything /mnt/shared"),
        Box::new(()),
    )
}

fn mount_cgroup(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    let mount = scene.tools.get("mount");
    (
        format!("{mount} -t cgroup -o memory anything /mnt/shared"),
        Box::new(()),
    )
}

/// As CVE-2019-5736 does it: hold the image of a process of the machine open, wait until that
/// process has ended, overwrite the image through what is held.
fn overwrite_image(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
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

fn open_by_handle(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
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
fn runtime_socket(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
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
fn leave_groups(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    let moves: Vec<String> = hierarchies(scene)
        .iter()
        .map(|file| format!("echo 0 > {file}"))
        .collect();
    (format!("({})", moves.join(" && ")), Box::new(()))
}

/// What it does there is its container's still.
fn act_outside_of_groups(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
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
fn machine_memory(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    let mknod = scene.tools.get("mknod");
    (
        format!("{mknod} /tmp/anything c 1 1 && {{ : < /tmp/anything || :; }}"),
        Box::new(()),
    )
}

fn with_the_machines_root(scene: &mut Scene) {
    scene.spec.binds.push(("/".into(), "/mnt/host".into()));
}

fn change_root(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    with_the_machines_root(scene);
    let busybox = scene.tools.get("busybox");
    let script = format!("{busybox} chroot /mnt/host /bin/true");
    (script, Box::new(()))
}

/// Opens the list of users to append to it, and appends nothing.
fn write_to_the_machine(scene: &mut Scene) -> (String, Box<dyn std::any::Any>) {
    with_the_machines_root(scene);
    ("(: >> /mnt/host/etc/passwd)".into(), Box::new(()))
}

/// Sets the scene, runs the script in the container and waits until it says that it is through.
fn perform(escape: Escape, names: Names) -> (Container, Scene, Box<dyn std::any::Any>) {
    let mut scene = Scene::new(names);
    let (script, kept) = escape(&mut scene);
    let sleep = scene.tools.get("sleep");
    let mark = Mark::new();
    let spec = Spec {
        script: format!("{{ {script}\n}} && echo it is done\nexec {sleep} 60\n"),
        layer: Some(scene.tools.layer().to_owned()),
        environment: vec![format!("{}={}", Mark::NAME, mark.value())],
        ..std::mem::take(&mut scene.spec)
    };
    let container = Container::start(spec, Network::private());
    let done = wait_for(PATIENCE, || {
        container.log().contains("it is done").then_some(())
    });
    assert!(
        done.is_some(),
        "the escape itself does not work ({names:?} names): {}",
        container.log()
    );
    (container, scene, kept)
}

fn found(escape: Escape, rule: &str, tools: &[&'static str]) {
    for tool in tools {
        require!(Need::Tool(tool));
    }
    require!(
        Need::Root,
        Need::Tool("runc"),
        Need::Tool("busybox"),
        Need::Tool("cc")
    );
    let _alone = workspace::alone();
    for names in [Names::Own, Names::Others] {
        perform(escape, names);
    }
    require!(Need::Agent, Need::Kernel);

    let agent = Agent::observing();
    let mut containers = Vec::new();
    for names in [Names::Own, Names::Others] {
        let (container, _scene, _kept) = perform(escape, names);
        let id = container.id().to_owned();
        agent.expect(&format!("{names:?} names, container {id}"), |finding| {
            finding.text("/rule") == rule && finding.container() == Some(&id)
        });
        containers.push(id);
    }
    let stopped = agent.stop();
    for finding in &stopped.findings {
        let ours = finding
            .container()
            .is_some_and(|id| containers.iter().any(|own| own == id));
        assert!(
            finding.is_health() || ours && finding.category() == "container-escape",
            "nobody else is accused: {:#?}",
            stopped.accusations()
        );
    }
}

macro_rules! escapes {
    ($($name:ident is $rule:literal needs $tools:expr),+ $(,)?) => {
        $(mod $name {
            #[test]
            fn is_found() { super::found(super::$name, $rule, &$tools); }
        })+
    };
}

escapes! {
    release_agent is "kernel-helper" needs [],
    core_pattern is "kernel-helper" needs [],
    nsenter is "host-namespace" needs ["nsenter"],
    setns_by_pidfd is "host-namespace" needs [],
    memory_file is "host-process" needs [],
    memory_call is "host-process" needs [],
    ptrace is "host-process" needs [],
    mount_disk is "host-disk" needs ["losetup", "mount"],
    read_disk is "host-disk" needs ["losetup"],
    mount_procfs is "kernel-filesystem" needs ["mount"],
    mount_cgroup is "kernel-filesystem" needs ["mount"],
    overwrite_image is "host-file" needs [],
    open_by_handle is "host-file" needs [],
    runtime_socket is "runtime-socket" needs ["python3"],
    leave_groups is "leaves-group" needs [],
    act_outside_of_groups is "kernel-helper" needs [],
    machine_memory is "host-memory" needs [],
    change_root is "host-root" needs [],
    write_to_the_machine is "host-root" needs [],
}
