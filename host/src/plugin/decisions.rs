//! What was decided about plugins, by the operator or after a rollback: who is disabled, which
//! component stays in quarantine, which one is not taken from its directory again.
//!
//! The operator's decisions outlast the agent: they lie in a small file that root alone can write.

use super::component::Digest;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Most plugins that are decided about: stops the file from growing without end.
const MAX_DECISIONS: usize = 1024;
/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Most components of one plugin that a rollback has ruled out; the oldest is forgotten first.
const MAX_RULED_OUT: usize = 16;

/// A decision cannot be made to last.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// The file cannot be written.
    #[error(
        "{}: decisions about plugins cannot be kept there: {source}; name another directory with --state", path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There are too many.
    #[error("{MAX_DECISIONS} plugins are disabled or in quarantine; enable one of them first")]
    TooMany,
}

/// Why a component does not come into service although nothing is wrong with its bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Held {
    /// Its plugin is disabled.
    #[error("plugin {0:?} is disabled; `vedette plugin enable {0}` puts it into service")]
    Disabled(String),
    /// It was put into quarantine.
    #[error(
        "this component of plugin {0:?} is in quarantine; replace it, or `vedette plugin enable {0}`"
    )]
    Quarantined(String),
    /// A rollback has ruled it out.
    #[error(
        "this component of plugin {0:?} was rolled back; replace it, or `vedette plugin reload --force {0}`"
    )]
    RolledBack(String),
}

impl Held {
    /// Id of the plugin.
    pub fn plugin(&self) -> &str {
        match self {
            Held::Disabled(id) | Held::Quarantined(id) | Held::RolledBack(id) => id,
        }
    }
}

/// What lasts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lasting {
    /// Ids of plugins.
    #[serde(default)]
    disabled: BTreeSet<String>,
    /// By id of the plugin: the digest of the component.
    #[serde(default)]
    quarantined: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Inner {
    lasting: Lasting,
    ruled_out: BTreeMap<String, Vec<Digest>>,
}

/// All decisions of an agent.
#[derive(Debug, Default)]
pub struct Decisions {
    /// None where nothing lasts: in replays and tests.
    file: Option<PathBuf>,
    inner: Mutex<Inner>,
}

