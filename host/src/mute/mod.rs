//! Events that the operator wants plugins to have none of, by kind and control group.
//!
//! The kernel is told which groups are muted and sends nothing of what it may leave out. What comes
//! all the same is dropped here: kinds that the context needs, packets, and what was under way
//! before the kernel knew.

mod rule;

pub use rule::{MuteArgs, MuteError, RULES_MOST, Rule};

use crate::context::Context;
use crate::output::event::kind_name;
use crate::record::Record;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use vedette_sensor::live::{Group, MUTED_MOST, Muted, NotSent};

/// Combinations of mutes that the kernel counts apart. Few occur, each for a sort of container;
/// of groups with a further one everything is sent and dropped here.
const SETS_MOST: usize = 64;

/// All mutes of an agent, and the groups that they are about. Without any it does nothing.
#[derive(Debug, Default)]
pub struct Mutes {
    rules: Vec<Rule>,
    /// Which rules mute a group, a bit each.
    groups: HashMap<Group, u64>,
    /// The sets of rules that the kernel knows by number.
    sets: Vec<u64>,
    /// By rule and kind: events that no plugin was given.
    dropped: Vec<BTreeMap<u16, u64>>,
    sent_not: Vec<NotSent>,
    /// By rule: how many of them were told as a finding, and in which minute last.
    said: Vec<(u64, u64)>,
    /// Groups that found no room, of which all is told, and how many of them were said to be.
    overflow: (u64, u64),
}

impl Mutes {
    /// These mutes.
    pub fn new(rules: Vec<Rule>) -> Mutes {
        Mutes {
            dropped: vec![BTreeMap::new(); rules.len()],
            said: vec![(0, 0); rules.len()],
            rules,
            ..Mutes::default()
        }
    }

    /// The mutes.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Looks at a group again of which something new is known. Gives what the kernel is to be told
    /// of it, if that has changed.
    pub fn look(&mut self, context: &Context, group: Group) -> Option<Option<Muted>> {
        if self.rules.is_empty() {
            return None;
        }
        let (path, container) = match group {
            Group::Unified(id) => context.group(0, id),
            Group::V1(id) => context.group(1, id),
        }?;
        let rules = self.rules.iter().enumerate();
        let of_group = rules.fold(0u64, |set, (n, rule)| {
            set | u64::from(rule.covers(path, container.as_deref())) << n
        });
        let before = self.groups.get(&group).copied().unwrap_or(0);
        if of_group == before {
            return None;
        }
        if of_group == 0 {
            self.groups.remove(&group);
            return Some(None);
        }
        if before == 0 && self.groups.len() >= MUTED_MOST {
            self.overflow.0 += 1;
            return None;
        }
        self.groups.insert(group, of_group);
        Some(self.muted(of_group))
    }

    /// Forgets a group that is gone. Says whether the kernel is to be told.
    pub fn forget(&mut self, group: Group) -> bool {
        self.groups.remove(&group).is_some()
    }

    /// What the kernel mutes for a set of rules.
    fn muted(&mut self, set: u64) -> Option<Muted> {
        let known = self.sets.iter().position(|known| *known == set);
        let number = known.or_else(|| {
            (self.sets.len() < SETS_MOST).then(|| {
                self.sets.push(set);
                self.sets.len() - 1
            })
        })?;
        let mut muted = Muted {
            number: number as u32,
            ..Muted::default()
        };
        for rule in self.of_set(set) {
            muted.bulk = muted.bulk.union(rule.kinds);
            if rule.security {
                muted.security = muted.security.union(rule.kinds);
            }
        }
        Some(muted)
    }

    fn of_set(&self, set: u64) -> impl Iterator<Item = &Rule> {
        let rules = self.rules.iter().enumerate();
        rules
            .filter(move |(n, _)| set >> n & 1 == 1)
            .map(|(_, rule)| rule)
    }

