//! Real containers: runc, an overlay over the tests' image, a network namespace of their own.

use crate::{network::Network, process, rootfs::rootfs, workspace};
use rustix::{
    mount::{MountFlags, UnmountFlags, mount, unmount},
    process::Signal,
};
use serde_json::{Value, json};
use std::{
    ffi::CString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Names of the capabilities by number, as `capabilities(7)` has them.
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// What docker gives to a container that asks for nothing.
const DEFAULT_CAPABILITIES: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// A container to be started.
#[derive(Debug, Default)]
pub struct Spec {
    /// What its first process, a shell, runs.
    pub script: String,
    /// A directory laid over the image, part of what the container was made from.
    pub layer: Option<PathBuf>,
    /// Every capability and device, nothing masked.
    pub privileged: bool,
    /// The machine's processes instead of its own.
    pub host_pids: bool,
    /// Directories and files of the machine, and where they appear.
    pub binds: Vec<(PathBuf, String)>,
    /// Variables, `NAME=value`.
    pub environment: Vec<String>,
}

/// A running container. Dropped, it is killed and removed.
#[derive(Debug)]
pub struct Container {
    id: String,
    pid: u32,
    bundle: TempDir,
    // Kept so that the namespace outlives the container.
    _network: Network,
}

impl Container {
    /// Starts one.
    ///
    /// # Panics
    /// Where runc refuses, with what it says.
    pub fn start(spec: Spec, network: Network) -> Self {
        let id = workspace::random_hex(32);
        let bundle = TempDir::with_prefix("vedette-bundle-").expect("a temporary directory");
        let at = |name: &str| bundle.path().join(name);
        for name in ["rootfs", "upper", "work"] {
            fs::create_dir(at(name)).expect("an own directory");
        }
        let mut lower = rootfs().display().to_string();
        if let Some(layer) = &spec.layer {
            lower = format!("{}:{lower}", layer.display());
        }
        let options = format!(
            "lowerdir={lower},upperdir={},workdir={}",
            at("upper").display(),
            at("work").display()
        );
        let options = CString::new(options).expect("paths hold no NUL");
        mount(
            "overlay",
            at("rootfs"),
            "overlay",
            MountFlags::empty(),
            options.as_c_str(),
        )
        .unwrap_or_else(|error| panic!("overlay over {lower}: {error}"));

        let mut container = Self {
            id,
            pid: 0,
            bundle,
            _network: network,
        };
        fs::write(container.rootfs().join("entry"), &spec.script).expect("the overlay is writable");
        let config = container.config(&spec).to_string();
        fs::write(container.bundle.path().join("config.json"), config).expect("an own directory");
        container.run();
        container
    }

    fn run(&mut self) {
        let log = File::create(self.log_path()).expect("an own directory");
        let pid_file = self.bundle.path().join("pid");
        let status = Command::new("runc")
            .args(["run", "--detach", "--pid-file"])
            .arg(&pid_file)
            .arg("--bundle")
            .arg(self.bundle.path())
            .arg(&self.id)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "runc: {}",
            self.log()
        );
        let pid = fs::read_to_string(pid_file).expect("runc writes the pid");
        self.pid = pid.trim().parse().expect("a pid is a number");
    }

    /// Its id, 64 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its first process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its root directory, seen from the machine.
    pub fn rootfs(&self) -> PathBuf {
        self.bundle.path().join("rootfs")
    }

    fn log_path(&self) -> PathBuf {
        self.bundle.path().join("log")
    }

    /// What its first process and runc have printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Whether its first process has ended within the limit.
    pub fn ended_within(&self, limit: Duration) -> bool {
        process::wait_for(limit, || (!process::alive(self.pid)).then_some(())).is_some()
    }

    /// `runc exec`, as an operator does it.
    pub fn exec(&self, args: &[&str]) -> Command {
        let mut command = Command::new("runc");
        command
            .arg("exec")
            .arg(&self.id)
            .args(args)
            .stdin(Stdio::null());
        command
    }

    fn config(&self, spec: &Spec) -> Value {
        let capabilities = capabilities(spec.privileged);
        let mut namespaces = vec![
            json!({"type": "mount"}),
            json!({"type": "uts"}),
            json!({"type": "ipc"}),
        ];
        if !spec.host_pids {
            namespaces.push(json!({"type": "pid"}));
        }
        if let Some(path) = self._network.path() {
            namespaces.push(json!({"type": "network", "path": path}));
        }
        let mut environment = vec![
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            "HOME=/root".into(),
            "TERM=xterm".into(),
        ];
        environment.extend(spec.environment.iter().cloned());
        let masked: &[&str] = if spec.privileged {
            &[]
        } else {
            &["/proc/kcore", "/proc/keys", "/sys/firmware"]
        };
        let read_only: &[&str] = if spec.privileged {
            &[]
        } else {
            &["/proc/sys", "/proc/sysrq-trigger"]
        };
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "terminal": false,
                "user": {"uid": 0, "gid": 0},
                "args": ["/bin/sh", "/entry"],
                "env": environment,
                "cwd": "/",
                "capabilities": {"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
                "noNewPrivileges": false,
            },
            "root": {"path": "rootfs", "readonly": false},
            "hostname": "tests",
            "mounts": mounts(spec),
            "linux": {
                "namespaces": namespaces,
                "maskedPaths": masked,
                "readonlyPaths": read_only,
                "resources": {"devices": [{"allow": spec.privileged, "access": "rwm"}]},
            },
        })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let deleted = Command::new("runc")
            .args(["delete", "--force", &self.id])
            .output();
        if !deleted.is_ok_and(|output| output.status.success()) && process::alive(self.pid) {
            process::kill(self.pid, Signal::KILL);
        }
        if let Err(error) = unmount(self.rootfs(), UnmountFlags::DETACH) {
            eprintln!("{}: {error}", self.rootfs().display());
        }
        if std::thread::panicking() {
            eprintln!("container {}: {}", self.id, self.log());
        }
    }
}

fn capabilities(privileged: bool) -> Vec<String> {
    // A container cannot get what the tests themselves have not.
    let bounding = process::status_field(std::process::id(), "CapBnd")
        .and_then(|hex| u64::from_str_radix(&hex, 16).ok())
        .unwrap_or(0);
    let numbered = CAPABILITIES.iter().enumerate();
    let had = numbered
        .filter(|(number, _)| bounding >> number & 1 == 1)
        .map(|(_, name)| *name);
    had.filter(|name| privileged || DEFAULT_CAPABILITIES.contains(name))
        .map(|name| format!("CAP_{name}"))
        .collect()
}

fn mounts(spec: &Spec) -> Vec<Value> {
    let writable = if spec.privileged { "rw" } else { "ro" };
    let mut mounts = vec![
        json!({"destination": "/proc", "type": "proc", "source": "proc"}),
        json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}),
        json!({"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]}),
        json!({"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]}),
        json!({"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", writable]}),
        json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", writable]}),
    ];
    for (source, destination) in &spec.binds {
        let kind = if Path::new(source).is_dir() {
            "rbind"
        } else {
            "bind"
        };
        mounts.push(json!({"destination": destination, "type": "bind", "source": source, "options": [kind, "rw"]}));
    }
    mounts
}
