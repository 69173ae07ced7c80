//! Tests of texts: by how they begin, how they end, or what they are.

use std::collections::BTreeSet;

/// Bytes of either end of a text that the kernel compares (`COMPARED`). What is longer is told apart
/// by as many.
pub const COMPARED: usize = 32;

/// Which part of a text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// How it begins.
    Begins,
    /// How it ends.
    Ends,
    /// The whole of it.
    Is,
}

/// What is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    /// The bytes: of a text that is longer than what is compared its head or its tail.
    pub bytes: Vec<u8>,
    /// Length that the whole text must have; 0 for any.
    pub whole: u16,
}

impl Piece {
    /// Of a path as given, whose last part alone is sure: how many of the bytes, from the end, are
    /// of that part, with the slash before it.
    pub(super) fn last_part(&self) -> usize {
        let slash = self.bytes.iter().rposition(|byte| *byte == b'/');
        self.bytes.len() - slash.unwrap_or(0)
    }
}

/// Texts of which one is to be there, or none of which is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    how: How,
    negated: bool,
    pieces: BTreeSet<Piece>,
}

impl Texts {
    /// A test for these texts; one that says nothing where every text fulfils it. Negated, a text that
    /// is longer than what is compared is left out: others would be taken for it.
    pub fn new(how: How, texts: &[Vec<u8>], negated: bool) -> Texts {
        let any = texts.iter().any(Vec::is_empty);
        let pieces = texts
            .iter()
            .filter(|text| !any && (!negated || text.len() <= COMPARED));
        let pieces = pieces.map(|text| {
            let len = text.len().min(COMPARED);
            let bytes = match how {
                How::Begins => &text[..len],
                How::Ends | How::Is => &text[text.len() - len..],
            };
            let whole = match how {
                How::Is => u16::try_from(text.len()).unwrap_or(0),
                How::Begins | How::Ends => 0,
            };
            Piece {
                bytes: bytes.to_vec(),
                whole,
            }
        });
        Texts {
            how,
            negated,
            pieces: pieces.collect(),
        }
    }

    /// Which part is compared.
    pub fn how(&self) -> How {
        self.how
    }

    /// Whether none of them may be there.
    pub fn negated(&self) -> bool {
        self.negated
    }

    /// What is compared with, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }
}
