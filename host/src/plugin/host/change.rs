//! Changes of what is in service: prepared off the path of events, applied between two of them.

mod granted;
mod waiting;

use super::{Applied, PluginHost};
use crate::grants::Grant;
use crate::plugin::{
    command::{Reply, Report},
    component::{ComponentError, Digest},
    decisions::Held,
    engine::MAX_PLUGINS,
    life::{Entered, Stage},
    load::{Compiled, Generation, How, LoadError, Loader},
    outcome::Outcome,
    runner::Runner,
    service::{Came, Service},
    watch::{Places, Seen, read_trusted, watch},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use vedette_contract::kind;

/// Most files that are not in service and told of: what lies in a directory must not fill memory.
const MAX_IDLE: usize = 256;

/// A change that waits for the pipeline to apply it between two events.
#[derive(Debug)]
pub struct Change {
    what: Staged,
    /// Who asked for it.
    reply: Option<Reply>,
}

#[derive(Debug)]
enum Staged {
    /// A generation that is ready to take over.
    Load(Box<Generation>),
    /// A plugin that is to be out of service, and why.
    Remove(Arc<str>, String),
}

/// What a file has come to, off the path of events.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) path: PathBuf,
    what: What,
    reply: Option<Reply>,
    /// When it was begun: of one file what was begun last counts, whichever is ready last.
    pub(super) begun: u64,
}

#[derive(Debug)]
enum What {
    Ready(Box<Generation>),
    Gone,
    /// What the operator sets for the plugin of this id has changed.
    Settings(String),
    /// The plugin of this id runs, and this was taken from it.
    Revoked(String, Grant),
    /// A place that could not be looked at can be.
    Mended,
    /// It does not come into service.
    Refused(Box<Report>),
}

impl PluginHost {
    /// Follows changes on a thread of its own.
    pub(super) fn follow(&mut self, places: Places) {
        let preparing = self.preparing.clone();
        let alive = Arc::downgrade(&self.alive);
        let thread = std::thread::Builder::new()
            .name("plugin-watch".to_owned())
            .spawn(move || {
                let tell = |seen| preparing.seen(seen);
                watch(places, tell, || alive.strong_count() > 0);
            });
        if let Err(error) = thread {
            tracing::warn!(%error, "changes of plugins are not followed");
        }
    }

    /// Loads one file anew because somebody asked: on a thread of its own where somebody waits.
    pub(super) fn load_asked(&self, path: PathBuf, how: How, reply: Option<Reply>) {
        let Some(reply) = reply else {
            return self.preparing.load(path, how);
        };
        let send = self.prepare.clone();
        let loader = self.loader.clone();
        let outcomes = self.outcomes.clone();
        let answer = reply.clone();
        let begun = self.preparing.begin();
        let thread = std::thread::Builder::new()
            .name("plugin-load".to_owned())
            .spawn(move || {
                let (mut prepared, refused) = load_asked(&loader, path, how);
                if let Some(refused) = refused {
                    let _ = outcomes.send(refused);
                }
                prepared.reply = Some(reply);
                prepared.begun = begun;
                let _ = send.send(prepared);
            });
        if let Err(error) = thread {
            answer.refuse(format!(
                "no thread to load it: {error}; raise the limit on tasks"
            ));
        }
    }

    /// Changes that are ready to be applied: verified, compiled and initialised. Never waits.
    /// What was refused went to the outcomes. Apply all of them, in their order.
    #[must_use = "a change that is not applied is lost"]
    pub fn changes(&mut self) -> Vec<Change> {
        self.settle();
        self.look_at_grants();
        let mut changes = Vec::new();
        // One plugin's second switch waits until its first has settled.
        for prepared in std::mem::take(&mut self.deferred) {
            let same = |p: &&mut Service| p.live.1.path == prepared.path && p.next.is_some();
            let settling = self.plugins.iter_mut().find(same);
            // What was refused changes nothing, and need not wait.
            let settling = settling.filter(|_| !matches!(prepared.what, What::Refused(_)));
            let waits = settling.is_some();
            if let Some(plugin) = settling {
                plugin.give_up_trial(self.now);
            }
            if waits || !changes.is_empty() {
                self.deferred.push_back(prepared);
                continue;
            }
            changes.extend(self.stage(prepared));
        }
        self.receive();
        changes
    }

