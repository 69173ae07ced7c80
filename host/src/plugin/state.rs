//! What a plugin keeps through traps and reloads: keys and values, with an end in event time.
//!
//! Writes of a call are gathered aside and take effect when it returns, so that a call that traps
//! leaves no half of its work.

use std::collections::{BTreeSet, HashMap};

/// Longest key in bytes: keys are names, and every one is held twice.
pub const MAX_KEY: usize = 256;
/// Longest value in bytes: a plugin that needs more keeps it in its own memory.
pub const MAX_VALUE: usize = 64 << 10;
/// Most keys of one plugin: stops a plugin that keeps one for every event.
pub const MAX_KEYS: usize = 65_536;
/// Most bytes of one plugin, keys and values together: its share of the node's memory.
pub const MAX_BYTES: usize = 4 << 20;

/// Most keys that one call lists: what is copied into a guest's memory.
pub const MAX_LISTED: usize = 1024;

/// Why a write was not taken. Twin of values of the contract's `failure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateError {
    /// The plugin's share is used up.
    Quota,
    /// The key or the value is longer than any may be.
    TooLarge,
}

/// A value or a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Value(Vec<u8>),
    Count(u64),
}

#[derive(Debug, Clone)]
struct Entry {
    content: Content,
    /// Time from which it is gone, ns since boot.
    end: u64,
}

impl Entry {
    fn bytes(&self, key: &[u8]) -> usize {
        key.len() + self.content.bytes()
    }
}

impl Content {
    fn bytes(&self) -> usize {
        match self {
            Content::Value(value) => value.len(),
            Content::Count(_) => size_of::<u64>(),
        }
    }
}

/// The keys of one plugin.
#[derive(Debug, Default, Clone)]
pub struct State {
    entries: HashMap<Vec<u8>, Entry>,
    /// Keys by the time at which they end.
    ends: BTreeSet<(u64, Vec<u8>)>,
    bytes: usize,
}

/// What one call has written so far.
#[derive(Debug, Default)]
pub struct Pending {
    /// None where the key was deleted.
    writes: HashMap<Vec<u8>, Option<Entry>>,
    /// Bytes and keys that the writes would add, at most.
    bytes: usize,
    keys: usize,
}

impl Pending {
    /// The call has written nothing.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

impl State {
    /// Drops what has ended.
    pub fn expire(&mut self, now: u64) {
        while self.ends.first().is_some_and(|(end, _)| *end <= now) {
            if let Some((_, key)) = self.ends.pop_first()
                && let Some(entry) = self.entries.remove(&key)
            {
                self.bytes -= entry.bytes(&key);
            }
        }
    }

    /// The value of a key, as this call sees it.
    pub fn get(&self, pending: &Pending, key: &[u8], now: u64) -> Option<Vec<u8>> {
        match &self.entry(pending, key, now)?.content {
            Content::Value(value) => Some(value.clone()),
            Content::Count(count) => Some(count.to_le_bytes().to_vec()),
        }
    }

    /// Sets a key. `ttl` in ns of event time; 0 keeps it until it is deleted.
    pub fn set(
        &self,
        pending: &mut Pending,
        key: Vec<u8>,
        value: Vec<u8>,
        ttl: u64,
        now: u64,
    ) -> Result<(), StateError> {
        let end = match ttl {
            0 => u64::MAX,
            ttl => now.saturating_add(ttl),
        };
        let content = Content::Value(value);
        self.write(pending, key, Entry { content, end })
    }

    /// Deletes a key.
    pub fn delete(&self, pending: &mut Pending, key: Vec<u8>) {
        if pending.writes.contains_key(&key) || self.entries.contains_key(&key) {
            pending.writes.insert(key, None);
        }
    }

    /// Adds to a counter, which starts again at 0 when its window has passed.
    pub fn count(
        &self,
        pending: &mut Pending,
        key: Vec<u8>,
        add: u64,
        window: u64,
        now: u64,
    ) -> Result<u64, StateError> {
        let (before, end) = match self.entry(pending, &key, now) {
            Some(Entry {
                content: Content::Count(count),
                end,
            }) => (*count, *end),
            // Also where a value stands: what is counted is a counter from now on.
            _ => (0, now.saturating_add(window)),
        };
        let sum = before.saturating_add(add);
        let content = Content::Count(sum);
        self.write(pending, key, Entry { content, end })?;
        Ok(sum)
    }

    /// Keys with this beginning that lie behind `after`, in order, as this call sees them.
    pub fn keys(
        &self,
        pending: &Pending,
        prefix: &[u8],
        after: &[u8],
        most: usize,
        now: u64,
    ) -> Vec<Vec<u8>> {
        let fits = |key: &&Vec<u8>| key.starts_with(prefix) && key.as_slice() > after;
        let stored = self.entries.keys().chain(pending.writes.keys());
        let mut keys: BTreeSet<&Vec<u8>> = stored
            .filter(fits)
            .filter(|key| self.entry(pending, key, now).is_some())
            .collect();
        while keys.len() > most.min(MAX_LISTED) {
            keys.pop_last();
        }
        keys.into_iter().cloned().collect()
    }

    /// Makes a call's writes effective.
    pub fn commit(&mut self, pending: &mut Pending) {
        for (key, entry) in pending.writes.drain() {
            if let Some(old) = self.entries.remove(&key) {
                self.bytes -= old.bytes(&key);
                self.ends.remove(&(old.end, key.clone()));
            }
            let Some(entry) = entry else {
                continue;
            };
            self.bytes += entry.bytes(&key);
            if entry.end != u64::MAX {
                self.ends.insert((entry.end, key.clone()));
            }
            self.entries.insert(key, entry);
        }
        *pending = Pending::default();
    }

