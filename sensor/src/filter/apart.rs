//! Lines apart: what is wanted more narrowly than the rest of its kind. Where a ring fills up, what
//! fulfils one of them has a share of its own, so that no flood of the rest hides it.

use super::line::{Line, Lines, Probe, STEPS_MOST, Values};
use super::{KindSet, text::How};
use std::{cmp::Reverse, collections::BTreeMap};
use vedette_contract::kind;

/// Kinds that packets are told as. They are few of each connection, and narrowed by what they are
/// wanted for.
const OF_PACKETS: KindSet = KindSet(0)
    .with(kind::SENT)
    .with(kind::RECEIVED)
    .with(kind::DNS)
    .with(kind::TLS);

/// By kind, the lines apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Apart(BTreeMap<u16, Vec<Line>>);

impl Apart {
    /// Adds a line of a kind, if anything but who acts decides on it: what every event of a process
    /// fulfils, a flood by that process does too. Of some kinds the kernel sets nothing apart.
    pub fn add(&mut self, kind: u16, line: Line) {
        if KindSet::CONTEXT.union(OF_PACKETS).has(kind) || narrowness(&line).is_none() {
            return;
        }
        let lines = self.0.entry(kind).or_default();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }

    /// Adds what the other one has.
    pub fn union(&mut self, other: &Apart) {
        for (kind, lines) in &other.0 {
            for line in lines {
                self.add(*kind, line.clone());
            }
        }
    }

    /// What the kernel keeps of each kind: the narrowest first, as the first that an event fulfils
    /// is the one it counts to, and none that does not fit whole, as a line that is widened to fit
    /// would be the flood's as well.
    pub fn kept(&self) -> impl Iterator<Item = (u16, Lines)> {
        self.0.iter().filter_map(|(kind, lines)| {
            let mut sorted: Vec<&Line> = lines.iter().collect();
            sorted.sort_by_key(|line| Reverse(narrowness(line)));
            let mut room = STEPS_MOST;
            let kept = sorted.into_iter().filter(|line| {
                let fits = line.steps() <= room;
                room -= if fits { line.steps() } else { 0 };
                fits
            });
            let kept: Vec<Line> = kept.cloned().collect();
            (!kept.is_empty()).then(|| (*kind, kept.into_iter().collect()))
        })
    }
}

/// What a line fixes, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Narrowness {
    Numbers,
    EndOfText,
    WholeText,
}

/// How narrow a line is by its narrowest test, none where it asks about who acts alone, or only for
/// what is not to be.
fn narrowness(line: &Line) -> Option<Narrowness> {
    let tests = line.tests().iter();
    let of_test = tests.filter_map(|test| match (&test.probe, &test.values) {
        (Probe::Uid | Probe::Inside, _) | (_, Values::NoBit(_)) => None,
        (_, Values::Texts(texts)) if texts.negated() => None,
        (_, Values::Texts(texts)) if texts.how() == How::Is => Some(Narrowness::WholeText),
        (_, Values::Texts(_)) => Some(Narrowness::EndOfText),
        (_, Values::Ranges(_) | Values::AnyBit(_)) => Some(Narrowness::Numbers),
    });
    of_test.max()
}

#[cfg(test)]
mod tests {
    use super::super::Texts;
    use super::*;
    use vedette_contract::Slot;

    fn texts(how: How, texts: &[&str]) -> Line {
        let texts: Vec<_> = texts.iter().map(|t| t.as_bytes().to_vec()).collect();
        let values = Values::Texts(Texts::new(how, &texts, false));
        Line::default().and(Probe::Text(Slot::Text), values)
    }

    fn kept(lines: &[Line]) -> Vec<Line> {
        let mut apart = Apart::default();
        for line in lines {
            apart.add(kind::UNLINK, line.clone());
        }
        let mut kept = apart.kept();
        let kept = kept
            .next()
            .map(|(_, lines)| lines.iter().cloned().collect());
        kept.unwrap_or_default()
    }

    #[test]
    fn the_narrowest_comes_first() {
        let mode = Line::default().and(Probe::Number(Slot::A), Values::AnyBit(0o4000));
        let (log, shadow) = (
            texts(How::Begins, &["/var/log/"]),
            texts(How::Is, &["/etc/shadow"]),
        );
        let lines = [mode.clone(), log.clone(), shadow.clone(), log.clone()];
        assert_eq!(kept(&lines), [shadow, log, mode]);
    }

    #[test]
    fn who_acts_sets_nothing_apart() {
        let inside = Line::default().and(Probe::Inside, Values::of(&[1], false));
        let not_there = Values::Texts(Texts::new(How::Begins, &[b"/proc/".to_vec()], true));
        let elsewhere = inside.clone().and(Probe::Text(Slot::Text), not_there);
        assert_eq!(kept(&[inside, elsewhere, Line::default()]), []);
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let many: Vec<_> = (0..60).map(|n| format!("/{n}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let (long, log) = (texts(How::Is, &many), texts(How::Begins, &["/var/log/"]));
        let other = texts(How::Is, &["/a", "/b", "/c", "/d", "/e"]);
        assert_eq!(kept(&[long.clone(), other, log.clone()]), [long, log]);
    }
}
