//! No plugin waits for what another one on its worker does: not for its aborts, not for its starts,
//! not for its trials; nor does it pay for a machine that is busy.

mod support;

use rustix::thread::{CpuSet, sched_setaffinity};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};
use support::{raw::Guest, trial::*, *};
use vedette::{
    finding::Finding,
    plugin::{
        Outcome,
        host::{HostOptions, PluginHost},
        stats::Stats,
    },
    record::Record,
};

/// The neighbour judges what has another path.
fn neighbour() -> Vec<u8> {
    let apart = "kind = \"exec\"\nwhere = [{ field = \"path\", prefix = \"/do/\", not = true }]";
    plugin(
        "probe",
        &[
            ("id = \"probe\"", "id = \"neighbour\""),
            ("kind = \"exec\"", apart),
        ],
    )
}

fn on_one_worker() -> HostOptions {
    HostOptions {
        workers: 1,
        ..HostOptions::default()
    }
}

fn stats(host: &PluginHost, id: &str) -> Stats {
    let plugin = host.plugins().into_iter().find(|p| *p.id == *id);
    plugin.expect("the plugin is there").stats
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// All findings up to the neighbour's of this event.
fn until_neighbour(outcomes: &crossbeam_channel::Receiver<Outcome>, event: u64) -> Vec<Finding> {
    let mut before = Vec::new();
    loop {
        match outcomes
            .recv_timeout(PATIENCE)
            .expect("the neighbour judges")
        {
            Outcome::Finding(finding) => before.push(*finding),
            _ => continue,
        }
        if ids(&before[before.len() - 1..], "neighbour") == [event] {
            return before;
        }
    }
}

fn of_rule(findings: &[Finding], rule: &str) -> usize {
    findings.iter().filter(|f| f.rule == rule).count()
}

#[test]
fn nobody_waits_while_a_batch_of_poison_is_tried_event_by_event() {
    let bad = plugin(
        "probe",
        &[("[config]", "[limits]\ndeadline = \"200 ms\"\n[config]")],
    );
    let plugins = [("bad.wasm", bad), ("neighbour.wasm", neighbour())];
    let (mut host, outcomes) = host_with(&plugins, on_one_worker());
    for id in 0..20 {
        offer(&mut host, &exec(id, "/do/loop"));
    }
    host.flush();
    until("the batch is aborted", || stats(&host, "probe").aborts > 0);
    offer(&mut host, &exec(20, "/usr/bin/id"));
    host.flush();
    // Sixteen events loop for their time each before the plugin is out of service.
    let before = until_neighbour(&outcomes, 20);
    let aborted = of_rule(&before, "event-aborted");
    assert!(aborted <= 4, "{aborted} events were tried before");
    assert_eq!(of_rule(&before, "plugin-quarantined"), 0);
    host.drain();
    let after = findings(&outcomes);
    assert_eq!(of_rule(&after, "plugin-quarantined"), 1);
    let stats = stats(&host, "probe");
    assert!(stats.own_thread, "{stats:?}");
    assert_eq!(stats.skipped + stats.lost, 21, "{stats:?}");
}

/// A loop of so many steps.
macro_rules! steps {
    ($count:literal) => {
        concat!(
            "(local.set $i (i32.const 0))
             (loop $on
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $on (i32.lt_u (local.get $i) (i32.const ",
            $count,
            "))))"
        )
    };
}

fn poison(id: u64) -> Record {
    let record = exec(id, "/do/harm");
    let mut event = record.event.clone();
    event.a = 1;
    Record {
        event,
        process: record.process.clone(),
        target: None,
    }
}

#[test]
fn nobody_waits_for_a_start_after_a_trap() {
    // Some hundred ms or more; a call that traps is over at once.
    let bad = Guest {
        init: Some("(call $spin) (i32.const 16)"),
        items: concat!("(func $spin (local $i i32) ", steps!("400000000"), ")"),
        ..Guest::on_poison("unreachable")
    };
    let plugins = [("bad.wasm", bad.build()), ("neighbour.wasm", neighbour())];
    let (mut host, outcomes) = host_with(&plugins, on_one_worker());
    offer(&mut host, &poison(0));
    host.flush();
    until("it traps", || stats(&host, "raw").aborts > 0);
    offer(&mut host, &exec(1, "/usr/bin/id"));
    host.flush();
    // The event is told of once the plugin has started again.
    let before = until_neighbour(&outcomes, 1);
    assert_eq!(of_rule(&before, "event-aborted"), 0);
    host.drain();
    assert_eq!(of_rule(&findings(&outcomes), "event-aborted"), 1);
}

#[test]
fn time_for_starts_is_the_plugins() {
    let bad = Guest {
        init: Some("(call $spin) (i32.const 16)"),
        items: concat!("(func $spin (local $i i32) ", steps!("2000000000"), ")"),
        ..Guest::on_poison("unreachable")
    };
    let directory = directory();
    put(directory.path(), "bad.wasm", &bad.build());
    let (mut host, outcomes) = host(HostOptions {
        sources: vec![directory.path().to_owned()],
        watch: false,
        ..HostOptions::default()
    });
    // Its calls take no time, and its starts more than it has.
    for id in 0..8 {
        offer(&mut host, &poison(id));
    }
    host.flush();
    until("it waits for its time", || {
        stats(&host, "raw").throttled > 0
    });
    host.drain();
    assert_eq!(of_rule(&findings(&outcomes), "plugin-throttled"), 1);
}

/// A first version that does not want what makes the second one slow.
fn slow_later(n: u32, _: &str) -> Vec<u8> {
    let first = "kind = \"exec\"\nwhere = [{ field = \"path\", prefix = \"/do/\", not = true }]";
    let wants = match n {
        0 => first,
        _ => "kind = \"exec\"",
    };
    plugin(
        "probe",
        &[
            ("kind = \"exec\"", wants),
            ("[config]", "[limits]\ndeadline = \"1 s\"\n[config]"),
        ],
    )
}

#[test]
fn a_slow_shadow_moves_out_with_its_plugin() {
    let mut stage = Trial::of("probe", slow_later, on_one_worker(), "");
    stage.execs(1);
    let answer = stage.rehearse("", Some(SECOND));
    stage.drain();
    assert!(!stage.info().stats.expect("figures").own_thread);
    stage.exec("/do/spin");
    stage.drain();
    let stats = stage.info().stats.expect("figures");
    assert!(stats.own_thread, "{stats:?}");
    assert_eq!(stats.events, 1, "the one in service does not get it");
    stage.execs(300);
    let answer = stage.wait(&answer);
    assert!(answer.is_ok(), "{answer:?}");
}

#[test]
fn a_hand_over_of_memory_is_on_a_thread_of_its_own() {
    let mut stage = Trial::new(on_one_worker(), "");
    stage.execs(10);
    stage.drain();
    assert!(!stage.info().stats.expect("figures").own_thread);
    stage.takes_over("");
    stage.execs(10);
    stage.drain();
    assert!(stage.info().stats.expect("figures").own_thread);
    assert_eq!(stage.counted(), "20 20");
}

#[test]
fn a_busy_machine_does_not_end_a_call() {
    // All that is made from here on shares one processor.
    let mut one = CpuSet::new();
    let all = rustix::thread::sched_getaffinity(None).expect("known");
    let first = (0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu));
    one.set(first.expect("there is one"));
    let slow = plugin(
        "probe",
        &[("[config]", "[limits]\ndeadline = \"800 ms\"\n[config]")],
    );
    sched_setaffinity(None, &one).expect("a thread may choose");
    let (mut host, outcomes) = host_with(&[("p.wasm", slow)], on_one_worker());
    let ends = Arc::new(AtomicBool::new(false));
    let busy = |_| {
        let ends = ends.clone();
        thread::spawn(move || {
            while !ends.load(Relaxed) {
                std::hint::spin_loop();
            }
        })
    };
    let busy: Vec<_> = (0..12).map(busy).collect();
    offer(&mut host, &exec(0, "/do/spin"));
    host.drain();
    ends.store(true, Relaxed);
    busy.into_iter()
        .for_each(|thread| thread.join().expect("it ends"));
    let stats = stats(&host, "probe");
    println!(
        "{} ms on a processor, {} ms",
        stats.cpu_ns / 1_000_000,
        stats.longest_call_ns / 1_000_000
    );
    assert_eq!(
        (stats.aborts, stats.calls),
        (0, 1),
        "{:?}",
        findings(&outcomes)
    );
    assert!(
        stats.longest_call_ns > 800_000_000,
        "it had to wait for the processor"
    );
}

#[test]
fn what_would_use_up_the_pool_is_refused() {
    for (items, says) in [
        ("(memory $b 1) (memory $c 1)", "memories"),
        (
            "(table $a 1 funcref) (table $b 1 funcref) (table $c 1 funcref) (table $d 1 funcref) (table $e 1 funcref)",
            "tables",
        ),
    ] {
        let greedy = Guest {
            items,
            ..Guest::idle()
        };
        let directory = directory();
        put(directory.path(), "raw.wasm", &greedy.build());
        let (send, _outcomes) = crossbeam_channel::unbounded();
        let options = HostOptions {
            sources: vec![directory.path().to_owned()],
            watch: false,
            ..HostOptions::default()
        };
        let mut host = PluginHost::new(options, send).expect("the runtime starts");
        let reason = host.load_all().remove(0).result.expect_err("refused");
        assert!(reason.contains(says), "{reason}");
    }
}
