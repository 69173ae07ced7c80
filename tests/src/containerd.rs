//! containerd with directories of its own, driven through CRI as the kubelet does.
//!
//! The messages are written by hand and sent by curl, so that nothing of the agent's own client
//! is between the test and the engine.

use crate::{image, podman::unmount_below, process, process::wait_for};
use rustix::process::Signal;
use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// containerd answers within this time, or the test says that it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The group of the tests' pods, in the kubelet's place.
const GROUPS: &str = "vedette-pods";

/// The values of `NamespaceMode` in CRI.
const POD: u64 = 0;
const CONTAINER: u64 = 1;
const NODE: u64 = 2;

/// A running containerd with the tests' image. Dropped, all of it is gone.
#[derive(Debug)]
pub struct Containerd {
    directory: TempDir,
    daemon: Child,
    pods: Vec<String>,
}

/// A pod with one container, to be started.
#[derive(Debug, Clone)]
pub struct Pod {
    /// Its name.
    pub name: &'static str,
    /// Its namespace.
    pub namespace: &'static str,
    /// Its uid.
    pub uid: &'static str,
    /// The container's name.
    pub container: &'static str,
    /// Label of the container beside those that the kubelet sets.
    pub label: (&'static str, &'static str),
    /// What the container runs.
    pub command: &'static [&'static str],
    /// Whether it is privileged, its pod too.
    pub privileged: bool,
}

/// A message of protobuf in the making.
#[derive(Debug, Default, Clone)]
struct Message(Vec<u8>);

impl Message {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn number(self, field: u64, value: u64) -> Self {
        self.varint(field << 3).varint(value)
    }

    fn bytes(self, field: u64, value: &[u8]) -> Self {
        let mut to = self.varint(field << 3 | 2).varint(value.len() as u64);
        to.0.extend_from_slice(value);
        to
    }

    fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    fn message(self, field: u64, value: Self) -> Self {
        self.bytes(field, &value.0)
    }

    fn pair(self, field: u64, key: &str, value: &str) -> Self {
        self.message(field, Self::default().text(1, key).text(2, value))
    }
}

