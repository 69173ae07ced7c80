//! Questions to name servers and their answers (RFC 1035).
//!
//! ```
//! use vedette_sensor::payload::dns::read;
//!
//! let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07Example\x03org\0\0\x01\0\x01";
//! let message = read(question).unwrap();
//! assert_eq!(&*message.name, b"example.org");
//! assert_eq!((message.kind, message.is_answer), (1, false));
//! assert!(read(b"not one").is_none());
//! ```

use super::Cursor;

/// Longest name that the protocol allows. Ends names that refer to themselves.
const NAME_MOST: usize = 255;
/// References in one name: a chain of them could be followed for long.
const JUMPS_MOST: usize = 16;
/// Addresses that are kept of one answer: more say nothing that the first do not.
const ADDRESSES_MOST: usize = 16;
/// Records of one answer that are looked at: the rest of a message is 4 KB at most.
const RECORDS_MOST: u16 = 256;

const A: u16 = 1;
const AAAA: u16 = 28;

/// A question, or an answer to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The name asked for, in lower case, without the final dot.
    pub name: Box<[u8]>,
    /// Type of the question.
    pub kind: u16,
    /// Code of the answer.
    pub code: u8,
    /// Records that the message says its answer has.
    pub answers: u16,
    /// Whether it is an answer.
    pub is_answer: bool,
    /// Addresses in the answer, of 4 or 16 bytes.
    pub addresses: Vec<Box<[u8]>>,
}

/// Reads a message; none where there is no question in it.
pub fn read(message: &[u8]) -> Option<Message> {
    let mut at = Cursor(message);
    at.u16()?;
    let flags = at.u16()?;
    let questions = at.u16()?;
    let answers = at.u16()?;
    at.take(4)?;
    if questions == 0 {
        return None;
    }
    let name = name(message, &mut at)?;
    let kind = at.u16()?;
    at.u16()?;
    let is_answer = flags & 0x8000 != 0;
    let mut out = Message {
        name,
        kind,
        code: 0,
        answers: 0,
        is_answer,
        addresses: Vec::new(),
    };
    if is_answer {
        out.code = (flags & 15) as u8;
        out.answers = answers;
        // Further questions stand before the answers.
        let skipped = (1..questions.min(RECORDS_MOST)).try_for_each(|_| {
            skip_name(&mut at)?;
            at.take(4).map(|_| ())
        });
        if skipped.is_some() {
            out.addresses = addresses(at, answers);
        }
    }
    Some(out)
}

/// The addresses among the records that follow, up to the first that is not whole.
fn addresses(mut at: Cursor<'_>, records: u16) -> Vec<Box<[u8]>> {
    let mut found = Vec::new();
    let mut record = || {
        skip_name(&mut at)?;
        let kind = at.u16()?;
        at.take(6)?;
        let data = at.after_u16()?.0;
        Some((kind, data))
    };
    for _ in 0..records.min(RECORDS_MOST) {
        let Some((kind, data)) = record() else {
            break;
        };
        if matches!((kind, data.len()), (A, 4) | (AAAA, 16)) {
            found.push(data.into());
            if found.len() == ADDRESSES_MOST {
                break;
            }
        }
    }
    found
}

/// Reads a name, following references back into the message.
fn name(message: &[u8], at: &mut Cursor<'_>) -> Option<Box<[u8]>> {
    let mut out = Vec::new();
    let start = *at;
    skip_name(at)?;
    let mut reading = start;
    let mut jumps = 0;
    loop {
        let len = reading.u8()?;
        match len {
            0 => return Some(out.into()),
            1..=63 => {
                if !out.is_empty() {
                    out.push(b'.');
                }
                out.extend(reading.take(len.into())?.to_ascii_lowercase());
                if out.len() > NAME_MOST {
                    return None;
                }
            }
            192.. => {
                let to = usize::from(len & 63) << 8 | usize::from(reading.u8()?);
                jumps += 1;
                if jumps > JUMPS_MOST {
                    return None;
                }
                reading = Cursor(message.get(to..)?);
            }
            _ => return None,
        }
    }
}

/// Goes past a name as it stands, references unfollowed.
fn skip_name(at: &mut Cursor<'_>) -> Option<()> {
    loop {
        match at.u8()? {
            0 => return Some(()),
            len @ 1..=63 => at.take(len.into())?,
            192.. => return at.u8().map(|_| ()),
            _ => return None,
        };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANSWER: &[u8] = b"\0\x01\x81\x80\0\x01\0\x03\0\0\0\x01\
        \x03WWW\x07example\x03org\0\0\x1c\0\x01\
        \xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03cdn\xc0\x10\
        \xc0\x2d\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\x01\x02\x03\
        \xc0\x2d\0\x1c\0\x01\0\0\0\x3c\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\
        \0\0\x29\x10\0\0\0\0\0\0\0";

    #[test]
    fn an_answer_gives_its_addresses() {
        let message = read(ANSWER).unwrap();
        assert_eq!(&*message.name, b"www.example.org");
        assert_eq!((message.kind, message.code, message.answers), (28, 0, 3));
        assert!(message.is_answer);
        assert_eq!(&*message.addresses[0], [10, 1, 2, 3]);
        assert_eq!(message.addresses[1].len(), 16);
    }

    #[test]
    fn an_answer_may_say_that_there_is_no_such_name() {
        let message = read(b"\0\x01\x81\x83\0\x01\0\0\0\0\0\0\x01x\0\0\x10\0\x01").unwrap();
        assert_eq!((message.code, message.kind, message.answers), (3, 16, 0));
    }

    #[test]
    fn names_that_refer_to_themselves_end() {
        assert_eq!(
            read(b"\0\0\0\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01"),
            None
        );
        let ring = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x01a\xc0\x0c\0\x01\0\x01";
        assert_eq!(read(ring), None);
    }

    #[test]
    fn what_follows_a_question_does_not_hide_it() {
        let mut odd = b"\0\0\0\0\0\x01\0\0\0\0\0\x01\x04Evil\0\xff\xf0\0\x01".to_vec();
        odd.extend([0xff; 20]);
        assert_eq!(&*read(&odd).unwrap().name, b"evil");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_damage_makes_it_panic(at in 0..ANSWER.len(), byte: u8, len in 0..=ANSWER.len()) {
            let mut bytes = ANSWER.to_vec();
            bytes[at] = byte;
            if let Some(message) = read(&bytes[..len]) {
                prop_assert!(message.name.len() <= NAME_MOST);
                prop_assert!(message.addresses.len() <= ADDRESSES_MOST);
            }
        }
    }
}
