//! The plugins of a node, as the pipeline sees them: it offers events and applies changes.

mod change;
mod health;
mod lists;
mod prepare;
mod serve;
mod start;

pub use change::Change;

use super::{
    cache::Cache,
    command::Report,
    component::Digest,
    decisions::Decisions,
    engine::{self, EngineError},
    life::{Entered, Stage},
    load::{How, Loader},
    outcome::Outcome,
    queue::{Overflow, Queue},
    remains::Remains,
    service::{PluginInfo, Service},
    shadow::ShadowAccept,
    store::{Saver, Store},
    terms::Terms,
    watch::{Places, Seen},
    worker::Worker,
};
use crate::{
    answers::Answers, context::Past, grants::Grants, intel::Lists, manifest, record::Record,
};
use change::Prepared;
use crossbeam_channel::{Receiver, Sender};
use prepare::Preparing;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};
use vedette_contract::kind;
use vedette_sensor::filter::{Filter, KindSet};

/// How plugins are run.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Components, and directories of components.
    pub sources: Vec<PathBuf>,
    /// Where compiled components are kept; nowhere if none.
    pub cache: Option<PathBuf>,
    /// Threads that plugins share.
    pub workers: usize,
    /// Most events of one call.
    pub batch: usize,
    /// Follow changes of the sources.
    pub watch: bool,
    /// What a full queue does.
    pub overflow: Overflow,
    /// What plugins may do.
    pub grants: Grants,
    /// Directory of what operators set for plugins.
    pub settings: Option<PathBuf>,
    /// How long a new generation runs beside the one in service before it takes over, whatever its
    /// manifest says: ns of event time, 0 not at all.
    pub shadow: Option<u64>,
    /// Which differences let it take over then.
    pub shadow_accept: ShadowAccept,
    /// How long a plugin is borne with.
    pub terms: Terms,
    /// File of what the operator has decided about plugins; nothing lasts if none.
    pub decisions: Option<PathBuf>,
    /// File of what plugins keep over restarts; nothing lasts if none.
    pub store: Option<PathBuf>,
    /// Where plugins' questions about the machine are answered.
    pub answers: Answers,
}

impl Default for HostOptions {
    fn default() -> HostOptions {
        HostOptions {
            sources: Vec::new(),
            cache: None,
            workers: 2,
            batch: 64,
            watch: true,
            overflow: Overflow::Shed,
            grants: Grants::default(),
            settings: None,
            shadow: None,
            shadow_accept: ShadowAccept::default(),
            terms: Terms::default(),
            decisions: None,
            store: None,
            answers: Answers::default(),
        }
    }
}

/// The runtime cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The engine cannot start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// No threads.
    #[error("no thread for plugins: {0}; raise the limit on tasks")]
    Thread(#[from] std::io::Error),
}

/// How the loading of one file at start ended.
#[derive(Debug)]
pub struct LoadReport {
    /// The file.
    pub path: PathBuf,
    /// The number of the plugin's generation, or why there is none.
    pub result: Result<u32, String>,
}

/// What the pipeline has to do after a change.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The plugin that is to be offered the processes that live, if it wants them: with
    /// [`PluginHost::offer_to`], before any further event.
    pub wants_existing: Option<Arc<str>>,
}

/// Loads, feeds, reloads and unloads plugins. All but the plugins' own work happens on the thread
/// that calls it, which must be one and the same for offering and applying.
pub struct PluginHost {
    loader: Arc<Loader>,
    options: HostOptions,
    places: Option<Places>,
    plugins: Vec<Service>,
    /// What the context knows of earlier moments.
    past: Past,
    /// The operator's lists that are at hand, and those that plugins are answered from.
    supplied: Option<Arc<Lists>>,
    lists: Option<Arc<Lists>>,
    /// Queues of plugins that were removed and have not come to their end.
    retiring: Vec<Arc<Queue>>,
    /// Kinds that any plugin wants: the first and cheapest test.
    kinds: KindSet,
    workers: Vec<Worker>,
    next_worker: usize,
    outcomes: Sender<Outcome>,
    /// Where files are prepared, and what has come of it.
    preparing: Preparing,
    prepare: Sender<Prepared>,
    prepared: Receiver<Prepared>,
    /// Files of the first look of which nothing has come yet.
    awaited: BTreeSet<PathBuf>,
    /// Files that are not in service, and why.
    idle: BTreeMap<PathBuf, Report>,
    /// Held for as long as the watcher is to go on.
    alive: Arc<()>,
    deferred: VecDeque<Prepared>,
    /// When what came last of each file was begun.
    latest: BTreeMap<PathBuf, u64>,
    /// Filters of changes that are not yet applied, by generation.
    staged: BTreeMap<u32, Filter>,
    /// What all of them want, and a number that changes with it.
    filter: Filter,
    revision: u64,
    /// Time of the newest event, ns since boot.
    now: u64,
    /// When it was last looked whether more is granted, and what there was then.
    granted: (Instant, Option<(u64, u64, i64, i64)>),
    /// Something came into service since then, on what was granted when it was judged.
    came: bool,
    /// Where generations that have served are left.
    remains: Remains,
    /// Writes what plugins keep.
    saver: Option<Saver>,
}

