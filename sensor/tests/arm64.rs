//! The BPF objects are compiled for the other architecture too, whatever the tests run on.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::process::Command;

#[test]
fn the_objects_compile_for_each_architecture() {
    let compilers = (14..=22).rev().map(|version| format!("clang-{version}"));
    let mut compilers = std::env::var("BPF_CLANG")
        .into_iter()
        .chain(compilers)
        .chain(["clang".to_owned()]);
    let runs = |clang: &String| Command::new(clang).arg("--version").output().is_ok();
    let Some(clang) = compilers.find(runs) else {
        println!("SKIPPED: there is no clang; the objects were built elsewhere");
        return;
    };
    let out = tempfile::tempdir().unwrap();
    for architecture in ["x86", "arm64"] {
        for object in ["core", "probe"] {
            let output = Command::new(&clang)
                .args([
                    "-g", "-O2", "-mcpu=v3", "-target", "bpf", "-Wall", "-Werror",
                ])
                .arg(format!("-D__TARGET_ARCH_{architecture}"))
                // The catalogue in C, which the build has made.
                .arg(concat!("-I", env!("OUT_DIR")))
                .arg("-c")
                .arg(format!("bpf/{object}.bpf.c"))
                .arg("-o")
                .arg(out.path().join(object))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{architecture}, {object}: {said}");
        }
    }
}
