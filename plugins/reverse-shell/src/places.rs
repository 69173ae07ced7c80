//! Which containers are what they seem.
//!
//! What is carried into a container from outside is carried by its runtime, which has connections
//! of its own. But whoever may make control groups can name one like a container's, and no runtime
//! will ever say a word of it.

use vedette_sdk::bounded::Map;
use vedette_sdk::prelude::*;

/// Containers that are remembered. Stops whoever makes groups in masses; the oldest is forgotten,
/// and counts as a runtime's.
const MAX_CONTAINERS: usize = 4096;

/// Time within which a runtime has described its container, in ns.
const PATIENCE: u64 = 5_000_000_000;

/// What is known of a container.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its id.
    pub id: Box<[u8]>,
    /// When it was first met, ns since boot.
    pub since: u64,
    /// A runtime said what it is.
    pub described: bool,
    /// None did for so long that none will.
    pub unexplained: bool,
}

/// How two processes stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apart {
    /// In one container, or both in none.
    Together,
    /// A container's runtime may lie between them.
    Runtime,
    /// In different control groups, of which nobody knows more.
    Unexplained,
}

/// The containers that were met.
#[derive(Debug, Clone)]
pub struct Places {
    all: Map<u64, Place>,
    /// The last that was met and is described: most often the next one is the same.
    last: u64,
}

impl Default for Places {
    fn default() -> Self {
        Places {
            all: Map::new(MAX_CONTAINERS),
            last: 0,
        }
    }
}

impl Places {
    /// A process was met in its container.
    pub fn met(&mut self, process: Process<'_>, at: u64) {
        let Some(container) = process.container() else {
            return;
        };
        if container.key() == self.last {
            return;
        }
        let pending = container.marks() & container_mark::PENDING != 0;
        let described = !pending || !container.name().is_empty() || !container.image().is_empty();
        if described {
            self.last = container.key();
        }
        match self.all.get_mut(&container.key()) {
            Some(place) => place.described |= described,
            None => {
                let place = Place {
                    id: container.id().into(),
                    since: at,
                    described,
                    unexplained: false,
                };
                self.all.insert(container.key(), place);
            }
        }
    }

    /// Time passes; returns whether it made any container unexplained.
    pub fn wait(&mut self, now: u64) -> bool {
        let silent = |place: &Place| {
            let waited = now.saturating_sub(place.since) >= PATIENCE;
            waited && !place.described && !place.unexplained
        };
        let all = self.all.iter();
        let due: Vec<u64> = all
            .filter(|(_, place)| silent(place))
            .map(|(key, _)| *key)
            .collect();
        for key in &due {
            if let Some(place) = self.all.get_mut(key) {
                place.unexplained = true;
            }
        }
        !due.is_empty()
    }

    /// A runtime says what the container of this id is.
    pub fn described(&mut self, id: &[u8]) {
        let of_id = self.all.iter().find(|(_, place)| &*place.id == id);
        if let Some(key) = of_id.map(|(key, _)| *key)
            && let Some(place) = self.all.get_mut(&key)
        {
            place.described = true;
        }
    }

    /// How processes in these containers (0 for none) stand to each other.
    pub fn between(&self, one: u64, other: u64) -> Apart {
        if one == other {
            return Apart::Together;
        }
        let unexplained = |key: &u64| {
            let place = self.all.get(key);
            place.is_some_and(|place| !place.described && place.unexplained)
        };
        match [one, other]
            .iter()
            .filter(|key| **key != 0)
            .all(unexplained)
        {
            true => Apart::Unexplained,
            false => Apart::Runtime,
        }
    }

    /// Everything, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Place)> {
        self.all.iter().map(|(key, place)| (*key, place))
    }

    /// Takes in a container as a whole.
    pub fn put(&mut self, key: u64, place: Place) {
        self.all.insert(key, place);
    }
}
