//! Narrowing of a kind by numbers: lines of which one must hold, each of tests that must all hold.
//!
//! The kernel reads them as a list of steps (`bpf/filter.h`); [`Lines::pass`] walks the same list.

use crate::event::Event;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use vedette_contract::{Slot, values::event_mark};

/// Steps that the kernel keeps for one kind (`STEPS_MOST`): stops a manifest with long lists from
/// making every event of a kind slow to judge. What does not fit widens the kind.
pub const STEPS_MOST: usize = 64;

/// What a test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// A number of the event's own.
    Number(Slot),
    /// Real user id of the acting process.
    Uid,
    /// 1 where the acting process may be in a container, else 0.
    Inside,
}

impl Probe {
    /// Its number in `enum step_slot`, or none if the kernel side does not look there.
    fn slot(self) -> Option<u16> {
        Some(match self {
            Probe::Number(Slot::Ret) => 0,
            Probe::Number(Slot::A) => 1,
            Probe::Number(Slot::B) => 2,
            Probe::Number(Slot::C) => 3,
            Probe::Number(Slot::ALo) => 4,
            Probe::Number(Slot::AHi) => 5,
            Probe::Number(Slot::BLo) => 6,
            Probe::Number(Slot::BHi) => 7,
            Probe::Number(Slot::CLo) => 8,
            Probe::Number(Slot::CHi) => 9,
            Probe::Uid => 10,
            Probe::Inside => 11,
            Probe::Number(_) => return None,
        })
    }
}

/// Which numbers fulfil a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// Those in any of these ranges, which are in order and do not touch.
    Ranges(Vec<RangeInclusive<u64>>),
    /// Those that have any of these bits.
    AnyBit(u64),
}

impl Values {
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
            Values::AnyBit(_) => 1,
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
    /// Adds a test; what the kernel cannot look at, or would only ever fail, is left out.
    pub fn and(mut self, probe: Probe, values: Values) -> Line {
        let test = Test { probe, values };
        if probe.slot().is_some() && test.values.len() > 0 && !self.0.contains(&test) {
            self.0.push(test);
        }
        self
    }

    /// Its tests.
    pub fn tests(&self) -> &[Test] {
        &self.0
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
        let tests = self.0.iter().flat_map(|line| &line.0);
        tests.map(|test| test.values.len()).sum()
    }

    /// As the kernel reads them; none for what every event fulfils.
    pub fn steps(&self) -> Vec<Step> {
        let mut fitted = self.clone();
        fitted.fit();
        let mut steps = Vec::new();
        for line in &fitted.0 {
            let mut begins = Step::LINE;
            for test in &line.0 {
                begins |= Step::TEST;
                let slot = test.probe.slot().unwrap_or_default();
                let mut step = |flags, low, high| {
                    steps.push(Step {
                        slot,
                        flags: begins | flags,
                        unused: 0,
                        low,
                        high,
                    });
                    begins = 0;
                };
                match &test.values {
                    Values::AnyBit(bits) => step(Step::BITS, *bits, 0),
                    Values::Ranges(ranges) => {
                        for range in ranges {
                            step(0, *range.start(), *range.end());
                        }
                    }
                }
            }
        }
        steps
    }

    /// Whether an event fulfils them, by the kernel's own way through the steps. `inside` is
    /// whether its process may be in a container.
    pub fn pass(&self, event: &Event, inside: bool) -> bool {
        let unknown = event.marks & (event_mark::INCOMPLETE | event_mark::AS_GIVEN) != 0;
        let (mut line, mut test, mut passes) = (false, false, false);
        for step in self.steps() {
            if step.flags & Step::LINE != 0 {
                passes |= line && test;
                (line, test) = (true, true);
            }
            if step.flags & Step::TEST != 0 {
                line &= test;
                test = false;
            }
            if test {
                continue;
            }
            let number = number(step.slot, event, inside);
            test = if unknown && step.slot < SLOT_UID {
                true
            } else if step.flags & Step::BITS != 0 {
                number & step.low != 0
            } else {
                (step.low..=step.high).contains(&number)
            };
        }
        self.is_everything() || passes || line && test
    }
}

/// Twin of `SLOT_UID`: what follows is of the process and not of the event.
const SLOT_UID: u16 = 10;

fn number(slot: u16, event: &Event, inside: bool) -> u64 {
    const OWN: [Slot; SLOT_UID as usize] = [
        Slot::Ret,
        Slot::A,
        Slot::B,
        Slot::C,
        Slot::ALo,
        Slot::AHi,
        Slot::BLo,
        Slot::BHi,
        Slot::CLo,
        Slot::CHi,
    ];
    match OWN.get(usize::from(slot)) {
        Some(own) => event.number(*own).unwrap_or(0),
        None if slot == SLOT_UID => event.task.uid.into(),
        None => inside.into(),
    }
}

/// One step. Twin of `struct step` in `bpf/filter.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// `enum step_slot`.
    pub slot: u16,
    /// [`Step::LINE`], [`Step::TEST`], [`Step::BITS`].
    pub flags: u16,
    /// Fills the hole.
    pub unused: u32,
    /// The lowest number that fulfils it, or the bits of which any must be set.
    pub low: u64,
    /// The highest number that fulfils it.
    pub high: u64,
}

impl Step {
    /// It begins a line.
    pub const LINE: u16 = 1;
    /// It begins a test.
    pub const TEST: u16 = 2;
    /// It looks for bits.
    pub const BITS: u16 = 4;
}
