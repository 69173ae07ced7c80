//! Versions of a guest, and a host that follows the directory in which they are put.

use super::plugin;
use std::{
    path::Path,
    time::{Duration, Instant},
};
use vedette::plugin::{Applied, HostOptions, PluginHost};

/// Waits until changes are ready and applies them; returns what came of the last.
pub fn apply_next(host: &mut PluginHost) -> Applied {
    let begun = Instant::now();
    loop {
        let changes = host.changes();
        if let Some(applied) = changes.into_iter().map(|c| host.apply(c)).last() {
            return applied;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "a change comes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A version of a guest: its digest differs from that of the others.
pub fn version(guest: &str, n: u32) -> Vec<u8> {
    plugin(
        guest,
        &[("version = \"1.0.0\"", &format!("version = \"1.0.{n}\""))],
    )
}

pub fn watching(directory: &Path) -> HostOptions {
    HostOptions {
        sources: vec![directory.to_owned()],
        overflow: vedette::plugin::Overflow::Wait,
        cache: None,
        ..HostOptions::default()
    }
}
