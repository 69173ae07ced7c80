//! A [`Filter`] in the form that the kernel side reads. Twin of `struct filter` and the maps of
//! watched names and prefixes in `bpf/maps.h`.

use super::{
    SensorError,
    mutes::{Muted, Mutes},
    object::Object,
    syscalls,
};
use crate::filter::{Access, Filter, KindSet, Lines, Opens, STEPS_MOST, Step};
use aya::{
    Pod,
    maps::{Array, HashMap, LpmTrie, MapError, lpm_trie::Key},
};
use std::collections::BTreeMap;

/// Bytes of a watched name that are compared (`NAME_KEPT`).
const NAME_KEPT: usize = 64;
/// Bytes of a watched prefix that are compared (`PREFIX_KEPT`).
const PREFIX_KEPT: usize = 128;
/// Entries of either map: what an absurd manifest could make of kernel memory. What does not fit
/// widens the filter to all opens, which the host then matches exactly.
const WATCHED_MOST: usize = 1024;

/// Marks the key of lines apart in `LINES` (`LINES_APART`).
const LINES_APART: u32 = 0x100;

/// Twin of `struct opens`.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct OpenWords {
    marks: u32,
    all: u32,
    names: u32,
    prefixes: u32,
}

/// Twin of `struct filter`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Words {
    watched: syscalls::Calls,
    syscalls: syscalls::Calls,
    compat_syscalls: syscalls::CompatCalls,
    kinds: [u64; 2],
    narrowed: [u64; 2],
    name_lengths: u64,
    /// Of processes outside of containers, then of those that may be in one.
    opens: [OpenWords; 2],
    by_place: u32,
    home: u32,
    own: u32,
    mutes: u32,
}

// SAFETY: numbers only, without padding: 30 words of 8 bytes, then 12 of 4.
unsafe impl Pod for Words {}

/// Twin of `struct lines`.
#[repr(C)]
#[derive(Clone, Copy)]
struct LineSteps {
    count: u32,
    texts: u32,
    steps: [Step; STEPS_MOST],
}

// SAFETY: numbers only, without padding: 2 words of 4 bytes, then steps of 2 numbers of 2 bytes, 2 of
// one, one of 2 and 4 of 8.
unsafe impl Pod for LineSteps {}

impl LineSteps {
    fn of(lines: &Lines) -> LineSteps {
        let mut fixed = [Step::default(); STEPS_MOST];
        let steps = lines.steps();
        let count = steps.len().min(STEPS_MOST);
        fixed[..count].copy_from_slice(&steps[..count]);
        LineSteps {
            count: count as u32,
            texts: steps.iter().fold(0, |texts, step| texts | step.texts()),
            steps: fixed,
        }
    }
}

/// An access as the kernel side writes it.
fn access(access: Access) -> u32 {
    match access {
        Access::Write => 1,
        Access::Any => 2,
    }
}

/// The access that a value of either map has in a place (`access_in`).
fn access_in(value: u32, place: usize) -> u32 {
    value >> (place * 8) & 0xff
}

/// Two values of either map as one that wants what both want.
fn wider(a: u32, b: u32) -> u32 {
    (0..2).fold(0, |value, place| {
        value | access_in(a, place).max(access_in(b, place)) << (place * 8)
    })
}

/// Watched texts by key and length, with the access in each place.
type Watched<const N: usize> = BTreeMap<([u8; N], usize), u32>;

/// Cuts to what the kernel compares, keeping of those that become equal the wider access. What is
/// wanted of anybody is wanted of processes in containers too.
fn cut<const N: usize>(
    anywhere: &BTreeMap<Vec<u8>, Access>,
    inside: &BTreeMap<Vec<u8>, Access>,
    most: usize,
) -> Watched<N> {
    let mut all = Watched::new();
    let anywhere = anywhere.iter().map(|(text, a)| (text, access(*a) * 0x101));
    let inside = inside.iter().map(|(text, a)| (text, access(*a) * 0x100));
    for (text, wanted) in anywhere.chain(inside) {
        let len = text.len().min(most);
        let mut key = [0; N];
        key[..len].copy_from_slice(&text[..len]);
        let entry = all.entry((key, len)).or_insert(0);
        *entry = wider(*entry, wanted);
    }
    all
}

