//! The gate: what a component is and wants is judged before it is compiled.

mod support;

use proptest::prelude::*;
use std::{fs, os::unix::fs::PermissionsExt};
use support::*;
use vedette::{
    grants::{Grant, Grants},
    manifest::{Sensitive, Service},
    plugin::{
        HostOptions, Outcome, PluginHost,
        build::{BuildOptions, build, with_manifest},
        cache::{Cache, Source},
        component::{Component, ComponentError},
        engine,
        inspect::inspect_bytes,
        signature::{SecretKey, SignatureError, sign},
    },
};
use wasm_encoder::{
    Component as Encoder, ComponentExportKind, ComponentExportSection, ComponentImportSection,
    ComponentInstanceSection, ComponentTypeRef, ComponentTypeSection, InstanceType, Module,
    ModuleSection,
};

/// A component that imports an instance of this name and has the probe's manifest.
fn importing(name: &str) -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    types.instance(&InstanceType::new());
    let mut imports = ComponentImportSection::new();
    imports.import(name, ComponentTypeRef::Instance(0));
    let mut component = Encoder::new();
    component.section(&types).section(&imports);
    with_manifest(component.finish(), &manifest("probe", &[]))
}

fn refused(bytes: Vec<u8>) -> ComponentError {
    Component::admit(bytes, &Grants::default()).expect_err("refused")
}

#[test]
fn what_a_component_imports_is_declared_and_granted() {
    let wasi = refused(importing("wasi:cli/environment@0.2.0"));
    assert!(matches!(wasi, ComponentError::Wasi(_)));
    assert!(
        wasi.to_string().contains("wasi:cli/environment@0.2.0"),
        "{wasi}"
    );
    assert!(matches!(
        refused(importing("vedette:detect/shell@0.1.0")),
        ComponentError::UnknownImport(_)
    ));
    assert!(matches!(
        refused(importing("vedette:detect/log@0.2.0")),
        ComponentError::UnknownImport(_)
    ));
    assert!(matches!(
        refused(importing("vedette:detect/log@0.1.0")),
        ComponentError::NoDetector
    ));
    let undeclared = plugin(
        "probe",
        &[(
            "services = [\"log\", \"metrics\", \"state\"]",
            "services = [\"log\"]",
        )],
    );
    assert!(matches!(
        refused(undeclared),
        ComponentError::Undeclared("metrics" | "state")
    ));

    let probe = plugin("probe", &[]);
    let without_state = Grant {
        services: [Service::Log, Service::Metrics].into(),
        ..Grant::default()
    };
    let missing = |grant: Grant| {
        let error = Component::admit(probe.clone(), &grant.into()).expect_err("refused");
        let ComponentError::NotGranted { plugin, missing } = error else {
            panic!("{error}");
        };
        assert_eq!(plugin, "probe");
        missing.to_string()
    };
    assert_eq!(missing(without_state), "the services state");
    let without_arguments = Grant {
        fields: [Sensitive::Payload].into(),
        ..Grant::default()
    };
    assert_eq!(missing(without_arguments), "the fields arguments");
    let without_exec = Grant {
        kinds: ["open".to_owned()].into(),
        ..Grant::default()
    };
    assert_eq!(missing(without_exec), "the events exec");
    Component::admit(probe, &Grants::default()).expect("admitted");
}

/// The engine links any two versions of a track, and so does the gate; but not another track.
#[test]
fn versions_of_one_track_are_alike() {
    for (version, good) in [
        ("0.1.9", true),
        ("0.2.0", false),
        ("1.0.0", false),
        ("0.1.x", false),
    ] {
        let bytes = importing(&format!("vedette:detect/log@{version}"));
        let refused = refused(bytes);
        assert_eq!(
            matches!(refused, ComponentError::NoDetector),
            good,
            "{refused}"
        );
    }
}

#[test]
fn a_signature_names_its_publisher_or_is_refused() {
    let directory = directory();
    let key = |name: &str| SecretKey::generate(&directory.path().join(name)).expect("a key");
    let (one, other) = (key("one"), key("other"));
    let again = SecretKey::read(&directory.path().join("one")).expect("read");
    assert_eq!(again.public(), one.public());
    SecretKey::generate(&directory.path().join("one")).expect_err("it exists");
    fs::set_permissions(
        directory.path().join("other"),
        fs::Permissions::from_mode(0o644),
    )
    .expect("permissions");
    assert!(matches!(
        SecretKey::read(&directory.path().join("other")),
        Err(SignatureError::Exposed(_))
    ));

    let probe = plugin("probe", &[]);
    let signed = sign(probe.clone(), &one);
    let publisher = |bytes: &[u8]| Component::verify(bytes.to_vec()).expect("sound").publisher;
    assert_eq!(publisher(&probe), None);
    assert_eq!(publisher(&signed), Some(one.public()));
    // A later signature takes the place of the first.
    let twice = sign(signed.clone(), &other);
    assert_eq!(twice.len(), signed.len());
    assert_eq!(publisher(&twice), Some(other.public()));

    let broken = |bytes: Vec<u8>| {
        let error = Component::verify(bytes).expect_err("refused");
        assert!(matches!(error, ComponentError::Signature(_)), "{error}");
    };
    // A byte of a name in the component, of the key, of the signature.
    for at in [signed.len() / 2, signed.len() - 80, signed.len() - 1] {
        let mut bytes = signed.clone();
        bytes[at] ^= 1;
        if Component::verify(bytes.clone())
            .is_err_and(|e| matches!(e, ComponentError::Malformed(_)))
        {
            continue;
        }
        broken(bytes);
    }
    // Something behind the signature, and two of them.
    broken([signed.clone(), vec![0, 2, 1, b'x']].concat());
    let tail = signed[probe.len()..].to_vec();
    broken([signed.clone(), tail.clone()].concat());
    broken([plugin("portrait", &[]), tail].concat());
}

