//! The fixed part before each block's data, and the end mark.

use super::{BLOCK_MAX, LENGTH_LEN, STORED_MAX};

/// Length of a block's header in bytes.
pub(super) const BLOCK_HEADER: usize = 40;
/// Length of the end mark in bytes.
pub(super) const END_MARK: usize = 16;
/// Length of what begins both of them.
pub(super) const TAG: usize = 4;

const BLOCK_TAG: [u8; TAG] = *b"VBLK";
const END_TAG: [u8; TAG] = *b"VEND";

/// One row of a capture's time index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockInfo {
    /// Where the block begins in the file.
    pub offset: u64,
    /// Events in it.
    pub count: u32,
    /// Earliest time of an event in it, ns since boot.
    pub first: u64,
    /// Latest time of an event in it, ns since boot.
    pub last: u64,
}

/// The header of a block, decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockHeader {
    pub stored: u32,
    pub raw: u32,
    pub count: u32,
    pub first: u64,
    pub last: u64,
    pub crc: u32,
}

impl BlockHeader {
    pub fn encode(&self) -> [u8; BLOCK_HEADER] {
        let mut bytes = [0; BLOCK_HEADER];
        bytes[..4].copy_from_slice(&BLOCK_TAG);
        bytes[4..8].copy_from_slice(&self.stored.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.raw.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.count.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.last.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.crc.to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    /// None where the bytes are no block header, or one that claims what no writer makes.
    pub fn decode(bytes: &[u8; BLOCK_HEADER]) -> Option<BlockHeader> {
        if bytes[..TAG] != BLOCK_TAG || !sealed(bytes) {
            return None;
        }
        let header = BlockHeader {
            stored: u32_at(bytes, 4),
            raw: u32_at(bytes, 8),
            count: u32_at(bytes, 12),
            first: u64_at(bytes, 16),
            last: u64_at(bytes, 24),
            crc: u32_at(bytes, 32),
        };
        let sound = header.stored as usize <= STORED_MAX
            && header.raw as usize <= BLOCK_MAX
            && header.count as usize <= header.raw as usize / LENGTH_LEN;
        sound.then_some(header)
    }
}

/// The end mark of a capture of so many events.
pub(super) fn end_mark(events: u64) -> [u8; END_MARK] {
    let mut bytes = [0; END_MARK];
    bytes[..4].copy_from_slice(&END_TAG);
    bytes[4..12].copy_from_slice(&events.to_le_bytes());
    seal(&mut bytes);
    bytes
}

/// The count in an end mark; none where the bytes are not one.
pub(super) fn decode_end_mark(bytes: &[u8; END_MARK]) -> Option<u64> {
    (bytes[..TAG] == END_TAG && sealed(bytes)).then(|| u64_at(bytes, 4))
}

/// Whether a block or the end mark may begin with these bytes.
pub(super) fn may_begin(tag: &[u8]) -> bool {
    tag == BLOCK_TAG || tag == END_TAG
}

fn seal(bytes: &mut [u8]) {
    let (body, crc) = bytes.split_at_mut(bytes.len() - 4);
    crc.copy_from_slice(&crc32fast::hash(body).to_le_bytes());
}

fn sealed(bytes: &[u8]) -> bool {
    let at = bytes.len() - 4;
    intact(&bytes[..at], u32_at(bytes, at))
}

/// Whether bytes have this checksum. A fuzzer does not guess checksums, so it is let through to
/// what stands behind them.
pub(super) fn intact(bytes: &[u8], crc: u32) -> bool {
    cfg!(fuzzing) || crc32fast::hash(bytes) == crc
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
