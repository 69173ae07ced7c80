//! What runs already when the agent starts, told as events like those that follow.
//!
//! It comes from a BPF iterator over the kernel's tasks (`tasks`), in the records of its own
//! events. Where the kernel has none, all of it comes from `/proc`: start times then have the
//! precision of a clock tick (10 ms on most kernels), rounded down, and what `/proc` does not tell
//! is missing. Either is of the moment it was read; a process that ends meanwhile is left out.

mod control_groups;
mod descriptors;
mod open_sockets;
mod process;
mod sockets;
mod survey;
mod tasks;
mod unix;

use crate::event::{Event, TaskRef};
use crate::image::Classifier;
use control_groups::ControlGroups;
use descriptors::Descriptors;
use process::Found;
use std::collections::{HashMap, HashSet};
use tasks::{Place, Told};
use vedette_contract::{kind, values::event_mark};

pub use open_sockets::{OpenSocket, SocketError, open_sockets};
pub use survey::{Glance, Seen, Survey, lives};
pub use tasks::{Tasks, identity};

/// The events that a start needs before the first one from the kernel: a `cgroup` event for
/// each control group, then an `existing` event for each process, parents before children.
///
/// `tasks` is the kernel's own account ([`crate::live::Sensor::tasks`]); without it, or where it
/// cannot be read, `/proc` is asked. `next_id` gives the events' ids, `now` is their time (ns since
/// boot). The classifier learns the images on the way.
///
/// [`crate::event::Image::streams`] also lists descriptors above 2 that a relay may hold:
/// sockets of the internet and unix families, terminal masters, pipes and fifos.
pub fn existing(
    tasks: Option<Tasks>,
    classifier: &mut Classifier,
    next_id: &mut dyn FnMut() -> u64,
    now: u64,
) -> Vec<Event> {
    let groups = ControlGroups::read();
    let mut events = groups.events();
    match tasks.and_then(all_told) {
        Some((told, listening)) => {
            events.extend(told.into_iter().map(|t| t.event(&listening, classifier)));
        }
        None => events.extend(found(&groups, classifier)),
    }
    for event in &mut events {
        event.id = next_id();
        event.at = now;
        event.marks |= event_mark::SYNTHETIC;
    }
    debug_assert!(
        events
            .iter()
            .all(|e| [kind::CGROUP, kind::EXISTING].contains(&e.kind))
    );
    events
}

/// What the kernel tells, in order, and where somebody listens.
fn all_told(mut tasks: Tasks) -> Option<(Vec<Told>, HashSet<Place>)> {
    let mut told = Vec::new();
    loop {
        match tasks.read(&mut told) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                say_unreadable(&error);
                return None;
            }
        }
    }
    let order = |told: &Told| (told.process().pid, told.parent().pid);
    Some((parents_first(told, order), tasks.listening().clone()))
}

fn say_unreadable(error: &std::io::Error) {
    tracing::warn!("the kernel's account of its processes cannot be read, /proc is: {error}");
}

/// What `/proc` tells, in order.
fn found(groups: &ControlGroups, classifier: &mut Classifier) -> Vec<Event> {
    let found = parents_first(Found::all(), |f| (f.pid, f.parent));
    let starts: HashMap<u32, u64> = found.iter().map(|f| (f.pid, f.start)).collect();
    let mut descriptors = Descriptors::new();
    let event = |process: &Found| {
        let parent = starts.get(&process.parent).map(|start| TaskRef {
            pid: process.parent,
            start: *start,
        });
        let parent = parent.unwrap_or_default();
        process.event(parent, groups, &mut descriptors, classifier)
    };
    found.iter().filter_map(event).collect()
}

/// Orders processes, of each of which `order` says its number and its parent's, so that each comes
/// after its parent. Pids that were used again while they were read can make a circle: what is on
/// one comes last.
fn parents_first<T>(found: Vec<T>, order: impl Fn(&T) -> (u32, u32)) -> Vec<T> {
    let mut children: HashMap<u32, Vec<T>> = HashMap::new();
    let pids: HashSet<u32> = found.iter().map(|f| order(f).0).collect();
    for process in found {
        let (pid, parent) = order(&process);
        let known = pids.contains(&parent) && parent != pid;
        let parent = if known { parent } else { 0 };
        children.entry(parent).or_default().push(process);
    }
    let mut ordered = children.remove(&0).unwrap_or_default();
    let mut next = 0;
    while next < ordered.len() {
        let pid = order(&ordered[next]).0;
        ordered.extend(children.remove(&pid).unwrap_or_default());
        next += 1;
    }
    ordered.extend(children.into_values().flatten());
    ordered
}

/// Reads a file below a directory up to a limit; none where it is gone.
fn read_at(dir: impl std::os::fd::AsFd, path: &str, max: u64) -> Option<Vec<u8>> {
    use rustix::fs::{Mode, OFlags, openat};
    use std::io::Read;
    let fd = openat(dir, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut bytes = Vec::new();
    std::fs::File::from(fd)
        .take(max)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

/// A number in a text of the kernel's.
fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
