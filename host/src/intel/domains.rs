//! Domains, each with all below it.
//!
//! Their text is not kept: the entry that matches is the end of the name that was asked for. What
//! is kept is half of its SHA-256. Names are what attackers choose, so nothing shorter would do: to
//! make a name that is taken for a listed one they would have to find a second preimage of it.

use super::{
    sorted::{Sorted, row},
    tags::Tag,
};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;

/// Longest name in bytes, as DNS has it.
pub(super) const MAX_DOMAIN: usize = 253;
/// Bytes of a key.
const KEY: usize = 16;

/// Makes [`Domains`].
#[derive(Debug, Default)]
pub(super) struct DomainsBuilder {
    rows: Vec<[u8; 20]>,
    depths: u128,
}

/// The domains of all lists.
#[derive(Debug)]
pub(super) struct Domains {
    table: Sorted<20>,
    /// Numbers of labels that entries have: bit 1 for one label. Others need not be looked for.
    depths: u128,
}

/// In lower case and without the dot at the end, as entries are kept.
pub(super) fn folded(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

fn key(name: &str) -> [u8; KEY] {
    let digest: [u8; 32] = Sha256::digest(name).into();
    let mut key = [0; KEY];
    key.copy_from_slice(&digest[..KEY]);
    key
}

impl DomainsBuilder {
    /// Adds a folded name of at most [`MAX_DOMAIN`] bytes without empty labels.
    pub fn add(&mut self, name: &str, tag: Tag) {
        let labels = name.split('.').count().min(127);
        self.depths |= 1 << labels;
        self.rows.push(row(&key(name), tag));
    }

    pub fn finish(self) -> Domains {
        Domains {
            table: Sorted::new(self.rows),
            depths: self.depths,
        }
    }
}

impl Domains {
    /// Tells the domains that a name is, or is below, the smallest first.
    pub fn find<'a>(&self, name: &'a str, mut found: impl FnMut(&'a str, Tag)) {
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        let mut labels = dots + 1;
        let mut rest = Some(name);
        while let Some(domain) = rest {
            if labels <= 127 && self.depths >> labels & 1 == 1 {
                let key = key(domain);
                self.table.find(&key).for_each(|tag| found(domain, tag));
            }
            labels -= 1;
            rest = domain.split_once('.').map(|(_, above)| above);
        }
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Bytes of memory.
    pub fn size(&self) -> usize {
        self.table.size()
    }
}
