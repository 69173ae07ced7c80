//! `log`: lines in the agent's log.

use super::{super::bindings::vedette::detect::log, Services};
use serde::Serialize;

/// Most lines that one call may log: stops a call that logs without end.
pub(super) const MAX_LINES: usize = 64;
/// Longest line in bytes.
pub(super) const MAX_LINE: usize = 1024;
/// Most lines of a plugin in a second of event time: stops floods of the agent's log.
pub(super) const MAX_LINES_PER_SECOND: u32 = 100;

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// A line that a plugin logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How important it is.
    pub level: Level,
    /// The text, cut to what is allowed.
    pub message: String,
}

/// The lines of one call.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: Vec<Line>,
    dropped: u64,
}

/// How many lines a plugin has logged of late.
#[derive(Debug, Default)]
pub(super) struct Logged {
    /// Lines that were dropped because there were too many.
    pub dropped: u64,
    /// Second of event time, and lines logged in it.
    second: (u64, u32),
}

impl Lines {
    /// The last error among them, which is taken out.
    pub fn last_error(&mut self) -> Option<String> {
        let at = self
            .lines
            .iter()
            .rposition(|line| line.level == Level::Error)?;
        Some(self.lines.swap_remove(at).message)
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped == 0
    }
}

impl Logged {
    /// The lines of a call that may be told.
    pub fn take(&mut self, call: &mut Lines, now: u64) -> Vec<Line> {
        let second = now / 1_000_000_000;
        if self.second.0 != second {
            self.second = (second, 0);
        }
        let room = MAX_LINES_PER_SECOND.saturating_sub(self.second.1) as usize;
        let mut lines = std::mem::take(&mut call.lines);
        let dropped = lines.len().saturating_sub(room);
        lines.truncate(room);
        self.second.1 += lines.len() as u32;
        self.dropped += dropped as u64 + std::mem::take(&mut call.dropped);
        lines
    }
}

impl log::Host for Services {
    fn write(&mut self, level: log::Level, mut message: String) {
        if self.lines.lines.len() >= MAX_LINES {
            self.lines.dropped += 1;
            // What comes last says most of why a call ends.
            if !matches!(level, log::Level::Error) {
                return;
            }
            self.lines.lines.pop();
        }
        message.truncate(message.floor_char_boundary(MAX_LINE));
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.lines.lines.push(Line { level, message });
    }
}
