//! The step that keeps events in a capture file.

use crate::record::Record;
use crate::selection::Selection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vedette_sensor::capture::{CaptureError, Writer};
use vedette_sensor::event::Event;

/// A capture being written. One that can no longer be written ends; detection goes on.
pub struct Recorder {
    writer: Option<Writer>,
    selection: Selection,
    /// Size at which the capture ends, and what is set then.
    most: Option<(u64, Arc<AtomicBool>)>,
    failed: Option<CaptureError>,
    /// Events that were too large to be kept, and answers of services that came too fast.
    pub left_out: u64,
}

impl Recorder {
    /// Keeps everything.
    pub fn new(writer: Writer) -> Recorder {
        Recorder {
            writer: Some(writer),
            selection: Selection::default(),
            most: None,
            failed: None,
            left_out: 0,
        }
    }

    /// Keeps what is selected, and what its context needs.
    pub fn of(mut self, selection: Selection) -> Recorder {
        self.selection = selection;
        self
    }

    /// Ends when the file has this many bytes, and says so by `full`.
    pub fn up_to(mut self, bytes: u64, full: Arc<AtomicBool>) -> Recorder {
        self.most = Some((bytes, full));
        self
    }

    /// Keeps the event if it is selected.
    pub fn take(&mut self, record: &Record) {
        if self.selection.is_all() || self.selection.keeps(record) {
            self.keep(&record.event);
        }
    }

    /// Keeps the event, whatever is selected: what a replay needs.
    pub fn keep(&mut self, event: &Event) {
        let Some(writer) = &mut self.writer else {
            return;
        };
        match writer.write(event) {
            Ok(()) => {}
            Err(CaptureError::TooLarge { .. }) => self.left_out += 1,
            Err(error) => {
                tracing::error!("recording ends: {error}");
                self.failed = Some(error);
                self.writer = None;
                return;
            }
        }
        if let Some((most, full)) = &self.most
            && writer.size() >= *most
        {
            full.store(true, Ordering::Relaxed);
            self.failed = self.writer.take().and_then(|writer| writer.finish().err());
        }
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// When not all that was to be kept is in the file.
    pub fn finish(self) -> Result<(), CaptureError> {
        if self.left_out > 0 {
            tracing::warn!(
                "{} events and answers are not in the capture: they were too large, or too many at once",
                self.left_out
            );
        }
        match (self.failed, self.writer) {
            (Some(error), _) => Err(error),
            (None, Some(writer)) => writer.finish().map(drop),
            (None, None) => Ok(()),
        }
    }
}
