//! The plugins of a node, as the pipeline sees them: it offers events and applies changes.

use super::{
    cache::{Cache, Source},
    component::{Digest, Grant},
    engine::{self, EngineError, MAX_PLUGINS},
    load::{Compiled, Generation, Loader},
    metrics::Metric,
    outcome::{Health, Outcome},
    queue::{Delivery, Overflow, Queue},
    runner::Runner,
    stats::{Counters, Stats},
    watch::{Places, Seen, watch},
    worker::Worker,
};
use crate::{manifest::Manifest, record::Record};
use crossbeam_channel::{Receiver, Sender};
use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use vedette_contract::kind;
use vedette_sensor::{
    event::Event,
    filter::{Filter, KindSet},
};

/// Time between two findings that say that a plugin's queue overflows, ns of event time.
const SHED_REPORT: u64 = 10_000_000_000;

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
    pub grant: Grant,
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
            grant: Grant::default(),
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
    /// The plugin, or why there is none.
    pub result: Result<PluginInfo, String>,
}

/// A plugin in service.
#[derive(Debug, Clone)]
pub struct PluginInfo {
    /// Its id.
    pub id: Arc<str>,
    /// The file that it came from.
    pub path: PathBuf,
    /// Digest of its component.
    pub digest: Digest,
    /// Number of its generation.
    pub generation: u32,
    /// Its manifest: version, subscriptions, what it may raise.
    pub manifest: Arc<Manifest>,
    /// Whether it was compiled for this start.
    pub source: Source,
    /// Its figures, over all generations.
    pub stats: Stats,
    /// Its own counters and gauges.
    pub metrics: BTreeMap<String, Metric>,
    /// Keys and bytes that it keeps.
    pub state: (usize, usize),
    /// Events that wait for it.
    pub waiting: usize,
}

/// A change that waits for the pipeline to apply it between two events.
#[derive(Debug)]
pub struct Change(Staged);

#[derive(Debug)]
enum Staged {
    /// A generation that is ready to take over.
    Load(Box<Generation>),
    /// A plugin whose file is gone.
    Remove(Arc<str>),
}

/// A record that is shared from the first plugin on that wants it.
enum MaybeShared {
    Own(Record),
    Shared(Arc<Record>),
}

impl MaybeShared {
    fn event(&self) -> &Event {
        match self {
            MaybeShared::Own(record) => &record.event,
            MaybeShared::Shared(record) => &record.event,
        }
    }

    fn share(self) -> (MaybeShared, Arc<Record>) {
        let shared = match self {
            MaybeShared::Own(record) => Arc::new(record),
            MaybeShared::Shared(record) => record,
        };
        (MaybeShared::Shared(shared.clone()), shared)
    }
}

/// What the pipeline has to do after a change.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The plugin that is to be offered the processes that live, if it wants them: with
    /// [`PluginHost::offer_to`], before any further event.
    pub wants_existing: Option<Arc<str>>,
}

/// What the watcher prepared.
enum Prepared {
    Ready(Box<Generation>),
    Gone(PathBuf),
}

/// One plugin, as the pipeline feeds it.
#[derive(Debug)]
struct Plugin {
    id: Arc<str>,
    live: (u32, Arc<Compiled>),
    /// The generation that was sent down the queue and has not settled.
    next: Option<(u32, Arc<Compiled>)>,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    waiting: Vec<Delivery>,
    /// Events shed since the last finding that said so, and the time of that.
    shed: u64,
    shed_said: Option<u64>,
}

impl Plugin {
    /// Which generations want an event.
    #[inline]
    fn wants(&self, event: &Event, container: bool) -> [u32; 2] {
        let of = |(number, compiled): &(u32, Arc<Compiled>)| {
            if compiled.subscriptions.matches(event, container) {
                *number
            } else {
                0
            }
        };
        [of(&self.live), self.next.as_ref().map_or(0, of)]
    }
}

