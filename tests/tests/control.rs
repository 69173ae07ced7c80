//! Operating the plugins of a running agent: from another terminal, by root alone.

use serde_json::Value;
use std::process::{Command, Output};
use tempfile::TempDir;
use vedette_tests::{
    agent::{Agent, Options, PATIENCE, command, own_name},
    guests::{Component, PluginDirectory},
    need::Need,
    process::wait_for,
    require,
    storm::{Site, Storm},
    workspace,
};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `vedette plugin …` to this agent.
fn plugin(agent: &Agent, arguments: &[&str]) -> Output {
    let mut command = command(["plugin"]);
    command.args(arguments).args(["--instance", agent.name()]);
    let output = command.output().expect("the agent is built");
    let errors = text(&output.stderr);
    assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    output
}

/// The same, which must succeed.
fn done(agent: &Agent, arguments: &[&str]) -> String {
    let output = plugin(agent, arguments);
    let errors = text(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    text(&output.stdout)
}

/// What is told of one plugin, as JSON.
fn info(agent: &Agent, plugin: &str) -> Value {
    let json = done(agent, &["info", plugin, "--json"]);
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn told_by(agent: &Agent, generation: u32) {
    agent.expect(&format!("of generation {generation}"), |finding| {
        let message = finding.text("/message");
        finding.text("/plugin") == "witness-a" && message.contains(&format!(" {generation}:"))
    });
}

#[test]
fn plugins_are_operated_while_events_rain() {
    require!(Need::Agent, Need::Kernel, Need::Tool("cc"));
    let _alone = workspace::alone();
    let site = Site::new();
    let directory = PluginDirectory::new();
    let witness = Component::witness('a');
    directory.put("witness", &witness);
    let state = TempDir::new().expect("a directory");
    let name = own_name();
    let options = || {
        Options::default()
            .named(&name)
            .plugins(directory.path())
            .argument(format!("--state={}", state.path().display()))
    };
    let agent = options().start();
    let storm = Storm::start(&site, 1);
    told_by(&agent, 0);

    let table = done(&agent, &["list"]);
    let mut lines = table.lines();
    assert!(lines.next().is_some_and(|l| l.starts_with("ID")), "{table}");
    assert!(
        lines
            .next()
            .is_some_and(|l| l.starts_with("witness-a  1.00.0") && l.contains(" active ")),
        "{table}"
    );
    let page = done(&agent, &["info", "witness-a"]);
    assert!(page.contains("generation   1: 1.00.0 sha256:"), "{page}");

    // A new version, the one before again, and the new one when it is insisted on.
    directory.put("witness", &witness.generation(1));
    told_by(&agent, 1);
    let told = done(&agent, &["rollback", "witness-a"]);
    assert!(
        told.contains("1.00.0 serves again as generation 1"),
        "{told}"
    );
    assert_eq!(info(&agent, "witness-a")["version"], "1.00.0");
    let refused = plugin(&agent, &["reload", "witness-a"]);
    assert!(!refused.status.success());
    assert!(
        text(&refused.stderr).contains("reload --force"),
        "{}",
        text(&refused.stderr)
    );
    let told = done(&agent, &["reload", "witness-a", "--force"]);
    assert!(told.contains("1.01.0 is in service"), "{told}");

    done(&agent, &["quarantine", "witness-a"]);
    agent.expect("of the quarantine", |finding| {
        finding.text("/rule") == "plugin-quarantined"
    });
    assert_eq!(info(&agent, "witness-a")["stage"], "quarantined");
    done(&agent, &["enable", "witness-a"]);
    assert_eq!(info(&agent, "witness-a")["stage"], "active");

    done(&agent, &["disable", "witness-a"]);
    assert_eq!(info(&agent, "witness-a")["stage"], "disabled");
    storm.end();
    agent.stop();

    // It stays disabled over a restart, and nothing in its directory changes that.
    let agent = options().start();
    assert!(agent.errors().contains("is disabled"), "{}", agent.errors());
    directory.put("witness", &witness.generation(2));
    let refused = wait_for(PATIENCE, || {
        (agent.errors().matches("is disabled").count() > 1).then_some(())
    });
    assert!(refused.is_some(), "{}", agent.errors());
    let storm = Storm::start(&site, 1);
    done(&agent, &["enable", "witness-a"]);
    told_by(&agent, 2);
    storm.end();
    agent.stop();
}

#[test]
fn nobody_but_root_is_let_in_and_errors_name_the_remedy() {
    require!(Need::Agent, Need::Kernel, Need::Tool("setpriv"));
    let _alone = workspace::alone();
    let agent = Agent::observing();
    let unknown = plugin(&agent, &["info", "nobody"]);
    assert!(!unknown.status.success());
    assert!(
        text(&unknown.stderr).contains("there are "),
        "{}",
        text(&unknown.stderr)
    );

    // The socket in a place that anyone can reach: its mode is what keeps them out.
    let open = TempDir::new().expect("a directory");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(open.path(), mode).expect("an own directory");
    let socket = open.path().join("control");
    let other = Options::default()
        .argument(format!("--control={}", socket.display()))
        .start();
    let as_nobody = |program: &str, arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", program]);
        command.args(arguments).output().expect("setpriv runs")
    };
    let path = socket.to_str().expect("UTF-8");
    // A copy, because the build's own directory need not be open to others.
    let binary = open.path().join("vedette");
    std::fs::copy(workspace::vedette(), &binary).expect("copied");
    let binary = binary.to_str().expect("UTF-8");
    let refused = as_nobody(binary, &["plugin", "list", "--control", path]);
    assert!(!refused.status.success());
    assert!(
        text(&refused.stderr).contains("only root"),
        "{}",
        text(&refused.stderr)
    );
    let list = command(["plugin", "list", "--json", "--control", path]).output();
    let list = list.expect("the agent is built");
    let list: Value = serde_json::from_slice(&list.stdout).expect("JSON");
    assert!(list.as_array().is_some_and(|all| !all.is_empty()), "{list}");
    other.stop();
    assert!(!socket.exists(), "the socket goes with its agent");
    agent.stop();

    let nobody = command(["plugin", "list", "--control", path]).output();
    let nobody = nobody.expect("the agent is built");
    assert!(
        text(&nobody.stderr).contains("start one with `vedette run`"),
        "{}",
        text(&nobody.stderr)
    );
}

#[test]
fn what_waits_for_a_grant_is_granted_and_revoked_by_its_id() {
    require!(Need::Agent, Need::Kernel, Need::Tool("cc"));
    let _alone = workspace::alone();
    let site = Site::new();
    let directory = PluginDirectory::new();
    directory.put("witness", &Component::witness('a'));
    let state = TempDir::new().expect("a directory");
    // Whatever the agent's name and directory are, the commands find its file.
    let name = own_name();
    let agent = Options::default()
        .named(&name)
        .plugins(directory.path())
        .argument(format!("--state={}", state.path().display()))
        .argument("--grant-defaults=strict")
        .start();
    assert_eq!(info(&agent, "witness-a")["stage"], "staged");
    agent.expect("that it is not in service", |finding| {
        finding.text("/rule") == "plugin-refused"
            && finding.text("/message").contains("is not granted to it")
    });
    let storm = Storm::start(&site, 1);

    let granted = done(&agent, &["grant", "witness-a", "--json"]);
    let granted: Value = serde_json::from_str(&granted).expect("JSON");
    assert_eq!(granted["plugin"], "witness-a");
    let digest = granted["to"]["digest"].as_str().expect("it is unsigned");
    told_by(&agent, 0);
    assert_eq!(info(&agent, "witness-a")["digest"], digest);
    let file = state.path().join(format!("{name}.grants.toml"));
    let written = std::fs::read_to_string(file).expect("the agent's file");
    assert!(written.contains(digest), "{written}");
    let grants = done(&agent, &["grants", "--json"]);
    assert!(grants.contains(digest), "{grants}");

    let told = done(&agent, &["revoke", "witness-a"]);
    assert!(told.contains("nothing any more"), "{told}");
    agent.expect("that it has left", |finding| {
        finding.text("/rule") == "plugin-removed" && finding.text("/message").contains("revoked")
    });
    assert_eq!(info(&agent, "witness-a")["stage"], "staged");
    let nobody = plugin(&agent, &["grant", "nobody"]);
    let errors = text(&nobody.stderr);
    assert!(
        !nobody.status.success() && errors.contains("there is no plugin"),
        "{errors}"
    );
    storm.end();
    agent.stop();

    // Without an agent the file can be named, and it is said that nobody goes by it.
    let own = state.path().join("own.toml");
    let own = own.to_str().expect("UTF-8");
    let mut revoke = command([
        "plugin",
        "revoke",
        "witness-a",
        "--grants",
        own,
        "--instance",
    ]);
    let revoke = revoke.arg(&name).output().expect("the agent is built");
    assert!(revoke.status.success(), "{}", text(&revoke.stderr));
    assert!(
        text(&revoke.stderr).contains("answers"),
        "{}",
        text(&revoke.stderr)
    );
}
