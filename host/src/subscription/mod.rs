//! Which events a plugin wants: the exact test in the host, and the wider one for the kernel.

use crate::manifest::{Manifest, Operator, Predicate, Subject, Subscription, Test};
use std::collections::BTreeMap;
use vedette_contract::{Slot, Type, kind, values::event_mark};
use vedette_sensor::{
    event::Event,
    filter::{
        Access, Apart, Filter, How, KindSet, Line, Lines, Opens, Probe, Texts, Values, WRITES,
        writes,
    },
};

/// Kinds that no program of the kernel's sends.
const NOT_OF_PROGRAMS: [u16; 7] = [
    kind::EXISTING,
    kind::CONTAINER,
    kind::TICK,
    kind::LOSS,
    kind::TIMER,
    kind::ANSWER,
    kind::INTEL,
];

/// The subscriptions of one plugin, ready to match.
#[derive(Debug, Clone, Default)]
pub struct Subscriptions {
    kinds: KindSet,
    wanted: Box<[Wanted]>,
    apart: Apart,
}

/// What is wanted of one kind: events to which any alternative applies.
#[derive(Debug, Clone)]
struct Wanted {
    kind: u16,
    alternatives: Vec<Vec<Predicate>>,
}

impl Subscriptions {
    /// Compiles what the manifest asks for.
    pub fn compile(manifest: &Manifest) -> Subscriptions {
        let mut kinds = KindSet::default();
        let mut wanted: Vec<Wanted> = Vec::new();
        let mut apart = Apart::default();
        for Subscription { kind, predicates } in &manifest.subscriptions {
            apart.add(kind.number, line_apart(kind.number, predicates));
            kinds = kinds.with(kind.number);
            match wanted.iter_mut().find(|w| w.kind == kind.number) {
                Some(same) => same.alternatives.push(predicates.clone()),
                None => wanted.push(Wanted {
                    kind: kind.number,
                    alternatives: vec![predicates.clone()],
                }),
            }
        }
        for w in &mut wanted {
            // An alternative without predicates takes everything: the others need no look.
            if w.alternatives.iter().any(Vec::is_empty) {
                w.alternatives = vec![Vec::new()];
            }
        }
        Subscriptions {
            kinds,
            wanted: wanted.into(),
            apart,
        }
    }

    /// The kinds that are wanted at all.
    pub fn kinds(&self) -> KindSet {
        self.kinds
    }

    /// Whether the plugin wants the event. `container` tells whether the acting process is in a
    /// container. What is truncated or could not be read matches.
    #[inline]
    pub fn matches(&self, event: &Event, container: bool) -> bool {
        self.kinds.has(event.kind) && self.matches_kind(event, container)
    }

    fn matches_kind(&self, event: &Event, container: bool) -> bool {
        self.wanted
            .iter()
            .filter(|w| w.kind == event.kind)
            .flat_map(|w| &w.alternatives)
            .any(|all| all.iter().all(|p| holds(p, event, container)))
    }

    /// A filter that lets pass whatever matches, and as little else as it can say.
    ///
    /// Opens that the kernel could not read or had to cut are not its business: the sensor sends
    /// them whatever the filter says.
    pub fn filter(&self) -> Filter {
        let mut filter = Filter {
            apart: self.apart.clone(),
            ..Filter::default()
        };
        for Wanted { kind, alternatives } in &self.wanted {
            for alternative in alternatives {
                filter.want(*kind, Lines::from(line(*kind, alternative)));
                if *kind == kind::OPEN {
                    let inside = alternative.iter().any(asks_for_container);
                    let opens = if inside {
                        &mut filter.opens_inside
                    } else {
                        &mut filter.opens
                    };
                    opens.union(&cheapest(alternative));
                }
            }
        }
        filter
    }
}

/// Whether the predicate wants processes in containers alone.
fn asks_for_container(predicate: &Predicate) -> bool {
    predicate.test == Test::Container(!predicate.negated)
}

/// What of an alternative the kernel can judge: a superset of what fulfils all predicates.
fn line(kind: u16, alternative: &[Predicate]) -> Line {
    if NOT_OF_PROGRAMS.contains(&kind) {
        return Line::default();
    }
    alternative.iter().fold(Line::default(), |line, predicate| {
        let negated = predicate.negated;
        match &predicate.test {
            _ if asks_for_container(predicate) => line.and(Probe::Inside, Values::of(&[1], false)),
            Test::Field(Subject::Uid, operator) => values(Type::U32, operator, negated)
                .map_or(line.clone(), |values| line.and(Probe::Uid, values)),
            Test::Field(Subject::Field(field), operator) => Probe::of(kind, field.slot)
                .zip(values(field.ty, operator, negated))
                .map_or(line.clone(), |(probe, values)| line.and(probe, values)),
            _ => line,
        }
    })
}

/// What tells an alternative's events from others of the kind. Of opens that is more than what they are
/// narrowed by: which path, and whether something can be written.
fn line_apart(kind: u16, alternative: &[Predicate]) -> Line {
    let line = line(kind, alternative);
    if kind != kind::OPEN {
        return line;
    }
    let positive = alternative.iter().filter(|predicate| !predicate.negated);
    positive.fold(line, |line, predicate| match &predicate.test {
        Test::Access(Access::Write) => line.and(Probe::Number(Slot::ALo), Values::AnyBit(WRITES)),
        Test::Field(Subject::Field(field), operator) if field.slot == Slot::Text => {
            values(field.ty, operator, false)
                .map_or(line.clone(), |path| line.and(Probe::Text(Slot::Text), path))
        }
        _ => line,
    })
}

