//! The directory that the lists come from.
//!
//! What lists say decides what plugins find, so like components they must lie where root alone
//! (or the agent's own user) can write.

use super::{Builder, Lists, Malformed, entry};
use crate::plugin::{
    component::Digest,
    watch::{PlaceError, trusted},
};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read as _},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Most files: stops a directory full of files from being read.
const MAX_FILES: usize = 256;
/// Most bytes of all files: stops a feed without end from keeping a thread busy.
const MAX_BYTES: u64 = 2 << 30;
/// Most entries, of 8 to 20 bytes each: a feed gone wrong must not take the machine's memory.
const MAX_ENTRIES: usize = 16 << 20;
/// Longest line in bytes. The rest of a longer one is skipped without being kept.
const MAX_LINE: u64 = 4096;
/// Longest name of a list in bytes: it is copied to plugins with each hit.
const MAX_LIST: usize = 64;
/// Most problems that are told one by one: a file of another kind has one on every line.
const MAX_PROBLEMS: usize = 16;

/// The lists cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IntelError {
    /// The directory cannot be read, or not be trusted.
    #[error("the lists in {} are not used: {source}", path.display())]
    Place {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: PlaceError,
    },
    /// It is something else.
    #[error("{} is not a directory; give the one in which the lists are", .0.display())]
    NotDirectory(PathBuf),
}

/// What is wrong with a file or a line. The rest is used all the same.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Problem {
    #[error("{}:{line}: {why}", file.display())]
    Line {
        file: PathBuf,
        line: u64,
        why: Malformed,
    },
    #[error("{} is not used: {why}", file.display())]
    File { file: PathBuf, why: PlaceError },
    #[error("{} is not used: the list's name must be UTF-8 of at most {MAX_LIST} bytes; rename it", .0.display())]
    Name(PathBuf),
    #[error("{}: not read any further: all lists together have more than {MAX_ENTRIES} entries or {MAX_BYTES} bytes; give fewer", .0.display())]
    TooMuch(PathBuf),
    #[error("{}: only the first {MAX_FILES} files are read; put the lists into fewer", .0.display())]
    TooManyFiles(PathBuf),
}

/// Lists with what was found wrong on the way.
#[derive(Debug)]
pub struct Loaded {
    /// The lists.
    pub lists: Arc<Lists>,
    /// The first problems.
    pub problems: Vec<Problem>,
    /// How many lines were malformed.
    pub malformed: u64,
    /// How many entries lost their note, as there was no more room for it.
    pub notes_left_out: u64,
}

/// What tells apart two contents of a path without reading them.
type Mark = (u64, u64, u64, i64, i64);

/// Where the lists lie, and what was there when they were loaded.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Whether others may write there.
    shared: bool,
    loaded: BTreeMap<PathBuf, Mark>,
    /// At the last look.
    seen: BTreeMap<PathBuf, Mark>,
}

