//! Finds shells whose standard streams lead to a network connection.
//!
//! The path of an event: `event` keeps the `graph` of who holds what, and asks
//! `search` wherever a shell may have become reachable; `report` words what it found.

mod command;
mod conn;
mod end;
mod graph;
mod memory;
mod node;
mod orders;
mod places;
mod relay;
mod report;
mod search;
mod shell;

use command::Reads;
use conn::Conn;
use end::End;
use graph::Graph;
use orders::Orders;
use places::Places;
use shell::Shell;
use vedette_sdk::bounded::Map;
use vedette_sdk::prelude::*;

/// Shells that might still turn out to be led from the network. Stops whoever starts shells in
/// masses from filling the plugin's memory; the oldest is forgotten.
const MAX_SHELLS: usize = 2048;

/// What was found already, so that it is found once. Stops the same from growing for ever.
const MAX_FOUND: usize = 4096;

/// Processes that put a connection on their own standard streams, until the next second.
const MAX_WAITING: usize = 1024;

/// Connections from which somebody reads.
const MAX_READ: usize = 4096;

/// Processes whose shells were given something to do. Stops whoever starts such in masses.
const MAX_RAN: usize = 4096;

/// A second of event time, in ns.
const SECOND: u64 = 1_000_000_000;

/// What a finding was about: anything that meets one of these again is the same shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Mark {
    /// A connection, by the inode of its socket.
    Socket(u64),
    /// A process, by its key.
    Process(u64),
    /// What a found shell reads from.
    End(End),
}

/// A process that put a connection on its own standard streams without executing anything.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    conn: Conn,
    event: u64,
    at: u64,
}

/// The detection.
#[plugin(snapshot)]
struct ReverseShell {
    graph: Graph,
    shells: Map<u64, Shell>,
    found: Map<Mark, ()>,
    waiting: Map<u64, Waiting>,
    /// Sockets that were made the standard input of something, and the event that did.
    read: Map<u64, u64>,
    /// Processes that executed a shell as a login, with a command or with a script.
    ran: Map<u64, ()>,
    places: Places,
    orders: Orders,
}

impl Default for ReverseShell {
    fn default() -> Self {
        ReverseShell {
            graph: Graph::default(),
            shells: Map::new(MAX_SHELLS),
            found: Map::new(MAX_FOUND),
            waiting: Map::new(MAX_WAITING),
            read: Map::new(MAX_READ),
            ran: Map::new(MAX_RAN),
            places: Places::default(),
            orders: Orders::default(),
        }
    }
}

impl Plugin for ReverseShell {
    fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
        if let Some(container) = event.as_container() {
            if container.marks() & container_mark::PENDING == 0 {
                self.places.described(container.id());
            }
            return;
        }
        let Some(process) = event.process() else {
            if event.as_tick().is_some() {
                self.second_passed(event, findings);
            }
            return;
        };
        self.places.met(process, event.at());
        if event.as_fork().is_some() {
            if let Some(child) = event.target() {
                self.graph.fork(process.key(), child);
            }
        } else if event.as_exec().is_some() || event.as_existing().is_some() {
            self.executed(event, process, findings);
            self.ordered(event, process, findings);
        } else if let Some(received) = event.as_received() {
            if !self.is_found(&[Mark::Socket(received.socket())]) {
                self.orders.hear(process, event, received);
            }
        } else if let Some(dup) = event.as_dup() {
            self.duplicated(event, process, dup.fd(), findings);
        } else if event.as_exit().is_some() {
            self.graph.forget(process.key());
            self.shells.remove(&process.key());
            self.waiting.remove(&process.key());
            self.ran.remove(&process.key());
            self.orders.forget(process.key());
        } else if let Some(connect) = event.as_connect() {
            if let Some(conn) = conn::outbound(event, connect) {
                self.graph.connected(process, conn);
                self.reached(process.key(), event, findings);
            }
        } else if let Some(accept) = event.as_accept() {
            if let Some(conn) = conn::accepted(event, accept) {
                self.graph.accepted(process, conn);
                self.reached(process.key(), event, findings);
            } else if let Some((socket, peer)) = conn::accepted_unix(event, accept) {
                self.graph
                    .opened(process, end::of_accepted(socket, peer).into_iter());
                self.reached(process.key(), event, findings);
            }
        } else if let Some(disconnect) = event.as_disconnect() {
            let (key, socket) = (process.key(), disconnect.socket());
            let outbound = disconnect.side() & stream_mark::OUTBOUND != 0;
            self.graph.disconnected(key, socket, outbound, event.at());
        } else if let Some(passed) = event.as_passed() {
            match conn::passed(event, passed) {
                Some(conn) => self.graph.handed(process, conn),
                None => self.graph.opened(process, end::of_passed(passed)),
            }
            self.reached(process.key(), event, findings);
        } else if let Some(pipe) = event.as_pipe() {
            let inode = pipe.inode();
            self.made(process, &[End::PipeRead(inode), End::PipeWrite(inode)]);
        } else if let Some(pair) = event.as_socketpair() {
            let (first, second) = (pair.first(), pair.second());
            self.made(
                process,
                &[End::Unix(first, second), End::Unix(second, first)],
            );
        } else if let Some(terminal) = event.as_terminal() {
            self.made(process, &[End::Master(terminal.device(), terminal.index())]);
        } else if let Some(open) = event.as_open() {
            self.graph.opened(process, end::of_opened(open));
            if let Some(shell) = self.shells.get_mut(&process.key()) {
                shell.opens(end::of_opened(open));
            }
            self.reached(process.key(), event, findings);
        }
    }
}

