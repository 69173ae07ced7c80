//! `context`, out of the rows of the story; sockets as the test gives them.

use super::super::given::Said;
use super::super::tables::{MomentRow, Rows, Tables};
use super::{SERVICES, answer};
pub use crate::bindings::plugin::vedette::detect::context::Socket;
use crate::raw;
use crate::values::{failure, process_mark};

/// Most processes of one answer, as in the agent.
const MAX_LISTED: u32 = 1024;

fn moment(event: u64) -> Result<Rows, u32> {
    let rows = |s: &super::Services| s.told.get(&event).map(|told| told.rows.clone());
    SERVICES.with_borrow(rows).ok_or(failure::NOT_SENT)
}

pub fn process(event: u64, key: u64) -> Result<raw::Batch, u32> {
    let rows = moment(event)?;
    let row = rows.iter().find(|row| row.key == key);
    let row = row.ok_or(failure::NOT_FOUND)?;
    Ok(Tables::rows(std::slice::from_ref(row)))
}

pub fn children(event: u64, key: u64, most: u32) -> Result<(u32, raw::Batch), u32> {
    living(event, most, |row| {
        row.parent.as_ref().is_some_and(|p| p.key == key)
    })
}

pub fn members(event: u64, key: u64, most: u32) -> Result<(u32, raw::Batch), u32> {
    living(event, most, |row| row.container == key)
}

fn living(
    event: u64,
    most: u32,
    fits: impl Fn(&MomentRow) -> bool,
) -> Result<(u32, raw::Batch), u32> {
    let rows = moment(event)?;
    let living = rows
        .iter()
        .filter(|row| row.marks & process_mark::EXITED == 0 && fits(row));
    let most = most.min(MAX_LISTED) as usize;
    let found: Vec<_> = living.take(most).cloned().collect();
    Ok((found.len() as u32, Tables::rows(&found)))
}

pub fn sockets(event: u64, key: u64) -> Result<Vec<Socket>, u32> {
    if !moment(event)?.iter().any(|row| row.key == key) {
        return Err(failure::NOT_FOUND);
    }
    let said = answer(event, format!("context.sockets {key}"), |given, _| {
        given.of_sockets(key)
    });
    let Said::Sockets(sockets) = said? else {
        return Err(failure::UNAVAILABLE);
    };
    let socket = |socket: crate::context::Socket| Socket {
        fd: socket.fd,
        kind: socket.kind,
        marks: socket.marks,
        family: socket.family,
        inode: socket.inode,
        local: socket.local,
        remote: socket.remote,
        local_port: socket.local_port,
        remote_port: socket.remote_port,
    };
    Ok(sockets.into_iter().map(socket).collect())
}
