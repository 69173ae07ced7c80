//! What an executed file is, by its content and not by its name.
//!
//! A copy, a new name or a strip changes nothing. Packed or encrypted images, shells compiled
//! from languages that keep no C strings, and programs that embed an interpreter as a library
//! (gdb, vim) are not recognised: they are `other`.

mod content;
mod file;

use crate::device::major;
use file::{Fingerprint, Opened};
use std::collections::{HashMap, VecDeque};
use vedette_contract::values::image_class;

/// Stops a container that executes ever new copies of a file from filling memory. The oldest
/// entry makes room.
const CACHE_MAX: usize = 8192;

/// What the classifier did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Answers from the cache, checked against the file.
    pub hits: u64,
    /// Files that were read.
    pub reads: u64,
    /// Files that were gone, replaced, or not safe to read.
    pub unreadable: u64,
    /// Entries that were pushed out of the cache.
    pub evicted: u64,
}

/// Classifies executed files and remembers them.
pub struct Classifier {
    scanner: content::Scanner,
    known: HashMap<(u64, u64), (Fingerprint, u32)>,
    order: VecDeque<(u64, u64)>,
    counters: Counters,
    memory_device: Option<u64>,
}

impl Default for Classifier {
    fn default() -> Self {
        Classifier::new()
    }
}

impl Classifier {
    /// An empty one.
    pub fn new() -> Classifier {
        Classifier {
            scanner: content::Scanner::new(),
            known: HashMap::new(),
            order: VecDeque::new(),
            counters: Counters::default(),
            memory_device: file::memory_device(),
        }
    }

    /// The class (catalogue set `image-class`) of the file that a process executes.
    ///
    /// `device` and `inode` are the kernel's, from the `exec` event. The file is reached through
    /// `/proc/PID/exe`, which works for deleted files, files in memory and containers. If the
    /// process executes another file by now, it is reached by `path` in the process's root. An
    /// answer from the cache is checked against the file's times and size where the file can
    /// still be reached; where it cannot, the last known class is given, or `unknown`.
    pub fn classify(&mut self, pid: u32, path: &[u8], device: u64, inode: u64) -> u32 {
        let id = (device, inode);
        // The device is not compared: that of `stat` differs from the kernel's on file systems
        // with subvolumes or layers.
        let opened = Opened::executed_by(pid)
            .filter(|f| f.fingerprint.inode == inode)
            .or_else(|| Opened::in_root_of(pid, path).filter(|f| f.fingerprint.inode == inode));
        let Some(opened) = opened else {
            self.counters.unreadable += 1;
            return self.known(device, inode).unwrap_or(image_class::UNKNOWN);
        };
        if let Some((fingerprint, class)) = self.known.get(&id)
            && *fingerprint == opened.fingerprint
        {
            self.counters.hits += 1;
            return *class;
        }
        let class = match self.read(pid, &opened) {
            Some(class) => class,
            None => {
                self.counters.unreadable += 1;
                image_class::UNKNOWN
            }
        };
        self.remember(id, opened.fingerprint, class);
        class
    }

    /// The class that a file had when it was last read, without a look at the file.
    pub fn known(&self, device: u64, inode: u64) -> Option<u32> {
        self.known.get(&(device, inode)).map(|(_, class)| *class)
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Whether a file of this device lives in anonymous memory (`memfd_create`).
    pub fn is_memory(&self, device: u64) -> bool {
        self.memory_device == Some(device)
    }

    fn read(&mut self, pid: u32, opened: &Opened) -> Option<u32> {
        let device = opened.fingerprint.device;
        let safe = major(device) != 0
            || self.is_memory(device)
            || file::served_by_kernel(pid, opened.mount);
        if !safe {
            return None;
        }
        self.counters.reads += 1;
        self.scanner.classify(&opened.reopen()?)
    }

    fn remember(&mut self, id: (u64, u64), fingerprint: Fingerprint, class: u32) {
        if self.known.insert(id, (fingerprint, class)).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > CACHE_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
            self.counters.evicted += 1;
        }
    }
}

#[cfg(test)]
mod tests;
