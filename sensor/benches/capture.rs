//! Events a second into and out of a capture.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::{hint::black_box, io::Cursor};
use vedette_sensor::capture::{Header, Reader, Writer};
use vedette_sensor::event::{Event, Image, Stream, Task, TaskRef};

const EVENTS: u64 = 10_000;

/// One exec in ten, the rest opens.
fn events() -> Vec<Event> {
    (0..EVENTS)
        .map(|n| Event {
            kind: if n % 10 == 0 { 1 } else { 16 },
            id: n,
            at: 1_000_000_000_000 + n * 2_000,
            task: Task {
                process: TaskRef {
                    pid: 1000 + (n % 50) as u32,
                    start: n / 100,
                },
                comm: *b"cc1\0\0\0\0\0\0\0\0\0\0\0\0\0",
                ..Task::default()
            },
            a: 0o100_000,
            b: n * 31,
            text: format!("/usr/include/linux/header-{}.h", n % 700)
                .into_bytes()
                .into(),
            image: (n % 10 == 0).then(|| {
                Box::new(Image {
                    args: format!("cc1\0-quiet\0file{n}.c").into_bytes().into(),
                    streams: vec![Stream::default(); 3],
                    ..Image::default()
                })
            }),
            ..Event::default()
        })
        .collect()
}

fn write(events: &[Event]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &Header::here()).expect("a vector takes bytes");
    for event in events {
        writer.write(event).expect("a vector takes bytes");
    }
    writer.finish().expect("a vector takes bytes")
}

fn capture(c: &mut Criterion) {
    let events = events();
    let bytes = write(&events);
    println!("{:.1} bytes an event", bytes.len() as f64 / EVENTS as f64);
    let mut group = c.benchmark_group("capture");
    group.throughput(Throughput::Elements(EVENTS));
    group.sample_size(20);
    group.bench_function("write", |b| b.iter(|| write(black_box(&events))));
    group.bench_function("read", |b| {
        b.iter(|| {
            let reader = Reader::new(Cursor::new(black_box(&bytes))).expect("a whole capture");
            assert_eq!(reader.filter(Result::is_ok).count() as u64, EVENTS);
        });
    });
    group.finish();
}

criterion_group!(benches, capture);
criterion_main!(benches);
