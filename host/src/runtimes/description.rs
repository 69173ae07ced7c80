//! What was learned of a container, bounded, as it goes into the stream.
//!
//! Names and labels are what somebody wrote into a manifest: bytes of any sort and length.

use crate::context::container::attr;
use std::collections::BTreeMap;
use vedette_contract::{kind, values::container_mark, values::event_mark};
use vedette_sensor::event::{Attr, Event};

/// Bytes of an id, a name, an image. Longer ones are not valid with any runtime.
const NAME_CAP: usize = 512;

/// Bytes of a label or a mount. A label's value may have any length in docker.
const LINE_CAP: usize = 1_024;

/// Labels and mounts of a container, each: a container with thousands would fill every batch
/// that it is in.
const LINES_CAP: usize = 64;

/// Bytes of all labels, and of all mounts.
const LINES_BYTES_CAP: usize = 8_192;

/// Namespaces that a container can share with the machine.
pub const HOST_NAMESPACES: [(&str, u32); 4] = [
    ("pid", container_mark::HOST_PID),
    ("network", container_mark::HOST_NETWORK),
    ("ipc", container_mark::HOST_IPC),
    ("user", container_mark::HOST_USER),
];

/// Capabilities that together make a container as good as privileged. Not simply all of them: an
/// engine that lacks some itself cannot give them to a container that it calls privileged.
const PRIVILEGES: [u32; 3] = [CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_ADMIN];
const CAP_SYS_MODULE: u32 = 16;
const CAP_SYS_RAWIO: u32 = 17;
const CAP_SYS_ADMIN: u32 = 21;

/// A container in the words of its runtimes. Empty is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its image as it was asked for.
    pub image: String,
    /// The image's digest, `sha256:…`: the manifest's, or, where the image came from no registry,
    /// the image's own id.
    pub digest: String,
    /// Its pod.
    pub pod: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's uid.
    pub pod_uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What of the machine is mounted into it: `SOURCE:DESTINATION:OPTIONS`.
    pub mounts: Vec<String>,
    /// Bounding set of its capabilities.
    pub capabilities: Option<u64>,
    /// Bits of `container-mark`, without `pending`.
    pub marks: u32,
    /// Who said something of it.
    pub runtimes: Vec<&'static str>,
}

impl Description {
    /// Of a container of which nothing is known.
    pub fn new(id: &str) -> Description {
        Description {
            id: id.to_owned(),
            ..Description::default()
        }
    }

    /// Whether anybody said anything.
    pub fn is_known(&self) -> bool {
        !self.runtimes.is_empty()
    }

    /// Notes who speaks.
    pub fn says(&mut self, runtime: &'static str) {
        if !self.runtimes.contains(&runtime) {
            self.runtimes.push(runtime);
        }
    }

    /// Takes over labels, and what the kubelet tells by them of the pod.
    pub fn label(&mut self, labels: impl IntoIterator<Item = (String, String)>) {
        for (key, value) in labels {
            match key.as_str() {
                "io.kubernetes.pod.name" => self.pod.clone_from(&value),
                "io.kubernetes.pod.namespace" => self.namespace.clone_from(&value),
                "io.kubernetes.pod.uid" => self.pod_uid.clone_from(&value),
                _ => {}
            }
            self.labels.insert(key, value);
        }
    }

    /// Takes over a bounding set of capabilities.
    pub fn bound(&mut self, capabilities: u64) {
        self.capabilities = Some(capabilities);
        if PRIVILEGES.iter().all(|c| capabilities >> c & 1 == 1) {
            self.marks |= container_mark::PRIVILEGED;
        }
    }

    /// The `container` event that tells it, bounded.
    pub fn event(&self, cgroup: u64, pending: bool) -> Event {
        let pending = if pending { container_mark::PENDING } else { 0 };
        let mut attrs = Vec::new();
        let mut tell = |key, text: &str| {
            if !text.is_empty() {
                attrs.push(Attr {
                    key,
                    value: 0,
                    text: head(text, LINE_CAP).as_bytes().into(),
                });
            }
        };
        tell(attr::IMAGE, head(&self.image, NAME_CAP));
        tell(attr::POD, head(&self.pod, NAME_CAP));
        tell(attr::NAMESPACE, head(&self.namespace, NAME_CAP));
        tell(attr::DIGEST, head(&self.digest, NAME_CAP));
        tell(attr::POD_UID, head(&self.pod_uid, NAME_CAP));
        tell(attr::RUNTIME, &self.runtimes.join(","));
        let labels = self
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        let mut truncated = false;
        for (key, lines) in [
            (attr::LABEL, labels.collect::<Vec<_>>()),
            (attr::MOUNT, self.mounts.clone()),
        ] {
            let mut bytes = 0;
            for (index, line) in lines.iter().enumerate() {
                bytes += line.len().min(LINE_CAP);
                truncated |= line.len() > LINE_CAP;
                if index == LINES_CAP || bytes > LINES_BYTES_CAP {
                    truncated = true;
                    break;
                }
                tell(key, line);
            }
        }
        if let Some(value) = self.capabilities {
            attrs.push(Attr {
                key: attr::CAPABILITIES,
                value,
                text: Box::default(),
            });
        }
        let truncated = if truncated { event_mark::TRUNCATED } else { 0 };
        Event {
            kind: kind::CONTAINER,
            marks: event_mark::SYNTHETIC | truncated,
            a: cgroup,
            b: u64::from(self.marks | pending),
            text: head(&self.id, NAME_CAP).as_bytes().into(),
            text2: head(&self.name, NAME_CAP).as_bytes().into(),
            attrs,
            ..Event::default()
        }
    }
}

/// As much of the text as fits, cut between two characters.
fn head(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_bounded_whatever_was_said() {
        let long = "é".repeat(4_096);
        let mut found = Description::new("one");
        found.name.clone_from(&long);
        found.image.clone_from(&long);
        found.label((0..1_000).map(|n| (format!("{n}"), long.clone())));
        found.mounts = vec![long; 1_000];
        let event = found.event(7, true);
        let bytes: usize = event.attrs.iter().map(|a| a.text.len()).sum();
        assert!(bytes < 20_000, "{bytes}");
        assert!(event.text2.len() <= NAME_CAP);
        assert_ne!(event.marks & event_mark::TRUNCATED, 0);
        assert_eq!(event.b as u32, container_mark::PENDING);
    }

    #[test]
    fn the_kubelets_labels_name_the_pod() {
        let mut found = Description::new("one");
        found.label([
            ("io.kubernetes.pod.name".to_owned(), "web-0".to_owned()),
            ("app".to_owned(), "web".to_owned()),
        ]);
        assert_eq!(found.pod, "web-0");
        let event = found.event(7, false);
        let labels: Vec<_> = event
            .attrs
            .iter()
            .filter(|a| a.key == attr::LABEL)
            .collect();
        assert_eq!(labels.len(), 2);
        assert_eq!(labels[0].text.as_ref(), b"app=web");
    }
}
