//! The file on disk: keys and values by plugin, publisher and form of the state.
//!
//! Its bytes are not trusted: all of it is checked when it is opened, and what is wrong with it is
//! an error that names it. Ends are times of the wall, for the clock of events begins anew with
//! each boot.

use crate::plugin::{
    signature::PublicKey,
    state::{Content, Entry, Key, MAX_KEY, MAX_VALUE},
};
use redb::{
    Builder, Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table,
    TableDefinition, backends::FileBackend,
};
use rustix::fs::OFlags;
use std::{
    fs::{DirBuilder, File as Raw, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

/// How tables are laid out; a file of another number is left alone.
const LAYOUT: u32 = 1;
/// Memory for pages of the file in bytes: it is read once, and written little by little.
const CACHE: usize = 1 << 20;
/// Most states of plugins in the file; the one that was not used for longest goes first. Stops
/// plugins that come and go, or take ever new forms, from filling the disk.
const MAX_PLACES: usize = 256;

/// A plugin's id, its publisher's key or nothing, and the form of its state.
type PlaceKey<'k> = (&'k str, &'k str, u32);
/// The same and a key of the state.
type EntryKey<'k> = (&'k str, &'k str, u32, &'k [u8]);
/// Its end, ns since 1970 or the largest number for never; whether it is a counter; its bytes.
type EntryValue<'v> = (u64, bool, &'v [u8]);

const ABOUT: TableDefinition<&str, u32> = TableDefinition::new("about");
const ENTRIES: TableDefinition<EntryKey<'static>, EntryValue<'static>> =
    TableDefinition::new("entries");
/// When a state was last in use, s since 1970.
const PLACES: TableDefinition<PlaceKey<'static>, u64> = TableDefinition::new("places");

/// What a plugin keeps cannot be read from disk, or written there.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Others could have written it.
    #[error("{}: others could have written this file of what plugins keep; remove it, or make it root's alone with chown root and chmod 600", .0.display())]
    Exposed(PathBuf),
    /// It holds what no agent has written.
    #[error("{}: this file of what plugins keep is damaged ({reason}); move it away, and a new one is begun", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Another version of the agent has written it.
    #[error("{}: this file of what plugins keep is another version's ({reason}); run that version of the agent, or move the file away, and a new one is begun", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is different.
        reason: String,
    },
    /// The disk does not do it.
    #[error("{}: what plugins keep cannot be read or written there: {reason}; make room or mend the disk, or name another directory with --state", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// Whose state it is: plugins of another publisher, or with another form, have their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Id of the plugin.
    pub plugin: String,
    /// Who signed it; those that nobody signed are one's.
    pub publisher: Option<PublicKey>,
    /// Form of the state.
    pub form: u32,
}

/// What is to be written of one state.
#[derive(Debug)]
pub(super) struct Write<'w> {
    pub place: &'w Place,
    /// What stands there is removed first.
    pub afresh: bool,
    /// By key: what stands there now, none where it is gone.
    pub changes: Vec<(&'w Key, Option<&'w Entry>)>,
}

/// The file, open.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    database: Database,
}

impl File {
    /// Opens it, or makes it.
    pub fn open(path: &Path) -> Result<File, StoreError> {
        let raw = raw(path)?;
        guarded(path, || {
            let backend = FileBackend::new(raw).map_err(redb::Error::from)?;
            let database = Builder::new()
                .set_cache_size(CACHE)
                .set_check_integrity_on_open(true)
                .create_with_backend(backend)?;
            let write = database.begin_write()?;
            let layout = {
                let mut about = write.open_table(ABOUT)?;
                let layout = about.get("layout")?.map(|layout| layout.value());
                if layout.is_none() {
                    about.insert("layout", LAYOUT)?;
                }
                layout.unwrap_or(LAYOUT)
            };
            if layout == LAYOUT {
                write.open_table(ENTRIES)?;
                write.open_table(PLACES)?;
                write.commit()?;
            }
            Ok((database, layout))
        })
        .and_then(|(database, layout)| {
            let path = path.to_owned();
            match layout == LAYOUT {
                true => Ok(File { path, database }),
                false => Err(StoreError::Foreign {
                    path,
                    reason: format!("its layout is {layout}, this agent's {LAYOUT}"),
                }),
            }
        })
    }

    /// What stands at a place, by key in order, and how many other forms the same plugin of the
    /// same publisher has there. `offset` is what the wall's clock is ahead of that of events, on
    /// which it is `now`.
    pub fn read(
        &self,
        place: &Place,
        offset: u64,
        now: u64,
    ) -> Result<(Vec<(Key, Entry)>, usize), StoreError> {
        guarded(&self.path, || {
            let read = self.database.begin_read()?;
            let owner = owner(place);
            let of = (&*place.plugin, &*owner, place.form);
            let places = read.open_table(PLACES)?;
            // Where the wall's clock is not set yet, it is at least as late as it was then.
            let then = places.get(of)?.map_or(0, |used| used.value());
            let then = then.saturating_mul(1_000_000_000);
            let offset = offset.max(then.saturating_sub(now));
            let mut entries = Vec::new();
            for row in read
                .open_table(ENTRIES)?
                .range((of.0, of.1, of.2, &[][..])..)?
            {
                let (key, value) = row?;
                let (plugin, publisher, form, key) = key.value();
                if (plugin, publisher, form) != of {
                    break;
                }
                entries.extend(entry(key, value.value(), offset));
            }
            let forms = places.range((of.0, of.1, 0)..=(of.0, of.1, u32::MAX))?;
            let others = forms.flatten().filter(|(key, _)| key.value() != of).count();
            Ok((entries, others))
        })
    }