/// What a test of a field says, as far as the kernel can tell.
fn values(ty: Type, operator: &Operator, negated: bool) -> Option<Values> {
    // Addresses of the internet and paths of sockets may have the same bytes, and a test for the
    // ones is a test against all of the others.
    let mixed = negated && matches!(ty, Type::Address);
    let texts =
        |how, texts: &[Vec<u8>]| (!mixed).then(|| Values::Texts(Texts::new(how, texts, negated)));
    match operator {
        Operator::Numbers(numbers) => Some(Values::of(numbers, negated)),
        Operator::Between(low, high) => Some(Values::between(*low, *high, negated)),
        Operator::Has(bits) if negated => Some(Values::NoBit(*bits)),
        Operator::Has(bits) => Some(Values::AnyBit(*bits)),
        Operator::Prefix(heads) => texts(How::Begins, heads),
        Operator::Suffix(tails) => texts(How::Ends, tails),
        Operator::Texts(whole) | Operator::Addresses(whole) => texts(How::Is, whole),
    }
}

/// Whether one predicate holds.
fn holds(predicate: &Predicate, event: &Event, container: bool) -> bool {
    let truth = match &predicate.test {
        Test::Container(inside) => container == *inside,
        Test::Access(Access::Any) => true,
        Test::Access(Access::Write) => {
            if event.marks & event_mark::INCOMPLETE != 0 {
                return true;
            }
            writes(event)
        }
        Test::Field(subject, operator) => {
            let unreadable = match (subject, operator) {
                (Subject::Uid, _) => 0,
                (_, Operator::Numbers(_) | Operator::Between(..) | Operator::Has(_)) => {
                    event_mark::INCOMPLETE
                }
                _ => event_mark::INCOMPLETE | event_mark::TRUNCATED,
            };
            if event.marks & unreadable != 0 {
                return true;
            }
            compare(*subject, operator, event)
        }
    };
    truth != predicate.negated
}

fn compare(subject: Subject, operator: &Operator, event: &Event) -> bool {
    let text = || text(subject, event);
    // An address of the internet may have the bytes of a path, and the other way round.
    let path = || match subject {
        Subject::Field(field) if matches!(field.ty, Type::Address) => event.has_text_address(),
        _ => true,
    };
    match operator {
        Operator::Numbers(numbers) => numbers.contains(&number(subject, event)),
        Operator::Between(low, high) => {
            (*low..=*high).contains(&number(subject, event).cast_signed())
        }
        Operator::Has(bits) => number(subject, event) & bits != 0,
        Operator::Texts(texts) => path() && texts.iter().any(|t| t == text()),
        Operator::Prefix(texts) => path() && texts.iter().any(|t| text().starts_with(t)),
        Operator::Suffix(texts) => path() && texts.iter().any(|t| text().ends_with(t)),
        Operator::Addresses(addresses) => !path() && addresses.iter().any(|a| a == text()),
    }
}

fn number(subject: Subject, event: &Event) -> u64 {
    match subject {
        Subject::Uid => event.task.uid.into(),
        // The manifest gives operators on numbers to fields in slots of numbers alone.
        Subject::Field(field) => event.number(field.slot).unwrap_or(0),
    }
}

fn text(subject: Subject, event: &Event) -> &[u8] {
    match subject {
        Subject::Uid => &[],
        Subject::Field(field) => event.bytes(field.slot).unwrap_or(&[]),
    }
}

/// The narrowest filter of opens that lets pass whatever fulfils all predicates. Any one of them
/// is a superset of all; the best is one that names files, then one of rare marks, then one of
/// places.
fn cheapest(alternative: &[Predicate]) -> Opens {
    let positive = || alternative.iter().filter(|p| !p.negated).map(|p| &p.test);
    let never = alternative
        .iter()
        .any(|p| p.negated && p.test == Test::Access(Access::Any));
    if never {
        return Opens::default();
    }
    let access = if positive().any(|t| *t == Test::Access(Access::Write)) {
        Access::Write
    } else {
        Access::Any
    };
    let listed = |list: Vec<Vec<u8>>| -> BTreeMap<Vec<u8>, Access> {
        list.into_iter().map(|text| (text, access)).collect()
    };
    if let Some(names) = positive().filter_map(last_components).min_by_key(Vec::len) {
        return Opens {
            names: listed(names),
            ..Opens::default()
        };
    }
    if let Some(marks) = positive().filter_map(marks).min_by_key(|m| m.count_ones()) {
        return Opens {
            marks,
            ..Opens::default()
        };
    }
    if let Some(prefixes) = positive().filter_map(prefixes).min_by_key(Vec::len) {
        return Opens {
            prefixes: listed(prefixes),
            ..Opens::default()
        };
    }
    Opens {
        all: Some(access),
        ..Opens::default()
    }
}

/// Last components of the paths that the test asks for, if it fixes them.
fn last_components(test: &Test) -> Option<Vec<Vec<u8>>> {
    let Test::Field(subject, Operator::Texts(texts) | Operator::Suffix(texts)) = test else {
        return None;
    };
    if subject.name() != "path" {
        return None;
    }
    texts
        .iter()
        .map(|text| {
            let slash = text.iter().rposition(|b| *b == b'/')?;
            let name = &text[slash + 1..];
            (!name.is_empty()).then(|| name.to_vec())
        })
        .collect()
}

/// Marks of which the test asks for any.
fn marks(test: &Test) -> Option<u32> {
    match test {
        Test::Field(subject, Operator::Has(bits)) if subject.name() == "marks" => {
            u32::try_from(*bits).ok()
        }
        _ => None,
    }
}

/// Beginnings of the paths that the test asks for, if it fixes them.
fn prefixes(test: &Test) -> Option<Vec<Vec<u8>>> {
    match test {
        Test::Field(subject, Operator::Prefix(texts) | Operator::Texts(texts))
            if subject.name() == "path" =>
        {
            Some(texts.clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
