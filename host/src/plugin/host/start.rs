//! The first plugins of an agent: each serves as soon as it is ready.

use super::{PluginHost, change::Prepared};
use crate::plugin::watch::Seen;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

impl PluginHost {
    /// Begins to load what lies at the sources and does not wait for it: one plugin that takes long
    /// to make ready must not keep the others from judging. What is ready comes with
    /// [`changes`](PluginHost::changes); changes at the sources are followed if they are to be. Call
    /// it once.
    pub fn load_meanwhile(&mut self) {
        let Some(mut places) = self.places.take() else {
            return;
        };
        for seen in places.first() {
            if let Seen::Changed { path, .. } = &seen {
                self.awaited.insert(path.clone());
            }
            self.preparing.seen(seen);
        }
        if self.options.watch {
            self.follow(places);
        }
    }

    /// How many of them are awaited still.
    pub fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// Before the first event: puts what is ready into service, and what becomes so for that long.
    pub fn take_first(&mut self, patience: Duration) {
        let begun = Instant::now();
        let mut first: Vec<Prepared> = self.prepared.try_iter().collect();
        let missing = |first: &[Prepared]| {
            let here = |path: &PathBuf| first.iter().any(|one| one.path == *path);
            self.awaited.iter().any(|path| !here(path))
        };
        while missing(&first) {
            let left = patience.saturating_sub(begun.elapsed());
            match self.prepared.recv_timeout(left) {
                Ok(one) => first.push(one),
                Err(_) => break,
            }
        }
        // Of two files with one plugin the first serves, whichever is ready first.
        first.sort_by(|a, b| a.path.cmp(&b.path));
        for one in first {
            for change in self.stage(one) {
                self.apply(change);
            }
        }
    }
}