    /// What a prepared file means for the plugins in service.
    pub(super) fn stage(&mut self, prepared: Prepared) -> Vec<Change> {
        let Prepared {
            path, what, reply, ..
        } = prepared;
        let here = self
            .plugins
            .iter()
            .find(|p| p.live.1.path == path)
            .map(|p| p.id.clone());
        self.idle.remove(&path);
        self.awaited.remove(&path);
        let remove = |id, reason| Change {
            what: Staged::Remove(id, reason),
            reply: None,
        };
        match what {
            What::Mended => Vec::new(),
            What::Gone => {
                let reason = format!("its file {} is gone", path.display());
                here.map(|id| remove(id, reason)).into_iter().collect()
            }
            What::Revoked(id, missing) => match here.filter(|here| **here == *id) {
                Some(here) => vec![remove(here, self.revoke(&id, path, &missing))],
                None => Vec::new(),
            },
            What::Settings(id) => {
                // Where there is no such plugin, nobody reads it.
                if let Ok(path) = self.path_of(&id) {
                    self.load_asked(path, How::default(), None);
                }
                Vec::new()
            }
            What::Refused(report) => {
                if let Some(reply) = reply {
                    reply.refuse(report.reason.clone());
                }
                let reason = report.reason.clone();
                self.set_aside(path.clone(), *report);
                self.tell_refused(&path, &reason);
                Vec::new()
            }
            What::Ready(generation) => {
                let id = generation.compiled.manifest.id.as_str();
                // Another plugin in the same file: the one that was there is gone.
                let other = here.filter(|here| **here != *id);
                let instead = format!("{} holds the plugin {id} now", path.display());
                let number = generation.number;
                if let Err(reason) = self.admit(&generation) {
                    self.staged.remove(&number);
                    self.recount();
                    if let Some(reply) = reply {
                        reply.refuse(reason.clone());
                    }
                    self.refuse(&generation.compiled, reason);
                    return Vec::new();
                }
                let load = Change {
                    what: Staged::Load(generation),
                    reply,
                };
                let other = other.map(|other| remove(other, instead));
                other.into_iter().chain([load]).collect()
            }
        }
    }

    /// Remembers a file that is not in service, to tell of it.
    pub(super) fn set_aside(&mut self, path: PathBuf, report: Report) {
        if self.idle.len() < MAX_IDLE {
            self.idle.insert(path, report);
        }
    }

    /// A component that is sound does not come into service.
    pub(super) fn refuse(&mut self, compiled: &Compiled, reason: String) {
        let Compiled { path, manifest, .. } = compiled;
        compiled.life.enter(Stage::Refused, reason.clone());
        let at = Entered::now(Stage::Refused, reason.clone());
        let digest = Some(compiled.digest);
        let report = Report::idle(path, &manifest.id, &manifest.version, digest, at);
        self.set_aside(path.clone(), report);
        self.tell_refused(path, &reason);
        self.send(Outcome::Refused {
            path: path.clone(),
            reason,
        });
    }

    /// Whether a generation may come into service beside the others.
    pub(super) fn admit(&self, generation: &Generation) -> Result<(), String> {
        let Compiled {
            path,
            manifest,
            digest,
            ..
        } = &*generation.compiled;
        // It was decided meanwhile.
        let decisions = &self.loader.decisions;
        decisions
            .allow(&manifest.id, *digest, false)
            .map_err(|held| held.to_string())?;
        match self.plugins.iter().find(|p| *p.id == manifest.id) {
            Some(same) if same.live.1.path != *path => Err(format!(
                "plugin {:?} is in service from {}; remove one of the two",
                manifest.id,
                same.live.1.path.display()
            )),
            None if self.plugins.len() >= MAX_PLUGINS => Err(format!(
                "{MAX_PLUGINS} plugins are in service and no more can be; remove one"
            )),
            _ => Ok(()),
        }
    }