    /// Whether plugins are not to have this event; then it is counted.
    pub fn drops(&mut self, record: &Record) -> bool {
        if self.groups.is_empty() {
            return false;
        }
        let (cgroup, cgroup_v1) = match &record.process {
            Some(row) => (row.cgroup, row.cgroup_v1),
            None => (record.event.task.cgroup, record.event.task.cgroup_v1),
        };
        let of = |group| self.groups.get(&group).copied().unwrap_or(0);
        let set = of(Group::Unified(cgroup)) | of(Group::V1(cgroup_v1));
        let kind = record.event.kind;
        let first = (0..self.rules.len()).find(|n| set >> n & 1 == 1 && self.rules[*n].drops(kind));
        if let Some(rule) = first {
            *self.dropped[rule].entry(kind).or_default() += 1;
        }
        first.is_some()
    }

    /// Takes in what the kernel has not sent so far.
    pub fn count(&mut self, not_sent: Vec<NotSent>) {
        self.sent_not = not_sent;
    }

    /// By rule and kind: how many events plugins were not given. An event that several rules mute
    /// counts for the first of them.
    fn counts(&self) -> Vec<BTreeMap<u16, u64>> {
        let mut counts = self.dropped.clone();
        for row in &self.sent_not {
            let set = self.sets.get(row.number as usize).copied().unwrap_or(0);
            let mut rules = (0..self.rules.len()).filter(|n| set >> n & 1 == 1);
            if let Some(rule) = rules.find(|n| self.rules[*n].kinds.has(row.kind)) {
                *counts[rule].entry(row.kind).or_default() += row.count;
            }
        }
        counts
    }

    /// What is to be said of mutes that have kept something from plugins: of each once a minute.
    pub fn say(&mut self, minute: u64) -> Vec<Said> {
        let mut all = Vec::new();
        let (overflow, told) = &mut self.overflow;
        if overflow != told {
            *told = *overflow;
            all.push(Said {
                message: format!("{overflow} control groups {NO_ROOM}"),
                case: format!("no room {minute}"),
            });
        }
        for (n, kinds) in self.counts().into_iter().enumerate() {
            let total: u64 = kinds.values().sum();
            let (told, last) = &mut self.said[n];
            if total == *told || *last == minute {
                continue;
            }
            let new = total - *told;
            (*told, *last) = (total, minute);
            let rule = &self.rules[n];
            all.push(Said {
                message: format!(
                    "{new} events were kept from the plugins because --mute {rule} says so, {total} \
                     in all: {}",
                    words(&kinds)
                ),
                case: format!("{rule} {minute}"),
            });
        }
        all
    }

    /// One line for each mute, for the end: what it has kept from plugins.
    pub fn lines(&self) -> Vec<String> {
        let counts = self.counts();
        let rules = self.rules.iter().zip(counts);
        let overflow = Some(self.overflow.0).filter(|overflow| *overflow > 0);
        rules
            .map(|(rule, kinds)| {
                let total: u64 = kinds.values().sum();
                match total {
                    0 => format!("0: {rule}"),
                    _ => format!("{total}: {rule} ({})", words(&kinds)),
                }
            })
            .chain(overflow.map(|overflow| format!("{overflow} control groups {NO_ROOM}")))
            .collect()
    }

    /// The same as JSON: by mute and kind.
    pub fn json(&self) -> Value {
        let rules = self.rules.iter().zip(self.counts());
        let rules = rules.map(|(rule, kinds)| {
            let kinds = kinds.into_iter().map(|(k, n)| (kind_name(k), n.into()));
            (rule.to_string(), Value::Object(kinds.collect()))
        });
        Value::Object(rules.collect::<Map<_, _>>())
    }
}

/// What becomes of groups beyond [`MUTED_MOST`].
const NO_ROOM: &str = "are to be muted and find no room: the plugins have all of their events";

/// What is to be said of a mute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The sentence.
    pub message: String,
    /// What tells the case from others.
    pub case: String,
}

fn words(kinds: &BTreeMap<u16, u64>) -> String {
    let words: Vec<String> = kinds
        .iter()
        .map(|(kind, count)| format!("{} {count}", kind_name(*kind)))
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests;