impl ReverseShell {
    /// A new image, or one that was there before the plugin: its streams are all that is left.
    fn executed(&mut self, event: Event<'_>, process: Process<'_>, findings: &mut Findings) {
        let key = process.key();
        self.waiting.remove(&key);
        let reads = command::reads(process);
        self.graph.executed(process, event, reads.commands());
        if let Some(conn) = self
            .graph
            .direct(process, event, &[0, 1])
            .or_else(|| self.graph.direct(process, event, &[0, 2]))
        {
            self.read.insert(conn.socket, event.id());
            self.on_socket(event, process, reads, conn, findings);
        } else {
            if let Some(conn) = self.graph.direct(process, event, &[0]) {
                self.read.insert(conn.socket, event.id());
            }
            self.answers_on_socket(event, process, findings);
        }
        let ran = self.ran.contains(&key);
        if command::is_of_a_login(process) {
            self.ran.insert(key, ());
        }
        match Shell::new(event, process, &self.graph, reads, ran) {
            Some(shell) => {
                self.shells.insert(key, shell);
            }
            None => {
                self.shells.remove(&key);
            }
        }
        self.reached(key, event, findings);
    }

    /// What was executed may be what the other side of a connection wrote.
    fn ordered(&mut self, event: Event<'_>, process: Process<'_>, findings: &mut Findings) {
        let Some((subject, heard)) = self.orders.ordered(event, process) else {
            return;
        };
        let marks = [Mark::Socket(heard.socket), Mark::Process(subject.key())];
        if !self.is_found(&marks) {
            report::ordered(findings, event, process, subject, heard);
            self.mark(&marks);
        }
    }

    /// Something to talk through was made: what had the same identity before is gone. Terminals
    /// take the smallest index that is free.
    fn made(&mut self, process: Process<'_>, ends: &[End]) {
        for end in ends {
            self.found.remove(&Mark::End(*end));
            self.found.remove(&Mark::End(end.opposite()));
        }
        self.graph.made(process, ends);
    }

    /// A standard stream was replaced.
    fn duplicated(
        &mut self,
        event: Event<'_>,
        process: Process<'_>,
        fd: u32,
        findings: &mut Findings,
    ) {
        let key = process.key();
        self.graph.restream(process, event);
        if fd == 0
            && let Some(conn) = self.graph.direct(process, event, &[0])
        {
            self.read.insert(conn.socket, event.id());
        }
        if let Some(shell) = self.shells.get_mut(&key) {
            shell.restream(event, process, &self.graph);
        }
        match self
            .graph
            .direct(process, event, &[0, 1])
            .filter(Conn::is_outbound)
        {
            // A shell that was executed to read commands reads them from here now.
            Some(conn) if self.shells.get(&key).is_some_and(|s| s.reads.commands()) => {
                self.on_socket(event, process, command::reads(process), conn, findings);
            }
            // Most often it is about to execute something: see what it is.
            Some(conn) => self.waiting.insert(
                key,
                Waiting {
                    conn,
                    event: event.id(),
                    at: event.at(),
                },
            ),
            None => {
                self.waiting.remove(&key);
                // A shell, or what it forked to become a command.
                if process.is_shell() {
                    self.answers_on_socket(event, process, findings);
                }
            }
        }
        self.reached(key, event, findings);
    }

