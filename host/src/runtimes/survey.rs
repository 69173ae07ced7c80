//! Which engines are there, for people.

use super::socket::{ENGINES, Engine, Socket, SocketError};
use serde::Deserialize;
use std::fmt::Write;

/// Answer of CRI, `runtime.v1`'s `VersionResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct CriVersion {
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    version: String,
}

/// Answer of containerd's version service.
#[derive(Clone, PartialEq, prost::Message)]
struct ContainerdVersion {
    #[prost(string, tag = "1")]
    version: String,
}

/// Answer to `GET /version` of docker and podman.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HttpVersion {
    version: String,
}

/// A line for each socket that is there, and one where none is.
pub fn survey(sockets: &[Socket]) -> std::io::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut out = String::new();
    for socket in sockets.iter().filter(|s| s.exists()) {
        let name = ENGINES.iter().find(|(_, engine)| *engine == socket.engine);
        let name = name.map_or("", |(name, _)| name);
        let says = match runtime.block_on(version(socket)) {
            Ok(version) => version.unwrap_or_else(|| "answers".to_owned()),
            Err(error) => format!("NO ANSWER: {error}"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  {name:<11}{}  {says}", socket.path.display());
    }
    if out.is_empty() {
        out.push_str("  no engine's socket; names come from what runtimes leave on the disk\n");
    }
    Ok(out)
}

async fn version(socket: &Socket) -> Result<Option<String>, SocketError> {
    Ok(match socket.engine {
        Engine::Cri => socket
            .call("/runtime.v1.RuntimeService/Version", None, &())
            .await?
            .map(|v: CriVersion| format!("{} {}", v.name, v.version)),
        Engine::Containerd => socket
            .call("/containerd.services.version.v1.Version/Version", None, &())
            .await?
            .map(|v: ContainerdVersion| v.version),
        Engine::Podman | Engine::Docker => socket
            .get("/version")
            .await?
            .map(|v: HttpVersion| v.version),
    })
}
