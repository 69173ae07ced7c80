//! What turning a ring's record into an event costs.
#![allow(missing_docs, reason = "a benchmark")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use vedette_sensor::decode::decode;

/// A record by its parts, as `bpf/record.h` lays them out.
fn record(kind: u16, blocks: u16, lens: [u16; 2], block: &[u8], texts: &[u8]) -> Vec<u8> {
    let mut record = vec![0; 168];
    record[0..2].copy_from_slice(&kind.to_ne_bytes());
    record[2..4].copy_from_slice(&blocks.to_ne_bytes());
    record[140..142].copy_from_slice(&lens[0].to_ne_bytes());
    record[142..144].copy_from_slice(&lens[1].to_ne_bytes());
    record.extend(block);
    record.extend(texts);
    let len = record.len() as u32;
    record[4..8].copy_from_slice(&len.to_ne_bytes());
    record
}

fn exec() -> Vec<u8> {
    let (path, name) = (b"/usr/bin/python3.11", b"/usr/bin/python3");
    let (args, cwd) = (b"python3\0-m\0http.server\08080", b"/srv/www");
    let mut block = vec![0; 24 + 3 * 32];
    block[20..22].copy_from_slice(&(args.len() as u16).to_ne_bytes());
    block[22..24].copy_from_slice(&(cwd.len() as u16).to_ne_bytes());
    for stream in 0..3 {
        block[24 + stream * 32 + 20] = 2;
    }
    let texts = [&path[..], name, args, cwd].concat();
    record(1, 4, [path.len() as u16, name.len() as u16], &block, &texts)
}

fn decoding(c: &mut Criterion) {
    let path = b"/usr/lib/x86_64-linux-gnu/libc.so.6";
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    for (name, record) in [
        ("exec", exec()),
        ("exit", record(3, 0, [0, 0], &[], &[])),
        ("open", record(16, 0, [path.len() as u16, 0], &[], path)),
    ] {
        assert!(decode(&record).is_ok(), "{name}");
        group.bench_function(name, |b| b.iter(|| decode(black_box(&record))));
    }
    group.finish();
}

criterion_group!(benches, decoding);
criterion_main!(benches);
