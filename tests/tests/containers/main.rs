//! What is known of real containers: of runc, podman, containerd through CRI, and docker; of those that live for a moment, and of those that were there before the agent.
//!
//! A plugin of the tests tells of each execution of a program called `portrait`; what the agent
//! prints of the container with it is judged.

mod docker;
mod groups;

use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use vedette_tests::{
    agent::{Agent, Finding, Options},
    containerd::{Containerd, Pod},
    guests::{Component, PluginDirectory},
    image,
    need::Need,
    podman::Podman,
    process::wait_for,
    require, tools,
    workspace::{self, random_hex},
};

/// Containers and groups that live for a moment, one after the other.
const SHORT_LIVED: usize = 100;

/// Groups over which memory must stay flat.
const CHURN: usize = 2_000;

/// Growth of resident memory that still counts as flat, KB: what the allocator keeps. Processes or
/// events of groups that are gone would be more.
const FLAT: u64 = 5_000;

/// An agent with no plugin but the one that tells of portraits.
struct Watch {
    agent: Agent,
    _plugins: PluginDirectory,
}

impl Watch {
    fn start(arguments: &[String]) -> Self {
        let plugins = PluginDirectory::new();
        plugins.put("portrait", &Component::guest("portrait"));
        let mut options = Options::default().plugins(plugins.path()).everything();
        for argument in arguments {
            options = options.argument(argument);
        }
        let agent = options.start();
        Self {
            agent,
            _plugins: plugins,
        }
    }

    /// The finding about the portrait in this container.
    fn portrait(&self, id: &str) -> Finding {
        let wanted = |f: &Finding| f.text("/rule") == "portrait" && f.container() == Some(id);
        self.agent.expect(id, wanted)
    }
}

fn runtime(engine: &str, socket: &Path) -> [String; 2] {
    [
        "--container-runtime".into(),
        format!("{engine}={}", socket.display()),
    ]
}

/// Judges what is told of a container field by field.
fn assert_fields(finding: &Finding, expected: Value) {
    let container = &finding.json["container"];
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&container[field], value, "{field} of {container:#}");
    }
}

/// The capabilities of a container, at least one of which all have that the tests make.
fn has_capability(finding: &Finding, name: &str) -> bool {
    let capabilities = finding.json["container"]["capabilities"].as_array();
    capabilities.is_some_and(|all| all.iter().any(|c| c == name))
}

fn mounts(finding: &Finding) -> Vec<&str> {
    let mounts = finding.json["container"]["mounts"].as_array();
    mounts
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// A bundle for runc with the tests' image; no engine has made it.
struct Bundle {
    directory: TempDir,
}

impl Bundle {
    fn new(privileged: bool) -> Self {
        Self::running(privileged, &[image::PORTRAIT])
    }

    fn running(privileged: bool, args: &[&str]) -> Self {
        let directory = TempDir::with_prefix("vedette-bundle-").expect("a temporary directory");
        image::rootfs(&directory.path().join("rootfs"));
        let mut bounding = vec!["CAP_CHOWN", "CAP_KILL"];
        if privileged {
            bounding.extend(["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO"]);
        }
        let namespaces = ["pid", "mount", "ipc", "uts"].map(|kind| json!({"type": kind}));
        let config = json!({
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": 0, "gid": 0},
                "args": args,
                "env": ["PATH=/bin"],
                "cwd": "/",
                "capabilities": {"bounding": bounding, "effective": bounding, "permitted": bounding},
            },
            "root": {"path": "rootfs"},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/machine", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]},
            ],
            "linux": {"namespaces": namespaces},
        });
        let path = directory.path().join("config.json");
        fs::write(path, config.to_string()).expect("an own directory");
        Self { directory }
    }

    fn run(&self, id: &str) {
        let output = Command::new("runc")
            .arg("run")
            .arg("--bundle")
            .arg(self.directory.path())
            .arg(id)
            .stdin(Stdio::null())
            .output()
            .expect("runc is installed");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "runc: {errors}");
    }
}

#[test]
fn every_short_lived_container_of_runc_is_known_from_its_first_event_on() {
    require!(
        Need::Agent,
        Need::Kernel,
        Need::Tool("runc"),
        Need::Tool("cc")
    );
    let _alone = workspace::alone();
    let bundle = Bundle::new(true);
    let watch = Watch::start(&[]);
    // Half of them with names that are no ids.
    let ids: Vec<String> = (0..SHORT_LIVED)
        .map(|n| random_hex(if n % 2 == 0 { 32 } else { 6 }))
        .collect();
    for id in &ids {
        bundle.run(id);
    }
    for id in &ids {
        let finding = watch.portrait(id);
        assert!(finding.text("/message").starts_with(&format!("id={id} ")));
        assert_fields(
            &finding,
            json!({
                "id": id, "name": id, "image": "", "digest": "", "pod": "", "namespace": "",
                "pod_uid": "", "labels": {}, "privileged": true,
                "mounts": ["/usr:/machine:rbind,ro"], "host_namespaces": ["network", "user"],
                "sandbox": false, "outer": null, "runtime": "runc", "pending": false,
            }),
        );
        assert!(has_capability(&finding, "CAP_SYS_ADMIN"));
        assert!(!has_capability(&finding, "CAP_NET_RAW"));
    }
    let stopped = watch.agent.stop();
    let told = stopped.of("execution").len();
    assert_eq!(told, SHORT_LIVED, "none twice, none in no container");
}

