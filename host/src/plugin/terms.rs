//! How long a plugin is borne with.

use std::time::Duration;

/// The times after which something is done about a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Time after a switch in which a generation that aborts or floods is taken back, ns of event
    /// time.
    pub probation: u64,
    /// The first pause after aborts; each further one is twice as long.
    pub pause: Duration,
    /// The first quarantine, ns of event time; each further one is twice as long.
    pub quarantine: u64,
    /// Time for which a plugin may want more of a processor than it may use.
    pub throttled: Duration,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            probation: 60_000_000_000,
            pause: Duration::from_millis(10),
            quarantine: 30_000_000_000,
            throttled: Duration::from_secs(60),
        }
    }
}
