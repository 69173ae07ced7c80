//! The whole path from a recorded stream: decoded event to plugins' answers, and the same with no
//! plugin at all. Needs `make plugins` for the bundled ones.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use crossbeam_channel::unbounded;
use std::{io::Cursor, path::PathBuf, thread};
use vedette::{
    agent::Agent,
    plugin::{
        host::{HostOptions, PluginHost},
        queue::Overflow,
    },
};
use vedette_sensor::{capture::Reader, event::Event};

static CAPTURE: &[u8] = include_bytes!("../assets/reverse-shell.capture");

/// How often the capture is strung together for one turn.
const ROUNDS: u64 = 100;

/// The recorded events again and again, each round later than the one before.
fn stream() -> Vec<Event> {
    let events: Vec<Event> = Reader::new(Cursor::new(CAPTURE))
        .expect("the bundled capture is one")
        .collect::<Result<_, _>>()
        .expect("the bundled capture is whole");
    let length = events.last().map_or(0, |e| e.at) - events.first().map_or(0, |e| e.at) + 1;
    let round = |n: u64| {
        let events = events.clone();
        events.into_iter().map(move |mut event| {
            event.at += n * length;
            event.task.process.start += n * length;
            event.task.parent.start += n * length;
            if let Some(target) = &mut event.target {
                target.start += n * length;
            }
            event
        })
    };
    (0..ROUNDS).flat_map(round).collect()
}

fn agent(sources: Vec<PathBuf>) -> Agent {
    let (sender, outcomes) = unbounded();
    thread::spawn(move || outcomes.into_iter().for_each(drop));
    let options = HostOptions {
        sources,
        cache: Some(std::env::temp_dir().join("vedette-bench-cache")),
        watch: false,
        overflow: Overflow::Wait,
        ..HostOptions::default()
    };
    let mut plugins = PluginHost::new(options, sender).expect("the plugin runtime starts");
    for report in plugins.load_all() {
        report.result.expect("a bundled plugin loads");
    }
    agent_ready(plugins)
}

fn agent_ready(plugins: PluginHost) -> Agent {
    let mut agent = Agent::new(plugins, None);
    agent.switch_plugins();
    agent
}

fn path(c: &mut Criterion) {
    let bundled = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/plugins"));
    let events = stream();
    let mut group = c.benchmark_group("path");
    group.throughput(Throughput::Elements(events.len() as u64));
    for (name, sources) in [("no-plugin", vec![]), ("bundled-plugins", vec![bundled])] {
        let mut agent = agent(sources);
        group.bench_function(name, |b| {
            b.iter_batched(
                || events.clone(),
                |events| {
                    for event in events {
                        agent.take(event);
                    }
                    agent.plugins.drain();
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, path);
criterion_main!(benches);
