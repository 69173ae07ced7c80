//! The capture file: a run of events on disk, for recording and replaying.
//!
//! ```text
//! file   = magic, format version, length and CRC-32 of the header, header (msgpack map)
//!          block*
//!          end
//! block  = 40 bytes: magic, lengths, count, times, CRC-32 of the data, CRC-32 of these 40 bytes
//!          data: zstd of (length, msgpack array of one event)*
//! end    = 16 bytes: magic, count of all events, CRC-32 of these 16 bytes
//! ```
//!
//! All numbers are little-endian. Each block stands for itself, so damage costs only the block
//! that it hits; the reader says what was lost and goes on. [`Reader::blocks`] makes a time index
//! by reading block headers alone.
//!
//! An event's fields are positions in an array: a change of [`crate::event`] that adds, removes
//! or moves one needs a new [`FORMAT`].

mod block;
mod error;
mod header;
mod read;
mod write;

pub use block::BlockInfo;
pub use error::CaptureError;
pub use header::Header;
pub use read::Reader;
pub use write::Writer;

/// Version of the format that is written, and the newest one that is read.
pub const FORMAT: u32 = 1;

/// First bytes of every capture. The first one is not ASCII, so that no text file begins so.
const MAGIC: [u8; 8] = *b"\x89VEDETTE";

/// Stops a file that claims a header of gigabytes.
const HEADER_MAX: usize = 64 << 10;

/// Stops one event of endless text: the largest that is written or read, in bytes of msgpack.
const EVENT_MAX: usize = 1 << 20;

/// A block is closed when its events have this many bytes: small enough that damage costs
/// little, large enough that zstd finds the repetition between events.
const BLOCK_SIZE: usize = 64 << 10;

/// Stops a decompression bomb: a block that claims more than this is not decompressed. A block
/// below [`BLOCK_SIZE`] still takes one event of any size.
const BLOCK_MAX: usize = BLOCK_SIZE + LENGTH_LEN + EVENT_MAX;

/// Stops a block header that makes the reader reserve memory for data that is not there; zstd
/// adds a few bytes to data that it cannot compress.
const STORED_MAX: usize = BLOCK_MAX + (BLOCK_MAX >> 8) + 1024;

/// Bytes of the length before each event in a block.
const LENGTH_LEN: usize = 4;

#[cfg(test)]
mod tests;
