//! What an operator asks of the plugins, done between two events.

use super::PluginHost;
use crate::plugin::{
    command::{Answer, Command, GenerationReport, Reply, Report},
    life::Stage,
    load::{Coming, How},
    service::Service,
};
use std::path::PathBuf;

impl PluginHost {
    /// Does what is asked. What takes longer is answered when it has come to its end.
    pub fn serve(&mut self, command: Command, reply: Reply) {
        self.settle();
        match command {
            Command::List {} => reply.send(Ok(Answer::Plugins(self.reports()))),
            Command::Grants {} => reply.send(Ok(Answer::Grants(self.grants_file()))),
            Command::Info { plugin } => reply.send(self.info(&plugin)),
            Command::Reload {
                plugin,
                force,
                shadow,
            } => match self.path_of(&plugin) {
                Ok(path) => {
                    let how = How {
                        force,
                        shadow,
                        ..How::default()
                    };
                    self.load_asked(path, how, Some(reply));
                }
                Err(reason) => reply.refuse(reason),
            },
            Command::Rollback { plugin } => {
                match self.plugins.iter_mut().find(|p| *p.id == *plugin) {
                    Some(service) => service.roll_back(reply),
                    None => reply.refuse(self.unknown(&plugin)),
                }
            }
            Command::Quarantine { plugin } => reply.send(self.quarantine(&plugin)),
            Command::Enable { plugin } => self.enable(&plugin, reply),
            Command::Disable { plugin } => reply.send(self.disable(&plugin)),
        }
        self.recount();
    }

    /// Where the operator's grants are, for whoever stands in another directory.
    fn grants_file(&self) -> Option<PathBuf> {
        let file = self.loader.grants().file()?;
        Some(std::path::absolute(file).unwrap_or_else(|_| file.to_owned()))
    }

    /// All plugins and files, by id.
    pub fn reports(&self) -> Vec<Report> {
        let mut reports: Vec<Report> = self.plugins.iter().map(|p| self.report(p)).collect();
        for coming in self.loader.coming() {
            let one = generation_on_its_way(&coming);
            match reports.iter_mut().find(|r| r.id == coming.manifest.id) {
                Some(report) => report.generations.insert(0, one),
                None => reports.push(Report {
                    title: coming.manifest.title.clone(),
                    generations: vec![one],
                    ..on_its_way(&coming)
                }),
            }
        }
        let others = self.idle.values().filter(|idle| {
            // A file that was refused beside the generation that serves is told with that one.
            !reports
                .iter()
                .any(|r| r.path == idle.path && !r.id.is_empty())
        });
        let others: Vec<Report> = others.cloned().collect();
        for report in &mut reports {
            if let Some(idle) = self.idle.values().find(|idle| idle.path == report.path) {
                report.generations.insert(0, refused_beside(idle));
            }
        }
        reports.extend(others);
        reports.sort_by(|a, b| (&a.id, &a.path).cmp(&(&b.id, &b.path)));
        reports
    }

    fn report(&self, plugin: &Service) -> Report {
        let store = self.loader.store.as_ref();
        Report {
            stored: store.and_then(|store| store.stored(plugin.live.1.kept())),
            ..plugin.report()
        }
    }

    fn info(&self, id: &str) -> Result<Answer, String> {
        let mut reports = self.reports();
        match reports.iter().position(|report| report.id == id) {
            Some(n) => Ok(Answer::Plugin(Box::new(reports.swap_remove(n)))),
            None => Err(self.unknown(id)),
        }
    }

    fn unknown(&self, id: &str) -> String {
        let known: Vec<String> = self.reports().into_iter().map(|r| r.id).collect();
        let known: Vec<&str> = known
            .iter()
            .map(String::as_str)
            .filter(|id| !id.is_empty())
            .collect();
        match known.is_empty() {
            true => format!("there is no plugin {id:?}, nor any other"),
            false => format!("there is no plugin {id:?}; there are {}", known.join(", ")),
        }
    }

    /// The file that a plugin comes from, in service or not.
    pub(super) fn path_of(&self, id: &str) -> Result<PathBuf, String> {
        if let Some(plugin) = self.plugins.iter().find(|p| *p.id == *id) {
            return Ok(plugin.live.1.path.clone());
        }
        let idle = self.idle.iter().find(|(_, report)| report.id == id);
        idle.map(|(path, _)| path.clone())
            .ok_or_else(|| self.unknown(id))
    }

    fn disable(&mut self, id: &str) -> Result<Answer, String> {
        let path = self.path_of(id)?;
        self.loader
            .decisions
            .disable(id)
            .map_err(|error| error.to_string())?;
        let plugin = self.plugins.iter().find(|p| *p.id == *id);
        let (version, digest) = match plugin {
            Some(plugin) => {
                let compiled = &plugin.live.1;
                (compiled.manifest.version.clone(), Some(compiled.digest))
            }
            None => (String::new(), None),
        };
        self.remove(id, "the operator disabled it");
        let reason = format!("the operator disabled it; `vedette plugin enable {id}` ends that");
        let at = crate::plugin::life::Entered::now(Stage::Disabled, reason);
        self.set_aside(path.clone(), Report::idle(&path, id, &version, digest, at));
        Ok(Answer::Done(format!(
            "plugin {id} is disabled, also after a restart; what it keeps is kept until then"
        )))
    }

    fn quarantine(&mut self, id: &str) -> Result<Answer, String> {
        let Some(plugin) = self.plugins.iter_mut().find(|p| *p.id == *id) else {
            return Err(self.unknown(id));
        };
        let digest = plugin.live.1.digest;
        self.loader
            .decisions
            .quarantine(id, digest)
            .map_err(|error| error.to_string())?;
        plugin.hold();
        Ok(Answer::Done(format!(
            "plugin {id} is in quarantine, also after a restart, until its component is replaced or `vedette plugin enable {id}`"
        )))
    }

    fn enable(&mut self, id: &str, reply: Reply) {
        let path = match self.path_of(id) {
            Ok(path) => path,
            Err(reason) => return reply.refuse(reason),
        };
        if let Err(error) = self.loader.decisions.enable(id) {
            return reply.refuse(error.to_string());
        }
        match self.plugins.iter_mut().find(|p| *p.id == *id) {
            Some(plugin) => {
                plugin.release();
                reply.done(format!("plugin {id} serves"));
            }
            None => self.load_asked(path, How::default(), Some(reply)),
        }
    }
}

fn on_its_way(coming: &Coming) -> Report {
    let manifest = &coming.manifest;
    let at = coming.life.stages().pop();
    let at = at.unwrap_or_else(|| crate::plugin::life::Entered::now(Stage::Staged, ""));
    Report::idle(
        &coming.path,
        &manifest.id,
        &manifest.version,
        Some(coming.digest),
        at,
    )
}

fn generation_on_its_way(coming: &Coming) -> GenerationReport {
    GenerationReport {
        number: None,
        version: coming.manifest.version.clone(),
        digest: coming.digest.to_string(),
        stages: coming.life.stages(),
    }
}

/// What lies in the file of a plugin whose older generation serves on.
fn refused_beside(idle: &Report) -> GenerationReport {
    GenerationReport {
        number: None,
        version: idle.version.clone(),
        digest: idle.digest.clone(),
        stages: vec![crate::plugin::life::Entered {
            stage: idle.stage,
            at: idle.since.clone(),
            reason: idle.reason.clone(),
        }],
    }
}