    /// Writes changes, all or none, and removes what is forgotten. `now` is in s since 1970.
    pub fn write(
        &self,
        changes: &[Write<'_>],
        in_use: &[&Place],
        forgotten: &[Place],
        offset: u64,
        now: u64,
    ) -> Result<(), StoreError> {
        guarded(&self.path, || {
            let write = self.database.begin_write()?;
            {
                let mut entries = write.open_table(ENTRIES)?;
                let mut places = write.open_table(PLACES)?;
                for place in forgotten {
                    let owner = owner(place);
                    clear(&mut entries, (&place.plugin, &owner, place.form))?;
                    places.remove((&*place.plugin, &*owner, place.form))?;
                }
                for Write {
                    place,
                    afresh,
                    changes,
                } in changes
                {
                    let owner = owner(place);
                    let of = (&*place.plugin, &*owner, place.form);
                    if *afresh {
                        clear(&mut entries, of)?;
                    }
                    for (key, entry) in changes {
                        let key = (of.0, of.1, of.2, &***key);
                        match entry {
                            Some(entry) => drop(insert(&mut entries, key, entry, offset)?),
                            None => drop(entries.remove(key)?),
                        }
                    }
                    places.insert(of, now)?;
                }
                for place in in_use {
                    let owner = owner(place);
                    let of = (&*place.plugin, &*owner, place.form);
                    let known = places.get(of)?.is_some();
                    if known {
                        places.insert(of, now)?;
                    }
                }
                while places.len()? > MAX_PLACES as u64 {
                    let Some((plugin, owner, form)) = oldest(&places)? else {
                        break;
                    };
                    clear(&mut entries, (&plugin, &owner, form))?;
                    places.remove((&*plugin, &*owner, form))?;
                }
            }
            write.commit()?;
            Ok(())
        })
    }
}

fn owner(place: &Place) -> String {
    place.publisher.map_or(String::new(), |key| key.to_string())
}

fn insert(
    entries: &mut Table<'_, EntryKey<'static>, EntryValue<'static>>,
    key: EntryKey<'_>,
    entry: &Entry,
    offset: u64,
) -> Result<(), redb::Error> {
    let end = match entry.end {
        u64::MAX => u64::MAX,
        end => end.saturating_add(offset),
    };
    match &entry.content {
        Content::Value(value) => drop(entries.insert(key, (end, false, &**value))?),
        Content::Count(count) => {
            drop(entries.insert(key, (end, true, &count.to_le_bytes()[..]))?);
        }
    }
    Ok(())
}

/// An entry as it stands on disk; none if no agent has written it.
fn entry(key: &[u8], (end, counter, bytes): EntryValue<'_>, offset: u64) -> Option<(Key, Entry)> {
    if key.len() > MAX_KEY || bytes.len() > MAX_VALUE {
        return None;
    }
    let content = match counter {
        true => Content::Count(u64::from_le_bytes(bytes.try_into().ok()?)),
        false => Content::Value(bytes.into()),
    };
    let end = match end {
        u64::MAX => u64::MAX,
        end => end.saturating_sub(offset),
    };
    Some((key.into(), Entry { content, end }))
}

fn clear(
    entries: &mut Table<'_, EntryKey<'static>, EntryValue<'static>>,
    (plugin, owner, form): PlaceKey<'_>,
) -> Result<(), redb::Error> {
    let begin = (plugin, owner, form, &[][..]);
    match form.checked_add(1) {
        Some(next) => entries.retain_in(begin..(plugin, owner, next, &[][..]), |_, _| false)?,
        None => entries.retain_in(begin.., |(one, other, form, _), _| {
            (one, other, form) != (plugin, owner, u32::MAX)
        })?,
    }
    Ok(())
}

fn oldest(
    places: &Table<'_, PlaceKey<'static>, u64>,
) -> Result<Option<(String, String, u32)>, redb::Error> {
    let mut oldest: Option<(u64, (String, String, u32))> = None;
    for row in places.iter()? {
        let (key, used) = row?;
        if oldest.as_ref().is_none_or(|(time, _)| used.value() < *time) {
            let (plugin, owner, form) = key.value();
            oldest = Some((used.value(), (plugin.to_owned(), owner.to_owned(), form)));
        }
    }
    Ok(oldest.map(|(_, place)| place))
}

/// The file itself, if nobody else could have written it.
fn raw(path: &Path) -> Result<Raw, StoreError> {
    let failed = |source: io::Error| StoreError::Disk {
        path: path.to_owned(),
        reason: source.to_string(),
    };
    if let Some(directory) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(failed)?;
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(path)
        .map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    let ours = meta.uid() == rustix::process::geteuid().as_raw();
    if !ours || meta.mode() & 0o022 != 0 || !meta.is_file() {
        return Err(StoreError::Exposed(path.to_owned()));
    }
    Ok(file)
}

/// Runs what reads or writes the file; whatever becomes of that is an error. The library checks
/// every page when the file is opened; what it would still take for granted must not end a thread.
fn guarded<T>(path: &Path, act: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, StoreError> {
    let path = path.to_owned();
    let done = catch_unwind(AssertUnwindSafe(act));
    let Ok(done) = done else {
        let reason = "its pages contradict each other".to_owned();
        return Err(StoreError::Damaged { path, reason });
    };
    done.map_err(|error| {
        let reason = error.to_string();
        match error {
            redb::Error::UpgradeRequired(_)
            | redb::Error::LockProtocolMismatch
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. } => StoreError::Foreign { path, reason },
            redb::Error::Corrupted(_) | redb::Error::RepairAborted => {
                StoreError::Damaged { path, reason }
            }
            redb::Error::Io(error) if is_content(error.kind()) => {
                StoreError::Damaged { path, reason }
            }
            _ => StoreError::Disk { path, reason },
        }
    })
}

/// Whether an error is about what was read and not about reading it.
fn is_content(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;
