//! Whether what a shell reads comes from a connection, and what it writes goes to one.

use crate::command::Reads;
use crate::conn::Conn;
use crate::end::End;
use crate::graph::Graph;
use crate::node::Via;
use crate::places::{Apart, Places};
use crate::relay::{Link, Trust, link};
use crate::shell::Shell;
use vedette_sdk::bounded::Map;

/// Relays between a shell and the connection. Longer chains cost whoever builds them more than
/// they cost us, but a search has to end.
const MAX_HOPS: usize = 8;

/// Processes looked at in one search. Stops a bush of forks from making searches slow.
const MAX_VISITED: usize = 64;

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

impl Verdict {
    /// Whether it is sure enough, and nobody's own work, to end the shell.
    pub fn is_deadly(&self) -> bool {
        self.trust > Trust::Weak && !self.input.attended && !self.output.attended
    }
}

/// Whether a shell is led from the network.
pub fn judge(graph: &Graph, places: &Places, key: u64, shell: &Shell) -> Option<Verdict> {
    let input = follow(graph, places, key, shell, Way::In)?;
    let output = follow(graph, places, key, shell, Way::Out)?;
    if input.relay == key && output.relay == key && input.conn.socket == output.conn.socket {
        // Found at once when it happened, where it was one.
        return None;
    }
    let mut trust = input.trust.min(output.trust);
    if input.conn.socket != output.conn.socket && (input.above || output.above) {
        // What is fetched and fed to a shell, below something that reads the output of all its
        // jobs and is connected itself. A proxy can make both look alike.
        let other = |conn: &Conn| (conn.address, conn.port);
        if other(&input.conn) != other(&output.conn) {
            return None;
        }
        trust = trust.min(Trust::Weak);
    }
    match shell.reads {
        Reads::Commands | Reads::Dialogue => {}
        // A program that is fed to an interpreter by one that also has connections is common; on
        // a terminal it is a dialogue.
        Reads::Program => {
            if input.above && !shell.on_terminal() {
                trust = trust.min(Trust::Weak);
            }
        }
        // A script or a command is led only if somebody tied its two ends to one connection.
        Reads::Elsewhere | Reads::Script | Reads::NoInterpreter => {
            let tied = input.conn.socket == output.conn.socket
                && input.conn.is_outbound()
                && !input.above
                && !output.above;
            if !tied {
                return None;
            }
            trust = trust.min(Trust::Fair);
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
fn follow(graph: &Graph, places: &Places, key: u64, shell: &Shell, way: Way) -> Option<Link> {
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
            attended: false,
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
                let apart = places.between(node.container, shell.container);
                // Whoever carries a container's streams from outside is its runtime.
                if apart == Apart::Runtime {
                    continue;
                }
                if let Some(mut link) = link(graph, *holder, node, shell) {
                    if apart == Apart::Unexplained && !shell.in_host_mounts {
                        link.trust = link.trust.min(Trust::Weak);
                    }
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
