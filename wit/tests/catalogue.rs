//! The catalogue says one thing once, and docs/events.md says the same.

use std::collections::BTreeSet;
use vedette_contract::{KINDS, sets};

#[test]
fn numbers_and_names_are_unique_and_fit_the_kernel_map() {
    let numbers: BTreeSet<u16> = KINDS.iter().map(|k| k.number).collect();
    let names: BTreeSet<&str> = KINDS.iter().map(|k| k.name).collect();
    assert_eq!(numbers.len(), KINDS.len());
    assert_eq!(names.len(), KINDS.len());
    assert!(numbers.iter().all(|n| *n < 128));
    for set in sets::ALL {
        let values: BTreeSet<u32> = set.values.iter().map(|v| v.value).collect();
        assert_eq!(values.len(), set.values.len(), "{}", set.name);
        if set.bits {
            assert!(values.iter().all(|v| v.is_power_of_two()), "{}", set.name);
        }
    }
}

#[test]
fn no_two_fields_of_a_kind_share_a_slot() {
    for kind in KINDS {
        for (i, f) in kind.fields.iter().enumerate() {
            for g in &kind.fields[i + 1..] {
                assert_ne!(f.slot, g.slot, "{}: {} and {}", kind.name, f.name, g.name);
            }
        }
    }
}

#[test]
fn the_event_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/events.md");
    let text = std::fs::read_to_string(path).expect("docs/events.md exists");
    assert!(
        text == vedette_contract::reference::markdown(),
        "docs/events.md is behind wit/events.toml: run `make docs`"
    );
}

#[test]
fn the_views_of_the_sdks_are_up_to_date() {
    for file in vedette_contract::views::files() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../").to_owned() + file.path;
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            text == file.text,
            "{} is behind wit/events.toml: run `make docs`",
            file.path
        );
    }
}

/// Views have members of their own, and the classes of events those of every view.
#[test]
fn no_field_is_called_as_a_view_s_own_members() {
    for kind in KINDS {
        for field in kind.fields {
            assert!(
                !["event", "process", "argv", "constructor"].contains(&field.name),
                "{}: {}",
                kind.name,
                field.name
            );
        }
    }
}
