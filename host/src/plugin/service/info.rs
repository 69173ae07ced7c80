//! What is to be known of a plugin in service.

use super::{Numbered, Service};
use crate::{
    manifest::Manifest,
    plugin::{
        cache::Source,
        command::{GenerationReport, LimitsReport, Report},
        component::Digest,
        life::{Entered, Stage},
        metrics::Metric,
        stats::Stats,
    },
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// A plugin in service, for people and for the control socket.
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

impl Service {
    /// What is to be known of it.
    pub fn info(&self) -> PluginInfo {
        let (generation, compiled) = &self.live;
        let kept = compiled.kept().lock();
        PluginInfo {
            id: self.id.clone(),
            path: compiled.path.clone(),
            digest: compiled.digest,
            generation: *generation,
            manifest: compiled.manifest.clone(),
            source: compiled.source,
            stats: self.counters.read(),
            metrics: kept.metrics.values().clone(),
            state: kept.state.size(),
            waiting: self.queue.len(),
        }
    }

    /// The same for the operator.
    pub fn report(&self) -> Report {
        let PluginInfo {
            id,
            path,
            digest,
            generation,
            manifest,
            stats,
            metrics,
            state: (state_keys, state_bytes),
            waiting,
            ..
        } = self.info();
        let stages = self.live.1.life.stages();
        let at = stages.last().cloned();
        let at = at.unwrap_or_else(|| Entered::now(Stage::Active, ""));
        let mut kinds: Vec<String> = manifest
            .subscriptions
            .iter()
            .map(|subscription| subscription.kind.name.to_owned())
            .collect();
        kinds.sort();
        kinds.dedup();
        let next = self.next.iter().filter(|_| !self.returning);
        let generations = next.chain([&self.live]).chain(&self.former);
        Report {
            title: manifest.title.clone(),
            generation: Some(generation),
            generations: generations.map(told).collect(),
            stats: Some(stats),
            metrics,
            state_keys,
            state_bytes,
            waiting,
            kinds,
            shadow: self.shadow.clone(),
            limits: Some(LimitsReport {
                memory: manifest.limits.memory,
                deadline_ms: manifest.limits.deadline.as_millis() as u64,
                cpu_ms: manifest.limits.cpu.as_millis() as u64,
            }),
            ..Report::idle(&path, &id, &manifest.version, Some(digest), at)
        }
    }
}

fn told((number, compiled): &Numbered) -> GenerationReport {
    GenerationReport {
        number: Some(*number),
        version: compiled.manifest.version.clone(),
        digest: compiled.digest.to_string(),
        stages: compiled.life.stages(),
    }
}
