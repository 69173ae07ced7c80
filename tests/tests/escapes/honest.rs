//! Work in containers that looks like a way out of them.

use crate::{perform, scene::Scene, ways};
use serde_json::json;
use std::{any::Any, fs};
use vedette_tests::{
    agent::Agent,
    need::{self, Need},
    require,
    tools::Names,
    workspace,
};

/// A runtime inside of a container sets another one up; then the outer container's shell, for
/// silence to mean something, does what is an escape.
fn inner_container(scene: &mut Scene) -> (String, Box<dyn Any>) {
    let (runc, busybox) = (scene.tools.get("runc"), scene.tools.get("busybox"));
    let (mkdir, cp) = (scene.tools.get("mkdir"), scene.tools.get("cp"));
    let bundle = scene.tools.layer().join("inner");
    fs::create_dir_all(&bundle).expect("an own directory");
    let namespaces = ["mount", "pid", "uts", "ipc"].map(|name| json!({ "type": name }));
    let config = json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/busybox", "echo", "the inner one is up"],
            "env": ["PATH=/bin"],
            "cwd": "/",
        },
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs"},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"},
        ],
        "linux": {"namespaces": namespaces},
    });
    fs::write(bundle.join("config.json"), config.to_string()).expect("an own directory");
    let id = workspace::random_hex(32);
    let (escape, kept) = ways::core_pattern(scene);
    let script = format!(
        "{mkdir} -p /inner/rootfs/bin && {cp} {busybox} /inner/rootfs/bin/busybox &&
{runc} --root /tmp/inner run --bundle /inner {id} && {{ {escape}\n}}"
    );
    (script, kept)
}

#[test]
fn a_runtime_inside_of_a_container_is_left_to_work() {
    require!(
        Need::Root,
        Need::Tool("runc"),
        Need::Tool("busybox"),
        Need::Tool("cc")
    );
    let _alone = workspace::alone();
    if let Some(reason) = need::missing(&[Need::Agent, Need::Kernel]) {
        for names in [Names::Own, Names::Others] {
            perform(inner_container, names);
        }
        return need::skip(&reason);
    }
    let agent = Agent::observing();
    for names in [Names::Own, Names::Others] {
        let (container, _scene, _kept) = perform(inner_container, names);
        let log = container.log();
        assert!(log.contains("the inner one is up"), "{log}");
        let id = container.id().to_owned();
        agent.expect(&format!("{names:?} names, container {id}"), |finding| {
            finding.text("/rule") == "kernel-helper" && finding.container() == Some(&id)
        });
    }
    let stopped = agent.stop();
    let grave = stopped.findings.iter().filter(|finding| {
        let severity = finding.text("/severity");
        !finding.is_health()
            && !finding.json.to_string().contains("core_pattern")
            && (severity == "high" || severity == "critical")
    });
    let grave: Vec<_> = grave.map(vedette_tests::agent::summary).collect();
    assert!(grave.is_empty(), "the runtime is accused: {grave:#?}");
}
