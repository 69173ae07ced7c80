//! Memory that cannot be filled by whoever makes the events.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A hash that is the same in every run (std's is seeded at random where it can be) and quick on
/// the numbers that identify kernel objects. Whoever chooses keys to collide slows down lookups
/// in a table that is bounded anyhow.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes its bucket from the low bits, in which a product is weakest.
        self.0 ^ (self.0 >> 32)
    }
}

/// A map that holds at most so many entries: adding one more evicts the oldest.
#[derive(Debug, Clone)]
pub struct Map<K, V> {
    entries: HashMap<K, Slot<V>, BuildHasherDefault<Mix>>,
    /// Keys by age, those of removed entries among them: the number tells which are.
    ages: VecDeque<(K, u64)>,
    next: u64,
    cap: usize,
    evicted: u64,
}

#[derive(Debug, Clone)]
struct Slot<V> {
    number: u64,
    value: V,
}

impl<K: Hash + Eq + Copy, V> Map<K, V> {
    /// An empty map for at most `cap` entries.
    pub fn new(cap: usize) -> Self {
        Map {
            entries: HashMap::default(),
            ages: VecDeque::new(),
            next: 0,
            cap: cap.max(1),
            evicted: 0,
        }
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries were evicted since it was made.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|slot| &slot.value)
    }

    /// The value of a key, to change.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|slot| &mut slot.value)
    }

    /// Whether it holds this key.
    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// Sets the value of a key. A key that is there already keeps its age.
    pub fn insert(&mut self, key: K, value: V) {
        if let Some(slot) = self.entries.get_mut(&key) {
            slot.value = value;
        } else {
            self.get_or_insert_with(key, || value);
        }
    }

    /// The value of a key, made first where there is none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        if !self.entries.contains_key(&key) {
            self.make_room();
            self.ages.push_back((key, self.next));
            self.next += 1;
        }
        let number = self.next.wrapping_sub(1);
        let make = || Slot {
            number,
            value: make(),
        };
        &mut self.entries.entry(key).or_insert_with(make).value
    }

    /// Forgets a key and returns its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key).map(|slot| slot.value)
    }

    /// Keys and values, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.ages.iter().filter_map(|(key, number)| {
            let slot = self.entries.get(key)?;
            (slot.number == *number).then_some((key, &slot.value))
        })
    }

    fn make_room(&mut self) {
        while self.entries.len() >= self.cap {
            let Some((key, number)) = self.ages.pop_front() else {
                break;
            };
            if self
                .entries
                .get(&key)
                .is_some_and(|slot| slot.number == number)
            {
                self.entries.remove(&key);
                self.evicted += 1;
            }
        }
        // Removed entries leave their key behind; swept when they are the most.
        if self.ages.len() > 2 * self.entries.len() + 16 {
            let entries = &self.entries;
            self.ages
                .retain(|(key, number)| entries.get(key).is_some_and(|s| s.number == *number));
        }
    }
}

/// As its cap and its entries, the oldest first.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Map")]
struct Kept<E> {
    cap: usize,
    evicted: u64,
    entries: E,
}

impl<K: Hash + Eq + Copy + Serialize, V: Serialize> Serialize for Map<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kept = Kept {
            cap: self.cap,
            evicted: self.evicted,
            entries: self.iter().collect::<Vec<_>>(),
        };
        kept.serialize(serializer)
    }
}

impl<'de, K, V> Deserialize<'de> for Map<K, V>
where
    K: Hash + Eq + Copy + Deserialize<'de>,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kept = Kept::<Vec<(K, V)>>::deserialize(deserializer)?;
        let mut map = Map::new(kept.cap);
        for (key, value) in kept.entries {
            map.insert(key, value);
        }
        map.evicted = kept.evicted;
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evicts_the_oldest() {
        let mut map = Map::new(2);
        map.insert(1u64, 'a');
        map.insert(2, 'b');
        map.insert(1, 'c');
        map.insert(3, 'd');
        assert_eq!(map.get(&1), None);
        assert_eq!(map.iter().collect::<Vec<_>>(), [(&2, &'b'), (&3, &'d')]);
        assert_eq!(map.evicted(), 1);
    }

    #[test]
    fn a_key_that_comes_back_is_young() {
        let mut map = Map::new(2);
        map.insert(1u64, 'a');
        map.insert(2, 'b');
        map.remove(&1);
        map.insert(1, 'c');
        map.insert(3, 'd');
        assert_eq!(map.iter().collect::<Vec<_>>(), [(&1, &'c'), (&3, &'d')]);
    }

    #[test]
    fn churn_leaves_nothing_behind() {
        let mut map = Map::new(100);
        for n in 0..10_000u64 {
            map.insert(n, ());
            map.remove(&n);
        }
        assert!(map.is_empty());
        assert!(map.ages.len() < 300, "{}", map.ages.len());
    }
}
