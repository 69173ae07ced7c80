//! A stretch of a capture's time.

use clap::Args;
use std::str::FromStr;
use std::time::Duration;
use vedette_sensor::capture::{BlockInfo, Header};

/// From when until when.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct SpanArgs {
    /// Only from then on: a time (2026-01-02T03:04:05Z), or how long after the capture's first
    /// event (90s, 1500ms, 2m, 1h). What lies before builds the context alone.
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,

    /// Only until then.
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
}

/// A moment of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// After the first event.
    After(Duration),
    /// ns since 1970.
    At(i128),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Moment, String> {
        if let Ok(duration) = duration(text) {
            return Ok(Moment::After(duration));
        }
        text.parse::<jiff::Timestamp>()
            .map(|time| Moment::At(time.as_nanosecond()))
            .map_err(|_| "give a time like 2026-01-02T03:04:05Z or a duration like 90s".to_owned())
    }
}

/// A duration on the command line: a whole number and `ms`, `s`, `m` or `h`.
///
/// # Errors
/// What would be one.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "give a duration like 90s, 1500ms, 2m or 1h".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let scale = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(scale)
        .map(Duration::from_millis)
        .ok_or_else(wrong)
}

/// The same in the events' own time, ns since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first moment.
    pub from: u64,
    /// The last moment.
    pub until: u64,
}

impl SpanArgs {
    /// In the time of a capture with this header and these blocks.
    ///
    /// # Errors
    /// Where the capture holds nothing of that time; the error says which time it covers.
    pub fn within(self, header: &Header, blocks: &[BlockInfo]) -> Result<Span, String> {
        let first = blocks.iter().map(|b| b.first).min().unwrap_or(0);
        let last = blocks.iter().map(|b| b.last).max().unwrap_or(0);
        let resolve = |moment: Moment| match moment {
            Moment::After(after) => {
                first.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX))
            }
            Moment::At(at) => {
                let at = at - i128::from(header.boot_offset);
                u64::try_from(at.max(0)).unwrap_or(u64::MAX)
            }
        };
        let span = Span {
            from: self.from.map_or(0, resolve),
            until: self.until.map_or(u64::MAX, resolve),
        };
        if span.from > span.until {
            return Err("--from lies after --until".to_owned());
        }
        if !blocks.is_empty() && (span.from > last || span.until < first) {
            let clock = crate::output::Clock {
                boot: header.boot_offset.into(),
            };
            return Err(format!(
                "the capture holds nothing of that time: it covers {} to {}",
                clock.rfc3339(first),
                clock.rfc3339(last)
            ));
        }
        Ok(span)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        assert_eq!("90s".parse(), Ok(Moment::After(Duration::from_secs(90))));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "s", "90", "90 s", "-1s", "99999999999999999999s", "1d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            "1970-01-01T00:00:01Z".parse(),
            Ok(Moment::At(1_000_000_000))
        );
        assert!("yesterday".parse::<Moment>().is_err());
    }

    #[test]
    fn a_span_in_the_time_of_a_capture() {
        let header = Header {
            boot_offset: 5_000_000_000,
            ..Header::here()
        };
        let block = |first, last| BlockInfo {
            offset: 0,
            count: 1,
            first,
            last,
        };
        let blocks = [
            block(1_000_000_000, 2_000_000_000),
            block(2_000_000_001, 9_000_000_000),
        ];
        let args = |from: &str, until: &str| SpanArgs {
            from: (!from.is_empty()).then(|| from.parse().unwrap()),
            until: (!until.is_empty()).then(|| until.parse().unwrap()),
        };
        let span = args("2s", "1970-01-01T00:00:13Z").within(&header, &blocks);
        assert_eq!(
            span,
            Ok(Span {
                from: 3_000_000_000,
                until: 8_000_000_000
            })
        );
        assert_eq!(args("", "").within(&header, &blocks).unwrap().from, 0);
        assert!(args("3s", "2s").within(&header, &blocks).is_err());
        let beyond = args("1h", "").within(&header, &blocks).unwrap_err();
        assert!(beyond.contains("1970-01-01T00:00:14"), "{beyond}");
    }
}
