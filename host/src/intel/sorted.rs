//! The table that all kinds of entries lie in: rows of one length, sorted, with an index on the
//! first bits of their keys.

use super::tags::Tag;

/// Bytes of a row that say which list the entry is of and what that says of it.
const TAG: usize = size_of::<Tag>();
/// Rows that the index narrows a search down to, where keys are spread evenly: two cache lines.
const RUN: usize = 8;
/// Most bits of the index: 64 MiB of it, for more entries than are ever taken.
const MAX_BITS: u32 = 24;

/// Rows of `N` bytes: a key, and behind it the tag. A row is all that an entry costs.
#[derive(Debug)]
pub(super) struct Sorted<const N: usize> {
    rows: Box<[[u8; N]]>,
    /// Where the rows begin whose keys begin with these bits; one more for the end.
    index: Box<[u32]>,
    bits: u32,
}

/// A row of a key and its tag.
pub(super) fn row<const N: usize>(key: &[u8], tag: Tag) -> [u8; N] {
    let mut row = [0; N];
    let (head, tail) = row.split_at_mut(N - TAG);
    head.copy_from_slice(key);
    tail.copy_from_slice(&tag.to_be_bytes());
    row
}

impl<const N: usize> Sorted<N> {
    /// Sorts the rows; what is there twice is kept once.
    pub fn new(mut rows: Vec<[u8; N]>) -> Sorted<N> {
        rows.sort_unstable();
        rows.dedup();
        let bits = (rows.len() / RUN)
            .checked_ilog2()
            .unwrap_or(0)
            .min(MAX_BITS);
        let mut index = vec![0u32; (1 << bits) + 1];
        for row in &rows {
            index[first_bits(row, bits) + 1] += 1;
        }
        for n in 1..index.len() {
            index[n] += index[n - 1];
        }
        Sorted {
            rows: rows.into_boxed_slice(),
            index: index.into_boxed_slice(),
            bits,
        }
    }

    /// The tags of a key, in the order in which their lists were read.
    pub fn find(&self, key: &[u8]) -> impl Iterator<Item = Tag> {
        let first = first_bits(key, self.bits);
        let run = &self.rows[self.index[first] as usize..self.index[first + 1] as usize];
        let begin = run.partition_point(|row| &row[..N - TAG] < key);
        run[begin..]
            .iter()
            .map(|row| row.split_at(N - TAG))
            .take_while(move |(head, _)| *head == key)
            .map(|(_, tail)| tail.iter().fold(0, |tag, byte| tag << 8 | Tag::from(*byte)))
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of memory.
    pub fn size(&self) -> usize {
        size_of_val(&*self.rows) + size_of_val(&*self.index)
    }
}

/// The first bits of a key as a number. Keys have four bytes or more.
fn first_bits(key: &[u8], bits: u32) -> usize {
    let head = key
        .iter()
        .take(4)
        .fold(0u64, |head, byte| head << 8 | u64::from(*byte));
    (head >> (32 - bits)) as usize
}