impl Decisions {
    /// Those that lie in a file. One that cannot be read, or that others could have written, is
    /// left alone and said: a detector more than was asked for is the safer error.
    pub fn open(file: Option<PathBuf>) -> Decisions {
        let lasting = file.as_deref().map(read).transpose();
        let lasting = lasting.unwrap_or_else(|reason| {
            tracing::warn!("{reason}; no plugin counts as disabled");
            None
        });
        Decisions {
            file,
            inner: Mutex::new(Inner {
                lasting: lasting.unwrap_or_default(),
                ruled_out: BTreeMap::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a component may come into service.
    ///
    /// # Errors
    /// What was decided against it.
    pub fn allow(&self, id: &str, digest: Digest, force: bool) -> Result<(), Held> {
        let mut inner = self.lock();
        if inner.lasting.disabled.contains(id) {
            return Err(Held::Disabled(id.to_owned()));
        }
        let quarantined = inner.lasting.quarantined.get(id);
        if quarantined.is_some_and(|q| *q == digest.to_string()) {
            return Err(Held::Quarantined(id.to_owned()));
        }
        if let Some(ruled_out) = inner.ruled_out.get_mut(id) {
            if force {
                ruled_out.retain(|one| *one != digest);
            } else if ruled_out.contains(&digest) {
                return Err(Held::RolledBack(id.to_owned()));
            }
        }
        Ok(())
    }

    /// A rollback went back behind this component.
    pub fn rule_out(&self, id: &str, digest: Digest) {
        let mut inner = self.lock();
        let ruled_out = inner.ruled_out.entry(id.to_owned()).or_default();
        if !ruled_out.contains(&digest) {
            if ruled_out.len() == MAX_RULED_OUT {
                ruled_out.remove(0);
            }
            ruled_out.push(digest);
        }
    }

    /// The plugin stays out of service until it is enabled.
    ///
    /// # Errors
    /// The decision cannot be kept; it is not made then.
    pub fn disable(&self, id: &str) -> Result<(), DecisionError> {
        self.change(|lasting| {
            lasting.disabled.insert(id.to_owned());
        })
    }

    /// The component stays out of service until it is replaced or its plugin enabled.
    ///
    /// # Errors
    /// The decision cannot be kept; it is not made then.
    pub fn quarantine(&self, id: &str, digest: Digest) -> Result<(), DecisionError> {
        self.change(|lasting| {
            lasting
                .quarantined
                .insert(id.to_owned(), digest.to_string());
        })
    }

    /// Nothing is decided against the plugin any more.
    ///
    /// # Errors
    /// The decision cannot be kept; it is not made then.
    pub fn enable(&self, id: &str) -> Result<(), DecisionError> {
        self.change(|lasting| {
            lasting.disabled.remove(id);
            lasting.quarantined.remove(id);
        })
    }

    /// Ids of the plugins that are disabled.
    pub fn disabled(&self) -> BTreeSet<String> {
        self.lock().lasting.disabled.clone()
    }

    fn change(&self, change: impl FnOnce(&mut Lasting)) -> Result<(), DecisionError> {
        let mut inner = self.lock();
        let mut lasting = inner.lasting.clone();
        change(&mut lasting);
        if lasting.disabled.len() + lasting.quarantined.len() > MAX_DECISIONS {
            return Err(DecisionError::TooMany);
        }
        if let Some(path) = &self.file {
            write(path, &lasting).map_err(|source| DecisionError::Write {
                path: path.clone(),
                source,
            })?;
        }
        inner.lasting = lasting;
        Ok(())
    }
}

fn read(path: &Path) -> Result<Lasting, String> {
    let refused = |reason: String| {
        format!(
            "{}: decisions about plugins not read: {reason}",
            path.display()
        )
    };
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
        .open(path);
    let file = match file {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Lasting::default()),
        Err(e) => return Err(refused(e.to_string())),
    };
    let meta = file.metadata().map_err(|e| refused(e.to_string()))?;
    let ours = meta.uid() == rustix::process::geteuid().as_raw();
    if !ours || meta.mode() & 0o022 != 0 || !meta.is_file() {
        return Err(refused("others could have written it".to_owned()));
    }
    let mut text = String::new();
    file.take(MAX_FILE)
        .read_to_string(&mut text)
        .map_err(|e| refused(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| refused(e.to_string()))
}

/// Writes a file that is either the old one or the new one, also after a loss of power.
fn write(path: &Path, lasting: &Lasting) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
    }
    let aside = path.with_extension(format!("{}.tmp", std::process::id()));
    let result = (|| {
        // A leftover of an agent that was killed has the same name only by its pid.
        let _ = fs::remove_file(&aside);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&aside)?;
        serde_json::to_writer_pretty(&mut file, lasting)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&aside, path)
    })();
    if result.is_err() {
        let _ = fs::remove_file(&aside);
    }
    result
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const A: Digest = Digest([1; 32]);
    const B: Digest = Digest([2; 32]);

    #[test]
    fn the_operators_decisions_last_and_a_rollbacks_do_not() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("deeper/plugins.json");
        let decisions = Decisions::open(Some(file.clone()));
        decisions.disable("a").unwrap();
        decisions.quarantine("b", A).unwrap();
        decisions.rule_out("c", A);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        for decisions in [decisions, Decisions::open(Some(file.clone()))] {
            let held = |id: &str| Err::<(), _>(id.to_owned());
            assert_eq!(
                decisions.allow("a", A, true),
                held("a").map_err(Held::Disabled)
            );
            assert_eq!(
                decisions.allow("b", A, true),
                held("b").map_err(Held::Quarantined)
            );
            assert_eq!(decisions.allow("b", B, false), Ok(()));
        }
        let decisions = Decisions::open(Some(file));
        assert_eq!(decisions.allow("c", A, false), Ok(()));
        decisions.rule_out("c", A);
        assert_eq!(
            decisions.allow("c", A, false),
            Err(Held::RolledBack("c".to_owned()))
        );
        assert_eq!(decisions.allow("c", A, true), Ok(()));
        assert_eq!(decisions.allow("c", A, false), Ok(()));
        decisions.enable("a").unwrap();
        assert_eq!(decisions.allow("a", A, false), Ok(()));
    }

    #[test]
    fn a_file_of_others_decides_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("plugins.json");
        Decisions::open(Some(file.clone())).disable("a").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(Decisions::open(Some(file.clone())).disabled().is_empty());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, "{ half").unwrap();
        assert!(Decisions::open(Some(file)).disabled().is_empty());
    }

    #[test]
    fn a_decision_that_cannot_last_is_not_made() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "").unwrap();
        let decisions = Decisions::open(Some(directory.path().join("file/plugins.json")));
        let error = decisions.disable("a").unwrap_err().to_string();
        assert!(error.contains("--state"), "{error}");
        assert!(decisions.disabled().is_empty());
    }
}