/// The longest match decides in the kernel, so a longer prefix also wants what a shorter one that
/// covers it wants.
fn inherit(prefixes: &mut Watched<PREFIX_KEPT>) {
    let shorter = prefixes.clone();
    for ((key, len), wanted) in prefixes.iter_mut() {
        for ((head, head_len), inherited) in &shorter {
            if head_len < len && key[..*head_len] == head[..*head_len] {
                *wanted = wider(*wanted, *inherited);
            }
        }
    }
}

/// Everything that the kernel is told, but for what stays the same.
struct Compiled {
    words: Words,
    tables: Tables,
}

impl Compiled {
    fn of(filter: &Filter, home: u32) -> Compiled {
        let (opens, inside) = (&filter.opens, &filter.opens_inside);
        let mut names = cut::<NAME_KEPT>(&opens.names, &inside.names, NAME_KEPT - 1);
        let mut prefixes = cut::<PREFIX_KEPT>(&opens.prefixes, &inside.prefixes, PREFIX_KEPT);
        inherit(&mut prefixes);
        let too_many = names.len().max(prefixes.len()) > WATCHED_MOST / 2;
        if too_many {
            names.clear();
            prefixes.clear();
        }
        let (calls, compat) = syscalls::calls_for(filter.kinds);
        let narrowed = filter.lines.keys().filter(|kind| filter.kinds.has(**kind));
        let mut words = Words {
            syscalls: calls,
            compat_syscalls: compat,
            kinds: filter.kinds.words(),
            narrowed: narrowed
                .fold(KindSet::default(), |set, kind| set.with(*kind))
                .words(),
            home,
            own: std::process::id(),
            ..Words::default()
        };
        for (watched, (calls, compat)) in words.watched.iter_mut().zip(calls.iter().zip(&compat)) {
            *watched = calls | compat;
        }
        // The calls that socketcall stands for come through that one.
        if compat[8] != 0 {
            words.watched[syscalls::SOCKETCALL >> 6] |= 1 << (syscalls::SOCKETCALL & 63);
        }
        for (place, of_place) in words.opens.iter_mut().enumerate() {
            let sets: &[&Opens] = if place == 0 {
                &[opens]
            } else {
                &[opens, inside]
            };
            for set in sets {
                of_place.marks |= set.marks;
                of_place.all = of_place.all.max(set.all.map_or(0, access));
                if too_many && !(set.names.is_empty() && set.prefixes.is_empty()) {
                    of_place.all = access(Access::Any);
                }
            }
            let widest = |values: &mut dyn Iterator<Item = &u32>| {
                values
                    .map(|value| access_in(*value, place))
                    .max()
                    .unwrap_or(0)
            };
            of_place.names = widest(&mut names.values());
            of_place.prefixes = widest(&mut prefixes.values());
        }
        words.by_place = u32::from(words.opens[0] != words.opens[1]);
        for (_, len) in names.keys() {
            // At most 63, which stands for every longer name.
            words.name_lengths |= 1 << len;
        }
        let names = names.into_iter().map(|((key, _), wanted)| (key, wanted));
        let narrow = (filter.lines.iter()).map(|(kind, lines)| (u32::from(*kind), lines.clone()));
        let apart = filter.apart.kept();
        let apart = apart.map(|(kind, lines)| (u32::from(kind) | LINES_APART, lines));
        Compiled {
            words,
            tables: Tables {
                names: names.collect(),
                prefixes,
                lines: narrow.chain(apart).collect(),
            },
        }
    }
}

/// What is in the kernel now.
#[derive(Default)]
pub(super) struct Rules {
    tables: Tables,
    /// The filter in force.
    filter: Filter,
    /// The machine's own mount namespace.
    home: u32,
    mutes: Mutes,
}

impl Rules {
    /// What a filter compiles to, and whether anything is muted.
    fn compile(&self, filter: &Filter) -> Compiled {
        let mut compiled = Compiled::of(filter, self.home);
        compiled.words.mutes = u32::from(self.mutes.any());
        compiled
    }

    /// Mutes a control group, or no longer. The kernel side looks at no group while none is muted.
    pub(super) fn set_muted(
        &mut self,
        object: &mut Object,
        group: Group,
        muted: Option<Muted>,
    ) -> Result<(), SensorError> {
        let before = self.mutes.any();
        self.mutes.set(object, key_of(group), muted)?;
        if self.mutes.any() != before {
            set_words(object, self.compile(&self.filter).words)?;
        }
        Ok(())
    }

