//! Text on its way to whoever reads it, who may be slow or stop: nothing else waits for that.

use std::{
    collections::VecDeque,
    io::Write,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Most bytes that wait to be printed: a reader that has stopped must not fill memory.
const MAX_WAITING: usize = 16 << 20;

/// At the end a reader that takes nothing for this long is given up.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is done with text that there is no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// It is left out and counted: on a live system nothing waits for a reader.
    LeaveOut,
    /// Whoever has it waits: a replay leaves nothing out.
    Wait,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<String>,
    bytes: usize,
    /// One is being written.
    busy: bool,
    /// The last one could not be written, or the reader was given up.
    failed: bool,
    ends: bool,
    left_out: u64,
    /// Those of them that nobody was told of.
    untold: u64,
    /// When one was written last.
    moved: Option<Instant>,
}

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No call is made while it is held that could leave it half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prints on a thread of its own.
#[derive(Debug)]
pub struct Printer {
    shared: Arc<Shared>,
    full: Full,
}

impl Printer {
    /// Text goes there from now on.
    ///
    /// # Errors
    /// No thread can be made.
    pub fn start(
        name: &str,
        mut out: impl Write + Send + 'static,
        full: Full,
    ) -> std::io::Result<Printer> {
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                while let Some(text) = next(&theirs) {
                    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
                    done(&theirs, text.len(), written.is_ok());
                }
            })?;
        Ok(Printer { shared, full })
    }

    /// Prints this, after what waits. Returns whether there was room for it.
    pub fn print(&self, text: String) -> bool {
        let mut inner = self.shared.lock();
        // What is larger than there is room for at all has it when nothing else waits.
        while inner.bytes > 0 && inner.bytes + text.len() > MAX_WAITING {
            if self.full == Full::LeaveOut {
                inner.left_out += 1;
                inner.untold += 1;
                return false;
            }
            inner = self.wait(inner, None);
        }
        inner.bytes += text.len();
        inner.waiting.push_back(text);
        self.shared.changed.notify_all();
        true
    }

    /// How many were left out: there was no room for them, or they could not be written.
    pub fn left_out(&self) -> u64 {
        self.shared.lock().left_out
    }

    /// Whether some were left out that nobody was told of.
    pub fn owes(&self) -> bool {
        self.shared.lock().untold > 0
    }

    /// How many were left out since this was asked for last, once there is a reader again.
    pub fn to_tell(&self) -> Option<u64> {
        let mut inner = self.shared.lock();
        let reads = !inner.failed && inner.bytes < MAX_WAITING / 2;
        (reads && inner.untold > 0).then(|| std::mem::take(&mut inner.untold))
    }

    fn wait<'s>(
        &'s self,
        inner: MutexGuard<'s, Inner>,
        most: Option<Duration>,
    ) -> MutexGuard<'s, Inner> {
        let changed = &self.shared.changed;
        match most {
            None => changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
            Some(most) => {
                let waited = changed.wait_timeout(inner, most);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    /// Waits until all is printed, or the reader is given up: then what waits is left out. Returns
    /// how many were left out in all.
    pub fn end(&self) -> u64 {
        let mut inner = self.shared.lock();
        let begun = Instant::now();
        while inner.busy || !inner.waiting.is_empty() {
            let since = inner.moved.map_or(begun, |moved| moved.max(begun));
            let left = PATIENCE.saturating_sub(since.elapsed());
            if self.full == Full::LeaveOut && left.is_zero() {
                inner.left_out += inner.waiting.len() as u64 + u64::from(inner.busy);
                let waiting = std::mem::take(&mut inner.waiting);
                inner.bytes -= waiting.iter().map(String::len).sum::<usize>();
                inner.failed = true;
                break;
            }
            let most = (self.full == Full::LeaveOut).then_some(left);
            inner = self.wait(inner, most);
        }
        inner.left_out
    }
}

impl Drop for Printer {
    /// Its thread ends with the text that it is at.
    fn drop(&mut self) {
        self.shared.lock().ends = true;
        self.shared.changed.notify_all();
    }
}

/// What is to be written next; none at the end.
fn next(shared: &Shared) -> Option<String> {
    let mut inner = shared.lock();
    loop {
        if let Some(text) = inner.waiting.pop_front() {
            inner.busy = true;
            // It takes room until it is written.
            return Some(text);
        }
        if inner.ends {
            return None;
        }
        let waited = shared.changed.wait(inner);
        inner = waited.unwrap_or_else(PoisonError::into_inner);
    }
}

/// The one that was at hand is written, or could not be.
fn done(shared: &Shared, bytes: usize, written: bool) {
    let mut inner = shared.lock();
    inner.busy = false;
    inner.bytes -= bytes;
    inner.failed = !written;
    inner.moved = Some(Instant::now());
    if !written {
        inner.left_out += 1;
        inner.untold += 1;
    }
    shared.changed.notify_all();
}

#[cfg(test)]
mod tests;
