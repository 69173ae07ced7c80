use crate::observe::{Watch, skip};
use std::process::Command;
use vedette_sensor::{filter::Filter, live::Sensor, probe::Features};

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

/// A kernel takes programs for hooks of security modules that it never runs.
#[test]
fn security_modules_serve_where_they_include_bpf() {
    let features = Features::probe();
    let Ok(list) = std::fs::read_to_string("/sys/kernel/security/lsm") else {
        skip("nothing says which security modules there are");
        return;
    };
    let included = list.trim().split(',').any(|module| module == "bpf");
    if features.has("lsm") {
        assert!(included, "{list}");
    } else {
        skip(&format!("security modules: {list}"));
    }
}

/// Where every process has another number than in the kernel.
#[test]
fn another_pid_namespace_is_refused() {
    const INNER: &str = "VEDETTE_TEST_INNER";
    if std::env::var_os(INNER).is_some() {
        println!("{}", Features::probe().sufficient().unwrap_err());
        return;
    }
    let Some(_watch) = Watch::start(&Filter::default()) else {
        return;
    };
    let output = Command::new("unshare")
        .args(["-m", "-p", "-f", "--mount-proc"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--nocapture",
            "--exact",
            "portability::another_pid_namespace_is_refused",
        ])
        .env(INNER, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains("pid-namespace: this is not") && told.contains("--pid=host"),
        "{output:?}"
    );
}