impl Drop for PluginHost {
    /// Once no worker changes it any more, what plugins keep is written a last time, while it is
    /// still held.
    fn drop(&mut self) {
        self.workers.clear();
        self.saver = None;
    }
}

impl std::fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginHost")
            .field("options", &self.options)
            .field("plugins", &self.plugins)
            .finish_non_exhaustive()
    }
}

impl PluginHost {
    /// Starts engine and workers, without plugins. What comes out goes to `outcomes`: give it a
    /// channel without a bound, or read it on another thread, or plugins wait for it.
    ///
    /// # Errors
    /// See [`HostError`]. A cache that cannot be used is no error: plugins are then compiled at
    /// every start, and a warning says so.
    pub fn new(options: HostOptions, outcomes: Sender<Outcome>) -> Result<PluginHost, HostError> {
        let engine = engine::start()?;
        let cache = match &options.cache {
            None => Cache::none(&engine),
            Some(path) => Cache::open(&engine, path).unwrap_or_else(|error| {
                tracing::warn!("{error}");
                Cache::none(&engine)
            }),
        };
        let workers = (0..options.workers.max(1))
            .map(|n| Worker::start(&format!("plugins-{n}")))
            .collect::<Result<_, _>>()?;
        let decisions = Decisions::open(options.decisions.clone());
        let grants = options.grants.clone();
        let mut loader = Loader::with_decisions(engine, cache, grants, decisions)
            .with_settings(options.settings.clone());
        loader.shadow = options.shadow;
        let store = options.store.clone();
        loader.store = store.map(|path| Arc::new(Store::new(path, outcomes.clone())));
        let saver = loader.store.clone().map(Saver::start).transpose()?;
        loader.answers = options.answers.clone();
        let granted = options.grants.mark();
        let (prepare, prepared) = crossbeam_channel::unbounded();
        let (loader, alive) = (Arc::new(loader), Arc::new(()));
        Ok(PluginHost {
            preparing: Preparing::new(
                loader.clone(),
                prepare.clone(),
                outcomes.clone(),
                Arc::downgrade(&alive),
            ),
            awaited: BTreeSet::new(),
            loader,
            places: Some(Places::new(
                options.sources.clone(),
                options.settings.clone(),
            )),
            options,
            plugins: Vec::new(),
            past: Past::default(),
            supplied: None,
            lists: None,
            retiring: Vec::new(),
            kinds: KindSet::default(),
            workers,
            next_worker: 0,
            outcomes,
            prepare,
            prepared,
            idle: BTreeMap::new(),
            alive,
            deferred: VecDeque::new(),
            latest: BTreeMap::new(),
            staged: BTreeMap::new(),
            filter: Filter::default(),
            revision: 0,
            now: 0,
            granted: (Instant::now(), granted),
            came: false,
            remains: Remains::start()?,
            saver,
        })
    }

    /// Loads what lies at the sources, several at a time, and from then on follows changes there
    /// if it is to. Call it once. What is reported went to the outcomes too.
    pub fn load_all(&mut self) -> Vec<LoadReport> {
        let Some(mut places) = self.places.take() else {
            return Vec::new();
        };
        let seen = places.first();
        let mut reports: Vec<LoadReport> = Vec::new();
        let mut files = Vec::new();
        for one in seen {
            match one {
                Seen::Changed { path, bytes } => files.push((path, bytes)),
                Seen::Refused { path, reason } => {
                    let at = Entered::now(Stage::Refused, reason.clone());
                    self.set_aside(path.clone(), Report::idle(&path, "", "", None, at));
                    reports.push(LoadReport {
                        path,
                        result: Err(reason),
                    });
                }
                Seen::Gone(_) | Seen::Settings(_) | Seen::Mended(_) => {}
            }
        }
        let digests: Vec<Digest> = files.iter().map(|(_, bytes)| Digest::of(bytes)).collect();
        for ((path, loaded), digest) in self.loader.load_several(files).into_iter().zip(digests) {
            let result = match loaded {
                Ok(generation) => self.admit(&generation).map(|()| {
                    let number = generation.number;
                    self.place(generation, None);
                    number
                }),
                Err(error) => {
                    let report = change::idle(&path, digest, &error);
                    self.set_aside(path.clone(), report);
                    Err(error.to_string())
                }
            };
            reports.push(LoadReport { path, result });
        }
        for LoadReport { path, result } in &reports {
            if let Err(reason) = result {
                self.tell_refused(path, reason);
                self.send(Outcome::Refused {
                    path: path.clone(),
                    reason: reason.clone(),
                });
            }
        }
        self.recount();
        if self.options.watch {
            self.follow(places);
        }
        reports
    }

