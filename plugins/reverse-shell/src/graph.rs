//! Who holds which end and which connection.
//!
//! Descriptors that are closed are not told, so what is here is what a process may still hold; only
//! of connections is it told when nobody holds them any more. Two rules keep that from going wrong:
//! a new image keeps only what its standard streams are, and a shell keeps no pipe that it made (it
//! makes them for its children) and does not pass on connections to the children that it forks,
//! unless they are on their standard streams.

use crate::conn::{self, Conn, Session};
use crate::end::{self, End};
use crate::node::{Node, Via};
use vedette_sdk::Event;
use vedette_sdk::bounded::Map;
use vedette_sdk::prelude::*;

/// Processes that hold anything. Stops a storm of them from filling the plugin's memory; the
/// oldest is forgotten.
const MAX_PROCESSES: usize = 8192;

/// Ends that anybody holds.
const MAX_ENDS: usize = 32768;

/// Ends of one process. Stops one that makes pipes for ever; the oldest is forgotten.
const MAX_HELD: usize = 64;

/// Holders of one end. Stops one that forks for ever; the oldest is forgotten.
const MAX_HOLDERS: usize = 128;

/// Connections that are over and may still be noted for processes that inherited them. Stops
/// whoever connects in masses; the oldest is forgotten, and counts as open again where it is noted.
const MAX_OVER: usize = 8192;

/// Ancestors among which the maker of a connection is looked for.
const LINEAGE: usize = 16;

/// Bytes of a program's path that are kept for messages.
const MAX_NAME: usize = 64;

/// The graph.
#[derive(Debug, Clone)]
pub struct Graph {
    nodes: Map<u64, Node>,
    holders: Map<End, Vec<u64>>,
    /// When, ns since boot, by socket.
    over: Map<u64, u64>,
}

impl Default for Graph {
    fn default() -> Self {
        Graph {
            nodes: Map::new(MAX_PROCESSES),
            holders: Map::new(MAX_ENDS),
            over: Map::new(MAX_OVER),
        }
    }
}

impl Graph {
    /// What is known of a process.
    pub fn node(&self, key: u64) -> Option<&Node> {
        self.nodes.get(&key)
    }

    /// Everything, the oldest first.
    pub fn nodes(&self) -> impl Iterator<Item = (u64, &Node)> {
        self.nodes.iter().map(|(key, node)| (*key, node))
    }

    /// Who may hold this end.
    pub fn holders(&self, end: End) -> &[u64] {
        self.holders.get(&end).map_or(&[], Vec::as_slice)
    }

    /// Whether anybody can still hold this connection.
    /// A socket can connect again, and be told of late.
    pub fn is_open(&self, conn: &Conn) -> bool {
        is_open(&self.over, conn)
    }

    /// Sockets of connections that are over and when they were, the oldest first.
    pub fn over(&self) -> impl Iterator<Item = (u64, u64)> {
        self.over.iter().map(|(socket, at)| (*socket, *at))
    }

    /// The connection of this socket, which a process of this key made or accepted, was over by
    /// then.
    pub fn disconnected(&mut self, key: u64, socket: u64, outbound: bool, at: u64) {
        if let Some(node) = self.nodes.get_mut(&key) {
            node.disconnect(socket, outbound, at);
        }
        self.over.insert(socket, at);
    }

    /// The connection of this socket was over by then.
    pub fn was_over(&mut self, socket: u64, at: u64) {
        self.over.insert(socket, at);
    }

    /// Takes in a node as a whole.
    pub fn put(&mut self, key: u64, node: Node) {
        self.forget(key);
        for (end, _) in &node.held {
            self.link(*end, key);
        }
        self.nodes.insert(key, node);
    }

    /// The connection of this socket, if this process made it.
    pub fn connected_by(&self, key: u64, socket: u64) -> Option<Conn> {
        let conns = &self.nodes.get(&key)?.conns;
        conns
            .iter()
            .find(|c| c.socket == socket && c.own && c.is_outbound())
            .copied()
    }

    /// A process is gone.
    pub fn forget(&mut self, key: u64) {
        let Some(node) = self.nodes.remove(&key) else {
            return;
        };
        for (end, _) in node.held {
            self.unlink(end, key);
        }
    }

