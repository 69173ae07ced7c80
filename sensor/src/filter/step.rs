//! Lines as the kernel reads them, a list of steps, and the kernel's own way through it in Rust. Twin
//! of `bpf/judge.h`.

use super::{
    KindSet,
    line::{Lines, Probe, Values},
    text::{COMPARED, How, Piece},
};
use crate::event::Event;
use vedette_contract::{Slot, kind, values::event_mark};

/// Words of a text that a step compares.
const WORDS: usize = COMPARED / 8;

/// One step. Twin of `struct step` in `bpf/filter.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// `enum step_slot`.
    pub slot: u16,
    /// [`Step::LINE`], [`Step::TEST`], [`Step::BITS`], [`Step::NOT`].
    pub flags: u16,
    /// Bytes of a text that are compared.
    pub compared: u8,
    /// How many of them, from the end, the last part of a path decides.
    pub given: u8,
    /// Length that the text must have, 0 for any.
    pub whole: u16,
    /// Of a number: the lowest that fulfils it, or the bits of which any must be set; then the
    /// highest. Of a text: its bytes, of a tail with the last byte at the end.
    pub words: [u64; WORDS],
}

impl Step {
    /// It begins a line.
    pub const LINE: u16 = 1;
    /// It begins a test.
    pub const TEST: u16 = 2;
    /// It looks for bits.
    pub const BITS: u16 = 4;
    /// It holds where it otherwise would not.
    pub const NOT: u16 = 8;

    fn of_text(slot: u16, how: How, piece: &Piece) -> Step {
        let mut bytes = [0; COMPARED];
        let len = piece.bytes.len();
        let (at, given) = match how {
            How::Begins => (0, 0),
            How::Ends | How::Is => (COMPARED - len, piece.last_part()),
        };
        bytes[at..at + len].copy_from_slice(&piece.bytes);
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = bytes
                .iter()
                .rev()
                .fold(0, |word, b| word << 8 | u64::from(*b));
        }
        Step {
            slot: slot + u16::from(how != How::Begins),
            compared: len as u8,
            given: given as u8,
            whole: piece.whole,
            words,
            ..Step::default()
        }
    }

    /// Its bytes, of a text.
    fn bytes(&self) -> [u8; COMPARED] {
        let mut bytes = [0; COMPARED];
        for (word, bytes) in self.words.iter().zip(bytes.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The texts that it looks at: bit 0 for the first, bit 1 for the second.
    pub(crate) fn texts(&self) -> u32 {
        match self.slot {
            SLOT_TEXT..SLOT_TEXT2 => 1,
            SLOT_TEXT2.. => 2,
            _ => 0,
        }
    }

    fn is_negated(&self) -> bool {
        self.flags & Step::NOT != 0
    }

    /// Whether an event fulfils it, by itself.
    fn holds(&self, event: &Event, inside: bool) -> bool {
        if self.texts() != 0 {
            return self.text_holds(event);
        }
        let number = match OWN.get(usize::from(self.slot)) {
            Some(slot) if is_unknown(event, *slot) => return true,
            Some(slot) => event.number(*slot).unwrap_or(0),
            None if self.slot != SLOT_UID => inside.into(),
            None if event.task.process.pid == 0 => return true,
            None => event.task.uid.into(),
        };
        let holds = if self.flags & Step::BITS != 0 {
            number & self.words[0] != 0
        } else {
            (self.words[0]..=self.words[1]).contains(&number)
        };
        holds != self.is_negated()
    }

    fn text_holds(&self, event: &Event) -> bool {
        let second = self.texts() == 2;
        let text = if second { &event.text2 } else { &event.text };
        let head = [SLOT_TEXT, SLOT_TEXT2].contains(&self.slot);
        let (bytes, len) = (self.bytes(), usize::from(self.compared));
        match Known::of(event, second) {
            Known::Nothing => true,
            Known::LastPart if head => true,
            Known::LastPart => self.last_part_holds(text),
            Known::Whole => {
                let holds = match head {
                    true => text.starts_with(&bytes[..len]),
                    false => text.ends_with(&bytes[COMPARED - len..]),
                };
                let fits = self.whole == 0 || text.len() == usize::from(self.whole);
                (holds && fits) != self.is_negated()
            }
        }
    }

    fn last_part_holds(&self, text: &[u8]) -> bool {
        let bytes = self.bytes();
        let Some((first, rest)) = bytes[COMPARED - usize::from(self.given)..].split_first() else {
            return true;
        };
        let at = text.len().checked_sub(rest.len() + 1);
        let same = at.is_some_and(|at| {
            let before = text[at];
            (before == *first || before == 0 && *first == b'/') && text[at + 1..] == *rest
        });
        if self.is_negated() {
            !same || self.whole != 0 || self.given != self.compared
        } else {
            same
        }
    }
}

/// The numbers of an event, in the order of `enum step_slot`.
const OWN: [Slot; 12] = [
    Slot::Ret,
    Slot::A,
    Slot::B,
    Slot::C,
    Slot::ALo,
    Slot::AHi,
    Slot::BLo,
    Slot::BHi,
    Slot::CLo,
    Slot::CHi,
    Slot::Attr(1),
    Slot::Attr(2),
];
/// Twins of what follows there.
const SLOT_UID: u16 = 12;
const SLOT_INSIDE: u16 = 13;
const SLOT_TEXT: u16 = 14;
const SLOT_TEXT2: u16 = 16;

impl Probe {
    /// Its number in `enum step_slot`; of a text that of its head.
    fn slot(self) -> Option<u16> {
        match self {
            Probe::Number(slot) => OWN.iter().position(|own| *own == slot).map(|at| at as u16),
            Probe::Text(Slot::Text) => Some(SLOT_TEXT),
            Probe::Text(Slot::Text2) => Some(SLOT_TEXT2),
            Probe::Text(_) => None,
            Probe::Uid => Some(SLOT_UID),
            Probe::Inside => Some(SLOT_INSIDE),
        }
    }
}

/// Whether the kernel knows nothing of a number: it could not be read, or user space looks it up.
fn is_unknown(event: &Event, slot: Slot) -> bool {
    let looked_up = matches!(
        slot,
        Slot::B | Slot::BLo | Slot::BHi | Slot::C | Slot::CLo | Slot::CHi
    );
    event.marks & event_mark::INCOMPLETE != 0
        || looked_up && (event.marks & event_mark::AS_GIVEN != 0 || event.task.process.pid == 0)
}

/// What the kernel knows of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Whole,
    Nothing,
    /// Of a path as given: what comes after the last slash.
    LastPart,
}

