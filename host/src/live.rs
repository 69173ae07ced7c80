//! Feeds the agent from this machine's kernel.

mod health;

use crate::agent::Agent;
use crate::control::server::Control;
use crate::intel::Feed;
use crate::loss::Lost;
use crate::output::messages::say;
use crate::plugin::outcome::Outcome;
use crate::repair::{Repair, Repaired};
use crate::runtimes::Runtimes;
use crossbeam_channel::Sender;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use vedette_contract::kind;
use vedette_sensor::event::Event;
use vedette_sensor::existing::existing;
use vedette_sensor::filter::Filter;
use vedette_sensor::image::Classifier;
use vedette_sensor::live::{Group, Sensor, SensorError};

/// Longest wait for an event: ticks, plugin changes and losses are looked after in between.
const WAIT: Duration = Duration::from_millis(100);

/// Longest time for what is in the rings at the end, ns: a storm must not keep the agent from
/// ending.
const FINISH_MOST: u64 = 1_000_000_000;

/// The sensor's events lie behind its clock by less than this, ns; a tick must not overtake them.
const BEHIND: u64 = 20_000_000;

/// The kernel as a source of events.
pub struct Live {
    sensor: Sensor,
    classifier: Classifier,
    runtimes: Runtimes,
    outcomes: Sender<Outcome>,
    /// Events lost so far.
    pub lost: Lost,
    repair: Repair,
    /// What is wanted whatever the plugins want.
    base: Filter,
    /// Of the plugins' wants, that which the kernel was last told.
    revision: Option<u64>,
    last_second: u64,
    /// What the context had no room for when that was last said.
    left_out: [u64; 3],
    control: Option<Control>,
    lists: Option<Feed>,
}

impl Live {
    /// Takes in what runs already and begins to feed the agent with what `base` and its plugins
    /// want. The sensor is attached by now, so nothing falls between the two.
    /// `runtimes` are asked what containers are.
    pub fn begin(
        sensor: Sensor,
        base: Filter,
        agent: &mut Agent,
        outcomes: Sender<Outcome>,
        runtimes: Runtimes,
    ) -> Result<Live, SensorError> {
        let mut live = Live {
            sensor,
            classifier: Classifier::new(),
            runtimes,
            outcomes,
            lost: Lost::default(),
            repair: Repair::default(),
            revision: None,
            base,
            last_second: 0,
            left_out: [0; 3],
            control: None,
            lists: None,
        };
        live.follow_plugins(agent)?;
        live.take_over()?;
        let mut next_id = || agent.own_id();
        let tasks = live.sensor.tasks()?;
        let existing = existing(tasks, &mut live.classifier, &mut next_id, boot_time());
        for event in existing {
            live.take(event, agent);
        }
        live.ask_runtimes(agent);
        agent.plugins.flush();
        Ok(live)
    }

    /// Lets an operator control the agent from now on.
    pub fn controlled_by(&mut self, control: Control) {
        self.control = Some(control);
    }

    /// Follows changes of the operator's lists from now on.
    pub fn with_lists(&mut self, lists: Feed) {
        self.lists = Some(lists);
    }

    /// Goes on where an earlier agent ended, where that one has left its programs running.
    fn take_over(&mut self) -> Result<(), SensorError> {
        let taken = self.sensor.take_over()?;
        if taken.followed > 0 {
            say("took over from an earlier agent: what happened since is told now");
        }
        if taken.replaced > 0 {
            let now = boot_time();
            self.say(
                "sensor-replaced",
                "What happened before this agent started is not known",
                "an earlier agent of another version had left its sensor running; what it sensed \
                 after that agent ended cannot be read and was dropped"
                    .to_owned(),
                now.to_string(),
                now,
            );
        }
        Ok(())
    }