    /// Keys that differ from an earlier state, gone ones included, and bytes of those that are new
    /// or have changed.
    pub fn differs_from(&self, earlier: &State) -> (usize, usize) {
        let mut keys = 0;
        let mut bytes = 0;
        for (key, entry) in &self.entries {
            let before = earlier.entries.get(key);
            if before.is_none_or(|before| before.content != entry.content) {
                keys += 1;
                bytes += entry.bytes(key);
            }
        }
        let gone = |key: &&Vec<u8>| !self.entries.contains_key(*key);
        (keys + earlier.entries.keys().filter(gone).count(), bytes)
    }

    /// Number of keys and of bytes.
    pub fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }

    fn entry<'a>(&'a self, pending: &'a Pending, key: &[u8], now: u64) -> Option<&'a Entry> {
        match pending.writes.get(key) {
            Some(written) => written.as_ref(),
            None => self.entries.get(key),
        }
        .filter(|entry| entry.end > now)
    }

    fn write(&self, pending: &mut Pending, key: Vec<u8>, entry: Entry) -> Result<(), StateError> {
        if key.len() > MAX_KEY || entry.content.bytes() > MAX_VALUE {
            return Err(StateError::TooLarge);
        }
        // What a write replaces is not given back before the call returns: an upper bound that
        // needs no second look at the store.
        let old = match pending.writes.get(&key) {
            Some(Some(old)) => Some(old.bytes(&key)),
            Some(None) => None,
            None => self.entries.get(&key).map(|old| old.bytes(&key)),
        };
        let adds = entry.bytes(&key).saturating_sub(old.unwrap_or(0));
        let new_key =
            usize::from(!self.entries.contains_key(&key) && !pending.writes.contains_key(&key));
        if self.bytes + pending.bytes + adds > MAX_BYTES
            || self.entries.len() + pending.keys + new_key > MAX_KEYS
        {
            return Err(StateError::Quota);
        }
        pending.bytes += adds;
        pending.keys += new_key;
        pending.writes.insert(key, Some(entry));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> Vec<u8> {
        n.to_le_bytes().to_vec()
    }

    #[test]
    fn writes_wait_for_the_call_to_return() {
        let mut state = State::default();
        let mut call = Pending::default();
        state
            .set(&mut call, key(1), b"x".to_vec(), 0, 0)
            .expect("room");
        assert_eq!(state.get(&call, &key(1), 0), Some(b"x".to_vec()));
        assert_eq!(state.get(&Pending::default(), &key(1), 0), None);
        state.commit(&mut call);
        assert_eq!(state.get(&call, &key(1), 0), Some(b"x".to_vec()));
        state.delete(&mut call, key(1));
        assert_eq!(state.get(&call, &key(1), 0), None);
        drop(call);
        assert_eq!(
            state.get(&Pending::default(), &key(1), 0),
            Some(b"x".to_vec())
        );
    }

    #[test]
    fn values_end_in_event_time() {
        let mut state = State::default();
        let mut call = Pending::default();
        state
            .set(&mut call, key(1), b"x".to_vec(), 10, 100)
            .expect("room");
        state.commit(&mut call);
        assert!(state.get(&call, &key(1), 109).is_some());
        assert!(state.get(&call, &key(1), 110).is_none());
        state.expire(110);
        assert_eq!(state.size(), (0, 0));
    }

    #[test]
    fn counters_have_a_fixed_window() {
        let mut state = State::default();
        let mut call = Pending::default();
        assert_eq!(state.count(&mut call, key(1), 2, 10, 100), Ok(2));
        state.commit(&mut call);
        assert_eq!(state.count(&mut call, key(1), 3, 10, 109), Ok(5));
        state.commit(&mut call);
        assert_eq!(state.count(&mut call, key(1), 1, 10, 110), Ok(1));
        assert_eq!(
            state.count(&mut call, key(1), u64::MAX, 10, 111),
            Ok(u64::MAX)
        );
    }

    #[test]
    fn quotas_hold_within_a_call_and_over_calls() {
        let mut state = State::default();
        let mut call = Pending::default();
        let big = vec![0; MAX_VALUE];
        assert_eq!(
            state.set(&mut call, vec![0; MAX_KEY + 1], vec![], 0, 0),
            Err(StateError::TooLarge)
        );
        assert_eq!(
            state.set(&mut call, key(0), vec![0; MAX_VALUE + 1], 0, 0),
            Err(StateError::TooLarge)
        );
        let mut taken = 0;
        while state.set(&mut call, key(taken), big.clone(), 0, 0).is_ok() {
            taken += 1;
            if taken % 7 == 0 {
                state.commit(&mut call);
            }
            assert!(taken < 1000, "the quota stops it");
        }
        state.commit(&mut call);
        assert!(state.size().1 <= MAX_BYTES);
        // Replacing is no growth, and what is deleted is free again.
        assert_eq!(state.set(&mut call, key(0), big.clone(), 0, 0), Ok(()));
        state.delete(&mut call, key(0));
        state.commit(&mut call);
        assert_eq!(state.set(&mut call, key(taken), big, 0, 0), Ok(()));
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let mut state = State::default();
        let mut call = Pending::default();
        for n in 0..MAX_KEYS {
            state.set(&mut call, key(n), vec![], 0, 0).expect("room");
        }
        assert_eq!(
            state.set(&mut call, key(MAX_KEYS), vec![], 0, 0),
            Err(StateError::Quota)
        );
        state.commit(&mut call);
        assert_eq!(
            state.count(&mut call, key(MAX_KEYS), 1, 1, 0),
            Err(StateError::Quota)
        );
    }
}