impl Containerd {
    /// Starts it and imports the image.
    ///
    /// # Panics
    /// Where it does not come up, with its log.
    pub fn start() -> Self {
        let directory = TempDir::with_prefix("vedette-ctd-").expect("a temporary directory");
        let at = |name: &str| directory.path().join(name);
        let config = format!(
            r#"version = 2
root = "{root}"
state = "{state}"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{image}"
restrict_oom_score_adj = true
disable_apparmor = true
"#,
            root = at("root").display(),
            state = at("state").display(),
            socket = at("sock").display(),
            image = image::NAME,
        );
        fs::write(at("config.toml"), config).expect("an own directory");
        let log = fs::File::create(at("log")).expect("an own directory");
        let daemon = Command::new("containerd")
            .arg("--config")
            .arg(at("config.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .spawn()
            .expect("containerd is installed");
        let containerd = Self {
            directory,
            daemon,
            pods: Vec::new(),
        };
        let ctr = |arguments: &[&str]| {
            let mut command = Command::new("ctr");
            command.arg("--address").arg(containerd.socket());
            command.args(["--namespace", "k8s.io"]).args(arguments);
            command.output().expect("ctr comes with containerd")
        };
        let up = wait_for(PATIENCE, || {
            ctr(&["version"]).status.success().then_some(())
        });
        assert!(up.is_some(), "containerd: {}", containerd.log());
        let archive = image::archive(containerd.directory.path());
        let archive = archive.to_str().expect("a path of letters");
        let imported = ctr(&["images", "import", archive]);
        let errors = String::from_utf8_lossy(&imported.stderr);
        assert!(imported.status.success(), "{errors}");
        containerd
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("sock")
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Starts a pod and its container; returns the ids of both.
    ///
    /// # Panics
    /// Where containerd refuses, with what it says.
    pub fn run(&mut self, pod: &Pod) -> (String, String) {
        let config = self.pod_config(pod);
        let request = Message::default().message(1, config.clone());
        let sandbox = self.call("RunPodSandbox", &request);
        self.pods.push(sandbox.clone());
        let mut container = Message::default()
            .message(1, Message::default().text(1, pod.container))
            .message(2, Message::default().text(1, image::NAME));
        for word in pod.command {
            container = container.text(3, word);
        }
        let security = Message::default().number(2, u64::from(pod.privileged));
        let container = labels(container, 9, pod)
            .pair(9, "io.kubernetes.container.name", pod.container)
            .pair(9, pod.label.0, pod.label.1)
            .text(11, "log")
            .message(15, Message::default().message(2, security));
        let request = Message::default()
            .text(1, &sandbox)
            .message(2, container)
            .message(3, config);
        let id = self.call("CreateContainer", &request);
        self.call("StartContainer", &Message::default().text(1, &id));
        (sandbox, id)
    }

    /// Executes a program in a container and waits for it.
    ///
    /// # Panics
    /// Where containerd refuses.
    pub fn exec(&self, container: &str, program: &str) {
        let request = Message::default().text(1, container).text(2, program);
        self.call("ExecSync", &request.number(3, 10));
    }

    fn pod_config(&self, pod: &Pod) -> Message {
        let metadata = Message::default()
            .text(1, pod.name)
            .text(2, pod.uid)
            .text(3, pod.namespace);
        let namespaces = Message::default()
            .number(1, NODE)
            .number(2, CONTAINER)
            .number(3, POD);
        let security = Message::default()
            .message(1, namespaces)
            .number(6, u64::from(pod.privileged));
        let linux = Message::default()
            .text(1, &format!("/{GROUPS}/besteffort/pod{}", pod.uid))
            .message(2, security);
        let logs = self.directory.path().join("logs");
        let config = Message::default()
            .message(1, metadata)
            .text(3, logs.to_str().expect("a path of letters"));
        labels(config, 6, pod).message(8, linux)
    }

    /// Calls a method of the runtime's service; returns the first field of its answer, a text.
    fn call(&self, method: &str, message: &Message) -> String {
        let request = self.directory.path().join("request");
        let len = u32::try_from(message.0.len()).expect("a short message");
        let body = [&[0][..], &len.to_be_bytes(), &message.0].concat();
        fs::write(&request, body).expect("an own directory");
        let output = Command::new("curl")
            .args(["--silent", "--verbose", "--http2-prior-knowledge"])
            .args(["--max-time", "30", "--unix-socket"])
            .arg(self.socket())
            .args(["--header", "content-type: application/grpc"])
            .args(["--header", "te: trailers", "--data-binary"])
            .arg(format!("@{}", request.display()))
            .arg(format!(
                "http://localhost/runtime.v1.RuntimeService/{method}"
            ))
            .output()
            .expect("curl is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        let fine = said.contains("grpc-status: 0");
        assert!(output.status.success() && fine, "{method}: {said}");
        match output.stdout.get(5..) {
            Some([0x0a, len, rest @ ..]) if usize::from(*len) <= rest.len() => {
                String::from_utf8_lossy(&rest[..usize::from(*len)]).into_owned()
            }
            _ => String::new(),
        }
    }
}

/// The labels that the kubelet gives to a pod and its containers.
fn labels(to: Message, field: u64, pod: &Pod) -> Message {
    to.pair(field, "io.kubernetes.pod.name", pod.name)
        .pair(field, "io.kubernetes.pod.namespace", pod.namespace)
        .pair(field, "io.kubernetes.pod.uid", pod.uid)
}

impl Drop for Containerd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<_> = log.lines().rev().take(20).collect();
            eprintln!("containerd: {last:#?}");
        } else {
            for pod in std::mem::take(&mut self.pods) {
                self.call("StopPodSandbox", &Message::default().text(1, &pod));
                self.call("RemovePodSandbox", &Message::default().text(1, &pod));
            }
        }
        process::kill(self.daemon.id(), Signal::TERM);
        let _ = self.daemon.wait();
        // Shims, and with them their containers, where pods could not be stopped in order.
        let ours = self.directory.path().to_str().unwrap_or("?").to_owned();
        for pid in pids_naming(&ours) {
            process::kill(pid, Signal::TERM);
        }
        unmount_below(self.directory.path());
        crate::podman::remove_groups(GROUPS);
    }
}

/// Processes that name a directory on their command line.
fn pids_naming(directory: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != std::process::id())
        .filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.contains(directory))
        })
        .collect()
}
