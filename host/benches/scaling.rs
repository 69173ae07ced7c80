//! How throughput goes with the number of plugins and of workers: events a second from the offer to
//! the return of the last call, and events delivered a second over all plugins.
//!
//! Not a criterion bench: what is measured is a whole host, once for each size, in turns.

#[path = "../tests/support/mod.rs"]
mod support;

use std::{sync::Arc, time::Instant};
use support::*;
use vedette::{
    plugin::host::{HostOptions, PluginHost},
    record::Record,
};

const EVENTS: u64 = 200_000;
const ROUNDS: usize = 3;
const SIZES: [u64; 4] = [1, 3, 10, 30];

/// Whether plugins want the same events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    /// Every plugin wants every event.
    Equal,
    /// Every event is wanted by one plugin.
    Disjoint,
}

fn host_of(plugins: u64, workers: usize, wants: Wants) -> PluginHost {
    let components: Vec<(String, Vec<u8>)> = (0..plugins)
        .map(|n| {
            let id = format!("id = \"probe-{n}\"");
            let of_its_own = format!(
                "kind = \"exec\"\nwhere = [{{ field = \"path\", prefix = \"/of/{n:02}/\" }}]"
            );
            let subscription = match wants {
                Wants::Equal => "kind = \"exec\"",
                Wants::Disjoint => &of_its_own,
            };
            let bytes = plugin(
                "probe",
                &[
                    ("id = \"probe\"", &id),
                    ("kind = \"exec\"", subscription),
                    ("[config]", "[config]\nquiet = true"),
                ],
            );
            (format!("probe-{n}.wasm"), bytes)
        })
        .collect();
    let named: Vec<(&str, Vec<u8>)> = components
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.clone()))
        .collect();
    let options = HostOptions {
        workers,
        ..HostOptions::default()
    };
    host_with(&named, options).0
}

fn events(plugins: u64) -> Vec<Arc<Record>> {
    (0..1000)
        .map(|id| exec(id, &format!("/of/{:02}/program", id % plugins)))
        .collect()
}

/// Seconds for all events, the best of the rounds: others use the machine too.
fn measure(host: &mut PluginHost, events: &[Arc<Record>]) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for n in 0..EVENTS {
            offer(host, &events[(n % 1000) as usize]);
        }
        host.drain();
        best = best.min(begun.elapsed().as_secs_f64());
    }
    best
}

fn main() {
    // Criterion's arguments are of no use here.
    println!(
        "| plugins | subscriptions | events/s, 1 worker | 2 workers | ratio | delivered/s, 1 worker | 2 workers |"
    );
    println!("|---|---|---|---|---|---|---|");
    for wants in [Wants::Disjoint, Wants::Equal] {
        for plugins in SIZES {
            let events = events(plugins);
            let [one, two] = [1, 2].map(|workers| {
                let mut host = host_of(plugins, workers, wants);
                EVENTS as f64 / measure(&mut host, &events)
            });
            let deliveries = if wants == Wants::Equal {
                plugins as f64
            } else {
                1.0
            };
            println!(
                "| {plugins} | {} | {:.2} M | {:.2} M | {:.2} | {:.2} M | {:.2} M |",
                format!("{wants:?}").to_lowercase(),
                one / 1e6,
                two / 1e6,
                two / one,
                one * deliveries / 1e6,
                two * deliveries / 1e6,
            );
        }
    }
}
