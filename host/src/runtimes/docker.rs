//! What a docker engine says over its socket.

use super::description::Description;
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
