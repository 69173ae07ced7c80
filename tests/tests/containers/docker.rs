//! A real docker engine: containers that live for a moment, that stay, and that were there before.

use super::{Watch, assert_fields, has_capability, mounts, runtime};
use serde_json::json;
use vedette_tests::{docker::Docker, image, need::Need, require, workspace};

#[test]
fn containers_of_a_docker_engine_are_known() {
    require!(
        Need::Agent,
        Need::Kernel,
        Need::Tool("dockerd"),
        Need::Tool("docker"),
        Need::Tool("runc"),
        Need::Tool("cc")
    );
    let _alone = workspace::alone();
    let docker = Docker::start();
    let digest = docker.done(docker.command().args([
        "image",
        "inspect",
        "--format",
        "{{.Id}}",
        image::NAME,
    ]));
    let watch = Watch::start(&runtime("docker", &docker.socket()));
    // One that is over at once, and one that stays and has what makes a container privileged:
    // `--privileged` itself needs every capability there is, which not each machine's root has.
    let moment = docker.done(docker.run().args([
        "--detach",
        "--name",
        "moment",
        "--label",
        "app=shop",
        "--volume",
        "/usr:/machine:ro",
        image::NAME,
        image::PORTRAIT,
    ]));
    let finding = watch.portrait(&moment);
    assert_fields(
        &finding,
        json!({
            "id": moment, "name": "moment", "image": image::NAME, "digest": digest, "pod": "",
            "namespace": "", "labels": {"app": "shop"}, "privileged": false, "sandbox": false,
            "outer": null, "runtime": "runc,docker", "pending": false,
        }),
    );
    let machine = |m: &&str| m.starts_with("/usr:/machine:");
    assert!(mounts(&finding).iter().any(machine), "{}", finding.json);
    assert!(has_capability(&finding, "CAP_CHOWN"));
    assert!(!has_capability(&finding, "CAP_SYS_ADMIN"));

    let strong = docker.done(docker.run().args([
        "--detach",
        "--cap-add=SYS_ADMIN",
        "--cap-add=SYS_MODULE",
        "--cap-add=SYS_RAWIO",
        "--pid",
        "host",
        "--name",
        "strong",
        image::NAME,
        image::PORTRAIT,
        "stay",
    ]));
    let finding = watch.portrait(&strong);
    assert_fields(
        &finding,
        json!({"name": "strong", "privileged": true, "pending": false}),
    );
    let host = finding.json["container"]["host_namespaces"].as_array();
    assert!(
        host.is_some_and(|all| all.contains(&json!("pid"))),
        "{host:?}"
    );
    assert!(has_capability(&finding, "CAP_SYS_ADMIN"));
    watch.agent.stop();

    // An agent that comes late asks about what is there.
    let watch = Watch::start(&runtime("docker", &docker.socket()));
    docker.done(docker.command().args(["exec", &strong, image::PORTRAIT]));
    let finding = watch.portrait(&strong);
    assert_fields(
        &finding,
        json!({
            "name": "strong", "image": image::NAME, "digest": digest, "privileged": true,
            "pending": false, "runtime": "docker", "host_namespaces": ["pid", "network"],
        }),
    );
    assert!(has_capability(&finding, "CAP_SYS_ADMIN") && has_capability(&finding, "CAP_CHOWN"));
    watch.agent.stop();
}
