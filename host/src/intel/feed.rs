//! Lists that follow their directory.

use super::{Digest, Directory, IntelError, Lists, Loaded};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::{
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

/// How often the directory is looked at: two looks that find the same are a change.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Follows a directory of lists for as long as it is kept.
#[derive(Debug)]
pub struct Feed {
    loaded: Receiver<Loaded>,
    /// Its end is the thread's.
    _alive: Sender<()>,
}

impl Feed {
    /// Reads the lists that are there, and follows changes from then on, on a thread of its own.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub fn start(path: PathBuf) -> Result<(Loaded, Feed), IntelError> {
        let mut directory = Directory::new(path);
        let first = directory.load()?;
        let (send, loaded) = bounded(1);
        let (alive, ended) = bounded(1);
        let follower = Follower {
            directory,
            former: Weak::new(),
            given: Arc::downgrade(&first.lists),
            digest: first.lists.digest(),
            said: String::new(),
        };
        let thread = std::thread::Builder::new()
            .name("intel-watch".to_owned())
            .spawn(move || follower.run(&send, &ended));
        if let Err(error) = thread {
            tracing::warn!(%error, "changes of the lists are not followed");
        }
        let feed = Feed {
            loaded,
            _alive: alive,
        };
        Ok((first, feed))
    }

    /// The lists that take the place of those before, if any do.
    pub fn next(&self) -> Option<Loaded> {
        self.loaded.try_recv().ok()
    }
}

/// The thread's own.
struct Follower {
    directory: Directory,
    /// The lists before those that were given last.
    former: Weak<Lists>,
    given: Weak<Lists>,
    digest: Digest,
    /// What was said last of a directory that cannot be used.
    said: String,
}

impl Follower {
    fn run(mut self, send: &Sender<Loaded>, ended: &Receiver<()>) {
        while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            // A plugin that is behind still asks the former: memory holds two at most.
            if self.former.strong_count() > 0 {
                continue;
            }
            match self.look() {
                Ok(None) => {}
                Ok(Some(loaded)) => {
                    self.digest = loaded.lists.digest();
                    self.former = std::mem::replace(&mut self.given, Arc::downgrade(&loaded.lists));
                    self.said.clear();
                    if send.send(loaded).is_err() {
                        return;
                    }
                }
                Err(error) => self.say(&error),
            }
        }
    }

    /// What is there, if it is something new.
    fn look(&mut self) -> Result<Option<Loaded>, IntelError> {
        if !self.directory.changed()? {
            return Ok(None);
        }
        let loaded = self.directory.load()?;
        Ok((loaded.lists.digest() != self.digest).then_some(loaded))
    }

    fn say(&mut self, error: &IntelError) {
        let error = error.to_string();
        if error != self.said {
            tracing::warn!("{error}; the lists from before stay in use");
            self.said = error;
        }
    }
}
