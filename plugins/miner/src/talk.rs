//! What is said on one connection, put together from packets.

use crate::stratum::{self, Message};

/// Bytes that are kept of an unfinished message. Stops a connection without line ends from
/// growing; what miners say first is shorter.
const MAX_PENDING: usize = 4096;

/// Packets after which a connection that said nothing telling is left alone: the sensor tells of no
/// more, however small they are.
const MAX_PACKETS: u32 = 32;

/// What was heard on a connection.
#[derive(Debug, Default)]
pub struct Talk {
    pending: Vec<u8>,
    packets: u32,
    heard: Vec<(u64, &'static str)>,
    enough: bool,
}

impl Talk {
    /// Begins to listen if the first bytes could be JSON, or HTTP that carries it.
    pub fn begin(payload: &[u8]) -> Option<Talk> {
        let first = payload.iter().find(|b| !b.is_ascii_whitespace());
        let json = first.is_none_or(|b| matches!(b, b'{' | b'['));
        (json || payload.starts_with(b"POST ")).then(Talk::default)
    }

    /// One packet; `whole` if none of its bytes is missing.
    pub fn hear(&mut self, event: u64, payload: &[u8], whole: bool) {
        self.packets += 1;
        self.pending.extend_from_slice(payload);
        let messages = stratum::messages(&self.pending);
        self.note(event, &messages);
        let finished = self.pending.ends_with(b"\n") || self.pending.ends_with(b"}");
        // After a gap nothing fits together; and a new message begins by itself.
        if !whole || (finished && !messages.is_empty()) || self.pending.len() > MAX_PENDING {
            self.pending.clear();
        }
    }

    fn note(&mut self, event: u64, messages: &[Message]) {
        for message in messages {
            if !self.heard.iter().any(|(_, note)| *note == message.note) {
                self.heard.push((event, message.note));
            }
            self.enough |= message.alone;
        }
        // Two that prove nothing by themselves do together.
        self.enough |= self.heard.len() > 1;
    }

    /// Whether it is a miner that speaks.
    pub fn is_mining(&self) -> bool {
        self.enough
    }

    /// Whether more may be worth hearing.
    pub fn goes_on(&self) -> bool {
        self.packets < MAX_PACKETS
    }

    /// The events that told, and what they show.
    pub fn heard(&self) -> &[(u64, &'static str)] {
        &self.heard
    }
}
