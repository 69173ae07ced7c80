//! From a file to an initialised generation, off the path of events.

use super::{
    cache::{Cache, CompileError, Source},
    component::{Component, ComponentError, Digest},
    decisions::{Decisions, Held},
    instance::{Instance, StartError},
    life::{Life, Stage},
    outcome::Named,
    services::{self, Services, Shared},
    shadow::Rehearsal,
    signature::PublicKey,
    store::{Place, Store},
};
use crate::{
    answers::Answers,
    grants::{Grant, Grants, Identity},
    manifest::{Manifest, Restart, Service},
    subscription::Subscriptions,
};
use std::{
    collections::HashMap,
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};
use wasmtime::{
    Engine,
    component::{InstancePre, Linker},
};

/// A component cannot come into service.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The gate refused it.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// What the operator has set for it is not sound.
    #[error("{source}")]
    Settings {
        /// The plugin.
        plugin: String,
        /// What is wrong.
        source: ComponentError,
    },
    /// It was decided that it does not serve.
    #[error(transparent)]
    Held(#[from] Held),
    /// It does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// Its imports are not what the host gives: those of a later contract than it says, most
    /// likely, as its SDK may be of one.
    #[error(
        "its imports are not those of contract {version}: {0}; if it needs a later one, raise `contract` in its manifest and update the agent; else rebuild it with the SDK of this agent's",
        version = vedette_contract::VERSION
    )]
    Link(String),
    /// It does not start.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// A component that is ready to be instantiated, again if need be.
pub struct Compiled {
    /// The file that it came from.
    pub path: PathBuf,
    /// Its digest.
    pub digest: Digest,
    /// Who signed it.
    pub publisher: Option<PublicKey>,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// What it wants.
    pub subscriptions: Subscriptions,
    /// It can hand over what it remembers, and take it over.
    pub snapshot: bool,
    /// Whether it was compiled for this.
    pub source: Source,
    /// The stages that it has gone through.
    pub life: Life,
    /// Where its questions about the machine are answered.
    pub answers: Answers,
    pre: InstancePre<Services>,
    kept: Shared,
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled")
            .field("path", &self.path)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Compiled {
    /// A new instance of it.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(&self) -> Result<Instance, StartError> {
        self.start_on(&self.kept)
    }

    /// A new instance of it that keeps what it keeps there: for a trial.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_on(&self, kept: &Shared) -> Result<Instance, StartError> {
        Instance::start(&self.pre, &self.manifest, kept.clone())
    }

    /// An instance with keys of its own, for a trial.
    fn rehearse(&self) -> Result<Rehearsal, StartError> {
        let kept = self.kept.fork();
        let instance = self.start_on(&kept)?;
        Ok(Rehearsal { instance, kept })
    }

    /// Whether it takes over what an older generation remembers, where that can say so: nobody
    /// reads what another publisher's plugin has learned.
    pub fn inherits(&self, older: &Compiled) -> bool {
        self.snapshot && older.snapshot && self.publisher == older.publisher
    }

    /// Whether it declares this service.
    pub fn has(&self, service: Service) -> bool {
        self.manifest.services.contains(&service)
    }

    /// What the plugin keeps over its generations.
    pub fn kept(&self) -> &Shared {
        &self.kept
    }
}

/// A component and its first instance, ready to take over.
#[derive(Debug)]
pub struct Generation {
    /// The component.
    pub compiled: Arc<Compiled>,
    /// The instance, initialised.
    pub instance: Instance,
    /// Its number: higher ones came later.
    pub number: u32,
    /// Where it is to run beside an older one first: for how much event time, ns.
    pub rehearsal: Option<(u64, Rehearsal)>,
}

impl Generation {
    /// How it is named in outcomes.
    pub fn named(&self) -> Named {
        named(&self.compiled, self.number)
    }
}

/// How a generation is named in outcomes.
pub fn named(compiled: &Compiled, number: u32) -> Named {
    Named {
        id: compiled.manifest.id.as_str().into(),
        version: compiled.manifest.version.as_str().into(),
        digest: compiled.digest,
        generation: number,
    }
}

/// How a file is to be loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct How {
    /// Also where a rollback has ruled its component out.
    pub force: bool,
    /// ns of event time for which it runs beside an older generation first, where that is not
    /// what the agent does anyway.
    pub shadow: Option<u64>,
    /// It is its author's own, and so are its settings, whoever may write to them.
    pub of_author: bool,
}

/// A component that is being made ready.
#[derive(Debug, Clone)]
pub struct Coming {
    /// Its file.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// Its digest.
    pub digest: Digest,
    /// The stages that it has gone through.
    pub life: Life,
}

/// Forms of its state that a plugin may come back to: stops one that is reloaded with ever new forms
/// from keeping them all. Those that are in use stay in any case.
const MAX_FORMS: usize = 3;
/// Most files whose plugins are kept in mind: stops files of ever new names from filling memory.
/// What lies in one more is judged as if another plugin's file had been taken.
const MAX_FILES: usize = 4096;

