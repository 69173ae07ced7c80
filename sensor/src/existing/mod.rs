//! What runs already when the agent starts, told as events like those that follow.
//!
//! Everything here comes from `/proc` and is of the moment it was read; a process that ends
//! meanwhile is left out. Start times have the precision of a clock tick (10 ms on most
//! kernels), rounded down, where the kernel's own events have nanoseconds.

mod control_groups;
mod descriptors;
mod process;
mod sockets;
mod survey;
mod unix;

use crate::event::{Event, TaskRef};
use crate::image::Classifier;
use control_groups::ControlGroups;
use descriptors::Descriptors;
use process::Found;
use std::collections::HashMap;
use vedette_contract::{kind, values::event_mark};

pub use survey::{Glance, Seen, Survey, lives};

/// The events that a start needs before the first one from the kernel: a `cgroup` event for
/// each control group, then an `existing` event for each process, parents before children.
///
/// `next_id` gives the events' ids, `now` is their time (ns since boot). The classifier learns
/// the images on the way.
///
/// [`crate::event::Image::streams`] also lists descriptors above 2 that a relay may hold:
/// sockets of the internet and unix families, terminal masters, pipes and fifos.
pub fn existing(
    classifier: &mut Classifier,
    next_id: &mut dyn FnMut() -> u64,
    now: u64,
) -> Vec<Event> {
    let groups = ControlGroups::read();
    let mut events = groups.events();
    let found = parents_first(Found::all());
    let starts: HashMap<u32, u64> = found.iter().map(|f| (f.pid, f.start)).collect();
    let mut descriptors = Descriptors::new();
    for process in &found {
        let parent = starts.get(&process.parent).map(|start| TaskRef {
            pid: process.parent,
            start: *start,
        });
        let parent = parent.unwrap_or_default();
        events.extend(process.event(parent, &groups, &mut descriptors, classifier));
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

/// Orders processes so that each comes after its parent. Pids that were used again while
/// `/proc` was read can make a circle: what is on one comes last.
fn parents_first(found: Vec<Found>) -> Vec<Found> {
    let mut children: HashMap<u32, Vec<Found>> = HashMap::new();
    let pids: std::collections::HashSet<u32> = found.iter().map(|f| f.pid).collect();
    for process in found {
        let known = pids.contains(&process.parent) && process.parent != process.pid;
        let parent = if known { process.parent } else { 0 };
        children.entry(parent).or_default().push(process);
    }
    let mut ordered = children.remove(&0).unwrap_or_default();
    let mut next = 0;
    while next < ordered.len() {
        let pid = ordered[next].pid;
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
