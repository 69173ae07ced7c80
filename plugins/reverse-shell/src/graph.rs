//! Who holds which end and which connection.
//!
//! Descriptors that are closed are not told, so what is here is what a process may still hold; only
//! of connections is it told when nobody holds them any more. Two rules keep that from going wrong:
//! a new image keeps only what its standard streams are, and a shell keeps no pipe that it made (it makes them for its children) and does not pass on
//! connections to the children that it forks, unless they are on their standard streams.

use crate::end::{self, End};
use std::rc::Rc;
use vedette_sdk::bounded::Map;
use vedette_sdk::prelude::*;
use vedette_sdk::views::{Accept, Connect, Passed};
use vedette_sdk::{Event, net};

/// Processes that hold anything. Stops a storm of them from filling the plugin's memory; the
/// oldest is forgotten.
const MAX_PROCESSES: usize = 8192;

/// Ends that anybody holds.
const MAX_ENDS: usize = 32768;

/// Ends of one process. Stops one that makes pipes for ever; the oldest is forgotten.
const MAX_HELD: usize = 64;

/// Holders of one end. Stops one that forks for ever; the oldest is forgotten.
const MAX_HOLDERS: usize = 128;

/// Connections of one process; of more, the latest are kept.
const MAX_CONNS: usize = 8;

/// Connections that are over and may still be noted for processes that inherited them. Stops
/// whoever connects in masses; the oldest is forgotten, and counts as open again where it is noted.
const MAX_OVER: usize = 8192;

/// Bytes of a program's path that are kept for messages.
const MAX_NAME: usize = 64;

/// How a process came by an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// It is one of its standard streams.
    Stdio,
    /// It made it, opened it or inherited it.
    Made,
}

/// Which side made a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// This one.
    Outbound,
    /// The other one.
    Accepted,
}

/// A connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conn {
    /// Inode of its socket.
    pub socket: u64,
    /// Which side made it.
    pub side: Side,
    /// Remote address: the first 4 or all 16 bytes.
    pub address: [u8; 16],
    /// How many of them count.
    pub address_len: u8,
    /// Remote port.
    pub port: u32,
    /// The event that told of it.
    pub event: u64,
    /// When, ns since boot.
    pub at: u64,
    /// The process made or accepted it itself, or was given one that was made for it.
    pub own: bool,
}

impl Conn {
    fn new(socket: u64, side: Side, address: &[u8], port: u32, event: Event<'_>) -> Conn {
        let mut bytes = [0; 16];
        let len = address.len().min(16);
        bytes[..len].copy_from_slice(&address[..len]);
        Conn {
            socket,
            side,
            address: bytes,
            address_len: len as u8,
            port,
            event: event.id(),
            at: event.at(),
            own: true,
        }
    }

    /// Whether this side made it.
    pub fn is_outbound(&self) -> bool {
        self.side == Side::Outbound
    }

    /// Whether the other side is this machine.
    pub fn is_loopback(&self) -> bool {
        net::ip(&self.address[..self.address_len.into()]).is_some_and(|ip| ip.is_loopback())
    }

    /// The remote address and port as people write them.
    pub fn endpoint(&self) -> String {
        net::endpoint(&self.address[..self.address_len.into()], self.port)
    }
}

/// SOCK_STREAM. Datagram sockets are connected for name look-ups and to learn routes, by nearly
/// everything; as a standard stream they count all the same.
const STREAM: u32 = 1;
/// AF_INET and AF_INET6.
const INTERNET: [u32; 2] = [2, 10];
/// AF_UNIX.
const UNIX: u32 = 1;
/// EINPROGRESS.
const UNDER_WAY: i32 = -115;

fn is_tcp(family: u32) -> bool {
    INTERNET.contains(&(family & 0xffff)) && family >> 16 == STREAM
}

/// The connection that a `connect` began.
pub fn outbound(event: Event<'_>, connect: Connect<'_>) -> Option<Conn> {
    let begun = event.ret() >= 0 || event.ret() == UNDER_WAY;
    (begun && is_tcp(connect.family())).then(|| {
        let (socket, port) = (connect.socket(), connect.port());
        Conn::new(socket, Side::Outbound, connect.address(), port, event)
    })
}

/// The connection that an `accept` took.
pub fn accepted(event: Event<'_>, accept: Accept<'_>) -> Option<Conn> {
    (event.succeeded() && is_tcp(accept.family())).then(|| {
        let (socket, port) = (accept.socket(), accept.port());
        Conn::new(socket, Side::Accepted, accept.address(), port, event)
    })
}

/// The connection that came from another process. One that was accepted there makes a session of
/// whoever it is handed to, like one that is inherited.
pub fn passed(event: Event<'_>, passed: Passed<'_>) -> Option<Conn> {
    if passed.stream() != stream_kind::INET {
        return None;
    }
    let outbound = passed.marks() & stream_mark::OUTBOUND != 0;
    let side = match outbound {
        true => Side::Outbound,
        false if passed.marks() & stream_mark::ACCEPTED != 0 => Side::Accepted,
        false => return None,
    };
    let (socket, port) = (passed.identity(), passed.port());
    let mut conn = Conn::new(socket, side, passed.address(), port, event);
    conn.own = outbound;
    Some(conn)
}