/// What the containers of the next test do: portraits until they are told to go on, then what is
/// judged.
const MUTED_ACTS: &str = "
while [ ! -e /go ]; do /bin/portrait; sleep 0.2; done
i=0
while [ $i -lt 200 ]; do i=$((i+1)); : < /etc/seen; done
/bin/late/portrait";

#[test]
fn a_muted_container_is_kept_from_plugins_and_that_is_told() {
    require!(
        Need::Agent,
        Need::Kernel,
        Need::Tool("runc"),
        Need::Tool("cc")
    );
    let _alone = workspace::alone();
    let plugins = PluginDirectory::new();
    for guest in ["portrait", "tally"] {
        plugins.put(guest, &Component::guest(guest));
    }
    let word = random_hex(4);
    let rule = format!("exec,open=muted-{word}-*");
    let options = Options::default().plugins(plugins.path()).everything();
    let agent = options
        .argument("--mute-security")
        .argument("--mute")
        .argument(&rule)
        .start();
    let ids = [format!("muted-{word}-box"), format!("heard-{word}-box")];
    let bundles = ids.each_ref().map(|_| {
        let bundle = Bundle::running(false, &["/bin/sh", "-c", MUTED_ACTS]);
        let root = bundle.directory.path().join("rootfs");
        fs::create_dir(root.join("bin/late")).expect("an own directory");
        fs::copy(root.join("bin/portrait"), root.join("bin/late/portrait"))
            .expect("an own directory");
        fs::write(root.join("etc/seen"), "").expect("an own directory");
        bundle
    });
    std::thread::scope(|scope| {
        for (bundle, id) in bundles.iter().zip(&ids) {
            scope.spawn(|| bundle.run(id));
        }
        let said = agent.wait_for(|f| f.text("/rule") == "events-muted");
        for bundle in &bundles {
            fs::write(bundle.directory.path().join("rootfs/go"), "").expect("an own directory");
        }
        let said = said.unwrap_or_else(|| panic!("not said: {}", agent.describe()));
        assert!(said.is_health() && said.text("/message").contains(&rule));
        assert_eq!(said.text("/severity"), "info");
    });
    let late = |id: &str, f: &Finding| {
        f.container() == Some(id) && f.text("/process/exe").ends_with("/late/portrait")
    };
    agent.expect("the one that is heard", |f| late(&ids[1], f));
    let stopped = agent.stop();
    assert!(!stopped.findings.iter().any(|f| late(&ids[0], f)));
    let muted = &stopped.summary()["muted"][&rule];
    assert!(muted["open"].as_u64() >= Some(200), "{muted}");
    assert!(muted["exec"].as_u64() >= Some(2), "{muted}");
    assert!(stopped.errors.contains("MUTED exec, open of containers"));
}

#[test]
fn a_container_of_podman_is_known_by_what_is_on_the_disk() {
    require!(
        Need::Agent,
        Need::Kernel,
        Need::Tool("podman"),
        Need::Tool("cc")
    );
    let _alone = workspace::alone();
    let podman = Podman::new();
    let watch = Watch::start(&[]);
    let digest = podman.done(podman.command().args([
        "image",
        "inspect",
        "--format",
        "{{.Digest}}",
        image::NAME,
    ]));
    // One that is gone again at once, and one that stays and is privileged.
    let cidfile = TempDir::with_prefix("vedette-cid-").expect("a temporary directory");
    let cid = cidfile.path().join("id");
    podman.done(
        podman
            .run()
            .args(["--rm", "--name", "moment", "--volume", "/usr:/machine:ro"])
            .arg(format!("--cidfile={}", cid.display()))
            .args([image::NAME, image::PORTRAIT]),
    );
    let id = fs::read_to_string(&cid).expect("podman writes the id");
    let finding = watch.portrait(id.trim());
    assert_fields(
        &finding,
        json!({
            "id": id.trim(), "name": "moment", "image": image::NAME, "digest": digest, "pod": "",
            "namespace": "", "privileged": false, "host_namespaces": ["network", "user"],
            "sandbox": false, "runtime": "runc,podman", "pending": false,
        }),
    );
    assert!(
        mounts(&finding)
            .iter()
            .any(|m| m.starts_with("/usr:/machine:ro"))
    );
    assert!(has_capability(&finding, "CAP_CHOWN"));

    let id = podman.done(podman.run().args([
        "--detach",
        "--privileged",
        "--pid",
        "host",
        "--name",
        "strong",
        image::NAME,
        image::PORTRAIT,
        "stay",
    ]));
    let finding = watch.portrait(&id);
    assert_fields(
        &finding,
        json!({
            "name": "strong", "privileged": true, "host_namespaces": ["pid", "network", "user"],
        }),
    );
    watch.agent.stop();
}