impl Known {
    /// By the event as it is told, or as it comes out of the ring. That a name's last part may be a
    /// link that is followed is not said there: then the kernel knows nothing.
    fn of(event: &Event, second: bool) -> Known {
        let unreadable = event_mark::INCOMPLETE | event_mark::TRUNCATED;
        let text = if second { &event.text2 } else { &event.text };
        if event.marks & unreadable != 0
            || event.image.is_some()
            || event.stream.is_some()
            || event.is_of_vsock()
        {
            return Known::Nothing;
        }
        let of_names = KindSet::NAMED.has(event.kind);
        let given = !second || [kind::RENAME, kind::LINK].contains(&event.kind);
        if event.marks & event_mark::AS_GIVEN == 0 || !of_names || !given {
            return Known::Whole;
        }
        match text.last() {
            None | Some(0 | b'/' | b'.') => Known::Nothing,
            Some(_) => Known::LastPart,
        }
    }
}

impl Lines {
    /// As the kernel reads them; none for what every event fulfils.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for line in self.fitted().iter() {
            let mut begins = Step::LINE;
            for test in line.tests() {
                begins |= Step::TEST;
                // A probe that the kernel has no slot for is never made (`Probe::of`).
                let Some(slot) = test.probe.slot() else {
                    continue;
                };
                let mut add = |step: Step, flags| {
                    steps.push(Step {
                        flags: begins | flags,
                        ..step
                    });
                    begins = 0;
                };
                let number = |low, high| Step {
                    slot,
                    words: [low, high, 0, 0],
                    ..Step::default()
                };
                match &test.values {
                    Values::AnyBit(bits) => add(number(*bits, 0), Step::BITS),
                    Values::NoBit(bits) => add(number(*bits, 0), Step::BITS | Step::NOT),
                    Values::Ranges(ranges) => {
                        for range in ranges {
                            add(number(*range.start(), *range.end()), 0);
                        }
                    }
                    Values::Texts(texts) => {
                        for piece in texts.pieces() {
                            let step = Step::of_text(slot, texts.how(), piece);
                            // None of them may be there: each is a test of its own.
                            let flags = match texts.negated() {
                                true => Step::TEST | Step::NOT,
                                false => 0,
                            };
                            add(step, flags);
                        }
                    }
                }
            }
        }
        steps
    }

    /// Whether an event fulfils them, by the kernel's own way through the steps. `inside` is
    /// whether its process may be in a container.
    pub fn pass(&self, event: &Event, inside: bool) -> bool {
        let (mut line, mut test, mut passes) = (false, false, false);
        for step in self.steps() {
            if step.flags & Step::LINE != 0 {
                passes |= line && test;
                (line, test) = (true, true);
            }
            if step.flags & Step::TEST != 0 {
                line &= test;
                test = false;
            }
            test = test || step.holds(event, inside);
        }
        self.is_everything() || passes || line && test
    }
}
