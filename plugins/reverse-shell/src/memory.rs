//! Handing the memory over to the next version.
//!
//! The form is a flat row of little-endian numbers and length-prefixed bytes. A newer form gets a
//! new number and this plugin starts empty from one that it does not know: what runs then is told
//! again as `existing` only at the agent's start, so the form should change rarely.

use crate::command::Reads;
use crate::conn::{Conn, Session, Side};
use crate::end::End;
use crate::node::{Node, Via};
use crate::orders::Heard;
use crate::places::Place;
use crate::shell::Shell;
use crate::{Mark, ReverseShell, Waiting};
use vedette_sdk::prelude::*;

impl Snapshot for ReverseShell {
    const SCHEMA: u32 = 4;

    fn save(&self) -> Vec<u8> {
        self.form(Self::SCHEMA)
    }

    fn restore(&mut self, schema: u32, data: &[u8]) -> Result<(), String> {
        if !(1..=Self::SCHEMA).contains(&schema) {
            log::info("the older version's memory has another form: starting without it");
            return Ok(());
        }
        let mut fresh = ReverseShell::default();
        fresh.read_from(&mut Reader(data), schema).ok_or(
            "the snapshot ends in the middle of a value, or holds one that has no meaning",
        )?;
        *self = fresh;
        Ok(())
    }
}

impl ReverseShell {
    /// Each schema appends to the one before.
    pub(crate) fn form(&self, schema: u32) -> Vec<u8> {
        let mut out = Writer(Vec::new());
        let nodes: Vec<_> = self.graph.nodes().collect();
        out.all(nodes.clone(), |out, (key, node)| {
            out.number(key);
            out.node(node);
        });
        let shells: Vec<_> = self.shells.iter().collect();
        out.all(shells.clone(), |out, (key, shell)| {
            out.number(*key);
            out.shell(shell);
        });
        out.all(self.found.iter().collect(), |out, (mark, ())| {
            out.mark(mark)
        });
        out.all(self.waiting.iter().collect(), |out, (key, waiting)| {
            out.number(*key);
            out.conn(&waiting.conn);
            out.number(waiting.event);
            out.number(waiting.at);
        });
        out.all(self.read.iter().collect(), |out, (socket, event)| {
            out.number(*socket);
            out.number(*event);
        });
        if schema < 2 {
            return out.0;
        }
        out.all(self.graph.over().collect(), |out, (socket, at)| {
            out.number(socket);
            out.number(at);
        });
        if schema < 3 {
            return out.0;
        }
        // Of each node and shell in their order: what was not known of them before.
        for (_, node) in nodes {
            out.flag(node.session.is_some_and(|session| session.forked));
            out.number(node.accepted.into());
            out.number(node.missed.into());
            out.maybe(node.missing.as_ref(), Writer::conn);
        }
        for (_, shell) in shells {
            out.flag(shell.in_host_mounts);
            out.all(shell.opened.clone(), Writer::end);
            out.maybe(shell.login.as_ref(), |out, above| {
                out.number((*above).into());
            });
            out.flag(shell.separate);
        }
        out.all(self.ran.iter().collect(), |out, (key, ())| out.number(*key));
        out.all(self.places.iter().collect(), |out, (key, place)| {
            out.number(key);
            out.bytes(&place.id);
            out.number(place.since);
            out.flag(place.described);
            out.flag(place.unexplained);
        });
        if schema < 4 {
            return out.0;
        }
        out.all(self.orders.iter().collect(), |out, (key, heard)| {
            out.number(key);
            out.number(heard.socket);
            out.bytes(heard.endpoint.as_bytes());
            out.number(heard.event);
            out.number(heard.at);
            out.all(heard.packets.iter().collect(), |out, packet| {
                out.bytes(packet)
            });
        });
        out.0
    }