    /// Tells which mount namespace is the machine's own: only of processes there is it ever known
    /// that they are in no container.
    pub(super) fn set_home(
        &mut self,
        object: &mut Object,
        mount_namespace: u32,
    ) -> Result<(), SensorError> {
        if self.home == mount_namespace {
            return Ok(());
        }
        self.home = mount_namespace;
        set_words(object, self.compile(&self.filter).words)?;
        forget_answers(object)
    }

    /// Puts the filter in force. On the way stands what the old and the new one want together, until
    /// no program runs any more that has read of the old one: so nothing that both want is missed.
    pub(super) fn apply(
        &mut self,
        object: &mut Object,
        filter: &Filter,
    ) -> Result<(), SensorError> {
        let mut both = self.filter.clone();
        both.union(filter);
        let narrows = both != *filter;
        let both = self.compile(&both);
        set_words(object, both.words)?;
        self.tables.turn_into(object, both.tables)?;
        if narrows {
            outlast_programs();
            let alone = self.compile(filter);
            self.tables.turn_into(object, alone.tables)?;
            set_words(object, alone.words)?;
        }
        self.filter = filter.clone();
        Ok(())
    }
}

/// Waits until every program that runs now has ended: some ms. A program that looks for a name
/// before it is told and for a prefix after that is gone would else miss what stands in both.
fn outlast_programs() {
    /// `MEMBARRIER_CMD_GLOBAL` of linux/membarrier.h: the kernel waits for a grace period, as which
    /// programs on tracepoints count.
    const GLOBAL: libc::c_int = 1;
    // SAFETY: the call takes three numbers and touches no memory.
    if unsafe { libc::syscall(libc::SYS_membarrier, GLOBAL, 0, 0) } != 0 {
        tracing::debug!(
            "changing the filter without waiting for programs: {}",
            std::io::Error::last_os_error()
        );
    }
}

/// A control group, by its number in the unified hierarchy or in the pids hierarchy of version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// In the unified hierarchy.
    Unified(u64),
    /// In the pids hierarchy.
    V1(u64),
}

/// The flag with which the kernel inserts only what is new.
const BPF_NOEXIST: u64 = 1;

/// Tells groups of version 1 from the others (`GROUP_V1`).
const GROUP_V1: u64 = 1 << 63;

/// A group in a map's key.
fn key_of(group: Group) -> u64 {
    match group {
        Group::Unified(id) => id,
        Group::V1(id) => id | GROUP_V1,
    }
}

pub(super) fn set_outside(
    object: &mut Object,
    group: Group,
    outside: bool,
) -> Result<(), SensorError> {
    let key = key_of(group);
    let mut map: HashMap<_, u64, u32> = object.map_mut("OUTSIDE")?;
    let done = if outside {
        // What the kernel knows better by now stands.
        unless_there(map.insert(key, 1, BPF_NOEXIST))
    } else {
        removed(map.remove(&key))
    };
    done.map_err(|source| SensorError::map("OUTSIDE", source))?;
    forget_answers(object)
}

/// Of a key that is not to replace another: that there is one is as good.
fn unless_there(done: Result<(), MapError>) -> Result<(), MapError> {
    match done {
        Err(MapError::SyscallError(error))
            if error.io_error.kind() == std::io::ErrorKind::AlreadyExists =>
        {
            Ok(())
        }
        done => done,
    }
}

/// Of the removal of a key: that it was not there is as good.
pub(super) fn removed(done: Result<(), MapError>) -> Result<(), MapError> {
    match done {
        Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error))
            if error.io_error.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(())
        }
        done => done,
    }
}

/// Makes the kernel side judge every process anew.
fn forget_answers(object: &mut Object) -> Result<(), SensorError> {
    let failed = |source| SensorError::map(".data.told", source);
    let mut told: Array<_, u64> = object.map_mut(".data.told")?;
    let number = told.get(&0, 0).map_err(failed)?;
    told.set(0, number.wrapping_add(1), 0).map_err(failed)
}

