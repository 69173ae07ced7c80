//! A reverse shell, started somewhere, with its remote end and everything that comes of it.

use crate::{
    container::{Container, Spec},
    listener::{Listener, Wire},
    network::Network,
    process::{Mark, alive, wait_for},
    tools::{Names, Place, Tools},
};
use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Starts a shell script on the host, away from the terminal of who runs the tests.
///
/// # Panics
/// Where the machine has no shell.
pub fn spawn_script(script: &str, tools: &Tools, mark: &Mark) -> Child {
    let file = tools.layer().join("entry");
    fs::write(&file, script).expect("an own directory");
    let log = fs::File::create(tools.layer().join("log")).expect("an own directory");
    Command::new("setsid")
        .arg(tools.get("sh"))
        .arg(&file)
        .current_dir(tools.layer())
        .env(Mark::NAME, mark.value())
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a descriptor"))
        .stderr(log)
        .spawn()
        .expect("setsid is installed")
}

/// One try at a reverse shell. Dropped, all of it is ended.
#[derive(Debug)]
pub struct RemoteShell {
    // Dropped in this order: what runs, then what it ran in.
    mark: Mark,
    listener: Listener,
    child: Option<Child>,
    container: Option<Container>,
    tools: Tools,
}

impl RemoteShell {
    /// Writes the attack for the tools and the port at hand, and starts it.
    pub fn start(
        place: Place,
        names: Names,
        wire: Wire,
        attack: impl Fn(&Tools, u16) -> String,
    ) -> Self {
        let tools = Tools::new(place, names);
        let mark = Mark::new();
        let network = match place {
            Place::Host => Network::host(),
            Place::Container => Network::private(),
        };
        let listener = Listener::start(&network, wire);
        // A last line, so that the shell that starts it stays and is the parent of all.
        let script = format!("{}\nexit $?\n", attack(&tools, listener.port()));
        let mut shell = Self {
            mark,
            listener,
            child: None,
            container: None,
            tools,
        };
        match place {
            Place::Host => shell.child = Some(spawn_script(&script, &shell.tools, &shell.mark)),
            Place::Container => {
                let spec = Spec {
                    script,
                    layer: Some(shell.tools.layer().to_owned()),
                    environment: vec![format!("{}={}", Mark::NAME, shell.mark.value())],
                    ..Spec::default()
                };
                shell.container = Some(Container::start(spec, network));
            }
        }
        shell
    }

    /// The remote end.
    pub fn listener(&self) -> &Listener {
        &self.listener
    }

    /// The process that everything else descends from.
    pub fn root(&self) -> u32 {
        match (&self.child, &self.container) {
            (Some(child), _) => child.id(),
            (_, Some(container)) => container.pid(),
            _ => unreachable!("one of them was started"),
        }
    }

    /// The container that it is in, if any.
    pub fn container(&self) -> Option<&str> {
        self.container.as_ref().map(Container::id)
    }

    /// The shell that answered the remote end's first command.
    pub fn shell(&self, limit: Duration) -> Option<u32> {
        let own = self.listener.reply(limit)?;
        self.mark.by_own_pid(own)
    }

    /// Everything that came of it and still lives.
    pub fn processes(&self) -> Vec<u32> {
        let mut pids = self.mark.processes();
        pids.retain(|&pid| alive(pid));
        pids
    }

    /// Waits for all of it to end by itself.
    pub fn ended_within(&self, limit: Duration) -> bool {
        wait_for(limit, || self.processes().is_empty().then_some(())).is_some()
    }

    /// What the script and its programs complained of, for a failing test's message.
    pub fn log(&self) -> String {
        let log = match &self.container {
            Some(container) => container.log(),
            None => fs::read_to_string(self.tools.layer().join("log")).unwrap_or_default(),
        };
        format!("received {:?}, printed {log:?}", self.listener.received())
    }
}

impl Drop for RemoteShell {
    fn drop(&mut self) {
        self.mark.end();
        if let Some(child) = &mut self.child {
            // It is dead; this only takes its zombie away.
            let _ = child.wait();
        }
    }
}