    /// Feeds the agent until `stop` is set, which is seen within a tenth of a second.
    pub fn run(&mut self, agent: &mut Agent, stop: &AtomicBool) -> Result<(), SensorError> {
        self.run_while(agent, |_| !stop.load(Ordering::Relaxed))?;
        self.finish(agent)
    }

    /// Feeds the agent for as long as this says so, and can go on then.
    pub fn run_while(
        &mut self,
        agent: &mut Agent,
        goes_on: impl Fn(&Agent) -> bool,
    ) -> Result<(), SensorError> {
        let mut events = Vec::new();
        while goes_on(agent) {
            self.sensor.next_batch(WAIT, &mut events)?;
            for event in events.drain(..) {
                self.take(event, agent);
            }
            agent.pass(boot_time().saturating_sub(BEHIND));
            self.ask_runtimes(agent);
            self.hear_runtimes(agent);
            self.follow_lists(agent);
            agent.plugins.flush();
            agent.keep_answers();
            self.follow_plugins(agent)?;
            if let Some(control) = &self.control {
                agent.serve(control);
            }
            self.every_second(agent);
            self.repair(agent);
        }
        Ok(())
    }

    /// Takes what happened before now and is still in the rings, and what was lost of it.
    fn finish(&mut self, agent: &mut Agent) -> Result<(), SensorError> {
        let end = boot_time();
        let mut events = Vec::new();
        while boot_time() < end + FINISH_MOST {
            self.sensor.next_batch(Duration::ZERO, &mut events)?;
            let over = events.last().is_none_or(|event| event.at > end);
            for event in events.drain(..) {
                self.take(event, agent);
            }
            if over {
                break;
            }
        }
        self.tell_losses(end, agent);
        self.tell_mutes(end, agent);
        agent.plugins.flush();
        Ok(())
    }

    fn take(&mut self, mut event: Event, agent: &mut Agent) {
        if event.kind == kind::EXEC
            && let Some(image) = &mut event.image
        {
            let pid = event.task.process.pid;
            image.class = self
                .classifier
                .classify(pid, &event.text, image.device, image.inode);
        }
        agent.ticks_until(event.at);
        let makes_group = event.kind == kind::CGROUP;
        self.hand_over(event, agent);
        if makes_group {
            // While its maker's row is still that of this moment.
            self.ask_runtimes(agent);
        }
    }

    /// Asks about the containers that have come up.
    fn ask_runtimes(&mut self, agent: &mut Agent) {
        while self.runtimes.has_room()
            && let Some((container, maker)) = agent.next_unexplained()
        {
            self.runtimes.ask(container, maker.as_deref());
        }
    }

    /// Puts into the stream what the runtimes have said.
    fn hear_runtimes(&mut self, agent: &mut Agent) {
        while let Some(answer) = self.runtimes.answer() {
            let (id, at) = (agent.own_id(), agent.moment());
            self.hand_over(Event { id, at, ..answer }, agent);
        }
    }

    /// Lets plugins be answered from the lists that have taken the place of others.
    fn follow_lists(&self, agent: &mut Agent) {
        if let Some(loaded) = self.lists.as_ref().and_then(Feed::next) {
            crate::commands::lists::tell(&loaded);
            agent.take_lists(loaded.lists, agent.moment());
        }
    }

