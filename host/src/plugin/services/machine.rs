//! Questions about the machine: who asks, about what, for how long.

use super::{Services, quota::Meter};
use crate::{
    answers::{About, Answers, Asked, Said, What},
    manifest::{Manifest, Service},
    record::Record,
};
use serde::de::DeserializeOwned;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use vedette_contract::values::failure;

/// What a plugin that may ask about the machine has for that.
#[derive(Debug)]
pub(super) struct Machine {
    plugin: String,
    answers: Answers,
    /// The events of the batch.
    records: Vec<Arc<Record>>,
    /// How long answers of one call may take together: what is left of its deadline is for the
    /// plugin to do something with them.
    time: Duration,
    /// Until when they may, in the call that is on.
    until: Instant,
}

impl Machine {
    pub fn of(manifest: &Manifest) -> Option<Machine> {
        let asks = [Service::File, Service::Context];
        asks.iter()
            .any(|service| manifest.services.contains(service))
            .then(|| Machine {
                plugin: manifest.id.clone(),
                answers: Answers::default(),
                records: Vec::new(),
                time: manifest.limits.deadline / 4 * 3,
                until: Instant::now(),
            })
    }

    /// A call begins, with these events.
    pub fn begin(&mut self, records: &[Arc<Record>], answers: &Answers) {
        self.records.clear();
        self.records.extend_from_slice(records);
        self.answers = answers.clone();
        self.until = Instant::now() + self.time;
    }

    pub fn end(&mut self) {
        self.records.clear();
    }
}

impl Services {
    /// The event with this id, of the batch.
    pub(super) fn event(&self, id: u64) -> Result<Arc<Record>, u32> {
        let machine = self.machine.as_ref().ok_or(failure::NOT_SENT)?;
        let found = machine.records.iter().find(|record| record.event.id == id);
        found.cloned().ok_or(failure::NOT_SENT)
    }

    /// The answer to a question, in the form of the recorded one.
    pub(super) fn of_machine<T: DeserializeOwned>(
        &mut self,
        event: u64,
        what: What,
        about: About<'_>,
    ) -> Result<T, u32> {
        let (read, value) = self.said(event, what, about)?.value();
        self.had(Meter::Machine, read);
        value
    }

    /// The same, of an answer that is bytes.
    pub(super) fn bytes_of_machine(
        &mut self,
        event: u64,
        what: What,
        about: About<'_>,
    ) -> Result<Vec<u8>, u32> {
        let said = self.said(event, what, about)?;
        let (read, bytes) = said.bytes();
        self.had(Meter::Machine, read);
        bytes.map(<[u8]>::to_vec)
    }

    fn said(&mut self, event: u64, what: What, about: About<'_>) -> Result<Said, u32> {
        self.ask(Meter::Machine)?;
        let machine = self.machine.as_ref().ok_or(failure::NOT_SENT)?;
        let asked = Asked {
            what,
            about,
            until: machine.until,
        };
        Ok(machine.answers.ask(&machine.plugin, event, &asked))
    }
}