#[test]
fn what_is_no_plugin_is_refused_by_name() {
    assert!(matches!(
        refused(Module::new().finish()),
        ComponentError::Module
    ));
    assert!(matches!(
        refused(Encoder::new().finish()),
        ComponentError::NoManifest
    ));
    assert!(matches!(
        refused(b"#!/bin/sh".to_vec()),
        ComponentError::Malformed(_)
    ));
    let twice = with_manifest(plugin("probe", &[]), &manifest("probe", &[]));
    assert!(matches!(refused(twice), ComponentError::ManyManifests));
    let absurd = with_manifest(component("probe"), &"x = [".repeat(100_000));
    assert!(matches!(refused(absurd), ComponentError::Manifest(_)));
    // A manifest deeper inside is that of somebody else.
    let mut outer = Encoder::new();
    outer.section(&ModuleSection(&{
        let mut module = Module::new();
        module.section(&wasm_encoder::CustomSection {
            name: vedette::manifest::SECTION.into(),
            data: manifest("probe", &[]).into_bytes().into(),
        });
        module
    }));
    assert!(matches!(
        refused(outer.finish()),
        ComponentError::NoManifest
    ));
}

/// A component may name the right exports and have nothing behind them.
#[test]
fn an_export_that_is_not_the_contracts_is_refused() {
    let mut instances = ComponentInstanceSection::new();
    instances.export_items(std::iter::empty::<(&str, ComponentExportKind, u32)>());
    let mut exports = ComponentExportSection::new();
    exports.export(
        "vedette:detect/detector@0.1.0",
        ComponentExportKind::Instance,
        0,
        None,
    );
    let mut component = Encoder::new();
    component.section(&instances).section(&exports);
    let hollow = with_manifest(component.finish(), &manifest("probe", &[]));
    Component::admit(hollow.clone(), &Grants::default()).expect("nothing to see from outside");

    let directory = directory();
    put(directory.path(), "p.wasm", &hollow);
    let (send, _outcomes) = crossbeam_channel::unbounded();
    let mut host = PluginHost::new(
        HostOptions {
            sources: vec![directory.path().to_owned()],
            watch: false,
            ..HostOptions::default()
        },
        send,
    )
    .expect("starts");
    let reason = host.load_all().remove(0).result.expect_err("refused");
    assert!(
        reason.contains("its export init is not that of the contract"),
        "{reason}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Component::admit([b"\0asm\x0d\0\x01\0".to_vec(), bytes].concat(), &Grants::default());
    }

    #[test]
    fn no_damage_panics(at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<proptest::sample::Index>()) {
        let mut bytes = importing("vedette:detect/log@0.1.0");
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = Component::admit(bytes.clone(), &Grants::default());
        let _ = inspect_bytes(bytes.clone());
        bytes.truncate(cut.index(bytes.len()));
        let _ = Component::admit(bytes, &Grants::default());
    }
}

