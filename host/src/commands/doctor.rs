//! `vedette doctor`: what this kernel offers, what is degraded, and which kinds of event that
//! blinds.
//!
//! Nothing is guessed from versions: each capability is tried, and so is each program of the
//! sensor, from the same tables that the sensor loads them by.

use super::RuntimeArgs;
use crate::runtimes;
use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use vedette_contract::KINDS;
use vedette_sensor::live::{Gap, Sensor};
use vedette_sensor::probe::Features;

/// Arguments of `vedette doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 where this machine can be sensed, if only in part; 1 where \
it cannot, or where that could not be found out; 2 for wrong arguments."
)]
pub struct Doctor {
    /// Print JSON, also on a terminal. Into a pipe it always is, unless --text is given.
    #[arg(long, conflicts_with = "text")]
    json: bool,

    /// Print text, also into a pipe.
    #[arg(long)]
    text: bool,

    #[command(flatten)]
    runtimes: RuntimeArgs,
}

impl Doctor {
    /// Probes and prints; fails where the kernel cannot be sensed at all.
    pub fn execute(self) -> anyhow::Result<()> {
        let features = Features::probe();
        let able = features.sufficient();
        let gaps = match &able {
            Ok(()) => Sensor::gaps_here().context("the sensor's programs could not be tried")?,
            Err(_) => Vec::new(),
        };
        let blind = blind(&gaps);
        let engines = runtimes::survey(&runtimes::sockets(&self.runtimes.container_runtime))?;
        let text = if !self.text && (self.json || !std::io::stdout().is_terminal()) {
            as_json(&features, &gaps, &blind, &engines).to_string()
        } else {
            as_text(&features, &gaps, &blind, &engines)
        };
        // Whoever closed the pipe wants no more of it; the exit status stands.
        let _ = writeln!(anstream::stdout(), "{text}");
        able.map_err(Into::into)
    }
}

/// How a kind is seen that some gap concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Not at all.
    No,
    /// Some of its events are not.
    Partly,
    /// All of them, from a worse place: what a program saw for itself is now as it was given.
    Worse,
}

impl Seen {
    fn name(self) -> &'static str {
        match self {
            Seen::No => "no",
            Seen::Partly => "partly",
            Seen::Worse => "worse",
        }
    }
}

/// By kind that some gap concerns: how it is seen, and the programs that lack.
type Blind = BTreeMap<&'static str, (Seen, Vec<&'static str>)>;

fn blind(gaps: &[Gap]) -> Blind {
    let mut blind = Blind::new();
    for kind in KINDS {
        let lacking = || gaps.iter().filter(|gap| gap.kinds.has(kind.number));
        if lacking().next().is_none() {
            continue;
        }
        let seen = if !Sensor::would_sense(kind.number, gaps) {
            Seen::No
        } else if lacking().any(|gap| gap.blinds) {
            Seen::Partly
        } else {
            Seen::Worse
        };
        blind.insert(kind.name, (seen, lacking().map(|g| g.program).collect()));
    }
    blind
}

fn as_json(features: &Features, gaps: &[Gap], blind: &Blind, engines: &str) -> Value {
    json!({
        "kernel": rustix::system::uname().release().to_string_lossy(),
        "able": features.sufficient().is_ok(),
        "features": features
            .iter()
            .map(|f| json!({
                "name": f.name,
                "available": f.available,
                "required": f.required,
                "detail": f.detail,
                "without": (!f.available).then_some(f.without),
            }))
            .collect::<Vec<_>>(),
        "refused": gaps
            .iter()
            .map(|gap| json!({ "program": gap.program, "reason": gap.reason }))
            .collect::<Vec<_>>(),
        "kinds": blind
            .iter()
            .map(|(kind, (seen, programs))| json!({
                "kind": kind,
                "sensed": seen.name(),
                "programs": programs,
            }))
            .collect::<Vec<_>>(),
        "runtimes": engines.lines().map(str::trim).collect::<Vec<_>>(),
    })
}

fn as_text(features: &Features, gaps: &[Gap], blind: &Blind, engines: &str) -> String {
    let kernel = rustix::system::uname();
    let release = kernel.release().to_string_lossy();
    let mut text = format!(
        "Linux {release}\n\n{features}\n\ncontainer runtimes\n{}\n",
        engines.trim_end()
    );
    if features.sufficient().is_err() {
        return text;
    }
    if gaps.is_empty() {
        return text + "\nevery kind of event can be sensed here";
    }
    text += "\nprograms that this kernel does not take\n";
    for gap in gaps {
        text += &format!("  {:<24} {}\n", gap.program, gap.reason);
    }
    text += "\nkinds of event that this concerns, and whether they are seen";
    for (kind, (seen, programs)) in blind {
        text += &format!("\n  {kind:<24} {:<8} {}", seen.name(), programs.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use vedette_contract::kind;
    use vedette_sensor::filter::KindSet;

    #[test]
    fn what_is_blind_is_named() {
        let gap = |program, kind| Gap {
            program,
            kinds: KindSet::default().with(kind),
            blinds: program != "see_chmod",
            reason: "this kernel has none".to_owned(),
        };
        let gaps = [
            gap("on_open", kind::OPEN),
            gap("on_egress", kind::SENT),
            gap("see_chmod", kind::CHMOD),
        ];
        let blind = blind(&gaps);
        // Other programs still tell of opens.
        assert_eq!(blind["open"], (Seen::Partly, vec!["on_open"]));
        assert_eq!(blind["chmod"].0, Seen::Worse);
        let features = Features::default();
        let text = as_text(&features, &gaps, &blind, "none");
        assert!(
            text.contains("on_egress") && text.contains("sent"),
            "{text}"
        );
        let json = as_json(&features, &gaps, &blind, "none");
        assert_eq!(json["refused"][0]["program"], "on_open");
        assert_eq!(json["kinds"][0]["kind"], "chmod");
        assert_eq!(json["kinds"][0]["sensed"], "worse");
        let whole = as_text(&features, &[], &Blind::new(), "none");
        assert!(whole.ends_with("every kind of event can be sensed here"));
    }
}