/// Loads, feeds, reloads and unloads plugins. All but the plugins' own work happens on the thread
/// that calls it, which must be one and the same for offering and applying.
pub struct PluginHost {
    loader: Arc<Loader>,
    options: HostOptions,
    places: Option<Places>,
    plugins: Vec<Plugin>,
    /// Queues of plugins that were removed and have not come to their end.
    retiring: Vec<Arc<Queue>>,
    /// Kinds that any plugin wants: the first and cheapest test.
    kinds: KindSet,
    workers: Vec<Worker>,
    next_worker: usize,
    outcomes: Sender<Outcome>,
    prepared: Option<Receiver<Prepared>>,
    /// Held for as long as the watcher is to go on.
    alive: Arc<()>,
    deferred: VecDeque<Prepared>,
    /// Filters of changes that were handed out and not yet applied, by generation.
    staged: BTreeMap<u32, Filter>,
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
        Ok(PluginHost {
            loader: Arc::new(Loader::new(engine, cache, options.grant.clone())),
            places: Some(Places::new(options.sources.clone())),
            options,
            plugins: Vec::new(),
            retiring: Vec::new(),
            kinds: KindSet::default(),
            workers,
            next_worker: 0,
            outcomes,
            prepared: None,
            alive: Arc::new(()),
            deferred: VecDeque::new(),
            staged: BTreeMap::new(),
        })
    }

    /// Loads what lies at the sources, several at a time, and from then on follows changes there
    /// if it is to. Call it once.
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
                Seen::Refused { path, reason } => reports.push(LoadReport {
                    path,
                    result: Err(reason),
                }),
                Seen::Gone(_) => {}
            }
        }
        for (path, loaded) in load_several(&self.loader, files) {
            let result = loaded
                .and_then(|generation| self.admit(generation))
                .map(|generation| {
                    let id: Arc<str> = generation.compiled.manifest.id.as_str().into();
                    self.place(generation);
                    id
                });
            let result = result.and_then(|id| {
                self.plugins()
                    .into_iter()
                    .find(|info| info.id == id)
                    .ok_or_else(|| "it ended at once".to_owned())
            });
            reports.push(LoadReport { path, result });
        }
        self.count_kinds();
        if self.options.watch {
            self.follow(places);
        }
        reports
    }

    /// Follows changes on a thread of its own, where components are also made ready.
    fn follow(&mut self, places: Places) {
        let (send, receive) = crossbeam_channel::unbounded();
        let loader = self.loader.clone();
        let outcomes = self.outcomes.clone();
        let alive = Arc::downgrade(&self.alive);
        let thread = std::thread::Builder::new()
            .name("plugin-watch".to_owned())
            .spawn(move || {
                let tell = |seen| {
                    // Once nobody listens the next question ends it.
                    let _ = match seen {
                        Seen::Gone(path) => send.send(Prepared::Gone(path)).is_ok(),
                        Seen::Refused { path, reason } => {
                            outcomes.send(Outcome::Refused { path, reason }).is_ok()
                        }
                        Seen::Changed { path, bytes } => match loader.load_bytes(&path, bytes) {
                            Ok(generation) => {
                                send.send(Prepared::Ready(Box::new(generation))).is_ok()
                            }
                            Err(error) => {
                                let reason = error.to_string();
                                outcomes.send(Outcome::Refused { path, reason }).is_ok()
                            }
                        },
                    };
                };
                watch(places, tell, || alive.strong_count() > 0);
            });
        match thread {
            Ok(_) => self.prepared = Some(receive),
            Err(error) => tracing::warn!(%error, "changes of plugins are not followed"),
        }
    }

    /// What the plugins want from the kernel: those in service, those that wait to be applied,
    /// and those that have not settled. Widen the kernel's filter to it before
    /// [`apply`](PluginHost::apply), narrow it to it after.
    pub fn filter(&self) -> Filter {
        let mut filter = Filter::default();
        for plugin in &self.plugins {
            filter.union(&plugin.live.1.subscriptions.filter());
            if let Some((_, next)) = &plugin.next {
                filter.union(&next.subscriptions.filter());
            }
        }
        for staged in self.staged.values() {
            filter.union(staged);
        }
        filter
    }

    /// Changes that are ready to be applied: verified, compiled and initialised. Never waits.
    /// What was refused went to the outcomes. Apply all of them, in their order.
    #[must_use = "a change that is not applied is lost"]
    pub fn changes(&mut self) -> Vec<Change> {
        self.settle();
        if let Some(prepared) = &self.prepared {
            self.deferred.extend(prepared.try_iter());
        }
        let mut changes = Vec::new();
        // One plugin's second switch waits until its first has settled.
        for prepared in std::mem::take(&mut self.deferred) {
            let path = match &prepared {
                Prepared::Ready(generation) => generation.compiled.path.clone(),
                Prepared::Gone(path) => path.clone(),
            };
            let settling = self
                .plugins
                .iter()
                .any(|p| p.live.1.path == path && p.next.is_some());
            if settling || !changes.is_empty() {
                self.deferred.push_back(prepared);
                continue;
            }
            changes.extend(self.stage(prepared, &path));
        }
        changes
    }

    /// What a prepared file means for the plugins in service.
    fn stage(&mut self, prepared: Prepared, path: &Path) -> Vec<Change> {
        let here = self
            .plugins
            .iter()
            .find(|p| p.live.1.path == path)
            .map(|p| p.id.clone());
        match prepared {
            Prepared::Gone(_) => here
                .map(|id| Change(Staged::Remove(id)))
                .into_iter()
                .collect(),
            Prepared::Ready(generation) => {
                let id = generation.compiled.manifest.id.as_str();
                // Another plugin in the same file: the one that was there is gone.
                let other = here.filter(|here| **here != *id);
                let generation = match self.admit(*generation) {
                    Ok(generation) => generation,
                    Err(reason) => {
                        self.send(Outcome::Refused {
                            path: path.to_owned(),
                            reason,
                        });
                        return Vec::new();
                    }
                };
                self.staged.insert(
                    generation.number,
                    generation.compiled.subscriptions.filter(),
                );
                let load = Change(Staged::Load(Box::new(generation)));
                other
                    .map(|id| Change(Staged::Remove(id)))
                    .into_iter()
                    .chain([load])
                    .collect()
            }
        }
    }

    /// Whether a generation may come into service beside the others.
    fn admit(&self, generation: Generation) -> Result<Generation, String> {
        let Compiled { path, manifest, .. } = &*generation.compiled;
        match self.plugins.iter().find(|p| *p.id == manifest.id) {
            Some(same) if same.live.1.path != *path => Err(format!(
                "plugin {:?} is in service from {}; remove one of the two",
                manifest.id,
                same.live.1.path.display()
            )),
            None if self.plugins.len() >= MAX_PLUGINS => Err(format!(
                "{MAX_PLUGINS} plugins are in service and no more can be; remove one"
            )),
            _ => Ok(generation),
        }
    }

    /// Applies a change, between two events: what was offered before goes to the old generation,
    /// what is offered after to the new one.
    pub fn apply(&mut self, change: Change) -> Applied {
        let applied = match change.0 {
            Staged::Remove(id) => {
                self.remove(&id);
                Applied::default()
            }
            Staged::Load(generation) => {
                self.staged.remove(&generation.number);
                Applied {
                    wants_existing: self.place(*generation),
                }
            }
        };
        self.count_kinds();
        applied
    }

    /// Puts a generation behind what waits for its plugin, or a new plugin on a worker. Returns
    /// the plugin's id if it is to be offered the processes that live.
    fn place(&mut self, generation: Generation) -> Option<Arc<str>> {
        let new = generation.compiled.clone();
        let existing = new.subscriptions.kinds().has(kind::EXISTING);
        if let Some(plugin) = self.plugins.iter_mut().find(|p| *p.id == *new.manifest.id) {
            plugin.queue.push(&mut plugin.waiting);
            // One in quarantine has no memory to hand over.
            let restored =
                new.snapshot && plugin.live.1.snapshot && !plugin.counters.read().quarantined;
            plugin.next = Some((generation.number, new));
            plugin.queue.switch(Box::new(generation));
            return (existing && !restored).then(|| plugin.id.clone());
        }
        let id: Arc<str> = new.manifest.id.as_str().into();
        let counters = Arc::new(Counters::default());
        let queue = Arc::new(Queue::new(self.options.overflow, counters.clone()));
        let plugin = generation.named();
        self.plugins.push(Plugin {
            id: id.clone(),
            live: (generation.number, new),
            next: None,
            queue: queue.clone(),
            counters: counters.clone(),
            waiting: Vec::new(),
            shed: 0,
            shed_said: None,
        });
        let runner = Runner::new(
            generation,
            queue,
            counters,
            self.outcomes.clone(),
            self.options.batch.max(1),
        );
        self.workers[self.next_worker % self.workers.len()].adopt(runner);
        self.next_worker += 1;
        self.send(Outcome::Loaded { plugin });
        existing.then_some(id)
    }

    fn remove(&mut self, id: &str) {
        if let Some(index) = self.plugins.iter().position(|p| *p.id == *id) {
            let mut plugin = self.plugins.swap_remove(index);
            plugin.queue.push(&mut plugin.waiting);
            plugin.queue.stop();
            self.retiring.push(plugin.queue);
            self.loader.forget(id);
        }
    }

    /// Takes note of switches that have ended.
    fn settle(&mut self) {
        self.retiring.retain(|queue| !queue.is_closed());
        // One whose worker gave it up is gone; its file can bring it back.
        let before = self.plugins.len();
        self.plugins.retain(|plugin| !plugin.queue.is_closed());
        let mut settled = self.plugins.len() != before;
        for plugin in &mut self.plugins {
            let Some(outcome) = plugin.queue.settled() else {
                continue;
            };
            if plugin
                .next
                .as_ref()
                .is_some_and(|(n, _)| *n == outcome.generation)
                && let Some(next) = plugin.next.take()
            {
                settled = true;
                if outcome.accepted {
                    plugin.live = next;
                }
            }
        }
        if settled {
            self.count_kinds();
        }
    }

    fn count_kinds(&mut self) {
        self.kinds = self
            .plugins
            .iter()
            .flat_map(|p| [Some(&p.live), p.next.as_ref()])
            .flatten()
            .fold(KindSet::default(), |kinds, (_, compiled)| {
                kinds.union(compiled.subscriptions.kinds())
            });
    }

    /// Offers an event to every plugin. It is shared, and so allocated, only if one wants it.
    #[inline]
    pub fn offer(&mut self, record: Record) {
        if self.kinds.has(record.event.kind) {
            self.offer_wanted(record);
        }
    }

    fn offer_wanted(&mut self, record: Record) {
        let container = record
            .process
            .as_ref()
            .is_some_and(|p| p.container.is_some());
        let at = record.event.at;
        let mut record = MaybeShared::Own(record);
        for plugin in &mut self.plugins {
            let wanted_by = plugin.wants(record.event(), container);
            if wanted_by == [0, 0] {
                continue;
            }
            let shared;
            (record, shared) = record.share();
            plugin.waiting.push(Delivery {
                record: shared,
                wanted_by,
            });
            if plugin.waiting.len() >= self.options.batch {
                hand_over(plugin, at, &self.outcomes);
            }
        }
    }

    /// Offers a record to one plugin alone: the processes that live, after a change that asks
    /// for them.
    pub fn offer_to(&mut self, id: &str, record: &Arc<Record>) {
        let container = record
            .process
            .as_ref()
            .is_some_and(|p| p.container.is_some());
        if let Some(plugin) = self.plugins.iter_mut().find(|p| *p.id == *id) {
            let wanted_by = plugin.wants(&record.event, container);
            // While a switch settles, only the new generation is to be told.
            let new = if plugin.next.is_some() {
                [0, wanted_by[1]]
            } else {
                wanted_by
            };
            if new != [0, 0] {
                plugin.waiting.push(Delivery {
                    record: record.clone(),
                    wanted_by: new,
                });
                if plugin.waiting.len() >= self.options.batch {
                    hand_over(plugin, record.event.at, &self.outcomes);
                }
            }
        }
    }

    /// Hands what was offered to the workers and wakes those that got something.
    pub fn flush(&mut self) {
        for plugin in &mut self.plugins {
            if let Some(last) = plugin.waiting.last() {
                let at = last.record.event.at;
                hand_over(plugin, at, &self.outcomes);
            }
        }
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
        let mut infos: Vec<PluginInfo> = self
            .plugins
            .iter()
            .map(|plugin| {
                let (generation, compiled) = &plugin.live;
                let kept = compiled.kept().lock();
                PluginInfo {
                    id: plugin.id.clone(),
                    path: compiled.path.clone(),
                    digest: compiled.digest,
                    generation: *generation,
                    manifest: compiled.manifest.clone(),
                    source: compiled.source,
                    stats: plugin.counters.read(),
                    metrics: kept.metrics.values().clone(),
                    state: kept.state.size(),
                    waiting: plugin.queue.len(),
                }
            })
            .collect();
        infos.sort_by(|a, b| a.id.cmp(&b.id));
        infos
    }

    fn send(&self, outcome: Outcome) {
        // Nobody listens any more only when the agent is on its way out.
        let _ = self.outcomes.send(outcome);
    }
}

