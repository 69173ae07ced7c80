//! A virtual machine without hardware acceleration, from power-on to its exit status.

use super::{Kernel, initramfs::Initramfs};
use std::{
    fs::File,
    io::{self, Read},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// A machine that says nothing for so long hangs. Verifying a large program takes a minute where
/// every instruction is emulated.
const SILENCE: Duration = Duration::from_secs(300);

/// Begins the lines that the machine's init says about steps.
const TELLS: &str = "@@";

/// Modules of Debian's kernels that something here needs. A kernel that has one built in has no
/// file of it.
const MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_blk",
    "overlay",
    "vsock_loopback",
    "dummy",
    "veth",
];

/// One command, run by the machine's shell.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it is called in the report.
    pub name: &'static str,
    /// The command.
    pub command: String,
}

/// What a step came to.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// What it printed.
    pub lines: Vec<String>,
    /// Its exit status; none if the machine did not live to see it.
    pub status: Option<i32>,
}

/// Boots a kernel with these files, runs the steps one after the other as root, and hands every
/// line to `hear` as it comes.
///
/// # Errors
/// When the machine cannot be made, hangs, or ends before its steps; with what its kernel said.
pub fn run(
    kernel: &Kernel,
    mut files: Initramfs,
    steps: &[Step],
    hear: &mut dyn FnMut(&str),
) -> Result<Vec<Outcome>, String> {
    let work = TempDir::with_prefix("vedette-kernel-").map_err(|error| error.to_string())?;
    let (archive, disk, console) = (
        work.path().join("initramfs"),
        work.path().join("disk"),
        work.path().join("console"),
    );
    let modules = add_modules(kernel, &mut files)?;
    files.text("/init", INIT);
    files.text("/start", &start(&modules, steps));
    let said = |error: io::Error| format!("the virtual machine's files: {error}");
    files.write(&archive).map_err(said)?;
    File::create(&disk)
        .and_then(|file| file.set_len(512 << 20))
        .map_err(said)?;
    let made = Command::new("mke2fs")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .args(["-q", "-t", "ext4"])
        .arg(&disk)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        return Err("mke2fs could not make the virtual machine's disk".to_owned());
    }

    let mut child = Command::new("qemu-system-x86_64")
        // Emulated on one thread: on several, a processor now and then runs into code that the
        // kernel is just patching, which real ones do not, and the kernel dies of it.
        .args(["-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2"])
        .args([
            "-m",
            "2048",
            "-nodefaults",
            "-display",
            "none",
            "-no-reboot",
        ])
        .arg("-kernel")
        .arg(kernel.image())
        .arg("-initrd")
        .arg(&archive)
        .arg("-drive")
        .arg(format!("file={},format=raw,if=virtio", disk.display()))
        // The kernel speaks on the first line, the steps on the second.
        .arg("-serial")
        .arg(format!("file:{}", console.display()))
        .args(["-serial", "stdio", "-append"])
        .arg(
            "console=ttyS0 lsm=lockdown,yama,bpf panic=-1 mitigations=off tsc=reliable nokaslr \
             no_timer_check random.trust_cpu=on syscall.x32=y rdinit=/init",
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("qemu-system-x86_64: {error}"))?;
    let output = child.stdout.take().ok_or("qemu has no output")?;
    let followed = follow(output, hear);
    let ended = end(&mut child, followed.is_err());
    let kernel_said = || {
        let text = std::fs::read(&console).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(120)..].join("\n")
    };
    let outcomes = followed.map_err(|error| format!("{error}; its kernel:\n{}", kernel_said()))?;
    let complete = outcomes.len() == steps.len() && outcomes.iter().all(|o| o.status.is_some());
    if ended != Some(0) || !complete {
        return Err(format!(
            "the virtual machine ended with {ended:?} in its step {} of {}; its kernel:\n{}",
            outcomes.len(),
            steps.len(),
            kernel_said()
        ));
    }
    Ok(outcomes)
}

/// Waits for the machine's end, or makes it.
fn end(child: &mut Child, hangs: bool) -> Option<i32> {
    if hangs {
        // It is ours and still there: not waited for yet.
        let _ = child.kill();
    }
    child.wait().ok().and_then(|status| status.code())
}

