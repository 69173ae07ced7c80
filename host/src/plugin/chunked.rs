//! A sorted map whose copies share what neither has changed since: a fork of a large state costs a
//! few pointers, and a write after it copies one small chunk.

use std::{cmp::Ordering, sync::Arc};

/// Entries of one chunk at most: what one write copies after a fork.
const CHUNK: usize = 64;

type Chunk<K, V> = Arc<Vec<(K, V)>>;

/// The map. No chunk is empty.
#[derive(Debug, Clone)]
pub struct Chunked<K, V> {
    chunks: Vec<Chunk<K, V>>,
    len: usize,
}

impl<K, V> Default for Chunked<K, V> {
    fn default() -> Chunked<K, V> {
        Chunked {
            chunks: Vec::new(),
            len: 0,
        }
    }
}

impl<K: Ord + Clone, V: Clone> Chunked<K, V> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a key. `order` compares a stored key with the one that is sought.
    pub fn get(&self, order: impl Fn(&K) -> std::cmp::Ordering) -> Option<&V> {
        let chunk = &self.chunks[self.chunk(&order)?];
        let place = chunk.binary_search_by(|(key, _)| order(key)).ok()?;
        Some(&chunk[place].1)
    }

    /// Puts an entry in; returns the value that was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let Some(at) = self.chunk(|k| k.cmp(&key)) else {
            self.chunks.push(Arc::new(vec![(key, value)]));
            self.len = 1;
            return None;
        };
        let last = at + 1 == self.chunks.len();
        let chunk = Arc::make_mut(&mut self.chunks[at]);
        match chunk.binary_search_by(|(k, _)| k.cmp(&key)) {
            Ok(place) => Some(std::mem::replace(&mut chunk[place].1, value)),
            Err(place) => {
                chunk.insert(place, (key, value));
                self.len += 1;
                if chunk.len() > CHUNK {
                    // Keys that only grow leave full chunks behind, not half ones.
                    let at_end = place + 1 == chunk.len() && last;
                    let kept = if at_end { CHUNK } else { CHUNK / 2 };
                    let more = chunk.split_off(kept);
                    self.chunks.insert(at + 1, Arc::new(more));
                }
                None
            }
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, order: impl Fn(&K) -> std::cmp::Ordering) -> Option<(K, V)> {
        let at = self.chunk(&order)?;
        let place = self.chunks[at].binary_search_by(|(key, _)| order(key));
        let chunk = Arc::make_mut(&mut self.chunks[at]);
        let entry = chunk.remove(place.ok()?);
        self.len -= 1;
        if chunk.is_empty() {
            self.chunks.remove(at);
        } else if at > 0 && self.chunks[at - 1].len() + self.chunks[at].len() <= CHUNK / 2 {
            // What is left of many removals is not spread over as many chunks.
            let more = self.chunks.remove(at);
            Arc::make_mut(&mut self.chunks[at - 1]).extend(more.iter().cloned());
        }
        Some(entry)
    }

    /// The entry with the smallest key.
    pub fn first(&self) -> Option<&(K, V)> {
        self.chunks.first()?.first()
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The entries from the first on for which `before` does not hold, in order.
    pub fn from(&self, before: impl Fn(&K) -> bool) -> impl Iterator<Item = &(K, V)> {
        let ends_before = |chunk: &Chunk<K, V>| chunk.last().is_some_and(|(key, _)| before(key));
        let at = self.chunks.partition_point(ends_before);
        let skipped = match self.chunks.get(at) {
            Some(chunk) => chunk.partition_point(|(key, _)| before(key)),
            None => 0,
        };
        self.chunks[at..]
            .iter()
            .flat_map(|chunk| chunk.iter())
            .skip(skipped)
    }

    /// Tells what differs from an earlier map, in order: what stands here under each key that is
    /// new or has changed, none for one that is gone. What the two share is not even looked at.
    pub fn changes_since<'m>(
        &'m self,
        earlier: &'m Chunked<K, V>,
        mut tell: impl FnMut(&'m K, Option<&'m V>),
    ) where
        V: PartialEq,
    {
        let (mut new, mut old) = (Cursor::of(self), Cursor::of(earlier));
        loop {
            if let (Some(one), Some(other)) = (new.whole(), old.whole())
                && Arc::ptr_eq(one, other)
            {
                new.skip();
                old.skip();
                continue;
            }
            match (new.entry(), old.entry()) {
                (None, None) => return,
                (Some((key, value)), before) => {
                    let order = before.map_or(Ordering::Less, |(other, _)| key.cmp(other));
                    if order.is_gt() {
                        before.into_iter().for_each(|(gone, _)| tell(gone, None));
                        old.step();
                        continue;
                    }
                    if order.is_lt() || before.is_none_or(|(_, before)| before != value) {
                        tell(key, Some(value));
                    }
                    if order.is_eq() {
                        old.step();
                    }
                    new.step();
                }
                (None, Some((gone, _))) => {
                    tell(gone, None);
                    old.step();
                }
            }
        }
    }

    /// The chunk that a key belongs to: the last that does not begin behind it.
    fn chunk(&self, order: impl Fn(&K) -> std::cmp::Ordering) -> Option<usize> {
        let begins_before =
            |chunk: &Chunk<K, V>| chunk.first().is_some_and(|(key, _)| order(key).is_le());
        if self.chunks.is_empty() {
            return None;
        }
        Some(self.chunks.partition_point(begins_before).saturating_sub(1))
    }
}

