//! How often, and how much, a plugin may ask of the services that cost the host time.
//!
//! What a call used counts when it returns, like everything that it did: a call that is aborted and
//! made again event by event is not counted twice.

use super::Services;
use vedette_contract::values::failure;

/// What is counted by itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meter {
    /// Questions to the context, and rows that it looked at and answered with.
    Context,
    /// Questions to the operator's lists, and entries that they were answered with.
    Intel,
    /// Questions about the machine, and bytes that were read for their answers.
    Machine,
}

/// Most questions of one second of event time, and most of what the second number of a [`Meter`]
/// counts in it. A call has no limit of its own: what a plugin finds would depend on how many events
/// a batch holds.
pub(super) struct Limit {
    pub a_second: u32,
    pub amount: u64,
}

impl Meter {
    /// A plugin that asks about every event of a storm takes a tenth of a processor, not more.
    pub(super) fn limit(self) -> Limit {
        match self {
            Meter::Context | Meter::Intel => Limit {
                a_second: 50_000,
                amount: 500_000,
            },
            // What files and tables hold is read at a processor's speed: a quarter of a second.
            Meter::Machine => Limit {
                a_second: 2000,
                amount: 256 << 20,
            },
        }
    }
}

const METERS: usize = 3;

/// Questions and amounts, by meter.
type Counts = [(u32, u64); METERS];

/// What a plugin has used of the second of event time that is on.
#[derive(Debug, Default)]
pub(super) struct Used {
    second: u64,
    counts: Counts,
}

/// What a call has used.
#[derive(Debug, Default)]
pub(super) struct Asked(Counts);

impl Asked {
    pub fn is_empty(&self) -> bool {
        self.0 == Counts::default()
    }

    /// The call has returned.
    pub fn commit(&mut self, used: &mut Used, now: u64) {
        used.turn_to(now);
        for (used, (questions, amount)) in used.counts.iter_mut().zip(std::mem::take(&mut self.0)) {
            used.0 = used.0.saturating_add(questions);
            used.1 = used.1.saturating_add(amount);
        }
    }
}

impl Used {
    fn turn_to(&mut self, now: u64) {
        let second = now / 1_000_000_000;
        if self.second != second {
            self.second = second;
            self.counts = Counts::default();
        }
    }
}

impl Services {
    /// Counts a question; refuses it where the plugin has had its share.
    pub(super) fn ask(&mut self, meter: Meter) -> Result<(), u32> {
        let limit = meter.limit();
        let mut kept = self.kept.lock();
        kept.used.turn_to(self.now);
        let (questions, amount) = kept.used.counts[meter as usize];
        let asked = &mut self.asked.0[meter as usize];
        if questions.saturating_add(asked.0) >= limit.a_second
            || amount.saturating_add(asked.1) >= limit.amount
        {
            return Err(failure::QUOTA);
        }
        asked.0 += 1;
        Ok(())
    }

    /// Counts what an answer held.
    pub(super) fn had(&mut self, meter: Meter, amount: u64) {
        let asked = &mut self.asked.0[meter as usize];
        asked.1 = asked.1.saturating_add(amount);
    }
}
