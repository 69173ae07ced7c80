//! What was lost, by cause, kind and control group. Twin of `bpf/loss.h`.

use super::{SensorError, object::Object, pins::pinned};
use aya::{
    Pod,
    maps::{HashMap as BpfHashMap, Map, MapData, PerCpuArray, PerCpuHashMap, PerCpuValues},
};
use std::{collections::HashMap, path::Path};
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

/// In [`Row::kind`]: the row is the sum of a cause.
const SUM: u16 = 0xffff;

/// The kernel's counters, and what was told of them so far.
pub(super) struct Ledger {
    counters: PerCpuArray<MapData, Counters>,
    rows: PerCpuHashMap<MapData, Row, u64>,
    told: HashMap<Row, u64>,
    /// Where that is kept for the next agent.
    kept: Option<BpfHashMap<MapData, Row, u64>>,
}

impl Ledger {
    /// That of an object of one's own; `keep` where the next agent goes on from it.
    pub(super) fn new(object: &mut Object, keep: bool) -> Result<Ledger, SensorError> {
        Ok(Ledger {
            counters: object.take("COUNTERS")?,
            rows: object.take("LOSSES")?,
            told: HashMap::new(),
            kept: keep.then(|| object.take("TOLD")).transpose()?,
        })
    }

    /// That of an earlier agent, with what it has told.
    pub(super) fn pinned(directory: &Path) -> Result<Ledger, SensorError> {
        let kept: BpfHashMap<MapData, Row, u64> = pinned(directory, "TOLD", Map::HashMap)?;
        Ok(Ledger {
            counters: pinned(directory, "COUNTERS", Map::PerCpuArray)?,
            rows: pinned(directory, "LOSSES", Map::PerCpuHashMap)?,
            told: kept.iter().flatten().take(4 * ROWS_MOST).collect(),
            kept: None,
        })
    }

    /// The highest number of an event on any CPU.
    pub(super) fn sequence(&self) -> u64 {
        self.counters.get(&0, 0).map_or(0, |of_cpus| {
            of_cpus.iter().map(|c| c.sequence).max().unwrap_or(0)
        })
    }

    /// Lets events be numbered from here on, so that an earlier agent's are not numbered alike.
    pub(super) fn begin_at(&mut self, sequence: u64) -> Result<(), SensorError> {
        let failed = |source| SensorError::map("COUNTERS", source);
        let mut of_cpus = self.counters.get(&0, 0).map_err(failed)?.to_vec();
        for of_cpu in &mut of_cpus {
            of_cpu.sequence = sequence;
        }
        let values = PerCpuValues::try_from(of_cpus)?;
        self.counters.set(0, values, 0).map_err(failed)
    }

    /// What was lost since the last call. The sums by cause are exact; where the rows hold less
    /// than a sum says, the rest is told without kind and group.
    pub(super) fn since(&mut self, undecodable: u64, unjoined: u64) -> Vec<Loss> {
        let mut new = self.sums_since(undecodable, unjoined);
        if new == [0; CAUSES] {
            return Vec::new();
        }
        let mut losses = Vec::new();
        for (row, count) in self.rows_since() {
            let Some(left) = new.get_mut(usize::from(row.cause)) else {
                continue;
            };
            // What a row has beyond the sum was lost since, and is told next time.
            let count = count.min(*left);
            if count > 0 {
                *left -= count;
                self.note(row, count);
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

    /// Notes that so many more were told.
    fn note(&mut self, row: Row, count: u64) {
        let told = self.told.entry(row).or_default();
        *told += count;
        if let Some(kept) = &mut self.kept {
            // Without room the next agent tells them again, which is no loss.
            let _ = kept.insert(row, *told, 0);
        }
    }

    fn sums_since(&mut self, undecodable: u64, unjoined: u64) -> [u64; CAUSES] {
        let mut sums = [0; CAUSES];
        if let Ok(of_cpus) = self.counters.get(&0, 0) {
            for of_cpu in of_cpus.iter() {
                for (sum, count) in sums.iter_mut().zip(of_cpu.lost) {
                    *sum += count;
                }
            }
        }
        sums[loss_cause::DECODE as usize] += undecodable;
        sums[loss_cause::UNREADABLE as usize] += unjoined;
        let mut new = [0; CAUSES];
        for (cause, (new, now)) in new.iter_mut().zip(sums).enumerate() {
            let row = Row {
                cgroup: 0,
                cgroup_v1: 0,
                kind: SUM,
                cause: cause as u16,
                unused: 0,
            };
            *new = now.saturating_sub(self.told.get(&row).copied().unwrap_or(0));
            if *new > 0 {
                self.note(row, *new);
            }
        }
        new
    }

    /// The rows that have grown, in a fixed order.
    fn rows_since(&mut self) -> Vec<(Row, u64)> {
        let mut grown = Vec::new();
        let mut seen = 0;
        for (row, of_cpus) in self.rows.iter().flatten() {
            seen += 1;
            let now: u64 = of_cpus.iter().sum();
            let told = self.told.get(&row).copied().unwrap_or(0);
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
