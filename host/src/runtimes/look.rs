//! One look at everything that may know a container.

use super::description::Description;
use super::oci::Config;
use super::socket::{Engine, Socket, SocketError};
use super::{containerd, cri, docker, oci, podman, runc};
use std::path::PathBuf;

/// What is asked.
#[derive(Debug)]
pub struct Question {
    /// The container's id.
    pub id: String,
    /// Id of its control group.
    pub cgroup: u64,
    /// Its bundle, if who made it was seen to name it.
    pub bundle: Option<PathBuf>,
    /// Whether it is a container for certain.
    pub certain: bool,
}

/// Who made a container, as far as its bundle tells.
#[derive(Debug, PartialEq, Eq)]
enum Maker {
    /// Nobody but the runtime itself: there is no more to know.
    Runtime,
    Engine(Engine),
    /// There is no bundle to be seen.
    Unknown,
}

/// What a look has come to.
#[derive(Debug)]
pub struct Found {
    /// What is known of the container now.
    pub description: Description,
    /// That is all.
    pub complete: bool,
    /// An engine that may know more did not answer.
    pub silent: bool,
}

/// What an engine says.
enum Answer {
    /// It knows the container.
    Knows,
    /// It does not, or nothing that could be read.
    Other,
    /// It did not answer.
    Silent,
}

/// What is known of the container now.
pub async fn look(question: &Question, sockets: &[Socket]) -> Found {
    let (description, complete, silent) = look_at_all(question, sockets).await;
    Found {
        description,
        complete,
        silent: silent && !complete,
    }
}

async fn look_at_all(question: &Question, sockets: &[Socket]) -> (Description, bool, bool) {
    let mut found = Description::new(&question.id);
    let directory = runc::directory(&question.id);
    let is_id = question.id.len() == 64;
    // A runtime that was called for it has named its bundle: so it is one, though over by now.
    if !question.certain && !is_id && directory.is_none() && question.bundle.is_none() {
        return (found, false, false);
    }
    let bundle = directory.as_deref().and_then(runc::bundle);
    let bundle = bundle.or_else(|| question.bundle.clone());
    let config = bundle.as_deref().and_then(oci::read);
    if let Some(config) = &config {
        found.says("runc");
        config.describe(&mut found);
    }
    let namespace = bundle.as_deref().and_then(containerd::namespace);
    let maker = maker(config.as_ref(), namespace);
    let mut complete = maker == Maker::Runtime;
    if maker == Maker::Engine(Engine::Podman)
        && let Some(bundle) = &bundle
    {
        complete = podman::stored(bundle, &mut found);
    }
    let mut silent = false;
    for socket in sockets.iter().filter(|s| s.exists()) {
        let concerned = match maker {
            Maker::Runtime => false,
            // podman stands in for docker at docker's socket too.
            Maker::Engine(Engine::Podman) => {
                [Engine::Podman, Engine::Docker].contains(&socket.engine)
            }
            Maker::Engine(engine) => socket.engine == engine,
            Maker::Unknown => true,
        };
        if concerned {
            let answer = ask(socket, namespace, &mut found).await;
            complete |= matches!(answer, Answer::Knows);
            silent |= matches!(answer, Answer::Silent);
        }
    }
    if found.is_known() && found.name.is_empty() {
        found.name.clone_from(&found.id);
    }
    (found, complete, silent)
}

/// Asks one engine.
async fn ask(socket: &Socket, namespace: Option<&str>, found: &mut Description) -> Answer {
    let mut told = found.clone();
    let answer = match (socket.engine, namespace) {
        (Engine::Cri, _) => cri::describe(socket, &mut told).await,
        (Engine::Containerd, Some(namespace)) => {
            containerd::describe(socket, namespace, &mut told).await
        }
        (Engine::Containerd, None) => Ok(false),
        (Engine::Podman, _) => podman::describe(socket, &mut told).await,
        (Engine::Docker, _) => docker::describe(socket, &mut told).await,
    };
    match answer {
        Ok(true) => {
            *found = told;
            Answer::Knows
        }
        Ok(false) => Answer::Other,
        Err(SocketError::LeftAlone) => Answer::Silent,
        Err(error) => {
            tracing::debug!("{}: {error}", socket.path.display());
            // A socket that was left behind has nobody to answer; the others may be busy.
            match error {
                SocketError::Connect(_) => Answer::Other,
                _ => Answer::Silent,
            }
        }
    }
}

fn maker(config: Option<&Config>, namespace: Option<&str>) -> Maker {
    let Some(config) = config else {
        return Maker::Unknown;
    };
    let noted = |prefix: &str| config.annotations.keys().any(|key| key.starts_with(prefix));
    let manager = config.annotations.get("io.container.manager");
    match (manager.map(String::as_str), namespace) {
        (Some("libpod"), _) => Maker::Engine(Engine::Podman),
        (Some("cri-o"), _) | (_, Some("k8s.io")) => Maker::Engine(Engine::Cri),
        (_, Some("moby")) => Maker::Engine(Engine::Docker),
        (_, Some(_)) => Maker::Engine(Engine::Containerd),
        (_, None) if noted("io.kubernetes.cri") => Maker::Engine(Engine::Cri),
        (_, None) => Maker::Runtime,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(annotations: &str) -> Config {
        serde_json::from_str(&format!(
            r#"{{"ociVersion": "1.0.2", "annotations": {{{annotations}}}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn the_bundle_tells_who_made_a_container() {
        let podman = config(r#""io.container.manager": "libpod""#);
        assert_eq!(maker(Some(&podman), None), Maker::Engine(Engine::Podman));
        let crio = config(r#""io.container.manager": "cri-o""#);
        assert_eq!(maker(Some(&crio), None), Maker::Engine(Engine::Cri));
        let plain = config("");
        assert_eq!(maker(Some(&plain), None), Maker::Runtime);
        assert_eq!(
            maker(Some(&plain), Some("k8s.io")),
            Maker::Engine(Engine::Cri)
        );
        assert_eq!(
            maker(Some(&plain), Some("moby")),
            Maker::Engine(Engine::Docker)
        );
        assert_eq!(
            maker(Some(&plain), Some("default")),
            Maker::Engine(Engine::Containerd)
        );
        assert_eq!(maker(None, None), Maker::Unknown);
    }
}
