//! What whoever starts a sensor can choose.

use std::path::PathBuf;

/// Sizes and the like; the defaults serve a node.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes of the ring of the security lane, a power of two.
    pub security_ring: u32,
    /// Bytes of the ring of the bulk lane, a power of two.
    pub bulk_ring: u32,
    /// Events of one bulk kind that a control group may cause in a second; 0 for any number. What
    /// is beyond is counted as lost. Life events are never limited.
    pub bulk_rate: u64,
    /// A directory on a BPF file system (`/sys/fs/bpf/vedette`). With one, the programs stay when
    /// the sensor is dropped, or killed, until the next one [takes over](super::Sensor::take_over) or
    /// [`unpin`](super::unpin) removes them.
    pub pin: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            security_ring: 4 << 20,
            bulk_ring: 8 << 20,
            bulk_rate: 0,
            pin: None,
        }
    }
}

impl Options {
    /// The smallest rings that there can be: for trying what loads.
    pub(super) fn least() -> Options {
        let page = rustix::param::page_size() as u32;
        Options {
            security_ring: page,
            bulk_ring: page,
            ..Options::default()
        }
    }
}
