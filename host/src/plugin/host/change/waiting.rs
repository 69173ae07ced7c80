//! What is ready and waits to be applied: of one file no more than the newest, which stops a file
//! that changes faster than its plugin can be switched from filling memory with instances.

use super::{Prepared, What};
use crate::plugin::{host::PluginHost, life::Stage};

/// Files of which is known when the latest was begun. Stops ever new names from filling memory.
const MAX_FILES: usize = 1024;

impl PluginHost {
    /// Takes in what was prepared, for the next round.
    pub(super) fn receive(&mut self) {
        let mut came = false;
        while let Ok(new) = self.prepared.try_recv() {
            came = true;
            if self.is_overtaken(&new) {
                self.give_way(new);
                continue;
            }
            self.give_way_to(&new);
            if let What::Ready(generation) = &new.what {
                let filter = generation.compiled.subscriptions.filter();
                self.staged.insert(generation.number, filter);
            }
            self.deferred.push_back(new);
        }
        if came {
            self.recount();
        }
    }

    /// What waits of the same file and would serve no longer than until that comes.
    fn give_way_to(&mut self, new: &Prepared) {
        if !matches!(new.what, What::Ready(_) | What::Gone) {
            return;
        }
        let gives_way = |old: &Prepared| {
            old.path == new.path
                && match old.what {
                    What::Ready(_) => true,
                    What::Gone => matches!(new.what, What::Gone),
                    _ => false,
                }
        };
        let waiting = std::mem::take(&mut self.deferred).into_iter();
        let (older, others): (Vec<_>, Vec<_>) = waiting.partition(gives_way);
        self.deferred = others.into();
        for old in older {
            self.give_way(old);
        }
    }

    /// Whether something that was begun later has come of the same file before: what is asked for is
    /// loaded side by side.
    fn is_overtaken(&mut self, new: &Prepared) -> bool {
        if new.begun == 0 || !matches!(new.what, What::Ready(_) | What::Gone) {
            return false;
        }
        if self.latest.len() >= MAX_FILES {
            self.latest.clear();
        }
        let latest = self.latest.entry(new.path.clone()).or_default();
        let overtaken = new.begun < *latest;
        *latest = new.begun.max(*latest);
        overtaken
    }

    fn give_way(&mut self, Prepared { what, reply, .. }: Prepared) {
        let reason = "its file was loaded once more before it took over";
        if let What::Ready(generation) = what {
            self.staged.remove(&generation.number);
            generation.compiled.life.enter(Stage::Ended, reason);
            self.remains.leave(generation);
        }
        if let Some(reply) = reply {
            reply.refuse(reason.to_owned());
        }
    }
}