/// Reads what the machine says until its end, and sorts it by steps.
fn follow(mut output: ChildStdout, hear: &mut dyn FnMut(&str)) -> Result<Vec<Outcome>, String> {
    let (send, pieces) = channel();
    let reader = thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut buffer) {
            if send.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let outcomes = sort(&pieces, hear)?;
    // It ends with the pipe, which is closed by now.
    let _ = reader.join();
    Ok(outcomes)
}

fn sort(pieces: &Receiver<Vec<u8>>, hear: &mut dyn FnMut(&str)) -> Result<Vec<Outcome>, String> {
    let (mut outcomes, mut line) = (Vec::<Outcome>::new(), Vec::new());
    loop {
        let piece = match pieces.recv_timeout(SILENCE) {
            Ok(piece) => piece,
            Err(RecvTimeoutError::Disconnected) => return Ok(outcomes),
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!(
                    "the virtual machine has said nothing for {} s after {:?}",
                    SILENCE.as_secs(),
                    String::from_utf8_lossy(&line)
                ));
            }
        };
        for byte in piece {
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            hear(&text);
            let told = text.strip_prefix(TELLS).map(str::trim);
            match (
                told.and_then(|told| told.split_once(' ')),
                outcomes.last_mut(),
            ) {
                (Some(("begin", name)), _) => outcomes.push(Outcome {
                    name: name.to_owned(),
                    lines: Vec::new(),
                    status: None,
                }),
                (Some(("end", status)), Some(step)) => step.status = status.parse().ok(),
                (_, Some(step)) => step.lines.push(text),
                _ => {}
            }
        }
    }
}

/// Adds the modules that this kernel has as files, each after those that it depends on; gives
/// their paths in order.
fn add_modules(kernel: &Kernel, files: &mut Initramfs) -> Result<Vec<String>, String> {
    let mut added = Vec::new();
    for name in MODULES {
        add_module(kernel, name, files, &mut added)?;
    }
    Ok(added)
}

fn add_module(
    kernel: &Kernel,
    name: &str,
    files: &mut Initramfs,
    added: &mut Vec<String>,
) -> Result<(), String> {
    let at = format!("/modules/{name}.ko");
    let Some(path) = kernel.module(name).filter(|_| !added.contains(&at)) else {
        return Ok(());
    };
    let content = if path.extension().is_some_and(|extension| extension == "xz") {
        let output = Command::new("xz").arg("-dc").arg(&path).output();
        output
            .ok()
            .filter(|output| output.status.success())
            .map(|output| output.stdout)
    } else {
        std::fs::read(&path).ok()
    };
    let content = content.ok_or_else(|| format!("{} cannot be unpacked", path.display()))?;
    for other in depends(&content) {
        add_module(kernel, &other, files, added)?;
    }
    files.bytes(&at, content);
    added.push(at);
    Ok(())
}

/// The modules that a module names as those it depends on.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let names = module[at + KEY.len()..].split(|&byte| byte == 0).next();
    String::from_utf8_lossy(names.unwrap_or_default())
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The first program. The root that the kernel unpacked into can be no `pivot_root`'s old root;
/// a bind mount of it moved over it can.
const INIT: &str = r#"#!/bin/busybox sh
b=/bin/busybox
$b mkdir -p /new
$b mount --bind / /new
cd /new
$b mount --move . /
exec $b chroot . /start
"#;

/// The second: mounts what programs expect and performs the steps.
fn start(modules: &[String], steps: &[Step]) -> String {
    let mut script = String::from(
        r#"#!/bin/busybox sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp
/bin/busybox mkdir -p /usr/bin/applets
/bin/busybox --install -s /usr/bin/applets
PATH=$PATH:/usr/bin/applets
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t securityfs security /sys/kernel/security
mount -t tracefs tracing /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup
ln -s /proc/self/fd /dev/fd
ip link set lo up
exec </dev/null >/dev/ttyS1 2>&1
stty -onlcr </dev/ttyS1
"#,
    );
    for module in modules {
        script += &format!("insmod {module}\n");
    }
    script += "mount -t ext4 /dev/vda /tmp\nchmod 1777 /tmp\n";
    for step in steps {
        script += &format!(
            "echo '{TELLS} begin {}'\n( {} )\nstatus=$?\necho \"{TELLS} end $status\"\n",
            step.name, step.command
        );
    }
    script += "poweroff -f\n";
    script
}
