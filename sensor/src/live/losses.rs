//! What was lost, by cause, kind and control group. Twin of `bpf/loss.h`.

use super::object::Object;
use aya::{
    Pod,
    maps::{PerCpuArray, PerCpuHashMap},
};
use std::collections::HashMap;
use vedette_contract::values::loss_cause;

/// Causes of the catalogue are below this (`LOSS_CAUSES`).
const CAUSES: usize = 16;

/// Rows that the kernel side has room for (`LOSSES_MOST`).
const ROWS_MOST: usize = 2048;

/// How many events of one sort were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Catalogue set `loss-cause`.
    pub cause: u32,
    /// Number of the kind, 0 where it is not known.
    pub kind: u16,
    /// The acting process's control group in the unified hierarchy, 0 where it is not known.
    pub cgroup: u64,
    /// The same in the pids hierarchy of version 1, or 0.
    pub cgroup_v1: u64,
    /// Events.
    pub count: u64,
}

/// Twin of `struct loss`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Row {
    cgroup: u64,
    cgroup_v1: u64,
    kind: u16,
    cause: u16,
    unused: u32,
}

// SAFETY: numbers only, without padding: 2 words of 8 bytes, 2 of 2, one of 4.
unsafe impl Pod for Row {}

/// Twin of `struct counters` in `bpf/maps.h`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Counters {
    sequence: u64,
    lost: [u64; CAUSES],
    busy: u32,
    unused: u32,
}

// SAFETY: numbers only, without padding: 17 words of 8 bytes, then 2 of 4.
unsafe impl Pod for Counters {}

/// What was told of the kernel's counters so far.
#[derive(Default)]
pub(super) struct Losses {
    sums: [u64; CAUSES],
    rows: HashMap<Row, u64>,
}

impl Losses {
    /// What was lost since the last call. The sums by cause are exact; where the rows hold less
    /// than a sum says, the rest is told without kind and group.
    pub(super) fn since(&mut self, object: &Object, undecodable: u64, unjoined: u64) -> Vec<Loss> {
        let mut new = self.sums_since(object, undecodable, unjoined);
        if new == [0; CAUSES] {
            return Vec::new();
        }
        let mut losses = Vec::new();
        for (row, count) in self.rows_since(object) {
            let Some(left) = new.get_mut(usize::from(row.cause)) else {
                continue;
            };
            // What a row has beyond the sum was lost since, and is told next time.
            let count = count.min(*left);
            if count > 0 {
                *left -= count;
                *self.rows.entry(row).or_default() += count;
                losses.push(Loss {
                    cause: row.cause.into(),
                    kind: row.kind,
                    cgroup: row.cgroup,
                    cgroup_v1: row.cgroup_v1,
                    count,
                });
            }
        }
        for (cause, count) in new.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            losses.push(Loss {
                cause: cause as u32,
                kind: 0,
                cgroup: 0,
                cgroup_v1: 0,
                count,
            });
        }
        losses
    }

    fn sums_since(&mut self, object: &Object, undecodable: u64, unjoined: u64) -> [u64; CAUSES] {
        let mut sums = [0; CAUSES];
        if let Ok(counters) = object.map::<PerCpuArray<_, Counters>>("COUNTERS")
            && let Ok(of_cpus) = counters.get(&0, 0)
        {
            for of_cpu in of_cpus.iter() {
                for (sum, count) in sums.iter_mut().zip(of_cpu.lost) {
                    *sum += count;
                }
            }
        }
        sums[loss_cause::DECODE as usize] += undecodable;
        sums[loss_cause::UNREADABLE as usize] += unjoined;
        let mut new = [0; CAUSES];
        for ((new, now), told) in new.iter_mut().zip(sums).zip(&mut self.sums) {
            *new = now.saturating_sub(*told);
            *told = now.max(*told);
        }
        new
    }

    /// The rows that have grown, in a fixed order.
    fn rows_since(&mut self, object: &Object) -> Vec<(Row, u64)> {
        let Ok(in_kernel) = object.map::<PerCpuHashMap<_, Row, u64>>("LOSSES") else {
            return Vec::new();
        };
        let mut grown = Vec::new();
        let mut seen = 0;
        for (row, of_cpus) in in_kernel.iter().flatten() {
            seen += 1;
            let now: u64 = of_cpus.iter().sum();
            let told = self.rows.get(&row).copied().unwrap_or(0);
            if now > told {
                grown.push((row, now - told));
            }
            // Rows may be made while they are read: an end all the same.
            if seen == 2 * ROWS_MOST {
                break;
            }
        }
        grown.sort_unstable();
        grown
    }
}