    /// Applies a change, between two events: what was offered before goes to the old generation,
    /// what is offered after to the new one.
    pub fn apply(&mut self, change: Change) -> Applied {
        let applied = match change.what {
            Staged::Remove(id, reason) => {
                self.remove(&id, &reason);
                self.loader.forget(&id);
                Applied::default()
            }
            Staged::Load(generation) => {
                self.staged.remove(&generation.number);
                self.came = true;
                Applied {
                    wants_existing: self.place(*generation, change.reply),
                }
            }
        };
        self.recount();
        applied
    }

    /// Puts a generation behind what waits for its plugin, or a new plugin on a worker. Returns
    /// the plugin's id if it is to be offered the processes that live.
    pub(super) fn place(
        &mut self,
        generation: Generation,
        reply: Option<Reply>,
    ) -> Option<Arc<str>> {
        let id = generation.compiled.manifest.id.as_str();
        if let Some(plugin) = self.plugins.iter_mut().find(|p| *p.id == *id) {
            let accept = self.options.shadow_accept;
            let introduce = plugin.follow_with(Box::new(generation), reply, accept, self.now);
            return introduce.then(|| plugin.id.clone());
        }
        let subscriptions = &generation.compiled.subscriptions;
        let introduce = subscriptions.kinds().has(kind::EXISTING);
        let batch = self.options.batch.max(1);
        let (mut service, counters) = Service::new(
            &generation,
            self.options.overflow,
            batch,
            self.outcomes.clone(),
            self.options.terms.probation,
            self.remains.clone(),
        );
        let id = service.id.clone();
        let plugin = generation.named();
        generation
            .compiled
            .life
            .enter(Stage::Active, "the first generation");
        let runner = Runner::new(
            generation,
            service.queue.clone(),
            counters,
            self.outcomes.clone(),
            batch,
            self.options.terms,
            self.remains.clone(),
        );
        if self.lists.is_some() {
            service.turn_lists(self.lists.clone());
        }
        self.plugins.push(service);
        self.workers[self.next_worker % self.workers.len()].adopt(runner);
        self.next_worker += 1;
        if let Some(reply) = reply {
            reply.done(format!(
                "plugin {} {} is in service as generation {}",
                plugin.id, plugin.version, plugin.generation
            ));
        }
        self.send(Outcome::Loaded { plugin });
        introduce.then_some(id)
    }

    /// Ends a plugin behind what waits for it. What it keeps is kept until it is forgotten.
    pub(super) fn remove(&mut self, id: &str, reason: &str) {
        if let Some(index) = self.plugins.iter().position(|p| *p.id == *id) {
            self.tell_removed(id, self.plugins[index].live.0, reason);
            self.retiring.push(self.plugins.swap_remove(index).end());
        }
    }

    /// Takes note of switches that have ended.
    pub(super) fn settle(&mut self) {
        self.retiring.retain(|queue| !queue.is_closed());
        // One whose worker gave it up is gone; its file can bring it back.
        let before = self.plugins.len();
        self.plugins.retain(|plugin| !plugin.queue.is_closed());
        let mut settled = self.plugins.len() != before;
        let mut came = Vec::new();
        for plugin in &mut self.plugins {
            for one in plugin.settle(self.now) {
                settled = true;
                came.push((plugin.id.clone(), one));
            }
        }
        for (id, came) in came {
            match came {
                Came::Settled => {}
                Came::RuledOut(digest) => self.loader.decisions.rule_out(&id, digest),
                Came::Refused(compiled, reason) => self.refuse(&compiled, reason),
                Came::TurnedDown(path, reason) => self.tell_refused(&path, &reason),
                Came::Ready(generation, reply) => {
                    let filter = generation.compiled.subscriptions.filter();
                    self.staged.insert(generation.number, filter);
                    self.deferred.push_front(Prepared {
                        path: generation.compiled.path.clone(),
                        what: What::Ready(generation),
                        reply,
                        // It has waited its turn already.
                        begun: 0,
                    });
                }
            }
        }
        if settled {
            self.recount();
        }
    }
}

