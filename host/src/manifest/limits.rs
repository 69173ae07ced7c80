//! What a plugin may take: `[limits]`, and what it keeps: `[state]`.

use super::{
    Fault, Service, fault,
    raw::{RawLimits, RawShadow, RawState},
    units,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};
use toml::Spanned;

/// Largest memory that a plugin can ask for in bytes: stops one plugin from taking the node's.
pub const MAX_MEMORY: u64 = 64 << 20;
/// Memory of a plugin that does not ask, in bytes.
pub const DEFAULT_MEMORY: u64 = 16 << 20;
/// Longest time for one call: stops a plugin from holding its worker.
pub const MAX_DEADLINE: Duration = Duration::from_secs(1);
/// Time for one call of a plugin that does not ask.
pub const DEFAULT_DEADLINE: Duration = Duration::from_millis(100);
/// Most time on a processor in a second: one of them, whole.
pub const MAX_CPU: Duration = Duration::from_secs(1);
/// Time on a processor in a second of a plugin that does not ask: a quarter of one.
pub const DEFAULT_CPU: Duration = Duration::from_millis(250);
/// Largest state that a plugin can ask for in bytes: its share of the node's memory.
pub const MAX_STATE: u64 = 64 << 20;
/// State of a plugin that does not ask, in bytes.
pub const DEFAULT_STATE: u64 = 4 << 20;
/// Most bytes that one call may hand to the host that a plugin can ask for: a guest can point many
/// strings at the same memory, so that its own limit does not bound what the host copies.
pub const MAX_OUTPUT: u64 = 16 << 20;
/// Bytes that one call of a plugin that does not ask may hand to the host.
pub const DEFAULT_OUTPUT: u64 = 2 << 20;

/// Longest time that a new generation can run beside the older one for: each event is judged twice.
const MAX_SHADOW: Duration = Duration::from_secs(3600);
/// Shortest: less than this shows nothing.
const MIN_SHADOW: Duration = Duration::from_secs(1);

/// Smallest memory: less than this no component starts.
const MIN_MEMORY: u64 = 64 << 10;
/// Shortest time, of a call or in a second: less than this the clock of calls cannot tell.
const MIN_TIME: Duration = Duration::from_millis(10);
/// Smallest state and output: room for a key, and for a finding.
const MIN_BYTES: u64 = 4 << 10;

/// What a plugin may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory.
    pub memory: u64,
    /// Time for one call.
    pub deadline: Duration,
    /// Time on a processor in each second.
    pub cpu: Duration,
    /// Bytes of state, keys and values together.
    pub state: u64,
    /// Bytes that one call may hand to the host.
    pub output: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory: DEFAULT_MEMORY,
            deadline: DEFAULT_DEADLINE,
            cpu: DEFAULT_CPU,
            state: DEFAULT_STATE,
            output: DEFAULT_OUTPUT,
        }
    }
}

/// What becomes of a plugin's state when the agent starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It is kept on disk.
    Keep,
    /// It is lost.
    #[default]
    Forget,
}

/// What a plugin keeps in `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Keeping {
    /// Number of the form of what it keeps: a generation with another number starts with nothing.
    pub version: u32,
    /// What becomes of it when the agent starts anew.
    pub restart: Restart,
}

impl Default for Keeping {
    fn default() -> Keeping {
        Keeping {
            version: 1,
            restart: Restart::Forget,
        }
    }
}

pub(super) fn limits(raw: RawLimits) -> Result<Limits, Fault> {
    let normal = Limits::default();
    Ok(Limits {
        memory: bytes(raw.memory, normal.memory, MIN_MEMORY, MAX_MEMORY)?,
        deadline: time(raw.deadline, normal.deadline, MAX_DEADLINE)?,
        cpu: time(raw.cpu, normal.cpu, MAX_CPU)?,
        state: bytes(raw.state, normal.state, MIN_BYTES, MAX_STATE)?,
        output: bytes(raw.output, normal.output, MIN_BYTES, MAX_OUTPUT)?,
    })
}

fn bytes(text: Option<Spanned<String>>, normal: u64, min: u64, max: u64) -> Result<u64, Fault> {
    let Some(text) = text else {
        return Ok(normal);
    };
    match units::bytes(text.get_ref()) {
        Some(bytes) if (min..=max).contains(&bytes) => Ok(bytes),
        _ => fault(
            text.span(),
            "this is not an amount of memory that a plugin can have",
            format!(
                "write it like \"{} MiB\", from {} KiB to {} MiB",
                normal >> 20,
                min >> 10,
                max >> 20
            ),
        ),
    }
}

fn time(text: Option<Spanned<String>>, normal: Duration, max: Duration) -> Result<Duration, Fault> {
    let Some(text) = text else {
        return Ok(normal);
    };
    match units::duration(text.get_ref()) {
        Some(time) if (MIN_TIME..=max).contains(&time) => Ok(time),
        _ => fault(
            text.span(),
            "this is not a time that a plugin can have",
            format!(
                "write it like \"{} ms\", from {} ms to {} s",
                normal.as_millis(),
                MIN_TIME.as_millis(),
                max.as_secs()
            ),
        ),
    }
}

pub(super) fn shadow(raw: Option<RawShadow>) -> Result<Duration, Fault> {
    let Some(RawShadow { time }) = raw else {
        return Ok(Duration::ZERO);
    };
    match units::duration(time.get_ref()) {
        Some(shadow) if (MIN_SHADOW..=MAX_SHADOW).contains(&shadow) => Ok(shadow),
        _ => fault(
            time.span(),
            "this is not a time for which a plugin can run in its shadow",
            format!(
                "write it like \"60 s\", from {} s to {} s, or leave [shadow] out",
                MIN_SHADOW.as_secs(),
                MAX_SHADOW.as_secs()
            ),
        ),
    }
}

pub(super) fn keeping(
    raw: Option<Spanned<RawState>>,
    services: &BTreeSet<Service>,
) -> Result<Keeping, Fault> {
    let Some(raw) = raw else {
        return Ok(Keeping::default());
    };
    if !services.contains(&Service::State) {
        return fault(
            raw.span(),
            "the plugin keeps no state",
            "add \"state\" to services in [capabilities], or remove [state]",
        );
    }
    let raw = raw.into_inner();
    Ok(Keeping {
        version: raw.version,
        restart: raw.restart,
    })
}
