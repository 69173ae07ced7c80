//! `context`: what the agent knows beyond a batch, as it was when an event happened.

use super::{
    super::{bindings::vedette::detect::context::Socket, component::interface, wire::Batch},
    Services,
    quota::Meter,
};
use crate::{
    answers::{self, About, What},
    context::{Moment, process::Process},
};
use std::sync::Arc;
use vedette_contract::values::failure;
use wasmtime::component::Linker;

/// Most processes that one answer lists: what is copied into a guest's memory.
pub(super) const MAX_LISTED: u32 = 1024;

type Answer = Result<Arc<Batch>, u32>;
type Listed = Result<(u32, Arc<Batch>), u32>;

/// Gives the linker the functions. The batches of their answers are built as those of events are,
/// which the generated way cannot.
pub(super) fn link(linker: &mut Linker<Services>) -> wasmtime::Result<()> {
    let mut context = linker.instance(&interface("context"))?;
    context.func_wrap("process", |mut cx, (event, key): (u64, u64)| {
        Ok((cx.data_mut().process(event, key),))
    })?;
    context.func_wrap("children", |mut cx, (event, key, most): (u64, u64, u32)| {
        Ok((cx
            .data_mut()
            .list(event, most, |at, most| at.children(key, most)),))
    })?;
    context.func_wrap("members", |mut cx, (event, key, most): (u64, u64, u32)| {
        Ok((cx
            .data_mut()
            .list(event, most, |at, most| at.members(key, most)),))
    })?;
    context.func_wrap("sockets", |mut cx, (event, key): (u64, u64)| {
        Ok((cx.data_mut().sockets(event, key),))
    })
}

impl Services {
    /// The moment of an event of the batch.
    fn moment(&mut self, event: u64) -> Result<Moment, u32> {
        self.ask(Meter::Context)?;
        let found = self.moments.iter().find(|(id, _)| *id == event);
        let (_, moment) = found.ok_or(failure::NOT_SENT)?;
        match moment.is_known() {
            true => Ok(moment.clone()),
            false => Err(failure::UNAVAILABLE),
        }
    }

    fn process(&mut self, event: u64, key: u64) -> Answer {
        let process = self.moment(event)?.process(key);
        let process = process.ok_or(failure::NOT_FOUND)?;
        Ok(self.answer(event, &[process]).1)
    }

    fn list(
        &mut self,
        event: u64,
        most: u32,
        ask: impl Fn(&Moment, usize) -> (Vec<Arc<Process>>, usize),
    ) -> Listed {
        let moment = self.moment(event)?;
        let (rows, looked) = ask(&moment, most.min(MAX_LISTED) as usize);
        self.had(Meter::Context, looked as u64);
        Ok(self.answer(event, &rows))
    }

    /// The sockets that a process has open now, of one that was known when the event happened.
    fn sockets(&mut self, event: u64, key: u64) -> Result<Vec<Socket>, u32> {
        let process = self.moment(event)?.process(key);
        let process = process.ok_or(failure::NOT_FOUND)?;
        let sockets: Vec<answers::Socket> =
            self.of_machine(event, What::Sockets { key }, About::Process(process.id))?;
        Ok(sockets.into_iter().map(told).collect())
    }

    /// A batch of these processes and their lineages, and how many of them it has room for.
    fn answer(&mut self, event: u64, rows: &[Arc<Process>]) -> (u32, Arc<Batch>) {
        let Some(answers) = &mut self.answers else {
            return (0, Arc::default());
        };
        let shown = &mut self.shown;
        let (count, batch) = answers.list(rows, |process| shown.push((event, process.clone())));
        self.had(Meter::Context, batch.processes.len() as u64);
        (count, batch)
    }
}

fn told(socket: answers::Socket) -> Socket {
    Socket {
        fd: socket.fd,
        kind: socket.kind,
        marks: socket.marks,
        family: socket.family,
        inode: socket.inode,
        local: socket.local,
        remote: socket.remote,
        local_port: socket.local_port,
        remote_port: socket.remote_port,
    }
}
