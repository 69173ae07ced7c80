//! How much trouble a plugin is: aborts in a row lead to pauses, and then out of service.

use std::time::{Duration, Instant};

/// Aborts before a plugin has to wait.
const FREE: u32 = 3;
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(2);
/// Aborts after which a plugin is out of service. Poisonous events can come from an attacker:
/// the detector bears with some of them, and its end is a finding of the highest severity.
const MOST: u32 = 16;
/// Aborts count no more when none has followed for this long, ns of event time.
const FORGIVEN: u64 = 60_000_000_000;

/// What is to be done with a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on, perhaps after a pause.
    Serve,
    /// It is out of service.
    Quarantine,
}

/// Aborts of late.
#[derive(Debug)]
pub struct Trouble {
    /// First pause; each further abort doubles it.
    pause: Duration,
    strikes: u32,
    last: u64,
    until: Option<Instant>,
}

impl Trouble {
    /// None yet. The first pause is this long.
    pub fn new(pause: Duration) -> Trouble {
        Trouble {
            pause,
            strikes: 0,
            last: 0,
            until: None,
        }
    }

    /// An abort at this time of events.
    pub fn strike(&mut self, at: u64) -> Verdict {
        if at.saturating_sub(self.last) > FORGIVEN {
            self.strikes = 0;
        }
        self.last = self.last.max(at);
        self.strikes += 1;
        if self.strikes >= MOST {
            return Verdict::Quarantine;
        }
        if let Some(doublings) = self.strikes.checked_sub(FREE + 1) {
            let pause = (self.pause * 2u32.pow(doublings)).min(LONGEST);
            self.until = Some(Instant::now() + pause);
        }
        Verdict::Serve
    }

    /// Until when the plugin waits, if it does.
    pub fn waits(&mut self) -> Option<Instant> {
        let until = self.until?;
        if Instant::now() >= until {
            self.until = None;
        }
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_in_quarantine() {
        let mut trouble = Trouble::new(Duration::from_millis(10));
        for _ in 0..FREE {
            assert_eq!(trouble.strike(1), Verdict::Serve);
            assert_eq!(trouble.waits(), None);
        }
        let mut before = Duration::ZERO;
        for _ in FREE + 1..MOST {
            assert_eq!(trouble.strike(1), Verdict::Serve);
            let pause = trouble.waits().expect("a pause") - Instant::now();
            assert!(pause > before || pause > LONGEST - Duration::from_millis(100));
            assert!(pause <= LONGEST);
            before = pause;
        }
        assert_eq!(trouble.strike(1), Verdict::Quarantine);
    }

    #[test]
    fn quiet_time_forgives() {
        let mut trouble = Trouble::new(Duration::from_millis(10));
        for n in 0..100 {
            assert_eq!(trouble.strike((n + 1) * (FORGIVEN + 1)), Verdict::Serve);
        }
    }
}
