//! A story as the SDK's test kit tells it, with rows of its own making, through a component.
//!
//! The rows are the test's: nothing goes through the context. All behind it is what an agent does.

use super::trial::{Subject, TrialError};
use crate::answers::{Answers, Recorded, Told};
use crate::context::Past;
use crate::context::container::Container;
use crate::context::process::{Life, Process};
use crate::finding::Finding;
use crate::manifest::OWN_ID;
use crate::plugin::component::Component;
use crate::plugin::outcome::Outcome;
use crate::plugin::services::Level;
use crate::plugin::{HostOptions, Overflow, PluginHost};
use crate::record::Record;
use crossbeam_channel::unbounded;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vedette_sensor::event::{self, Image, Task, TaskRef};

/// Sizes of batches in which a story is told: the findings must be the same.
const BATCHES: [usize; 3] = [1, 7, 64];

/// A story could not be told.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// It names rows that it does not have.
    #[error("the story names row {0}, which stands not before; the test kit is at fault")]
    Row(usize),
    /// Its settings are no object.
    #[error("the configuration is no JSON object: {0}")]
    Config(#[from] serde_json::Error),
    /// Its settings cannot be settings of a plugin.
    #[error("the configuration cannot be written as an operator would: {0}")]
    Settings(#[from] toml::ser::Error),
    /// There is no room for its files.
    #[error("{}: {source}; what the plugin reads is written there for as long as it runs", path.display())]
    Place {
        /// Where they should be.
        path: PathBuf,
        /// Why they cannot.
        source: std::io::Error,
    },
    /// The plugin cannot be run.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// It failed, or what it said was refused.
    #[error("{0}")]
    Failed(String),
    /// What it finds depends on how it is called.
    #[error(
        "batches of {} and of {size} give other findings: what is found must not depend on how events are batched",
        BATCHES[0]
    )]
    Batches {
        /// The size that differs from the first.
        size: usize,
    },
}

/// A story.
#[derive(Debug, Deserialize)]
pub struct Story {
    config: String,
    lists: Option<Vec<(String, String)>>,
    /// What the native run was told of the machine: the component is told the same.
    #[serde(default)]
    answers: Vec<Answer>,
    rows: Vec<Row>,
    events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    event: u64,
    /// The question, as captures have it.
    asked: String,
    said: Result<Told, u32>,
}

#[derive(Debug, Deserialize)]
struct Row {
    key: u64,
    parent: Option<usize>,
    container: u64,
    /// Bits of `container-mark`.
    #[serde(default)]
    container_marks: u32,
    /// Attributes of its container.
    #[serde(default)]
    container_attrs: Vec<(u32, u64, Vec<u8>)>,
    pid: u32,
    uid: u32,
    /// The same as `uid` where it is not said.
    gid: Option<u32>,
    marks: u32,
    image: u32,
    start: u64,
    capabilities: u64,
    inode: u64,
    exe: Vec<u8>,
    args: Vec<u8>,
    #[serde(default)]
    cwd: Vec<u8>,
    #[serde(default)]
    comm: Vec<u8>,
    streams: Vec<Stream>,
}

#[derive(Debug, Deserialize)]
struct Stream {
    fd: u32,
    kind: u32,
    marks: u32,
    port: u32,
    id: u64,
    other: u64,
    address: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Event {
    kind: u16,
    id: u64,
    at: u64,
    ret: i32,
    #[serde(default)]
    marks: u32,
    process: Option<usize>,
    target: Option<usize>,
    rows: Vec<usize>,
    a: u64,
    b: u64,
    c: u64,
    text: Vec<u8>,
    text2: Vec<u8>,
    attrs: Vec<(u32, u64, Vec<u8>)>,
}

/// A finding, as far as a native run tells it alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    rule: String,
    process: u64,
    message: String,
    evidence: Vec<(u64, String)>,
    dedup: String,
}