    /// A program whose input and output are one connection.
    fn on_socket(
        &mut self,
        event: Event<'_>,
        process: Process<'_>,
        reads: Reads,
        conn: Conn,
        findings: &mut Findings,
    ) {
        if !conn.is_outbound() && !reads.commands() {
            return;
        }
        if self.is_found(&[Mark::Socket(conn.socket), Mark::Process(process.key())]) {
            return;
        }
        self.mark(&[Mark::Socket(conn.socket), Mark::Process(process.key())]);
        report::on_socket(findings, event, process, reads, &conn);
    }

    /// A command whose answers go to a connection that somebody above it takes commands from, or
    /// a shell that sends there what its own commands print.
    fn answers_on_socket(
        &mut self,
        event: Event<'_>,
        process: Process<'_>,
        findings: &mut Findings,
    ) {
        let Some(conn) = self
            .graph
            .direct(process, event, &[1, 2])
            .filter(Conn::is_outbound)
        else {
            return;
        };
        if self.is_found(&[Mark::Socket(conn.socket)]) {
            return;
        }
        let near = || process.lineage().take(report::LINEAGE);
        let connected = |p: Process<'_>| self.graph.connected_by(p.key(), conn.socket);
        let Some((connector, made)) = near().find_map(|p| Some((p, connected(p)?))) else {
            return;
        };
        let read = self.read.get(&conn.socket).copied();
        let own = connector.key() == process.key();
        let shell = near().skip(usize::from(!own)).find(|p| p.is_shell());
        let subject = match (shell, read) {
            // It is read from as well: commands, line by line.
            (Some(shell), Some(_)) => shell,
            // Whatever is not a shell can read from its connection without showing it.
            (None, _) if !own => connector,
            _ => return,
        };
        self.mark(&[Mark::Socket(conn.socket), Mark::Process(subject.key())]);
        report::answers(findings, event, process, subject, &made, read);
    }

    /// Something new is known of this process: which shells does it complete a way to?
    fn reached(&mut self, key: u64, event: Event<'_>, findings: &mut Findings) {
        if self.shells.is_empty() {
            return;
        }
        for shell in search::shells_near(&self.graph, &self.shells, key) {
            self.judge(shell, event, findings);
        }
    }

    fn judge(&mut self, key: u64, event: Event<'_>, findings: &mut Findings) {
        let Some(shell) = self.shells.get(&key) else {
            return;
        };
        let Some(verdict) = search::judge(&self.graph, &self.places, key, shell) else {
            return;
        };
        let mut marks = vec![Mark::Process(key)];
        for link in [&verdict.input, &verdict.output] {
            marks.push(Mark::Socket(link.conn.socket));
        }
        // A fifo is not made anew for the next connection that is led through it.
        let once = shell
            .input
            .iter()
            .filter(|end| !matches!(end, End::FifoRead(..)));
        marks.extend(once.map(|end| Mark::End(*end)));
        if self.is_found(&marks) {
            return;
        }
        report::relayed(findings, event, key, shell, &verdict, &self.graph);
        self.mark(&marks);
    }

    fn second_passed(&mut self, event: Event<'_>, findings: &mut Findings) {
        let due: Vec<(u64, Waiting)> = self
            .waiting
            .iter()
            .filter(|(_, w)| event.at().saturating_sub(w.at) >= SECOND)
            .map(|(key, waiting)| (*key, *waiting))
            .collect();
        for (key, waiting) in due {
            self.waiting.remove(&key);
            let marks = [Mark::Socket(waiting.conn.socket), Mark::Process(key)];
            if !self.is_found(&marks) {
                self.mark(&marks);
                report::by_itself(findings, key, &waiting, &self.graph);
            }
        }
        if self.places.wait(event.at()) {
            let shells: Vec<u64> = self.shells.iter().map(|(key, _)| *key).collect();
            for shell in shells {
                self.judge(shell, event, findings);
            }
        }
    }

    fn is_found(&self, marks: &[Mark]) -> bool {
        marks.iter().any(|mark| self.found.contains(mark))
    }

    fn mark(&mut self, marks: &[Mark]) {
        for mark in marks {
            self.found.insert(*mark, ());
        }
    }
}

#[cfg(test)]
mod tests;
