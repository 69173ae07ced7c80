//! What container runtimes say of a container.
//!
//! A thread of its own asks them: by the files that they leave (the configuration in the bundle,
//! podman's store) and over their sockets. Answers go into the stream as `container` events, so
//! that a replay knows them without the runtimes. Nothing here is waited for by the thread that
//! handles events: it puts questions into a bounded queue and takes answers out of another.

mod containerd;
mod cri;
mod description;
mod docker;
mod file;
mod look;
mod oci;
mod podman;
mod runc;
mod socket;
mod survey;

use crate::context::{Unexplained, process::Process};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use description::Description;
use look::Question;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use vedette_contract::values::process_mark;
use vedette_sensor::event::Event;
use vedette_sensor::live::Waker;

pub use oci::CAPABILITIES;
pub use socket::Socket;
pub use survey::survey;

/// Questions that wait to be taken up, and answers that wait to be taken. Containers that come
/// by the thousand would otherwise fill memory; past it the context keeps what is to be asked.
const QUEUE_CAP: usize = 1_024;

/// Containers that are being asked for at a time. With groups that look like containers and that
/// nobody knows, made one after the other, real ones wait until some of these have been given up.
const ASKED_CAP: usize = 1_024;

/// Between two tries to hand over an answer to a thread that has no time for it.
const TRY_AGAIN: Duration = Duration::from_millis(5);

/// When a container's runtimes are asked, ms from when its group was made. The engine knows it
/// by then, or will when it has finished starting it.
const LOOKS: [u64; 9] = [0, 3, 10, 30, 100, 300, 1_000, 2_000, 4_000];

/// When a container is asked for again, ms after the last of these, because an engine was silent:
/// one that starts with the machine answers when it has found its containers again.
const LATE_LOOKS: [u64; 5] = [4_000, 12_000, 28_000, 60_000, 120_000];

/// Containers that are asked for that late at a time: while an engine hangs they would otherwise
/// take the places of those that the files of a runtime tell of at once.
const LATE_CAP: usize = 512;

/// Of [`LOOKS`], those for what may be no container, or one that was made inside of another and that
/// no runtime of the machine knows.
const UNCERTAIN_LOOKS: usize = 5;

/// Where engines listen unless told otherwise.
const WELL_KNOWN: [(&str, &str); 7] = [
    ("cri", "/run/containerd/containerd.sock"),
    ("containerd", "/run/containerd/containerd.sock"),
    ("cri", "/run/crio/crio.sock"),
    ("cri", "/run/k3s/containerd/containerd.sock"),
    ("cri", "/run/cri-dockerd.sock"),
    ("podman", "/run/podman/podman.sock"),
    ("docker", "/run/docker.sock"),
];

/// A socket as an operator names it: `ENGINE=PATH`, with `containerd` also asked as CRI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketPath {
    engine: String,
    path: PathBuf,
}

impl std::str::FromStr for SocketPath {
    type Err = String;

    fn from_str(text: &str) -> Result<SocketPath, String> {
        let known = || socket::ENGINES.map(|(name, _)| name).join(", ");
        let (engine, path) = text
            .split_once('=')
            .ok_or_else(|| format!("write ENGINE=PATH, with an engine out of {}", known()))?;
        if !socket::ENGINES.iter().any(|(name, _)| *name == engine) {
            return Err(format!("no engine is called {engine:?}: {}", known()));
        }
        Ok(SocketPath {
            engine: engine.to_owned(),
            path: path.into(),
        })
    }
}

/// The sockets that an operator names, then the well-known ones.
pub fn sockets(named: &[SocketPath]) -> Vec<Socket> {
    let also_cri = |s: &SocketPath| (s.engine == "containerd").then(|| ("cri", s.path.clone()));
    let named = named
        .iter()
        .flat_map(|s| [Some((s.engine.as_str(), s.path.clone())), also_cri(s)])
        .flatten();
    let known = WELL_KNOWN.map(|(name, path)| (name, PathBuf::from(path)));
    let mut sockets: Vec<Socket> = Vec::new();
    for (name, path) in named.chain(known) {
        let engine = socket::ENGINES.iter().find(|(known, _)| *known == name);
        if let Some(&(_, engine)) = engine
            && !sockets.iter().any(|s| s.engine == engine && s.path == path)
        {
            sockets.push(Socket::new(engine, path));
        }
    }
    sockets
}

/// The thread that asks. Ends when this is dropped.
pub struct Runtimes {
    questions: mpsc::Sender<Question>,
    answers: Receiver<Event>,
}

impl Runtimes {
    /// Begins a thread that asks these sockets, and wakes the sensor's reader with each answer.
    pub fn start(sockets: Vec<Socket>, waker: Option<Waker>) -> std::io::Result<Runtimes> {
        let (questions, taken) = mpsc::channel(QUEUE_CAP);
        let (answer, answers) = bounded(QUEUE_CAP);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("runtimes".to_owned())
            .spawn(move || runtime.block_on(serve(taken, Arc::new(sockets), answer, waker)))?;
        Ok(Runtimes { questions, answers })
    }

