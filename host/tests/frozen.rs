//! Plugins built against a released contract load and find for as long as its track lives. Each is
//! built from its source against the blessed copy alone, which knows nothing of later versions.

mod support;

use support::*;
use vedette::plugin::{
    HostOptions, Outcome,
    build::{BuildOptions, component_of, with_manifest},
    component::Component,
};

/// Released versions of this agent's track.
const RELEASED: [&str; 1] = ["0.1.0"];

/// The frozen plugin of a version.
fn frozen(version: &str) -> Vec<u8> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/frozen")
        .join(version);
    let manifest = std::fs::read_to_string(directory.join("plugin.toml")).expect("a manifest");
    let component = component_of(&BuildOptions {
        directory,
        target_directory: Some(guest_target()),
        ..BuildOptions::default()
    });
    with_manifest(component.expect("the frozen plugin builds"), &manifest)
}

/// What it finds in two execs, one of them in a container; and a generation that takes over.
fn finds(version: &str, bytes: Vec<u8>) {
    let component = Component::verify(bytes.clone()).expect("the gate lets it in");
    assert_eq!(
        component.anatomy.imports.len(),
        8,
        "all services, and the types: {:?}",
        component.anatomy.imports
    );
    let (mut host, outcomes) = host_with(&[("frozen.wasm", bytes.clone())], HostOptions::default());
    offer(&mut host, &exec(3, "/bin/one"));
    offer(&mut host, &exec(4, "/bin/two"));
    host.drain();
    let all: Vec<Outcome> = outcomes.try_iter().collect();
    let said = format!("{all:?}");
    let findings: Vec<_> = all
        .into_iter()
        .filter_map(|outcome| match outcome {
            Outcome::Finding(finding) => Some(finding),
            _ => None,
        })
        .collect();
    assert_eq!(findings.len(), 2, "{said}");
    let (one, two) = (&findings[0], &findings[1]);
    assert_eq!(
        (&*one.plugin, &*one.rule, one.confidence),
        ("frozen", "seen", 70),
        "{said}"
    );
    for (finding, begins) in [(one, "/bin/one by bash"), (two, "/bin/two by bash")] {
        assert!(finding.message.starts_with(begins), "{}", finding.message);
        assert!(
            finding.message.contains("uid 1000, 1 streams"),
            "{}",
            finding.message
        );
        assert!(
            finding.message.contains("kept true, timed true"),
            "{}",
            finding.message
        );
        assert!(
            finding
                .message
                .contains("\"greeting\":\"hello\",\"most\":3"),
            "{}",
            finding.message
        );
        assert_eq!(finding.techniques, ["T1059.004"]);
        assert_eq!(
            (&*finding.details[0].key, &*finding.details[0].value),
            ("frozen", "0.1.0")
        );
        assert_eq!(finding.proposals.len(), 1);
        assert_eq!(finding.evidence.len(), 1);
    }
    assert_eq!(one.container().map(|c| c.key), Some(7), "{version}");
    assert!(two.container().is_none());
    assert!(
        two.message.contains("number 2"),
        "state lasts from call to call: {}",
        two.message
    );
    assert_eq!(host.plugins()[0].metrics.len(), 2);
}

#[test]
fn plugins_of_released_contracts_load_and_find() {
    for version in RELEASED {
        finds(version, frozen(version));
    }
}

/// A plugin that was built with a later SDK of the track, and can do with an earlier contract.
#[test]
fn a_component_of_a_later_version_of_the_track_is_linked_to_this_one() {
    let version = RELEASED[0];
    let mut bytes = frozen(version);
    let (old, new) = (
        format!("@{version}"),
        format!("@{}9", &version[..version.len() - 1]),
    );
    let places: Vec<usize> = (0..bytes.len() - old.len())
        .filter(|at| bytes[*at..].starts_with(old.as_bytes()))
        .collect();
    assert!(
        places.len() >= 10,
        "the names of what it imports and exports"
    );
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
    }
    finds(version, bytes);
}
