//! Narrowing of a kind: lines of which one must hold, each of tests that must all hold.
//!
//! The kernel reads them as a list of steps (`super::step`).

use super::text::Texts;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use vedette_contract::{Slot, kind};

/// Steps that the kernel keeps for one kind (`STEPS_MOST`): stops a manifest with long lists from
/// making every event of a kind slow to judge. What does not fit widens the kind.
pub const STEPS_MOST: usize = 64;

/// What a test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// A number of the event's own.
    Number(Slot),
    /// A text of the event's own.
    Text(Slot),
    /// Real user id of the acting process.
    Uid,
    /// 1 where the acting process may be in a container, else 0.
    Inside,
}

impl Probe {
    /// What the kernel can look at of a slot of this kind: what it knows by the time that it sends
    /// the event. `open` has a filter of its own for its path ([`super::Opens`]).
    pub fn of(kind: u16, slot: Slot) -> Option<Probe> {
        let attributes =
            [kind::SENT, kind::RECEIVED, kind::ACCEPT, kind::DISCONNECT].contains(&kind);
        let read_out = match kind {
            // Questions and first messages are read out of packets by user space: of these the
            // kernel knows what the packet says of itself.
            kind::DNS => Some([Slot::C, Slot::Text2].contains(&slot)),
            kind::TLS => Some([Slot::ALo, Slot::B, Slot::C, Slot::Text2].contains(&slot)),
            _ => None,
        };
        let text = ![kind::OPEN, kind::PASSED].contains(&kind);
        let known = match slot {
            _ if read_out == Some(false) => false,
            Slot::Text | Slot::Text2 => text,
            Slot::Attr(1 | 2) => attributes,
            Slot::Attr(_) | Slot::AttrText(_) | Slot::Target => false,
            _ => true,
        };
        known.then_some(match slot {
            Slot::Text | Slot::Text2 => Probe::Text(slot),
            _ => Probe::Number(slot),
        })
    }
}

/// What fulfils a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// Numbers in any of these ranges, which are in order and do not touch.
    Ranges(Vec<RangeInclusive<u64>>),
    /// Numbers that have any of these bits.
    AnyBit(u64),
    /// Numbers that have none of these bits.
    NoBit(u64),
    /// Texts.
    Texts(Texts),
}

impl Values {
    /// Numbers from the first to the second, or all others. Negative ones are the greatest here, as
    /// the kernel has them.
    pub fn between(low: i64, high: i64, negated: bool) -> Values {
        let [first, last] = [low, high].map(i64::cast_unsigned);
        let ranges = match first <= last {
            true => vec![first..=last],
            false => vec![0..=last, first..=u64::MAX],
        };
        Values::ranges(ranges, negated)
    }

    /// These numbers, or all others.
    pub fn of(numbers: &[u64], negated: bool) -> Values {
        let numbers: BTreeSet<u64> = numbers.iter().copied().collect();
        let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some(last) if last.end().checked_add(1) == Some(number) => {
                    *last = *last.start()..=number;
                }
                _ => ranges.push(number..=number),
            }
        }
        Values::ranges(ranges, negated)
    }

    /// Numbers in any of these ranges, which are in order and do not touch, or all others.
    fn ranges(ranges: Vec<RangeInclusive<u64>>, negated: bool) -> Values {
        if !negated {
            return Values::Ranges(ranges);
        }
        let mut others = Vec::new();
        let mut begin = Some(0);
        for range in ranges {
            if let Some(begin) = begin
                && begin < *range.start()
            {
                others.push(begin..=range.start() - 1);
            }
            begin = range.end().checked_add(1);
        }
        others.extend(begin.map(|begin| begin..=u64::MAX));
        Values::Ranges(others)
    }

    fn len(&self) -> usize {
        match self {
            Values::Ranges(ranges) => ranges.len(),
            Values::AnyBit(_) | Values::NoBit(_) => 1,
            Values::Texts(texts) => texts.len(),
        }
    }
}

/// One test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// What it looks at.
    pub probe: Probe,
    /// What it wants to see there.
    pub values: Values,
}

/// Tests that must all hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line(Vec<Test>);

impl Line {
    /// Adds a test; one that says nothing is left out.
    pub fn and(mut self, probe: Probe, values: Values) -> Line {
        let test = Test { probe, values };
        if test.values.len() > 0 && !self.0.contains(&test) {
            self.0.push(test);
        }
        self
    }

    /// Its tests.
    pub fn tests(&self) -> &[Test] {
        &self.0
    }

    /// Steps that the kernel reads of it.
    pub(super) fn steps(&self) -> usize {
        self.0.iter().map(|test| test.values.len()).sum()
    }
}

impl FromIterator<Line> for Lines {
    /// Lines of which one must hold, in this order.
    fn from_iter<I: IntoIterator<Item = Line>>(lines: I) -> Lines {
        Lines(lines.into_iter().collect())
    }
}

/// Lines of which one must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines(Vec<Line>);

impl From<Line> for Lines {
    fn from(line: Line) -> Lines {
        Lines(vec![line])
    }
}

impl Lines {
    /// What every event fulfils.
    pub fn everything() -> Lines {
        Line::default().into()
    }

    /// Whether every event fulfils them.
    pub fn is_everything(&self) -> bool {
        self.0.iter().any(|line| line.0.is_empty())
    }

    /// The lines.
    pub fn iter(&self) -> impl Iterator<Item = &Line> {
        self.0.iter()
    }

    /// Adds lines of which one suffices as well, and drops the longest tests until the kernel can
    /// keep what is left.
    pub fn union(&mut self, other: Lines) {
        for line in other.0 {
            if !self.0.contains(&line) {
                self.0.push(line);
            }
        }
        self.fit();
    }

    /// The same, with what fits.
    pub(super) fn fitted(&self) -> Lines {
        let mut fitted = self.clone();
        fitted.fit();
        fitted
    }

    /// Widens until all steps fit: the test with the most steps goes first.
    fn fit(&mut self) {
        while !self.is_everything() && self.len() > STEPS_MOST {
            let tests = self.0.iter_mut().flat_map(|line| {
                let longest = line
                    .0
                    .iter()
                    .enumerate()
                    .max_by_key(|(_, t)| t.values.len());
                let longest = longest.map(|(at, test)| (at, test.values.len()));
                longest.map(|(at, len)| (len, at, line))
            });
            if let Some((_, at, line)) = tests.max_by_key(|(len, ..)| *len) {
                line.0.remove(at);
            }
        }
        if self.is_everything() {
            *self = Lines::everything();
        }
    }

    fn len(&self) -> usize {
        self.0.iter().map(Line::steps).sum()
    }
}
