//! How an agent that runs comes to lose a detector, and how not: what the operator takes away, what
//! takes another plugin's file, files that go and come back. Whatever is lost is a finding.

mod support;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::{Duration, Instant},
};
use support::*;
use vedette::{
    finding::{Finding, Severity},
    grants::{Binding, Grant, Grants, Policy},
    live::boot_time,
    plugin::{
        HostOptions, Outcome, PluginHost, Report, component::Component, life::Stage,
        queue::Overflow,
    },
    record::Record,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// An agent that runs: its directory of plugins and all that it has said.
struct Node {
    place: tempfile::TempDir,
    host: PluginHost,
    outcomes: crossbeam_channel::Receiver<Outcome>,
    health: Vec<Finding>,
    told: Vec<String>,
}

impl Node {
    fn start(place: tempfile::TempDir, files: &[(&str, Vec<u8>)], policy: Policy) -> Node {
        let plugins = place.path().join("plugins");
        let settings = place.path().join("settings");
        for directory in [&plugins, &settings] {
            if !directory.exists() {
                fs::create_dir(directory).expect("made");
            }
        }
        for (name, bytes) in files {
            put(&plugins, name, bytes);
        }
        let options = HostOptions {
            sources: vec![plugins],
            settings: Some(settings),
            store: Some(place.path().join("test.state.redb")),
            grants: Grants::open(&place.path().join("grants.toml"), policy).expect("sound"),
            overflow: Overflow::Wait,
            ..HostOptions::default()
        };
        let (send, outcomes) = crossbeam_channel::unbounded();
        let mut host = PluginHost::new(options, send).expect("it starts");
        host.load_all();
        Node {
            place,
            host,
            outcomes,
            health: Vec::new(),
            told: Vec::new(),
        }
    }

    fn plugins(&self) -> std::path::PathBuf {
        self.place.path().join("plugins")
    }

    fn settings(&self, name: &str) -> std::path::PathBuf {
        self.place.path().join("settings").join(name)
    }

    /// The operator's grants, as a command opens them.
    fn grants(&self) -> Grants {
        let file = self.place.path().join("grants.toml");
        Grants::open(&file, Policy::Strict).expect("sound")
    }

    /// Does what the pipeline does, and hears what is said.
    fn turn(&mut self) {
        for change in self.host.changes() {
            self.host.apply(change);
        }
        for finding in findings(&self.outcomes) {
            match &*finding.plugin {
                "vedette" => self.health.push(finding),
                _ => self.told.push(finding.message),
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }

    fn until(&mut self, what: &str, came: impl Fn(&Node) -> bool) {
        let begun = Instant::now();
        while !came(self) {
            assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", self.health);
            self.turn();
        }
    }

    fn serves(&self, id: &str, version: &str) -> bool {
        let plugins = self.host.plugins();
        plugins
            .iter()
            .any(|p| *p.id == *id && p.manifest.version == version)
    }

    fn report(&self, id: &str) -> Report {
        let mut reports = self.host.reports().into_iter();
        reports.find(|r| r.id == id).expect("it is known")
    }

    fn said(&self, rule: &str) -> Vec<(Severity, String)> {
        let of = self.health.iter().filter(|f| f.rule == rule);
        of.map(|f| (f.severity, f.message.clone())).collect()
    }

    /// What the keeper has counted after one more exec, as of now: in its memory and its state.
    fn count(&mut self) -> String {
        let record = exec(0, "/x");
        let mut event = record.event.clone();
        event.at = boot_time();
        self.host.offer(Record {
            event,
            process: record.process.clone(),
            target: None,
        });
        self.host.drain();
        self.turn();
        let told = self.told.pop().expect("it tells of each");
        told.split(" {").next().unwrap_or_default().to_owned()
    }
}

fn keeper(version: &str) -> Vec<u8> {
    let version = format!("version = {version:?}");
    let keeps = "[state]\nrestart = \"keep\"\n[config]";
    plugin(
        "keeper",
        &[("version = \"1.0.0\"", &version), ("[config]", keeps)],
    )
}

#[test]
fn what_is_revoked_leaves_service_until_it_is_granted() {
    let mut node = Node::start(
        directory(),
        &[("k.wasm", keeper("1.0.0"))],
        Policy::FirstUse,
    );
    assert!(node.serves("keeper", "1.0.0"));
    assert!(node.grants().revoke("keeper").expect("written"));
    node.until("it leaves", |node| node.host.plugins().is_empty());
    let report = node.report("keeper");
    assert_eq!(report.stage, Stage::Staged);
    assert!(report.reason.contains("revoked"), "{}", report.reason);
    node.until("it is said", |node| !node.said("plugin-removed").is_empty());
    // Its file is no way back, not as it was and not as another version.
    put(&node.plugins(), "k.wasm", &keeper("1.0.1"));
    node.until("the new one is held", |node| {
        !node.said("plugin-refused").is_empty()
    });
    let (severity, message) = node.said("plugin-refused").remove(0);
    assert_eq!(severity, Severity::High);
    assert!(message.contains("is not granted to it"), "{message}");

    let component = Component::verify(keeper("1.0.1")).expect("sound");
    let asked = Grant::asked(&component.manifest);
    let granted = node
        .grants()
        .grant("keeper", Binding::of(&component), asked);
    granted.expect("written");
    node.until("it comes back", |node| node.serves("keeper", "1.0.1"));
}

#[test]
fn what_is_revoked_while_it_is_made_ready_leaves_too() {
    let mut node = Node::start(directory(), &[], Policy::FirstUse);
    put(&node.plugins(), "k.wasm", &keeper("1.0.0"));
    let begun = Instant::now();
    let change = loop {
        if let Some(change) = node.host.changes().pop() {
            break change;
        }
        assert!(begun.elapsed() < PATIENCE, "it comes");
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(node.grants().revoke("keeper").expect("written"));
    // It was noticed, and there was nothing to take out of service.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        node.turn();
    }
    node.host.apply(change);
    assert!(node.serves("keeper", "1.0.0"));
    node.until("it leaves", |node| node.host.plugins().is_empty());
}

#[test]
fn a_new_id_in_a_plugins_file_does_not_show_what_was_not_granted() {
    let mut node = Node::start(
        directory(),
        &[("a.wasm", keeper("1.0.0"))],
        Policy::FirstUse,
    );
    assert!(node.serves("keeper", "1.0.0"));
    // The probe reads arguments.
    put(&node.plugins(), "a.wasm", &plugin("probe", &[]));
    node.until("it is held", |node| !node.said("plugin-refused").is_empty());
    let (severity, message) = node.said("plugin-refused").remove(0);
    assert_eq!(
        severity,
        Severity::Medium,
        "the older one serves on: {message}"
    );
    assert!(message.contains("the fields arguments"), "{message}");
    assert!(message.contains("keeper 1.0.0 serves on"), "{message}");
    assert!(node.serves("keeper", "1.0.0"));
    assert!(node.said("plugin-removed").is_empty());

    let component = Component::verify(plugin("probe", &[])).expect("sound");
    let asked = Grant::asked(&component.manifest);
    let granted = node.grants().grant("probe", Binding::of(&component), asked);
    granted.expect("written");
    node.until("it comes", |node| node.serves("probe", "1.0.0"));
    node.until("what it cost is said", |node| {
        !node.said("plugin-removed").is_empty()
    });
    let (_, message) = node.said("plugin-removed").remove(0);
    assert!(
        message.contains("a.wasm holds the plugin probe now"),
        "{message}"
    );
    // In a file of its own a plugin is first seen as ever.
    put(&node.plugins(), "b.wasm", &keeper("1.0.2"));
    node.until("it comes too", |node| node.serves("keeper", "1.0.2"));
}

#[test]
fn a_file_that_is_taken_away_and_put_back_costs_nothing() {
    let mut node = Node::start(
        directory(),
        &[("k.wasm", keeper("1.0.0"))],
        Policy::FirstUse,
    );
    assert_eq!(node.count(), "1 1");
    let file = node.plugins().join("k.wasm");
    fs::remove_file(&file).expect("removed");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        node.turn();
    }
    assert_eq!(node.count(), "2 2");
    put(&node.plugins(), "k.wasm", &keeper("1.0.1"));
    node.until("the new one comes", |node| node.serves("keeper", "1.0.1"));
    assert_eq!(node.count(), "3 3", "it took memory and state over");
    assert!(node.said("plugin-removed").is_empty());

    // Gone for longer it is removed, and what it keeps on disk is not.
    fs::remove_file(&file).expect("removed");
    node.until("it is removed", |node| node.host.plugins().is_empty());
    node.turn();
    let (severity, message) = node.said("plugin-removed").remove(0);
    assert_eq!(severity, Severity::High);
    assert!(
        message.contains("its file") && message.contains("is gone"),
        "{message}"
    );
    put(&node.plugins(), "k.wasm", &keeper("1.0.2"));
    node.until("it comes back", |node| node.serves("keeper", "1.0.2"));
    assert_eq!(node.count(), "1 4");
    fs::remove_file(&file).expect("removed");
    node.until("it is removed", |node| node.host.plugins().is_empty());
    let Node { place, host, .. } = node;
    drop(host);
    let mut node = Node::start(place, &[("k.wasm", keeper("1.0.2"))], Policy::FirstUse);
    assert_eq!(node.count(), "1 5");
}

#[test]
fn a_directory_that_cannot_be_looked_at_takes_nothing_out_of_service() {
    let mut node = Node::start(
        directory(),
        &[("k.wasm", keeper("1.0.0"))],
        Policy::FirstUse,
    );
    assert_eq!(node.count(), "1 1");
    let (plugins, aside) = (node.plugins(), node.place.path().join("aside"));
    // A link to itself: nobody can look behind it, root neither.
    fs::rename(&plugins, &aside).expect("moved");
    symlink("plugins", &plugins).expect("linked");
    node.until("it is said", |node| !node.said("plugin-refused").is_empty());
    let (severity, message) = node.said("plugin-refused").remove(0);
    assert_eq!(severity, Severity::Medium, "{message}");
    assert!(
        message.contains("what is in service serves on"),
        "{message}"
    );
    let listed = |node: &Node| {
        node.host
            .reports()
            .iter()
            .any(|r| Path::new(&r.path) == plugins)
    };
    assert!(listed(&node));
    // Longer than a file may be gone.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(8) {
        node.turn();
    }
    assert_eq!(node.count(), "2 2");
    fs::remove_file(&plugins).expect("removed");
    fs::rename(&aside, &plugins).expect("moved");
    put(&plugins, "k.wasm", &keeper("1.0.1"));
    node.until("it is followed again", |node| {
        node.serves("keeper", "1.0.1")
    });
    assert_eq!(node.count(), "3 3");
    assert!(node.said("plugin-removed").is_empty());
    node.until("it is no longer listed", |node| !listed(node));
}

#[test]
fn settings_that_others_could_have_written_are_not_used() {
    let limit = "[config]\nlimit = { type = \"integer\", default = 1 }";
    let bytes = plugin("keeper", &[("[config]", limit)]);
    let mut node = Node::start(directory(), &[("k.wasm", bytes)], Policy::FirstUse);
    let file = node.settings("keeper.toml");
    let said = |node: &Node, what: &str| {
        let said = node.said("plugin-refused");
        said.iter().any(|(_, message)| message.contains(what))
    };
    fs::write(&file, "limit = 2").expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("permissions");
    node.until("refused", |node| said(node, "can be written to by others"));
    // Nor does what makes its reader wait make anyone wait.
    fs::remove_file(&file).expect("removed");
    let made = std::process::Command::new("mkfifo").arg(&file).status();
    assert!(made.expect("mkfifo runs").success());
    let probe = plugin(
        "probe",
        &[(
            "[config]",
            "[config]\nlimit = { type = \"integer\", default = 1 }",
        )],
    );
    let fifo = node.settings("probe.toml");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo runs").success());
    put(&node.plugins(), "p.wasm", &probe);
    node.until("refused", |node| said(node, "no plain file"));

    fs::remove_file(&file).expect("removed");
    fs::remove_file(&fifo).expect("removed");
    fs::write(&file, "limit = 3").expect("written");
    node.until("its settings hold", |node| {
        let report = node.report("keeper");
        report.generation > Some(1)
    });
    let told = {
        offer(&mut node.host, &exec(0, "/x"));
        node.host.drain();
        node.turn();
        node.told.pop().expect("it tells")
    };
    assert!(told.contains("{\"limit\":3}"), "{told}");
}

/// As Kubernetes mounts a ConfigMap: read-only, a directory that all could write to where it lies,
/// and one link by which all files are switched.
#[test]
fn settings_of_a_volume_that_is_mounted_read_only_are_used() {
    const INNER: &str = "VEDETTE_TEST_VOLUME";
    if std::env::var_os(INNER).is_none() {
        let own = std::env::current_exe().expect("a test binary");
        // Built here, where all of the machine can be used.
        component("keeper");
        let inner = std::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount"])
            .arg(own)
            .args([
                "--exact",
                "settings_of_a_volume_that_is_mounted_read_only_are_used",
            ])
            .arg("--nocapture")
            .env(INNER, "1")
            .output()
            .expect("unshare runs");
        let errors = String::from_utf8_lossy(&inner.stderr);
        if errors.contains("unshare failed") {
            println!("no user namespaces here, not tried: {errors}");
            return;
        }
        assert!(inner.status.success(), "{errors}");
        return;
    }
    let limit = "[config]\nlimit = { type = \"integer\", default = 1 }";
    let bytes = plugin("keeper", &[("[config]", limit)]);
    let place = directory();
    let volume = place.path().join("settings");
    let at = |name: &str| volume.join(name);
    for (n, name) in ["", "..v1", "..v2"].into_iter().enumerate() {
        fs::create_dir(at(name)).expect("made");
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).expect("permissions");
        fs::write(at(name).join("keeper.toml"), format!("limit = {n}")).expect("written");
    }
    fs::remove_file(at("keeper.toml")).expect("removed");
    symlink("..data/keeper.toml", at("keeper.toml")).expect("linked");
    symlink("..v1", at("..data")).expect("linked");
    fs::set_permissions(&volume, fs::Permissions::from_mode(0o777)).expect("permissions");
    let start = |place| {
        let files = [("k.wasm", bytes.clone())];
        let mut node = Node::start(place, &files, Policy::FirstUse);
        node.turn();
        node
    };
    // Where all can write, it is refused.
    let Node {
        place,
        host,
        health,
        ..
    } = start(place);
    assert!(host.plugins().is_empty() && health.len() == 1, "{health:?}");
    drop(host);
    // The kubelet writes where it lies, the agent sees it elsewhere.
    let behind = place.path().join("behind");
    fs::rename(&volume, &behind).expect("moved");
    fs::create_dir(&volume).expect("made");
    for options in ["bind", "remount,bind,ro"] {
        let mounted = std::process::Command::new("mount")
            .args(["-o", options])
            .args([&behind, &volume])
            .status();
        assert!(mounted.expect("mount runs").success(), "{options}");
    }
    let mut node = start(place);
    let told = |node: &mut Node| {
        offer(&mut node.host, &exec(0, "/x"));
        node.host.drain();
        node.turn();
        node.told.pop().unwrap_or_default()
    };
    assert!(
        told(&mut node).contains("{\"limit\":1}"),
        "{:?}",
        node.health
    );
    symlink("..v2", behind.join("..data_tmp")).expect("linked");
    fs::rename(behind.join("..data_tmp"), behind.join("..data")).expect("switched");
    let begun = Instant::now();
    while !told(&mut node).contains("{\"limit\":2}") {
        assert!(begun.elapsed() < PATIENCE, "{:?}", node.health);
    }
    let unmounted = std::process::Command::new("umount").arg(&volume).status();
    assert!(unmounted.expect("umount runs").success());
}

#[test]
fn what_does_not_come_into_service_at_start_is_a_finding() {
    let files = [
        ("a.wasm", b"nonsense".to_vec()),
        ("k.wasm", keeper("1.0.0")),
    ];
    let mut node = Node::start(directory(), &files, Policy::Strict);
    node.turn();
    let said = node.said("plugin-refused");
    assert_eq!(said.len(), 2, "{said:?}");
    for ((severity, message), about) in said.iter().zip(["a.wasm: ", "is not granted to it"]) {
        assert_eq!(*severity, Severity::High);
        assert!(message.contains(about), "{message}");
        assert!(message.contains("nothing of it serves"), "{message}");
    }
}
