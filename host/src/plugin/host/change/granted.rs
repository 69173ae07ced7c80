//! Grants that change while the agent runs: what waits for one comes into service, and a plugin
//! from which the operator took what it needs leaves it.

use super::{Prepared, What};
use crate::{
    grants::Grant,
    plugin::{
        command::Report,
        host::PluginHost,
        life::{Entered, Stage},
        load::{Compiled, How},
    },
};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// How often it is looked whether something else is granted.
const LOOK: Duration = Duration::from_secs(1);

impl PluginHost {
    /// What waits for a grant is tried again where grants have changed.
    pub(super) fn look_at_grants(&mut self) {
        let now = Instant::now();
        if !self.options.watch || now.duration_since(self.granted.0) < LOOK {
            return;
        }
        let mark = self.options.grants.mark();
        let before = std::mem::replace(&mut self.granted, (now, mark));
        let changed = before.1 != mark;
        if std::mem::take(&mut self.came) || changed {
            self.look_for_revoked();
        }
        if !changed {
            return;
        }
        let waits = |report: &&Report| report.stage == Stage::Staged;
        let waiting = self.idle.values().filter(waits);
        for path in waiting.map(|report| PathBuf::from(&report.path)) {
            self.load_asked(path, How::default(), None);
        }
    }

    /// Looks, off the path of events, whether something was taken from plugins in service.
    fn look_for_revoked(&self) {
        let send = self.prepare.clone();
        let loader = self.loader.clone();
        let serving = self.plugins.iter().map(|p| p.live.1.clone());
        let serving: Vec<Arc<Compiled>> = serving.collect();
        let look = move || {
            for compiled in serving {
                if let Some(missing) = loader.taken(&compiled) {
                    let _ = send.send(Prepared {
                        path: compiled.path.clone(),
                        what: What::Revoked(compiled.manifest.id.clone(), missing),
                        reply: None,
                        begun: 0,
                    });
                }
            }
        };
        let thread = std::thread::Builder::new().name("plugin-grants".to_owned());
        if let Err(error) = thread.spawn(look) {
            tracing::warn!(
                "no thread to look for what was revoked: {error}; raise the limit on tasks"
            );
        }
    }

    /// What is to be told of a plugin in service that has lost what it needs. Says why it leaves.
    pub(super) fn revoke(&mut self, id: &str, path: PathBuf, missing: &Grant) -> String {
        let reason = format!(
            "the operator has revoked what it needs, {missing}; `vedette plugin grant {id}` grants it again"
        );
        let serving = self.plugins.iter().find(|p| *p.id == *id);
        if let Some(compiled) = serving.map(|p| p.live.1.clone()) {
            let at = Entered::now(Stage::Staged, reason.clone());
            let (version, digest) = (&compiled.manifest.version, compiled.digest);
            let report = Report::idle(&path, id, version, Some(digest), at);
            self.set_aside(path, report);
        }
        reason
    }
}