impl Shown {
    fn of(finding: Finding) -> Shown {
        let evidence = finding.evidence.into_iter();
        Shown {
            rule: finding.rule,
            process: finding.process.map_or(0, |process| process.key),
            message: finding.message,
            evidence: evidence.map(|one| (one.event, one.note)).collect(),
            dedup: finding.dedup,
        }
    }
}

impl Story {
    /// Tells it to a component, which must find the same in batches of any size.
    ///
    /// # Errors
    /// See [`SceneError`].
    pub fn tell(&self, subject: &Subject) -> Result<Vec<Shown>, SceneError> {
        let place = Place::new()?;
        let plugin = self.set_up(&place, subject)?;
        let subject = match &self.lists {
            Some(_) => &subject.with_lists(&place.0.join("lists"))?,
            None => subject,
        };
        let rows = self.rows()?;
        let mut first = None;
        for size in BATCHES {
            let answers = self.answers(&plugin);
            let found = self.tell_in(size, subject, &rows, &place.0, answers)?;
            match &first {
                None => first = Some(found),
                Some(first) if *first != found => return Err(SceneError::Batches { size }),
                Some(_) => {}
            }
        }
        Ok(first.unwrap_or_default())
    }

    /// What the machine says to this plugin.
    fn answers(&self, plugin: &str) -> Answers {
        let mut recorded = Recorded::default();
        for Answer { event, asked, said } in &self.answers {
            recorded.say(plugin, *event, asked, said.clone());
        }
        let answers = Answers::of_capture();
        answers.know(recorded);
        answers
    }

    /// Writes settings and lists as an operator does; returns the plugin's id.
    fn set_up(&self, place: &Place, subject: &Subject) -> Result<String, SceneError> {
        let config: Map<String, Value> = serde_json::from_str(&self.config)?;
        let component = Component::verify(subject.bytes.clone());
        let component = component.map_err(|error| SceneError::Failed(error.to_string()))?;
        let settings = format!("{}.toml", component.manifest.id);
        place.write(Path::new(&settings), &toml::to_string(&config)?)?;
        for (name, lines) in self.lists.iter().flatten() {
            place.write(&Path::new("lists").join(name), lines)?;
        }
        Ok(component.manifest.id.clone())
    }

