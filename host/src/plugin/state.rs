//! What a plugin keeps through traps and reloads: keys and values, with an end in event time.
//!
//! Writes of a call are gathered aside and take effect when it returns, so that a call that traps
//! leaves no half of its work. A copy ([`Clone`]) shares all that is not written afterwards: it is
//! what a shadow runs on, and what a rollback goes back to.

use super::chunked::Chunked;
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// Longest key in bytes: keys are names, and every one is held twice.
pub const MAX_KEY: usize = 256;
/// Longest value in bytes: a plugin that needs more keeps it in its own memory.
pub const MAX_VALUE: usize = 64 << 10;
/// Most bytes of a plugin whose manifest does not say, keys and values together: its share of the
/// node's memory.
pub const DEFAULT_BYTES: usize = 4 << 20;
/// Bytes of the quota for each key that it allows: stops a plugin that keeps an empty value for
/// every event, whose cost lies beside its bytes.
pub(super) const BYTES_A_KEY: usize = 64;

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

/// A key, shared by all who hold it.
pub type Key = Arc<[u8]>;

/// A value or a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// What was set.
    Value(Arc<[u8]>),
    /// What was counted.
    Count(u64),
}

/// What stands under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub content: Content,
    /// Time from which it is gone, ns since boot; the largest number for never.
    pub end: u64,
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
#[derive(Debug, Clone)]
pub struct State {
    entries: Chunked<Key, Entry>,
    /// Keys by the time at which they end.
    ends: Chunked<(u64, Key), ()>,
    bytes: usize,
    quota: usize,
}

impl Default for State {
    fn default() -> State {
        State {
            entries: Chunked::default(),
            ends: Chunked::default(),
            bytes: 0,
            quota: DEFAULT_BYTES,
        }
    }
}

/// Entries that a load has left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unloaded {
    /// Their time was over.
    pub ended: usize,
    /// There was no room for them.
    pub beyond_quota: usize,
}

/// What one call has written so far.
#[derive(Debug, Default)]
pub struct Pending {
    /// None where a stored key was deleted.
    writes: BTreeMap<Vec<u8>, Option<Entry>>,
    /// Bytes and keys that the writes add, or take away: what fits must not depend on how acts fall
    /// into calls.
    bytes: isize,
    keys: isize,
}

impl Pending {
    /// The call has written nothing.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

impl State {
    /// Sets how many bytes it may hold. What is there beyond stays, and nothing is added.
    pub fn set_quota(&mut self, bytes: usize) {
        self.quota = bytes;
    }

    /// Most keys that it may hold.
    fn most_keys(&self) -> usize {
        self.quota / BYTES_A_KEY
    }

    /// What an agent's earlier run kept, in place of what is here; `now` is the time. What has
    /// ended is left out, and what the quota has no room for; returns how much that was.
    pub fn load(&mut self, entries: impl IntoIterator<Item = (Key, Entry)>, now: u64) -> Unloaded {
        self.entries = Chunked::default();
        self.ends = Chunked::default();
        self.bytes = 0;
        let mut unloaded = Unloaded::default();
        for (key, entry) in entries {
            let fits = self.bytes + entry.bytes(&key) <= self.quota
                && self.entries.len() < self.most_keys();
            if entry.end <= now {
                unloaded.ended += 1;
            } else if fits {
                self.put(key, entry);
            } else {
                unloaded.beyond_quota += 1;
            }
        }
        unloaded
    }

    /// What differs from an earlier copy, by key in order; none where a key is gone.
    pub fn changes_since<'s>(&'s self, earlier: &'s State) -> Vec<(&'s Key, Option<&'s Entry>)> {
        let mut changes = Vec::new();
        let entries = &self.entries;
        entries.changes_since(&earlier.entries, |key, entry| changes.push((key, entry)));
        changes
    }

    /// Goes back to what a copy holds.
    pub fn restore(&mut self, copy: &State) {
        self.entries = copy.entries.clone();
        self.ends = copy.ends.clone();
        self.bytes = copy.bytes;
    }

    /// What stands under a key, whenever it ends.
    pub fn stored(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(|k| (**k).cmp(key))
    }

