//! The plugins of a node, as the pipeline sees them: it offers events and applies changes.

use super::{
    cache::Cache,
    component::Grant,
    engine::{self, EngineError, MAX_PLUGINS},
    load::{Compiled, Generation, Loader},
    outcome::Outcome,
    queue::{Overflow, Queue},
    runner::Runner,
    service::{PluginInfo, Service},
    watch::{Places, Seen, watch},
    worker::Worker,
};
use crate::record::Record;
use crossbeam_channel::{Receiver, Sender};
use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
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
    /// The number of the plugin's generation, or why there is none.
    pub result: Result<u32, String>,
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

/// Loads, feeds, reloads and unloads plugins. All but the plugins' own work happens on the thread
/// that calls it, which must be one and the same for offering and applying.
pub struct PluginHost {
    loader: Arc<Loader>,
    options: HostOptions,
    places: Option<Places>,
    plugins: Vec<Service>,
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
    /// Filters of changes that are not yet applied, by generation.
    staged: BTreeMap<u32, Filter>,
    /// What all of them want, and a number that changes with it.
    filter: Filter,
    revision: u64,
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
            filter: Filter::default(),
            revision: 0,
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
                Seen::Refused { path, reason } => reports.push(LoadReport {
                    path,
                    result: Err(reason),
                }),
                Seen::Gone(_) => {}
            }
        }
        for (path, loaded) in self.loader.load_several(files) {
            let result = loaded
                .map_err(|error| error.to_string())
                .and_then(|generation| self.admit(generation))
                .map(|generation| {
                    let number = generation.number;
                    self.place(generation);
                    number
                });
            reports.push(LoadReport { path, result });
        }
        for LoadReport { path, result } in &reports {
            if let Err(reason) = result {
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
        let generation = self.loader.load_bytes(path, bytes);
        let generation = self.admit(generation.map_err(|error| error.to_string())?)?;
        let number = generation.number;
        self.place(generation);
        self.recount();
        Ok(number)
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
                // Once nobody listens, the watch ends by itself.
                let tell = |seen| match prepare(&loader, seen) {
                    Ok(prepared) => drop(send.send(prepared)),
                    Err(refused) => drop(outcomes.send(refused)),
                };
                watch(places, tell, || alive.strong_count() > 0);
            });
        match thread {
            Ok(_) => self.prepared = Some(receive),
            Err(error) => tracing::warn!(%error, "changes of plugins are not followed"),
        }
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

    /// Changes that are ready to be applied: verified, compiled and initialised. Never waits.
    /// What was refused went to the outcomes. Apply all of them, in their order.
    #[must_use = "a change that is not applied is lost"]
    pub fn changes(&mut self) -> Vec<Change> {
        self.settle();
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
        self.receive();
        changes
    }

    /// Takes in what the watcher has prepared, for the next round.
    fn receive(&mut self) {
        let Some(prepared) = &self.prepared else {
            return;
        };
        let before = self.deferred.len();
        self.deferred.extend(prepared.try_iter());
        for new in self.deferred.iter().skip(before) {
            if let Prepared::Ready(generation) = new {
                let filter = generation.compiled.subscriptions.filter();
                self.staged.insert(generation.number, filter);
            }
        }
        if self.deferred.len() > before {
            self.recount();
        }
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
                let number = generation.number;
                let generation = match self.admit(*generation) {
                    Ok(generation) => generation,
                    Err(reason) => {
                        self.staged.remove(&number);
                        self.recount();
                        self.send(Outcome::Refused {
                            path: path.to_owned(),
                            reason,
                        });
                        return Vec::new();
                    }
                };
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
        self.recount();
        applied
    }

    /// Puts a generation behind what waits for its plugin, or a new plugin on a worker. Returns
    /// the plugin's id if it is to be offered the processes that live.
    fn place(&mut self, generation: Generation) -> Option<Arc<str>> {
        let id = generation.compiled.manifest.id.as_str();
        if let Some(plugin) = self.plugins.iter_mut().find(|p| *p.id == *id) {
            let introduce = plugin.replace(Box::new(generation));
            return introduce.then(|| plugin.id.clone());
        }
        let subscriptions = &generation.compiled.subscriptions;
        let introduce = subscriptions.kinds().has(kind::EXISTING);
        let batch = self.options.batch.max(1);
        let (service, counters) = Service::new(
            &generation,
            self.options.overflow,
            batch,
            self.outcomes.clone(),
        );
        let id = service.id.clone();
        let plugin = generation.named();
        let runner = Runner::new(
            generation,
            service.queue.clone(),
            counters,
            self.outcomes.clone(),
            batch,
        );
        self.plugins.push(service);
        self.workers[self.next_worker % self.workers.len()].adopt(runner);
        self.next_worker += 1;
        self.send(Outcome::Loaded { plugin });
        introduce.then_some(id)
    }

    fn remove(&mut self, id: &str) {
        if let Some(index) = self.plugins.iter().position(|p| *p.id == *id) {
            self.retiring.push(self.plugins.swap_remove(index).end());
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
            settled |= plugin.settle();
        }
        if settled {
            self.recount();
        }
    }

    /// Adds up anew what all plugins want.
    fn recount(&mut self) {
        let mut filter = Filter::default();
        self.plugins.iter().for_each(|p| filter.union(&p.filter()));
        self.kinds = filter.kinds;
        self.staged.values().for_each(|f| filter.union(f));
        if filter != self.filter {
            self.filter = filter;
            self.revision += 1;
        }
    }

    /// Offers an event to every plugin. It is shared, and so allocated, only if one wants it.
    #[inline]
    pub fn offer(&mut self, record: Record) {
        if self.kinds.has(record.event.kind) {
            self.offer_wanted(record);
        }
    }

    fn offer_wanted(&mut self, record: Record) {
        let container = in_container(&record);
        let wants = |plugin: &Service| plugin.wants(&record.event, container) != [0, 0];
        let Some(first) = self.plugins.iter().position(wants) else {
            return;
        };
        let record = Arc::new(record);
        for plugin in &mut self.plugins[first..] {
            let wanted_by = plugin.wants(&record.event, container);
            if wanted_by != [0, 0] {
                plugin.offer(record.clone(), wanted_by);
            }
        }
    }

    /// Offers a record to one plugin alone: the processes that live, after a change that asks
    /// for them.
    pub fn offer_to(&mut self, id: &str, record: &Arc<Record>) {
        let Some(plugin) = self.plugins.iter_mut().find(|p| *p.id == *id) else {
            return;
        };
        let mut wanted_by = plugin.wants(&record.event, in_container(record));
        // While a switch settles, only the new generation is to be told.
        if plugin.next.is_some() {
            wanted_by[0] = 0;
        }
        if wanted_by != [0, 0] {
            plugin.offer(record.clone(), wanted_by);
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

/// What a change at the sources comes to, off the path of events.
fn prepare(loader: &Loader, seen: Seen) -> Result<Prepared, Outcome> {
    match seen {
        Seen::Gone(path) => Ok(Prepared::Gone(path)),
        Seen::Refused { path, reason } => Err(Outcome::Refused { path, reason }),
        Seen::Changed { path, bytes } => match loader.load_bytes(&path, bytes) {
            Ok(generation) => Ok(Prepared::Ready(Box::new(generation))),
            Err(error) => Err(Outcome::Refused {
                path,
                reason: error.to_string(),
            }),
        },
    }
}

/// Whether the acting process is in a container.
fn in_container(record: &Record) -> bool {
    record
        .process
        .as_ref()
        .is_some_and(|p| p.container.is_some())
}
