//! Work in containers that looks like a way out of them.

use crate::{
    perform,
    scene::Scene,
    ways::{self, Escape},
};
use serde_json::json;
use std::{any::Any, fs};
use vedette_tests::{
    agent::Agent,
    need::{self, Need},
    require,
    tools::Names,
    workspace,
};

/// A runtime inside of a container sets another one up.
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
    let script = format!(
        "{mkdir} -p /inner/rootfs/bin && {cp} {busybox} /inner/rootfs/bin/busybox &&
{runc} --root /tmp/inner run --bundle /inner {id}"
    );
    (script, Box::new(()))
}

/// An agent that makes networks for others leaves the machine's, which is its own, and comes back.
fn network_agent(scene: &mut Scene) -> (String, Box<dyn Any>) {
    scene.host_network = true;
    let (unshare, nsenter) = (scene.tools.get("unshare"), scene.tools.get("nsenter"));
    let sleep = scene.tools.get("sleep");
    let script = format!("{unshare} --net {nsenter} --net=/proc/1/ns/net {sleep} 0");
    (script, Box::new(()))
}

/// The work, and then what is an escape: for silence to mean something.
fn and_escape(work: Escape, scene: &mut Scene) -> (String, Box<dyn Any>) {
    let (work, its) = work(scene);
    let (escape, kept) = ways::core_pattern(scene);
    (
        format!("{{ {work}\n}} && {{ {escape}\n}}"),
        Box::new((its, kept)),
    )
}

fn left_to_work(work: Escape, tools: &[&'static str]) {
    for tool in tools {
        require!(Need::Tool(tool));
    }
    require!(
        Need::Root,
        Need::Tool("runc"),
        Need::Tool("busybox"),
        Need::Tool("cc")
    );
    let _alone = workspace::alone();
    let perform = |names| perform(|scene| and_escape(work, scene), names);
    if let Some(reason) = need::missing(&[Need::Agent, Need::Kernel]) {
        for names in [Names::Own, Names::Others] {
            perform(names);
        }
        return need::skip(&reason);
    }
    let agent = Agent::observing();
    for names in [Names::Own, Names::Others] {
        let (container, _scene, _kept) = perform(names);
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
    assert!(grave.is_empty(), "honest work is accused: {grave:#?}");
}

#[test]
fn a_runtime_inside_of_a_container() {
    left_to_work(inner_container, &[]);
}

#[test]
fn an_agent_of_the_machines_network() {
    left_to_work(network_agent, &["nsenter", "unshare"]);
}

/// It is given the runtime's socket.
#[test]
fn a_dashboard() {
    left_to_work(ways::runtime_socket, &["python3"]);
}
