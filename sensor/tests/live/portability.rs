use crate::observe::{Watch, skip};
use vedette_sensor::{filter::Filter, live::Sensor};

/// What a kernel answers that has no place for a program, or lets nobody have it.
const LACKING: [&str; 2] = ["this kernel has no ", "Operation not permitted"];

#[test]
fn every_program_is_taken_where_its_place_exists() {
    // Alone on the machine, and where it can be sensed at all.
    let Some(_watch) = Watch::start(&Filter::default()) else {
        return;
    };
    let gaps = Sensor::gaps_here().unwrap();
    let (lacking, refused): (Vec<_>, Vec<_>) = gaps.into_iter().partition(|gap| {
        let mut reasons = gap.reason.split("; ");
        reasons.all(|reason| LACKING.iter().any(|lack| reason.starts_with(lack)))
    });
    for gap in lacking {
        skip(&format!("{}: {}", gap.program, gap.reason));
    }
    assert!(refused.is_empty(), "{refused:#?}");
}
