//! Guests, events and a host for tests of the plugin runtime.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod all_kinds;
pub mod hostile;
pub mod lifted;
pub mod raw;
pub mod trial;
pub mod versions;

use crossbeam_channel::Receiver;
use std::{
    collections::HashMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use vedette::{
    context::{
        container::Container,
        process::{Process, key},
    },
    finding::Finding,
    plugin::{
        build::{BuildOptions, component_of, with_manifest},
        host::{HostOptions, PluginHost},
        outcome::Outcome,
    },
    record::Record,
};
use vedette_contract::kind;
use vedette_sensor::event::{Event, Image, Stream, Task, TaskRef};

/// Directory of a guest's crate.
pub fn crate_of(guest: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/guests")
        .join(guest)
}

/// Where guests are compiled: kept between runs.
pub fn guest_target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests")
}

/// The component of a guest without a manifest, built once.
pub fn component(guest: &str) -> Vec<u8> {
    static BUILT: Mutex<Option<HashMap<String, Vec<u8>>>> = Mutex::new(None);
    let mut built = BUILT.lock().expect("no panic");
    built
        .get_or_insert_default()
        .entry(guest.to_owned())
        .or_insert_with(|| {
            component_of(&BuildOptions {
                directory: crate_of(guest),
                output: None,
                target_directory: Some(guest_target()),
            })
            .expect("the guest builds")
        })
        .clone()
}

/// The manifest of a guest with pieces of it replaced.
pub fn manifest(guest: &str, replace: &[(&str, &str)]) -> String {
    let text = fs::read_to_string(crate_of(guest).join("plugin.toml")).expect("a manifest");
    replace.iter().fold(text, |text, (piece, by)| {
        assert!(text.contains(piece), "{piece} is in the manifest");
        text.replacen(piece, by, 1)
    })
}

/// A plugin: a guest with its manifest, pieces of it replaced.
pub fn plugin(guest: &str, replace: &[(&str, &str)]) -> Vec<u8> {
    with_manifest(component(guest), &manifest(guest, replace))
}

/// A directory that components may come from.
pub fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
    directory
}

/// Puts a component in a directory as careful people do: whole, or not at all.
pub fn put(directory: &Path, name: &str, bytes: &[u8]) {
    let aside = directory.join(format!(".{name}.new"));
    fs::write(&aside, bytes).expect("written");
    fs::rename(aside, directory.join(name)).expect("moved");
}

/// A host over a directory with what it says.
pub fn host(options: HostOptions) -> (PluginHost, Receiver<Outcome>) {
    let (send, receive) = crossbeam_channel::unbounded();
    let mut host = PluginHost::new(options, send).expect("the runtime starts");
    for report in host.load_all() {
        if let Err(reason) = report.result {
            panic!("{}: {reason}", report.path.display());
        }
    }
    (host, receive)
}

/// A host with these plugins, by file name, that loses nothing.
pub fn host_with(
    plugins: &[(&str, Vec<u8>)],
    options: HostOptions,
) -> (PluginHost, Receiver<Outcome>) {
    let directory = directory();
    for (name, bytes) in plugins {
        put(directory.path(), name, bytes);
    }
    host(HostOptions {
        sources: vec![directory.path().to_owned()],
        watch: false,
        overflow: vedette::plugin::queue::Overflow::Wait,
        ..options
    })
}

/// A process that executed something.
pub fn process(
    pid: u32,
    parent: Option<Arc<Process>>,
    args: &str,
    container: bool,
) -> Arc<Process> {
    let id = TaskRef {
        pid,
        start: u64::from(pid) * 1000,
    };
    Arc::new(Process {
        key: key(id),
        id,
        depth: parent.as_ref().map_or(0, |p| p.depth + 1),
        parent,
        container: container.then(|| {
            Arc::new(Container {
                key: 7,
                id: "0123456789ab".to_owned(),
                ..Container::default()
            })
        }),
        image_cgroups: (0, 0),
        uid: 1000,
        gid: 1000,
        marks: 0,
        capabilities: 0,
        namespaces: vedette_sensor::event::Namespaces::default(),
        cgroup: 7,
        cgroup_v1: 0,
        exec_id: 1,
        comm: *b"bash\0\0\0\0\0\0\0\0\0\0\0\0",
        exe: Arc::from(&b"/usr/bin/bash"[..]),
        image: Arc::new(Image {
            args: args.as_bytes().into(),
            args_len: args.len() as u32,
            cwd: b"/root".as_slice().into(),
            class: 2,
            ..Image::default()
        }),
        streams: Arc::from(vec![Stream {
            fd: 0,
            kind: 6,
            port: 4444,
            address: vec![127, 0, 0, 1].into(),
            ..Stream::default()
        }]),
        life: vedette::context::process::Life::default(),
        revision: 0,
    })
}

/// An exec of `path` by a process of a small family.
pub fn exec(id: u64, path: &str) -> Arc<Record> {
    let init = process(1, None, "init", false);
    let shell = process(
        100 + (id % 50) as u32,
        Some(init),
        "bash\0-i",
        id.is_multiple_of(3),
    );
    event(kind::EXEC, id, path, shell)
}

/// An event of a process; a millisecond after the one before it.
pub fn event(kind: u16, id: u64, text: &str, process: Arc<Process>) -> Arc<Record> {
    Arc::new(Record {
        event: Event {
            kind,
            id,
            at: 1_000_000_000 + id * 1_000_000,
            task: Task {
                process: process.id,
                tid: process.id.pid,
                ..Task::default()
            },
            text: text.as_bytes().into(),
            ..Event::default()
        },
        process: Some(process),
        target: None,
    })
}

/// Offers a record as the pipeline does.
pub fn offer(host: &mut PluginHost, record: &Record) {
    host.offer(Record {
        event: record.event.clone(),
        process: record.process.clone(),
        target: record.target.clone(),
    });
}

/// The findings that have come out so far.
pub fn findings(outcomes: &Receiver<Outcome>) -> Vec<Finding> {
    outcomes
        .try_iter()
        .filter_map(|outcome| match outcome {
            Outcome::Finding(finding) => Some(*finding),
            _ => None,
        })
        .collect()
}

/// Ids of the evidence of a plugin's findings.
pub fn ids(findings: &[Finding], plugin: &str) -> Vec<u64> {
    findings
        .iter()
        .filter(|f| *f.plugin == *plugin)
        .flat_map(|f| f.evidence.iter().map(|e| e.event))
        .collect()
}
