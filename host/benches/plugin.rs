//! What an event costs on its way into a plugin: matching, building batches, calls.
//!
//! The mix is that of the design: of 64 events 10 % exec, 40 % open, 30 % connect, and the rest
//! fork, exit and dup.

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::{hint::black_box, sync::Arc};
use support::*;
use vedette::{
    context::process::Process,
    grants::Grants,
    manifest::{Manifest, Sensitive},
    plugin::{
        batch::Builder,
        cache::Cache,
        engine,
        load::{Generation, Loader},
    },
    record::Record,
    subscription::Subscriptions,
};
use vedette_contract::kind;
use vedette_sensor::event::Event;

const BATCH: u64 = 64;

/// A batch's worth of events of a dozen processes.
fn mix() -> Vec<Arc<Record>> {
    let init = process(1, None, "/sbin/init", false);
    let service = process(
        50,
        Some(init),
        "/usr/bin/containerd-shim\0-namespace\0moby",
        false,
    );
    let processes: Vec<Arc<Process>> = (0..12)
        .map(|n| {
            let args = format!("/usr/bin/python3\0/srv/app/worker.py\0--number\0{n}");
            process(100 + n, Some(service.clone()), &args, n % 2 == 0)
        })
        .collect();
    (0..BATCH)
        .map(|n| {
            let (kind, text): (u16, &str) = match n % 10 {
                0 => (kind::EXEC, "/usr/bin/python3"),
                1..=4 => (kind::OPEN, "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0"),
                5..=7 => (kind::CONNECT, "\x0a\x01\x02\x03"),
                8 => (kind::FORK, ""),
                _ => (kind::EXIT, ""),
            };
            event(kind, n, text, processes[(n % 12) as usize].clone())
        })
        .collect()
}

const EVERYTHING: &str = "kind = \"exec\"\n[[subscribe]]\nkind = \"open\"\n[[subscribe]]\nkind = \"connect\"\n[[subscribe]]\nkind = \"fork\"\n[[subscribe]]\nkind = \"exit\"";

fn generation() -> Generation {
    let engine = engine::start().expect("an engine");
    let loader = Loader::new(engine.clone(), Cache::none(&engine), Grants::default());
    let bytes = plugin(
        "probe",
        &[
            ("kind = \"exec\"", EVERYTHING),
            ("[config]", "[config]\nquiet = true"),
        ],
    );
    loader
        .load_bytes("probe.wasm".as_ref(), bytes)
        .expect("it loads")
}

fn matching(c: &mut Criterion) {
    let text = manifest(
        "probe",
        &[(
            "kind = \"exec\"",
            "kind = \"open\"\nwhere = [{ field = \"path\", suffix = [\"/release_agent\", \"/core_pattern\", \"/uevent_helper\", \"/notify_on_release\"] }, { access = \"write\" }]",
        )],
    );
    let subscriptions =
        Subscriptions::compile(&Manifest::parse(&text, "plugin.toml").expect("sound"));
    let mut group = c.benchmark_group("match");
    let fork = Event {
        kind: kind::FORK,
        ..Event::default()
    };
    group.bench_function("kind not wanted", |b| {
        b.iter(|| subscriptions.matches(black_box(&fork), false));
    });
    let open = &mix()[1].event;
    group.bench_function("open, four suffixes, no match", |b| {
        b.iter(|| subscriptions.matches(black_box(open), false));
    });
    group.finish();
}

fn building(c: &mut Criterion) {
    let records = mix();
    let mut builder = Builder::new(&Sensitive::ALL.into());
    let mut group = c.benchmark_group("batch");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("build", |b| {
        b.iter(|| {
            let (batch, count) = builder.build(black_box(&records), |_| {});
            builder.reuse(batch);
            count
        });
    });
    group.finish();
}

fn calling(c: &mut Criterion) {
    let mut generation = generation();
    let instance = &mut generation.instance;
    let mut group = c.benchmark_group("call");
    for size in [BATCH, 1] {
        let records = mix();
        let mut builder = Builder::new(&Sensitive::ALL.into());
        let (batch, _) = builder.build(&records[..size as usize], |_| {});
        group.throughput(Throughput::Elements(size));
        group.bench_function(format!("batch of {size}"), |b| {
            b.iter(|| instance.detect(&batch, 1_000_000_000).expect("it returns"));
        });
    }
    let empty = Arc::default();
    group.throughput(Throughput::Elements(1));
    group.bench_function("empty batch", |b| {
        b.iter(|| instance.detect(&empty, 1_000_000_000).expect("it returns"));
    });
    group.bench_function("a new instance after an abort", |b| {
        b.iter(|| generation.compiled.start().expect("it starts"));
    });
    group.finish();
}

criterion_group!(benches, matching, building, calling);
criterion_main!(benches);