    /// Gives the agent an event, and the kernel what the context has learned from it of groups
    /// without containers.
    fn hand_over(&mut self, event: Event, agent: &mut Agent) {
        let group = group_of(event.b as u32, event.a);
        let told = match event.kind {
            kind::CGROUP => {
                let about = Event {
                    a: event.a,
                    b: event.b,
                    ..Event::default()
                };
                agent.take(event);
                let none = agent.context().group_holds_none(&about);
                self.sensor
                    .set_outside(group, none)
                    .and_then(|()| self.mute(group, agent))
            }
            kind::CGROUP_REMOVED => {
                agent.take(event);
                match agent.mutes.forget(group) {
                    true => self.sensor.set_muted(group, None),
                    false => Ok(()),
                }
            }
            kind::CGROUP_MOVE => {
                let moved = event.target;
                agent.take(event);
                // Who leaves a container by a move alone may still be one of it.
                let row = moved.and_then(|id| agent.context().row(id));
                let stays = row.is_none_or(|row| row.container.is_some());
                if stays {
                    self.sensor.set_outside(group, false)
                } else {
                    Ok(())
                }
            }
            kind::CONTAINER => {
                let container = event.text.clone();
                agent.take(event);
                let mut groups = agent.context().groups_of(&container).into_iter();
                groups.try_for_each(|(hierarchy, id)| {
                    let group = group_of(hierarchy, id);
                    self.sensor.set_outside(group, false)?;
                    self.mute(group, agent)
                })
            }
            _ => {
                agent.take(event);
                Ok(())
            }
        };
        if let Err(error) = told {
            tracing::error!("the kernel could not be told of a control group: {error}");
        }
    }

    /// Lets the kernel keep back what is muted of a control group of which something is new.
    fn mute(&mut self, group: Group, agent: &mut Agent) -> Result<(), SensorError> {
        match agent.mute(group) {
            Some(muted) => self.sensor.set_muted(group, muted),
            None => Ok(()),
        }
    }

    /// Lets the kernel send what the plugins want now. What they want grows a round before a
    /// change can be applied and shrinks once it has settled, so nobody misses anything.
    fn follow_plugins(&mut self, agent: &mut Agent) -> Result<(), SensorError> {
        self.sensor.set_home(agent.context().home())?;
        let revision = agent.plugins.filter_revision();
        if self.revision != Some(revision) {
            self.send(agent)?;
            self.revision = Some(revision);
        }
        if agent.switch_plugins() {
            agent.plugins.flush();
        }
        Ok(())
    }

    fn send(&mut self, agent: &Agent) -> Result<(), SensorError> {
        let mut filter = self.base.clone();
        filter.union(agent.plugins.filter());
        self.sensor.set_filter(&filter)?;
        self.tell_gaps(filter.kinds);
        Ok(())
    }

    fn every_second(&mut self, agent: &mut Agent) {
        let now = boot_time().saturating_sub(BEHIND);
        let second = now / 1_000_000_000;
        if second == self.last_second {
            return;
        }
        self.last_second = second;
        agent.ticks_until(now);
        self.tell_losses(now, agent);
        self.tell_left_out(now, agent);
        self.tell_mutes(now, agent);
        agent.plugins.flush();
    }

    /// A part of mending the process table, where that is due.
    fn repair(&mut self, agent: &mut Agent) {
        let sensor = &mut self.sensor;
        // What speaks against it is a gap, and said as one.
        let tasks = || sensor.tasks().ok().flatten();
        let (events, done) =
            self.repair
                .step(agent.context(), &mut self.classifier, tasks, boot_time);
        let any = !events.is_empty();
        for event in events {
            let (at, id) = (boot_time().saturating_sub(BEHIND), agent.own_id());
            self.take(Event { at, id, ..event }, agent);
        }
        if any {
            agent.plugins.flush();
        }
        if let Some(repaired) = done.filter(|repaired| *repaired != Repaired::default()) {
            let now = boot_time();
            self.say(
                "process-table-repaired",
                "Lost life events were made up for",
                format!(
                    "after a loss {} processes were added to the process table, {} corrected and \
                     {} found to be gone; the rows are marked incomplete",
                    repaired.added, repaired.corrected, repaired.gone
                ),
                (now / 60_000_000_000).to_string(),
                now,
            );
        }
    }
}

/// A control group as the sensor names it.
fn group_of(hierarchy: u32, id: u64) -> Group {
    match hierarchy {
        0 => Group::Unified(id),
        _ => Group::V1(id),
    }
}

/// ns since boot, suspend included: the clock of all events.
pub fn boot_time() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
