//! The header: what a replay must know before the first event.

use super::block::intact;
use super::{CaptureError, FORMAT, HEADER_MAX, MAGIC};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};

/// Where and when a capture was made. The machine's name is left out on purpose: captures are
/// passed on as fixtures and bug reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the contract whose catalogue the numbers in events belong to.
    pub contract: String,
    /// Release of the kernel that was sensed.
    pub kernel: String,
    /// `CLOCK_REALTIME` minus `CLOCK_BOOTTIME` in ns: added to an event's time it gives the wall
    /// time.
    pub boot_offset: i64,
    /// CPUs of the machine.
    pub cpus: u32,
}

impl Header {
    /// The header of a capture that begins now on this machine.
    pub fn here() -> Header {
        let ns = |clock| {
            let t = clock_gettime(clock);
            t.tv_sec * 1_000_000_000 + t.tv_nsec
        };
        Header {
            contract: vedette_contract::VERSION.to_owned(),
            kernel: rustix::system::uname()
                .release()
                .to_string_lossy()
                .into_owned(),
            boot_offset: ns(ClockId::Realtime) - ns(ClockId::Boottime),
            cpus: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
        }
    }

    /// Writes magic, version and header; returns their length.
    pub(super) fn write(&self, to: &mut impl Write) -> Result<u64, CaptureError> {
        let body = rmp_serde::to_vec_named(self)?;
        let mut bytes = Vec::with_capacity(PREFIX + body.len());
        bytes.extend(MAGIC);
        bytes.extend(FORMAT.to_le_bytes());
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(crc32fast::hash(&body).to_le_bytes());
        bytes.extend(body);
        to.write_all(&bytes).map_err(|source| CaptureError::Write {
            offset: 0,
            events: 0,
            source,
        })?;
        Ok(bytes.len() as u64)
    }

    /// Reads what [`Header::write`] wrote; returns its length too.
    pub(super) fn read(from: &mut impl Read) -> Result<(Header, u64), CaptureError> {
        let io = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => CaptureError::Header("the file ends inside it"),
            _ => CaptureError::Read {
                offset: 0,
                source: e,
            },
        };
        let mut magic = [0; 8];
        match from.read_exact(&mut magic) {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(CaptureError::NotACapture);
            }
            read => read.map_err(io)?,
        }
        if magic != MAGIC {
            return Err(CaptureError::NotACapture);
        }
        let mut number = || {
            let mut bytes = [0; 4];
            from.read_exact(&mut bytes).map_err(io)?;
            Ok::<u32, CaptureError>(u32::from_le_bytes(bytes))
        };
        let version = number()?;
        if version > FORMAT {
            return Err(CaptureError::Newer {
                found: version,
                known: FORMAT,
            });
        }
        let (len, crc) = (number()? as usize, number()?);
        if len > HEADER_MAX {
            return Err(CaptureError::Header("it is longer than a header can be"));
        }
        let mut body = vec![0; len];
        from.read_exact(&mut body).map_err(io)?;
        if !intact(&body, crc) {
            return Err(CaptureError::Header("its checksum does not fit"));
        }
        let header = rmp_serde::from_slice(&body)
            .map_err(|_| CaptureError::Header("its fields cannot be decoded"))?;
        Ok((header, (PREFIX + len) as u64))
    }
}

/// Bytes before the header's fields.
const PREFIX: usize = 8 + 3 * 4;