/// Hands what waits for a plugin to its worker; says so if there was no room.
fn hand_over(plugin: &mut Plugin, at: u64, outcomes: &Sender<Outcome>) {
    plugin.shed += plugin.queue.push(&mut plugin.waiting);
    let quiet = plugin
        .shed_said
        .is_some_and(|said| at.saturating_sub(said) < SHED_REPORT);
    if plugin.shed > 0 && !quiet {
        let message = format!(
            "{} does not keep up: {} events did not reach it. Narrow its subscriptions, or give the agent another worker",
            plugin.id, plugin.shed
        );
        let finding = Health::EventsShed.finding(&plugin.id, message, "shed", at);
        // Nobody listens any more only when the agent is on its way out.
        let _ = outcomes.send(Outcome::Finding(Box::new(finding)));
        plugin.shed = 0;
        plugin.shed_said = Some(at);
    }
}

/// Loads files, as many at a time as there are processors; in the order in which they were given.
fn load_several(
    loader: &Loader,
    files: Vec<(PathBuf, Vec<u8>)>,
) -> Vec<(PathBuf, Result<Generation, String>)> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut order: Vec<PathBuf> = files.iter().map(|(path, _)| path.clone()).collect();
    let todo = Mutex::new(files);
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.min(order.len()) {
            scope.spawn(|| {
                loop {
                    let next = todo.lock().unwrap_or_else(PoisonError::into_inner).pop();
                    let Some((path, bytes)) = next else {
                        return;
                    };
                    let loaded = loader.load_bytes(&path, bytes).map_err(|e| e.to_string());
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .insert(path, loaded);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    order
        .drain(..)
        .filter_map(|path| done.remove(&path).map(|loaded| (path, loaded)))
        .collect()
}
