//! Writing a capture.

use super::block::{BlockHeader, end_mark};
use super::{BLOCK_SIZE, CaptureError, EVENT_MAX, Header, LENGTH_LEN};
use crate::event::Event;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::{io::Write, path::Path};

/// Event time after which a block is closed even if it is small, in ns: what a crash can cost.
const BLOCK_AGE: u64 = 1_000_000_000;

/// zstd's own default; level 1 is a tenth larger, 9 takes four times as long.
const LEVEL: i32 = 3;

/// Writes events to a capture. Without [`Writer::finish`] the file lacks its end mark and the
/// events of the open block.
pub struct Writer<W: Write = File> {
    to: W,
    zstd: zstd::bulk::Compressor<'static>,
    raw: Vec<u8>,
    stored: Vec<u8>,
    count: u32,
    first: u64,
    last: u64,
    offset: u64,
    total: u64,
    failed: bool,
}

impl Writer<File> {
    /// Begins a capture in a new file, which only its owner may read: it holds arguments and
    /// payloads of every process. An existing one is overwritten.
    pub fn create(path: impl AsRef<Path>, header: &Header) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(path).map_err(|source| CaptureError::Create {
            path: path.to_owned(),
            source,
        })?;
        Writer::new(file, header)
    }
}

impl<W: Write> Writer<W> {
    /// Begins a capture in anything that takes bytes. Blocks are written whole, so it needs no
    /// buffer of its own.
    pub fn new(mut to: W, header: &Header) -> Result<Self, CaptureError> {
        let offset = header.write(&mut to)?;
        let zstd = zstd::bulk::Compressor::new(LEVEL).map_err(|source| CaptureError::Write {
            offset,
            events: 0,
            source,
        })?;
        Ok(Writer {
            to,
            zstd,
            raw: Vec::with_capacity(BLOCK_SIZE + EVENT_MAX / 16),
            stored: Vec::new(),
            count: 0,
            first: u64::MAX,
            last: 0,
            offset,
            total: 0,
            failed: false,
        })
    }

    /// Adds an event. After [`CaptureError::TooLarge`] the capture goes on without it; after a
    /// failed write it has ended, readable up to its last whole block.
    pub fn write(&mut self, event: &Event) -> Result<(), CaptureError> {
        if self.failed {
            return Err(CaptureError::Ended {
                offset: self.offset,
            });
        }
        let start = self.raw.len();
        self.raw.extend([0; LENGTH_LEN]);
        if let Err(e) = rmp_serde::encode::write(&mut self.raw, event) {
            self.raw.truncate(start);
            return Err(e.into());
        }
        let size = self.raw.len() - start - LENGTH_LEN;
        if size > EVENT_MAX {
            self.raw.truncate(start);
            return Err(CaptureError::TooLarge { id: event.id, size });
        }
        self.raw[start..start + LENGTH_LEN].copy_from_slice(&(size as u32).to_le_bytes());
        self.count += 1;
        self.first = self.first.min(event.at);
        self.last = self.last.max(event.at);
        if self.raw.len() >= BLOCK_SIZE || self.last - self.first >= BLOCK_AGE {
            self.close_block()?;
        }
        Ok(())
    }

    /// Closes the open block, so that all events so far can be read.
    pub fn close_block(&mut self) -> Result<(), CaptureError> {
        if self.failed {
            return Err(CaptureError::Ended {
                offset: self.offset,
            });
        }
        if self.count == 0 {
            return Ok(());
        }
        let written = self.store_block();
        if let Err(source) = written {
            self.failed = true;
            return Err(CaptureError::Write {
                offset: self.offset,
                events: self.count,
                source,
            });
        }
        self.offset += self.stored.len() as u64;
        self.total += u64::from(self.count);
        self.raw.clear();
        (self.count, self.first, self.last) = (0, u64::MAX, 0);
        Ok(())
    }

    /// Header and data go out in one call, so that a cut between them is rare.
    fn store_block(&mut self) -> std::io::Result<()> {
        const HEADER: usize = super::block::BLOCK_HEADER;
        let bound = zstd::zstd_safe::compress_bound(self.raw.len());
        self.stored.resize(HEADER + bound, 0);
        let stored = self
            .zstd
            .compress_to_buffer(&self.raw, &mut self.stored[HEADER..])?;
        self.stored.truncate(HEADER + stored);
        let header = BlockHeader {
            stored: stored as u32,
            raw: self.raw.len() as u32,
            count: self.count,
            first: self.first,
            last: self.last,
            crc: crc32fast::hash(&self.stored[HEADER..]),
        };
        self.stored[..HEADER].copy_from_slice(&header.encode());
        self.to.write_all(&self.stored)
    }

    /// Events in closed blocks.
    pub fn written(&self) -> u64 {
        self.total
    }

    /// Bytes of the header and the closed blocks.
    pub fn size(&self) -> u64 {
        self.offset
    }

    /// Closes the last block and sets the end mark; gives back what was written to.
    pub fn finish(mut self) -> Result<W, CaptureError> {
        self.close_block()?;
        let end = self
            .to
            .write_all(&end_mark(self.total))
            .and_then(|()| self.to.flush());
        end.map_err(|source| CaptureError::Write {
            offset: self.offset,
            events: 0,
            source,
        })?;
        Ok(self.to)
    }
}
