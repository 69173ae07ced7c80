//! SHA-256 of files.
//!
//! The first half is kept: to make a file that is taken for a listed one, an attacker would have
//! to find a second preimage of it all the same.

use super::{
    sorted::{Sorted, row},
    tags::Tag,
};

/// Bytes of a key.
const KEY: usize = 16;

/// Makes [`Hashes`].
#[derive(Debug, Default)]
pub(super) struct HashesBuilder(Vec<[u8; 20]>);

/// The hashes of all lists.
#[derive(Debug)]
pub(super) struct Hashes(Sorted<20>);

impl HashesBuilder {
    pub fn add(&mut self, hash: &[u8; 32], tag: Tag) {
        self.0.push(row(&hash[..KEY], tag));
    }

    pub fn finish(self) -> Hashes {
        Hashes(Sorted::new(self.0))
    }
}

impl Hashes {
    /// Tells what lists have this hash.
    pub fn find(&self, hash: &[u8; 32], found: impl FnMut(Tag)) {
        self.0.find(&hash[..KEY]).for_each(found);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Bytes of memory.
    pub fn size(&self) -> usize {
        self.0.size()
    }
}

/// The hash that this text is: 64 hexadecimal digits.
pub(super) fn parse(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high << 4 | low) as u8;
    }
    Some(hash)
}

/// A hash as text.
pub(super) fn text(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
