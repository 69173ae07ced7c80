//! Outputs: findings and events for people and for machines.

pub mod event;
pub mod json;
pub mod line;
pub mod messages;
pub mod printer;
pub mod text;

use std::time::{Duration, SystemTime};

/// Turns the kernel's time into the time of day.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Time of day at boot, ns since 1970.
    pub boot: i128,
}

impl Clock {
    /// The clock of this machine.
    pub fn of_this_machine() -> Clock {
        let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let since_1970 = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let boot = i128::from(since_boot.tv_sec) * 1_000_000_000 + i128::from(since_boot.tv_nsec);
        Clock {
            boot: since_1970.as_nanos() as i128 - boot,
        }
    }

    /// A time in ns since boot as RFC 3339 with nanoseconds, in UTC.
    pub fn rfc3339(&self, at: u64) -> String {
        match jiff::Timestamp::from_nanosecond(self.boot + i128::from(at)) {
            Ok(time) => format!("{time:.9}"),
            Err(_) => format!("boot+{at}ns"),
        }
    }
}

/// Kernel bytes as text: what is not UTF-8 is replaced, control characters are escaped, so that
/// nothing that an attacker names a file can drive a terminal.
pub fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for c in String::from_utf8_lossy(bytes).chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Arguments of a process.
pub fn arguments(args: &[u8]) -> impl Iterator<Item = &[u8]> {
    let some = !args.is_empty();
    args.split(|b| *b == 0).filter(move |_| some)
}