    /// Whether another question can be taken now.
    pub fn has_room(&self) -> bool {
        self.questions.capacity() > 0
    }

    /// Asks about a container whose group was made by this process.
    pub fn ask(&self, container: Unexplained, maker: Option<&Process>) {
        let bundle = maker.and_then(|p| bundle(p, &container.id));
        // Whoever finds no room was told so by `has_room`.
        let _ = self.questions.try_send(Question {
            bundle,
            id: container.id,
            cgroup: container.cgroup,
            certain: container.certain,
        });
    }

    /// An answer that has come, if one has.
    pub fn answer(&self) -> Option<Event> {
        self.answers.try_recv().ok()
    }
}

/// The bundle that a process on the machine names, if it is a runtime that makes this container.
/// Of one in a mount namespace of its own the path would mean something else.
fn bundle(maker: &Process, id: &str) -> Option<PathBuf> {
    let outside = maker.marks & process_mark::HOST_MOUNT_NAMESPACE != 0;
    let args = &maker.image.args;
    let names_it = args.split(|b| *b == 0).any(|arg| arg == id.as_bytes());
    (outside && names_it)
        .then(|| runc::bundle_of_call(args, &maker.image.cwd))
        .flatten()
}

async fn serve(
    mut questions: mpsc::Receiver<Question>,
    sockets: Arc<Vec<Socket>>,
    answers: Sender<Event>,
    waker: Option<Waker>,
) {
    let asked = Arc::new(Semaphore::new(ASKED_CAP));
    let late = Arc::new(Semaphore::new(LATE_CAP));
    while let Some(question) = questions.recv().await {
        let Ok(permit) = asked.clone().acquire_owned().await else {
            return;
        };
        let late = late.clone();
        let mut pursuit = Pursuit {
            question,
            sockets: sockets.clone(),
            answers: answers.clone(),
            waker: waker.clone(),
            told: None,
        };
        tokio::spawn(async move {
            let outcome = pursuit.early().await;
            drop(permit);
            if outcome == Outcome::Silent
                && let Ok(_permit) = late.try_acquire()
            {
                pursuit.late().await;
            }
        });
    }
}

/// What looking has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// No more will come.
    Complete,
    /// More may come.
    Open,
    /// More may come, from an engine that did not answer.
    Silent,
}

/// The search for what is known of a container.
struct Pursuit {
    question: Question,
    sockets: Arc<Vec<Socket>>,
    answers: Sender<Event>,
    waker: Option<Waker>,
    told: Option<Box<Description>>,
}

impl Pursuit {
    /// Looks until all is known or patience ends.
    async fn early(&mut self) -> Outcome {
        let looks = match self.question.certain {
            true => &LOOKS[..],
            false => &LOOKS[..UNCERTAIN_LOOKS],
        };
        // What may be no container is not waited for.
        self.follow(looks, self.question.certain).await
    }

    /// Goes on while an engine is silent.
    async fn late(&mut self) {
        self.follow(&LATE_LOOKS, false).await;
    }

    /// Looks at these times. Whether an engine is waited for that is silent at the last.
    async fn follow(&mut self, looks: &[u64], waits: bool) -> Outcome {
        let mut outcome = Outcome::Open;
        let mut before = 0;
        for (number, at) in looks.iter().enumerate() {
            tokio::time::sleep(Duration::from_millis(at - before)).await;
            before = *at;
            let last = number + 1 == looks.len();
            // On the heap while it lasts: else each that sleeps would hold 4 KB for it.
            outcome = Box::pin(self.look_once(last, waits)).await;
            if outcome == Outcome::Complete {
                break;
            }
        }
        outcome
    }

    /// Looks, and tells what is new.
    async fn look_once(&mut self, last: bool, waits: bool) -> Outcome {
        let found = look::look(&self.question, &self.sockets).await;
        let open = match found.silent {
            true => Outcome::Silent,
            false => Outcome::Open,
        };
        if !found.description.is_known() {
            return open;
        }
        // After the last look no more will come.
        let given_up = last && !(waits && found.silent);
        let complete = found.complete || given_up;
        if !complete && self.told.as_deref() == Some(&found.description) {
            return open;
        }
        let mut event = found.description.event(self.question.cgroup, !complete);
        while let Err(TrySendError::Full(back)) = self.answers.try_send(event) {
            event = back;
            tokio::time::sleep(TRY_AGAIN).await;
        }
        if let Some(waker) = &self.waker {
            waker.wake();
        }
        self.told = Some(Box::new(found.description));
        match complete {
            true => Outcome::Complete,
            false => open,
        }
    }
}

#[cfg(test)]
mod tests;
