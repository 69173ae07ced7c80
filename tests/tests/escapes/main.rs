//! Acts that leave a privileged container, harmless ones: what they overwrite they overwrite with
//! what was there, and whom they enter is a sleeping process of the test.

mod honest;
mod scene;
mod ways;

use scene::Scene;
use vedette_tests::{
    agent::PATIENCE,
    container::{Container, Spec},
    need::Need,
    network::Network,
    process::{Mark, wait_for},
    recording::Recording,
    require,
    tools::Names,
    workspace,
};
use ways::Escape;

/// Sets the scene, runs the script in the container and waits until it says that it is through.
fn perform(
    escape: impl FnOnce(&mut Scene) -> (String, Box<dyn std::any::Any>),
    names: Names,
) -> (Container, Scene, Box<dyn std::any::Any>) {
    let mut scene = Scene::new(names);
    let (script, kept) = escape(&mut scene);
    let sleep = scene.tools.get("sleep");
    let mark = Mark::new();
    let spec = Spec {
        script: format!("{{ {script}\n}} && echo it is done\nexec {sleep} 60\n"),
        layer: Some(scene.tools.layer().to_owned()),
        environment: vec![format!("{}={}", Mark::NAME, mark.value())],
        ..std::mem::take(&mut scene.spec)
    };
    let network = match scene.host_network {
        true => Network::host(),
        false => Network::private(),
    };
    let container = Container::start(spec, network);
    let done = wait_for(PATIENCE, || {
        container.log().contains("it is done").then_some(())
    });
    assert!(
        done.is_some(),
        "the escape itself does not work ({names:?} names): {}",
        container.log()
    );
    (container, scene, kept)
}

fn found(escape: Escape, rule: &str, tools: &[&'static str]) {
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
    for names in [Names::Own, Names::Others] {
        perform(escape, names);
    }
    require!(Need::Agent, Need::Kernel);

    let recording = Recording::default();
    let agent = recording.agent();
    let mut containers = Vec::new();
    for names in [Names::Own, Names::Others] {
        let (container, _scene, _kept) = perform(escape, names);
        let id = container.id().to_owned();
        agent.expect(&format!("{names:?} names, container {id}"), |finding| {
            finding.text("/rule") == rule && finding.container() == Some(&id)
        });
        containers.push(id);
    }
    let stopped = agent.stop();
    for finding in &stopped.findings {
        let ours = finding
            .container()
            .is_some_and(|id| containers.iter().any(|own| own == id));
        assert!(
            finding.is_health() || ours && finding.category() == "container-escape",
            "nobody else is accused: {:#?}",
            stopped.accusations()
        );
    }
    recording.finds_the_same(&stopped);
}

macro_rules! escapes {
    ($($name:ident is $rule:literal needs $tools:expr),+ $(,)?) => {
        $(mod $name {
            #[test]
            fn is_found() { super::found(super::ways::$name, $rule, &$tools); }
        })+
    };
}

escapes! {
    release_agent is "kernel-helper" needs [],
    core_pattern is "kernel-helper" needs [],
    nsenter is "host-namespace" needs ["nsenter"],
    setns_by_pidfd is "host-namespace" needs [],
    memory_file is "host-process" needs [],
    memory_call is "host-process" needs [],
    ptrace is "host-process" needs [],
    fetch_descriptor is "host-process" needs [],
    mount_disk is "host-disk" needs ["losetup", "mount"],
    read_disk is "host-disk" needs ["losetup"],
    mount_procfs is "kernel-filesystem" needs ["mount"],
    mount_cgroup is "kernel-filesystem" needs ["mount"],
    overwrite_image is "host-file" needs [],
    open_by_handle is "host-file" needs [],
    runtime_socket is "runtime-socket" needs ["python3"],
    leave_groups is "leaves-group" needs [],
    act_outside_of_groups is "kernel-helper" needs [],
    machine_memory is "host-memory" needs [],
    change_root is "host-root" needs [],
    write_to_the_machine is "host-root" needs [],
}