/// A place in a map.
struct Cursor<'m, K, V> {
    chunks: &'m [Chunk<K, V>],
    place: usize,
}

impl<'m, K, V> Cursor<'m, K, V> {
    fn of(map: &'m Chunked<K, V>) -> Cursor<'m, K, V> {
        Cursor {
            chunks: &map.chunks,
            place: 0,
        }
    }

    /// The chunk that begins here, if one does.
    fn whole(&self) -> Option<&'m Chunk<K, V>> {
        self.chunks.first().filter(|_| self.place == 0)
    }

    fn entry(&self) -> Option<&'m (K, V)> {
        self.chunks.first()?.get(self.place)
    }

    fn step(&mut self) {
        self.place += 1;
        if self.chunks.first().is_some_and(|c| self.place == c.len()) {
            self.skip();
        }
    }

    fn skip(&mut self) {
        self.chunks = self.chunks.get(1..).unwrap_or_default();
        self.place = 0;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_a_map(acts in proptest::collection::vec((any::<bool>(), 0u32..400, any::<u8>()), 0..2000)) {
            let mut model = BTreeMap::new();
            let mut map = Chunked::default();
            let mut earlier = map.clone();
            for (n, (put, key, value)) in acts.into_iter().enumerate() {
                let fork = (n % 97 == 0).then(|| (map.clone(), model.clone()));
                if put {
                    prop_assert_eq!(map.insert(key, value), model.insert(key, value));
                } else {
                    prop_assert_eq!(map.remove(|k| k.cmp(&key)), model.remove_entry(&key));
                }
                prop_assert_eq!(map.get(|k| k.cmp(&key)), model.get(&key));
                prop_assert_eq!(map.len(), model.len());
                if let Some((fork, before)) = fork {
                    prop_assert!(fork.iter().copied().eq(before));
                    earlier = fork;
                }
                if n % 31 == 0 {
                    let mut made = earlier.clone();
                    map.changes_since(&earlier, |key, value| match value {
                        Some(value) => {
                            assert_ne!(made.insert(*key, *value), Some(*value));
                        }
                        None => assert!(made.remove(|k| k.cmp(key)).is_some()),
                    });
                    prop_assert!(made.iter().eq(map.iter()));
                }
            }
            prop_assert!(map.iter().copied().eq(model.clone()));
            prop_assert_eq!(map.first().copied(), model.first_key_value().map(|(k, v)| (*k, *v)));
            for from in [0u32, 1, 57, 200, 399, 500] {
                let ours = map.from(|k| *k < from).copied();
                prop_assert!(ours.eq(model.range(from..).map(|(k, v)| (*k, *v))));
            }
        }
    }

    #[test]
    fn a_fork_shares_all_that_is_not_written() {
        let mut map = Chunked::default();
        for n in 0..10_000u32 {
            map.insert(n, n);
        }
        let fork = map.clone();
        map.insert(5000, 0);
        let same = |(one, other): &(&Chunk<u32, u32>, &Chunk<u32, u32>)| Arc::ptr_eq(one, other);
        let shared = map.chunks.iter().zip(&fork.chunks).filter(same).count();
        assert_eq!(shared, map.chunks.len() - 1);
        assert_eq!(fork.get(|k| k.cmp(&5000)), Some(&5000));
    }
}
