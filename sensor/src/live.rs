//! The live sensor: the kernel's events of this machine, in order of time.

mod credentials;
mod earlier;
mod error;
mod flows;
pub(crate) mod given;
mod lanes;
mod losses;
mod merge;
mod mutes;
mod object;
mod options;
mod pins;
mod programs;
mod questions;
mod rules;
mod sources;
mod syscalls;

use crate::{
    event::Event,
    existing::Tasks,
    filter::{Filter, KindSet},
    probe::Features,
};
use aya::maps::{Array, MapData, RingBuf};
use earlier::Earlier;
use flows::Flows;
use given::Resolver;
use losses::Ledger;
use merge::{Rings, now};
pub use mutes::{MUTED_MOST, Muted, NotSent};
pub(crate) use object::CORE;
pub use object::Gap;
use object::Object;
use pins::Pins;
pub use rules::Group;
use rules::Rules;
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, epoll, eventfd, poll},
    time::Timespec,
};
pub use sources::{Source, sources};
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::{Duration, Instant},
};
use vedette_contract::kind;

pub use earlier::TakeOver;
pub use error::SensorError;
pub use losses::Loss;
pub use options::Options;
pub use pins::{PinError, unpin};

/// Gives back to the system what reading the kernel's types took for a moment: some MB, which the
/// allocator would keep for good.
fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call takes a number, keeps no pointer and may be made at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Ends a wait of [`Sensor::next_batch`] from another thread.
#[derive(Debug, Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// Makes the current or the next wait return at once.
    pub fn wake(&self) {
        // An eventfd that cannot take more is one that already wakes.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

/// Kinds that no program tells of: user space makes them.
const MADE_BY_AGENT: [u16; 4] = [kind::EXISTING, kind::CONTAINER, kind::TICK, kind::LOSS];

/// How often an attentive reader looks at the rings by itself. The kernel side then need not wake
/// it for bulk events, nor for executions in quick succession, of which it would be most of what they
/// cost. All else in the security lane wakes the reader at once.
const GLANCE: Duration = Duration::from_micros(250);

/// After so many glances in vain the reader asks to be woken again, so that a quiet node stays
/// quiet.
const GLANCES_IN_VAIN: u32 = 8;

/// Events that an earlier agent's programs may still number before they are removed.
const NUMBERS_APART: u64 = 1 << 32;

/// What tells the sensor's descriptors apart in epoll.
const TOKEN_RING: u64 = 0;
const TOKEN_WAKER: u64 = 1;

/// The programs in the kernel and the rings that they write. Dropping it detaches everything,
/// unless [`Options::pin`] says otherwise.
pub struct Sensor {
    features: Features,
    rules: Rules,
    rings: Rings,
    /// Agents whose rings are still to be read.
    earlier: Vec<Earlier>,
    /// Events of before are told by those.
    since: u64,
    resolver: Resolver,
    flows: Flows,
    object: Object,
    epoll: OwnedFd,
    waker: Arc<OwnedFd>,
    ledger: Ledger,
    /// What was lost before this agent began.
    inherited: Vec<Loss>,
    /// Whether the kernel side was told that the reader looks by itself.
    attentive: bool,
    /// Glances in a row that found nothing.
    in_vain: u32,
}

impl std::fmt::Debug for Sensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sensor")
            .field("features", &self.features)
            .finish_non_exhaustive()
    }
}

impl Sensor {
    /// Probes the kernel, loads the programs, applies the filter and attaches.
    ///
    /// # Errors
    /// When the kernel, or what this process may do, does not suffice; the error says what.
    pub fn start(options: &Options, filter: &Filter) -> Result<Sensor, SensorError> {
        let (features, mut object) = Object::load(options)?;
        let security: RingBuf<MapData> = object.take("SECURITY")?;
        let bulk: RingBuf<MapData> = object.take("BULK")?;
        let keeps = object.pins().is_some();
        let ledger = Ledger::new(&mut object, keeps)?;
        let waker = Arc::new(
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(io::Error::from)?,
        );
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(io::Error::from)?;
        for (fd, token) in [
            (security.as_fd(), TOKEN_RING),
            (bulk.as_fd(), TOKEN_RING),
            (waker.as_fd(), TOKEN_WAKER),
        ] {
            epoll::add(
                &epoll,
                fd,
                epoll::EventData::new_u64(token),
                epoll::EventFlags::IN,
            )
            .map_err(io::Error::from)?;
        }
        let mut sensor = Sensor {
            features,
            rules: Rules::default(),
            rings: Rings::new(security, bulk),
            earlier: Vec::new(),
            since: 0,
            resolver: Resolver::new(),
            flows: Flows::default(),
            object,
            epoll,
            waker,
            ledger,
            inherited: Vec::new(),
            attentive: false,
            in_vain: 0,
        };
        lanes::apply(&mut sensor.object, options)?;
        credentials::apply(&mut sensor.object)?;
        sensor.number_on()?;
        sensor.set_filter(filter)?;
        sensor.object.remember_tasks()?;
        Ok(sensor)
    }

