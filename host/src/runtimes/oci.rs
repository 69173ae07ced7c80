//! A container's configuration as the engine gave it to the runtime: `config.json` of its bundle.
//!
//! It is there before the container is made, and tells all that bears on isolation.

use super::description::{Description, HOST_NAMESPACES};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use vedette_contract::values::container_mark;

/// What of the configuration is read. Field names are those of the OCI runtime specification.
#[derive(Debug, Deserialize)]
pub struct Config {
    /// Required by the specification: other files of this name have none.
    #[serde(rename = "ociVersion")]
    _version: String,
    /// What the engine noted.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    #[serde(default)]
    mounts: Vec<Mount>,
    #[serde(default)]
    process: Process,
    #[serde(default)]
    linux: Linux,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Mount {
    destination: String,
    #[serde(rename = "type")]
    kind: String,
    source: String,
    options: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Process {
    capabilities: Option<Capabilities>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Capabilities {
    bounding: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Linux {
    namespaces: Vec<Namespace>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Namespace {
    #[serde(rename = "type")]
    kind: String,
    path: String,
}

/// Bits of capabilities by their names.
pub fn capabilities<'a>(names: impl IntoIterator<Item = &'a String>) -> u64 {
    let number = |name: &String| {
        let name = name.strip_prefix("CAP_").unwrap_or(name);
        CAPABILITIES.iter().position(|known| *known == name)
    };
    names
        .into_iter()
        .filter_map(number)
        .fold(0, |set, n| set | 1 << n)
}

/// Reads the configuration in a bundle.
pub fn read(bundle: &Path) -> Option<Config> {
    super::file::json(&bundle.join("config.json"))
}

impl Config {
    /// Tells what stands in the configuration itself.
    pub fn describe(&self, found: &mut Description) {
        let bounding = self.process.capabilities.as_ref().map(|c| &c.bounding);
        found.bound(capabilities(bounding.into_iter().flatten()));
        for (name, mark) in HOST_NAMESPACES {
            let own = self.linux.namespaces.iter().find(|n| n.kind == name);
            if own.is_none_or(|own| is_the_machines(name, &own.path)) {
                found.marks |= mark;
            }
        }
        let bound = |m: &&Mount| {
            m.kind == "bind"
                || m.options
                    .iter()
                    .any(|o| ["bind", "rbind"].contains(&o.as_str()))
        };
        found.mounts = self
            .mounts
            .iter()
            .filter(bound)
            .map(|m| format!("{}:{}:{}", m.source, m.destination, m.options.join(",")))
            .collect();
        self.annotated(found);
    }

    /// What engines note of the names: containerd's CRI plug-in, cri-o, and podman.
    fn annotated(&self, found: &mut Description) {
        for (key, value) in &self.annotations {
            let field = match key.as_str() {
                "io.kubernetes.cri.container-name" | "io.kubernetes.cri-o.ContainerName" => {
                    &mut found.name
                }
                "io.kubernetes.cri.image-name" | "io.kubernetes.cri-o.ImageName" => {
                    &mut found.image
                }
                "io.kubernetes.cri.sandbox-name" | "io.kubernetes.cri-o.KubeName" => &mut found.pod,
                "io.kubernetes.cri.sandbox-namespace" | "io.kubernetes.cri-o.Namespace" => {
                    &mut found.namespace
                }
                "io.kubernetes.cri.sandbox-uid" => &mut found.pod_uid,
                "io.kubernetes.cri.container-type" | "io.kubernetes.cri-o.ContainerType" => {
                    if value == "sandbox" {
                        found.marks |= container_mark::SANDBOX;
                    }
                    continue;
                }
                "io.podman.annotations.privileged" => {
                    if value == "TRUE" {
                        found.marks |= container_mark::PRIVILEGED;
                    }
                    continue;
                }
                _ => continue,
            };
            field.clone_from(value);
        }
    }
}

/// Whether a namespace that a container joins is that of the machine's init, or of the kernel
/// thread made beside it: some inits refuse to have theirs read.
fn is_the_machines(name: &str, path: &str) -> bool {
    let file = if name == "network" { "net" } else { name };
    let inode = |path: &str| std::fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
    let machines = || {
        [1, 2]
            .iter()
            .find_map(|pid| inode(&format!("/proc/{pid}/ns/{file}")))
    };
    !path.is_empty() && inode(path).is_some_and(|own| machines() == Some(own))
}

/// Names of the capabilities by number, as `capabilities(7)` has them.
pub const CAPABILITIES: [&str; 41] = [
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_tells_isolation_and_names() {
        let text = r#"{
            "ociVersion": "1.0.2",
            "annotations": {
                "io.kubernetes.cri.container-type": "sandbox",
                "io.kubernetes.cri.sandbox-name": "web-0"
            },
            "process": {"capabilities": {"bounding": ["CAP_CHOWN", "CAP_NET_RAW", "CAP_NEW"]}},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/host", "type": "bind", "source": "/", "options": ["rbind", "ro"]}
            ],
            "linux": {"namespaces": [
                {"type": "pid"}, {"type": "network", "path": "/proc/1/ns/net"}, {"type": "mount"}
            ]}
        }"#;
        let mut found = Description::new("one");
        let config: Config = serde_json::from_str(text).unwrap();
        config.describe(&mut found);
        assert_eq!(found.capabilities, Some(1 | 1 << 13));
        assert_eq!(found.mounts, ["/:/host:rbind,ro"]);
        assert_eq!(found.pod, "web-0");
        assert_eq!(
            found.marks & !container_mark::HOST_NETWORK,
            container_mark::SANDBOX | container_mark::HOST_IPC | container_mark::HOST_USER
        );
    }

    #[test]
    fn what_is_no_configuration_tells_nothing() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"ociVersion": "1", "mounts": 3}"#,
            r#"{"ociVersion": "1", "linux": {"namespaces": [1]}}"#,
        ] {
            assert!(serde_json::from_str::<Config>(text).is_err(), "{text}");
        }
    }
}
