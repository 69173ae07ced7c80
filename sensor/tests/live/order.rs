//! The order of what comes out of two rings, what a flood in one does to the other, and how long it
//! takes to get over it. Figures are printed, not judged: `--no-capture` shows them.

use crate::observe::{Group, Watch, of, python};
use std::{
    thread,
    time::{Duration, Instant},
};
use vedette_contract::{kind, values::event_mark};
use vedette_sensor::{event::Event, filter::Filter, live::Options};

/// ns since boot, the clock of events.
fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Events that are older than one before them; each must carry the mark, and no other may.
#[track_caller]
fn late(seen: &[Event]) -> usize {
    let (mut youngest, mut count) = (0, 0);
    for event in seen {
        let marked = event.marks & event_mark::LATE != 0;
        assert_eq!(marked, event.at < youngest, "after {youngest}: {event:?}");
        youngest = youngest.max(event.at);
        count += usize::from(marked);
    }
    count
}

/// Microseconds below which half, 99 of 100 and all of the waits lie.
fn spread(waits: &mut [u64]) -> String {
    waits.sort_unstable();
    let at = |part: usize| waits.get((waits.len() - 1) * part / 100).copied();
    let micro = |part| at(part).unwrap_or(0) / 1_000;
    format!(
        "p50 {} µs, p99 {} µs, longest {} µs",
        micro(50),
        micro(99),
        micro(100)
    )
}

#[test]
fn under_a_flood_security_events_do_not_wait_and_what_is_out_of_order_carries_the_mark() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    const ACTS: usize = 300;
    const FLOODERS: usize = 2;
    let flood = |_| {
        thread::spawn(|| {
            python("for i in range(30000): os.close(os.open('/etc/passwd', os.O_RDONLY))")
        })
    };
    let mut threads: Vec<_> = (0..FLOODERS).map(flood).collect();
    threads.push(thread::spawn(|| {
        python(&format!(
            "for i in range({ACTS}):
    os.dup2(0, 2)
    time.sleep(0.001)"
        ))
    }));
    // Of each event: when the call that gave it out ended, and when the one before it began.
    let mut read = Vec::new();
    let mut began = 0;
    while threads.iter().any(|thread| !thread.is_finished()) || began == 0 {
        let before = began;
        began = now();
        let timeout = Duration::from_millis(5);
        watch.sensor.next_batch(timeout, &mut watch.seen).unwrap();
        read.resize(watch.seen.len(), (now(), before));
    }
    watch.settle();
    read.resize(watch.seen.len(), (now(), began));
    let pids: Vec<_> = threads.into_iter().map(|t| t.join().unwrap().0).collect();
    let (flooders, urgent) = pids.split_at(FLOODERS);
    let of_all = |fits: &dyn Fn(&Event) -> bool, wait: &dyn Fn(&Event, (u64, u64)) -> u64| {
        let fitting = watch
            .seen
            .iter()
            .zip(&read)
            .filter(|(event, _)| fits(event));
        fitting.map(|(e, read)| wait(e, *read)).collect::<Vec<_>>()
    };
    let is_urgent = of(kind::DUP, urgent[0]);
    let is_bulk = |e: &Event| e.kind == kind::OPEN && flooders.contains(&e.task.process.pid);
    let since_act = |e: &Event, (read, _): (u64, u64)| read.saturating_sub(e.at);
    let (mut quick, mut slow) = (of_all(&is_urgent, &since_act), of_all(&is_bulk, &since_act));
    assert_eq!(quick.len(), ACTS, "{:?}", watch.sensor.losses());
    // One that was there a millisecond before a call began is given out by that call, however long
    // this process itself then waits for a processor. A virtual one may be taken away in the midst
    // of the act, so a few are let pass.
    let held = of_all(&is_urgent, &|e, (_, before)| before.saturating_sub(e.at));
    let overdue = held.iter().filter(|held| **held > 1_000_000).count();
    assert!(overdue * 50 < ACTS, "{overdue} of {ACTS}");
    let late = late(&watch.seen);
    println!(
        "{} events, {late} of them late; from act to reader: security {}; bulk ({} told) {}",
        watch.seen.len(),
        spread(&mut quick),
        slow.len(),
        spread(&mut slow)
    );
}

#[test]
fn a_security_event_goes_ahead_of_a_backlog_and_the_overtaken_are_late() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    const BACKLOG: usize = 8_000;
    // Nobody reads, and more than a millisecond passes after the act.
    let (pid, _) = python(&format!(
        "for i in range({BACKLOG}): os.close(os.open('/etc/passwd', os.O_RDONLY))
os.dup2(0, 2)
time.sleep(0.01)"
    ));
    watch.settle();
    assert_eq!(watch.sensor.losses(), []);
    let (is_dup, is_open) = (of(kind::DUP, pid), of(kind::OPEN, pid));
    let dup = watch.seen.iter().position(&is_dup).unwrap();
    let opens = |seen: &[Event]| seen.iter().filter(|e| is_open(e)).count();
    let (before, after) = (opens(&watch.seen[..dup]), opens(&watch.seen[dup..]));
    assert!(before + after >= BACKLOG);
    assert!(
        before < BACKLOG / 2 && after > BACKLOG / 2,
        "it went ahead of {after} opens and behind {before}"
    );
    let overtaken = watch.seen[dup..].iter().filter(|e| is_open(e));
    assert!(overtaken.clone().all(|e| e.marks & event_mark::LATE != 0));
    late(&watch.seen);
}

#[test]
fn after_a_burst_that_filled_the_ring_nothing_more_is_lost() {
    let options = Options {
        bulk_ring: 1024 << 10,
        ..Options::default()
    };
    let Some(mut watch) = Watch::start_with(&options, &Filter::everything()) else {
        return;
    };
    let Some(group) = Group::new("burst") else {
        return;
    };
    const BURST: usize = 40_000;
    const AFTER: usize = 500;
    let opens = |count| {
        format!(
            "{}\nfor i in range({count}): os.close(os.open('/etc/passwd', os.O_RDONLY))",
            group.enter()
        )
    };
    let (flooder, _) = python(&opens(BURST));
    let lost = |watch: &mut Watch| -> u64 {
        let losses = watch.sensor.losses();
        let ours = losses.iter().filter(|l| l.cgroup == group.id);
        ours.map(|l| l.count).sum()
    };
    let told = |seen: &[Event], pid| {
        let of_group = |e: &&Event| e.task.cgroup == group.id && of(kind::OPEN, pid)(e);
        seen.iter().filter(of_group).count()
    };
    let begin = Instant::now();
    loop {
        let before = watch.seen.len();
        watch
            .sensor
            .next_batch(Duration::ZERO, &mut watch.seen)
            .unwrap();
        if watch.seen.len() == before {
            break;
        }
    }
    let took = begin.elapsed();
    let (kept, shed) = (told(&watch.seen, flooder), lost(&mut watch) as usize);
    assert!(shed > 0, "the burst fits the ring: {kept}");
    assert_eq!(kept + shed, BURST);
    println!("a burst of {BURST} opens left {kept} in a ring of 1 MB, read in {took:?}");
    watch.seen.clear();
    let (pid, _) = watch.python(&opens(AFTER));
    watch.settle();
    assert_eq!(told(&watch.seen, pid), AFTER);
    assert_eq!(lost(&mut watch), 0);
    late(&watch.seen);
}