    /// Loads one component from its bytes, whoever may write to where they came from: for authors,
    /// who run their own.
    ///
    /// # Errors
    /// Why it cannot come into service.
    pub fn load_bytes(&mut self, path: &Path, bytes: Vec<u8>) -> Result<u32, String> {
        let how = How {
            of_author: true,
            ..How::default()
        };
        let generation = self.loader.load_as(path, bytes, how);
        let generation = generation.map_err(|error| error.to_string())?;
        self.admit(&generation)?;
        let number = generation.number;
        self.place(generation, None);
        self.recount();
        Ok(number)
    }

    /// Gives plugins that ask what the context knows of the past.
    pub fn know(&mut self, past: Past) {
        self.past = past;
    }

    /// Whether a plugin asks what was.
    pub fn asks(&self) -> bool {
        let service = manifest::Service::Context;
        self.plugins.iter().any(|plugin| plugin.has(service))
    }

    /// Where plugins' questions about the machine are answered.
    pub fn answers(&self) -> &Answers {
        &self.options.answers
    }

    /// Whether a plugin may ask about the machine.
    pub fn asks_machine(&self) -> bool {
        let asks = |service| self.plugins.iter().any(|plugin| plugin.has(service));
        asks(manifest::Service::File) || asks(manifest::Service::Context)
    }

    /// What the plugins want from the kernel: those in service, those that wait to be applied,
    /// and those that have not settled. A change is in it a round before
    /// [`changes`](PluginHost::changes) returns it, so that the kernel's filter can be widened
    /// before the switch; it is narrower again once the switch has settled.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// A number that changes with [`filter`](PluginHost::filter): cheaper to compare.
    pub fn filter_revision(&self) -> u64 {
        self.revision
    }

    /// Adds up anew what all plugins want.
    fn recount(&mut self) {
        let mut filter = Filter::default();
        self.plugins.iter().for_each(|p| filter.union(&p.filter()));
        self.kinds = filter.kinds;
        if self.plugins.iter().any(|p| p.follows(kind::TICK)) {
            self.kinds = self.kinds.with(kind::TICK);
        }
        self.staged.values().for_each(|f| filter.union(f));
        if filter != self.filter {
            self.filter = filter;
            self.revision += 1;
        }
    }

    /// Offers an event to every plugin. It is shared, and so allocated, only if one wants it.
    #[inline]
    pub fn offer(&mut self, record: Record) {
        self.now = self.now.max(record.event.at);
        if self.kinds.has(record.event.kind) {
            self.offer_wanted(record);
        }
    }

    fn offer_wanted(&mut self, record: Record) {
        let container = record.in_container();
        let wants = |plugin: &Service| {
            plugin.wants(&record.event, container) != [0, 0] || plugin.follows(record.event.kind)
        };
        let Some(first) = self.plugins.iter().position(wants) else {
            return;
        };
        let record = Arc::new(record);
        for plugin in &mut self.plugins[first..] {
            let wanted_by = plugin.wants(&record.event, container);
            if wanted_by != [0, 0] || plugin.follows(record.event.kind) {
                plugin.offer(record.clone(), wanted_by, &self.past);
            }
        }
    }

    /// Offers a record to one plugin alone: the processes that live, after a change that asks
    /// for them.
    pub fn offer_to(&mut self, id: &str, record: &Arc<Record>) {
        let Some(plugin) = self.plugins.iter_mut().find(|p| *p.id == *id) else {
            return;
        };
        let mut wanted_by = plugin.wants(&record.event, record.in_container());
        // While a switch settles, only the new generation is to be told.
        if plugin.next.is_some() {
            wanted_by[0] = 0;
        }
        if wanted_by != [0, 0] {
            plugin.offer(record.clone(), wanted_by, &self.past);
        }
    }

    /// Hands what was offered to the workers and wakes those that got something.
    pub fn flush(&mut self) {
        self.plugins.iter_mut().for_each(Service::flush);
    }

    /// Waits until every plugin has returned for everything that was offered: the end of a
    /// replay, and of the agent.
    pub fn drain(&mut self) {
        self.flush();
        for queue in self.plugins.iter().map(|p| &p.queue).chain(&self.retiring) {
            queue.wait_until_idle();
        }
        self.settle();
    }

    /// The plugins in service, by id.
    pub fn plugins(&self) -> Vec<PluginInfo> {
        let mut infos: Vec<PluginInfo> = self.plugins.iter().map(Service::info).collect();
        infos.sort_by(|a, b| a.id.cmp(&b.id));
        infos
    }

    fn send(&self, outcome: Outcome) {
        // Nobody listens any more only when the agent is on its way out.
        let _ = self.outcomes.send(outcome);
    }
}