/// What a file comes to that somebody asks for.
pub(super) fn load_asked(loader: &Loader, path: PathBuf, how: How) -> (Prepared, Option<Outcome>) {
    match read_trusted(&path) {
        Ok(bytes) => load(loader, path, bytes, how),
        Err(reason) => prepare(loader, Seen::Refused { path, reason }),
    }
}

/// What a file comes to where the agent itself has failed.
pub(super) fn failed(path: PathBuf) -> (Prepared, Option<Outcome>) {
    let reason = "the agent failed while making it ready; please report it".to_owned();
    let at = Entered::now(Stage::Refused, reason.clone());
    let report = Report::idle(&path, "", "", None, at);
    refused(path, report, reason)
}

/// What a change at the sources comes to, and what is to be said where it is refused.
pub(super) fn prepare(loader: &Loader, seen: Seen) -> (Prepared, Option<Outcome>) {
    match seen {
        Seen::Changed { path, bytes } => load(loader, path, bytes, How::default()),
        Seen::Gone(path) => (
            Prepared {
                path,
                what: What::Gone,
                reply: None,
                begun: 0,
            },
            None,
        ),
        Seen::Settings(plugin) => (
            Prepared {
                path: PathBuf::new(),
                what: What::Settings(plugin),
                reply: None,
                begun: 0,
            },
            None,
        ),
        Seen::Mended(path) => (
            Prepared {
                path,
                what: What::Mended,
                reply: None,
                begun: 0,
            },
            None,
        ),
        Seen::Refused { path, reason } => {
            let at = Entered::now(Stage::Refused, reason.clone());
            let report = Report::idle(&path, "", "", None, at);
            refused(path, report, reason)
        }
    }
}

fn load(loader: &Loader, path: PathBuf, bytes: Vec<u8>, how: How) -> (Prepared, Option<Outcome>) {
    let digest = Digest::of(&bytes);
    match loader.load_as(&path, bytes, how) {
        Ok(generation) => (
            Prepared {
                path,
                what: What::Ready(Box::new(generation)),
                reply: None,
                begun: 0,
            },
            None,
        ),
        Err(error) => {
            let report = idle(&path, digest, &error);
            refused(path, report, error.to_string())
        }
    }
}

fn refused(path: PathBuf, report: Report, reason: String) -> (Prepared, Option<Outcome>) {
    let outcome = Outcome::Refused {
        path: path.clone(),
        reason,
    };
    let prepared = Prepared {
        path,
        what: What::Refused(Box::new(report)),
        reply: None,
        begun: 0,
    };
    (prepared, Some(outcome))
}

/// What is told of a file that did not come into service.
pub(super) fn idle(path: &Path, digest: Digest, error: &LoadError) -> Report {
    let (stage, id) = match error {
        LoadError::Held(held) => {
            let stage = match held {
                Held::Disabled(_) => Stage::Disabled,
                Held::Quarantined(_) => Stage::Quarantined,
                Held::RolledBack(_) => Stage::Refused,
            };
            (stage, held.plugin())
        }
        LoadError::Component(
            ComponentError::NotGranted { plugin, .. }
            | ComponentError::OtherPublisher { plugin, .. },
        ) => (Stage::Staged, plugin.as_str()),
        LoadError::Settings { plugin, .. } => (Stage::Refused, plugin.as_str()),
        _ => (Stage::Refused, ""),
    };
    let at = Entered::now(stage, error.to_string());
    Report::idle(path, id, "", Some(digest), at)
}
