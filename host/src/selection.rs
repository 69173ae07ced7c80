//! Which events somebody wants to see or to keep, by kind, container and process.

use crate::context::{container::Container, process::Process};
use crate::record::Record;
use clap::Args;
use vedette_contract::{Kind, kind};
use vedette_sensor::filter::{Access, Filter, KindSet, Opens};

/// Events by kind, container and process; all of them where nothing is said.
#[derive(Debug, Clone, Default, Args)]
pub struct Selection {
    /// Only events of this kind (see docs/events.md). Can be given several times, or as a list
    /// with commas.
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',', value_parser = kind_number)]
    kinds: Vec<u16>,

    /// Only what happens in this container: its name, its image, or the beginning of its id. Can
    /// be given several times. A name is known a moment after the container began; its id from
    /// its first event on.
    #[arg(long, value_name = "NAME|ID")]
    container: Vec<String>,

    /// Only what this process and its descendants do or suffer: a pid, the path of an executable,
    /// or the last part of one. Can be given several times.
    #[arg(long, value_name = "PID|EXE")]
    process: Vec<String>,
}

/// Kinds that rebuild the context of a capture, wanted or not: processes, containers, time, and
/// what is missing.
const CONTEXT: KindSet = KindSet::CONTEXT
    .with(kind::EXISTING)
    .with(kind::CONTAINER)
    .with(kind::TICK)
    .with(kind::LOSS);

fn kind_number(name: &str) -> Result<u16, String> {
    let known = vedette_contract::KINDS.iter().find(|k| k.name == name);
    known
        .map(|k: &Kind| k.number)
        .ok_or_else(|| "no such kind; docs/events.md lists them".to_owned())
}

impl Selection {
    /// Whether anything is left out.
    pub fn is_all(&self) -> bool {
        self.kinds.is_empty() && self.container.is_empty() && self.process.is_empty()
    }

    /// What the kernel needs to send for it, the context's needs included.
    pub fn filter(&self) -> Filter {
        if self.kinds.is_empty() {
            return Filter::everything();
        }
        let mut filter = Filter::context();
        for kind in &self.kinds {
            filter.kinds = filter.kinds.with(*kind);
        }
        if filter.kinds.has(kind::OPEN) {
            filter.opens = Opens {
                all: Some(Access::Any),
                ..Opens::default()
            };
        }
        filter
    }

    /// Whether this kind was asked for by name.
    pub fn names(&self, kind: u16) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether the event is selected, or belongs to the context of those that are.
    pub fn keeps(&self, record: &Record) -> bool {
        CONTEXT.has(record.event.kind) || self.fits(record)
    }

    /// Whether the event is selected.
    pub fn fits(&self, record: &Record) -> bool {
        if !self.kinds.is_empty() && !self.names(record.event.kind) {
            return false;
        }
        if self.container.is_empty() && self.process.is_empty() {
            return true;
        }
        let rows = [record.process.as_deref(), record.target.as_deref()];
        rows.into_iter()
            .flatten()
            .any(|row| self.fits_container(row) && self.fits_process(row))
    }

    fn fits_container(&self, row: &Process) -> bool {
        let is = |container: &Container, wanted: &str| {
            container.name == wanted
                || container.image == wanted
                || (!wanted.is_empty() && container.id.starts_with(wanted))
        };
        self.container.is_empty()
            || row
                .container
                .as_deref()
                .is_some_and(|c| self.container.iter().any(|wanted| is(c, wanted)))
    }

    fn fits_process(&self, row: &Process) -> bool {
        let is = |row: &Process, wanted: &str| match wanted.parse::<u32>() {
            Ok(pid) => row.id.pid == pid,
            Err(_) if wanted.starts_with('/') => *row.exe == *wanted.as_bytes(),
            Err(_) => row.exe.rsplit(|b| *b == b'/').next() == Some(wanted.as_bytes()),
        };
        self.process.is_empty()
            || row
                .lineage()
                .any(|row| self.process.iter().any(|wanted| is(row, wanted)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use crate::context::Context;
    use vedette_sensor::event::{Event, Image, Task, TaskRef};

    fn record(context: &mut Context, kind: u16, pid: u32, parent: u32, exe: &str) -> Record {
        let process = |pid| TaskRef { pid, start: 7 };
        let event = Event {
            kind,
            at: 9,
            task: Task {
                process: process(pid),
                parent: process(parent),
                tid: pid,
                ..Task::default()
            },
            text: exe.as_bytes().into(),
            image: (kind == kind::EXEC).then(|| Box::new(Image::default())),
            ..Event::default()
        };
        let rows = context.apply(&event);
        Record {
            event,
            process: rows.process,
            target: rows.target,
        }
    }

    #[test]
    fn by_kind_and_process_with_its_descendants() {
        let mut context = Context::default();
        let shell = record(&mut context, kind::EXEC, 10, 1, "/bin/sh");
        let child = record(&mut context, kind::EXEC, 11, 10, "/usr/bin/curl");
        let act = record(&mut context, kind::CONNECT, 11, 10, "");
        let other = record(&mut context, kind::EXEC, 12, 1, "/bin/ls");
        let of = |process: &str, kinds: &[u16]| Selection {
            process: vec![process.to_owned()],
            kinds: kinds.to_vec(),
            ..Selection::default()
        };
        for process in ["10", "/bin/sh", "sh"] {
            let selection = of(process, &[]);
            assert!(selection.fits(&shell) && selection.fits(&child) && selection.fits(&act));
            assert!(!selection.fits(&other));
        }
        let selection = of("curl", &[kind::CONNECT]);
        assert!(selection.fits(&act) && !selection.fits(&child) && !selection.fits(&shell));
        // The context is kept all the same.
        assert!(selection.keeps(&shell) && selection.keeps(&other));
        assert!(!selection.is_all() && Selection::default().is_all());
    }

    #[test]
    fn the_kernel_sends_what_is_selected_and_what_the_context_needs() {
        let selection = Selection {
            kinds: vec![kind::OPEN],
            ..Selection::default()
        };
        let filter = selection.filter();
        assert!(filter.kinds.has(kind::OPEN) && filter.kinds.has(kind::EXEC));
        assert!(!filter.kinds.has(kind::CONNECT));
        assert_eq!(filter.opens.all, Some(Access::Any));
        assert_eq!(kind_number("connect"), Ok(kind::CONNECT));
        assert!(kind_number("conect").is_err());
    }
}
