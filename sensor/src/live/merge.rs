//! Two rings into one stream in order of time.

use crate::{decode::decode, event::Event};
use aya::maps::{MapData, RingBuf};
use rustix::time::{ClockId, clock_gettime};
use vedette_contract::values::event_mark;

/// How long a security event waits for bulk events that happened before it, in ns: a flood of
/// bulk must not delay a detection.
const PATIENCE: u64 = 1_000_000;

/// Records taken from one ring in one pass: what a flood can make of memory, and for how long it
/// can keep a pass from giving out what it has taken.
const PASS_MOST: usize = 2048;

/// Decoded events that a queue may keep room for when it is empty: the most of a flood would
/// otherwise stay taken for good.
const ROOM_KEPT: usize = 4 * PASS_MOST;

/// The rings and what is held back between two passes.
pub(super) struct Rings {
    pub(super) security: RingBuf<MapData>,
    pub(super) bulk: RingBuf<MapData>,
    /// Decoded and not yet given out, because an older event may still come.
    held: Vec<Event>,
    /// Time of the youngest event given out.
    told: u64,
    /// Records that could not be decoded.
    pub(super) undecodable: u64,
}

impl Rings {
    pub(super) fn new(security: RingBuf<MapData>, bulk: RingBuf<MapData>) -> Rings {
        Rings {
            security,
            bulk,
            held: Vec::new(),
            told: 0,
            undecodable: 0,
        }
    }

    /// Whether a pass held something back.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes what is in the rings and gives out, in order of time, all that happened before now.
    ///
    /// The security ring is emptied first: whatever it got before `now` is then here, and whatever
    /// bulk happened before is in the bulk ring, which is read next. What happened since may lack
    /// a neighbour and is held back. Only if bulk has so much that a pass does not empty it does a
    /// security event wait for more of it, and at most [`PATIENCE`].
    pub(super) fn pass_now(&mut self, out: &mut Vec<Event>) {
        self.pass(now(), PATIENCE, out);
    }

    /// The same up to `until`, with another patience. Says whether both rings were emptied.
    pub(super) fn pass(&mut self, until: u64, patience: u64, out: &mut Vec<Event>) -> bool {
        let security = drain(&mut self.security, &mut self.held);
        let bulk = drain(&mut self.bulk, &mut self.held);
        self.undecodable += security.undecodable + bulk.undecodable;
        let mut cut = until;
        if !bulk.emptied {
            cut = cut.min(bulk.youngest.max(until.saturating_sub(patience)));
        }
        if !security.emptied {
            cut = cut.min(security.youngest);
        }
        self.held.sort_by_key(|event| event.at);
        let ready = self.held.partition_point(|event| event.at <= cut);
        for mut event in self.held.drain(..ready) {
            if event.at < self.told {
                event.marks |= event_mark::LATE;
            }
            self.told = self.told.max(event.at);
            out.push(event);
        }
        if self.held.is_empty() {
            self.held.shrink_to(ROOM_KEPT);
        }
        security.emptied && bulk.emptied
    }
}

/// What draining a ring came to.
struct Drained {
    emptied: bool,
    youngest: u64,
    undecodable: u64,
}

fn drain(ring: &mut RingBuf<MapData>, into: &mut Vec<Event>) -> Drained {
    let mut drained = Drained {
        emptied: false,
        youngest: 0,
        undecodable: 0,
    };
    for _ in 0..PASS_MOST {
        let Some(record) = ring.next() else {
            drained.emptied = true;
            break;
        };
        match decode(&record) {
            Ok(event) => {
                drained.youngest = drained.youngest.max(event.at);
                into.push(event);
            }
            Err(error) => {
                drained.undecodable += 1;
                tracing::debug!(%error, "a record could not be decoded");
            }
        }
    }
    drained
}

/// ns since boot, by the clock that the records use.
pub(super) fn now() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