    fn read_from(&mut self, from: &mut Reader<'_>, schema: u32) -> Option<()> {
        let mut nodes = Vec::new();
        for _ in 0..from.count()? {
            let key = from.number()?;
            nodes.push((key, from.node()?));
        }
        let mut shells = Vec::new();
        for _ in 0..from.count()? {
            let key = from.number()?;
            shells.push((key, from.shell()?));
        }
        for _ in 0..from.count()? {
            let mark = from.mark()?;
            self.found.insert(mark, ());
        }
        for _ in 0..from.count()? {
            let key = from.number()?;
            let waiting = Waiting {
                conn: from.conn()?,
                event: from.number()?,
                at: from.number()?,
            };
            self.waiting.insert(key, waiting);
        }
        for _ in 0..from.count()? {
            let (socket, event) = (from.number()?, from.number()?);
            self.read.insert(socket, event);
        }
        // What was over was not noted before.
        let mut over = Vec::new();
        if schema > 1 {
            over = from.all(|from| Some((from.number()?, from.number()?)))?;
        }
        if schema > 2 {
            for (_, node) in &mut nodes {
                let forked = from.flag()?;
                if let Some(session) = &mut node.session {
                    session.forked = forked;
                }
                node.accepted = from.small()?;
                node.missed = from.small()?;
                node.missing = from.maybe(Reader::conn)?;
            }
            for (_, shell) in &mut shells {
                shell.in_host_mounts = from.flag()?;
                shell.opened = from.all(Reader::end)?;
                shell.login = from.maybe(Reader::small)?;
                shell.separate = from.flag()?;
            }
            for _ in 0..from.count()? {
                self.ran.insert(from.number()?, ());
            }
            for _ in 0..from.count()? {
                let key = from.number()?;
                let place = Place {
                    id: from.bytes()?.into(),
                    since: from.number()?,
                    described: from.flag()?,
                    unexplained: from.flag()?,
                };
                self.places.put(key, place);
            }
        }
        if schema > 3 {
            for _ in 0..from.count()? {
                let key = from.number()?;
                let heard = Heard {
                    socket: from.number()?,
                    endpoint: String::from_utf8(from.bytes()?.to_vec()).ok()?,
                    event: from.number()?,
                    at: from.number()?,
                    packets: from.all(|from| Some(from.bytes()?.into()))?,
                };
                self.orders.put(key, heard);
            }
        }
        for (key, node) in nodes {
            self.graph.put(key, node);
        }
        for (key, shell) in shells {
            self.shells.insert(key, shell);
        }
        for (socket, at) in over {
            self.graph.was_over(socket, at);
        }
        from.0.is_empty().then_some(())
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn all<T>(&mut self, items: Vec<T>, mut one: impl FnMut(&mut Self, T)) {
        self.number(items.len() as u64);
        for item in items {
            one(self, item);
        }
    }

    fn flag(&mut self, value: bool) {
        self.0.push(value.into());
    }

    fn maybe<T>(&mut self, value: Option<&T>, one: impl FnOnce(&mut Self, &T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            one(self, value);
        }
    }

    fn end(&mut self, end: End) {
        let (form, first, second) = match end {
            End::PipeRead(id) => (0, id, 0),
            End::PipeWrite(id) => (1, id, 0),
            End::FifoRead(id, device) => (2, id, device),
            End::FifoWrite(id, device) => (3, id, device),
            End::Slave(device, index) => (4, device, index.into()),
            End::Master(device, index) => (5, device, index.into()),
            End::Unix(own, peer) => (6, own, peer),
        };
        self.0.push(form);
        self.number(first);
        self.number(second);
    }

    fn conn(&mut self, conn: &Conn) {
        self.number(conn.socket);
        self.flag(conn.is_outbound());
        self.bytes(&conn.address[..conn.address_len.into()]);
        self.number(conn.port.into());
        self.number(conn.event);
        self.number(conn.at);
        self.flag(conn.own);
    }

    fn node(&mut self, node: &Node) {
        self.number(node.pid.into());
        self.bytes(&node.name);
        self.number(node.container);
        self.number(node.image);
        self.flag(node.shell);
        self.all(node.held.iter().collect(), |out, (end, via)| {
            out.end(*end);
            out.flag(*via == Via::Stdio);
        });
        self.all(node.conns.iter().collect(), Writer::conn);
        self.number(node.made.into());
        self.flag(node.accepts);
        let session = node.session.map(|session| session.conn);
        self.maybe(session.as_ref(), Writer::conn);
    }

    fn shell(&mut self, shell: &Shell) {
        self.0.push(match shell.reads {
            Reads::NoInterpreter => 0,
            Reads::Elsewhere => 1,
            Reads::Commands => 2,
            Reads::Program => 3,
            Reads::Dialogue => 4,
            Reads::Script => 5,
        });
        for ends in [&shell.input, &shell.output] {
            self.all(ends.clone(), Writer::end);
        }
        for direct in &shell.direct {
            self.maybe(direct.as_ref(), Writer::conn);
        }
        self.all(shell.lineage.clone(), Writer::number);
        self.number(shell.container);
        self.number(shell.event);
        self.number(shell.at);
        self.number(shell.pid.into());
        self.bytes(&shell.name);
    }

    fn mark(&mut self, mark: &Mark) {
        match mark {
            Mark::Socket(socket) => {
                self.0.push(0);
                self.number(*socket);
            }
            Mark::Process(key) => {
                self.0.push(1);
                self.number(*key);
            }
            Mark::End(end) => {
                self.0.push(2);
                self.end(*end);
            }
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    /// How many items follow. Each has at least one byte, so a count that could not be there is
    /// refused before anything is made of it.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.count()?;
        self.take(len)
    }

    fn all<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.count()?).map(|_| one(self)).collect()
    }