    fn tell_in(
        &self,
        size: usize,
        subject: &Subject,
        rows: &[Arc<Process>],
        settings: &Path,
        answers: Answers,
    ) -> Result<Vec<Shown>, SceneError> {
        let (sender, outcomes) = unbounded();
        let options = HostOptions {
            answers,
            cache: subject.cache.clone(),
            settings: Some(settings.to_owned()),
            workers: 1,
            batch: size,
            watch: false,
            overflow: Overflow::Wait,
            ..HostOptions::default()
        };
        let mut host = PluginHost::new(options, sender).map_err(TrialError::from)?;
        if let Some(lists) = &subject.lists {
            host.begin_with(lists.clone());
        }
        let past = Past::default();
        past.turn(true, std::iter::empty());
        host.know(past.clone());
        host.load_bytes(&subject.path, subject.bytes.clone())
            .map_err(SceneError::Failed)?;
        let row = |index: usize| rows.get(index).cloned().ok_or(SceneError::Row(index));
        let mut current = HashSet::new();
        for event in &self.events {
            for &index in &event.rows {
                if current.insert(index) {
                    past.put(&row(index)?);
                }
            }
            let process = event.process.map(row).transpose()?;
            host.offer(Record {
                event: event.told(process.as_deref()),
                target: event.target.map(row).transpose()?,
                process,
            });
        }
        host.drain();
        let stats = host.plugins().first().map(|plugin| plugin.stats);
        drop(host);
        let mut found = Vec::new();
        for outcome in outcomes {
            match outcome {
                Outcome::Finding(finding) if &*finding.plugin == OWN_ID => {
                    return Err(SceneError::Failed(finding.message));
                }
                Outcome::Finding(finding) => found.push(Shown::of(*finding)),
                Outcome::Log { level, message, .. }
                    if level == Level::Warn && stats.is_some_and(|stats| stats.refused > 0) =>
                {
                    let why = format!("a finding was refused: {message}");
                    return Err(SceneError::Failed(why));
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Its rows, parents before their children.
    fn rows(&self) -> Result<Vec<Arc<Process>>, SceneError> {
        let mut rows: Vec<Arc<Process>> = Vec::new();
        let mut containers = HashMap::new();
        for row in &self.rows {
            let parent = row
                .parent
                .map(|at| rows.get(at).cloned().ok_or(SceneError::Row(at)));
            let container = (row.container != 0).then(|| {
                let described = (row.container, row.container_marks, &row.container_attrs);
                let container = containers.entry(described).or_insert_with(|| {
                    Arc::new(Container {
                        key: row.container,
                        id: format!("{:064x}", row.container),
                        marks: row.container_marks,
                        attrs: attrs(&row.container_attrs),
                        ..Container::default()
                    })
                });
                container.clone()
            });
            rows.push(Arc::new(row.process(parent.transpose()?, container)));
        }
        Ok(rows)
    }
}

impl Row {
    fn process(&self, parent: Option<Arc<Process>>, container: Option<Arc<Container>>) -> Process {
        let streams = self.streams.iter().map(|stream| event::Stream {
            fd: stream.fd,
            kind: stream.kind,
            marks: stream.marks,
            port: stream.port,
            id: stream.id,
            other: stream.other,
            address: stream.address.as_slice().into(),
        });
        Process {
            key: self.key,
            id: TaskRef {
                pid: self.pid,
                start: self.start,
            },
            depth: parent.as_ref().map_or(0, |parent| parent.depth + 1),
            parent,
            container,
            image_cgroups: (0, 0),
            uid: self.uid,
            gid: self.gid.unwrap_or(self.uid),
            marks: self.marks,
            capabilities: self.capabilities,
            namespaces: event::Namespaces::default(),
            cgroup: 0,
            cgroup_v1: 0,
            exec_id: 0,
            comm: std::array::from_fn(|n| self.comm.get(n).copied().unwrap_or(0)),
            exe: self.exe.as_slice().into(),
            image: Arc::new(Image {
                args: self.args.as_slice().into(),
                args_len: self.args.len() as u32,
                cwd: self.cwd.as_slice().into(),
                class: self.image,
                inode: self.inode,
                device: 1,
                ..Image::default()
            }),
            streams: streams.collect(),
            life: Life::default(),
            revision: 0,
        }
    }
}

fn attrs(told: &[(u32, u64, Vec<u8>)]) -> Vec<event::Attr> {
    let attrs = told.iter().map(|(key, value, text)| event::Attr {
        key: *key,
        value: *value,
        text: text.as_slice().into(),
    });
    attrs.collect()
}

impl Event {
    fn told(&self, process: Option<&Process>) -> event::Event {
        let id = process.map_or_else(TaskRef::default, |process| process.id);
        event::Event {
            kind: self.kind,
            id: self.id,
            at: self.at,
            ret: self.ret,
            marks: self.marks,
            task: Task {
                process: id,
                tid: id.pid,
                ..Task::default()
            },
            a: self.a,
            b: self.b,
            c: self.c,
            text: self.text.as_slice().into(),
            text2: self.text2.as_slice().into(),
            attrs: attrs(&self.attrs),
            ..event::Event::default()
        }
    }
}

/// A directory for as long as a story is told.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Place, SceneError> {
        let path = std::env::temp_dir().join(format!("vedette-scene-{}", std::process::id()));
        // One that is there already is somebody else's.
        let made = std::fs::create_dir(&path);
        made.map_err(|source| SceneError::Place {
            path: path.clone(),
            source,
        })?;
        Ok(Place(path))
    }

    fn write(&self, name: &Path, text: &str) -> Result<(), SceneError> {
        let path = self.0.join(name);
        let parent = path.parent().unwrap_or(&self.0);
        let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, text));
        written.map_err(|source| SceneError::Place { path, source })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What stays behind is the tester's own, in a directory for such.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
