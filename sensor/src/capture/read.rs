//! Reading a capture, whatever happened to it.

use super::block::{
    BLOCK_HEADER, BlockHeader, BlockInfo, END_MARK, TAG, decode_end_mark, intact, may_begin,
};
use super::{CaptureError, Header, LENGTH_LEN};
use crate::event::Event;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes looked at in one step while searching for the next whole block behind damage.
const SEARCH_STEP: usize = 64 << 10;

/// Iterates over the events of a capture.
///
/// An error is a notice of what is lost there; [`CaptureError::ends_reading`] tells whether more
/// follows, and after the last one the iterator ends.
pub struct Reader<R: Read + Seek = File> {
    from: BufReader<R>,
    header: Header,
    zstd: zstd::bulk::Decompressor<'static>,
    /// Length of the file when it was opened.
    len: u64,
    /// Where `from` stands.
    position: u64,
    /// Where the next block or the end mark begins.
    next: u64,
    block: Block,
    stored: Vec<u8>,
    events: u64,
    /// Blocks that begin later are passed over.
    until: u64,
    damaged: bool,
    done: bool,
}

/// The block that is being read, decompressed.
#[derive(Default)]
struct Block {
    offset: u64,
    raw: Vec<u8>,
    at: usize,
    index: u32,
    count: u32,
}

/// What begins at some place of the file.
enum Found {
    Block(BlockHeader),
    End(u64),
    Neither,
}

