//! The lanes as the kernel side reads them. Twin of `struct lanes` in `bpf/lanes.h`.

use super::{Options, SensorError, object::Object};
use crate::filter::KindSet;
use aya::{Pod, maps::Array};
use vedette_contract::KINDS;

#[repr(C)]
#[derive(Clone, Copy)]
struct Words {
    half_bits: [u32; 2],
    per_second: u64,
    limited: [u64; 2],
}

// SAFETY: numbers only, without padding: 2 words of 4 bytes, then 3 of 8.
unsafe impl Pod for Words {}

/// Tells the kernel side how large the rings are, where shares begin to be counted, and what the
/// rate limit applies to: what the context needs is never limited.
pub(super) fn apply(object: &mut Object, options: &Options) -> Result<(), SensorError> {
    let limited = KINDS
        .iter()
        .filter(|kind| !KindSet::CONTEXT.has(kind.number))
        .fold(KindSet::default(), |set, kind| set.with(kind.number));
    let half = |ring: u32| ring.max(2).ilog2() - 1;
    let words = Words {
        half_bits: [half(options.bulk_ring), half(options.security_ring)],
        per_second: options.bulk_rate,
        limited: limited.words(),
    };
    let mut in_kernel: Array<_, Words> = object.map_mut(".data.lanes")?;
    in_kernel
        .set(0, words, 0)
        .map_err(|source| SensorError::map(".data.lanes", source))
}
