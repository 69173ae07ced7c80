//! One row of the container table.

use super::group_path;
use std::sync::{Arc, Mutex, PoisonError};
use vedette_contract::values::container_mark;
use vedette_sensor::event::Attr;

/// Event time that a container's runtime is given to say what it is, ns from when the container
/// was first seen: what is told of it meanwhile waits for its names.
pub const NAMES_WAIT: u64 = 1_000_000_000;

/// Rows that are remembered as what became known later. A runtime that is asked again and again
/// and answers differently each time would otherwise fill memory.
const LATER_CAP: usize = 8;

/// Numbers of the attributes of a `container` event; those from `DIGEST` on are also the
/// attributes of a container's row in a batch, where those before have fields.
#[allow(missing_docs, reason = "the catalogue documents them")]
pub mod attr {
    pub const IMAGE: u32 = 1;
    pub const POD: u32 = 2;
    pub const NAMESPACE: u32 = 3;
    pub const DIGEST: u32 = 4;
    pub const LABEL: u32 = 5;
    pub const MOUNT: u32 = 6;
    pub const RUNTIME: u32 = 7;
    pub const CAPABILITIES: u32 = 8;
    pub const POD_UID: u32 = 9;
    pub const OUTER: u32 = 10;
}

/// A container as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct Container {
    /// Stable for the life of the container.
    pub key: u64,
    /// The runtime's id.
    pub id: String,
    /// The runtime's name of it; empty where pending or unknown.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Its pod.
    pub pod: String,
    /// Its pod's namespace.
    pub namespace: String,
    /// Bits of the catalogue set `container-mark`.
    pub marks: u32,
    /// What has no field of its own, by the numbers of [`attr`].
    pub attrs: Vec<Attr>,
    /// When it was first seen, ns since boot.
    pub since: u64,
    /// What became known after this row was made.
    pub later: Later,
}

impl Container {
    /// Whether not all is known of it that its runtime can say.
    pub fn is_pending(&self) -> bool {
        self.marks & container_mark::PENDING != 0
    }

    /// Whether it is a container for certain: its id is one that runtimes make, or a runtime has
    /// described it. Of the others, that a process is in a mount namespace of its own is all that
    /// says so.
    pub fn is_certain(&self) -> bool {
        group_path::id(&self.id).is_some() || !self.is_pending()
    }

    /// The first text under a number of [`attr`]; empty where there is none.
    pub fn text(&self, key: u32) -> &[u8] {
        self.texts(key).next().unwrap_or_default()
    }

    /// All texts under a number of [`attr`].
    pub fn texts(&self, key: u32) -> impl Iterator<Item = &[u8]> {
        let of_key = self.attrs.iter().filter(move |a| a.key == key);
        of_key.map(|a| a.text.as_ref())
    }

    /// Its bounding set of capabilities, if that is known.
    pub fn capabilities(&self) -> Option<u64> {
        let mut of_key = self.attrs.iter().filter(|a| a.key == attr::CAPABILITIES);
        of_key.next().map(|a| a.value)
    }
}

/// What became known of a container, shared by all of its rows. Rows do not change: plugins see
/// the one of the moment. But people are told what was known soon after.
#[derive(Debug, Clone, Default)]
pub struct Later(Option<Arc<Mutex<Vec<Known>>>>);

/// From when on, ns since boot, a row was the newest.
type Known = (u64, Arc<Container>);

impl Later {
    /// Of a new container.
    pub fn new() -> Later {
        Later(Some(Arc::default()))
    }

    /// Notes a newer row.
    pub fn note(&self, at: u64, row: &Container) {
        let Some(cell) = &self.0 else { return };
        let mut rows = cell.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.len() < LATER_CAP {
            // Without a cell of its own: the two would keep each other alive.
            let later = Later::default();
            rows.push((
                at,
                Arc::new(Container {
                    later,
                    ..row.clone()
                }),
            ));
        }
    }

    /// The newest row by that time, if one came after the first.
    pub fn by(&self, at: u64) -> Option<Arc<Container>> {
        let rows = self.0.as_ref()?.lock();
        let rows = rows.unwrap_or_else(PoisonError::into_inner);
        let known = rows.iter().rev().find(|(since, _)| *since <= at);
        known.map(|(_, row)| row.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vedette_contract::{Kind, Slot, kind};

    #[test]
    fn attributes_are_those_of_the_catalogue() {
        let container = Kind::by_number(kind::CONTAINER).unwrap();
        for (name, key) in [
            ("image", attr::IMAGE),
            ("pod", attr::POD),
            ("namespace", attr::NAMESPACE),
            ("digest", attr::DIGEST),
            ("label", attr::LABEL),
            ("mount", attr::MOUNT),
            ("runtime", attr::RUNTIME),
            ("pod-uid", attr::POD_UID),
            ("outer", attr::OUTER),
        ] {
            assert_eq!(container.field(name).unwrap().slot, Slot::AttrText(key));
        }
        let capabilities = container.field("capabilities").unwrap();
        assert_eq!(capabilities.slot, Slot::Attr(attr::CAPABILITIES));
    }

    #[test]
    fn what_became_known_is_told_as_of_a_time() {
        let row = Container {
            later: Later::new(),
            ..Container::default()
        };
        let named = |name: &str| Container {
            name: name.to_owned(),
            later: row.later.clone(),
            ..Container::default()
        };
        assert!(row.later.by(u64::MAX).is_none());
        row.later.note(10, &named("a"));
        row.later.note(20, &named("b"));
        assert!(row.later.by(9).is_none());
        assert_eq!(row.later.by(19).unwrap().name, "a");
        assert_eq!(row.later.by(20).unwrap().name, "b");
    }
}
