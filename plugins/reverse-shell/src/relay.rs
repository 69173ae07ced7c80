//! What a process between a shell and a connection is worth.

use crate::command::Reads;
use crate::conn::Conn;
use crate::end::End;
use crate::graph::Graph;
use crate::node::{Node, Via};
use crate::shell::Shell;

/// Connections that a process makes which does nothing else than relay one.
const FEW: u32 = 4;

/// Time between a connection and a shell that were made for each other, in ns.
const NEAR: u64 = 10_000_000_000;

/// The same where a server calls out while it serves others, in ns.
const AT_ONCE: u64 = 2_000_000_000;

/// Terminals within terminals between a relay and the session that somebody types in.
const MAX_NESTED: usize = 4;

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
    /// Somebody sits at the relay's own terminal, and would lose what they do in the shell.
    pub attended: bool,
}

/// How sure it is that the connection leads the shell, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// The relay serves a terminal to somebody who is connected to it.
    Faint,
    /// The relay has other things to do, and the connection was not made near the shell's start.
    Weak,
    /// The relay has many connections, but this one was made near the shell's start.
    Fair,
    /// The relay has little else to do.
    Strong,
}

/// The connection of a relay that counts for this shell.
pub fn link(graph: &Graph, key: u64, node: &Node, shell: &Shell) -> Option<Link> {
    // A fork of an ancestor is the same program: it inherited what it does not use.
    let above = shell.lineage.contains(&key) || shell.lineage.contains(&node.image);
    let open = || node.conns.iter().filter(|conn| graph.is_open(conn));
    let outbound = open()
        .filter(|conn| conn.is_outbound())
        .min_by_key(|conn| conn.at.abs_diff(shell.at))
        .or(node.missing.as_ref().filter(|_| node.missed > 0));
    let Some(conn) = outbound else {
        if above {
            return served(graph, key, node, shell);
        }
        let accepted = open().find(|conn| !conn.is_outbound())?;
        return Some(Link {
            conn: *accepted,
            relay: key,
            above,
            trust: Trust::Strong,
            attended: false,
        });
    };
    let near = conn.at.abs_diff(shell.at) <= NEAR;
    let mut attended = false;
    let mut trust = Trust::Strong;
    if above {
        if is_session(node, conn) {
            return served(graph, key, node, shell);
        }
        if let Some(visitor) = visitor(graph, node, shell) {
            // Terminals in a browser: whoever serves them calls out for other reasons. One who
            // calls itself over loopback to look so, and then calls out, does not get by.
            if conn.is_loopback() || !(near || visitor.is_loopback()) {
                return None;
            }
            trust = Trust::Faint;
        } else if node.accepts || node.made > FEW {
            // Who works in a notebook connects to a database, and runs a shell a moment later.
            let soon = if node.accepts { AT_ONCE } else { NEAR };
            let made_for_it = conn.at.abs_diff(shell.at) <= soon;
            trust = if made_for_it {
                Trust::Fair
            } else {
                Trust::Weak
            };
        }
        if conn.at > shell.at.saturating_add(NEAR) {
            trust = trust.min(Trust::Weak);
        }
        attended = is_attended(graph, node);
        if attended && !near {
            trust = trust.min(Trust::Weak);
        }
    }
    Some(Link {
        conn: *conn,
        relay: key,
        above,
        trust,
        attended,
    })
}

/// Whether somebody logged in, and the same process forwards this connection for them.
fn is_session(node: &Node, conn: &Conn) -> bool {
    let Some(session) = node.session else {
        return false;
    };
    // A server that forks for a visitor is no server itself.
    let served = !session.forked || !node.accepts;
    // One who calls itself over loopback to look so, and then calls out, does not get by.
    served && (!session.conn.is_loopback() || conn.is_loopback())
}

/// The connection of somebody for whom this relay serves a shell's terminal; the one from farthest
/// away.
fn visitor<'a>(graph: &Graph, node: &'a Node, shell: &Shell) -> Option<&'a Conn> {
    if !node.accepts || !shell.on_terminal() {
        return None;
    }
    let before = |conn: &&Conn| !conn.is_outbound() && conn.at < shell.at && graph.is_open(conn);
    let visitors = node.conns.iter().filter(before);
    visitors.min_by_key(|conn| conn.is_loopback())
}

/// Whether the relay runs on a terminal that leads to a login session: an editor, say.
fn is_attended(graph: &Graph, node: &Node) -> bool {
    let terminals = |node: &Node| -> Vec<End> {
        let slaves = node.held.iter().map(|(end, _)| *end);
        slaves.filter(|end| matches!(end, End::Slave(..))).collect()
    };
    let own = node.held.iter().filter(|(_, via)| *via == Via::Stdio);
    let mut wanted: Vec<End> = own
        .map(|(end, _)| *end)
        .filter(|end| matches!(end, End::Slave(..)))
        .collect();
    for _ in 0..MAX_NESTED {
        let mut outer = Vec::new();
        for terminal in wanted {
            let holders = graph.holders(terminal.opposite()).iter();
            for holder in holders.filter_map(|key| graph.node(*key)) {
                if holder.session.is_some() {
                    return true;
                }
                outer.extend(terminals(holder));
            }
        }
        wanted = outer;
    }
    false
}

/// The connection that was accepted above a shell: every login is one. What tells a bind shell is
/// that the same program relays which accepted, that there is no terminal, and that what it starts
/// is a bare shell: who serves logins starts the user's shell as a login or with a command, and
/// carries its errors apart.
fn served(graph: &Graph, key: u64, node: &Node, shell: &Shell) -> Option<Link> {
    // What a server forks for something else holds the same for a moment.
    let starts = shell.lineage.contains(&key);
    if !starts || !matches!(shell.reads, Reads::Commands | Reads::Dialogue) {
        return None;
    }
    let own = (node.conns.iter())
        .filter(|conn| !conn.is_outbound() && conn.own && graph.is_open(conn))
        .min_by_key(|conn| conn.at.abs_diff(shell.at));
    let session = node.session.filter(|session| graph.is_open(&session.conn));
    let (conn, forked) = match (session, own) {
        (Some(session), _) if !session.forked => return None,
        (Some(session), _) if !node.accepts => (session.conn, true),
        (_, Some(conn)) => (*conn, false),
        _ => return None,
    };
    let before = conn.at <= shell.at;
    let near = before && shell.at - conn.at <= NEAR;
    let login = shell.is_of_a_login_below(key, node.image);
    let trust = if shell.on_terminal() {
        if !forked || login || !near {
            return None;
        }
        Trust::Weak
    } else if login && shell.separate {
        return None;
    } else if forked && before {
        if near { Trust::Strong } else { Trust::Weak }
    } else if !forked && node.accepted == 1 {
        if near { Trust::Fair } else { Trust::Weak }
    } else if !forked && near {
        // It goes on serving others, and may feed a script to a shell for one of them.
        Trust::Weak
    } else {
        return None;
    };
    Some(Link {
        conn,
        relay: key,
        above: true,
        trust,
        attended: false,
    })
}
