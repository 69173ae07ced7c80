//! The operator's lists, for every command that gives plugins some.

use crate::intel::{Directory, Feed, IntelError, Loaded};
use crate::output::messages::say;
use clap::Args;
use std::path::PathBuf;
use std::thread::{JoinHandle, spawn};

/// Where the lists are.
#[derive(Debug, Clone, Default, Args)]
pub struct IntelArgs {
    /// Directory of lists of addresses, domains and hashes, one entry a line, that plugins may
    /// ask.
    #[arg(long, value_name = "DIR")]
    pub intel: Option<PathBuf>,
}

/// Lists that are being read.
pub type Reading = JoinHandle<Result<(Loaded, Feed), IntelError>>;

impl IntelArgs {
    /// Begins to read them, and to follow changes.
    pub fn start(&self) -> Option<Reading> {
        let path = self.intel.clone()?;
        Some(spawn(move || Feed::start(path)))
    }

    /// Reads them once.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub fn load(&self) -> Result<Option<Loaded>, IntelError> {
        let Some(path) = &self.intel else {
            return Ok(None);
        };
        let loaded = Directory::new(path.clone()).load()?;
        tell(&loaded);
        Ok(Some(loaded))
    }
}

/// Says what was read, and what is wrong with it.
pub fn tell(loaded: &Loaded) {
    let lists = &loaded.lists;
    say(format_args!(
        "{} lists with {} entries, sha256:{}, {} MiB",
        lists.count(),
        lists.entries(),
        lists.digest().short(),
        lists.size().div_ceil(1 << 20)
    ));
    for problem in &loaded.problems {
        say(problem);
    }
    if loaded.malformed > 0 {
        say(format_args!(
            "{} lines are no entries and not used",
            loaded.malformed
        ));
    }
    if loaded.notes_left_out > 0 {
        say(format_args!(
            "{} entries are kept without their notes, for which there is no more room",
            loaded.notes_left_out
        ));
    }
}
