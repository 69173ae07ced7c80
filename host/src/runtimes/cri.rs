//! What a CRI engine says: containerd's CRI plug-in, cri-o, cri-dockerd.
//!
//! Messages hold the fields that are read, with their numbers in `runtime.v1`'s `api.proto`.

use super::description::Description;
use super::socket::{Socket, SocketError};
use std::collections::HashMap;
use vedette_contract::values::container_mark;

const LIST_CONTAINERS: &str = "/runtime.v1.RuntimeService/ListContainers";
const CONTAINER_STATUS: &str = "/runtime.v1.RuntimeService/ContainerStatus";
const POD_SANDBOX_STATUS: &str = "/runtime.v1.RuntimeService/PodSandboxStatus";
const IMAGE_STATUS: &str = "/runtime.v1.ImageService/ImageStatus";

#[derive(Clone, PartialEq, prost::Message)]
struct ListContainersRequest {
    #[prost(message, optional, tag = "1")]
    filter: Option<ContainerFilter>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ContainerFilter {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ListContainersResponse {
    #[prost(message, repeated, tag = "1")]
    containers: Vec<Container>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Container {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    pod_sandbox_id: String,
    #[prost(message, optional, tag = "3")]
    metadata: Option<ContainerMetadata>,
    #[prost(message, optional, tag = "4")]
    image: Option<ImageSpec>,
    #[prost(string, tag = "5")]
    image_ref: String,
    #[prost(map = "string, string", tag = "8")]
    labels: HashMap<String, String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ContainerMetadata {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ImageSpec {
    #[prost(string, tag = "1")]
    image: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ContainerStatusRequest {
    #[prost(string, tag = "1")]
    container_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ContainerStatusResponse {
    #[prost(message, optional, tag = "1")]
    status: Option<ContainerStatus>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ContainerStatus {
    #[prost(message, optional, tag = "8")]
    image: Option<ImageSpec>,
    #[prost(string, tag = "9")]
    image_ref: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PodSandboxStatusRequest {
    #[prost(string, tag = "1")]
    pod_sandbox_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PodSandboxStatusResponse {
    #[prost(message, optional, tag = "1")]
    status: Option<PodSandboxStatus>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PodSandboxStatus {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(message, optional, tag = "2")]
    metadata: Option<PodSandboxMetadata>,
    #[prost(map = "string, string", tag = "7")]
    labels: HashMap<String, String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PodSandboxMetadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    namespace: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ImageStatusRequest {
    #[prost(message, optional, tag = "1")]
    image: Option<ImageSpec>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ImageStatusResponse {
    #[prost(message, optional, tag = "1")]
    image: Option<Image>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Image {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, repeated, tag = "3")]
    repo_digests: Vec<String>,
}

/// Says whether the engine knows the container, or the sandbox, with the description's id.
pub async fn describe(socket: &Socket, found: &mut Description) -> Result<bool, SocketError> {
    let filter = ContainerFilter {
        id: found.id.clone(),
    };
    let request = ListContainersRequest {
        filter: Some(filter),
    };
    let list: Option<ListContainersResponse> = socket.call(LIST_CONTAINERS, None, &request).await?;
    let mut listed = list.unwrap_or_default().containers.into_iter();
    let Some(container) = listed.find(|c| c.id == found.id) else {
        let id = found.id.clone();
        return sandbox(socket, &id, true, found).await;
    };
    found.says("cri");
    found.name = container.metadata.unwrap_or_default().name;
    let id = container.pod_sandbox_id;
    sandbox(socket, &id, false, found).await?;
    found.label(container.labels);
    let asked = container.image.unwrap_or_default().image;
    image(socket, asked, container.image_ref, found).await?;
    Ok(true)
}

/// Tells of a pod; its labels only where the sandbox itself is asked for.
async fn sandbox(
    socket: &Socket,
    id: &str,
    itself: bool,
    found: &mut Description,
) -> Result<bool, SocketError> {
    let request = PodSandboxStatusRequest {
        pod_sandbox_id: id.to_owned(),
    };
    let answer: Option<PodSandboxStatusResponse> =
        socket.call(POD_SANDBOX_STATUS, None, &request).await?;
    let Some(status) = answer.and_then(|a| a.status).filter(|s| s.id == id) else {
        return Ok(false);
    };
    if itself {
        found.says("cri");
        found.marks |= container_mark::SANDBOX;
        found.label(status.labels);
    }
    let pod = status.metadata.unwrap_or_default();
    found.pod = pod.name;
    found.namespace = pod.namespace;
    found.pod_uid = pod.uid;
    Ok(true)
}

/// Tells of a container's image. What the list calls the image is what the kubelet resolved it
/// to; the status and the image itself know its name and the digest that the registry gave it.
async fn image(
    socket: &Socket,
    asked: String,
    reference: String,
    found: &mut Description,
) -> Result<(), SocketError> {
    let request = ContainerStatusRequest {
        container_id: found.id.clone(),
    };
    let answer: Option<ContainerStatusResponse> =
        socket.call(CONTAINER_STATUS, None, &request).await?;
    let status = answer.and_then(|a| a.status).unwrap_or_default();
    let name = status.image.unwrap_or_default().image;
    let name = if name.is_empty() { asked } else { name };
    // The name in the container's own configuration may be the better one: an id names nothing.
    if found.image.is_empty() || !name.starts_with("sha256:") {
        found.image = name;
    }
    let request = ImageStatusRequest {
        image: Some(ImageSpec {
            image: reference.clone(),
        }),
    };
    let answer: Option<ImageStatusResponse> = socket.call(IMAGE_STATUS, None, &request).await?;
    let image = answer.and_then(|a| a.image).unwrap_or_default();
    let named = std::iter::once(&status.image_ref).chain(&image.repo_digests);
    let own = [&status.image_ref, &image.id, &reference];
    let manifest = named.filter_map(|r| r.split_once('@')).map(|(_, d)| d);
    let own = own.into_iter().filter(|r| r.starts_with("sha256:"));
    let mut digests = manifest.chain(own.map(String::as_str));
    found.digest = digests.next().unwrap_or_default().to_owned();
    Ok(())
}
