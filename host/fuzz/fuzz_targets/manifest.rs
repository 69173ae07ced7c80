//! Manifests and operators' settings come from strangers: reading them ends, does not panic, and
//! what is found sound is within its bounds. The first line ends the manifest, the rest is settings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vedette::manifest::{MAX_FINDINGS, MAX_MEMORY, MAX_OUTPUT, MAX_STATE, MAX_SUBSCRIPTIONS, Manifest};

fuzz_target!(|text: &str| {
    let (manifest, settings) = text.split_once("\n---\n").unwrap_or((text, ""));
    match Manifest::parse(manifest, "plugin.toml") {
        Ok(manifest) => {
            assert!(manifest.subscriptions.len() <= MAX_SUBSCRIPTIONS);
            assert!(manifest.findings.len() <= MAX_FINDINGS);
            let limits = manifest.limits;
            assert!(limits.memory <= MAX_MEMORY && limits.state <= MAX_STATE && limits.output <= MAX_OUTPUT);
            match manifest.config.with(settings, "settings.toml") {
                Ok(config) => assert!(config.missing().is_empty()),
                Err(error) => drop(error.to_string()),
            }
        }
        // The report is made of what strangers wrote, too.
        Err(error) => drop(error.to_string()),
    }
});