#[test]
fn compiled_components_are_kept_and_distrusted() {
    let engine = engine::start().expect("an engine");
    let directory = directory();
    let path = directory.path().join("cache");
    let cache = Cache::open(&engine, &path).expect("a cache");
    assert_eq!(
        fs::metadata(&path).expect("made").permissions().mode() & 0o777,
        0o700
    );
    let component = Component::admit(plugin("probe", &[]), &Grants::default()).expect("admitted");
    let source = || cache.compile(&component).expect("compiles").1;
    assert_eq!(source(), Source::Compiled);
    assert_eq!(source(), Source::Cached);

    let file = fs::read_dir(&path)
        .expect("read")
        .next()
        .expect("one")
        .expect("read")
        .path();
    let whole = fs::read(&file).expect("read");
    for damage in [whole[..whole.len() / 2].to_vec(), Vec::new(), {
        let mut w = whole.clone();
        let middle = w.len() / 2;
        w[middle] ^= 1;
        w
    }] {
        fs::write(&file, damage).expect("written");
        assert_eq!(
            source(),
            Source::Compiled,
            "a damaged file is compiled again"
        );
        assert_eq!(source(), Source::Cached);
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("permissions");
    assert_eq!(
        source(),
        Source::Compiled,
        "a file that others could write is not trusted"
    );

    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
    let error = Cache::open(&engine, &path).expect_err("refused");
    assert!(error.to_string().contains("mode 0700"), "{error}");
}

#[test]
fn a_manifest_or_a_signature_that_changes_compiles_nothing() {
    let engine = engine::start().expect("an engine");
    let directory = directory();
    let cache = Cache::open(&engine, &directory.path().join("cache")).expect("a cache");
    let source = |bytes: &[u8]| {
        let component = Component::verify(bytes.to_vec()).expect("sound");
        cache.compile(&component).expect("compiles").1
    };
    let first = plugin("probe", &[]);
    let key = SecretKey::generate(&directory.path().join("key")).expect("a key");
    let later = plugin("probe", &[("version = \"1.0.0\"", "version = \"1.0.1\"")]);
    assert_ne!(first, later);
    assert_eq!(source(&first), Source::Compiled);
    assert_eq!(source(&later), Source::Cached);
    assert_eq!(source(&sign(later, &key)), Source::Cached);
    // A custom section of anyone else's is part of what is compiled.
    let other = with_manifest(
        [&component("probe")[..], &[0, 2, 1, b'x']].concat(),
        &manifest("probe", &[]),
    );
    assert_eq!(source(&other), Source::Compiled);
}

#[test]
fn a_warm_start_compiles_nothing() {
    let directory = directory();
    put(directory.path(), "p.wasm", &plugin("probe", &[]));
    let options = HostOptions {
        sources: vec![directory.path().to_owned()],
        cache: Some(directory.path().join("cache")),
        watch: false,
        ..HostOptions::default()
    };
    let (cold, _) = host(options.clone());
    assert_eq!(cold.plugins()[0].source, Source::Compiled);
    drop(cold);
    let begun = std::time::Instant::now();
    let (warm, _) = host(options);
    println!(
        "engine, workers and one plugin from the cache: {:?}",
        begun.elapsed()
    );
    assert_eq!(warm.plugins()[0].source, Source::Cached);
}

#[test]
fn a_crate_becomes_a_plugin_that_loads() {
    let directory = directory();
    let output = directory.path().join("probe.wasm");
    let built = build(&BuildOptions {
        directory: crate_of("probe"),
        output: Some(output.clone()),
        target_directory: Some(guest_target()),
    })
    .expect("builds");
    assert_eq!(built.path, output);
    let inspection = vedette::plugin::inspect::inspect(&output).expect("read");
    assert_eq!(inspection.refused, None);
    assert_eq!(inspection.digest, built.component.digest.to_string());
    let text = inspection.text();
    for piece in [
        "probe 1.0.0",
        "subscribes    exec",
        "vedette:detect/state@0.1.0",
        "would run it",
    ] {
        assert!(text.contains(piece), "{text}");
    }
    assert_eq!(
        serde_json::to_value(&inspection).expect("JSON")["manifest"]["id"],
        "probe"
    );
    let (mut host, outcomes) = host(HostOptions {
        sources: vec![output],
        watch: false,
        ..HostOptions::default()
    });
    offer(&mut host, &exec(1, "/bin/x"));
    host.drain();
    assert_eq!(findings(&outcomes).len(), 1);
}

#[test]
fn the_build_says_what_is_missing() {
    let directory = directory();
    let options = BuildOptions {
        directory: directory.path().to_owned(),
        ..BuildOptions::default()
    };
    let error = build(&options).expect_err("refused").to_string();
    assert!(error.contains("plugin.toml"), "{error}");
    fs::write(directory.path().join("plugin.toml"), "[plugin]\nid = 1\n").expect("written");
    let error = build(&options).expect_err("refused").to_string();
    assert!(error.contains("plugin.toml:2"), "{error}");
}

#[test]
fn what_is_refused_at_start_does_not_stop_the_others() {
    let directory = directory();
    put(directory.path(), "a.wasm", b"nonsense");
    put(directory.path(), "b.wasm", &plugin("probe", &[]));
    put(
        directory.path(),
        "c.wasm",
        &importing("wasi:sockets/tcp@0.2.0"),
    );
    let (send, outcomes) = crossbeam_channel::unbounded();
    let mut host = PluginHost::new(
        HostOptions {
            sources: vec![directory.path().to_owned()],
            watch: false,
            ..HostOptions::default()
        },
        send,
    )
    .expect("starts");
    let reports = host.load_all();
    let good: Vec<bool> = reports.iter().map(|r| r.result.is_ok()).collect();
    assert_eq!(good, [false, true, false]);
    assert!(matches!(outcomes.try_recv(), Ok(Outcome::Loaded { .. })));
}
