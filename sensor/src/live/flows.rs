//! What becomes of the packets that the kernel side tells of: joined to whoever accepted their
//! connection, read for names, and passed on only as far as somebody wants the bytes themselves.
//! Twin of `bpf/flow.h`.

use super::questions::{self, Questions};
use crate::{
    event::{Attr, Event, Task},
    filter::KindSet,
    payload::tls,
};
use std::collections::{HashMap, VecDeque};
use vedette_contract::{kind, values::event_mark};

/// Bytes of a packet's payload that plugins are given (`PAYLOAD_KEPT`).
const PAYLOAD_KEPT: usize = 512;

/// Why a packet is told, in the value of its attribute.
const FOR_FIRST_BYTES: u64 = 1 << 61;
const FOR_DNS: u64 = 1 << 62;
const FOR_TLS: u64 = 1 << 63;

/// Attributes of a packet: numbers of the catalogue.
const PROTOCOL: u32 = 1;
const MARKS: u32 = 2;

const TCP: u64 = 6;

/// Packets that wait for their connection to be accepted. Stops whoever connects and sends to a
/// server that never accepts; the oldest go.
const WAITING_MOST: usize = 1024;
/// How long they wait, ns: what nobody accepts nobody received.
const PATIENCE: u64 = 30_000_000_000;
/// Connections that were accepted last: a packet told at the same moment on another CPU may not
/// know it yet.
const ACCEPTED_MOST: usize = 256;
/// First messages of TLS that are not whole yet. Stops whoever sends them in parts and leaves it
/// at that; the oldest are told as unreadable.
const PARTS_MOST: usize = 256;
/// Bytes of one such message.
const PART_MOST: usize = 32 * 1024;
/// How long the rest of one may take, ns.
const PART_PATIENCE: u64 = 5_000_000_000;

/// Set in the id of an event that was read out of another's packet.
const DERIVED: u64 = 1 << 47;

/// Who accepted a connection, and the inode of its socket.
struct Accepted {
    cookie: u64,
    task: Task,
    inode: u64,
}

/// The beginning of a first message of TLS.
struct Part {
    event: Event,
    bytes: Vec<u8>,
}

/// Packets between the rings and whoever takes events.
#[derive(Default)]
pub(super) struct Flows {
    wanted: KindSet,
    waiting: VecDeque<Event>,
    accepted: VecDeque<Accepted>,
    parts: HashMap<u64, Part>,
    questions: Questions,
    /// Packets that had to make room before their connection was accepted.
    pub(super) unjoined: u64,
}

impl Flows {
    pub(super) fn want(&mut self, kinds: KindSet) {
        self.wanted = kinds;
        if !kinds.has_any(&[kind::SENT, kind::RECEIVED]) {
            self.waiting.clear();
            self.accepted.clear();
        }
    }

    /// Replaces the packets among `events` from `start` on by what is to be told of them.
    pub(super) fn pass(&mut self, events: &mut Vec<Event>, start: usize) {
        let concerns =
            |event: &Event| matches!(event.kind, kind::SENT | kind::RECEIVED | kind::ACCEPT);
        let Some(first) = events[start..].iter().position(concerns) else {
            return;
        };
        let fresh = events.split_off(start + first);
        for event in fresh {
            match event.kind {
                kind::SENT | kind::RECEIVED => self.packet(event, events),
                kind::ACCEPT => self.accept(event, events),
                _ => events.push(event),
            }
        }
    }