fn set_words(object: &mut Object, words: Words) -> Result<(), SensorError> {
    let mut in_kernel: Array<_, Words> = object.map_mut(".data.filter")?;
    in_kernel
        .set(0, words, 0)
        .map_err(|source| SensorError::map(".data.filter", source))
}

/// What stands in maps.
#[derive(Default)]
struct Tables {
    names: BTreeMap<[u8; NAME_KEPT], u32>,
    prefixes: Watched<PREFIX_KEPT>,
    /// By kind, and by kind with [`LINES_APART`].
    lines: BTreeMap<u32, Lines>,
}

impl Tables {
    /// Makes the maps hold these, what is new or other first.
    fn turn_into(&mut self, object: &mut Object, new: Tables) -> Result<(), SensorError> {
        let failed = |name| move |source| SensorError::map(name, source);
        let mut map: HashMap<_, [u8; NAME_KEPT], u32> = object.map_mut("NAMES")?;
        turn(
            &mut map,
            (&self.names, &new.names),
            |map, name, wanted| map.insert(name, wanted, 0),
            |map, name| map.remove(name),
        )
        .map_err(failed("NAMES"))?;
        let mut map: LpmTrie<_, [u8; PREFIX_KEPT], u32> = object.map_mut("PREFIXES")?;
        let key = |(text, len): &([u8; PREFIX_KEPT], usize)| Key::new(*len as u32 * 8, *text);
        turn(
            &mut map,
            (&self.prefixes, &new.prefixes),
            |map, prefix, wanted| map.insert(&key(prefix), wanted, 0),
            |map, prefix| map.remove(&key(prefix)),
        )
        .map_err(failed("PREFIXES"))?;
        let mut map: HashMap<_, u32, LineSteps> = object.map_mut("LINES")?;
        turn(
            &mut map,
            (&self.lines, &new.lines),
            |map, key, lines| map.insert(key, LineSteps::of(lines), 0),
            |map, key| map.remove(key),
        )
        .map_err(failed("LINES"))?;
        *self = new;
        Ok(())
    }
}

/// Turns what a map holds from one table into another.
fn turn<M, K: Ord, V: PartialEq>(
    map: &mut M,
    (from, to): (&BTreeMap<K, V>, &BTreeMap<K, V>),
    insert: impl Fn(&mut M, &K, &V) -> Result<(), MapError>,
    remove: impl Fn(&mut M, &K) -> Result<(), MapError>,
) -> Result<(), MapError> {
    for (key, value) in to {
        if from.get(key) != Some(value) {
            insert(map, key, value)?;
        }
    }
    from.keys()
        .filter(|key| !to.contains_key(key))
        .try_for_each(|key| remove(map, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(of: &[(&str, Access)]) -> BTreeMap<Vec<u8>, Access> {
        of.iter()
            .map(|(text, access)| (text.as_bytes().to_vec(), *access))
            .collect()
    }

    #[test]
    fn the_words_have_the_layout_of_the_kernel_side() {
        assert_eq!(size_of::<Words>(), 30 * 8 + 12 * 4);
        assert_eq!(size_of::<LineSteps>(), 8 + STEPS_MOST * 40);
    }

    #[test]
    fn a_longer_prefix_wants_what_a_shorter_one_wants() {
        let mut prefixes = cut::<PREFIX_KEPT>(
            &watched(&[
                ("/etc/", Access::Any),
                ("/etc/cron", Access::Write),
                ("/var/", Access::Write),
            ]),
            &watched(&[("/var/lib/", Access::Any)]),
            PREFIX_KEPT,
        );
        inherit(&mut prefixes);
        let wanted: Vec<u32> = prefixes.values().copied().collect();
        assert_eq!(wanted, [0x202, 0x202, 0x101, 0x201]);
    }

    #[test]
    fn long_names_match_by_their_head_with_the_wider_access() {
        let (a, b) = ("x".repeat(70) + "a", "x".repeat(70) + "b");
        let names = cut::<NAME_KEPT>(
            &watched(&[(&a, Access::Write), (&b, Access::Any)]),
            &BTreeMap::new(),
            NAME_KEPT - 1,
        );
        let rows: Vec<_> = names.into_iter().collect();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].0.1, NAME_KEPT - 1);
        assert_eq!(rows[0].1, 0x202);
    }
}