    /// Numbers events apart from those of an earlier agent, which may still sense.
    fn number_on(&mut self) -> Result<(), SensorError> {
        let earlier = self.object.pins().map(Pins::earlier).unwrap_or_default();
        let same = earlier.iter().filter(|(_, same)| *same);
        let highest = same
            .filter_map(|(directory, _)| Ledger::pinned(directory).ok())
            .map(|ledger| ledger.sequence())
            .max();
        match highest {
            Some(highest) => self.ledger.begin_at(highest + NUMBERS_APART),
            None => Ok(()),
        }
    }

    /// What this kernel offers.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Whether this kernel lets the sensor see events of this kind, as far as was tried: a program
    /// is tried when a kind that it serves is first wanted. What cannot be seen is missing without
    /// an error; it is for the caller to say so.
    pub fn senses(&self, kind: u16) -> bool {
        MADE_BY_AGENT.contains(&kind) || self.object.senses(kind)
    }

    /// The programs that were wanted and that this kernel does not take, and why.
    pub fn gaps(&self) -> Vec<Gap> {
        self.object.gaps()
    }

    /// Whether a sensor with these gaps lets events of this kind be seen at all.
    pub fn would_sense(kind: u16, gaps: &[Gap]) -> bool {
        MADE_BY_AGENT.contains(&kind) || object::serves(kind, gaps)
    }

    /// Tries every program for a moment and tells those that this kernel does not take. Nothing
    /// is sensed meanwhile.
    ///
    /// # Errors
    /// Where the kernel cannot be sensed at all; the error says why.
    pub fn gaps_here() -> Result<Vec<Gap>, SensorError> {
        let (_, mut object) = Object::load(&Options::least())?;
        object.serve(KindSet::all())?;
        object.tasks()?;
        let gaps = object.gaps();
        object.forget_types();
        Ok(gaps)
    }

    /// Begins the kernel's own account of the processes that run; none where it cannot give one,
    /// which is a [gap](Sensor::gaps): `/proc` has most of it.
    ///
    /// # Errors
    /// When the program that tells it is not in the object.
    pub fn tasks(&mut self) -> Result<Option<Tasks>, SensorError> {
        self.object.tasks()
    }

    /// Replaces the filter, live: what both the old and the new one want is never missed.
    ///
    /// # Errors
    /// When a map cannot be written or a program that nothing works without is refused.
    pub fn set_filter(&mut self, filter: &Filter) -> Result<(), SensorError> {
        let needed = filter.needed();
        self.object.serve(needed.kinds)?;
        self.object.tell_of_hooks()?;
        self.flows.want(filter.kinds);
        self.rules.apply(&mut self.object, &needed)?;
        self.object.rest(needed.kinds);
        Ok(())
    }