impl Directory {
    /// This directory; nothing is read yet.
    pub fn new(path: PathBuf) -> Directory {
        Directory {
            path,
            shared: false,
            loaded: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    /// The same, whoever may write there: for authors, whose lists judge nobody.
    pub fn of_author(path: PathBuf) -> Directory {
        Directory {
            shared: true,
            ..Directory::new(path)
        }
    }

    /// Whether something else is there than what was loaded, and was at the last look already: a
    /// file that is still being written is not read.
    ///
    /// # Errors
    /// The directory cannot be used any more.
    pub fn changed(&mut self) -> Result<bool, IntelError> {
        let (files, _) = files(&self.path, self.shared)?;
        let at_rest = files == self.seen;
        self.seen = files;
        Ok(at_rest && self.seen != self.loaded)
    }

    /// Reads all lists.
    ///
    /// # Errors
    /// The directory cannot be used. What is wrong with a file or a line is told beside the lists.
    pub fn load(&mut self) -> Result<Loaded, IntelError> {
        let (files, cut) = files(&self.path, self.shared)?;
        let mut reading = Reading {
            shared: self.shared,
            ..Reading::default()
        };
        if cut {
            reading.tell(Problem::TooManyFiles(self.path.clone()));
        }
        let mut lists: Vec<(&str, &PathBuf)> = Vec::new();
        for path in files.keys() {
            match path.file_stem().and_then(|stem| stem.to_str()) {
                Some(name) if name.len() <= MAX_LIST => lists.push((name, path)),
                _ => reading.tell(Problem::Name(path.clone())),
            }
        }
        lists.sort();
        for (name, path) in lists {
            if let Err(why) = reading.file(name, path) {
                reading.tell(Problem::File {
                    file: path.clone(),
                    why,
                });
            }
        }
        self.seen.clone_from(&files);
        self.loaded = files;
        Ok(reading.finish())
    }
}

/// The files of lists with their marks, and whether there are more.
fn files(path: &Path, shared: bool) -> Result<(BTreeMap<PathBuf, Mark>, bool), IntelError> {
    let failed = |source: PlaceError| IntelError::Place {
        path: path.to_owned(),
        source,
    };
    let meta = fs::metadata(path).map_err(|e| failed(e.into()))?;
    if !meta.is_dir() {
        return Err(IntelError::NotDirectory(path.to_owned()));
    }
    if !shared {
        trusted(path).map_err(failed)?;
    }
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(path).map_err(|e| failed(e.into()))? {
        let path = entry.map_err(|e| failed(e.into()))?.path();
        // Links are followed: a mounted volume switches all its files by one link.
        if is_list(&path)
            && let Ok(meta) = fs::metadata(&path)
            && meta.is_file()
        {
            let time = (meta.ctime(), meta.ctime_nsec());
            found.insert(path, (meta.dev(), meta.ino(), meta.len(), time.0, time.1));
        }
    }
    let cut = found.len() > MAX_FILES;
    while found.len() > MAX_FILES {
        found.pop_last();
    }
    Ok((found, cut))
}

/// Not what editors and copiers put beside a file while they work.
fn is_list(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let passing: [&[u8]; 4] = [b"~", b".tmp", b".part", b".swp"];
    !name.starts_with(b".") && !passing.iter().any(|end| name.ends_with(end))
}

/// Lists that are being read.
#[derive(Default)]
struct Reading {
    shared: bool,
    builder: Builder,
    digest: Sha256,
    bytes: u64,
    problems: Vec<Problem>,
    malformed: u64,
}

impl Reading {
    fn tell(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    fn file(&mut self, name: &str, path: &Path) -> Result<(), PlaceError> {
        if !self.shared {
            trusted(path)?;
        }
        let mut file = BufReader::with_capacity(256 << 10, File::open(path)?);
        let mut content = Sha256::new();
        self.builder.list(name);
        let mut line = Vec::new();
        let mut number = 0;
        loop {
            line.clear();
            let read = (&mut file).take(MAX_LINE).read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            number += 1;
            self.bytes += read as u64;
            content.update(&line);
            let too_long = read as u64 == MAX_LINE && line.last() != Some(&b'\n');
            if too_long {
                self.bytes += skip_line(&mut file, &mut content)?;
            }
            if self.bytes > MAX_BYTES || self.builder.entries >= MAX_ENTRIES {
                self.tell(Problem::TooMuch(path.to_owned()));
                break;
            }
            let why = match (too_long, std::str::from_utf8(&line)) {
                (true, _) => Malformed::TooLong,
                (false, Err(_)) => Malformed::NotText,
                (false, Ok(text)) => match entry::parse(text) {
                    Ok(None) => continue,
                    Ok(Some((entry, note))) => {
                        self.builder.add(&entry, note);
                        continue;
                    }
                    Err(why) => why,
                },
            };
            self.malformed += 1;
            self.tell(Problem::Line {
                file: path.to_owned(),
                line: number,
                why,
            });
        }
        // Names hold no NUL, and digests are of one length: no two sets of lists read the same.
        self.digest.update(name);
        self.digest.update([0]);
        self.digest.update(content.finalize());
        Ok(())
    }

    fn finish(self) -> Loaded {
        let notes_left_out = self.builder.notes_left_out();
        Loaded {
            lists: Arc::new(self.builder.finish(Digest(self.digest.finalize().into()))),
            problems: self.problems,
            malformed: self.malformed,
            notes_left_out,
        }
    }
}

/// Goes to the next line without keeping this one; returns how long the rest was, at most what
/// may be read at all.
fn skip_line(file: &mut impl BufRead, content: &mut Sha256) -> io::Result<u64> {
    let mut skipped = 0;
    while skipped <= MAX_BYTES {
        let rest = file.fill_buf()?;
        let end = rest.iter().position(|byte| *byte == b'\n');
        let part = end.map_or(rest.len(), |end| end + 1);
        content.update(&rest[..part]);
        file.consume(part);
        skipped += part as u64;
        if end.is_some() || part == 0 {
            break;
        }
    }
    Ok(skipped)
}
