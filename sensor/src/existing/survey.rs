//! A second look at what runs, a part at a time: for a table that has missed something.

use super::control_groups::ControlGroups;
use super::descriptors::Descriptors;
use super::process::Found;
use super::tasks::{Tasks, Told};
use super::{parents_first, say_unreadable};
use crate::event::{Event, TaskRef};
use crate::image::Classifier;
use std::collections::{HashMap, HashSet};
use vedette_contract::values::{event_mark, process_mark};

/// A process as a glance shows it: enough to tell whether what is known of it still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// The process; from `/proc` its start is cut to clock ticks.
    pub process: TaskRef,
    /// Its parent, all zero where that was not found.
    pub parent: TaskRef,
    /// Device and inode of the executed file, (0, 0) where there is none or it cannot be read.
    pub image: (u64, u64),
    /// Kind and identity of what standard input, output and error are; none where the kernel did
    /// not tell them itself: `/proc` says less of some than events do.
    pub streams: Option<[(u32, u64); 3]>,
}

/// A survey of all processes. The work is in [`Survey::list`] and [`Survey::look`], which do as
/// much at a time as they are told, so that other work can go on in between.
#[derive(Debug)]
pub struct Survey {
    groups: ControlGroups,
    descriptors: Descriptors,
    /// The kernel's own account, while there is more of it.
    tasks: Option<Tasks>,
    told: Vec<Told>,
    listening: HashSet<(u64, u64)>,
    pids: std::vec::IntoIter<u32>,
    listed: Vec<Found>,
    starts: HashMap<u32, u64>,
    ordered: Option<std::vec::IntoIter<One>>,
}

/// A process of the survey, by who told of it.
#[derive(Debug)]
enum One {
    Told(Box<Told>),
    Found(Found),
}

impl Survey {
    /// Begins one: reads the control groups and, unless there is the kernel's own account
    /// ([`crate::live::Sensor::tasks`]), the numbers of processes.
    pub fn begin(tasks: Option<Tasks>) -> Survey {
        let pids = match tasks {
            Some(_) => Vec::new(),
            None => Found::pids(),
        };
        Survey {
            groups: ControlGroups::read(),
            descriptors: Descriptors::new(),
            tasks,
            told: Vec::new(),
            listening: HashSet::new(),
            pids: pids.into_iter(),
            listed: Vec::new(),
            starts: HashMap::new(),
            ordered: None,
        }
    }

    /// A `cgroup` event for each control group; ids and times are the caller's to give.
    pub fn groups(&self) -> Vec<Event> {
        self.groups.events()
    }

    /// Lists up to `most` more processes, or as many as the kernel tells at a time; false once all
    /// are.
    pub fn list(&mut self, most: usize) -> bool {
        if let Some(tasks) = &mut self.tasks {
            match tasks.read(&mut self.told) {
                Ok(true) => return true,
                Ok(false) => {
                    self.listening = tasks.listening().clone();
                    let order = |told: &Told| (told.process().pid, told.parent().pid);
                    let told = parents_first(std::mem::take(&mut self.told), order);
                    let told: Vec<One> = told.into_iter().map(|t| One::Told(Box::new(t))).collect();
                    self.ordered = Some(told.into_iter());
                }
                Err(error) => {
                    say_unreadable(&error);
                    self.told = Vec::new();
                    self.pids = Found::pids().into_iter();
                }
            }
            self.tasks = None;
        }
        let before = self.pids.len();
        self.listed
            .extend(self.pids.by_ref().take(most).filter_map(Found::of));
        if before > 0 {
            return true;
        }
        if self.ordered.is_none() {
            self.starts = self.listed.iter().map(|f| (f.pid, f.start)).collect();
            let listed = std::mem::take(&mut self.listed);
            let found = parents_first(listed, |f| (f.pid, f.parent));
            let found: Vec<One> = found.into_iter().map(One::Found).collect();
            self.ordered = Some(found.into_iter());
        }
        false
    }

    /// The next of the listed processes, parents before children, with what it takes to look
    /// closer. None once all were looked at.
    pub fn look(&mut self) -> Option<Seen<'_>> {
        let one = self.ordered.as_mut()?.next()?;
        let glance = match &one {
            One::Told(told) => Glance {
                process: told.process(),
                parent: told.parent(),
                image: told.image_identity(),
                streams: told.standard_streams(),
            },
            One::Found(found) => {
                let parent = self.starts.get(&found.parent).map(|start| TaskRef {
                    pid: found.parent,
                    start: *start,
                });
                Glance {
                    process: TaskRef {
                        pid: found.pid,
                        start: found.start,
                    },
                    parent: parent.unwrap_or_default(),
                    image: found.image_identity(),
                    streams: None,
                }
            }
        };
        Some(Seen {
            survey: self,
            one,
            glance,
        })
    }
}

/// A process that a survey came by.
#[derive(Debug)]
pub struct Seen<'a> {
    survey: &'a mut Survey,
    one: One,
    /// What was seen.
    pub glance: Glance,
}

impl Seen<'_> {
    /// Path of the executed file in the process's own root. Some file systems number their files
    /// differently for those who ask and for the kernel: there the path tells.
    pub fn path(&self) -> Option<Vec<u8>> {
        match &self.one {
            One::Told(told) => Some(told.path().to_vec()),
            One::Found(found) => found.path(),
        }
    }

    /// Its `existing` event as of now, marked as what it is: made up for one that was lost. The id
    /// and the time are the caller's to give. None where it ended meanwhile.
    pub fn event(self, classifier: &mut Classifier) -> Option<Event> {
        let survey = self.survey;
        let mut event = match self.one {
            One::Told(told) => {
                // It was told when the survey began, and may have ended since.
                let event = told.event(&survey.listening, classifier);
                lives(event.task.process).then_some(event)?
            }
            One::Found(found) => found.event(
                self.glance.parent,
                &survey.groups,
                &mut survey.descriptors,
                classifier,
            )?,
        };
        event.marks |= event_mark::SYNTHETIC;
        if let Some(image) = &mut event.image {
            image.marks &= !process_mark::EXISTING;
            image.marks |= process_mark::INCOMPLETE;
        }
        Some(event)
    }
}

/// Whether a process lives: not one that has its number now, not one that is only waited for.
pub fn lives(process: TaskRef) -> bool {
    Found::of(process.pid).is_some_and(|found| found.is(process))
}
