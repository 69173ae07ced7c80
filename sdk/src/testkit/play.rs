//! Giving a story to a plugin, in the batches and at the times of the agent.

use super::given::Given;
use super::scene::{Act, Told};
use super::services;
use super::tables::Tables;
use crate::{kind, raw};
use std::rc::Rc;

/// Step of the time that services see, ns: a batch never holds events of two.
const CLOCK_STEP: u64 = 100_000_000;
/// Numbers of timers' events begin here, as in the agent.
const TIMERS: u64 = 0xfffe << 48;

/// A story that is being told.
pub(super) struct Play<'a> {
    told: &'a [Told],
    /// Most events of a batch.
    size: usize,
    clock: u64,
}

impl<'a> Play<'a> {
    pub fn new(told: &'a [Told], given: &Rc<Given>, size: usize) -> Play<'a> {
        services::give(given);
        Play {
            told,
            size: size.max(1),
            clock: 0,
        }
    }

    /// All that these calls return.
    pub fn run(
        mut self,
        mut call: impl FnMut(&raw::Batch) -> Vec<raw::Finding>,
    ) -> Vec<raw::Finding> {
        let mut found = Vec::new();
        let mut judge = |told: &[Told]| {
            services::judge(told);
            found.extend(call(&Tables::batch(told)));
            services::judged();
        };
        let mut rest = self.told;
        while let Some(first) = rest.first() {
            if first.at / CLOCK_STEP > self.clock {
                self.clock = first.at / CLOCK_STEP;
                services::set_time(self.clock * CLOCK_STEP);
                let due: Vec<_> = std::iter::from_fn(|| self.timer(first)).collect();
                due.chunks(self.size).for_each(&mut judge);
            }
            let same_step = |told: &&Told| told.at / CLOCK_STEP <= self.clock;
            let count = rest.iter().take_while(same_step).take(self.size).count();
            judge(&rest[..count]);
            rest = &rest[count..];
        }
        found
    }

    /// The next timer that is due, told before this event.
    fn timer(&self, before: &Told) -> Option<Told> {
        let (count, token, due) = services::fire()?;
        Some(Told {
            act: Act {
                a: token,
                b: due,
                ..Act::new(kind::TIMER)
            },
            id: TIMERS | count,
            at: self.clock * CLOCK_STEP,
            process: None,
            target: None,
            rows: before.rows.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testkit::{Exec, Scene};
    use crate::{Event, Failure, Findings, Plugin, Severity, context, intel, net, timer};
    use std::time::Duration;

    /// Asks everything about connections, ten seconds later again.
    #[derive(Default)]
    struct Asks;

    impl Plugin for Asks {
        fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
            if let Some(due) = event.as_timer() {
                let of = due.token();
                let children = context::children(event, of, 9).map(|rows| rows.len());
                let second = event.at() / 1_000_000_000;
                let message = format!("{children:?} in second {second}");
                findings
                    .raise("later", Severity::Info)
                    .process(of)
                    .message(message);
            }
            let (Some(connect), Some(process)) = (event.as_connect(), event.process()) else {
                return;
            };
            let hits = net::ip(connect.address()).map(intel::address);
            let parent = process.parent().map(|parent| parent.key());
            let parent = context::process(event, parent.unwrap_or(1));
            let parent = parent.map(|rows| rows.first().map(|row| row.exe().to_vec()));
            timer::set(process.key(), Duration::from_secs(10)).expect("there is room");
            findings
                .raise("now", Severity::Info)
                .message(format!("{hits:?} {parent:?}"))
                .evidence(event.id(), "");
        }
    }

    #[test]
    fn a_story_answers_and_its_timers_are_told() {
        let mut scene = Scene::new();
        let shell = scene.process(Exec::new("/bin/sh", &["sh"]).shell());
        let child = scene.fork(shell);
        scene.connect(child, [192, 0, 2, 7], 80, 5);
        let found = scene.findings::<Asks>();
        let parent = format!("Ok(Some({:?}))", b"/bin/sh".to_vec());
        assert_eq!(
            found[0].message,
            format!("Some(Err({:?})) {parent}", Failure::Unavailable)
        );

        scene.list("own", "192.0.2.0/24 a network\nevil.example");
        scene.connect(shell, [192, 0, 2, 8], 80, 5);
        scene.exit(child);
        scene.wait(20);
        let found = scene.findings::<Asks>();
        let messages: Vec<&str> = found.iter().map(|f| &*f.message).collect();
        let hit = r#"Some(Ok([Hit { list: "own", entry: "192.0.2.0/24", note: "a network" }]))"#;
        assert_eq!(
            messages,
            [
                &format!("{hit} {parent}"),
                &format!("{hit} Err(NotFound)"),
                "Ok(0) in second 11",
                "Ok(0) in second 11",
            ]
        );
        assert_eq!(
            (found[2].process, found[3].process),
            (shell.key(), child.key())
        );
    }
}
