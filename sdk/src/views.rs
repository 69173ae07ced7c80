//! A typed view for each kind of event, generated from the event catalogue:
//! `event.as_connect()?.port()`.

use crate::{Event, Process, cmdline::Args};

vedette_contract::typed_views!(Event, Process);

impl<'a> Exec<'a> {
    /// The arguments of the new image, the name that it was called by first.
    pub fn argv(self) -> Args<'a> {
        let process = self.event().process();
        process.map_or(Args::new(&[]), Process::args)
    }
}
