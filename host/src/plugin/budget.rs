//! Time on a processor that a plugin may use: so much a second, and some more at a time.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// Seconds whose share may be used at once: a plugin is quiet for long and then has a storm to
/// judge.
const BURST: u32 = 4;
/// A plugin that has used too much waits until it has this many of its seconds back: what it then
/// does is more than a single batch.
const BACK: Duration = Duration::from_millis(50);

/// What has become of a plugin's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Some is left.
    Some,
    /// None: it waits until then.
    None(Instant),
    /// None, and it was so for longer than is borne with.
    Exhausted,
}

/// The time of one plugin.
#[derive(Debug)]
pub struct Budget {
    /// Time on a processor in a second.
    share: Duration,
    /// What it may still use, ns; less than nothing where a call used more than there was.
    left: i128,
    filled: Instant,
    /// Since when it had too little.
    short_since: Option<Instant>,
    /// How long that is borne with.
    patience: Duration,
}

impl Budget {
    /// So much a second; too little is borne with for so long.
    pub fn new(share: Duration, patience: Duration, now: Instant) -> Budget {
        Budget {
            share,
            left: (share * BURST).as_nanos() as i128,
            filled: now,
            short_since: None,
            patience,
        }
    }

    fn full(&self) -> i128 {
        (self.share * BURST).as_nanos() as i128
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_nanos();
        let more = passed * self.share.as_nanos() / 1_000_000_000;
        // What is less than a nanosecond of share is not forgotten.
        if more > 0 {
            self.left = (self.left + more as i128).min(self.full());
            self.filled = now;
        }
        if self.left >= self.full() / 2 {
            self.short_since = None;
        }
    }

    /// A call has used some of it.
    pub fn spend(&mut self, cpu: Duration, now: Instant) -> Left {
        self.fill(now);
        self.left -= cpu.as_nanos() as i128;
        if self.left >= 0 {
            return Left::Some;
        }
        let since = *self.short_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= self.patience {
            return Left::Exhausted;
        }
        let owed = self.left.unsigned_abs() * 1_000_000_000 / self.share.as_nanos().max(1);
        // A call is bounded by its deadline, and so is what it owes.
        let owed = Duration::from_nanos(u64::try_from(owed).unwrap_or(u64::MAX / 2));
        Left::None(now + owed + BACK)
    }

    /// Whether it had too little of late.
    pub fn is_short(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.short_since.is_some()
    }
}

/// Time that something took.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// On the clock: what others wait for.
    pub time: Duration,
    /// On a processor: what others do meanwhile is not the plugin's.
    pub cpu: Duration,
}

/// Takes the time of what this thread does.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    time: Instant,
    cpu: Duration,
}

impl Stopwatch {
    /// From now on.
    pub fn start() -> Stopwatch {
        Stopwatch {
            time: Instant::now(),
            cpu: thread_time(),
        }
    }

    /// Until now. Only the thread that has started it may ask.
    pub fn stop(&self) -> Spent {
        Spent {
            time: self.time.elapsed(),
            cpu: thread_time().saturating_sub(self.cpu),
        }
    }
}

/// Time that this thread has been on a processor.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARE: Duration = Duration::from_millis(200);
    const PATIENCE: Duration = Duration::from_secs(30);
    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_is_free_and_what_is_beyond_waits() {
        let begin = Instant::now();
        let mut budget = Budget::new(SHARE, PATIENCE, begin);
        assert_eq!(budget.spend(SHARE * BURST, begin), Left::Some);
        let Left::None(until) = budget.spend(100 * MS, begin) else {
            panic!("nothing was left");
        };
        // 100 ms at a fifth of a processor.
        assert_eq!(until - begin, 500 * MS + BACK);
        assert!(budget.is_short(until));
        assert_eq!(budget.spend(MS, until), Left::Some);
        // Half of it is back after two seconds more.
        assert!(!budget.is_short(until + 3 * BURST / 4 * Duration::from_secs(1)));
    }

    #[test]
    fn a_plugin_within_its_share_never_waits() {
        let begin = Instant::now();
        let mut budget = Budget::new(SHARE, PATIENCE, begin);
        for second in 0..1000 {
            let now = begin + second * Duration::from_secs(1);
            assert_eq!(budget.spend(SHARE, now), Left::Some);
        }
    }

    #[test]
    fn one_that_always_wants_more_is_exhausted() {
        let mut now = Instant::now();
        let begin = now;
        let mut budget = Budget::new(SHARE, PATIENCE, begin);
        loop {
            match budget.spend(100 * MS, now) {
                Left::Some => now += 100 * MS,
                Left::None(until) => now = until,
                Left::Exhausted => break,
            }
            assert!(now - begin < 3 * PATIENCE);
        }
        assert!(now - begin > PATIENCE);
    }
}
