//! What was blessed does not change: `wit/blessed/VERSION/` holds each released contract, and the
//! current one may only add to those of its track (docs/versioning.md).

use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use wit_parser::{Resolve, Type, TypeDefKind, TypeId, TypeOwner, WorldItem};

/// The released contracts, oldest first, and the digests of their files: a blessed copy is changed
/// as little as what it was copied from.
const BLESSED: [(&str, &str, &str); 1] = [(
    "0.1.0",
    "b7765d5728bd982bbfc1c0a158c1dce0b1f2b147df79f0b4209bf29649283d12",
    "5d122ea7594114ae0482bfe6173c417f178d38e3fde6b71d318c1727e36d882b",
)];

fn root() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn track(version: &str) -> (&str, &str) {
    let (track, patch) = version.rsplit_once('.').expect("three numbers");
    (track, patch)
}

// ------------------------------------------------------------------------------ detect.wit

/// Everything of a WIT package that a plugin can lean on, by name, in words that differ when it
/// does. A world's imports and an interface's members may grow, so each is an entry of its own; its
/// exports may not, so they are one.
fn wit(text: &str) -> BTreeMap<String, String> {
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str("detect.wit", text)
        .expect("the contract is WIT");
    let package = &resolve.packages[package];
    let mut found = BTreeMap::new();
    for (name, id) in &package.interfaces {
        let interface = &resolve.interfaces[*id];
        found.insert(format!("interface {name}"), String::new());
        for (ty, id) in &interface.types {
            found.insert(format!("type {name}/{ty}"), definition(&resolve, *id));
        }
        for (function, f) in &interface.functions {
            let params: Vec<String> = f
                .params
                .iter()
                .map(|p| format!("{}: {}", p.name, reference(&resolve, &p.ty)))
                .collect();
            let result = f.result.as_ref().map(|ty| reference(&resolve, ty));
            found.insert(
                format!("func {name}/{function}"),
                format!("{:?} ({}) -> {result:?}", f.kind, params.join(", ")),
            );
        }
    }
    for (name, id) in &package.worlds {
        let world = &resolve.worlds[*id];
        let called = |item: &WorldItem| match item {
            WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone().expect("named"),
            other => panic!("{name}: {other:?} is no interface"),
        };
        for import in world.imports.values() {
            found.insert(format!("import {name}/{}", called(import)), String::new());
        }
        let exports: BTreeSet<String> = world.exports.values().map(called).collect();
        found.insert(format!("exports {name}"), format!("{exports:?}"));
    }
    found
}

/// A type as another one names it.
fn reference(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else {
        return format!("{ty:?}");
    };
    let def = &resolve.types[*id];
    match (&def.name, def.owner) {
        (Some(name), TypeOwner::Interface(owner)) => {
            // What is used from elsewhere is the same thing as there.
            if let TypeDefKind::Type(other @ Type::Id(_)) = &def.kind {
                return reference(resolve, other);
            }
            let owner = resolve.interfaces[owner].name.as_deref().expect("named");
            format!("{owner}/{name}")
        }
        _ => definition(resolve, *id),
    }
}

fn definition(resolve: &Resolve, id: TypeId) -> String {
    let of = |ty: &Type| reference(resolve, ty);
    let option = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), of);
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            let fields: Vec<String> = fields
                .map(|f| format!("{}: {}", f.name, of(&f.ty)))
                .collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        TypeDefKind::Enum(cases) => {
            let cases: Vec<&str> = cases.cases.iter().map(|c| c.name.as_str()).collect();
            format!("enum {{ {} }}", cases.join(", "))
        }
        TypeDefKind::Tuple(tuple) => {
            let types: Vec<String> = tuple.types.iter().map(of).collect();
            format!("tuple<{}>", types.join(", "))
        }
        TypeDefKind::List(ty) => format!("list<{}>", of(ty)),
        TypeDefKind::Option(ty) => format!("option<{}>", of(ty)),
        TypeDefKind::Result(result) => {
            format!("result<{}, {}>", option(&result.ok), option(&result.err))
        }
        TypeDefKind::Type(ty) => of(ty),
        other => panic!("teach this test to compare {other:?}"),
    }
}

