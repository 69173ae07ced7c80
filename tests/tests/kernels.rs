//! Kernels other than this machine's, in qemu: the sensor's live tests, and the agent as a whole. See
//! `scripts/kernels` for running some of them by hand.

use vedette_tests::{
    agent::summary,
    kernel::{Kernel, agent, live},
    need::{Need, missing, skip},
    require,
};

/// The kernel, if a virtual machine can be made for it here.
fn fetched(version: &str) -> Option<Kernel> {
    let tools = [
        "qemu-system-x86_64",
        "busybox",
        "python3",
        "mke2fs",
        "ldd",
        "xz",
    ];
    if let Some(reason) = missing(&tools.map(Need::Tool)) {
        skip(&reason);
        return None;
    }
    let kernel = Kernel::find(version);
    if kernel.is_none() {
        skip(&format!(
            "Linux {version} is not here: scripts/kernels fetch"
        ));
    }
    kernel
}

fn live_tests_on(version: &str) {
    let Some(kernel) = fetched(version) else {
        return;
    };
    let results = live::run(&kernel, &[], &mut |line| println!("{line}"))
        .unwrap_or_else(|error| panic!("Linux {version}: {error}"));
    // What a kernel lacks is said by the test that is about it, and listed with what was skipped.
    for reason in &results.skipped {
        live::note_skip(&format!("Linux {version}: {reason}"));
    }
    assert!(results.failed.is_empty(), "{:?}", results.failed);
    // A run that finds nothing to run must not pass.
    assert!(results.passed.len() > 20, "{results:?}");
}

/// Every attack is found as what it is, and nobody else is accused.
fn agent_on(version: &str) {
    require!(Need::Agent);
    let Some(kernel) = fetched(version) else {
        return;
    };
    let results = agent::run(&kernel, &mut |line| println!("{line}"))
        .unwrap_or_else(|error| panic!("Linux {version}: {error}"));
    let told: Vec<_> = results.findings.iter().map(summary).collect();
    let said = format!("{told:#?}\n{}", results.errors);
    for act in &results.acts {
        let found = results.findings.iter().any(|f| act.is_told_by(f));
        assert!(found, "Linux {version}: {act:?} is not found: {said}");
    }
    // A script that performs nothing must not pass.
    let mut kinds: Vec<_> = results.acts.iter().map(|act| &*act.category).collect();
    kinds.dedup();
    assert_eq!(kinds, ["reverse-shell", "miner", "container-escape"]);
    for finding in results.findings.iter().filter(|f| !f.is_health()) {
        let meant = results.acts.iter().any(|act| act.is_told_by(finding));
        let accused = summary(finding);
        assert!(
            meant,
            "Linux {version}: {accused} is accused of honest work"
        );
    }
    for (plugin, of_it) in results.summary["plugins"].as_object().into_iter().flatten() {
        assert_eq!(of_it["aborts"], 0, "Linux {version}: {plugin}: {said}");
        assert_eq!(of_it["shed"], 0, "Linux {version}: {plugin}: {said}");
    }
}

#[test]
fn linux_6_1() {
    live_tests_on("6.1");
}

#[test]
fn linux_6_12() {
    live_tests_on("6.12");
}

#[test]
fn agent_on_linux_6_1() {
    agent_on("6.1");
}

#[test]
fn agent_on_linux_6_12() {
    agent_on("6.12");
}
