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
    },
};
use std::path::Path;

impl PluginHost {
    /// A file's plugin does not come into service.
    pub(super) fn tell_refused(&self, path: &Path, reason: &str) {
        let in_service = self.plugins.iter().find(|p| p.live.1.path == *path);
        let decided = self.idle.get(path).map(|report| report.stage);
        let (severity, instead) = match in_service {
            Some(plugin) => {
                let (id, version) = (&plugin.id, &plugin.live.1.manifest.version);
                (Severity::Medium, format!("{id} {version} serves on"))
            }
            None => (
                match decided {
                    // It was an operator's decision, and is told again by every start.
                    Some(Stage::Disabled | Stage::Quarantined) => Severity::Info,
                    _ => Severity::High,
                },
                "nothing of it serves".to_owned(),
            ),
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
