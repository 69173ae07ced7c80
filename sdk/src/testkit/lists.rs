//! The operator's lists of a test, in the form that the agent reads.

use super::services::intel::Hit;
use crate::net;
use crate::values::{failure, indicator};
use std::net::IpAddr;

/// Lists, in the order of their names.
#[derive(Debug, Default, Clone)]
pub(super) struct Lists {
    lines: Vec<Line>,
    /// By name, as they were given.
    pub texts: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
struct Line {
    list: String,
    entry: Entry,
    note: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// Its bits as those of an IPv6 address, and how many of them are fixed.
    Network(IpAddr, u32),
    Domain(String),
    Hash([u8; 32]),
}

impl Lists {
    /// A further list, or further lines of one.
    pub fn add(&mut self, name: &str, lines: &str) {
        for line in lines.lines().map(str::trim) {
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let between = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '#');
            let (entry, note) = line.split_once(between).unwrap_or((line, ""));
            let entry = parse(entry);
            self.lines.push(Line {
                list: name.to_owned(),
                entry: entry.unwrap_or_else(|| {
                    panic!("{line:?} is no address, network, domain or SHA-256")
                }),
                note: note.trim_start_matches(between).to_owned(),
            });
        }
        self.lines.sort_by(|a, b| a.list.cmp(&b.list));
        match self.texts.iter_mut().find(|(list, _)| list == name) {
            Some((_, text)) => *text = format!("{text}\n{lines}"),
            None => self.texts.push((name.to_owned(), lines.to_owned())),
        }
    }

    /// The entries that match, the narrowest first.
    pub fn look_up(&self, kind: u32, value: &[u8]) -> Result<Vec<Hit>, u32> {
        let mut found: Vec<(usize, Hit)> = Vec::new();
        let mut matched = |width: usize, entry: String, line: &Line| {
            let hit = Hit {
                list: line.list.clone(),
                entry,
                note: line.note.clone(),
            };
            found.push((width, hit));
        };
        match kind {
            indicator::ADDRESS => {
                let address = net::ip(value).ok_or(failure::MALFORMED)?;
                for line in &self.lines {
                    if let Entry::Network(network, fixed) = line.entry
                        && masked(address, fixed) == Some(network)
                    {
                        let whole = if network.is_ipv4() { 32 } else { 128 };
                        let entry = match fixed == whole {
                            true => network.to_string(),
                            false => format!("{network}/{fixed}"),
                        };
                        matched((whole - fixed) as usize, entry, line);
                    }
                }
            }
            indicator::DOMAIN => {
                let name = folded(&String::from_utf8_lossy(value));
                for line in &self.lines {
                    if let Entry::Domain(domain) = &line.entry
                        && let Some(below) = name.strip_suffix(domain.as_str())
                        && (below.is_empty() || below.ends_with('.'))
                    {
                        matched(below.len(), domain.clone(), line);
                    }
                }
            }
            indicator::HASH => {
                let hash: [u8; 32] = value.try_into().map_err(|_| failure::MALFORMED)?;
                for line in self.lines.iter().filter(|l| l.entry == Entry::Hash(hash)) {
                    let digits = hash.iter().map(|byte| format!("{byte:02x}"));
                    matched(0, digits.collect(), line);
                }
            }
            _ => return Err(failure::MALFORMED),
        }
        found.sort_by_key(|(width, _)| *width);
        Ok(found.into_iter().map(|(_, hit)| hit).collect())
    }
}

/// The network of this many bits that an address is in.
fn masked(address: IpAddr, fixed: u32) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(v4) => {
            let free = 32_u32.checked_sub(fixed)?;
            let mask = u32::MAX.checked_shl(free).unwrap_or(0);
            std::net::Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let free = 128_u32.checked_sub(fixed)?;
            let mask = u128::MAX.checked_shl(free).unwrap_or(0);
            std::net::Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    })
}

fn folded(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn parse(text: &str) -> Option<Entry> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let mut hash = [0; 32];
        for (n, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()?;
        }
        return Some(Entry::Hash(hash));
    }
    let (address, fixed) = text.split_once('/').unwrap_or((text, ""));
    if let Ok(address) = address.parse::<IpAddr>() {
        let fixed = match (fixed, address) {
            ("", IpAddr::V4(_)) => 32,
            ("", IpAddr::V6(_)) => 128,
            (fixed, _) => fixed.parse().ok()?,
        };
        return Some(Entry::Network(masked(address, fixed)?, fixed));
    }
    let name = text.strip_prefix("*.").or(text.strip_prefix('.'));
    let name = folded(name.unwrap_or(text));
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!name.is_empty() && name.chars().all(fits)).then_some(Entry::Domain(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_comes_first() {
        let mut lists = Lists::default();
        lists.add("b", "192.0.2.0/24\n192.0.2.7 host");
        lists.add("a", "# a comment\n192.0.2.0/24, net\n*.evil.example");
        let told = |kind, value: &[u8]| -> Vec<String> {
            let hits = lists.look_up(kind, value).unwrap();
            let told = hits.into_iter();
            told.map(|hit| format!("{} {} {}", hit.list, hit.entry, hit.note))
                .collect()
        };
        assert_eq!(
            told(indicator::ADDRESS, &[192, 0, 2, 7]),
            ["b 192.0.2.7 host", "a 192.0.2.0/24 net", "b 192.0.2.0/24 "]
        );
        assert_eq!(
            told(indicator::DOMAIN, b"www.Evil.example."),
            ["a evil.example "]
        );
        assert!(told(indicator::DOMAIN, b"notevil.example").is_empty());
        assert_eq!(
            lists.look_up(indicator::ADDRESS, b"abc").unwrap_err(),
            failure::MALFORMED
        );
    }
}
