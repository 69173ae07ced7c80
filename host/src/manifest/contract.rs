//! Versions of the contract, and which of them a host can serve.
//!
//! Versions that are alike up to the first number that is not zero are of one track: 0.1.0 and
//! 0.1.7, but not 0.2.0. Within a track the contract only grows (docs/versioning.md).

use std::fmt;

/// A version of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// The version that this host speaks.
    pub fn own() -> Version {
        Version::parse(vedette_contract::VERSION).unwrap_or(Version {
            major: 0,
            minor: 0,
            patch: 0,
        })
    }

    /// A version like `0.1.0`: three numbers, nothing before or behind them.
    pub fn parse(text: &str) -> Option<Version> {
        let mut numbers = text.split('.').map(number);
        let version = Version {
            major: numbers.next()??,
            minor: numbers.next()??,
            patch: numbers.next()??,
        };
        numbers.next().is_none().then_some(version)
    }

    /// Whether the two are of one track.
    pub fn same_track(self, other: Version) -> bool {
        self.major == other.major && (self.major > 0 || self.minor == other.minor)
    }

    /// Its track, for people.
    pub fn track(self) -> String {
        match self.major {
            0 => format!("0.{}", self.minor),
            major => major.to_string(),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A number as versions have it: digits, none in vain.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit())
        && (text.len() == 1 || text.as_bytes().first() != Some(&b'0'));
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let v = |text| Version::parse(text).expect(text);
        assert_eq!(v("0.1.0"), Version::own());
        assert!(v("0.1.9") < v("0.1.10"));
        assert!(v("0.1.0").same_track(v("0.1.7")));
        assert!(!v("0.1.0").same_track(v("0.2.0")));
        assert!(v("1.1.0").same_track(v("1.2.0")));
        assert!(!v("1.1.0").same_track(v("0.1.0")));
        for wrong in [
            "",
            "0.1",
            "0.1.0.0",
            "0.1.0-dev",
            "0.01.0",
            "v0.1.0",
            " 0.1.0",
            ">=0.1.0",
            "0.1.4294967296",
            "0.+1.0",
        ] {
            assert_eq!(Version::parse(wrong), None, "{wrong}");
        }
    }
}
