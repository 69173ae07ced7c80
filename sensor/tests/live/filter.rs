//! What the programs let pass, against the model of them in `vedette_sensor::filter`.

use crate::observe::{Watch, python};
use std::collections::BTreeSet;
use vedette_contract::{Slot, kind};
use vedette_sensor::{
    event::Event,
    filter::{Access, Filter, Line, Lines, Opens, Probe, Values},
    live::Group,
};

/// Acts by several users and on several ports, the same each time.
const ACTS: &str = r#"
import random
random.seed(7)
for port in [1, 2, 3, 7, 8, 440, 4444]:
    for uid in [0, 3, 1000]:
        if os.fork() == 0:
            os.setresuid(uid, uid, uid)
            s = socket.socket(); s.settimeout(1)
            s.connect_ex(('127.0.0.1', port))
            os._exit(0)
        os.wait()
for i in range(40):
    os.close(os.open(random.choice(['/etc/passwd', '/etc/group', '/dev/null', '/proc/self/status']),
                     random.choice([os.O_RDONLY, os.O_RDONLY, os.O_CLOEXEC])))
"#;

/// Kind, numbers, user and text of an event: what makes two runs of the acts comparable.
type Essence = (u16, u64, u32, String);

fn essence(event: &Event) -> Essence {
    let text = String::from_utf8_lossy(&event.text).into_owned();
    let text = match text.strip_prefix("/proc/") {
        Some(_) => "/proc/self/status".to_owned(),
        None => text,
    };
    (event.kind, event.a, event.task.uid, text)
}

/// The connects and opens of the acts that come through a filter, by what they are.
fn seen(watch: &mut Watch, filter: &Filter) -> (Vec<Event>, BTreeSet<Essence>) {
    watch.sensor.set_filter(filter).unwrap();
    watch.seen.clear();
    let (pid, _) = python(ACTS);
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    watch.settle();
    let own = |e: &&Event| {
        let ours = e.task.process.pid == pid || e.task.parent.pid == pid;
        ours && [kind::CONNECT, kind::OPEN].contains(&e.kind)
    };
    let events: Vec<Event> = watch.seen.iter().filter(own).cloned().collect();
    let what = events.iter().map(essence).collect();
    (events, what)
}

fn ports(of: &[u64], negated: bool) -> (Probe, Values) {
    (Probe::Number(Slot::ALo), Values::of(of, negated))
}

fn wants(lines: &[&[(Probe, Values)]], opens: Opens, inside: Opens) -> Filter {
    let mut filter = Filter::context();
    for tests in lines {
        let line = tests.iter().cloned();
        let line = line.fold(Line::default(), |line, (probe, values)| {
            line.and(probe, values)
        });
        filter.want(kind::CONNECT, Lines::from(line));
    }
    filter.want(kind::OPEN, Lines::everything());
    filter.opens = opens;
    filter.opens_inside = inside;
    filter
}

fn names(of: &[&str], access: Access) -> Opens {
    Opens {
        names: of.iter().map(|n| (n.as_bytes().to_vec(), access)).collect(),
        ..Opens::default()
    }
}

#[test]
fn the_programs_do_what_their_model_does() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let (all, _) = seen(&mut watch, &Filter::everything());
    assert!(all.iter().filter(|e| e.kind == kind::CONNECT).count() >= 21);
    let home = all[0].task.namespaces.mount;
    let group = |e: &Event| [Group::Unified(e.task.cgroup), Group::V1(e.task.cgroup_v1)];
    let uid = |of: &[u64], negated| (Probe::Uid, Values::of(of, negated));
    let inside = || (Probe::Inside, Values::of(&[1], false));
    let many: Vec<u64> = (0..200).map(|n| n * 2).collect();
    let filters = [
        wants(
            &[&[ports(&[7, 440], false)]],
            Opens::default(),
            Opens::default(),
        ),
        wants(
            &[
                &[ports(&[1, 2, 3], false), uid(&[0], true)],
                &[uid(&[1000], false)],
            ],
            names(&["passwd"], Access::Any),
            Opens::default(),
        ),
        wants(
            &[&[ports(&[1, 2, 3, 8], true), inside()]],
            names(&["group"], Access::Write),
            names(&["passwd"], Access::Any),
        ),
        wants(
            &[&[
                (Probe::Number(Slot::AHi), Values::AnyBit(0x1_0000)),
                uid(&[3], false),
            ]],
            Opens {
                prefixes: [(b"/etc/".to_vec(), Access::Any)].into(),
                ..Opens::default()
            },
            Opens {
                marks: 0x8,
                ..Opens::default()
            },
        ),
        // More than the kernel keeps.
        wants(
            &[&[ports(&many, false), uid(&[0], false)]],
            Opens::default(),
            Opens::default(),
        ),
    ];
    for outside in [false, true] {
        watch.sensor.set_home(home).unwrap();
        for known in group(&all[0]) {
            watch.sensor.set_outside(known, outside).unwrap();
        }
        for filter in &filters {
            let (_, told) = seen(&mut watch, filter);
            let model: BTreeSet<_> = all
                .iter()
                .filter(|e| filter.passes(e, !outside))
                .map(essence)
                .collect();
            assert_eq!(told, model, "outside {outside}, {filter:?}");
        }
    }
    assert_eq!(watch.sensor.losses(), []);
}

