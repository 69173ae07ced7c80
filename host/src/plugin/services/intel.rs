//! `intel`: the operator's lists, as they were when the events of the batch happened.

use super::{super::bindings::vedette::detect::intel, Services, quota::Meter};
use vedette_contract::values::failure;

impl intel::Host for Services {
    fn look_up(&mut self, kind: u32, value: Vec<u8>) -> Result<Vec<intel::Hit>, u32> {
        self.ask(Meter::Intel)?;
        let lists = self.lists.as_ref().ok_or(failure::UNAVAILABLE)?;
        let hits = lists.look_up(kind, &value)?;
        self.had(Meter::Intel, hits.len() as u64);
        let told = |hit: crate::intel::Hit| intel::Hit {
            list: hit.list.to_string(),
            entry: hit.entry,
            note: hit.note,
        };
        Ok(hits.into_iter().map(told).collect())
    }
}
