//! The operator's lists of addresses, domains and hashes, as plugins ask them (`intel`).
//!
//! Lists never change: others take their place as a whole. All entries of a kind lie in one table,
//! sorted, whatever list they are of, so a question costs the same with one list and with a
//! hundred.

mod addresses;
mod domains;
mod entry;
mod feed;
mod hashes;
mod load;
mod sorted;
mod tags;
#[cfg(test)]
mod tests;

pub use addresses::Network;
pub use entry::Malformed;
pub use feed::Feed;
pub use load::{Directory, IntelError, Loaded, Problem};

use crate::{output::printable, plugin::component::Digest};
use addresses::{Addresses, AddressesBuilder};
use domains::{Domains, DomainsBuilder};
use entry::Entry;
use hashes::{Hashes, HashesBuilder};
use std::{net::IpAddr, sync::Arc};
use tags::{Tag, Tags, TagsBuilder};
use vedette_contract::values::{failure, indicator};

/// Most hits of one question: an address can be in many networks of many lists, and each hit has
/// texts that are copied to the plugin.
const MAX_HITS: usize = 64;
/// Longest name that is looked for: longer ones come from payloads that are no DNS.
const MAX_NAME: usize = 1024;

/// An entry that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The list's name.
    pub list: Arc<str>,
    /// The entry: for an address the network, for a domain the domain above it.
    pub entry: String,
    /// What the list says of it.
    pub note: String,
}

/// All lists of the operator, as they were at one moment.
#[derive(Debug)]
pub struct Lists {
    addresses: Addresses,
    domains: Domains,
    hashes: Hashes,
    tags: Tags,
    digest: Digest,
}

impl Lists {
    /// The entries that match, as the contract has it: the narrowest first, those of one width in
    /// the order of their lists' names. `kind` is of the catalogue set `indicator`.
    ///
    /// # Errors
    /// Of the catalogue set `failure`: what was given has not the form of this kind.
    pub fn look_up(&self, kind: u32, value: &[u8]) -> Result<Vec<Hit>, u32> {
        let mut hits = Vec::new();
        match kind {
            indicator::ADDRESS => {
                let address = address(value).ok_or(failure::MALFORMED)?;
                self.addresses
                    .find(address, |network, tag| self.hit(&mut hits, &network, tag));
            }
            indicator::DOMAIN if value.len() > MAX_NAME => return Err(failure::TOO_LARGE),
            indicator::DOMAIN => {
                // Bytes that are no text cannot be of an entry, but what they are below can.
                let name = String::from_utf8_lossy(value);
                let name = domains::folded(&name);
                self.domains
                    .find(&name, |domain, tag| self.hit(&mut hits, &domain, tag));
            }
            indicator::HASH => {
                let hash = value.try_into().map_err(|_| failure::MALFORMED)?;
                self.hashes
                    .find(hash, |tag| self.hit(&mut hits, &hashes::text(hash), tag));
            }
            _ => return Err(failure::MALFORMED),
        }
        Ok(hits)
    }

    fn hit(&self, hits: &mut Vec<Hit>, entry: &dyn ToString, tag: Tag) {
        if hits.len() < MAX_HITS {
            let (list, note) = self.tags.get(tag);
            hits.push(Hit {
                list: list.clone(),
                entry: entry.to_string(),
                note: note.to_owned(),
            });
        }
    }

    /// SHA-256 of the lists' names and content.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many entries they hold.
    pub fn entries(&self) -> usize {
        self.addresses.len() + self.domains.len() + self.hashes.len()
    }

    /// How many lists there are.
    pub fn count(&self) -> usize {
        self.tags.lists()
    }

    /// Bytes of memory that they take.
    pub fn size(&self) -> usize {
        self.addresses.size() + self.domains.size() + self.hashes.size() + self.tags.size()
    }
}

/// What is to be said where a stream names lists that are not at hand.
pub fn not_at_hand(recorded: &str, given: Option<Digest>) -> String {
    let recorded = printable(recorded.as_bytes());
    let given = match given {
        Some(given) => format!("those given have the digest {given}"),
        None => "none are given; name their directory with --intel".to_owned(),
    };
    format!(
        "the events were recorded with lists of the digest {recorded}, and {given}: plugins that ask get the answer `unavailable`"
    )
}

/// An address in 4 or 16 bytes.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

/// Makes [`Lists`].
#[derive(Debug, Default)]
struct Builder {
    addresses: AddressesBuilder,
    domains: DomainsBuilder,
    hashes: HashesBuilder,
    tags: TagsBuilder,
    entries: usize,
}

impl Builder {
    /// What is added from now on is of this list.
    fn list(&mut self, name: &str) {
        self.tags.list(name);
    }

    fn add(&mut self, entry: &Entry<'_>, note: &str) {
        let tag = self.tags.tag(note);
        self.entries += 1;
        match entry {
            Entry::Network(network) => self.addresses.add(*network, tag),
            Entry::Domain(name) => self.domains.add(name, tag),
            Entry::Hash(hash) => self.hashes.add(hash, tag),
        }
    }

    fn notes_left_out(&self) -> u64 {
        self.tags.left_out
    }

    fn finish(self, digest: Digest) -> Lists {
        Lists {
            addresses: self.addresses.finish(),
            domains: self.domains.finish(),
            hashes: self.hashes.finish(),
            tags: self.tags.finish(),
            digest,
        }
    }
}
