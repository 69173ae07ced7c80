//! What an operator asks of the plugins of a running host.

mod support;

use std::{
    path::Path,
    time::{Duration, Instant},
};
use support::*;
use vedette::plugin::{
    Answer, Command, HostOptions, Outcome, PluginHost, Reply, Report, life::Stage,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Asks, and does what the pipeline does until there is an answer.
fn ask(host: &mut PluginHost, command: Command) -> Result<Answer, String> {
    let (reply, answer) = Reply::channel();
    host.serve(command, reply);
    let begun = Instant::now();
    loop {
        if let Ok(answer) = answer.try_recv() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "an answer comes");
        for change in host.changes() {
            host.apply(change);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn done(host: &mut PluginHost, command: Command) -> String {
    match ask(host, command) {
        Ok(Answer::Done(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn info(host: &mut PluginHost, plugin: &str) -> Report {
    let plugin = plugin.to_owned();
    match ask(host, Command::Info { plugin }) {
        Ok(Answer::Plugin(report)) => *report,
        other => panic!("{other:?}"),
    }
}

fn disable(plugin: &str) -> Command {
    Command::Disable {
        plugin: plugin.to_owned(),
    }
}

fn enable(plugin: &str) -> Command {
    Command::Enable {
        plugin: plugin.to_owned(),
    }
}

fn quarantine(plugin: &str) -> Command {
    Command::Quarantine {
        plugin: plugin.to_owned(),
    }
}

fn reload(plugin: &str) -> Command {
    Command::Reload {
        plugin: plugin.to_owned(),
        force: false,
        shadow: None,
    }
}

fn options(directory: &Path) -> HostOptions {
    HostOptions {
        sources: vec![directory.join("plugins")],
        overflow: vedette::plugin::Overflow::Wait,
        decisions: Some(directory.join("plugins.json")),
        ..HostOptions::default()
    }
}

fn with_keeper() -> (
    tempfile::TempDir,
    PluginHost,
    crossbeam_channel::Receiver<Outcome>,
) {
    let directory = directory();
    std::fs::create_dir(directory.path().join("plugins")).expect("made");
    put(
        &directory.path().join("plugins"),
        "k.wasm",
        &plugin("keeper", &[]),
    );
    let (host, outcomes) = host(options(directory.path()));
    (directory, host, outcomes)
}

/// What the keeper has told last: what its memory and its state have counted.
fn counted(outcomes: &crossbeam_channel::Receiver<Outcome>) -> Option<String> {
    let mut told = findings(outcomes).into_iter();
    let last = told.rfind(|finding| &*finding.plugin == "keeper")?;
    Some(last.message.trim_end_matches(" {}").to_owned())
}

#[test]
fn a_disabled_plugin_stays_disabled_over_a_restart_and_keeps_its_state() {
    let (directory, mut host, outcomes) = with_keeper();
    offer(&mut host, &exec(0, "/x"));
    offer(&mut host, &exec(1, "/x"));
    done(&mut host, disable("keeper"));
    assert!(host.plugins().is_empty());
    offer(&mut host, &exec(2, "/x"));
    host.drain();
    assert_eq!(
        counted(&outcomes).as_deref(),
        Some("2 2"),
        "what was offered before is judged"
    );
    let report = info(&mut host, "keeper");
    assert_eq!((report.stage, report.generation), (Stage::Disabled, None));
    assert!(
        report.reason.contains("vedette plugin enable keeper"),
        "{}",
        report.reason
    );
    // It is not taken from its directory either.
    assert!(
        ask(&mut host, reload("keeper"))
            .expect_err("held")
            .contains("is disabled")
    );

    let told = done(&mut host, enable("keeper"));
    assert!(told.contains("in service as generation"), "{told}");
    offer(&mut host, &exec(3, "/x"));
    host.drain();
    assert_eq!(
        counted(&outcomes).as_deref(),
        Some("1 3"),
        "its state was kept, its memory not"
    );

    done(&mut host, disable("keeper"));
    drop(host);
    let (send, outcomes) = crossbeam_channel::unbounded();
    let mut host = PluginHost::new(options(directory.path()), send).expect("it starts");
    let loaded = host.load_all();
    let reason = loaded[0].result.as_ref().expect_err("held");
    assert!(reason.contains("is disabled"), "{reason}");
    assert_eq!(info(&mut host, "keeper").stage, Stage::Disabled);
    done(&mut host, enable("keeper"));
    offer(&mut host, &exec(4, "/x"));
    host.drain();
    assert_eq!(counted(&outcomes).as_deref(), Some("1 1"));
}

#[test]
fn a_quarantine_is_of_the_component_and_ends_when_it_is_released_or_replaced() {
    let (directory, mut host, outcomes) = with_keeper();
    done(&mut host, quarantine("keeper"));
    offer(&mut host, &exec(0, "/x"));
    host.drain();
    let report = info(&mut host, "keeper");
    assert_eq!(report.stage, Stage::Quarantined);
    assert_eq!(
        report.stats.map(|s| (s.quarantined, s.lost)),
        Some((true, 1))
    );
    let health: Vec<String> = findings(&outcomes).into_iter().map(|f| f.rule).collect();
    assert_eq!(health, ["plugin-quarantined"]);

    done(&mut host, enable("keeper"));
    offer(&mut host, &exec(1, "/x"));
    host.drain();
    assert_eq!(counted(&outcomes).as_deref(), Some("1 1"));
    assert_eq!(info(&mut host, "keeper").stage, Stage::Active);

    // It lasts over a restart, and another component of the plugin is not concerned.
    done(&mut host, quarantine("keeper"));
    drop(host);
    let (send, outcomes) = crossbeam_channel::unbounded();
    let mut host = PluginHost::new(options(directory.path()), send).expect("it starts");
    assert!(host.load_all()[0].result.is_err());
    assert_eq!(info(&mut host, "keeper").stage, Stage::Quarantined);
    let newer = plugin("keeper", &[("version = \"1.0.0\"", "version = \"1.0.1\"")]);
    put(&directory.path().join("plugins"), "k.wasm", &newer);
    let begun = Instant::now();
    while host.plugins().is_empty() {
        assert!(begun.elapsed() < PATIENCE, "the new one comes");
        for change in host.changes() {
            host.apply(change);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    offer(&mut host, &exec(2, "/x"));
    host.drain();
    assert_eq!(counted(&outcomes).as_deref(), Some("1 1"));
}

#[test]
fn a_reload_that_is_asked_for_tells_how_it_ended() {
    let (directory, mut host, outcomes) = with_keeper();
    offer(&mut host, &exec(0, "/x"));
    let told = done(&mut host, reload("keeper"));
    assert!(
        told.contains("in service as generation 2, pause "),
        "{told}"
    );
    offer(&mut host, &exec(1, "/x"));
    host.drain();
    assert_eq!(counted(&outcomes).as_deref(), Some("2 2"));
    let report = info(&mut host, "keeper");
    let stages: Vec<Stage> = report.generations[0]
        .stages
        .iter()
        .map(|s| s.stage)
        .collect();
    assert_eq!(stages, [Stage::Staged, Stage::Warming, Stage::Active]);

    let unknown = ask(&mut host, reload("nobody")).expect_err("unknown");
    assert!(unknown.contains("there are keeper"), "{unknown}");

    let refuses = plugin("keeper", &[("[config]", "[config]\nrestore = \"refuse\"")]);
    put(&directory.path().join("plugins"), "k.wasm", &refuses);
    let reason = ask(&mut host, reload("keeper")).expect_err("refused");
    assert!(reason.contains("as the configuration asks"), "{reason}");
    put(&directory.path().join("plugins"), "k.wasm", b"\0asm");
    let reason = ask(&mut host, reload("keeper")).expect_err("refused");
    assert!(reason.contains("not a WebAssembly component"), "{reason}");
    let report = info(&mut host, "keeper");
    assert_eq!((report.stage, report.generation), (Stage::Active, Some(2)));
    assert_eq!(report.generations[0].stages[0].stage, Stage::Refused);
}

#[test]
fn what_lacks_a_grant_stays_staged_until_it_has_it() {
    use vedette::{
        grants::{Binding, Grant, Grants, Policy},
        plugin::component::Component,
    };
    let directory = directory();
    let plugins = directory.path().join("plugins");
    std::fs::create_dir(&plugins).expect("made");
    let bytes = plugin("keeper", &[]);
    put(&plugins, "k.wasm", &bytes);
    let grants = Grants::open(&directory.path().join("grants.toml"), Policy::Strict);
    let grants = grants.expect("nothing is granted yet");
    let (send, _outcomes) = crossbeam_channel::unbounded();
    let mut host = PluginHost::new(
        HostOptions {
            grants: grants.clone(),
            ..options(directory.path())
        },
        send,
    )
    .expect("it starts");
    assert!(host.load_all()[0].result.is_err());
    let report = info(&mut host, "keeper");
    assert_eq!((report.stage, report.generation), (Stage::Staged, None));
    assert!(report.reason.contains("not granted"), "{}", report.reason);

    let component = Component::verify(bytes).expect("sound");
    let asked = Grant::asked(&component.manifest);
    let granted = grants.grant("keeper", Binding::of(&component), asked);
    granted.expect("written down");
    let begun = Instant::now();
    while host.plugins().is_empty() {
        assert!(begun.elapsed() < PATIENCE, "it goes on by itself");
        for change in host.changes() {
            host.apply(change);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(info(&mut host, "keeper").stage, Stage::Active);
}

#[test]
fn settings_that_change_are_followed() {
    let directory = directory();
    let settings = support::directory();
    let file = settings.path().join("keeper.toml");
    std::fs::create_dir(directory.path().join("plugins")).expect("made");
    let config = "[config]\nlimit = { type = \"integer\" }";
    put(
        &directory.path().join("plugins"),
        "k.wasm",
        &plugin("keeper", &[("[config]", config)]),
    );
    let (send, outcomes) = crossbeam_channel::unbounded();
    let mut host = PluginHost::new(
        HostOptions {
            settings: Some(settings.path().to_owned()),
            watch: true,
            ..options(directory.path())
        },
        send,
    )
    .expect("the runtime starts");
    let reports = host.load_all();
    let refused = reports[0].result.as_ref().expect_err("it is not set");
    assert!(refused.contains("has no default"), "{refused}");

    let mut id = 0;
    // Waits until the settings that it was given hold this.
    let mut until = |host: &mut PluginHost, holds: &str| {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "{holds}");
            for change in host.changes() {
                host.apply(change);
            }
            offer(host, &exec(id, "/x"));
            id += 1;
            host.drain();
            let told = |outcome: Outcome| match outcome {
                Outcome::Finding(finding) => finding.message,
                Outcome::Refused { reason, .. } => reason,
                _ => String::new(),
            };
            if outcomes
                .try_iter()
                .map(told)
                .any(|said| said.contains(holds))
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    std::fs::write(&file, "limit = 5").expect("written");
    until(&mut host, "{\"limit\":5}");
    std::fs::write(&file, "limit = 9").expect("written");
    until(&mut host, "{\"limit\":9}");
    std::fs::write(&file, "limit = \"many\"").expect("written");
    until(&mut host, "keeper.toml:1");
    until(&mut host, "{\"limit\":9}");
    std::fs::write(&file, "limit = 10").expect("written");
    until(&mut host, "{\"limit\":10}");
    let report = info(&mut host, "keeper");
    assert_eq!(report.generation, Some(3));
}
