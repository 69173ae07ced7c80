//! Losses: told as events, summed up for the end, and said so that one knows who is affected.

use crate::context::Context;
use crate::output::event::kind_name;
use std::collections::BTreeMap;
use vedette_contract::{Slot, kind, sets};
use vedette_sensor::event::{Attr, Event, Task};
use vedette_sensor::live::Loss;

/// Loss events put into the stream at a time. A host full of groups that all lose would otherwise
/// answer a flood with one of its own; what is beyond is told by its cause alone.
const EVENTS_MOST: usize = 64;

/// Findings raised at a time, the largest losses first; the others are told together.
const FINDINGS_MOST: usize = 8;

/// Key of the attribute that holds the group's id in the hierarchy of version 1.
const CGROUP_V1: u32 = 1;

/// What was lost in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lost {
    counts: BTreeMap<(u32, u16), u64>,
}

impl Lost {
    /// Adds what a `loss` event says.
    pub fn add(&mut self, event: &Event) {
        let (cause, kind) = (event.b as u32, (event.b >> 32) as u16);
        *self.counts.entry((cause, kind)).or_default() += event.a;
    }

    /// Counts by cause.
    pub fn by_cause(&self) -> BTreeMap<&'static str, u64> {
        let mut sums = BTreeMap::new();
        for ((cause, _), count) in &self.counts {
            *sums.entry(cause_name(*cause)).or_default() += count;
        }
        sums
    }

    /// Counts by cause and kind.
    pub fn by_kind(&self) -> BTreeMap<&'static str, BTreeMap<String, u64>> {
        let mut sums: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for ((cause, kind), count) in &self.counts {
            let of_cause = sums.entry(cause_name(*cause)).or_default();
            *of_cause.entry(lost_kind(*kind)).or_default() += count;
        }
        sums
    }
}

/// The losses of one round as events, without ids and times.
pub fn events(mut losses: Vec<Loss>) -> Vec<Event> {
    losses.sort_by_key(|loss| std::cmp::Reverse(loss.count));
    let mut rest: BTreeMap<u32, u64> = BTreeMap::new();
    for loss in losses.drain(EVENTS_MOST.min(losses.len())..) {
        *rest.entry(loss.cause).or_default() += loss.count;
    }
    let rest = rest.into_iter().map(|(cause, count)| Loss {
        cause,
        kind: 0,
        cgroup: 0,
        cgroup_v1: 0,
        count,
    });
    losses.extend(rest);
    losses.into_iter().map(|loss| event(&loss)).collect()
}

fn event(loss: &Loss) -> Event {
    let attr = (loss.cgroup_v1 != 0).then(|| Attr {
        key: CGROUP_V1,
        value: loss.cgroup_v1,
        ..Attr::default()
    });
    Event {
        kind: kind::LOSS,
        a: loss.count,
        b: u64::from(loss.cause) | u64::from(loss.kind) << 32,
        c: loss.cgroup,
        attrs: attr.into_iter().collect(),
        ..Event::default()
    }
}

/// What is said of losses: one case for each cause, kind and container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The sentence.
    pub message: String,
    /// What tells the case from others.
    pub case: String,
}

/// What is to be said of `loss` events.
pub fn say(events: &[Event], context: &Context) -> Vec<Said> {
    let mut cases: BTreeMap<(u32, u16, String), u64> = BTreeMap::new();
    for event in events {
        let (cause, kind) = (event.b as u32, (event.b >> 32) as u16);
        *cases
            .entry((cause, kind, whose(event, context)))
            .or_default() += event.a;
    }
    let mut cases: Vec<_> = cases.into_iter().collect();
    cases.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rest = cases.split_off(FINDINGS_MOST.min(cases.len()));
    let mut said: Vec<_> = cases
        .into_iter()
        .map(|((cause, kind, whose), count)| {
            let (cause, kind) = (cause_name(cause), lost_kind(kind));
            Said {
                message: format!("{count} `{kind}` events{whose} were lost: {cause}"),
                case: format!("{cause} {kind}{whose}"),
            }
        })
        .collect();
    let more: u64 = rest.iter().map(|(_, count)| count).sum();
    if more > 0 {
        said.push(Said {
            message: format!("{more} events of {} further sorts were lost", rest.len()),
            case: "others".to_owned(),
        });
    }
    said
}

/// " of container …", " of control group …", or nothing where it is not known.
fn whose(event: &Event, context: &Context) -> String {
    let task = Task {
        cgroup: event.c,
        cgroup_v1: event.number(Slot::Attr(CGROUP_V1)).unwrap_or(0),
        ..Task::default()
    };
    match context.container_of(&task) {
        Some(container) if container.name.is_empty() => format!(" of container {}", container.id),
        Some(container) => format!(" of container {} ({})", container.name, container.id),
        None if event.c != 0 => format!(" of control group {}", event.c),
        None => String::new(),
    }
}

fn cause_name(cause: u32) -> &'static str {
    sets::LOSS_CAUSE.name_of(cause).unwrap_or("unknown")
}

fn lost_kind(kind: u16) -> String {
    match kind {
        0 => "unknown".to_owned(),
        kind => kind_name(kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vedette_contract::values::loss_cause;

    fn loss(kind: u16, cgroup: u64, count: u64) -> Loss {
        Loss {
            cause: loss_cause::QUOTA,
            kind,
            cgroup,
            cgroup_v1: 0,
            count,
        }
    }

    #[test]
    fn a_flood_of_losses_is_told_in_few_events_and_to_the_last_one() {
        let many: Vec<_> = (1..=1000).map(|n| loss(kind::OPEN, n, n)).collect();
        let events = events(many);
        assert_eq!(events.len(), EVENTS_MOST + 1);
        assert_eq!(events.iter().map(|e| e.a).sum::<u64>(), 500_500);
        let mut lost = Lost::default();
        events.iter().for_each(|e| lost.add(e));
        assert_eq!(lost.by_cause(), BTreeMap::from([("quota", 500_500)]));
        assert_eq!(lost.by_kind()["quota"].len(), 2);
        let said = say(&events, &Context::default());
        assert_eq!(said.len(), FINDINGS_MOST + 1);
    }

    #[test]
    fn a_container_is_named() {
        let mut context = Context::default();
        let id = "ab".repeat(32);
        context.apply(&Event {
            kind: kind::CGROUP,
            a: 42,
            text: format!("/docker/{id}").into_bytes().into(),
            ..Event::default()
        });
        let said = say(&events(vec![loss(kind::FORK, 42, 3)]), &context);
        assert_eq!(
            said[0].message,
            format!("3 `fork` events of container {id} were lost: quota")
        );
        let said = say(&events(vec![loss(kind::FORK, 43, 3)]), &context);
        assert!(said[0].message.contains("control group 43"));
    }
}
