//! The answers that a capture holds.

use super::{Said, Told, said::Looked};
use std::{collections::HashMap, sync::Arc};
use vedette_contract::kind;
use vedette_sensor::event::Event;

/// Bytes of answers that are taken out of one capture: stops one that was made to fill memory. What
/// is beyond them is unavailable.
const MAX_BYTES: usize = 256 << 20;

/// Event and question, as the capture has them.
type Key = (u64, Box<[u8]>);

/// By event and question, what was answered.
#[derive(Debug, Default)]
pub struct Recorded {
    said: HashMap<Key, Arc<[u8]>>,
    bytes: usize,
    /// Answers that there was no room for.
    pub left_out: u64,
}

impl Recorded {
    /// Takes an event of a capture in, if it is an answer. Of several to one question the first
    /// counts: it is the one that was given.
    pub fn take(&mut self, event: &Event) {
        if event.kind != kind::ANSWER {
            return;
        }
        let size = event.text.len() + event.text2.len() + size_of::<(u64, [usize; 4])>();
        if self.bytes + size > MAX_BYTES {
            self.left_out += 1;
            return;
        }
        self.bytes += size;
        self.said
            .entry((event.a, event.text.clone()))
            .or_insert_with(|| event.text2.as_ref().into());
    }

    /// Takes in what a plugin is told of an event when it asks this.
    pub(crate) fn say(&mut self, plugin: &str, event: u64, asked: &str, told: Result<Told, u32>) {
        let said = Said::of(Looked { read: 0, told });
        self.take(&Event {
            kind: kind::ANSWER,
            a: event,
            text: format!("{plugin} {asked}").into_bytes().into(),
            text2: said.as_bytes().into(),
            ..Event::default()
        });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.said.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    pub(super) fn said(&self, event: u64, question: &str) -> Option<Said> {
        let said = self.said.get(&(event, question.as_bytes().into()))?;
        Some(Said::recorded(said.clone()))
    }
}

impl<'e> FromIterator<&'e Event> for Recorded {
    fn from_iter<I: IntoIterator<Item = &'e Event>>(events: I) -> Recorded {
        let mut recorded = Recorded::default();
        events.into_iter().for_each(|event| recorded.take(event));
        recorded
    }
}