/// What is remembered of where a process is must not outlast one single piece of news, whatever
/// CPU it is remembered on.
#[test]
fn each_news_of_a_group_counts_at_once() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let filter = wants(
        &[],
        Opens::default(),
        names(&["watched-inside"], Access::Any),
    );
    watch.sensor.set_filter(&filter).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("watched-inside");
    std::fs::write(&file, "").unwrap();
    let act = format!(
        "for cpu in os.sched_getaffinity(0):
    os.sched_setaffinity(0, [cpu]); os.close(os.open('{}', os.O_RDONLY))",
        file.display()
    );
    let opens = |watch: &mut Watch| {
        watch.seen.clear();
        let (pid, _) = python(&act);
        let exit = watch.expect("exit", |e| {
            e.kind == kind::EXIT && e.task.process.pid == pid
        });
        watch.settle();
        let seen = watch.seen.iter();
        let own = |e: &&Event| e.kind == kind::OPEN && e.task.process.pid == pid;
        (seen.filter(own).count(), exit.task)
    };
    let (_, task) = opens(&mut watch);
    let (unified, v1) = (Group::Unified(task.cgroup), Group::V1(task.cgroup_v1));
    watch.sensor.set_home(task.namespaces.mount).unwrap();
    for group in [v1, unified] {
        watch.sensor.set_outside(group, true).unwrap();
    }
    // One piece of news after the other: whichever number they have, neighbours are among them.
    for round in 0..6 {
        let outside = round % 2 == 1;
        watch.sensor.set_outside(unified, outside).unwrap();
        let (count, _) = opens(&mut watch);
        assert_eq!(count > 0, !outside, "round {round}: {count} opens told");
    }
}

#[test]
fn nothing_that_both_want_is_missed_while_filters_change() {
    let Some(mut watch) = Watch::start(&Filter::context()) else {
        return;
    };
    let one = wants(
        &[&[ports(&[7], false)]],
        names(&["passwd"], Access::Any),
        Opens::default(),
    );
    let other = wants(
        &[&[ports(&[7, 8], false), (Probe::Uid, Values::of(&[0], false))]],
        Opens {
            prefixes: [
                (b"/etc/pass".to_vec(), Access::Any),
                (b"/etc".to_vec(), Access::Write),
            ]
            .into(),
            ..Opens::default()
        },
        names(&["group"], Access::Any),
    );
    watch.sensor.set_filter(&one).unwrap();
    const OPENS: usize = 20_000;
    let acts = std::thread::spawn(|| {
        python(&format!(
            "import itertools
for i in range({OPENS}):
    os.close(os.open('/etc/passwd', os.O_RDONLY))
    if i % 100 == 0:
        s = socket.socket(); s.connect_ex(('127.0.0.1', 7)); s.close()"
        ))
        .0
    });
    let mut swaps = 0;
    while !acts.is_finished() || swaps < 100 {
        let next = if swaps % 2 == 0 { &other } else { &one };
        watch.sensor.set_filter(next).unwrap();
        swaps += 1;
        watch
            .sensor
            .next_batch(std::time::Duration::from_millis(1), &mut watch.seen)
            .unwrap();
    }
    let pid = acts.join().unwrap();
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    watch.settle();
    let of = |kind| {
        let of = watch.seen.iter();
        of.filter(move |e| e.kind == kind && e.task.process.pid == pid)
    };
    let opened = of(kind::OPEN).filter(|e| e.text.as_ref() == b"/etc/passwd");
    let (opened, connected) = (opened.count(), of(kind::CONNECT).count());
    let losses = watch.sensor.losses();
    // A reader that is slower than the opens makes the sensor keep to the group's share, and say so.
    let lost = |kind| -> usize {
        let of = losses.iter().filter(|loss| loss.kind == kind);
        of.map(|loss| loss.count as usize).sum()
    };
    // The interpreter may look at the file too.
    assert!(
        opened + lost(kind::OPEN) >= OPENS,
        "{opened} after {swaps} swaps, {losses:?}"
    );
    assert!(
        connected + lost(kind::CONNECT) >= OPENS / 100,
        "{connected} after {swaps} swaps, {losses:?}"
    );
}