/// Makes generations out of files.
#[derive(Debug)]
pub struct Loader {
    engine: Engine,
    cache: Cache,
    grants: Grants,
    /// Directory of what operators set for plugins.
    settings: Option<PathBuf>,
    /// What was decided about plugins.
    pub decisions: Decisions,
    /// ns of event time for which a generation runs beside an older one first, whatever its
    /// manifest says; 0 is not at all.
    pub shadow: Option<u64>,
    /// Where plugins' questions about the machine are answered.
    pub answers: Answers,
    next: AtomicU32,
    coming: Mutex<Vec<Coming>>,
    /// By file the id of the plugin that was last let in from there.
    lodgers: Mutex<HashMap<PathBuf, String>>,
    /// By plugin id: what generations of one publisher and form share.
    kept: Mutex<HashMap<String, Vec<(Place, Shared)>>>,
    /// Held while one of them is made: what stands on disk is read for one of a kind alone.
    making: Mutex<()>,
    /// Where that is kept on disk, if it is anywhere.
    pub store: Option<Arc<Store>>,
}

impl Loader {
    /// A loader for plugins that are granted this.
    pub fn new(engine: Engine, cache: Cache, grants: Grants) -> Loader {
        Loader::with_decisions(engine, cache, grants, Decisions::default())
    }

    /// The same, where something was decided about plugins.
    pub fn with_decisions(
        engine: Engine,
        cache: Cache,
        grants: Grants,
        decisions: Decisions,
    ) -> Loader {
        Loader {
            engine,
            cache,
            grants,
            settings: None,
            decisions,
            shadow: None,
            answers: Answers::default(),
            next: AtomicU32::new(1),
            coming: Mutex::default(),
            lodgers: Mutex::default(),
            kept: Mutex::default(),
            making: Mutex::default(),
            store: None,
        }
    }

    /// The same, where operators set plugins' settings in files of this directory.
    pub fn with_settings(self, settings: Option<PathBuf>) -> Loader {
        Loader { settings, ..self }
    }

    /// Verifies, compiles and initialises what is in a file.
    ///
    /// # Errors
    /// Why it cannot come into service.
    pub fn load(&self, path: &Path) -> Result<Generation, LoadError> {
        self.load_bytes(path, Component::read(path)?)
    }

    /// The same with the file's bytes.
    ///
    /// # Errors
    /// Why it cannot come into service.
    pub fn load_bytes(&self, path: &Path, bytes: Vec<u8>) -> Result<Generation, LoadError> {
        self.load_as(path, bytes, How::default())
    }

    /// The same, otherwise than a change of its file is loaded.
    ///
    /// # Errors
    /// Why it cannot come into service.
    pub fn load_as(&self, path: &Path, bytes: Vec<u8>, how: How) -> Result<Generation, LoadError> {
        let life = Life::default();
        life.enter(Stage::Staged, format!("found as {}", path.display()));
        let mut component = Component::verify(bytes)?;
        self.let_in(path, &component)?;
        let configured = component.configure(self.settings.as_deref(), how.of_author);
        configured.map_err(|source| LoadError::Settings {
            plugin: component.manifest.id.clone(),
            source,
        })?;
        let (id, digest) = (&component.manifest.id, component.digest);
        self.decisions.allow(id, digest, how.force)?;
        life.enter(Stage::Warming, "verified; compiled and initialised now");
        let coming = Coming {
            path: path.to_owned(),
            manifest: component.manifest.clone(),
            digest,
            life: life.clone(),
        };
        self.lock_coming().push(coming);
        let loaded = self.warm(path, component, life, how);
        // Several loads of one file at a time are told apart by nothing that matters here.
        let mut coming = self.lock_coming();
        if let Some(done) = coming
            .iter()
            .position(|c| c.path == path && c.digest == digest)
        {
            coming.swap_remove(done);
        }
        loaded
    }

    /// Judges a component by what is granted, and by what its file has held before.
    fn let_in(&self, path: &Path, component: &Component) -> Result<(), ComponentError> {
        let id = &component.manifest.id;
        let mut lodgers = self.lodgers.lock().unwrap_or_else(PoisonError::into_inner);
        let another = match lodgers.get(path) {
            Some(lodger) => lodger != id,
            None => lodgers.len() >= MAX_FILES,
        };
        component.permit(&self.grants, another)?;
        if lodgers.len() < MAX_FILES || lodgers.contains_key(path) {
            lodgers.insert(path.to_owned(), id.clone());
        }
        Ok(())
    }

    /// What the operator has taken from a component in service.
    pub fn taken(&self, compiled: &Compiled) -> Option<Grant> {
        self.grants.taken(Identity {
            manifest: &compiled.manifest,
            digest: compiled.digest,
            publisher: compiled.publisher,
        })
    }

