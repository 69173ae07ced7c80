//! Files that runtimes leave on the disk.

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use serde::de::DeserializeOwned;
use std::io::Read;
use std::path::Path;

/// Bytes of a file that are read; a configuration has about 30 KB, a list of a thousand
/// containers 1 MB. What is longer was not written by a runtime.
const FILE_CAP: u64 = 16 << 20;

/// Reads a JSON file; none where there is none or it is something else. The path may come from
/// a command line: nothing but a regular file is opened for reading, and nothing is waited for.
pub fn json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = open(path, flags, Mode::empty()).ok()?;
    let stat = fstat(&fd).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let mut text = Vec::new();
    std::fs::File::from(fd)
        .take(FILE_CAP)
        .read_to_end(&mut text)
        .ok()?;
    serde_json::from_slice(&text).ok()
}
