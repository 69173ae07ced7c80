//! What a node that is watched loses of its detectors is told as findings, not to whoever reads the
//! agent's own lines alone.

use super::PluginHost;
use crate::{
    finding::Severity,
    live::boot_time,
    plugin::{
        component::Digest,
        life::Stage,
        outcome::{Health, Outcome},
        service::Service,
    },
};
use std::path::Path;

impl PluginHost {
    /// A file's plugin does not come into service, or a place cannot be used.
    pub(super) fn tell_refused(&self, path: &Path, reason: &str) {
        let from = |p: &&Service| p.live.1.path.starts_with(path);
        let decided = self.idle.get(path).map(|report| report.stage);
        let (severity, instead) = match (self.plugins.iter().find(from), decided) {
            (Some(plugin), _) if plugin.live.1.path == *path => {
                let (id, version) = (&plugin.id, &plugin.live.1.manifest.version);
                (Severity::Medium, format!("{id} {version} serves on"))
            }
            (Some(_), _) => (Severity::Medium, "what is in service serves on".to_owned()),
            // It was an operator's decision, and is told again by every start.
            (None, Some(Stage::Disabled | Stage::Quarantined)) => {
                (Severity::Info, "nothing of it serves".to_owned())
            }
            (None, _) => (Severity::High, "nothing of it serves".to_owned()),
        };
        let message = format!("{}: {reason}; {instead}", path.display());
        // The same reason of the same file is one case.
        let key = Digest::of(reason.as_bytes()).short();
        let subject = path.display().to_string();
        self.tell(Health::PluginRefused, severity, &subject, message, &key);
    }

    /// A plugin is out of service from now on.
    pub(super) fn tell_removed(&self, id: &str, number: u32, reason: &str) {
        let message = format!("{id} detects nothing any more: {reason}");
        let key = number.to_string();
        self.tell(Health::PluginRemoved, Severity::High, id, message, &key);
    }

    fn tell(&self, health: Health, severity: Severity, about: &str, message: String, key: &str) {
        // In a replay nothing is watched that could be lost.
        if self.options.watch {
            let mut finding = health.finding(about, message, key, boot_time());
            finding.severity = severity;
            self.send(Outcome::Finding(Box::new(finding)));
        }
    }
}
