//! What local container runtimes say of a container.
//!
//! Only runc's own state directory for now, which docker, podman and containerd also fill when
//! they run runc below them. What is found goes into the stream as a `container` event, so that a
//! replay knows the names without the runtime.

use serde::Deserialize;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use vedette_contract::values::container_mark;
use vedette_sensor::event::{Attr, Event};

/// Where runc keeps a directory for each container, by who calls it.
const STATE_ROOTS: [&str; 4] = [
    "/run/runc",
    "/run/containerd/runc/k8s.io",
    "/run/containerd/runc/default",
    "/run/docker/runtime-runc/moby",
];

/// Bytes of a state file that are read; a real one has about 30 KB.
const STATE_CAP: u64 = 4 << 20;

/// Containers whose state is waited for. A runtime that never writes it would grow the list.
const WAITING_CAP: usize = 1_024;

/// Looks at a state file that is not there yet, one a second.
const LOOKS: u8 = 30;

/// Capabilities that together make a container as good as privileged.
const PRIVILEGES: [&str; 2] = ["CAP_SYS_ADMIN", "CAP_SYS_MODULE"];

/// What of runc's state is read.
#[derive(Deserialize)]
struct State {
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    capabilities: Option<Capabilities>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Capabilities {
    #[serde(default)]
    bounding: Vec<String>,
}

/// A container whose state is not written yet.
struct Waiting {
    directory: PathBuf,
    cgroup: u64,
    looks: u8,
}

/// Answers `cgroup` events with `container` events.
#[derive(Default)]
pub struct Runtimes {
    waiting: VecDeque<Waiting>,
}

impl Runtimes {
    /// What is known of the container that this new control group belongs to, if it is one.
    pub fn look(&mut self, group: &Event) -> Option<Event> {
        let path = std::str::from_utf8(&group.text).ok()?;
        let leaf = path.rsplit('/').next().filter(|l| !l.is_empty())?;
        let leaf = leaf.strip_suffix(".scope").unwrap_or(leaf);
        let id = leaf
            .rsplit(['-', ':'])
            .next()
            .filter(|id| id.len() == 64)
            .unwrap_or(leaf);
        let directory = STATE_ROOTS
            .iter()
            .map(|root| Path::new(root).join(id))
            .find(|d| d.is_dir())?;
        let found = describe(&directory, group.a);
        if found.b as u32 & container_mark::PENDING != 0 && self.waiting.len() < WAITING_CAP {
            self.waiting.push_back(Waiting {
                directory,
                cgroup: group.a,
                looks: 0,
            });
        }
        Some(found)
    }

    /// Looks again at what was pending: to be called once a second.
    pub fn look_again(&mut self) -> Vec<Event> {
        let mut found = Vec::new();
        self.waiting.retain_mut(|w| {
            let event = describe(&w.directory, w.cgroup);
            w.looks += 1;
            if event.b as u32 & container_mark::PENDING != 0 {
                return w.looks < LOOKS && w.directory.is_dir();
            }
            found.push(event);
            false
        });
        found
    }
}

/// A `container` event from a state directory of runc.
fn describe(directory: &Path, cgroup: u64) -> Event {
    let id = directory.file_name().unwrap_or_default().as_encoded_bytes();
    let mut event = Event {
        kind: vedette_contract::kind::CONTAINER,
        marks: vedette_contract::values::event_mark::SYNTHETIC,
        a: cgroup,
        text: id.into(),
        text2: id.into(),
        ..Event::default()
    };
    match read(&directory.join("state.json")) {
        Some(state) => {
            let privileged = state
                .config
                .capabilities
                .is_some_and(|c| PRIVILEGES.iter().all(|p| c.bounding.iter().any(|b| b == p)));
            if privileged {
                event.b |= u64::from(container_mark::PRIVILEGED);
            }
            let image = ["io.kubernetes.cri.image-name=", "image="]
                .iter()
                .find_map(|key| state.config.labels.iter().find_map(|l| l.strip_prefix(key)));
            if let Some(image) = image {
                event.attrs.push(Attr {
                    key: 1,
                    value: 0,
                    text: image.as_bytes().into(),
                });
            }
        }
        None => event.b |= u64::from(container_mark::PENDING),
    }
    event
}

fn read(path: &Path) -> Option<State> {
    use std::io::Read;
    let mut text = Vec::new();
    std::fs::File::open(path)
        .ok()?
        .take(STATE_CAP)
        .read_to_end(&mut text)
        .ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_pending_until_it_is_written() {
        let root = std::env::temp_dir().join(format!("vedette-runc-{}", std::process::id()));
        let directory = root.join("demo");
        std::fs::create_dir_all(&directory).unwrap();
        let pending = describe(&directory, 7);
        assert_eq!(pending.b as u32, container_mark::PENDING);
        std::fs::write(
            directory.join("state.json"),
            r#"{"id":"demo","config":{"labels":["image=busybox"],
                "capabilities":{"Bounding":["CAP_SYS_ADMIN","CAP_SYS_MODULE"]}}}"#,
        )
        .unwrap();
        let filled = describe(&directory, 7);
        assert_eq!(filled.b as u32, container_mark::PRIVILEGED);
        assert_eq!(filled.attrs[0].text.as_ref(), b"busybox");
        std::fs::remove_dir_all(&root).unwrap();
    }
}
