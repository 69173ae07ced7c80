//! Whether what a shell reads comes from a connection, and what it writes goes to one.

use crate::command::Reads;
use crate::end::{self, End};
use crate::graph::{self, Conn, Graph, Node, Side, Via};
use vedette_sdk::Event;
use vedette_sdk::bounded::Map;
use vedette_sdk::prelude::*;

/// Relays between a shell and the connection. Longer chains cost whoever builds them more than
/// they cost us, but a search has to end.
const MAX_HOPS: usize = 8;

/// Processes looked at in one search. Stops a bush of forks from making searches slow.
const MAX_VISITED: usize = 64;

/// Ancestors that are remembered of a shell.
const MAX_LINEAGE: usize = 16;

/// Connections that a process makes which does nothing else than relay one.
const FEW: u32 = 4;

/// Time between a connection and a shell that were made for each other, in ns.
const NEAR: u64 = 10_000_000_000;

/// A shell or interpreter that could be led from elsewhere.
#[derive(Debug, Clone)]
pub struct Shell {
    /// Where its commands come from.
    pub reads: Reads,
    /// Ends that its standard input is.
    pub input: Vec<End>,
    /// Ends that its standard output is, or standard error where output leads nowhere.
    pub output: Vec<End>,
    /// The connections that its input and output are themselves.
    pub direct: [Option<Conn>; 2],
    /// Its ancestors, nearest first.
    pub lineage: Vec<u64>,
    /// Key of its container, or 0.
    pub container: u64,
    /// The event of its execution.
    pub event: u64,
    /// When that was, ns since boot.
    pub at: u64,
    /// In the initial pid namespace.
    pub pid: u32,
    /// Path of its program.
    pub name: Box<[u8]>,
}

impl Shell {
    /// A shell or interpreter whose input and output are not only files.
    pub fn new(event: Event<'_>, process: Process<'_>, reads: Reads) -> Option<Shell> {
        // A shell that reads commands may yet replace its streams itself.
        let led = |fd| process.stream(fd).is_some_and(|s| s.object().is_some());
        let both = led(0) && (led(1) || led(2));
        if reads == Reads::NoInterpreter || (!both && reads != Reads::Commands) {
            return None;
        }
        let existing = event.as_existing().is_some();
        let mut shell = Shell {
            reads,
            input: Vec::new(),
            output: Vec::new(),
            direct: [None, None],
            lineage: process
                .lineage()
                .skip(1)
                .take(MAX_LINEAGE)
                .map(|p| p.key())
                .collect(),
            container: process.container().map_or(0, |c| c.key()),
            event: event.id(),
            at: if existing {
                process.start()
            } else {
                event.at()
            },
            pid: process.pid(),
            name: process.exe().into(),
        };
        shell.restream(event, process);
        Some(shell)
    }

    /// Its streams changed.
    pub fn restream(&mut self, event: Event<'_>, process: Process<'_>) {
        let direct = |fd| graph::direct(process, event, &[fd]);
        self.direct = [direct(0), direct(1).or_else(|| direct(2))];
        let ends = |fd: u32| process.stream(fd).into_iter().flat_map(end::of_stream);
        self.input.clear();
        self.input.extend(ends(0).filter(|end| end.gives()));
        self.output.clear();
        self.output.extend(ends(1).filter(|end| end.takes()));
        if self.output.is_empty() {
            self.output.extend(ends(2).filter(|end| end.takes()));
        }
    }

    fn ends(&self) -> impl Iterator<Item = End> {
        self.input.iter().chain(&self.output).copied()
    }
}

/// A connection that a stream of a shell leads to.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// The connection.
    pub conn: Conn,
    /// The process that holds it; the shell itself where its stream is the connection.
    pub relay: u64,
    /// The relay is an ancestor of the shell, or was forked from one.
    pub above: bool,
    /// What it is worth.
    pub trust: Trust,
}

/// How sure it is that the connection leads the shell, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// The relay has many connections, and none was made near the shell's start.
    Weak,
    /// The relay has many connections, but this one was made near the shell's start.
    Fair,
    /// The relay has little else to do.
    Strong,
}

/// What a shell is led by.
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    /// Where its input comes from.
    pub input: Link,
    /// Where its output goes to.
    pub output: Link,
    /// The weaker of the two, and of what the shell itself is worth.
    pub trust: Trust,
}