/// Inodes of the two ends of a unix connection that an `accept` took.
pub fn accepted_unix(event: Event<'_>, accept: Accept<'_>) -> Option<(u64, u64)> {
    let unix = accept.family() & 0xffff == UNIX;
    (unix && event.succeeded() && accept.peer_socket() != 0)
        .then(|| (accept.socket(), accept.peer_socket()))
}

/// The connection that a stream is.
fn of_stream(stream: Stream<'_>, event: Event<'_>) -> Option<Conn> {
    let side = if stream.is_outbound() {
        Side::Outbound
    } else if stream.is_accepted() {
        Side::Accepted
    } else {
        return None;
    };
    let mut conn = Conn::new(stream.id(), side, stream.address(), stream.port(), event);
    conn.own = false;
    Some(conn)
}

/// The connection that all of these standard streams are.
pub fn direct(process: Process<'_>, event: Event<'_>, fds: &[u32]) -> Option<Conn> {
    let first = of_stream(process.stream(*fds.first()?)?, event)?;
    fds.iter()
        .all(|fd| {
            process
                .stream(*fd)
                .is_some_and(|s| s.kind() == stream_kind::INET && s.id() == first.socket)
        })
        .then_some(first)
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
    pub session: Option<Conn>,
}

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
        let over = self.over.get(&conn.socket);
        over.is_none_or(|over| conn.at > *over)
    }

    /// Sockets of connections that are over and when they were, the oldest first.
    pub fn over(&self) -> impl Iterator<Item = (u64, u64)> {
        self.over.iter().map(|(socket, at)| (*socket, *at))
    }

    /// The connection of this socket, which a process of this key began, was over by then.
    pub fn disconnected(&mut self, key: u64, socket: u64, at: u64) {
        if let Some(node) = self.nodes.get_mut(&key) {
            let stays = |conn: &Conn| conn.socket != socket || conn.at > at;
            node.conns.retain(stays);
        }
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
        if let Some(last) = node.conns.iter().rfind(|c| !c.is_outbound()) {
            node.session = Some(Conn {
                own: false,
                ..*last
            });
        }
        if node.shell {
            let streams = |socket| {
                child
                    .streams()
                    .any(|s| s.id() == socket && s.ip().is_some())
            };
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
        self.forget(process.key());
        if shell {
            self.node_mut(process);
        }
        self.restream(process, event);
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
        let key = process.key();
        let telling = |s: Stream<'_>| match s.kind() {
            stream_kind::INET => s.is_outbound() || s.is_accepted(),
            stream_kind::TERMINAL => false,
            _ => end::of_stream(s).next().is_some(),
        };
        if !self.nodes.contains(&key) && !process.streams().any(telling) {
            return;
        }
        let node = self.node_mut(process);
        let (stdio, mut held): (Vec<_>, Vec<_>) =
            node.held.drain(..).partition(|(_, via)| *via == Via::Stdio);
        for stream in process.streams() {
            for end in end::of_stream(stream) {
                if !held.iter().any(|(other, _)| *other == end) {
                    held.push((
                        end,
                        if stream.fd() < 3 {
                            Via::Stdio
                        } else {
                            Via::Made
                        },
                    ));
                }
            }
            if let Some(conn) = of_stream(stream, event) {
                add_conn(node, conn);
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
    }

    /// A process made a connection.
    pub fn connected(&mut self, process: Process<'_>, conn: Conn) {
        let node = self.node_mut(process);
        node.made = node.made.saturating_add(1);
        add_conn(node, conn);
    }

    /// A process was handed a connection by another one.
    pub fn handed(&mut self, process: Process<'_>, conn: Conn) {
        add_conn(self.node_mut(process), conn);
    }

    /// A process accepted a connection.
    pub fn accepted(&mut self, process: Process<'_>, conn: Conn) {
        let node = self.node_mut(process);
        node.accepts = true;
        // One is enough to know it by, and servers accept without end.
        node.conns.retain(Conn::is_outbound);
        add_conn(node, conn);
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
        self.nodes.get_or_insert_with(process.key(), || Node {
            pid: process.pid(),
            name: process.exe().iter().copied().take(MAX_NAME).collect(),
            container: process.container().map_or(0, |c| c.key()),
            image: process.key(),
            shell: process.is_shell(),
            held: Vec::new(),
            conns: Vec::new(),
            made: 0,
            accepts: false,
            session: None,
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

fn add_conn(node: &mut Node, conn: Conn) {
    if !conn.own && !conn.is_outbound() {
        node.session = Some(conn);
    }
    match node.conns.iter_mut().find(|c| c.socket == conn.socket) {
        // What is known from the making is better than what a stream tells.
        Some(known) if known.own && !conn.own => {}
        Some(known) => *known = conn,
        None => {
            if node.conns.len() >= MAX_CONNS {
                node.conns.remove(0);
            }
            node.conns.push(conn);
        }
    }
}
