//! Finds miners by what they say to their pool.
//!
//! `stratum` knows the messages, `talk` puts them together from packets, `claim` reads pool
//! addresses from arguments. Here they meet: one finding for one process.

mod claim;
mod stratum;
mod talk;

use claim::Claim;
use talk::Talk;
use vedette_sdk::bounded::Map;
use vedette_sdk::cmdline::base_name;
use vedette_sdk::net;
use vedette_sdk::prelude::*;

/// Connections that are listened to at a time. Stops whoever opens connections in masses from
/// filling the plugin's memory; the oldest is forgotten.
const MAX_TALKS: usize = 1024;

/// Processes that were found, that connected to what their arguments name, or that tuned the
/// machine.
const MAX_PROCESSES: usize = 4096;

/// How long a connection to a pool that the arguments name is given to show what it is, in ns.
const PATIENCE: u64 = 3_000_000_000;

/// Ancestors whose tuning counts.
const LINEAGE: usize = 3;

/// A process that connected to a pool that its arguments name.
struct Named {
    claim: Claim,
    event: u64,
    at: u64,
    endpoint: String,
    program: String,
    /// Whether the connection stands: nobody mines at a pool that refuses it.
    stands: bool,
}

/// The detection.
#[plugin]
struct Miner {
    talks: Map<u64, Talk>,
    named: Map<u64, Named>,
    found: Map<u64, ()>,
    /// Processes that tuned the machine, the event and what it was.
    tuned: Map<u64, (u64, &'static str)>,
}

impl Default for Miner {
    fn default() -> Self {
        Miner {
            talks: Map::new(MAX_TALKS),
            named: Map::new(MAX_PROCESSES),
            found: Map::new(MAX_PROCESSES),
            tuned: Map::new(MAX_PROCESSES),
        }
    }
}

impl Plugin for Miner {
    fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
        let Some(process) = event.process() else {
            if event.as_tick().is_some() {
                self.second_passed(event, findings);
            }
            return;
        };
        if let Some(sent) = event.as_sent() {
            if self.found.contains(&process.key()) {
                return;
            }
            let to = net::endpoint(sent.address(), sent.port());
            if let Some(named) = self.named.get_mut(&process.key())
                && named.endpoint == to
            {
                named.stands = true;
            }
            let whole = sent.length() as usize == sent.payload().len();
            let Some(mut talk) = self
                .talks
                .remove(&sent.cookie())
                .or_else(|| Talk::begin(sent.payload()))
            else {
                return;
            };
            talk.hear(event.id(), sent.payload(), whole);
            if talk.is_mining() {
                self.speaks(process, &talk, &to, findings);
            } else if talk.goes_on() {
                self.talks.insert(sent.cookie(), talk);
            }
        } else if let Some(connect) = event.as_connect() {
            let Some(stands) = stands(event.ret()) else {
                return;
            };
            let known = self.named.get(&process.key());
            if self.found.contains(&process.key()) || known.is_some_and(|named| named.stands) {
                return;
            }
            if let Some(claim) = claim::of(process.args(), connect.address(), connect.port()) {
                let named = Named {
                    claim,
                    event: event.id(),
                    at: event.at(),
                    endpoint: net::endpoint(connect.address(), connect.port()),
                    program: String::from_utf8_lossy(process.exe()).into_owned(),
                    stands,
                };
                self.named.insert(process.key(), named);
            }
        } else if let Some(open) = event.as_open() {
            let what = match base_name(open.path()) {
                b"msr" if open.marks() & open_mark::CHARACTER_DEVICE != 0 => {
                    "opens the processor's own registers to write"
                }
                b"nr_hugepages" => "reserves huge pages",
                _ => return,
            };
            self.tuned.insert(process.key(), (event.id(), what));
        }
    }
}

/// Whether a connect has made its connection, or may still; none where it was refused.
fn stands(ret: i32) -> Option<bool> {
    /// EINTR and EINPROGRESS, and what the kernel has for the former where it begins a call anew.
    const UNDER_WAY: [i32; 6] = [-4, -115, -512, -513, -514, -516];
    match ret {
        0 => Some(true),
        ret => UNDER_WAY.contains(&ret).then_some(false),
    }
}

impl Miner {
    fn speaks(
        &mut self,
        process: Process<'_>,
        talk: &Talk,
        endpoint: &str,
        findings: &mut Findings,
    ) {
        self.found.insert(process.key(), ());
        let named = self.named.remove(&process.key());
        let tuned = process
            .lineage()
            .take(LINEAGE)
            .find_map(|p| self.tuned.get(&p.key()).copied());
        let supported = named.is_some() || tuned.is_some() || talk.heard().len() > 1;
        let (severity, confidence) = match supported {
            true => (Severity::Critical, 97),
            false => (Severity::High, 90),
        };
        let exe = String::from_utf8_lossy(process.exe());
        let mut finding = findings
            .raise("stratum", severity)
            .confidence(confidence)
            .process(process)
            .message(format!("{exe} speaks a mining protocol to {endpoint}"));
        for (event, note) in talk.heard() {
            finding = finding.evidence(*event, *note);
        }
        if let Some(named) = named {
            finding = finding.evidence(named.event, named.claim.note());
        }
        if let Some((event, what)) = tuned {
            finding = finding.evidence(event, what);
        }
        finding
            .dedup(format!("process {:x}", process.key()))
            .propose_kill(process);
    }

    /// Whoever connected to what its arguments name and did not speak in clear.
    fn second_passed(&mut self, event: Event<'_>, findings: &mut Findings) {
        let due: Vec<u64> = self
            .named
            .iter()
            .filter(|(_, named)| event.at().saturating_sub(named.at) >= PATIENCE)
            .map(|(key, _)| *key)
            .collect();
        for key in due {
            let Some(named) = self.named.remove(&key) else {
                continue;
            };
            if !named.stands {
                continue;
            }
            self.found.insert(key, ());
            let (severity, confidence) = match named.claim {
                Claim::SameAddress => (Severity::High, 80),
                Claim::SamePort => (Severity::Medium, 65),
                Claim::Wallet => (Severity::Medium, 60),
            };
            let finding = findings
                .raise("pool-address", severity)
                .confidence(confidence)
                .process(key)
                .message(format!(
                    "{} connects to {}: {}",
                    named.program,
                    named.endpoint,
                    named.claim.note()
                ))
                .evidence(named.event, named.claim.note())
                .dedup(format!("process {key:x}"));
            if severity == Severity::High {
                finding.propose_kill(key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
