//! A process that holds something.

use crate::conn::{Conn, Session};
use crate::end::End;
use std::rc::Rc;

/// Connections of one process that its own side made. Whoever has more is noted to have had them:
/// opening many must not hide the one that counts.
const MAX_MADE: usize = 32;

/// Connections of one process that it accepted: the oldest that is open, and the latest. Servers
/// accept without end.
const MAX_ACCEPTED: usize = 4;

/// How a process came by an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// It is one of its standard streams.
    Stdio,
    /// It made it, opened it or inherited it.
    Made,
}

/// A process that holds something.
#[derive(Debug, Clone)]
pub struct Node {
    /// In the initial pid namespace.
    pub pid: u32,
    /// Path of its program, cut.
    pub name: Rc<[u8]>,
    /// Key of its container, or 0.
    pub container: u64,
    /// Key of the process that executed its image: itself, or the one that it was forked from.
    pub image: u64,
    /// It is a shell.
    pub shell: bool,
    /// What it holds.
    pub held: Vec<(End, Via)>,
    /// Its connections, the latest last.
    pub conns: Vec<Conn>,
    /// How many connections it made since its image was executed.
    pub made: u32,
    /// It accepts connections itself.
    pub accepts: bool,
    /// A connection that somebody accepted for it, and was handed down to it.
    pub session: Option<Session>,
    /// How many connections it accepted since its image was executed.
    pub accepted: u32,
    /// Connections that were made, found no room in `conns`, and may be open.
    pub missed: u32,
    /// The latest of them.
    pub missing: Option<Conn>,
}

impl Node {
    /// Adds a connection, or what is better known of one.
    pub fn connect(&mut self, conn: Conn, is_open: impl Fn(&Conn) -> bool) {
        if let Some(known) = self.conns.iter_mut().find(|c| c.socket == conn.socket) {
            // What is known from the making is better than what a stream tells.
            if !known.own || conn.own {
                *known = conn;
            }
            return;
        }
        let outbound = conn.is_outbound();
        let most = if outbound { MAX_MADE } else { MAX_ACCEPTED };
        let same = |c: &Conn| c.is_outbound() == outbound;
        if self.conns.iter().filter(|c| same(c)).count() >= most {
            let over = self.conns.iter().position(|c| same(c) && !is_open(c));
            // The first stays: it is the one that what comes later would have to hide.
            let mut others = self.conns.iter().enumerate().filter(|(_, c)| same(c));
            let second = others.nth(1).map(|(at, _)| at);
            if let Some(at) = over.or(second) {
                let gone = self.conns.remove(at);
                if outbound && over.is_none() {
                    self.missed = self.missed.saturating_add(1);
                    self.missing = Some(gone);
                }
            }
        }
        self.conns.push(conn);
    }

    /// The connection of this socket, which was made or accepted, is over by then.
    pub fn disconnect(&mut self, socket: u64, outbound: bool, at: u64) {
        let before = self.conns.len();
        let stays = |conn: &Conn| conn.socket != socket || conn.at > at;
        self.conns.retain(stays);
        if outbound && self.conns.len() == before {
            self.missed = self.missed.saturating_sub(1);
        }
    }
}
