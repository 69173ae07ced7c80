//! The sensor's live tests on kernels other than this machine's, in qemu. See `scripts/kernels`
//! for running some of them by hand.

use vedette_tests::{
    kernel::{Kernel, live},
    need::{Need, skip},
    require,
};

fn on(version: &str) {
    require!(
        Need::Tool("qemu-system-x86_64"),
        Need::Tool("busybox"),
        Need::Tool("python3"),
        Need::Tool("mke2fs"),
        Need::Tool("ldd"),
        Need::Tool("xz")
    );
    let Some(kernel) = Kernel::find(version) else {
        return skip(&format!(
            "Linux {version} is not here: scripts/kernels fetch"
        ));
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

#[test]
fn linux_6_1() {
    on("6.1");
}

#[test]
fn linux_6_12() {
    on("6.12");
}
