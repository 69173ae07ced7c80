//! `log`: lines in the agent's log.

use super::{super::bindings::vedette::detect::log, Services};
use serde::Serialize;

/// Longest line in bytes.
pub(super) const MAX_LINE: usize = 1024;
/// Most lines of a plugin in a second of event time: stops floods of the agent's log. A call, which
/// is always within one, has no limit of its own: what is told would depend on how many events a
/// batch holds.
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
    /// The last error among those that were dropped.
    dropped_error: Option<String>,
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
        if let Some(last) = self.dropped_error.take() {
            return Some(last);
        }
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
        let Lines {
            mut lines, dropped, ..
        } = std::mem::take(call);
        let beyond = lines.len().saturating_sub(room);
        lines.truncate(room);
        self.second.1 += lines.len() as u32;
        self.dropped += beyond as u64 + dropped;
        lines
    }
}

impl log::Host for Services {
    fn write(&mut self, level: log::Level, mut message: String) {
        message.truncate(message.floor_char_boundary(MAX_LINE));
        // What is cut off is not held either.
        message.shrink_to_fit();
        if self.lines.lines.len() >= MAX_LINES_PER_SECOND as usize {
            self.lines.dropped += 1;
            // What comes last says most of why a call ends.
            if matches!(level, log::Level::Error) {
                self.lines.dropped_error = Some(message);
            }
            return;
        }
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

#[cfg(test)]
mod tests {
    use super::{log::Host, *};
    use crate::{manifest::Manifest, plugin::services::Shared};

    fn services() -> Services {
        let manifest = r#"
            [plugin]
            id = "t"
            version = "1"
            title = "t"
            description = "t"
            contract = "0.1.0"
            [[subscribe]]
            kind = "exec"
        "#;
        let manifest = Manifest::parse(manifest, "plugin.toml").expect("sound");
        Services::new(Shared::default(), &manifest)
    }

    #[test]
    fn a_line_as_long_as_all_its_memory_is_not_held() {
        let mut services = services();
        for _ in 0..10 {
            services.write(log::Level::Info, "x".repeat(1 << 20));
        }
        let lines = services.commit();
        assert_eq!(lines.len(), 10);
        assert!(lines.iter().all(|line| line.message.capacity() <= MAX_LINE));
    }

    #[test]
    fn lines_are_counted_by_the_second_alone() {
        let most = MAX_LINES_PER_SECOND as usize;
        let told = |calls: usize| {
            let mut services = services();
            let mut told = Vec::new();
            for n in 0..most + 20 {
                let level = match n % 3 {
                    0 => log::Level::Error,
                    _ => log::Level::Info,
                };
                services.write(level, format!("{n}"));
                if n % calls == 0 {
                    told.extend(services.commit());
                }
            }
            told.extend(services.commit());
            assert_eq!(services.kept.lock().lines_dropped(), 20);
            told
        };
        let expected = told(1);
        assert_eq!(expected.len(), most);
        for calls in [7, 64, 1000] {
            assert_eq!(told(calls), expected, "every {calls}");
        }
    }

    #[test]
    fn the_last_error_is_known_however_much_was_logged() {
        let mut services = services();
        for n in 0..MAX_LINES_PER_SECOND + 20 {
            services.write(log::Level::Error, format!("{n}"));
        }
        assert_eq!(services.last_error(), Some("119".to_owned()));
    }
}