impl Reader<File> {
    /// Opens a capture and reads its header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| CaptureError::Open {
            path: path.to_owned(),
            source,
        })?;
        Reader::new(file)
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Reads the header of a capture out of anything that can be read and sought.
    pub fn new(from: R) -> Result<Self, CaptureError> {
        let io = |source| CaptureError::Read { offset: 0, source };
        let mut from = BufReader::new(from);
        let len = from.seek(SeekFrom::End(0)).map_err(io)?;
        from.rewind().map_err(io)?;
        let (header, next) = Header::read(&mut from)?;
        Ok(Reader {
            from,
            header,
            zstd: zstd::bulk::Decompressor::new().map_err(io)?,
            len,
            position: next,
            next,
            block: Block::default(),
            stored: Vec::new(),
            events: 0,
            until: u64::MAX,
            damaged: false,
            done: false,
        })
    }

    /// Passes over blocks in which everything is later than this, in ns since boot. Of others events
    /// that are later still come.
    pub fn until(mut self, until: u64) -> Self {
        self.until = until;
        self
    }

    /// The capture's header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The time index: every whole block from here on, found by reading block headers alone.
    /// Reading goes on afterwards where it was.
    pub fn blocks(&mut self) -> Result<Vec<BlockInfo>, CaptureError> {
        let mut rows = Vec::new();
        let mut offset = self.next;
        loop {
            match self.at(offset)? {
                Found::Block(header) => {
                    rows.push(BlockInfo {
                        offset,
                        count: header.count,
                        first: header.first,
                        last: header.last,
                    });
                    offset += BLOCK_HEADER as u64 + u64::from(header.stored);
                }
                Found::End(_) => return Ok(rows),
                Found::Neither => match self.search(offset + 1)? {
                    Some(found) => offset = found,
                    None => return Ok(rows),
                },
            }
        }
    }

    fn step(&mut self) -> Option<Result<Event, CaptureError>> {
        loop {
            if self.done {
                return None;
            }
            if let Some(event) = self.block.next() {
                self.events += u64::from(event.is_ok());
                self.damaged |= event.is_err();
                return Some(event);
            }
            match self.open_block() {
                Ok(()) => {}
                Err(None) => self.done = true,
                Err(Some(e)) => {
                    self.done = e.ends_reading();
                    self.damaged = true;
                    return Some(Err(e));
                }
            }
        }
    }

    /// Decompresses the next block. `Err(None)` is the capture's end as it should be.
    fn open_block(&mut self) -> Result<(), Option<CaptureError>> {
        let offset = self.next;
        match self.at(offset)? {
            Found::Block(header) => {
                let bytes = BLOCK_HEADER as u64 + u64::from(header.stored);
                self.next = offset + bytes;
                if header.first > self.until {
                    self.events += u64::from(header.count);
                    return Ok(());
                }
                self.decompress(offset, &header)
                    .map_err(|what| match what {
                        Ok(what) => CaptureError::Damaged {
                            offset,
                            bytes,
                            events: Some(header.count),
                            what,
                        },
                        Err(e) => e,
                    })
                    .map_err(Some)
            }
            Found::End(marked) if marked == self.events || self.damaged => Err(None),
            Found::End(marked) => Err(Some(CaptureError::Missing {
                marked,
                read: self.events,
            })),
            Found::Neither => Err(Some(match self.search(offset.saturating_add(1))? {
                Some(found) => {
                    self.next = found;
                    CaptureError::Damaged {
                        offset,
                        bytes: found - offset,
                        events: None,
                        what: "no block begins there",
                    }
                }
                None => CaptureError::Unfinished {
                    offset,
                    events: self.events,
                    lost: self.len - offset,
                },
            })),
        }
    }

    /// The error is what is wrong with the block, or that the disk failed.
    fn decompress(
        &mut self,
        offset: u64,
        header: &BlockHeader,
    ) -> Result<(), Result<&'static str, CaptureError>> {
        // A block stays empty until all of its checks have passed.
        self.block.count = 0;
        self.block.index = 0;
        let mut stored = std::mem::take(&mut self.stored);
        stored.resize(header.stored as usize, 0);
        let read = self.read_at(offset + BLOCK_HEADER as u64, &mut stored);
        self.stored = stored;
        read.map_err(Err)?;
        if !intact(&self.stored, header.crc) {
            return Err(Ok("the checksum of its data does not fit"));
        }
        self.block.raw.resize(header.raw as usize, 0);
        let raw = self
            .zstd
            .decompress_to_buffer(&self.stored, &mut self.block.raw[..])
            .map_err(|_| Ok("its data cannot be decompressed"))?;
        if raw != header.raw as usize {
            return Err(Ok("its data has another length than it says"));
        }
        self.block.offset = offset;
        self.block.at = 0;
        self.block.count = header.count;
        Ok(())
    }

    /// What begins at `offset`. A block that reaches over the file's end is none.
    fn at(&mut self, offset: u64) -> Result<Found, CaptureError> {
        let left = self.len.saturating_sub(offset);
        let mut bytes = [0; BLOCK_HEADER];
        let have = left.min(BLOCK_HEADER as u64) as usize;
        if have < END_MARK {
            return Ok(Found::Neither);
        }
        self.read_at(offset, &mut bytes[..have])?;
        let end = bytes.first_chunk::<END_MARK>().and_then(decode_end_mark);
        // The zeros behind a file that ends here are no part of a header.
        let block = (have == BLOCK_HEADER).then(|| BlockHeader::decode(&bytes));
        Ok(match (end, block.flatten()) {
            (Some(events), _) => Found::End(events),
            (None, Some(h)) if left - have as u64 >= u64::from(h.stored) => Found::Block(h),
            _ => Found::Neither,
        })
    }

    /// The first place from `offset` on where a block or the end mark begins.
    fn search(&mut self, mut offset: u64) -> Result<Option<u64>, CaptureError> {
        let mut window = vec![0; SEARCH_STEP];
        while self.len.saturating_sub(offset) >= END_MARK as u64 {
            let have = (self.len - offset).min(SEARCH_STEP as u64) as usize;
            self.read_at(offset, &mut window[..have])?;
            for at in memchr::memchr_iter(b'V', &window[..have]) {
                let tag = window[..have].get(at..at + TAG);
                if tag.is_some_and(may_begin) {
                    let place = offset + at as u64;
                    if !matches!(self.at(place)?, Found::Neither) {
                        return Ok(Some(place));
                    }
                }
            }
            // The next step begins where a tag cut by this one's end would.
            offset += (have - (TAG - 1)) as u64;
        }
        Ok(None)
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), CaptureError> {
        let io = |source| CaptureError::Read { offset, source };
        // Files are far below 2^63 bytes, so the difference of two places in one fits.
        let distance = offset.wrapping_sub(self.position) as i64;
        self.from.seek_relative(distance).map_err(io)?;
        self.position = offset;
        self.from.read_exact(bytes).map_err(io)?;
        self.position += bytes.len() as u64;
        Ok(())
    }
}

impl Block {
    fn next(&mut self) -> Option<Result<Event, CaptureError>> {
        if self.index == self.count {
            return None;
        }
        let index = self.index;
        let fail = |what: String| CaptureError::Event {
            offset: self.offset,
            index,
            what,
        };
        let rest = &self.raw[self.at..];
        let event = rest
            .split_first_chunk::<LENGTH_LEN>()
            .and_then(|(len, rest)| rest.get(..u32::from_le_bytes(*len) as usize));
        Some(match event {
            Some(bytes) => {
                let event = rmp_serde::from_slice(bytes).map_err(|e| fail(e.to_string()));
                self.at += LENGTH_LEN + bytes.len();
                self.index += 1;
                event
            }
            None => {
                let left = self.count - index;
                let e = fail(format!(
                    "its length is wrong; {left} events are lost with it"
                ));
                self.index = self.count;
                Err(e)
            }
        })
    }
}

impl<R: Read + Seek> Iterator for Reader<R> {
    type Item = Result<Event, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step()
    }
}
