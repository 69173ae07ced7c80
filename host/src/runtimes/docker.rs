//! What a docker engine says over its socket.

use super::description::Description;
use super::oci::{CAPABILITIES, capabilities};
use super::socket::{Socket, SocketError};
use serde::Deserialize;
use std::collections::BTreeMap;
use vedette_contract::values::container_mark;

/// The answer to `GET /containers/ID/json`: the fields that are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    id: String,
    name: String,
    /// Id of the image.
    #[serde(default)]
    image: String,
    config: Config,
    #[serde(default)]
    host_config: HostConfig,
    #[serde(default)]
    mounts: Option<Vec<Mount>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    image: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    privileged: bool,
    #[serde(default)]
    cap_add: Option<Vec<String>>,
    #[serde(default)]
    cap_drop: Option<Vec<String>>,
    #[serde(default)]
    network_mode: String,
    #[serde(default)]
    pid_mode: String,
    #[serde(default)]
    ipc_mode: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mount {
    #[serde(default)]
    source: String,
    #[serde(default)]
    destination: String,
    #[serde(default, rename = "RW")]
    writable: bool,
}

/// What a container may do unless it is asked for otherwise, in docker and in podman alike but for
/// a few: `DefaultCapabilities` in docker's `oci/caps`.
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

impl HostConfig {
    /// The bounding set that was asked for.
    fn capabilities(&self) -> u64 {
        const ALL: u64 = (1 << CAPABILITIES.len()) - 1;
        let of = |names: &Option<Vec<String>>| {
            let names = names.as_deref().unwrap_or_default();
            match names.iter().any(|name| name == "ALL") {
                true => ALL,
                false => capabilities(names),
            }
        };
        if self.privileged {
            return ALL;
        }
        let default = capabilities(&DEFAULT_CAPABILITIES.map(str::to_owned));
        default & !of(&self.cap_drop) | of(&self.cap_add)
    }

    /// The machine's own namespaces that it was given.
    fn host_namespaces(&self) -> u32 {
        let modes = [
            (&self.network_mode, container_mark::HOST_NETWORK),
            (&self.pid_mode, container_mark::HOST_PID),
            (&self.ipc_mode, container_mark::HOST_IPC),
        ];
        let host = modes.iter().filter(|(mode, _)| *mode == "host");
        host.fold(0, |marks, (_, mark)| marks | mark)
    }
}

impl Container {
    /// What else stands in the bundle, for when that is not to be had: the engine keeps it where
    /// it was told to, and whoever made the container is long gone when the agent starts.
    fn asked_for(&self, found: &mut Description) {
        found.bound(self.host_config.capabilities());
        found.marks |= self.host_config.host_namespaces();
        let mounts = self.mounts.as_deref().unwrap_or_default();
        let mounts = mounts.iter().filter(|m| !m.source.is_empty());
        let told = mounts.map(|m| {
            let how = if m.writable { "rw" } else { "ro" };
            format!("{}:{}:{how}", m.source, m.destination)
        });
        found.mounts = told.collect();
    }
}

/// The answer to `GET /images/ID/json`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
}

/// Says whether the engine knows the container.
pub async fn describe(socket: &Socket, found: &mut Description) -> Result<bool, SocketError> {
    if !found.id.bytes().all(|b| b.is_ascii_hexdigit()) {
        // The engine would take it for a name, and it would stand in the address.
        return Ok(false);
    }
    let container: Option<Container> = socket
        .get(&format!("/containers/{}/json", found.id))
        .await?;
    let Some(container) = container.filter(|c| c.id == found.id) else {
        return Ok(false);
    };
    if found.capabilities.is_none() {
        container.asked_for(found);
    }
    found.says("docker");
    found.name = container.name.trim_start_matches('/').to_owned();
    found.image = container.config.image;
    found.label(container.config.labels.unwrap_or_default());
    if container.host_config.privileged {
        found.marks |= container_mark::PRIVILEGED;
    }
    let image = container.image;
    let hex = image.strip_prefix("sha256:").unwrap_or(&image);
    if hex.is_empty() || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(true);
    }
    let known: Option<Image> = socket.get(&format!("/images/{hex}/json")).await?;
    let digests = known.unwrap_or_default().repo_digests.unwrap_or_default();
    let mut digests = digests.iter().filter_map(|d| d.split_once('@'));
    found.digest = match digests.next() {
        Some((_, digest)) => digest.to_owned(),
        None => format!("sha256:{hex}"),
    };
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_container_may_do_follows_from_what_was_asked_for() {
        let bits = |json: &str| {
            let config: HostConfig = serde_json::from_str(json).unwrap();
            config.capabilities()
        };
        let bit = |name: &str| capabilities(&[name.to_owned()]);
        let default = bits("{}");
        assert_eq!(default.count_ones(), 14);
        assert_eq!(
            bits(r#"{"CapAdd": ["CAP_SYS_ADMIN"]}"#),
            default | bit("SYS_ADMIN")
        );
        assert_eq!(bits(r#"{"CapDrop": ["KILL"]}"#), default & !bit("KILL"));
        assert_eq!(
            bits(r#"{"CapDrop": ["ALL"], "CapAdd": ["CHOWN"]}"#),
            bit("CHOWN")
        );
        assert_eq!(bits(r#"{"CapAdd": ["ALL"]}"#).count_ones(), 41);
        assert_eq!(bits(r#"{"Privileged": true}"#).count_ones(), 41);
    }
}