    fn accept(&mut self, event: Event, out: &mut Vec<Event>) {
        let (cookie, task, inode) = (event.c, event.task.clone(), event.b);
        if self.wanted.has(kind::ACCEPT) {
            out.push(event);
        }
        if cookie == 0 || !self.wanted.has_any(&[kind::SENT, kind::RECEIVED]) {
            return;
        }
        let (ours, others) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting: &Event| waiting.c == cookie);
        self.waiting = others;
        for mut packet in ours {
            join(&mut packet, &task, inode);
            self.packet(packet, out);
        }
        if self.accepted.len() == ACCEPTED_MOST {
            self.accepted.pop_front();
        }
        self.accepted.push_back(Accepted {
            cookie,
            task,
            inode,
        });
    }

    fn packet(&mut self, mut event: Event, out: &mut Vec<Event>) {
        self.sweep(event.at, out);
        if event.task.process.pid == 0 {
            match self.accepted.iter().find(|a| a.cookie == event.c) {
                Some(by) => join(&mut event, &by.task, by.inode),
                None => {
                    if self.waiting.len() == WAITING_MOST {
                        self.waiting.pop_front();
                        self.unjoined += 1;
                    }
                    self.waiting.push_back(event);
                    return;
                }
            }
        }
        let value = event.attrs.first().map_or(0, |attr| attr.value);
        let (protocol, marks) = (value & 0xffff_ffff, value >> 32 & 0xffff);
        if value & FOR_DNS != 0 && self.wanted.has(kind::DNS) {
            if protocol == TCP {
                self.questions.add(&event, out);
            } else {
                out.extend(questions::tell(&event, &event.text, 0));
            }
        }
        if value & FOR_TLS != 0 && self.wanted.has(kind::TLS) {
            self.hello(&event, out);
        }
        if value & FOR_FIRST_BYTES != 0 && self.wanted.has(event.kind) {
            if event.text.len() > PAYLOAD_KEPT {
                event.text = event.text[..PAYLOAD_KEPT].into();
                event.marks |= event_mark::TRUNCATED;
            }
            event.attrs = [(PROTOCOL, protocol), (MARKS, marks)]
                .map(|(key, value)| Attr {
                    key,
                    value,
                    ..Attr::default()
                })
                .into();
            out.push(event);
        }
    }

    /// Adds a packet to the first message of its connection and tells of it once it is whole.
    fn hello(&mut self, event: &Event, out: &mut Vec<Event>) {
        let missing = event.marks & (event_mark::TRUNCATED | event_mark::INCOMPLETE) != 0;
        let begin = || Part {
            event: Event {
                text: Box::default(),
                ..event.clone()
            },
            bytes: Vec::new(),
        };
        let mut part = self.parts.remove(&event.c).unwrap_or_else(begin);
        part.bytes.extend(&event.text);
        let mut beginning = tls::read(&part.bytes);
        if beginning == tls::Beginning::Other && part.bytes.len() > event.text.len() {
            // What came before looked like a beginning and was none.
            part = begin();
            part.bytes.extend(&event.text);
            beginning = tls::read(&part.bytes);
        }
        match beginning {
            tls::Beginning::Hello(hello) => out.push(greeting(&part.event, hello, 0)),
            tls::Beginning::Part if missing || part.bytes.len() > PART_MOST => {
                out.push(unreadable(&part.event));
            }
            tls::Beginning::Part => {
                if self.parts.len() == PARTS_MOST
                    && let Some(oldest) = self.parts.iter().min_by_key(|(_, p)| p.event.at)
                {
                    let oldest = *oldest.0;
                    out.extend(self.parts.remove(&oldest).map(|p| unreadable(&p.event)));
                }
                self.parts.insert(event.c, part);
            }
            tls::Beginning::Other => {}
        }
    }

    /// Forgets what has waited too long.
    fn sweep(&mut self, now: u64, out: &mut Vec<Event>) {
        while let Some(oldest) = self.waiting.front()
            && oldest.at + PATIENCE < now
        {
            self.waiting.pop_front();
        }
        self.questions.sweep(now);
        if !self.parts.is_empty() {
            let late: Vec<u64> = self
                .parts
                .iter()
                .filter(|(_, part)| part.event.at + PART_PATIENCE < now)
                .map(|(cookie, _)| *cookie)
                .collect();
            for cookie in late {
                out.extend(self.parts.remove(&cookie).map(|p| unreadable(&p.event)));
            }
        }
    }
}

/// The packet came in before it was known for whom.
fn join(packet: &mut Event, task: &Task, inode: u64) {
    packet.task = task.clone();
    packet.b = inode;
    packet.marks |= event_mark::LATE;
}

/// The beginning of a TLS connection, of which `packet` was the first.
fn greeting(packet: &Event, hello: tls::Hello, marks: u32) -> Event {
    let mut event = derived(packet, kind::TLS);
    event.marks |= marks;
    event.a = packet.a & 0xffff_ffff | u64::from(hello.version) << 32;
    event.b = packet.b;
    event.c = packet.c;
    event.text = hello.server_name;
    event.attrs = vec![Attr {
        key: 1,
        value: 0,
        text: hello.protocols,
    }];
    event
}

/// The same where the message never became whole.
fn unreadable(packet: &Event) -> Event {
    greeting(packet, tls::Hello::default(), event_mark::INCOMPLETE)
}

/// An event of another kind at the packet's moment.
pub(super) fn derived(packet: &Event, kind: u16) -> Event {
    Event {
        kind,
        id: packet.id | DERIVED,
        at: packet.at,
        marks: packet.marks & !event_mark::TRUNCATED,
        task: packet.task.clone(),
        text2: packet.text2.clone(),
        ..Event::default()
    }
}
