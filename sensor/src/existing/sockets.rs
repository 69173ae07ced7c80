//! The sockets of network namespaces, as far as streams tell of them.

use super::number;
use super::unix::{self, UnixSocket};
use crate::event::Stream;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use vedette_contract::values::{stream_kind, stream_mark};

/// Stops a namespace with millions of sockets from holding up the start: bytes of one table of
/// the kernel's that are read (150 a socket).
const TABLE_MAX: u64 = 32 << 20;

/// Stops a machine full of namespaces from filling memory: namespaces whose sockets are known.
const NETWORKS_MAX: usize = 1024;

pub(super) const ESTABLISHED: u8 = 1;
pub(super) const LISTEN: u8 = 10;

/// Sockets by network namespace and inode, each namespace read when it is first met.
#[derive(Debug)]
pub(super) struct Sockets {
    networks: HashMap<u32, Network>,
}

#[derive(Debug, Default)]
struct Network {
    inet: HashMap<u64, Inet>,
    unix: HashMap<u64, UnixSocket>,
}

#[derive(Debug)]
struct Inet {
    marks: u32,
    port: u16,
    address: Box<[u8]>,
}

/// One row of `/proc/net/tcp` and its like.
pub(super) struct Row {
    pub local: Box<[u8]>,
    pub local_port: u16,
    pub port: u16,
    pub address: Box<[u8]>,
    pub state: u8,
    pub inode: u64,
}

impl Sockets {
    pub fn new() -> Sockets {
        Sockets {
            networks: HashMap::new(),
        }
    }

    /// Completes a stream that is a socket. One that is in no table stays as it is.
    pub fn describe(&mut self, pid: u32, network: u32, stream: &mut Stream) {
        if !self.networks.contains_key(&network) && self.networks.len() < NETWORKS_MAX {
            self.networks.insert(network, Network::read(pid, network));
        }
        let Some(network) = self.networks.get(&network) else {
            return;
        };
        if let Some(inet) = network.inet.get(&stream.id) {
            stream.kind = stream_kind::INET;
            stream.marks |= inet.marks;
            stream.port = inet.port.into();
            stream.address = inet.address.clone();
        } else if let Some(unix) = network.unix.get(&stream.id) {
            stream.kind = stream_kind::UNIX;
            stream.marks |= unix.marks;
            stream.other = unix.peer;
            let peer = network.unix.get(&unix.peer);
            stream.address = match (&unix.path, peer) {
                (path, Some(peer)) if path.is_empty() => peer.path.clone(),
                (path, _) => path.clone(),
            };
        }
    }
}

impl Network {
    fn read(pid: u32, namespace: u32) -> Network {
        let table = |name| {
            let mut text = Vec::new();
            if let Ok(file) = File::open(format!("/proc/{pid}/net/{name}")) {
                // What was read before an error still holds.
                let _ = file.take(TABLE_MAX).read_to_end(&mut text);
            }
            let rows: Vec<Row> = text.split(|b| *b == b'\n').filter_map(row).collect();
            rows
        };
        let mut inet = HashMap::new();
        let streams: Vec<Row> = ["tcp", "tcp6"].into_iter().flat_map(table).collect();
        // A connection on a port that is listened on was accepted there. Who connected from such
        // a port, or closed the listener since, cannot be told.
        let listened: HashSet<u16> = streams
            .iter()
            .filter(|row| row.state == LISTEN)
            .map(|row| row.local_port)
            .collect();
        for row in streams {
            let marks = match row.state {
                LISTEN => stream_mark::LISTENING,
                _ if row.port == 0 => 0,
                _ if listened.contains(&row.local_port) => stream_mark::ACCEPTED,
                _ => stream_mark::OUTBOUND,
            };
            row.keep(marks, &mut inet);
        }
        for row in ["udp", "udp6", "udplite", "udplite6", "raw", "raw6"]
            .into_iter()
            .flat_map(table)
        {
            let marks = match row.state {
                ESTABLISHED => stream_mark::DATAGRAM | stream_mark::OUTBOUND,
                _ => stream_mark::DATAGRAM,
            };
            row.keep(marks, &mut inet);
        }
        let unix = unix::sockets(pid, namespace, unix::SOCKETS_MAX).unwrap_or_default();
        Network { inet, unix }
    }
}

impl Row {
    fn keep(self, marks: u32, inet: &mut HashMap<u64, Inet>) {
        // Sockets that no process holds have no inode.
        if self.inode != 0 {
            let address = if self.port == 0 {
                Box::default()
            } else {
                self.address
            };
            let port = self.port;
            inet.insert(
                self.inode,
                Inet {
                    marks,
                    port,
                    address,
                },
            );
        }
    }
}

pub(super) fn row(line: &[u8]) -> Option<Row> {
    let mut fields = line.split(|b| *b == b' ').filter(|f| !f.is_empty());
    let (local, remote, state) = (fields.nth(1)?, fields.next()?, fields.next()?);
    let (local, local_port) = endpoint(local)?;
    let (address, port) = endpoint(remote)?;
    Some(Row {
        local,
        local_port,
        port,
        address,
        state: hexadecimal(state)? as u8,
        inode: number(fields.nth(5)?)?,
    })
}

/// Address and port out of the kernel's text: words of 32 bits in the machine's byte order.
fn endpoint(text: &[u8]) -> Option<(Box<[u8]>, u16)> {
    let colon = text.iter().position(|b| *b == b':')?;
    let mut address = Vec::with_capacity(16);
    for word in text[..colon].chunks(8) {
        address.extend(hexadecimal(word)?.to_ne_bytes());
    }
    // An IPv4 address in IPv6 clothes is told as the 4 bytes that it is.
    if address.len() == 16 && address.starts_with(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]) {
        address.drain(..12);
    }
    Some((address.into(), hexadecimal(&text[colon + 1..])? as u16))
}

fn hexadecimal(text: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_rows() {
        let line = b"   1: 0100007F:1F90 0200007F:01BB 01 00000000:00000000 00:00000000 00000000     0        0 4242 1 0";
        let row = row(line).unwrap();
        assert_eq!(
            (row.local_port, row.port, row.state, row.inode),
            (8080, 443, 1, 4242)
        );
        #[cfg(target_endian = "little")]
        assert_eq!(&*row.address, [127, 0, 0, 2]);
        let (address, _) = endpoint(b"0000000000000000FFFF00000100007F:0050").unwrap();
        #[cfg(target_endian = "little")]
        assert_eq!(&*address, [127, 0, 0, 1]);
        assert_eq!(
            endpoint(b"00000000000000000000000001000000:0050")
                .unwrap()
                .0
                .len(),
            16
        );
        assert!(super::row(b"  sl  local_address rem_address   st tx_queue").is_none());
    }
}
