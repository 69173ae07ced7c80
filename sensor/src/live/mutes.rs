//! What an operator wants none of, in some control groups. Twin of `bpf/mute.h`.

use super::{SensorError, object::Object, rules::removed};
use crate::filter::KindSet;
use aya::{
    Pod,
    maps::{HashMap, PerCpuHashMap},
};
use std::collections::HashSet;
use vedette_contract::kind;

/// Groups that the kernel side has room for (`MUTED_MOST`). A container that makes groups without
/// end would otherwise fill the kernel's memory; events of those beyond are sent.
pub const MUTED_MOST: usize = 8192;

/// Sorts that the kernel side counts (`MUTED_COUNTS_MOST`): what cannot be counted is sent.
const COUNTS_MOST: usize = 4096;

/// Kinds that are always sent: the context needs them, or the sensor itself to join packets to
/// their process, one packet serving several kinds. Whoever takes the events may drop them.
const ALWAYS_SENT: KindSet = KindSet::CONTEXT
    .with(kind::EXISTING)
    .with(kind::ACCEPT)
    .with(kind::SENT)
    .with(kind::RECEIVED)
    .with(kind::DNS)
    .with(kind::TLS);

/// What is not sent of a control group's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Muted {
    /// Kinds, as far as they would go through the bulk lane.
    pub bulk: KindSet,
    /// Kinds, as far as they would go through the security lane.
    pub security: KindSet,
    /// As what they are counted.
    pub number: u32,
}

/// How many events were not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotSent {
    /// [`Muted::number`] of the group.
    pub number: u32,
    /// Number of the kind.
    pub kind: u16,
    /// Events since the sensor was started.
    pub count: u64,
}

/// Twin of `struct muted`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Row {
    bulk: [u64; 2],
    security: [u64; 2],
    number: u32,
    unused: u32,
}

// SAFETY: numbers only, without padding: 4 words of 8 bytes, 2 of 4.
unsafe impl Pod for Row {}

/// Twin of `struct muted_key`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Counted {
    number: u32,
    kind: u32,
}

// SAFETY: numbers only, without padding: 2 words of 4 bytes.
unsafe impl Pod for Counted {}

/// The groups that are muted now.
#[derive(Debug, Default)]
pub(super) struct Mutes(HashSet<u64>);

impl Mutes {
    /// Whether any is.
    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Mutes a group, or no longer.
    pub(super) fn set(
        &mut self,
        object: &mut Object,
        group: u64,
        muted: Option<Muted>,
    ) -> Result<(), SensorError> {
        let row = muted.map(|muted| Row {
            bulk: muted.bulk.without(ALWAYS_SENT).words(),
            security: muted.security.without(ALWAYS_SENT).words(),
            number: muted.number,
            unused: 0,
        });
        let row = row.filter(|row| row.bulk != [0, 0] || row.security != [0, 0]);
        let full = self.0.len() >= MUTED_MOST && !self.0.contains(&group);
        let mut map: HashMap<_, u64, Row> = object.map_mut("MUTED")?;
        let done = match row {
            // They are sent then, which is no error.
            Some(_) if full => Ok(()),
            Some(row) => map.insert(group, row, 0).map(|()| {
                self.0.insert(group);
            }),
            None if self.0.remove(&group) => removed(map.remove(&group)),
            None => Ok(()),
        };
        done.map_err(|source| SensorError::map("MUTED", source))
    }
}

/// What was not sent so far.
pub(super) fn not_sent(object: &mut Object) -> Result<Vec<NotSent>, SensorError> {
    let map: PerCpuHashMap<_, Counted, u64> = object.map_mut("MUTED_COUNTS")?;
    let rows = map.iter().flatten().take(2 * COUNTS_MOST);
    let rows = rows.map(|(key, of_cpus)| NotSent {
        number: key.number,
        kind: key.kind as u16,
        count: of_cpus.iter().sum(),
    });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_have_the_layout_of_the_kernel_side() {
        assert_eq!(size_of::<Row>(), 4 * 8 + 2 * 4);
        assert_eq!(size_of::<Counted>(), 2 * 4);
    }
}