#[test]
fn podmans_service_tells_labels_and_pods_also_of_what_was_there_before() {
    require!(
        Need::Agent,
        Need::Kernel,
        Need::Tool("podman"),
        Need::Tool("cc")
    );
    let _alone = workspace::alone();
    let mut podman = Podman::new();
    let socket = podman.serve();
    let id = podman.done(podman.run().args([
        "--detach",
        "--name",
        "early",
        "--label",
        "app=shop",
        "--label",
        "tier=front",
        image::NAME,
        image::PORTRAIT,
        "stay",
    ]));
    // The same service, asked in its own protocol and in docker's.
    for engine in ["podman", "docker"] {
        let watch = Watch::start(&runtime(engine, &socket));
        podman.done(podman.command().args(["exec", &id, image::PORTRAIT]));
        let finding = watch.portrait(&id);
        assert_fields(
            &finding,
            json!({
                "name": "early", "image": image::NAME, "pending": false,
                "labels": {"app": "shop", "tier": "front"},
                "runtime": format!("runc,podman{}", if engine == "docker" { ",docker" } else { "" }),
            }),
        );
        assert!(
            finding.json["container"]["digest"]
                .as_str()
                .is_some_and(|d| d.starts_with("sha256:"))
        );
        let message = finding.text("/message");
        assert!(message.contains("labels=app=shop,tier=front"), "{message}");
        watch.agent.stop();
    }
}

const POD: Pod = Pod {
    name: "web-0",
    namespace: "prod",
    uid: "11111111-2222-3333-4444-555555555555",
    container: "web",
    label: ("app", "shop"),
    command: &[image::PORTRAIT],
    privileged: false,
};

#[test]
fn containers_of_a_pod_are_known_through_cri() {
    require!(
        Need::Agent,
        Need::Kernel,
        Need::Tool("containerd"),
        Need::Tool("curl"),
        Need::Tool("cc")
    );
    let _alone = workspace::alone();
    let mut containerd = Containerd::start();
    let watch = Watch::start(&runtime("containerd", &containerd.socket()));
    // One that is over at once, and one that stays in a pod of its own.
    let (sandbox, id) = containerd.run(&POD);
    let finding = watch.portrait(&id);
    let expected = json!({
        "id": id, "name": "web", "image": image::NAME, "pod": "web-0", "namespace": "prod",
        "pod_uid": POD.uid, "privileged": false, "host_namespaces": ["network", "user"],
        "sandbox": false, "outer": null, "runtime": "runc,cri", "pending": false,
        "labels": {
            "app": "shop",
            "io.kubernetes.container.name": "web",
            "io.kubernetes.pod.name": "web-0",
            "io.kubernetes.pod.namespace": "prod",
            "io.kubernetes.pod.uid": POD.uid,
        },
    });
    assert_fields(&finding, expected.clone());
    let digest = finding.json["container"]["digest"].as_str();
    assert!(
        digest.is_some_and(|d| d.len() == "sha256:".len() + 64),
        "{digest:?}"
    );
    assert!(has_capability(&finding, "CAP_CHOWN"));
    assert!(
        !mounts(&finding).is_empty(),
        "the pod's hosts file and the like"
    );
    assert_ne!(sandbox, id);

    let strong = Pod {
        name: "strong-0",
        uid: "99999999-2222-3333-4444-555555555555",
        command: &[image::PORTRAIT, "stay"],
        privileged: true,
        ..POD
    };
    let (_, id) = containerd.run(&strong);
    assert_fields(
        &watch.portrait(&id),
        json!({"pod": "strong-0", "privileged": true}),
    );
    watch.agent.stop();

    // An agent that comes late asks about what is there.
    let watch = Watch::start(&runtime("cri", &containerd.socket()));
    containerd.exec(&id, image::PORTRAIT);
    let finding = watch.portrait(&id);
    assert_fields(
        &finding,
        json!({
            "name": "web", "image": image::NAME, "pod": "strong-0", "pod_uid": strong.uid,
            "privileged": true, "pending": false, "runtime": "runc,cri",
        }),
    );
    let message = finding.text("/message");
    assert!(
        message.contains("pod=strong-0 labels=app=shop"),
        "{message}"
    );
    watch.agent.stop();
}
