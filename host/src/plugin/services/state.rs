//! `state`: keys that survive a trap and a reload.

use super::{
    super::{bindings::vedette::detect::state, state::StateError},
    Services,
};
use vedette_contract::values::failure;

impl From<StateError> for u32 {
    fn from(error: StateError) -> u32 {
        match error {
            StateError::Quota => failure::QUOTA,
            StateError::TooLarge => failure::TOO_LARGE,
        }
    }
}

impl state::Host for Services {
    fn get(&mut self, key: Vec<u8>) -> Option<Vec<u8>> {
        self.kept.lock().state.get(&self.pending, &key, self.now)
    }

    fn set(&mut self, key: Vec<u8>, value: Vec<u8>, ttl: u64) -> Result<(), u32> {
        let kept = self.kept.lock();
        Ok(kept
            .state
            .set(&mut self.pending, key, value, ttl, self.now)?)
    }

    fn delete(&mut self, key: Vec<u8>) {
        self.kept.lock().state.delete(&mut self.pending, key);
    }

    fn count(&mut self, key: Vec<u8>, add: u64, window: u64) -> Result<u64, u32> {
        let kept = self.kept.lock();
        Ok(kept
            .state
            .count(&mut self.pending, key, add, window, self.now)?)
    }

    fn keys(&mut self, prefix: Vec<u8>, after: Vec<u8>, most: u32) -> Vec<Vec<u8>> {
        let kept = self.kept.lock();
        kept.state
            .keys(&self.pending, &prefix, &after, most as usize, self.now)
    }
}
