//! Mends the process table after life events were lost.
//!
//! The context looks at nothing but events; so what was missed is put into the stream as events,
//! found by a survey of what runs. The survey is made a part at a time, between batches of events,
//! and each process is looked at afresh when its turn comes.

use crate::context::{Context, process::Process};
use vedette_contract::{kind, values::event_mark};
use vedette_sensor::event::{Event, Task, TaskRef};
use vedette_sensor::existing::{Glance, Seen, Survey, Tasks, identity, lives};
use vedette_sensor::filter::KindSet;
use vedette_sensor::image::Classifier;

/// Least time between two repairs, ns: a loss that goes on must not turn the agent into a reader
/// of /proc.
const PAUSE: u64 = 1_000_000_000;

/// For the same reason a machine on which a survey takes long is surveyed so many times less.
const PAUSE_FACTOR: u64 = 10;

/// Processes listed, or looked at, in one part: a few ms in which no event is taken.
const PART: usize = 64;

/// What one repair came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Processes that the table did not know.
    pub added: u64,
    /// Processes of which it knew something else.
    pub corrected: u64,
    /// Processes that it took for alive.
    pub gone: u64,
}

/// Whether without an event of this kind the process table would be wrong.
pub fn concerns(kind: u16) -> bool {
    kind == 0 || KindSet::CONTEXT.has(kind)
}

/// When to look, and what was seen so far.
#[derive(Debug, Default)]
pub struct Repair {
    wanted: bool,
    /// Not before this time, ns since boot.
    next: u64,
    going: Option<Going>,
}

#[derive(Debug)]
struct Going {
    survey: Survey,
    began: u64,
    /// Time spent in it so far, ns.
    spent: u64,
    repaired: Repaired,
    /// Processes of the table that began before and still have to be seen.
    unseen: Option<Vec<TaskRef>>,
}

impl Repair {
    /// A life event was lost.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// Whether there is something to do now.
    pub fn is_due(&self, now: u64) -> bool {
        self.going.is_some() || (self.wanted && now >= self.next)
    }

    /// Does one part, if one is due, and answers with the events to put into the stream and, with
    /// the last part, what it came to. `tasks` begins the kernel's own account of its processes. Ids and times of the events are the caller's to give.
    pub fn step(
        &mut self,
        context: &Context,
        classifier: &mut Classifier,
        tasks: impl FnOnce() -> Option<Tasks>,
        clock: impl Fn() -> u64,
    ) -> (Vec<Event>, Option<Repaired>) {
        let now = clock();
        if !self.is_due(now) {
            return (Vec::new(), None);
        }
        let mut events = Vec::new();
        let going = self.going.get_or_insert_with(|| {
            self.wanted = false;
            let survey = Survey::begin(tasks());
            let groups = survey.groups().into_iter();
            events.extend(groups.filter(|group| !context.knows_group(group)));
            Going {
                survey,
                began: now,
                spent: 0,
                repaired: Repaired::default(),
                unseen: None,
            }
        });
        let done = going.part(context, classifier, &mut events);
        let after = clock();
        going.spent += after.saturating_sub(now);
        let repaired = done.then_some(going.repaired);
        if done {
            self.next = after + PAUSE.max(PAUSE_FACTOR * going.spent);
            self.going = None;
        }
        for event in &mut events {
            event.marks |= event_mark::SYNTHETIC;
        }
        (events, repaired)
    }
}

impl Going {
    /// One part of the work; says whether it was the last.
    fn part(
        &mut self,
        context: &Context,
        classifier: &mut Classifier,
        events: &mut Vec<Event>,
    ) -> bool {
        if self.survey.list(PART) {
            return false;
        }
        for _ in 0..PART {
            let Some(seen) = self.survey.look() else {
                return self.bury(context, events);
            };
            let known = context.row(seen.glance.process);
            if known
                .as_deref()
                .is_some_and(|row| holds(row, &seen, context))
            {
                continue;
            }
            if let Some(event) = seen.event(classifier) {
                match known {
                    Some(_) => self.repaired.corrected += 1,
                    None => self.repaired.added += 1,
                }
                events.push(event);
            }
        }
        false
    }

    /// Ends, a part at a time, what the table takes for alive and is not.
    fn bury(&mut self, context: &Context, events: &mut Vec<Event>) -> bool {
        let began = self.began;
        let unseen = self.unseen.get_or_insert_with(|| {
            let rows = context.living().into_iter();
            // What began since has its own events.
            rows.map(|row| row.id)
                .filter(|id| id.start < began)
                .collect()
        });
        for _ in 0..PART {
            let Some(process) = unseen.pop() else {
                return true;
            };
            if let Some(row) = context.row(process)
                && !lives(process)
            {
                self.repaired.gone += 1;
                events.push(exit_of(&row));
            }
        }
        false
    }
}

/// Whether what the table knows of a process is what was seen.
fn holds(row: &Process, seen: &Seen<'_>, context: &Context) -> bool {
    let Glance {
        parent,
        image,
        streams,
        ..
    } = seen.glance;
    let same_streams = streams.is_none_or(|seen| {
        (0..)
            .zip(seen)
            .all(|(fd, stream)| stream == identity(&row.streams, fd))
    });
    let orphan = row.parent.is_none() && parent.pid != 0 && context.knows(parent);
    let same_image = (row.image.device, row.image.inode) == image
        || seen.path().is_none_or(|path| *row.exe == *path);
    same_image && same_streams && !orphan
}

/// The exit that was missed. How the process ended is not known.
fn exit_of(row: &Process) -> Event {
    Event {
        kind: kind::EXIT,
        marks: event_mark::INCOMPLETE,
        task: Task {
            process: row.id,
            parent: row.parent.as_ref().map(|p| p.id).unwrap_or_default(),
            tid: row.id.pid,
            exec_id: row.exec_id,
            uid: row.uid,
            gid: row.gid,
            capabilities: row.capabilities,
            cgroup: row.cgroup,
            cgroup_v1: row.cgroup_v1,
            namespaces: row.namespaces,
            comm: row.comm,
        },
        ..Event::default()
    }
}
