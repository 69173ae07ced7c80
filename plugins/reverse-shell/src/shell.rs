//! A shell or interpreter that could be led from elsewhere.

use crate::command::{self, Reads};
use crate::conn::Conn;
use crate::end::{self, End};
use crate::graph::{self, Graph};
use vedette_sdk::Event;
use vedette_sdk::prelude::*;

/// Ancestors that are remembered of a shell.
const MAX_LINEAGE: usize = 16;

/// Ends that a shell opened to read from. Stops one that opens fifos for ever.
const MAX_OPENED: usize = 8;

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
    /// It sees the files of the machine, as nobody in a container does.
    pub in_host_mounts: bool,
    /// Ends that it opened itself to read from, its script's among them.
    pub opened: Vec<End>,
    /// How far up a login or a command is that it belongs to: 0 is itself, 1 its parent.
    pub login: Option<u32>,
    /// Its standard error goes a way of its own.
    pub separate: bool,
}

impl Shell {
    /// A shell or interpreter whose input and output are not only files. `ran` tells whether this
    /// process executed a shell with a command before.
    pub fn new(
        event: Event<'_>,
        process: Process<'_>,
        graph: &Graph,
        reads: Reads,
        ran: bool,
    ) -> Option<Shell> {
        let led = |fd| process.stream(fd).is_some_and(|s| graph::may_lead(s));
        let answers = led(1) || led(2);
        let concerns = match reads {
            Reads::NoInterpreter => false,
            // A shell that reads commands may yet replace its streams itself.
            Reads::Commands => true,
            // What it is to read may turn out to be a pipe.
            Reads::Script => answers,
            _ => led(0) && answers,
        };
        if !concerns {
            return None;
        }
        let existing = event.as_existing().is_some();
        let lineage = || process.lineage().skip(1).take(MAX_LINEAGE);
        let login = match ran || command::is_of_a_login(process) {
            true => Some(0),
            false => lineage()
                .position(command::is_of_a_login)
                .map(|above| above as u32 + 1),
        };
        let mut shell = Shell {
            reads,
            input: Vec::new(),
            output: Vec::new(),
            direct: [None, None],
            lineage: lineage().map(|p| p.key()).collect(),
            container: process.container().map_or(0, |c| c.key()),
            event: event.id(),
            at: if existing {
                process.start()
            } else {
                event.at()
            },
            pid: process.pid(),
            name: process.exe().into(),
            in_host_mounts: process.in_host_mounts(),
            opened: Vec::new(),
            login,
            separate: false,
        };
        shell.restream(event, process, graph);
        Some(shell)
    }

    /// Its streams changed.
    pub fn restream(&mut self, event: Event<'_>, process: Process<'_>, graph: &Graph) {
        let direct = |fd| graph.direct(process, event, &[fd]);
        self.direct = [direct(0), direct(1).or_else(|| direct(2))];
        let ends = |fd: u32| process.stream(fd).into_iter().flat_map(end::of_stream);
        self.input.clone_from(&self.opened);
        self.input.extend(ends(0).filter(|end| end.gives()));
        self.output.clear();
        self.output.extend(ends(1).filter(|end| end.takes()));
        if self.output.is_empty() {
            self.output.extend(ends(2).filter(|end| end.takes()));
        }
        let ours = |end: &End| self.input.contains(end) || self.output.contains(end);
        self.separate = ends(2).any(|end| end.takes() && !ours(&end));
    }

    /// It opened these by name. A script that is a pipe is written while it is read; so may be what
    /// a script or a command reads.
    pub fn opens(&mut self, ends: impl Iterator<Item = End>) {
        if !matches!(self.reads, Reads::Script | Reads::Elsewhere) {
            return;
        }
        for end in ends.filter(|end| end.gives()) {
            if self.opened.len() < MAX_OPENED && !self.opened.contains(&end) {
                self.opened.push(end);
                self.input.push(end);
                if self.reads == Reads::Script {
                    self.reads = Reads::Commands;
                }
            }
        }
    }

    /// The ends that its input and output are.
    pub fn ends(&self) -> impl Iterator<Item = End> {
        self.input.iter().chain(&self.output).copied()
    }

    /// It runs on a terminal.
    pub fn on_terminal(&self) -> bool {
        self.input.iter().any(|end| matches!(end, End::Slave(..)))
    }

    /// Whether a login, or a command that somebody gave, lies between it and this ancestor.
    pub fn is_of_a_login_below(&self, ancestor: u64, image: u64) -> bool {
        let found = self
            .lineage
            .iter()
            .position(|key| *key == ancestor || *key == image);
        let (Some(login), Some(at)) = (self.login, found) else {
            return false;
        };
        (login as usize) <= at
    }
}