    /// A process forked.
    pub fn fork(&mut self, parent: u64, child: Process<'_>) {
        let Some(node) = self.nodes.get(&parent) else {
            return;
        };
        let mut node = node.clone();
        node.pid = child.pid();
        node.accepts = false;
        node.accepted = 0;
        // Which of those are closed would not be told of the child.
        (node.missed, node.missing) = (0, None);
        if let Some(last) = node.conns.iter().rfind(|c| !c.is_outbound())
            && node.session.is_none_or(|session| session.forked)
        {
            let conn = Conn {
                own: false,
                ..*last
            };
            node.session = Some(Session { conn, forked: true });
        }
        if node.shell {
            let streams =
                |socket| (child.streams()).any(|s| s.id() == socket && conn::is_socket(s));
            node.conns.retain(|c| streams(c.socket));
            node.held.retain(|(_, via)| *via == Via::Stdio);
        }
        for conn in &mut node.conns {
            conn.own &= !node.shell;
        }
        // A terminal alone tells nothing of a process until it executes or duplicates something.
        let telling = node
            .held
            .iter()
            .any(|(end, _)| !matches!(end, End::Slave(..)));
        if telling || !node.conns.is_empty() || node.session.is_some() {
            self.put(child.key(), node);
        }
    }

    /// A new image: what it holds is what its streams are.
    /// A shell that reads commands is kept even if it holds nothing but a terminal.
    pub fn executed(&mut self, process: Process<'_>, event: Event<'_>, shell: bool) {
        let conns = self.of_streams(process, event);
        self.forget(process.key());
        if shell {
            self.node_mut(process);
        }
        self.set_streams(process, conns, false);
        if event.as_existing().is_some()
            && let Some(node) = self.nodes.get_mut(&process.key())
        {
            // When its connections were made is not known: not near to anything.
            node.conns.iter_mut().for_each(|conn| conn.at = 0);
            node.made = node.conns.iter().filter(|c| c.is_outbound()).count() as u32;
        }
    }

    /// The standard streams changed: the ends among them are replaced; connections stay, for
    /// most often they were duplicated from elsewhere or are kept there.
    pub fn restream(&mut self, process: Process<'_>, event: Event<'_>) {
        let conns = self.of_streams(process, event);
        self.set_streams(process, conns, true);
    }

    /// `same` says that the image is the one that it was.
    fn set_streams(&mut self, process: Process<'_>, conns: Vec<Conn>, same: bool) {
        let key = process.key();
        let telling =
            |s: Stream<'_>| s.kind() != stream_kind::TERMINAL && end::of_stream(s).next().is_some();
        if !self.nodes.contains(&key) && conns.is_empty() && !process.streams().any(telling) {
            return;
        }
        let node = self.node_mut(process);
        let (stdio, mut held): (Vec<_>, Vec<_>) =
            node.held.drain(..).partition(|(_, via)| *via == Via::Stdio);
        for (end, via) in ends(process) {
            if !held.iter().any(|(other, _)| *other == end) {
                held.push((end, via));
            }
        }
        let now: Vec<End> = held.iter().map(|(end, _)| *end).collect();
        node.held = held;
        for (end, _) in stdio {
            if !now.contains(&end) {
                self.unlink(end, key);
            }
        }
        for end in now {
            self.link(end, key);
        }
        for conn in conns {
            self.inherited(process, conn, same);
        }
    }

    /// The connection that a stream of a process is. Where the kernel does not know which side
    /// made it, whoever did is an ancestor.
    fn of_stream(
        &self,
        process: Process<'_>,
        stream: Stream<'_>,
        event: Event<'_>,
    ) -> Option<Conn> {
        if let Some(conn) = conn::of_stream(stream, event) {
            return Some(conn);
        }
        if !conn::is_socket(stream) {
            return None;
        }
        let mut near = process.lineage().take(LINEAGE);
        let made = near.find_map(|one| {
            let conns = &self.nodes.get(&one.key())?.conns;
            conns.iter().find(|conn| conn.socket == stream.id())
        })?;
        Some(Conn {
            own: false,
            ..*made
        })
    }

    fn of_streams(&self, process: Process<'_>, event: Event<'_>) -> Vec<Conn> {
        let streams = process.streams();
        let conns = streams.filter_map(|stream| self.of_stream(process, stream, event));
        conns.collect()
    }

    /// The connection that all of these standard streams are.
    pub fn direct(&self, process: Process<'_>, event: Event<'_>, fds: &[u32]) -> Option<Conn> {
        let first = self.of_stream(process, process.stream(*fds.first()?)?, event)?;
        let same = |s: Stream<'_>| conn::is_socket(s) && s.id() == first.socket;
        let mut streams = fds.iter().map(|fd| process.stream(*fd));
        streams.all(|s| s.is_some_and(same)).then_some(first)
    }

