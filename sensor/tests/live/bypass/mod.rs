//! Ways around what a name, an argument or a number seems to say. In each the sensor still tells
//! what happened.

mod image;
mod lineage;
mod path;

use crate::observe::Watch;
use vedette_contract::kind;
use vedette_sensor::event::Event;

/// The last exec of a process whose file ends with that name.
#[track_caller]
fn exec(watch: &mut Watch, pid: u32, name: &str) -> Event {
    watch.expect(&format!("exec of {name}"), |e| {
        e.kind == kind::EXEC && e.task.process.pid == pid && e.text.ends_with(name.as_bytes())
    })
}

/// Numbers that a script printed.
#[track_caller]
fn numbers(told: &str) -> Vec<u64> {
    told.split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect()
}
