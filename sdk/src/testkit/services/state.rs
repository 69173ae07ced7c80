//! `state`, with the agent's limits.

use super::{SERVICES, Services};
use crate::values::failure;

/// Longest key and value, most keys of one answer, and bytes of the plugin's share for each key
/// that it may have: as in the agent.
const MAX_KEY: usize = 256;
const MAX_VALUE: usize = 64 << 10;
const MAX_LISTED: u32 = 1024;
const BYTES_A_KEY: usize = 64;

pub fn get(key: &[u8]) -> Option<Vec<u8>> {
    SERVICES.with_borrow(|s| s.entry(key).map(|(value, _)| value.clone()))
}

pub fn set(key: &[u8], value: &[u8], ttl: u64) -> Result<(), u32> {
    SERVICES.with_borrow_mut(|s| {
        let ends = match ttl {
            0 => 0,
            ttl => s.now.saturating_add(ttl),
        };
        s.write(key, value, ends)?;
        s.counters_of_state.remove(key);
        Ok(())
    })
}

pub fn delete(key: &[u8]) {
    SERVICES.with_borrow_mut(|s| s.state.remove(key));
}

pub fn count(key: &[u8], add: u64, window: u64) -> Result<u64, u32> {
    SERVICES.with_borrow_mut(|s| {
        let counter = s.entry(key).filter(|_| s.counters_of_state.contains(key));
        let (before, ends) = match counter {
            Some((bytes, ends)) => {
                let bytes = bytes.as_slice().try_into().unwrap_or_default();
                (u64::from_le_bytes(bytes), *ends)
            }
            // Also where a value stands: what is counted is a counter from now on.
            None => (0, s.now.saturating_add(window)),
        };
        let sum = before.saturating_add(add);
        s.write(key, &sum.to_le_bytes(), ends)?;
        s.counters_of_state.insert(key.to_owned());
        Ok(sum)
    })
}

pub fn keys(prefix: &[u8], after: &[u8], most: u32) -> Vec<Vec<u8>> {
    SERVICES.with_borrow(|s| {
        let keys = s.state.keys().filter(|key| {
            key.starts_with(prefix) && key.as_slice() > after && s.entry(key).is_some()
        });
        let most = most.min(MAX_LISTED) as usize;
        keys.take(most).cloned().collect()
    })
}

impl Services {
    fn entry(&self, key: &[u8]) -> Option<&(Vec<u8>, u64)> {
        let lives = |(_, ends): &&(Vec<u8>, u64)| *ends == 0 || *ends > self.now;
        self.state.get(key).filter(lives)
    }

    fn write(&mut self, key: &[u8], value: &[u8], ends: u64) -> Result<(), u32> {
        if key.len() > MAX_KEY || value.len() > MAX_VALUE {
            return Err(failure::TOO_LARGE);
        }
        let others = self.state.iter().filter(|(other, _)| *other != key);
        let (keys, bytes) = others.fold((1, key.len() + value.len()), |(keys, bytes), entry| {
            let (key, (value, _)) = entry;
            (keys + 1, bytes + key.len() + value.len())
        });
        let most = self.given.state;
        if bytes > most || keys > most / BYTES_A_KEY {
            return Err(failure::QUOTA);
        }
        self.state.insert(key.to_owned(), (value.to_owned(), ends));
        Ok(())
    }
}
