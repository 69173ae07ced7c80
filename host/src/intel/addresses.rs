//! Addresses and networks: a table for each length of prefix that there is.

use super::{
    sorted::{Sorted, row},
    tags::Tag,
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// A network, or an address as one that holds itself alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    base: IpAddr,
    len: u8,
}

impl Network {
    /// The network of this length that the address is in; none where no address is so long. An
    /// IPv4 address in the form of an IPv6 one is the IPv4 address.
    pub fn new(address: IpAddr, len: u8) -> Option<Network> {
        let (address, len) = match address {
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) if len >= 96 => (IpAddr::V4(v4), len - 96),
                _ => (address, len),
            },
            IpAddr::V4(_) => (address, len),
        };
        let base = match address {
            IpAddr::V4(v4) if len <= 32 => IpAddr::V4(mask_v4(v4, len)),
            IpAddr::V6(v6) if len <= 128 => IpAddr::V6(mask_v6(v6, len)),
            _ => return None,
        };
        Some(Network { base, len })
    }

    /// Whether it holds every address.
    pub fn is_everything(&self) -> bool {
        self.len == 0
    }
}

/// As lists have it: a network with its length, an address alone.
impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whole = if self.base.is_ipv4() { 32 } else { 128 };
        match self.len == whole {
            true => write!(f, "{}", self.base),
            false => write!(f, "{}/{}", self.base, self.len),
        }
    }
}

fn mask_v4(address: Ipv4Addr, len: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

fn mask_v6(address: Ipv6Addr, len: u8) -> Ipv6Addr {
    let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

/// Makes [`Addresses`].
#[derive(Debug, Default)]
pub(super) struct AddressesBuilder {
    v4: BTreeMap<u8, Vec<[u8; 8]>>,
    v6: BTreeMap<u8, Vec<[u8; 20]>>,
}

/// The networks of all lists. Longest prefixes first.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    v4: Vec<(u8, Sorted<8>)>,
    v6: Vec<(u8, Sorted<20>)>,
}

impl AddressesBuilder {
    pub fn add(&mut self, network: Network, tag: Tag) {
        let len = network.len;
        match network.base {
            IpAddr::V4(base) => self
                .v4
                .entry(len)
                .or_default()
                .push(row(&base.octets(), tag)),
            IpAddr::V6(base) => self
                .v6
                .entry(len)
                .or_default()
                .push(row(&base.octets(), tag)),
        }
    }

    pub fn finish(self) -> Addresses {
        fn sort<const N: usize>(rows: BTreeMap<u8, Vec<[u8; N]>>) -> Vec<(u8, Sorted<N>)> {
            let longest_first = rows.into_iter().rev();
            longest_first
                .map(|(len, rows)| (len, Sorted::new(rows)))
                .collect()
        }
        Addresses {
            v4: sort(self.v4),
            v6: sort(self.v6),
        }
    }
}

impl Addresses {
    /// Tells the networks that an address is in, the smallest first.
    pub fn find(&self, address: IpAddr, mut found: impl FnMut(Network, Tag)) {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                for (len, networks) in &self.v4 {
                    let base = mask_v4(address, *len);
                    let network = Network {
                        base: IpAddr::V4(base),
                        len: *len,
                    };
                    networks
                        .find(&base.octets())
                        .for_each(|tag| found(network, tag));
                }
            }
            IpAddr::V6(address) => {
                for (len, networks) in &self.v6 {
                    let base = mask_v6(address, *len);
                    let network = Network {
                        base: IpAddr::V6(base),
                        len: *len,
                    };
                    networks
                        .find(&base.octets())
                        .for_each(|tag| found(network, tag));
                }
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let v4 = self.v4.iter().map(|(_, networks)| networks.len());
        v4.chain(self.v6.iter().map(|(_, networks)| networks.len()))
            .sum()
    }

    /// Bytes of memory.
    pub fn size(&self) -> usize {
        let v4 = self.v4.iter().map(|(_, networks)| networks.size());
        v4.chain(self.v6.iter().map(|(_, networks)| networks.size()))
            .sum()
    }
}
