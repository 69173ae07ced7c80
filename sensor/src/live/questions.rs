//! Questions of DNS and their answers, one at a time: of a datagram, and of a TCP connection, where each
//! has its length before it, several may share a packet, and one may be cut anywhere.

use crate::{event::Event, payload::dns};
use std::collections::HashMap;
use vedette_contract::{kind, values::event_mark};

/// Messages that are not whole yet. Stops whoever begins many and leaves it at that; the oldest go.
const PARTS_MOST: usize = 256;
/// Bytes of one such message: what the kernel side tells of a connection is not much more.
const PART_MOST: usize = 32 * 1024;
/// How long the rest of one may take, ns.
const PATIENCE: u64 = 5_000_000_000;
/// Messages that are told of one packet. Stops one of empty messages from making thousands of events;
/// each has an id of its own in the bits of [`NUMBER`].
const MESSAGES_MOST: u64 = 16;
/// Where the number of a message in its packet stands in the id.
const NUMBER: u32 = 43;

/// The beginning of a message.
struct Part {
    at: u64,
    bytes: Vec<u8>,
}

/// What connections have said that is not whole yet, by cookie and direction.
#[derive(Default)]
pub(super) struct Questions {
    parts: HashMap<(u64, u16), Part>,
}

impl Questions {
    /// Tells of the messages that this packet of a TCP connection completes.
    pub(super) fn add(&mut self, packet: &Event, out: &mut Vec<Event>) {
        let key = (packet.c, packet.kind);
        let missing = packet.marks & (event_mark::TRUNCATED | event_mark::INCOMPLETE) != 0;
        let mut bytes = self.parts.remove(&key).map_or_else(Vec::new, |p| p.bytes);
        bytes.extend(&packet.text);
        let mut rest = &bytes[..];
        for number in 0..MESSAGES_MOST {
            let Some((len, body)) = rest.split_first_chunk() else {
                break;
            };
            let len = usize::from(u16::from_be_bytes(*len));
            let Some((message, after)) = body.split_at_checked(len) else {
                // The rest is not kept anywhere, and names stand at the beginning.
                if missing {
                    out.extend(tell(packet, body, number));
                    return;
                }
                break;
            };
            out.extend(tell(packet, message, number));
            rest = after;
        }
        if rest.is_empty() || rest.len() > PART_MOST || missing {
            return;
        }
        let part = Part {
            at: packet.at,
            bytes: rest.into(),
        };
        if self.parts.len() == PARTS_MOST
            && let Some(oldest) = self.parts.iter().min_by_key(|(_, part)| part.at)
        {
            let oldest = *oldest.0;
            self.parts.remove(&oldest);
        }
        self.parts.insert(key, part);
    }

    /// Forgets what has waited too long.
    pub(super) fn sweep(&mut self, now: u64) {
        self.parts.retain(|_, part| part.at + PATIENCE >= now);
    }
}

/// The question or answer in a message, as the packet's `number`th event.
pub(super) fn tell(packet: &Event, message: &[u8], number: u64) -> Option<Event> {
    let message = dns::read(message)?;
    let mut event = super::flows::derived(packet, kind::DNS);
    event.id |= number << NUMBER;
    event.a = u64::from(message.kind) | u64::from(message.code) << 32;
    event.b = u64::from(message.answers) | u64::from(message.is_answer) << 32;
    event.c = packet.c;
    event.text = message.name;
    event.attrs = message
        .addresses
        .into_iter()
        .map(|text| crate::event::Attr {
            key: 1,
            value: 0,
            text,
        })
        .collect();
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07Example\x03org\0\0\x01\0\x01";

    fn packet(bytes: &[u8]) -> Event {
        Event {
            kind: kind::SENT,
            c: 7,
            text: bytes.into(),
            ..Event::default()
        }
    }

    fn stream() -> Vec<u8> {
        let mut whole = (QUESTION.len() as u16).to_be_bytes().to_vec();
        whole.extend(QUESTION);
        whole
    }

    #[test]
    fn a_message_is_read_wherever_it_is_cut() {
        let whole = stream();
        for cut in 1..whole.len() {
            let (mut questions, mut out) = (Questions::default(), Vec::new());
            questions.add(&packet(&whole[..cut]), &mut out);
            assert!(out.is_empty());
            questions.add(&packet(&whole[cut..]), &mut out);
            assert_eq!(out.len(), 1, "cut at {cut}");
            assert_eq!(&*out[0].text, b"example.org");
            assert!(questions.parts.is_empty());
        }
    }

    #[test]
    fn several_in_one_packet_are_told_apart_and_not_without_end() {
        let many = stream().repeat(40);
        let (mut questions, mut out) = (Questions::default(), Vec::new());
        questions.add(&packet(&many), &mut out);
        let ids: std::collections::HashSet<u64> = out.iter().map(|e| e.id).collect();
        assert_eq!((out.len(), ids.len()), (16, 16));
    }

    #[test]
    fn what_waits_is_bounded_and_ends() {
        let mut questions = Questions::default();
        for cookie in 0..2 * PARTS_MOST as u64 {
            let mut event = packet(&[1]);
            (event.c, event.at) = (cookie, cookie);
            questions.add(&event, &mut Vec::new());
        }
        assert_eq!(questions.parts.len(), PARTS_MOST);
        questions.sweep(PATIENCE + 2 * PARTS_MOST as u64);
        assert!(questions.parts.is_empty());
    }
}