// ------------------------------------------------------------------------------ events.toml

#[derive(Deserialize)]
struct Catalogue {
    set: Vec<Set>,
    kind: Vec<Kind>,
}

#[derive(Deserialize)]
struct Set {
    name: String,
    #[serde(default)]
    bits: bool,
    values: Vec<Value>,
}

#[derive(Deserialize)]
struct Value {
    value: u32,
    name: String,
}

#[derive(Deserialize)]
struct Kind {
    name: String,
    number: u16,
    since: String,
    fields: Vec<Field>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    slot: String,
    r#type: String,
}

/// Everything of a catalogue that a plugin can lean on. Documentation is not, nor is the lane.
fn catalogue(text: &str) -> BTreeMap<String, String> {
    let catalogue: Catalogue = toml::from_str(text).expect("the catalogue is well formed");
    let mut found = BTreeMap::new();
    for set in catalogue.set {
        found.insert(format!("set {}", set.name), format!("bits {}", set.bits));
        for value in set.values {
            found.insert(
                format!("value {}/{}", set.name, value.name),
                value.value.to_string(),
            );
        }
    }
    for kind in catalogue.kind {
        let number = format!("{} since {}", kind.number, kind.since);
        found.insert(format!("kind {}", kind.name), number);
        for field in kind.fields {
            let place = format!("{} in {}", field.r#type, field.slot);
            found.insert(format!("field {}/{}", kind.name, field.name), place);
        }
    }
    found
}

// ------------------------------------------------------------------------------ the guard

/// What of the old is gone or altered in the new.
fn broken(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    let changed = old.iter().filter_map(|(name, was)| match new.get(name) {
        Some(is) if is == was => None,
        Some(is) => Some(format!("{name} was {was} and is {is}")),
        None => Some(format!("{name} is gone")),
    });
    changed.collect()
}

#[test]
fn blessed_copies_are_as_they_were_blessed() {
    let mut known = BTreeSet::new();
    for (version, detect, events) in BLESSED {
        known.insert(version.to_owned());
        for (file, digest) in [("detect.wit", detect), ("events.toml", events)] {
            let path = root().join("blessed").join(version).join(file);
            let found: String = Sha256::digest(read(&path))
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            assert_eq!(
                found,
                digest,
                "{} was changed: a released contract never is",
                path.display()
            );
        }
        let text = read(&root().join("blessed").join(version).join("detect.wit"));
        assert!(
            text.contains(&format!("package vedette:detect@{version};")),
            "{version}"
        );
    }
    let held: BTreeSet<String> = fs::read_dir(root().join("blessed"))
        .expect("wit/blessed exists")
        .map(|entry| {
            entry
                .expect("read")
                .file_name()
                .into_string()
                .expect("a version")
        })
        .collect();
    assert_eq!(
        held, known,
        "each copy in wit/blessed stands in this test, with its digests"
    );
}

#[test]
fn the_contract_only_adds_to_what_was_blessed_in_its_track() {
    let current = vedette_contract::VERSION;
    let text = read(&root().join("detect.wit"));
    assert!(
        text.contains(&format!("package vedette:detect@{current};")),
        "VERSION is that of detect.wit"
    );
    let (now, events) = (wit(&text), catalogue(&read(&root().join("events.toml"))));
    let mut newest = None;
    for (version, ..) in BLESSED
        .iter()
        .filter(|(v, ..)| track(v).0 == track(current).0)
    {
        let blessed = root().join("blessed").join(version);
        let mut changes = broken(&wit(&read(&blessed.join("detect.wit"))), &now);
        changes.extend(broken(
            &catalogue(&read(&blessed.join("events.toml"))),
            &events,
        ));
        assert!(
            changes.is_empty(),
            "contract {version} is frozen, and plugins built for it would break:\n  {}\n\
             Add beside what there is, or begin a new track: docs/versioning.md",
            changes.join("\n  ")
        );
        newest = newest.max(track(version).1.parse::<u32>().ok());
    }
    let patch = track(current).1.parse::<u32>().ok();
    assert!(
        newest <= patch,
        "contract {current} is older than what was blessed of its track"
    );
    assert!(
        patch <= newest.map(|n| n + 1).or(Some(0)),
        "contract {current} skips a version of its track"
    );
}

/// A contract that says more than what was blessed has another version.
#[test]
fn what_was_added_has_a_version_of_its_own() {
    let Some((version, ..)) = BLESSED
        .iter()
        .find(|(v, ..)| *v == vedette_contract::VERSION)
    else {
        return;
    };
    let blessed = root().join("blessed").join(version);
    let of = |directory: &Path| {
        let mut all = wit(&read(&directory.join("detect.wit")));
        all.extend(catalogue(&read(&directory.join("events.toml"))));
        all
    };
    let added = broken(&of(&root()), &of(&blessed));
    // Values and fields are numbers that older plugins ignore; interfaces are linked to, and kinds
    // subscribed to.
    let named = |a: &&String| {
        !["value ", "field ", "set "]
            .iter()
            .any(|w| a.starts_with(w))
    };
    let added: Vec<&String> = added.iter().filter(named).collect();
    assert!(
        added.is_empty(),
        "not in contract {version}: {added:?}; raise the version: docs/versioning.md"
    );
}

/// The guard sees what it is there for.
#[test]
fn every_sort_of_change_is_seen() {
    let (text, events) = (
        read(&root().join("detect.wit")),
        read(&root().join("events.toml")),
    );
    let (old, old_events) = (wit(&text), catalogue(&events));
    for (piece, by) in [
        (
            "record span { start: u32, len: u32 }",
            "record span { len: u32, start: u32 }",
        ),
        (
            "record span { start: u32, len: u32 }",
            "record span { start: u32, len: u64 }",
        ),
        (
            "record span { start: u32, len: u32 }",
            "record span { start: u32, len: u32, more: u32 }",
        ),
        ("medium, high, critical", "medium, high, worse, critical"),
        (
            "delete: func(key: list<u8>);",
            "delete: func(key: list<u8>) -> bool;",
        ),
        ("clear: func(token: u64);", ""),
        ("clear: func(token: u64);", "clear: func(name: u64);"),
        ("type failure = u32;", "type failure = u64;"),
        ("import timer;", ""),
        (
            "export detector;",
            "export detector; export more;\n} interface more { x: func(); } world other {",
        ),
    ] {
        assert!(text.contains(piece), "{piece}");
        let changed = text.replacen(piece, by, 1);
        assert!(
            !broken(&old, &wit(&changed)).is_empty(),
            "{by} passes unseen"
        );
    }
    for (piece, by) in [
        ("name = \"quota\"", "name = \"share\""),
        (
            "{ value = 1, name = \"quota\"",
            "{ value = 9, name = \"quota\"",
        ),
        ("name = \"exec\"", "name = \"execution\""),
        ("slot = \"text2\"", "slot = \"attr-text:99\""),
    ] {
        assert!(events.contains(piece), "{piece}");
        let changed = events.replacen(piece, by, 1);
        assert!(
            !broken(&old_events, &catalogue(&changed)).is_empty(),
            "{by} passes unseen"
        );
    }
    // And it lets grow what may grow.
    let grown = text.replacen(
        "clear: func(token: u64);",
        "clear: func(token: u64);\n    all: func() -> list<u64>;",
        1,
    ) + "\ninterface yara { scan: func(event: u64) -> list<string>; }\n";
    assert!(broken(&old, &wit(&grown)).is_empty());
}