    fn maybe<T>(&mut self, one: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.flag()? {
            true => Some(Some(one(self)?)),
            false => Some(None),
        }
    }

    fn end(&mut self) -> Option<End> {
        let (form, first, second) = (self.byte()?, self.number()?, self.number()?);
        Some(match form {
            0 => End::PipeRead(first),
            1 => End::PipeWrite(first),
            2 => End::FifoRead(first, second),
            3 => End::FifoWrite(first, second),
            4 => End::Slave(first, second.try_into().ok()?),
            5 => End::Master(first, second.try_into().ok()?),
            6 => End::Unix(first, second),
            _ => return None,
        })
    }

    fn conn(&mut self) -> Option<Conn> {
        let socket = self.number()?;
        let side = if self.flag()? {
            Side::Outbound
        } else {
            Side::Accepted
        };
        let bytes = self.bytes()?;
        let mut address = [0; 16];
        address.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Conn {
            socket,
            side,
            address,
            address_len: bytes.len() as u8,
            port: self.small()?,
            event: self.number()?,
            at: self.number()?,
            own: self.flag()?,
        })
    }

    fn node(&mut self) -> Option<Node> {
        Some(Node {
            pid: self.small()?,
            name: self.bytes()?.into(),
            container: self.number()?,
            image: self.number()?,
            shell: self.flag()?,
            held: self.all(|from| {
                let end = from.end()?;
                Some((end, if from.flag()? { Via::Stdio } else { Via::Made }))
            })?,
            conns: self.all(Reader::conn)?,
            made: self.small()?,
            accepts: self.flag()?,
            // A session of before is taken for one that was executed.
            session: self.maybe(Reader::conn)?.map(|conn| Session {
                conn,
                forked: false,
            }),
            accepted: 0,
            missed: 0,
            missing: None,
        })
    }

    fn shell(&mut self) -> Option<Shell> {
        Some(Shell {
            reads: match self.byte()? {
                0 => Reads::NoInterpreter,
                1 => Reads::Elsewhere,
                2 => Reads::Commands,
                3 => Reads::Program,
                4 => Reads::Dialogue,
                5 => Reads::Script,
                _ => return None,
            },
            input: self.all(Reader::end)?,
            output: self.all(Reader::end)?,
            direct: [self.maybe(Reader::conn)?, self.maybe(Reader::conn)?],
            lineage: self.all(Reader::number)?,
            container: self.number()?,
            event: self.number()?,
            at: self.number()?,
            pid: self.small()?,
            name: self.bytes()?.into(),
            in_host_mounts: false,
            opened: Vec::new(),
            login: None,
            separate: false,
        })
    }

    fn mark(&mut self) -> Option<Mark> {
        Some(match self.byte()? {
            0 => Mark::Socket(self.number()?),
            1 => Mark::Process(self.number()?),
            2 => Mark::End(self.end()?),
            _ => return None,
        })
    }
}
