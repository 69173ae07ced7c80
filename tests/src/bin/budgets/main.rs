//! Part of `make bench`: the figures of docs/performance.md that need the kernel and a running
//! agent, printed as a table. With and without the agent are measured in turns in one run, because
//! a machine's speed drifts. Names of parts (findings, calls, work, storms) choose some of them.

mod calls;
mod findings;
mod floor;
mod storms;
mod table;
mod work;

use std::{env, process::ExitCode};
use vedette_tests::{
    need::{Need, missing},
    workspace,
};

const PARTS: [(&str, fn()); 4] = [
    ("findings", findings::measure),
    ("calls", calls::measure),
    ("work", work::measure),
    ("storms", storms::measure),
];

fn main() -> ExitCode {
    if let Some(reason) = missing(&[Need::Agent, Need::Kernel, Need::Tool("cc")]) {
        eprintln!("budgets: they cannot be measured here: {reason}");
        return ExitCode::FAILURE;
    }
    let wanted: Vec<String> = env::args().skip(1).collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|name| PARTS.iter().all(|(part, _)| part != name))
    {
        eprintln!(
            "budgets: there is no part {unknown}; the parts are findings, calls, work, storms"
        );
        return ExitCode::FAILURE;
    }
    let _alone = workspace::alone();
    println!("| measured | value |\n|---|---|");
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|one| one == name) {
            measure();
        }
    }
    ExitCode::SUCCESS
}