    /// Tells which mount namespace is the machine's own, by its inode.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub fn set_home(&mut self, mount_namespace: u32) -> Result<(), SensorError> {
        self.rules.set_home(&mut self.object, mount_namespace)
    }

    /// Tells whether a control group is known to hold no container. Of processes in such groups, as
    /// far as they are in the machine's own mount namespace too, only what is wanted of processes
    /// outside of containers is sent; of all others everything that is wanted at all.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub fn set_outside(&mut self, group: Group, outside: bool) -> Result<(), SensorError> {
        rules::set_outside(&mut self.object, group, outside)
    }

    /// Mutes kinds of events of a control group, or no longer: they are counted and not sent. What
    /// the context needs, and packets, are sent all the same; so is what finds no room.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub fn set_muted(&mut self, group: Group, muted: Option<Muted>) -> Result<(), SensorError> {
        self.rules.set_muted(&mut self.object, group, muted)
    }

    /// What was not sent because it is muted.
    ///
    /// # Errors
    /// When the map is not there.
    pub fn not_sent(&mut self) -> Result<Vec<NotSent>, SensorError> {
        mutes::not_sent(&mut self.object)
    }

    /// Waits up to `timeout` for events and appends them to `out` in order of time. Returns
    /// without any when the time is over or the [`Waker`] was used.
    ///
    /// # Errors
    /// When the rings cannot be waited for.
    pub fn next_batch(
        &mut self,
        timeout: Duration,
        out: &mut Vec<Event>,
    ) -> Result<(), SensorError> {
        // Filters are set one after another while plugins come; who waits for events is done.
        self.object.forget_types();
        let deadline = Instant::now() + timeout;
        let before = out.len();
        loop {
            self.pass(out);
            while out.len() == before && !self.earlier.is_empty() {
                self.pass(out);
            }
            // What is held back is older than the next pass, so that one need not wait.
            if out.len() == before && self.rings.holds() {
                self.pass(out);
            }
            let mut at = before;
            while let Some(event) = out.get_mut(at) {
                if self.resolver.settle(event) {
                    at += 1;
                } else {
                    out.remove(at);
                }
            }
            self.flows.pass(out, before);
            let found = out.len() > before;
            self.pay_attention(found)?;
            let left = deadline.saturating_duration_since(Instant::now());
            if found || left.is_zero() {
                return Ok(());
            }
            // The first glance after attention ended finds what was sent without a wake-up while
            // it was ending.
            let glancing = self.attentive || self.in_vain == GLANCES_IN_VAIN;
            if self.wait(if glancing { left.min(GLANCE) } else { left })? {
                return Ok(());
            }
        }
    }

    /// Takes a part of what is in the rings: first what an earlier agent has left.
    fn pass(&mut self, out: &mut Vec<Event>) {
        if let Some(earlier) = self.earlier.first_mut() {
            if !earlier.pass(out) {
                self.inherited.extend(earlier.losses());
                self.earlier.remove(0);
            }
            return;
        }
        let before = out.len();
        self.rings.pass_now(out);
        if self.since > 0 && out[before..].iter().any(|event| event.at < self.since) {
            let since = self.since;
            let mut at = 0;
            out.retain(|event| {
                at += 1;
                at <= before || event.at >= since
            });
        }
    }

    /// Goes on where an earlier agent with the same pins ended: from now on this sensor's programs
    /// count, what the earlier one's sensed before is what comes next, and they are removed. To be
    /// called once what is wanted was set, so that nothing falls between. Does nothing where
    /// nothing is pinned.
    ///
    /// # Errors
    /// When the pins of an earlier agent cannot be removed.
    pub fn take_over(&mut self) -> Result<TakeOver, SensorError> {
        let mut done = TakeOver::default();
        let earlier = self.object.pins().map(Pins::earlier).unwrap_or_default();
        for (directory, same) in earlier {
            // One that ended before it had pinned its rings has left nothing to read.
            match Earlier::open(&directory).ok().filter(|_| same) {
                Some(mut earlier) => {
                    self.since = now();
                    earlier.end(&directory, self.since)?;
                    self.earlier.push(earlier);
                    done.followed += 1;
                }
                None => {
                    pins::remove(&directory)?;
                    done.replaced += usize::from(!same);
                }
            }
        }
        Ok(done)
    }

    /// Begins attention with the first event and ends it after a few glances in vain.
    fn pay_attention(&mut self, found: bool) -> Result<(), SensorError> {
        self.in_vain = if found {
            0
        } else {
            self.in_vain.saturating_add(1)
        };
        let attentive = self.in_vain < GLANCES_IN_VAIN;
        if attentive != self.attentive {
            let mut reader: Array<_, u64> = self.object.map_mut(".data.reader")?;
            reader
                .set(0, u64::from(attentive), 0)
                .map_err(|source| SensorError::map(".data.reader", source))?;
            self.attentive = attentive;
        }
        Ok(())
    }

    /// Waits for a ring; tells whether the waker was used.
    fn wait(&mut self, timeout: Duration) -> Result<bool, SensorError> {
        let mut ready = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }; 3];
        let timeout = Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // epoll itself would wait for whole ms, which would make four glances of one.
        match poll(
            &mut [PollFd::new(&self.epoll, PollFlags::IN)],
            Some(&timeout),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(SensorError::Wait(error.into())),
        }
        let at_once = Timespec::default();
        let count = match epoll::wait(&self.epoll, &mut ready[..], Some(&at_once)) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(SensorError::Wait(error.into())),
        };
        let woken = ready[..count].iter().any(|e| e.data.u64() == TOKEN_WAKER);
        if woken {
            let mut count = [0; 8];
            // Only empties it; a second reader may have been first.
            let _ = rustix::io::read(&*self.waker, &mut count);
        }
        Ok(woken)
    }

    /// A handle with which another thread ends a wait.
    pub fn waker(&self) -> Waker {
        Waker(self.waker.clone())
    }

    /// What was lost since the last call, by cause, kind and control group.
    pub fn losses(&mut self) -> Vec<Loss> {
        let mut losses = std::mem::take(&mut self.inherited);
        losses.extend(
            self.ledger
                .since(self.rings.undecodable, self.flows.unjoined),
        );
        losses
    }
}