    /// A process made a connection.
    pub fn connected(&mut self, process: Process<'_>, conn: Conn) {
        self.add(process, conn, |node| {
            // One that was broken off and begun again is one.
            if !node.conns.iter().any(|known| known.socket == conn.socket) {
                node.made = node.made.saturating_add(1);
            }
        });
    }

    /// A process was handed a connection by another one.
    pub fn handed(&mut self, process: Process<'_>, conn: Conn) {
        self.inherited(process, conn, false);
    }

    /// A process has a connection that it did not make, with its image or in the same one.
    fn inherited(&mut self, process: Process<'_>, conn: Conn, same: bool) {
        self.add(process, conn, |node| {
            let replaces = !same || node.session.is_none_or(|session| session.forked);
            if !conn.own && !conn.is_outbound() && replaces {
                node.session = Some(Session { conn, forked: same });
            }
        });
    }

    /// A process accepted a connection.
    pub fn accepted(&mut self, process: Process<'_>, conn: Conn) {
        self.add(process, conn, |node| {
            node.accepts = true;
            node.accepted = node.accepted.saturating_add(1);
        });
    }

    fn add(&mut self, process: Process<'_>, conn: Conn, note: impl FnOnce(&mut Node)) {
        let key = process.key();
        if !self.nodes.contains(&key) {
            self.node_mut(process);
        }
        let over = &self.over;
        if let Some(node) = self.nodes.get_mut(&key) {
            note(node);
            node.connect(conn, |conn| is_open(over, conn));
        }
    }

    /// A process made something to talk through.
    pub fn made(&mut self, process: Process<'_>, ends: &[End]) {
        let pipes = ends.iter().all(|end| !matches!(end, End::Master(..)));
        if process.is_shell() && pipes {
            return;
        }
        self.opened(process, ends.iter().copied());
    }

    /// A process holds these ends too.
    pub fn opened(&mut self, process: Process<'_>, ends: impl Iterator<Item = End>) {
        let key = process.key();
        for end in ends {
            let node = self.node_mut(process);
            if node.held.iter().any(|(other, _)| *other == end) {
                continue;
            }
            let oldest = node.held.iter().position(|(_, via)| *via == Via::Made);
            let gone = oldest
                .filter(|_| node.held.len() >= MAX_HELD)
                .map(|at| node.held.remove(at).0);
            node.held.push((end, Via::Made));
            if let Some(gone) = gone {
                self.unlink(gone, key);
            }
            self.link(end, key);
        }
    }

    fn node_mut(&mut self, process: Process<'_>) -> &mut Node {
        let key = process.key();
        let mut held = Vec::new();
        if !self.nodes.contains(&key) {
            held.extend(ends(process));
            held.iter().for_each(|(end, _)| self.link(*end, key));
        }
        self.nodes.get_or_insert_with(key, || Node {
            pid: process.pid(),
            name: process.exe().iter().copied().take(MAX_NAME).collect(),
            container: process.container().map_or(0, |c| c.key()),
            image: key,
            shell: process.is_shell(),
            held,
            conns: Vec::new(),
            made: 0,
            accepts: false,
            session: None,
            accepted: 0,
            missed: 0,
            missing: None,
        })
    }

    fn link(&mut self, end: End, key: u64) {
        let holders = self.holders.get_or_insert_with(end, Vec::new);
        if !holders.contains(&key) {
            if holders.len() >= MAX_HOLDERS {
                holders.remove(0);
            }
            holders.push(key);
        }
    }

    fn unlink(&mut self, end: End, key: u64) {
        let Some(holders) = self.holders.get_mut(&end) else {
            return;
        };
        holders.retain(|holder| *holder != key);
        if holders.is_empty() {
            self.holders.remove(&end);
        }
    }
}

/// The ends that a process has as its streams.
fn ends(process: Process<'_>) -> impl Iterator<Item = (End, Via)> {
    process.streams().flat_map(|stream| {
        let via = if stream.fd() < 3 {
            Via::Stdio
        } else {
            Via::Made
        };
        end::of_stream(stream).map(move |end| (end, via))
    })
}

fn is_open(over: &Map<u64, u64>, conn: &Conn) -> bool {
    over.get(&conn.socket).is_none_or(|over| conn.at > *over)
}

/// Whether something may be led through this stream.
pub fn may_lead(stream: Stream<'_>) -> bool {
    stream.object().is_some() || conn::is_socket(stream)
}
