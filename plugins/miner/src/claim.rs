//! Pool addresses in arguments.

use std::net::IpAddr;
use vedette_sdk::cmdline::Args;
use vedette_sdk::net;

/// How the arguments of a process name the pool that it connects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// A mining URL has this very address and port.
    SameAddress,
    /// A mining URL has a host's name, and this port.
    SamePort,
    /// A wallet is among them, and this port after a host.
    Wallet,
}

impl Claim {
    /// What it shows.
    pub fn note(self) -> &'static str {
        match self {
            Claim::SameAddress => "its arguments hold a mining URL with this address and port",
            Claim::SamePort => "its arguments hold a mining URL with this port",
            Claim::Wallet => "its arguments hold a wallet, and a host with this port",
        }
    }
}

/// What every scheme of a mining URL begins or ends its name with: `stratum+tcp`, `stratum2+ssl`,
/// `stratums`.
const SCHEME: &[u8] = b"stratum";

/// Bytes between that and the `://`.
const MAX_SCHEME_REST: usize = 12;

/// What the arguments say of a connection to this address and port. To mention a pool is nothing:
/// whoever searches a log for one does. To connect to it as well is.
pub fn of(args: Args<'_>, address: &[u8], port: u32) -> Option<Claim> {
    let ip = net::ip(address)?;
    let mut claim = None;
    let (mut wallet, mut same_port) = (false, false);
    for arg in args {
        match url(arg, ip, port) {
            Some(Claim::SameAddress) => return Some(Claim::SameAddress),
            Some(other) => claim = Some(other),
            None => {
                wallet |= is_wallet(arg);
                same_port |= endpoint(arg).is_some_and(|(_, p)| p == port);
            }
        }
    }
    claim.or((wallet && same_port).then_some(Claim::Wallet))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len())
        .position(|w| w.eq_ignore_ascii_case(what))
}

/// A mining URL anywhere in an argument, that fits this address and port.
fn url(arg: &[u8], ip: IpAddr, port: u32) -> Option<Claim> {
    let mut rest = arg;
    while let Some(at) = find(rest, SCHEME) {
        rest = &rest[at + SCHEME.len()..];
        let head = &rest[..rest.len().min(MAX_SCHEME_REST)];
        let Some(colon) = find(head, b"://") else {
            continue;
        };
        let after = &rest[colon + 3..];
        let end = after
            .iter()
            .position(|b| matches!(b, b'/' | b'?' | b'#' | b'"' | b'\'' | b',' | b' ' | b'\n'))
            .unwrap_or(after.len());
        // A user and a password may stand before the host.
        let host = after[..end]
            .rsplit(|b| *b == b'@')
            .next()
            .unwrap_or_default();
        let Some((host, named_port)) = endpoint(host) else {
            continue;
        };
        if named_port != port {
            continue;
        }
        return match std::str::from_utf8(host)
            .ok()?
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
        {
            Ok(named) if named == ip => Some(Claim::SameAddress),
            Ok(_) => continue,
            Err(_) => Some(Claim::SamePort),
        };
    }
    None
}

/// `host:port`.
fn endpoint(text: &[u8]) -> Option<(&[u8], u32)> {
    let colon = text.iter().rposition(|b| *b == b':')?;
    let port = std::str::from_utf8(&text[colon + 1..]).ok()?.parse().ok()?;
    (colon > 0).then_some((&text[..colon], port))
}

/// Lengths of the addresses of the currency that is mined on ordinary processors: a main or sub
/// address, or one with a payment id. Other currencies' addresses are too short to be told from
/// other words.
const WALLET_LENGTHS: [usize; 2] = [95, 106];

/// Whether an argument is a wallet, perhaps with a worker or a difficulty after it.
pub fn is_wallet(arg: &[u8]) -> bool {
    let len = arg.iter().take_while(|b| is_base58(**b)).count();
    WALLET_LENGTHS.contains(&len)
        && matches!(arg[0], b'4' | b'8')
        && matches!(arg.get(len), None | Some(b'.' | b'+' | b'/' | b':'))
}

fn is_base58(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() && !matches!(byte, b'0' | b'O' | b'I' | b'l')
}
