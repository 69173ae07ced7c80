//! What can go wrong with a capture.

use std::{io, path::PathBuf};

/// Why a capture could not be made or read, or what of it is lost.
///
/// [`CaptureError::ends_reading`] tells which of them a reader goes on after.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file could not be created.
    #[error(
        "cannot create the capture {path}: {source}; check that its directory exists and is writable"
    )]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file could not be opened.
    #[error("cannot open the capture {path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A block could not be written, for example because the disk is full.
    #[error(
        "cannot write a block of {events} events at byte {offset} of the capture: {source}; what is before it can be read, free space and start a new capture"
    )]
    Write {
        /// Where the block should have begun.
        offset: u64,
        /// Events in it, lost.
        events: u32,
        /// The system's answer.
        source: io::Error,
    },
    /// Something was to be written after a block could not be written.
    #[error("the capture has ended after a failed write at byte {offset}; start a new one")]
    Ended {
        /// End of what can be read.
        offset: u64,
    },
    /// An event is larger than a capture holds.
    #[error("event {id:#x} takes {size} bytes, more than the {EVENT_MAX} that a capture holds; it was left out", EVENT_MAX = super::EVENT_MAX)]
    TooLarge {
        /// The event.
        id: u64,
        /// Its size.
        size: usize,
    },
    /// A value could not be put into msgpack.
    #[error("cannot encode for the capture: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    /// The disk failed.
    #[error("cannot read the capture at byte {offset}: {source}")]
    Read {
        /// Where.
        offset: u64,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is something else.
    #[error(
        "this is not a capture: it does not begin with the magic bytes of one; `vedette record FILE` makes one"
    )]
    NotACapture,
    /// The file was written by a newer version.
    #[error(
        "the capture has format version {found}, this program reads up to {known}; use the program that recorded it or a newer one"
    )]
    Newer {
        /// Version of the file.
        found: u32,
        /// Newest version that is read.
        known: u32,
    },
    /// The header is damaged, and without it no time can be told.
    #[error(
        "the capture's header is damaged ({0}) and its events cannot be read; copy it anew, or record it again"
    )]
    Header(&'static str),
    /// A stretch of the file is damaged. Reading goes on behind it.
    #[error("{bytes} bytes of the capture are damaged at byte {offset} ({what}); {}", events_lost(.events))]
    Damaged {
        /// Where the stretch begins.
        offset: u64,
        /// Its length.
        bytes: u64,
        /// Events that were in it, where that is known.
        events: Option<u32>,
        /// What does not fit.
        what: &'static str,
    },
    /// One event cannot be decoded though the block is whole. Reading goes on behind it.
    #[error(
        "event {index} of the block at byte {offset} of the capture cannot be decoded: {what}; it is left out"
    )]
    Event {
        /// Where the block begins.
        offset: u64,
        /// Number of the event in the block, from 0.
        index: u32,
        /// What does not fit.
        what: String,
    },
    /// The file ends inside a block, or without an end mark: the recording was cut off.
    #[error(
        "the capture ends at byte {offset} without an end mark after {events} events; the recording was cut off, {lost} bytes of its last block are lost"
    )]
    Unfinished {
        /// End of what can be read.
        offset: u64,
        /// Events read before.
        events: u64,
        /// Bytes behind it that belong to no whole block.
        lost: u64,
    },
    /// The end mark counts other events than there were: whole blocks are missing.
    #[error(
        "the capture's end mark counts {marked} events, {read} were read: parts of it are missing"
    )]
    Missing {
        /// Events that were written.
        marked: u64,
        /// Events that were read.
        read: u64,
    },
}

impl CaptureError {
    /// Whether nothing follows it: not a stretch that was skipped, but the end.
    pub fn ends_reading(&self) -> bool {
        !matches!(self, Self::Damaged { .. } | Self::Event { .. })
    }
}

fn events_lost(events: &Option<u32>) -> String {
    match events {
        Some(n) => format!("{n} events in them are lost"),
        None => "the events in them are lost".into(),
    }
}
