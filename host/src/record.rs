//! An event with its context: what steps after `context` pass on, shared and never changed.

use crate::context::process::Process;
use std::sync::Arc;
use vedette_sensor::event::Event;

/// An event and the rows of its processes as they were at its moment.
#[derive(Debug)]
pub struct Record {
    /// What the sensor told.
    pub event: Event,
    /// Who acted; none for ticks and losses.
    pub process: Option<Arc<Process>>,
    /// Who was acted upon.
    pub target: Option<Arc<Process>>,
}

impl Record {
    /// Whether the acting process is in a container.
    pub fn in_container(&self) -> bool {
        let process = self.process.as_ref();
        process.is_some_and(|process| process.container.is_some())
    }
}
