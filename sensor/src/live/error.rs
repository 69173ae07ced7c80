//! Why there is no sensor, or no more of it.

use super::{pins::PinError, programs};
use crate::probe::ProbeError;
use aya::{EbpfError, maps::MapError};
use std::io;
use thiserror::Error;

/// Why the sensor cannot work.
#[derive(Debug, Error)]
pub enum SensorError {
    /// The kernel lacks something without which there is no sensor at all.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The object was refused.
    #[error(
        "loading the sensor's BPF object: {source}; run as root, on a kernel of 5.12 or later with BTF"
    )]
    Load {
        /// What aya said.
        source: Box<EbpfError>,
    },
    /// The embedded object is not of this build.
    #[error("the sensor's BPF object has no `{missing}`; rebuild it with the sensor")]
    Object {
        /// Name of the program or map.
        missing: &'static str,
    },
    /// A program was refused.
    #[error(
        "loading or attaching the BPF program `{name}`: {source:?}; this kernel may lack what it needs"
    )]
    Program {
        /// Name of the program.
        name: &'static str,
        /// What aya said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A map could not be used.
    #[error("using the BPF map `{name}`: {source}")]
    Map {
        /// Name of the map.
        name: &'static str,
        /// What aya said.
        source: Box<MapError>,
    },
    /// What shall outlive the agent cannot be pinned, or what did cannot be used.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// A system call of the sensor's own failed.
    #[error("waiting for events: {0}")]
    Wait(#[from] io::Error),
}

impl SensorError {
    pub(super) fn map(name: &'static str, source: MapError) -> SensorError {
        SensorError::Map {
            name,
            source: Box::new(source),
        }
    }

    pub(super) fn program(name: &'static str, source: programs::Refusal) -> SensorError {
        SensorError::Program {
            name,
            source: Box::new(source),
        }
    }
}
