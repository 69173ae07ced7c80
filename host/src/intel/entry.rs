//! One line of a list.

use super::{
    addresses::Network,
    domains::{MAX_DOMAIN, folded},
    hashes,
};
use std::{borrow::Cow, net::IpAddr};

/// What a line lists.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    Network(Network),
    /// Folded.
    Domain(Cow<'a, str>),
    Hash([u8; 32]),
}

/// A line is not an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not UTF-8.
    #[error("this is not text; write names beyond ASCII as xn--…")]
    NotText,
    /// Longer than any entry with its note.
    #[error("the line is too long")]
    TooLong,
    /// Neither address, network, domain nor hash.
    #[error(
        "this is no address, network, domain or SHA-256; put one on each line, without port, path or brackets"
    )]
    Unknown,
    /// A network that ends nowhere.
    #[error("no network of this kind has a prefix of this length")]
    Prefix,
    /// It would match whatever is asked for.
    #[error("this is every address; list the networks that are meant")]
    Everything,
    /// A domain of one label without a dot.
    #[error("this is a name of one label; if all below it is meant, put a dot before it")]
    OneLabel,
    /// An address of this machine before a name.
    #[error("this looks like a line of a hosts file; leave out the address before the name")]
    Hosts,
}

/// What a line lists, and what it says of it; none where it is empty or a comment.
pub(super) fn parse(line: &str) -> Result<Option<(Entry<'_>, &str)>, Malformed> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return Ok(None);
    }
    let between = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '#');
    let (entry, note) = match line.split_once(between) {
        Some((entry, note)) => (entry, note.trim_start_matches(between)),
        None => (line, ""),
    };
    if let Some(hash) = hashes::parse(entry) {
        return Ok(Some((Entry::Hash(hash), note)));
    }
    if let Some(network) = network(entry)? {
        let own = |a: IpAddr| a.is_unspecified() || a.is_loopback();
        let name = note.split(char::is_whitespace).next().unwrap_or_default();
        if entry.parse().is_ok_and(own) && (name == "localhost" || domain(name).is_ok()) {
            return Err(Malformed::Hosts);
        }
        return Ok(Some((Entry::Network(network), note)));
    }
    Ok(Some((Entry::Domain(domain(entry)?), note)))
}

/// The network or address that this is; none where it is something else.
fn network(text: &str) -> Result<Option<Network>, Malformed> {
    let (address, len) = match text.split_once('/') {
        Some((address, len)) => (address, Some(len)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return Ok(None);
    };
    let len = match len {
        Some(len) => len.parse().map_err(|_| Malformed::Prefix)?,
        None if address.is_ipv4() => 32,
        None => 128,
    };
    match Network::new(address, len) {
        Some(network) if network.is_everything() => Err(Malformed::Everything),
        Some(network) => Ok(Some(network)),
        None => Err(Malformed::Prefix),
    }
}

/// The domain that this is, folded.
fn domain(text: &str) -> Result<Cow<'_, str>, Malformed> {
    let below = text.strip_prefix('*').unwrap_or(text);
    let dotted = below.strip_prefix('.');
    // "*evil.com" is no way to write it.
    if dotted.is_none() && below.len() != text.len() {
        return Err(Malformed::Unknown);
    }
    let name = folded(dotted.unwrap_or(below));
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    // Addresses that are none, like 1.2.3.400, look like names otherwise.
    let number = last.bytes().all(|byte| byte.is_ascii_digit());
    if name.len() > MAX_DOMAIN || !name.split('.').all(label) || number {
        return Err(Malformed::Unknown);
    }
    if last.len() == name.len() && dotted.is_none() {
        return Err(Malformed::OneLabel);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str, len: u8) -> Entry<'static> {
        Entry::Network(Network::new(address.parse().unwrap(), len).unwrap())
    }

    #[test]
    fn the_form_tells_the_kind() {
        let hash = "A7".repeat(32);
        let entries = [
            ("192.0.2.7", network("192.0.2.7", 32)),
            ("192.0.2.7/24", network("192.0.2.0", 24)),
            ("2001:DB8::1", network("2001:db8::1", 128)),
            ("2001:db8::/32", network("2001:db8::", 32)),
            ("::ffff:192.0.2.7", network("192.0.2.7", 32)),
            ("::ffff:192.0.2.0/120", network("192.0.2.0", 24)),
            ("Evil.Example.", Entry::Domain("evil.example".into())),
            ("*.evil.example", Entry::Domain("evil.example".into())),
            (".zip", Entry::Domain("zip".into())),
            (
                "_dmarc.evil-1.example",
                Entry::Domain("_dmarc.evil-1.example".into()),
            ),
            (hash.as_str(), Entry::Hash([0xa7; 32])),
        ];
        for (line, entry) in entries {
            assert_eq!(parse(line), Ok(Some((entry, ""))), "{line}");
        }
    }

    #[test]
    fn what_is_behind_an_entry_is_its_note() {
        for line in [
            "192.0.2.7,seen, 2026",
            "  192.0.2.7\tseen, 2026 \r\n",
            "192.0.2.7 ; seen, 2026",
            "192.0.2.7 # seen, 2026",
        ] {
            assert_eq!(
                parse(line),
                Ok(Some((network("192.0.2.7", 32), "seen, 2026"))),
                "{line}"
            );
        }
        for line in ["", "   ", "# 192.0.2.7", "; Spamhaus"] {
            assert_eq!(parse(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn what_is_no_entry_says_why() {
        use Malformed::*;
        let long = format!("{}.example", "a".repeat(64));
        let deep = "abc.".repeat(64);
        let hash = "a7".repeat(31) + "g7";
        let lines = [
            ("1.2.3.400", Unknown),
            ("1.2.3.4:443", Unknown),
            ("[2001:db8::1]", Unknown),
            ("https://evil.example/x", Unknown),
            ("evil..example", Unknown),
            ("*evil.example", Unknown),
            ("bücher.example", Unknown),
            (long.as_str(), Unknown),
            (deep.as_str(), Unknown),
            (hash.as_str(), Unknown),
            ("1.2.3.0/33", Prefix),
            ("1.2.3.0/-1", Prefix),
            ("2001:db8::/129", Prefix),
            ("0.0.0.0/0", Everything),
            ("indicator,note", OneLabel),
            ("0.0.0.0 evil.example", Hosts),
            ("127.0.0.1 localhost", Hosts),
        ];
        for (line, why) in lines {
            assert_eq!(parse(line), Err(why), "{line}");
        }
    }
}
