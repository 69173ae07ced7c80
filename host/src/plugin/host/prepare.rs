//! Files are made ready on a few threads: one that takes long keeps no other waiting.

use super::change::{Prepared, failed, load_asked, prepare};
use crate::plugin::{
    load::{How, Loader},
    outcome::Outcome,
    watch::Seen,
};
use crossbeam_channel::Sender;
use std::{
    collections::{BTreeSet, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Most threads that make files ready. Large components are compiled for ten seconds, hostile ones
/// take five more to start: with fewer, two of them would hold up all others.
const MAX_THREADS: usize = 4;

/// Something to be made ready.
#[derive(Debug)]
struct Job {
    path: PathBuf,
    task: Task,
}

#[derive(Debug)]
enum Task {
    /// What the watch has seen there.
    Seen(Seen),
    /// The file is to be loaded anew.
    Load(How),
}

impl Job {
    /// What takes longest comes last.
    fn weight(&self) -> usize {
        match &self.task {
            Task::Seen(Seen::Changed { bytes, .. }) => bytes.len(),
            _ => 0,
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Job>,
    /// Files that are being made ready: one at a time of each, so that the newest comes last.
    under_way: BTreeSet<PathBuf>,
    threads: usize,
}

/// What makes files ready, and sends what has come of it.
#[derive(Debug, Clone)]
pub(super) struct Preparing {
    loader: Arc<Loader>,
    prepared: Sender<Prepared>,
    outcomes: Sender<Outcome>,
    /// Gone where nobody waits for it any more.
    alive: Weak<()>,
    inner: Arc<Mutex<Inner>>,
    /// How often something was begun.
    begun: Arc<AtomicU64>,
}

impl Preparing {
    /// What is ready goes there, for as long as somebody listens.
    pub fn new(
        loader: Arc<Loader>,
        prepared: Sender<Prepared>,
        outcomes: Sender<Outcome>,
        alive: Weak<()>,
    ) -> Preparing {
        Preparing {
            loader,
            prepared,
            outcomes,
            alive,
            inner: Arc::default(),
            begun: Arc::default(),
        }
    }

    /// The number of what is begun now, higher than that of all before.
    pub fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Relaxed) + 1
    }

    /// Something was seen.
    pub fn seen(&self, seen: Seen) {
        let (Seen::Changed { path, .. }
        | Seen::Gone(path)
        | Seen::Mended(path)
        | Seen::Refused { path, .. }) = &seen
        else {
            // It is of no file that is made ready.
            return self.send(prepare(&self.loader, seen));
        };
        let path = path.clone();
        self.give(Job {
            path,
            task: Task::Seen(seen),
        });
    }

    /// A file is to be loaded anew.
    pub fn load(&self, path: PathBuf, how: How) {
        self.give(Job {
            path,
            task: Task::Load(how),
        });
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No call is made while it is held that could leave it half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, job: Job) {
        {
            let mut inner = self.lock();
            if matches!(job.task, Task::Seen(_)) {
                // What was there before is of no interest any more.
                inner.waiting.retain(|waiting| waiting.path != job.path);
            }
            inner.waiting.push_back(job);
            if inner.threads == MAX_THREADS {
                return;
            }
            inner.threads += 1;
        }
        let theirs = self.clone();
        let thread = std::thread::Builder::new()
            .name("plugin-prepare".to_owned())
            .spawn(move || theirs.work());
        if let Err(error) = thread {
            tracing::warn!(%error, "no thread to make plugins ready, so it is done one by one");
            self.work();
        }
    }

    /// Does what waits until nothing does.
    fn work(&self) {
        while let Some(Job { path, task }) = self.next() {
            let begun = self.begin();
            let made = catch_unwind(AssertUnwindSafe(|| match task {
                Task::Seen(seen) => prepare(&self.loader, seen),
                Task::Load(how) => load_asked(&self.loader, path.clone(), how),
            }));
            // A fault of the host in it must not pass for a plugin less.
            let (mut prepared, refused) = made.unwrap_or_else(|_| failed(path.clone()));
            prepared.begun = begun;
            self.send((prepared, refused));
            self.lock().under_way.remove(&path);
        }
    }

    /// The lightest of what may begin; none where the thread is to end.
    fn next(&self) -> Option<Job> {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let mut taken: BTreeSet<_> = inner.under_way.iter().collect();
        let mut lightest: Option<(usize, usize)> = None;
        for (place, job) in inner.waiting.iter().enumerate() {
            let weight = job.weight();
            // Of one file the first comes first.
            if taken.insert(&job.path) && lightest.is_none_or(|(least, _)| weight < least) {
                lightest = Some((weight, place));
            }
        }
        let wanted = self.alive.strong_count() > 0;
        let job = lightest
            .filter(|_| wanted)
            .and_then(|(_, place)| inner.waiting.remove(place));
        match &job {
            Some(job) => drop(inner.under_way.insert(job.path.clone())),
            None => inner.threads -= 1,
        }
        job
    }

    fn send(&self, (prepared, refused): (Prepared, Option<Outcome>)) {
        // Nobody listens any more only when the agent is on its way out.
        if let Some(refused) = refused {
            let _ = self.outcomes.send(refused);
        }
        let _ = self.prepared.send(prepared);
    }
}
