//! Amounts as people write them: a whole number, and a unit after an optional space.

use std::time::Duration;

/// Bytes: `B`, `KiB` or `MiB`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let scale = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    number.checked_mul(scale)
}

/// A duration: `ms` or `s`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        _ => None,
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start_matches(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        assert_eq!(bytes("16 MiB"), Some(16 << 20));
        assert_eq!(bytes("512KiB"), Some(512 << 10));
        assert_eq!(bytes("99999999999999999999 MiB"), None);
        assert_eq!(bytes("18446744073709551615 MiB"), None);
        assert_eq!(bytes("16"), None);
        assert_eq!(bytes("16 MB"), None);
        assert_eq!(bytes(""), None);
        assert_eq!(duration("100 ms"), Some(Duration::from_millis(100)));
        assert_eq!(duration("1 s"), Some(Duration::from_secs(1)));
        assert_eq!(duration("-1 s"), None);
    }
}
