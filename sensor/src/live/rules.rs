//! A [`Filter`] in the form that the kernel side reads. Twin of `struct filter` and the maps of
//! watched names and prefixes in `bpf/maps.h`.

use super::{SensorError, object::Object, syscalls};
use crate::filter::{Access, Filter};
use aya::{
    Pod,
    maps::{Array, HashMap, LpmTrie, lpm_trie::Key},
};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a watched name that are compared (`NAME_KEPT`).
const NAME_KEPT: usize = 64;
/// Bytes of a watched prefix that are compared (`PREFIX_KEPT`).
const PREFIX_KEPT: usize = 128;
/// Entries of either map: what an absurd manifest could make of kernel memory. What does not fit
/// widens the filter to all opens, which the host then matches exactly.
const WATCHED_MOST: usize = 1024;

/// Twin of `struct filter`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Words {
    syscalls: syscalls::Calls,
    compat_syscalls: syscalls::CompatCalls,
    kinds: [u64; 2],
    name_lengths: u64,
    own: u32,
    open_marks: u32,
    opens: u32,
    names: u32,
    prefixes: u32,
    unused: u32,
}

// SAFETY: numbers only, without padding: 20 words of 8 bytes, then 6 of 4.
unsafe impl Pod for Words {}

fn access(access: Access) -> u32 {
    match access {
        Access::Write => 1,
        Access::Any => 2,
    }
}

/// Cuts to what the kernel compares, keeping of those that become equal the wider access.
fn cut<const N: usize>(watched: &BTreeMap<Vec<u8>, Access>, most: usize) -> Watched<N> {
    let mut all = Watched::new();
    for (text, wanted) in watched {
        let len = text.len().min(most);
        let mut key = [0; N];
        key[..len].copy_from_slice(&text[..len]);
        let entry = all.entry((key, len)).or_insert(0);
        *entry = access(*wanted).max(*entry);
    }
    all
}

/// Watched texts by key and length, with their access.
type Watched<const N: usize> = BTreeMap<([u8; N], usize), u32>;

/// The longest match decides in the kernel, so a longer prefix also wants what a shorter one that
/// covers it wants.
fn inherit(prefixes: &mut Watched<PREFIX_KEPT>) {
    let shorter = prefixes.clone();
    for ((key, len), wanted) in prefixes.iter_mut() {
        for ((head, head_len), inherited) in &shorter {
            if head_len < len && key[..*head_len] == head[..*head_len] {
                *wanted = (*wanted).max(*inherited);
            }
        }
    }
}

/// What is in the kernel now.
#[derive(Default)]
pub(super) struct Rules {
    names: BTreeSet<[u8; NAME_KEPT]>,
    prefixes: BTreeSet<([u8; PREFIX_KEPT], usize)>,
}

impl Rules {
    /// Puts the filter in force: what is new is added first, then the words change, then what is
    /// no longer wanted goes, so that nothing wanted before and after is missed between.
    pub(super) fn apply(
        &mut self,
        object: &mut Object,
        filter: &Filter,
    ) -> Result<(), SensorError> {
        let names = cut::<NAME_KEPT>(&filter.opens.names, NAME_KEPT - 1);
        let mut prefixes = cut::<PREFIX_KEPT>(&filter.opens.prefixes, PREFIX_KEPT);
        inherit(&mut prefixes);
        let too_many = names.len().max(prefixes.len()) > WATCHED_MOST / 2;
        let (calls, compat) = syscalls::calls_for(filter.kinds);
        let mut words = Words {
            syscalls: calls,
            compat_syscalls: compat,
            kinds: filter.kinds.words(),
            own: std::process::id(),
            open_marks: filter.opens.marks,
            opens: filter.opens.all.map_or(0, access),
            ..Words::default()
        };
        if too_many {
            words.opens = access(Access::Any);
        } else {
            words.names = names.values().copied().max().unwrap_or(0);
            words.prefixes = prefixes.values().copied().max().unwrap_or(0);
            for (_, len) in names.keys() {
                // At most 63, which stands for every longer name.
                words.name_lengths |= 1 << len;
            }
        }

        let mut in_kernel: HashMap<_, [u8; NAME_KEPT], u32> = object.map_mut("NAMES")?;
        let mut kept_names = BTreeSet::new();
        if !too_many {
            for ((key, _), wanted) in &names {
                in_kernel
                    .insert(key, wanted, 0)
                    .map_err(|source| SensorError::map("NAMES", source))?;
                kept_names.insert(*key);
            }
        }
        let mut in_kernel: LpmTrie<_, [u8; PREFIX_KEPT], u32> = object.map_mut("PREFIXES")?;
        let mut kept_prefixes = BTreeSet::new();
        if !too_many {
            for ((key, len), wanted) in &prefixes {
                in_kernel
                    .insert(&Key::new(*len as u32 * 8, *key), wanted, 0)
                    .map_err(|source| SensorError::map("PREFIXES", source))?;
                kept_prefixes.insert((*key, *len));
            }
        }

        let mut in_kernel: Array<_, Words> = object.map_mut(".data.filter")?;
        in_kernel
            .set(0, words, 0)
            .map_err(|source| SensorError::map(".data.filter", source))?;

        let mut in_kernel: HashMap<_, [u8; NAME_KEPT], u32> = object.map_mut("NAMES")?;
        for gone in self.names.difference(&kept_names) {
            in_kernel
                .remove(gone)
                .map_err(|source| SensorError::map("NAMES", source))?;
        }
        let mut in_kernel: LpmTrie<_, [u8; PREFIX_KEPT], u32> = object.map_mut("PREFIXES")?;
        for (gone, len) in self.prefixes.difference(&kept_prefixes) {
            in_kernel
                .remove(&Key::new(*len as u32 * 8, *gone))
                .map_err(|source| SensorError::map("PREFIXES", source))?;
        }
        self.names = kept_names;
        self.prefixes = kept_prefixes;
        Ok(())
    }
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
        assert_eq!(size_of::<Words>(), 20 * 8 + 6 * 4);
    }

    #[test]
    fn a_longer_prefix_wants_what_a_shorter_one_wants() {
        let mut prefixes = cut::<PREFIX_KEPT>(
            &watched(&[
                ("/etc/", Access::Any),
                ("/etc/cron", Access::Write),
                ("/var/", Access::Write),
            ]),
            PREFIX_KEPT,
        );
        inherit(&mut prefixes);
        let wanted: Vec<u32> = prefixes.values().copied().collect();
        assert_eq!(wanted, [2, 2, 1]);
    }

    #[test]
    fn long_names_match_by_their_head_with_the_wider_access() {
        let (a, b) = ("x".repeat(70) + "a", "x".repeat(70) + "b");
        let names = cut::<NAME_KEPT>(
            &watched(&[(&a, Access::Write), (&b, Access::Any)]),
            NAME_KEPT - 1,
        );
        let rows: Vec<_> = names.into_iter().collect();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].0.1, NAME_KEPT - 1);
        assert_eq!(rows[0].1, 2);
    }
}