    /// All keys with what stands under them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &(Key, Entry)> {
        self.entries.iter()
    }

    /// The clock has begun to run: what was written before it did ends that much later.
    pub fn begin(&mut self, now: u64) {
        let ends: Vec<(u64, Key)> = self.ends.iter().map(|(end, ())| end.clone()).collect();
        for (end, key) in ends {
            if let Some((key, mut entry)) = self.take(&key) {
                entry.end = end.saturating_add(now);
                self.put(key, entry);
            }
        }
    }

    /// Drops what has ended.
    pub fn expire(&mut self, now: u64) {
        while let Some(((end, key), ())) = self.ends.first()
            && *end <= now
        {
            let key = key.clone();
            self.take(&key);
        }
    }

    fn take(&mut self, key: &[u8]) -> Option<(Key, Entry)> {
        let (key, entry) = self.entries.remove(|k| (**k).cmp(key))?;
        self.bytes -= entry.bytes(&key);
        self.ends.remove(|k| (k.0, &*k.1).cmp(&(entry.end, &*key)));
        Some((key, entry))
    }

    fn put(&mut self, key: Key, entry: Entry) {
        self.bytes += entry.bytes(&key);
        if entry.end != u64::MAX {
            self.ends.insert((entry.end, key.clone()), ());
        }
        self.entries.insert(key, entry);
    }

    /// The value of a key, as this call sees it.
    pub fn get(&self, pending: &Pending, key: &[u8], now: u64) -> Option<Vec<u8>> {
        match &self.entry(pending, key, now)?.content {
            Content::Value(value) => Some(value.to_vec()),
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
        let content = Content::Value(value.into());
        self.write(pending, key, Entry { content, end })
    }

    /// Deletes a key.
    pub fn delete(&self, pending: &mut Pending, key: Vec<u8>) {
        let Some(before) = self.bytes_of(pending, &key) else {
            return;
        };
        pending.bytes -= before as isize;
        pending.keys -= 1;
        // Of a key that this very call made nothing is left: a call that makes and deletes without
        // end holds nothing.
        match self.stored(&key) {
            Some(_) => pending.writes.insert(key, None),
            None => pending.writes.remove(&key),
        };
    }

    /// Bytes of what stands under a key as this call leaves it, whenever it ends; none where
    /// nothing does.
    fn bytes_of(&self, pending: &Pending, key: &[u8]) -> Option<usize> {
        match pending.writes.get(key) {
            Some(written) => written.as_ref(),
            None => self.stored(key),
        }
        .map(|entry| entry.bytes(key))
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
        let most = most.min(MAX_LISTED);
        let before = |key: &[u8]| key <= after || key < prefix;
        let mut stored = self
            .entries
            .from(|key| before(key))
            .map(|(key, _)| &**key)
            .take_while(|key| key.starts_with(prefix))
            .filter(|key| !pending.writes.contains_key(*key))
            .filter(|key| self.entry(pending, key, now).is_some())
            .peekable();
        // From whichever lies further on.
        let from = prefix.max(after);
        let mut written = pending
            .writes
            .range::<[u8], _>((Bound::Included(from), Bound::Unbounded))
            .map(|(key, _)| key.as_slice())
            .filter(|key| !before(key))
            .take_while(|key| key.starts_with(prefix))
            .filter(|key| self.entry(pending, key, now).is_some())
            .peekable();
        let mut keys = Vec::new();
        while keys.len() < most {
            let next = match (stored.peek(), written.peek()) {
                (Some(one), Some(other)) if one < other => stored.next(),
                (_, Some(_)) => written.next(),
                (_, None) => stored.next(),
            };
            let Some(key) = next else { break };
            keys.push(key.to_vec());
        }
        keys
    }

    /// Makes a call's writes effective.
    pub fn commit(&mut self, pending: &mut Pending) {
        for (key, entry) in std::mem::take(&mut pending.writes) {
            let key: Key = match self.take(&key) {
                Some((key, _)) => key,
                None => key.into(),
            };
            if let Some(entry) = entry {
                self.put(key, entry);
            }
        }
        *pending = Pending::default();
    }

    /// Keys that differ from an earlier state, gone ones included, and bytes of those that are new
    /// or have changed.
    pub fn differs_from(&self, earlier: &State) -> (usize, usize) {
        let mut keys = 0;
        let mut bytes = 0;
        for (key, entry) in self.entries.iter() {
            let before = earlier.stored(key);
            if before.is_none_or(|before| before.content != entry.content) {
                keys += 1;
                bytes += entry.bytes(key);
            }
        }
        let gone = earlier.iter().filter(|(key, _)| self.stored(key).is_none());
        (keys + gone.count(), bytes)
    }

    /// Number of keys and of bytes.
    pub fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }

    fn entry<'a>(&'a self, pending: &'a Pending, key: &[u8], now: u64) -> Option<&'a Entry> {
        match pending.writes.get(key) {
            Some(written) => written.as_ref(),
            None => self.stored(key),
        }
        .filter(|entry| entry.end > now)
    }

    fn write(&self, pending: &mut Pending, key: Vec<u8>, entry: Entry) -> Result<(), StateError> {
        if key.len() > MAX_KEY || entry.content.bytes() > MAX_VALUE {
            return Err(StateError::TooLarge);
        }
        let before = self.bytes_of(pending, &key);
        let more = entry.bytes(&key) as isize - before.unwrap_or(0) as isize;
        let bytes = (self.bytes as isize).saturating_add(pending.bytes + more);
        let keys = (self.entries.len() as isize).saturating_add(pending.keys + 1);
        // Where the quota has shrunk below what is there, that may still be replaced.
        if more > 0 && bytes > self.quota as isize
            || before.is_none() && keys > self.most_keys() as isize
        {
            return Err(StateError::Quota);
        }
        pending.bytes += more;
        pending.keys += isize::from(before.is_none());
        pending.writes.insert(key, Some(entry));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