/// Whether a shell is led from the network.
pub fn judge(graph: &Graph, key: u64, shell: &Shell) -> Option<Verdict> {
    let input = follow(graph, key, shell, Way::In)?;
    let output = follow(graph, key, shell, Way::Out)?;
    if input.relay == key && output.relay == key && input.conn.socket == output.conn.socket {
        // Found at once when it happened, where it was one.
        return None;
    }
    let mut trust = input.trust.min(output.trust);
    match shell.reads {
        Reads::Commands | Reads::Dialogue => {}
        // A program that is fed to an interpreter by one that also has connections is common; on
        // a terminal it is a dialogue.
        Reads::Program => {
            let dialogue = shell.input.iter().any(|end| matches!(end, End::Slave(..)));
            if input.above && !dialogue {
                trust = Trust::Weak;
            }
        }
        // A script or a command is led only if somebody tied its two ends to one connection.
        Reads::Elsewhere | Reads::NoInterpreter => {
            let tied = input.conn.socket == output.conn.socket
                && input.conn.is_outbound()
                && !input.above
                && !output.above;
            if !tied {
                return None;
            }
            trust = Trust::Fair;
        }
    }
    Some(Verdict {
        input,
        output,
        trust,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// Follows one stream of a shell from relay to relay to the nearest connection.
fn follow(graph: &Graph, key: u64, shell: &Shell, way: Way) -> Option<Link> {
    let (ends, direct) = match way {
        Way::In => (&shell.input, shell.direct[0]),
        Way::Out => (&shell.output, shell.direct[1]),
    };
    if let Some(conn) = direct {
        return conn.is_outbound().then_some(Link {
            conn,
            relay: key,
            above: false,
            trust: Trust::Strong,
        });
    }
    let mut visited = vec![key];
    let mut wanted: Vec<End> = ends.iter().map(|end| end.opposite()).collect();
    for _ in 0..MAX_HOPS {
        let mut next = Vec::new();
        for end in wanted {
            for holder in graph.holders(end) {
                if visited.contains(holder) || visited.len() >= MAX_VISITED {
                    continue;
                }
                visited.push(*holder);
                let Some(node) = graph.node(*holder) else {
                    continue;
                };
                // Whoever carries a container's streams from outside is its runtime.
                if node.container != shell.container {
                    continue;
                }
                if let Some(link) = link(graph, *holder, node, shell) {
                    return Some(link);
                }
                // Further on only through its standard streams and the fifos that it opened: who
                // holds other things, such as many terminals, does not mix them.
                let on = node.held.iter().filter(|(on, via)| {
                    let mixed =
                        *via == Via::Stdio || matches!(on, End::FifoRead(..) | End::FifoWrite(..));
                    mixed
                        && if way == Way::In {
                            on.gives()
                        } else {
                            on.takes()
                        }
                });
                next.extend(on.map(|(on, _)| on.opposite()));
            }
        }
        if next.is_empty() {
            return None;
        }
        wanted = next;
    }
    None
}

/// The connection of a relay that counts for this shell.
fn link(graph: &Graph, key: u64, node: &Node, shell: &Shell) -> Option<Link> {
    // A fork of an ancestor is the same program: it inherited what it does not use.
    let above = shell.lineage.contains(&key) || shell.lineage.contains(&node.image);
    let distance = |conn: &&Conn| conn.at.abs_diff(shell.at);
    let outbound = node
        .conns
        .iter()
        .filter(|c| c.is_outbound() && graph.is_open(c))
        .min_by_key(distance);
    let Some(conn) = outbound else {
        // A connection from outside leads a shell below it everywhere that people log in.
        let conn = node.conns.iter().find(|c| c.side == Side::Accepted)?;
        return (!above).then_some(Link {
            conn: *conn,
            relay: key,
            above,
            trust: Trust::Strong,
        });
    };
    if let Some(session) = node.session.filter(|_| above && !node.accepts)
        && (!session.is_loopback() || conn.is_loopback())
    {
        // Somebody logged in, and the same process forwards connections for them. One who calls
        // itself over loopback to look so, and then calls out, does not get by.
        return None;
    }
    let crowded = above && (node.accepts || node.made > FEW);
    let trust = match crowded {
        false => Trust::Strong,
        true if conn.at.abs_diff(shell.at) <= NEAR => Trust::Fair,
        true => Trust::Weak,
    };
    Some(Link {
        conn: *conn,
        relay: key,
        above,
        trust,
    })
}

/// The shells to which this process may carry something, itself among them.
pub fn shells_near(graph: &Graph, shells: &Map<u64, Shell>, key: u64) -> Vec<u64> {
    let mut near = Vec::new();
    let mut visited = vec![key];
    let mut wanted = Vec::new();
    if let Some(shell) = shells.get(&key) {
        near.push(key);
        wanted.extend(shell.ends().map(End::opposite));
    }
    if let Some(node) = graph.node(key) {
        wanted.extend(node.held.iter().map(|(end, _)| end.opposite()));
    }
    for _ in 0..MAX_HOPS {
        let mut next = Vec::new();
        for end in wanted {
            for holder in graph.holders(end) {
                if visited.contains(holder) || visited.len() >= MAX_VISITED {
                    continue;
                }
                visited.push(*holder);
                if shells.contains(holder) {
                    near.push(*holder);
                }
                let Some(node) = graph.node(*holder) else {
                    continue;
                };
                next.extend(node.held.iter().map(|(on, _)| on.opposite()));
            }
        }
        if next.is_empty() {
            break;
        }
        wanted = next;
    }
    near
}
