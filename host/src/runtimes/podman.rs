//! What podman says: on the disk, as it usually runs without a daemon, and over its socket.

use super::description::Description;
use super::socket::{Socket, SocketError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use vedette_contract::values::container_mark;

/// Names of a store's lists of containers; the second is of those that end with the boot.
const LISTS: [&str; 2] = ["containers.json", "volatile-containers.json"];

/// A container or an image in the store's lists (containers/storage).
#[derive(Debug, Deserialize)]
struct Stored {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    /// Of a container, the id of its image.
    #[serde(default)]
    image: String,
    /// Of a container, JSON in a string.
    #[serde(default)]
    metadata: String,
    /// Of an image.
    #[serde(default)]
    digest: String,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default, rename = "image-name")]
    image_name: String,
}

/// The answer to `GET /libpod/containers/ID/json`: the fields that are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    id: String,
    name: String,
    #[serde(default)]
    image_name: String,
    #[serde(default)]
    image_digest: String,
    #[serde(default)]
    pod: String,
    #[serde(default)]
    is_infra: bool,
    config: Config,
    #[serde(default)]
    host_config: HostConfig,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    privileged: bool,
}

/// The answer to `GET /libpod/pods/ID/json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pod {
    name: String,
}

/// Reads the store that a bundle lies in (`STORE/DRIVER-containers/ID/userdata`); says whether
/// the container is there. The store knows no labels.
pub fn stored(bundle: &Path, found: &mut Description) -> bool {
    let Some(containers) = bundle.parent().and_then(Path::parent) else {
        return false;
    };
    let mut lists = LISTS
        .iter()
        .filter_map(|name| super::file::json::<Vec<Stored>>(&containers.join(name)));
    let Some(container) =
        lists.find_map(|list| list.into_iter().find(|stored| stored.id == found.id))
    else {
        return false;
    };
    found.says("podman");
    found.name = container.names.into_iter().next().unwrap_or_default();
    let metadata: Metadata = serde_json::from_str(&container.metadata).unwrap_or_default();
    found.image = metadata.image_name;
    let driver = containers.file_name().and_then(|name| name.to_str());
    if let Some(driver) = driver.and_then(|name| name.strip_suffix("-containers")) {
        let images = containers.with_file_name(format!("{driver}-images"));
        let images: Option<Vec<Stored>> = super::file::json(&images.join("images.json"));
        let mut images = images.into_iter().flatten();
        if let Some(image) = images.find(|image| image.id == container.image) {
            found.digest = image.digest;
        }
    }
    true
}

/// Says whether podman's service knows the container.
pub async fn describe(socket: &Socket, found: &mut Description) -> Result<bool, SocketError> {
    if !found.id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(false);
    }
    let uri = format!("/v4.0.0/libpod/containers/{}/json", found.id);
    let container: Option<Container> = socket.get(&uri).await?;
    let Some(container) = container.filter(|c| c.id == found.id) else {
        return Ok(false);
    };
    found.says("podman");
    found.name = container.name;
    found.image = container.image_name;
    if !container.image_digest.is_empty() {
        found.digest = container.image_digest;
    }
    found.label(container.config.labels.unwrap_or_default());
    if container.host_config.privileged {
        found.marks |= container_mark::PRIVILEGED;
    }
    if container.is_infra {
        found.marks |= container_mark::SANDBOX;
    }
    if !container.pod.is_empty() && container.pod.bytes().all(|b| b.is_ascii_hexdigit()) {
        let uri = format!("/v4.0.0/libpod/pods/{}/json", container.pod);
        if let Some(pod) = socket.get::<Pod>(&uri).await? {
            found.pod = pod.name;
        }
        found.pod_uid = container.pod;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_found_in_its_store() {
        let store = tempfile::tempdir().unwrap();
        let containers = store.path().join("vfs-containers");
        let bundle = containers.join("aa/userdata");
        std::fs::create_dir_all(&bundle).unwrap();
        std::fs::create_dir(store.path().join("vfs-images")).unwrap();
        let mut found = Description::new("aa");
        assert!(!stored(&bundle, &mut found));
        let list = r#"[{"id":"bb"},{"id":"aa","names":["web"],"image":"cc",
            "metadata":"{\"image-name\":\"localhost/bb:1\"}"}]"#;
        std::fs::write(containers.join("volatile-containers.json"), list).unwrap();
        let images = r#"[{"id":"cc","digest":"sha256:dd"}]"#;
        std::fs::write(store.path().join("vfs-images/images.json"), images).unwrap();
        assert!(stored(&bundle, &mut found));
        assert_eq!(found.name, "web");
        assert_eq!(found.image, "localhost/bb:1");
        assert_eq!(found.digest, "sha256:dd");
        assert!(!stored(Path::new("/"), &mut found));
    }
}