    /// The operator's grants.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Components that are being made ready.
    pub fn coming(&self) -> Vec<Coming> {
        self.lock_coming().clone()
    }

    fn lock_coming(&self) -> MutexGuard<'_, Vec<Coming>> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compiles and initialises.
    fn warm(
        &self,
        path: &Path,
        component: Component,
        life: Life,
        how: How,
    ) -> Result<Generation, LoadError> {
        let declared = || component.manifest.shadow.as_nanos() as u64;
        let shadow = how.shadow.or(self.shadow).unwrap_or_else(declared);
        let shadow = (shadow > 0 && self.knows(&component.manifest.id)).then_some(shadow);
        let (code, source) = self.cache.compile(&component)?;
        let mut linker = Linker::new(&self.engine);
        let link = |e: wasmtime::Error| LoadError::Link(format!("{e:#}"));
        services::link(&mut linker, &component.manifest.services).map_err(link)?;
        let compiled = Compiled {
            path: path.to_owned(),
            digest: component.digest,
            publisher: component.publisher,
            subscriptions: Subscriptions::compile(&component.manifest),
            snapshot: component.anatomy.has_export("snapshot"),
            source,
            life,
            pre: linker.instantiate_pre(&code).map_err(link)?,
            kept: self.kept(&component),
            answers: self.answers.clone(),
            manifest: component.manifest,
        };
        let instance = compiled.start()?;
        let rehearsal = shadow
            .map(|time| Ok::<_, StartError>((time, compiled.rehearse()?)))
            .transpose()?;
        Ok(Generation {
            compiled: Arc::new(compiled),
            instance,
            rehearsal,
            number: self.next.fetch_add(1, Relaxed),
        })
    }

    /// Loads files, as many at a time as there are processors; in the order in which they were
    /// given.
    pub fn load_several(
        &self,
        files: Vec<(PathBuf, Vec<u8>)>,
    ) -> Vec<(PathBuf, Result<Generation, LoadError>)> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let count = files.len();
        let todo = Mutex::new(files.into_iter().enumerate());
        let mut loaded: Vec<_> = std::thread::scope(|scope| {
            let work = || {
                let mut done = Vec::new();
                loop {
                    let next = todo.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((n, (path, bytes))) = next else {
                        return done;
                    };
                    let generation = self.load_bytes(&path, bytes);
                    done.push((n, (path, generation)));
                }
            };
            let workers: Vec<_> = (0..threads.min(count)).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                // A panic in a loader is the host's own fault and must not pass for a plugin less.
                .flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        loaded.sort_by_key(|(n, _)| *n);
        loaded.into_iter().map(|(_, one)| one).collect()
    }

    /// Whether a generation of the plugin was made before.
    fn knows(&self, id: &str) -> bool {
        self.lock_kept().contains_key(id)
    }

    /// What the generations of a plugin share whose state has the same form and is the same
    /// publisher's. One with another form begins with nothing, and what the others kept stays for
    /// as long as they may come back.
    fn kept(&self, component: &Component) -> Shared {
        let manifest = &component.manifest;
        let place = Place {
            plugin: manifest.id.clone(),
            publisher: component.publisher,
            form: manifest.state.version,
        };
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let lasts = manifest.state.restart == Restart::Keep;
        let store = self.store.as_ref().filter(|_| lasts);
        if let Some(shared) = self.known(&place) {
            if let Some(store) = store {
                store.keep(&place, &shared, false);
            }
            return shared;
        }
        let back = store.and_then(|store| store.back(&place));
        let shared = back.unwrap_or_default();
        shared.allow(manifest);
        if let Some(store) = store {
            store.keep(&place, &shared, true);
        }
        let mut kept = self.lock_kept();
        let forms = kept.entry(manifest.id.clone()).or_default();
        // What a generation in service, or one that is kept for a rollback, has is not dropped.
        if forms.len() >= MAX_FORMS
            && let Some(unused) = forms.iter().position(|(_, shared)| !shared.is_held())
        {
            let (place, _) = forms.remove(unused);
            self.store.iter().for_each(|store| store.forget(&place));
        }
        forms.push((place, shared.clone()));
        shared
    }

    /// What generations share already.
    fn known(&self, place: &Place) -> Option<Shared> {
        let kept = self.lock_kept();
        let forms = kept.get(&place.plugin)?;
        let (_, shared) = forms.iter().find(|(known, _)| known == place)?;
        Some(shared.clone())
    }

    fn lock_kept(&self) -> MutexGuard<'_, HashMap<String, Vec<(Place, Shared)>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what a plugin kept: it was removed. What it has on disk stays there, for its file
    /// may be put back.
    pub fn forget(&self, id: &str) {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let forms = self.lock_kept().remove(id).unwrap_or_default();
        if let Some(store) = &self.store {
            (forms.into_iter()).for_each(|(place, shared)| store.leave(place, shared));
        }
    }
}
