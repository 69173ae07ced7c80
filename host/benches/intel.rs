//! Two million entries of the operator's lists: time to load, memory an entry, time of a question.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use std::{fmt::Write as _, fs, hint::black_box, net::Ipv4Addr, sync::Arc, time::Duration};
use vedette::intel::{Directory, Lists};
use vedette_contract::values::indicator;

/// Entries of each list.
const MANY: u64 = 2_000_000;

/// Numbers without an order, the same in every run.
fn mixed(n: u64) -> u64 {
    let n = (n ^ n >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (n ^ n >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn address(n: u64) -> Ipv4Addr {
    Ipv4Addr::from_bits(mixed(n) as u32)
}

fn domain(n: u64) -> String {
    let tld = ["com", "net", "example", "top"][(n % 4) as usize];
    format!("{:x}.{tld}", mixed(n) >> 16)
}

fn hash(n: u64) -> [u8; 32] {
    let mut hash = [0; 32];
    for (part, bytes) in hash.chunks_exact_mut(8).enumerate() {
        bytes.copy_from_slice(&mixed(n * 4 + part as u64).to_be_bytes());
    }
    hash
}

fn hex(n: u64) -> String {
    hash(n).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Loads a list with these entries, prints what it takes, and returns it.
fn measured(c: &mut Criterion, name: &str, entry: impl Fn(u64) -> String) -> Arc<Lists> {
    let place = tempfile::tempdir().expect("a directory can be made");
    let list: String = (0..MANY).fold(String::new(), |mut list, n| {
        let _ = writeln!(list, "{}, seen in {}", entry(n), 2000 + n % 20);
        list
    });
    fs::write(place.path().join("feed.txt"), list).expect("a list can be written");
    let load = || {
        let loaded = Directory::new(place.path().to_owned()).load();
        loaded.expect("the list can be loaded").lists
    };
    let mut group = c.benchmark_group(format!("intel/{name}"));
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(5));
    group.bench_function("load", |b| {
        b.iter_batched(|| (), |()| load(), BatchSize::PerIteration)
    });
    group.finish();
    let lists = load();
    let each = lists.size() as f64 / lists.entries() as f64;
    println!(
        "intel/{name}: {} entries, {each:.2} bytes an entry",
        lists.entries()
    );
    lists
}

fn ask(c: &mut Criterion, name: &str, lists: &Lists, kind: u32, value: impl Fn(u64) -> Vec<u8>) {
    let mut group = c.benchmark_group(format!("intel/{name}"));
    for (case, from) in [("listed", 0), ("not listed", 1 << 40)] {
        let values: Vec<Vec<u8>> = (0..1 << 16)
            .map(|n| value(from + mixed(n) % MANY))
            .collect();
        let mut next = 0;
        group.bench_function(case, |b| {
            b.iter(|| {
                next = (next + 1) % values.len();
                lists.look_up(kind, black_box(&values[next]))
            });
        });
    }
    group.finish();
}

fn intel(c: &mut Criterion) {
    let lists = measured(c, "addresses", |n| address(n).to_string());
    ask(c, "addresses", &lists, indicator::ADDRESS, |n| {
        address(n).octets().to_vec()
    });
    let lists = measured(c, "domains", domain);
    ask(c, "domains", &lists, indicator::DOMAIN, |n| {
        format!("cdn.www.{}", domain(n)).into_bytes()
    });
    let lists = measured(c, "hashes", hex);
    ask(c, "hashes", &lists, indicator::HASH, |n| hash(n).to_vec());
}

criterion_group!(benches, intel);
criterion_main!(benches);
