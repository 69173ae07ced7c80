//! What containerd says of containers that were not made through CRI: by `ctr`, by nerdctl.
//!
//! Messages hold the fields that are read, with their numbers in containerd's `services/*.proto`.

use super::description::Description;
use super::socket::{Socket, SocketError};
use std::collections::HashMap;
use std::path::Path;

const CONTAINER: &str = "/containerd.services.containers.v1.Containers/Get";
const IMAGE: &str = "/containerd.services.images.v1.Images/Get";

/// The directory in which containerd's shims keep bundles, by namespace.
const BUNDLES: &str = "io.containerd.runtime.v2.task";

#[derive(Clone, PartialEq, prost::Message)]
struct GetContainerRequest {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct GetContainerResponse {
    #[prost(message, optional, tag = "1")]
    container: Option<Container>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Container {
    #[prost(map = "string, string", tag = "2")]
    labels: HashMap<String, String>,
    #[prost(string, tag = "3")]
    image: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct GetImageRequest {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct GetImageResponse {
    #[prost(message, optional, tag = "1")]
    image: Option<Image>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Image {
    #[prost(message, optional, tag = "3")]
    target: Option<Descriptor>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Descriptor {
    #[prost(string, tag = "2")]
    digest: String,
}

/// containerd's namespace of a bundle, if it is one of containerd's.
pub fn namespace(bundle: &Path) -> Option<&str> {
    let parent = bundle.parent()?;
    let is_containerds = parent.parent()?.file_name()? == BUNDLES;
    is_containerds.then(|| parent.file_name()?.to_str())?
}

/// Says whether containerd knows the container in that namespace.
pub async fn describe(
    socket: &Socket,
    namespace: &str,
    found: &mut Description,
) -> Result<bool, SocketError> {
    let request = GetContainerRequest {
        id: found.id.clone(),
    };
    let answer: Option<GetContainerResponse> =
        socket.call(CONTAINER, Some(namespace), &request).await?;
    let Some(container) = answer.and_then(|a| a.container) else {
        return Ok(false);
    };
    found.says("containerd");
    found.name = match container.labels.get("nerdctl/name") {
        Some(name) => name.clone(),
        None => found.id.clone(),
    };
    found.label(container.labels);
    let request = GetImageRequest {
        name: container.image.clone(),
    };
    found.image = container.image;
    let answer: Option<GetImageResponse> = socket.call(IMAGE, Some(namespace), &request).await?;
    let target = answer.and_then(|a| a.image).and_then(|i| i.target);
    found.digest = target.unwrap_or_default().digest;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_of_containerd_tells_its_namespace() {
        let path = Path::new("/run/containerd/io.containerd.runtime.v2.task/k8s.io/one");
        assert_eq!(namespace(path), Some("k8s.io"));
        assert_eq!(namespace(Path::new("/srv/bundle")), None);
        assert_eq!(namespace(Path::new("/")), None);
    }
}
