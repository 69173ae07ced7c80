//! The same story in the agent's own runtime.

use super::given::Given;
use super::scene::Told;
use super::services;
use super::tables::MomentRow;
use crate::raw;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::rc::Rc;

/// Names the component.
const COMPONENT: &str = "VEDETTE_COMPONENT";
/// Names the agent's binary.
const VEDETTE: &str = "VEDETTE";

/// What `vedette plugin scene` reads.
#[derive(Serialize)]
struct Story<'a> {
    /// What the operator sets.
    config: &'a str,
    /// By name, with their lines.
    lists: Option<&'a [(String, String)]>,
    /// What was answered to questions about the machine.
    answers: Vec<serde_json::Value>,
    rows: Vec<Row<'a>>,
    events: Vec<Event<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    key: u64,
    parent: Option<usize>,
    container: u64,
    container_marks: u32,
    container_attrs: &'a [(u32, u64, Vec<u8>)],
    pid: u32,
    uid: u32,
    marks: u32,
    image: u32,
    start: u64,
    capabilities: u64,
    inode: u64,
    exe: &'a [u8],
    args: &'a [u8],
    streams: Vec<Stream<'a>>,
}

#[derive(Serialize)]
struct Stream<'a> {
    fd: usize,
    kind: u32,
    marks: u32,
    port: u32,
    id: u64,
    other: u64,
    address: &'a [u8],
}

#[derive(Serialize)]
struct Event<'a> {
    kind: u16,
    id: u64,
    at: u64,
    ret: i32,
    marks: u32,
    process: Option<usize>,
    target: Option<usize>,
    /// All rows of that moment.
    rows: Vec<usize>,
    a: u64,
    b: u64,
    c: u64,
    text: &'a [u8],
    text2: &'a [u8],
    attrs: &'a [(u32, u64, Vec<u8>)],
}

/// A finding, as far as both ways tell it alike.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Shown {
    rule: String,
    process: u64,
    message: String,
    evidence: Vec<(u64, String)>,
    dedup: String,
}

/// Runs the component over the story, where there is one, and compares.
pub(super) fn compare(told: &[Told], given: &Given, config: &str, native: &[raw::Finding]) {
    let Some(component) = std::env::var_os(COMPONENT) else {
        return;
    };
    let vedette = std::env::var_os(VEDETTE).unwrap_or_else(|| "vedette".into());
    let story = story(told, given, config);
    let story = serde_json::to_vec(&story).expect("a story can be written");
    let mut child = Command::new(&vedette)
        .args(["plugin", "scene"])
        .arg(&component)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; let {VEDETTE} name it", vedette.display()));
    let mut input = child.stdin.take().expect("it is piped");
    // What it does not read to the end it says why.
    let _ = input.write_all(&story);
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "in the sandbox: {said}");
    let found: Vec<Shown> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}", vedette.display()));
    let native: Vec<Shown> = native.iter().map(shown).collect();
    assert_eq!(
        native, found,
        "natively (left) the plugin finds other things than in the sandbox (right), where it gets what its manifest asks for"
    );
}

fn shown(finding: &raw::Finding) -> Shown {
    let evidence = finding.evidence.iter();
    Shown {
        rule: finding.rule.clone(),
        process: finding.process,
        message: finding.message.clone(),
        evidence: evidence.map(|e| (e.event, e.note.clone())).collect(),
        dedup: finding.dedup.clone(),
    }
}

fn story<'a>(told: &'a [Told], given: &'a Given, config: &'a str) -> Story<'a> {
    let mut rows = Table::default();
    let events = told.iter().map(|told| Event {
        kind: told.act.kind,
        id: told.id,
        at: told.at,
        ret: told.act.ret,
        marks: told.act.marks,
        process: told.process.as_ref().map(|row| rows.put(row)),
        target: told.target.as_ref().map(|row| rows.put(row)),
        rows: told.rows.iter().map(|row| rows.put(row)).collect(),
        a: told.act.a,
        b: told.act.b,
        c: told.act.c,
        text: &told.act.text,
        text2: &told.act.text2,
        attrs: &told.act.attrs,
    });
    // The last native run has asked what the component will ask.
    let answers = services::answered()
        .into_iter()
        .map(|((event, asked), said)| {
            let said = match said {
                Ok(said) => json!({ "Ok": said.to_json() }),
                Err(failure) => json!({ "Err": failure }),
            };
            json!({ "event": event, "asked": asked, "said": said })
        });
    Story {
        config,
        lists: given.lists.as_ref().map(|lists| &*lists.texts),
        answers: answers.collect(),
        events: events.collect(),
        rows: rows.rows,
    }
}

/// The rows of a story, each once; parents stand before their children.
#[derive(Default)]
struct Table<'a> {
    rows: Vec<Row<'a>>,
    places: HashMap<*const MomentRow, usize>,
}

impl<'a> Table<'a> {
    fn put(&mut self, row: &'a Rc<MomentRow>) -> usize {
        if let Some(place) = self.places.get(&Rc::as_ptr(row)) {
            return *place;
        }
        let parent = row.parent.as_ref().map(|parent| self.put(parent));
        let streams = row.fds.iter().enumerate().filter_map(|(fd, what)| {
            let what = what.as_ref()?;
            Some(Stream {
                fd,
                kind: what.kind,
                marks: what.marks,
                port: what.port,
                id: what.id,
                other: what.other,
                address: &what.address,
            })
        });
        self.rows.push(Row {
            key: row.key,
            parent,
            container: row.container,
            container_marks: row.container_marks,
            container_attrs: &row.container_attrs,
            pid: row.pid,
            uid: row.uid,
            marks: row.marks,
            image: row.image,
            start: row.start,
            capabilities: row.capabilities,
            inode: row.inode,
            exe: &row.exe,
            args: &row.args,
            streams: streams.collect(),
        });
        self.places.insert(Rc::as_ptr(row), self.rows.len() - 1);
        self.rows.len() - 1
    }
}
