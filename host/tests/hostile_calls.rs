//! Guests that break the rules below any SDK: what they ask of each service.

mod support;

use support::{
    hostile::{Fate::*, LOG, meets},
    raw::Guest,
    *,
};
use vedette::plugin::host::{HostOptions, PluginHost};

const STATE: Guest = Guest {
    services: "\"state\"",
    imports: r#"
    (import "vedette:detect/state@0.1.0" "get" (func $get (param i32 i32 i32)))
    (import "vedette:detect/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i64 i32)))
    (import "vedette:detect/state@0.1.0" "count" (func $count (param i32 i32 i64 i64 i32)))
    (import "vedette:detect/state@0.1.0" "keys" (func $keys (param i32 i32 i32 i32 i32 i32)))"#,
    ..LOG
};

const METRICS: Guest = Guest {
    services: "\"metrics\"",
    imports: r#"
    (import "vedette:detect/metrics@0.1.0" "add" (func $add (param i32 i32 i64)))
    (import "vedette:detect/metrics@0.1.0" "set" (func $set (param i32 i32 i64)))"#,
    ..LOG
};

const TIMER: Guest = Guest {
    services: "\"timer\"",
    imports: r#"
    (import "vedette:detect/timer@0.1.0" "set" (func $set (param i64 i64 i32)))
    (import "vedette:detect/timer@0.1.0" "clear" (func $clear (param i64)))"#,
    ..LOG
};

const CONTEXT: Guest = Guest {
    services: "\"context\"",
    imports: r#"
    (import "vedette:detect/context@0.1.0" "process" (func $process (param i64 i64 i32)))
    (import "vedette:detect/context@0.1.0" "children" (func $children (param i64 i64 i32 i32)))
    (import "vedette:detect/context@0.1.0" "members" (func $members (param i64 i64 i32 i32)))
    (import "vedette:detect/context@0.1.0" "sockets" (func $sockets (param i64 i64 i32)))"#,
    ..LOG
};

const FILE: Guest = Guest {
    services: "\"file\"",
    imports: r#"
    (import "vedette:detect/file@0.1.0" "stat" (func $stat (param i64 i32 i32)))
    (import "vedette:detect/file@0.1.0" "sha256" (func $sha256 (param i64 i32 i32)))
    (import "vedette:detect/file@0.1.0" "head" (func $head (param i64 i32 i32 i32)))
    (import "vedette:detect/file@0.1.0" "elf" (func $elf (param i64 i32 i32)))"#,
    ..LOG
};

const INTEL: Guest = Guest {
    services: "\"intel\"",
    imports: r#"
    (import "vedette:detect/intel@0.1.0" "look-up" (func $ask (param i32 i32 i32 i32)))"#,
    ..LOG
};

/// That the result which lies at 3000 is this failure; the error's number lies at `$at`.
macro_rules! fails {
    ($at:literal, $number:literal) => {
        concat!(
            " (if (i32.ne (i32.load8_u (i32.const 3000)) (i32.const 1)) (then unreachable))
              (if (i32.ne (i32.load (i32.const ",
            $at,
            ")) (i32.const ",
            $number,
            ")) (then unreachable)) "
        )
    };
}

#[test]
fn calls_with_absurd_arguments() {
    for (name, guest, detect, fate) in [
        (
            "a level that is none",
            LOG,
            "(call $write (i32.const 99) (i32.const 1024) (i32.const 4)) (i32.const 16)",
            Skipped(""),
        ),
        (
            "a line outside of memory",
            LOG,
            "(call $write (i32.const 0) (i32.const -1) (i32.const -1)) (i32.const 16)",
            Skipped(""),
        ),
        (
            "a line of all its memory",
            LOG,
            "(memory.fill (i32.const 0) (i32.const 65) (i32.const 200000)) (call $write (i32.const 0) (i32.const 0) (i32.const 200000)) (memory.fill (i32.const 0) (i32.const 0) (i32.const 2000)) (i32.const 16)",
            Served,
        ),
        (
            "a line of no UTF-8",
            LOG,
            "(i32.store (i32.const 1032) (i32.const 0xfffefdfc)) (call $write (i32.const 0) (i32.const 1032) (i32.const 4)) (i32.const 16)",
            Skipped("utf-8"),
        ),
        (
            "a key outside of memory",
            STATE,
            "(call $get (i32.const 0x7fffffff) (i32.const 8) (i32.const 3000)) (i32.const 16)",
            Skipped("out of bounds"),
        ),
        (
            "an answer to where nothing is",
            STATE,
            "(call $get (i32.const 1024) (i32.const 4) (i32.const 0x7ffffff0)) (i32.const 16)",
            Skipped("out of bounds"),
        ),
        (
            "an answer to an odd address",
            STATE,
            "(call $get (i32.const 1024) (i32.const 4) (i32.const 3001)) (i32.const 16)",
            Skipped("aligned"),
        ),
        (
            "a key of all its memory",
            STATE,
            // The result's tag is 1: an error, that of what is too large.
            "(call $set (i32.const 0) (i32.const 200000) (i32.const 1024) (i32.const 4) (i64.const -1) (i32.const 3000))
             (if (i32.ne (i32.load8_u (i32.const 3000)) (i32.const 1)) (then unreachable))
             (if (i32.ne (i32.load (i32.const 3004)) (i32.const 2)) (then unreachable))
             (i32.const 16)",
            Served,
        ),
        (
            "counts and windows at their ends",
            STATE,
            "(call $count (i32.const 1024) (i32.const 4) (i64.const -1) (i64.const -1) (i32.const 3000))
             (call $count (i32.const 1024) (i32.const 4) (i64.const -1) (i64.const 0) (i32.const 3000))
             (call $count (i32.const 1024) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 3000))
             (i32.const 16)",
            Served,
        ),
        (
            "a metric named after all its memory, again and again",
            METRICS,
            "(memory.fill (i32.const 0) (i32.const 65) (i32.const 120000))
             (local.set $i (i32.const 200))
             (loop $next
                (call $add (i32.const 0) (i32.const 120000) (i64.const -1))
                (call $set (i32.const 0) (i32.const 120000) (i64.const -1))
                (local.set $i (i32.sub (local.get $i) (i32.const 1)))
                (br_if $next (local.get $i)))
             (memory.fill (i32.const 0) (i32.const 0) (i32.const 2000)) (i32.const 16)",
            Served,
        ),
        (
            "metrics at their ends",
            METRICS,
            "(call $add (i32.const 1024) (i32.const 4) (i64.const -1))
             (call $add (i32.const 1024) (i32.const 4) (i64.const -1))
             (call $set (i32.const 1024) (i32.const 4) (i64.const 0x8000000000000000))
             (call $add (i32.const 1024) (i32.const 0) (i64.const 0)) (i32.const 16)",
            Served,
        ),
        (
            "a metric's name outside of memory",
            METRICS,
            "(call $add (i32.const 0x7fffffff) (i32.const 4) (i64.const 1)) (i32.const 16)",
            Skipped("out of bounds"),
        ),
        (
            "a metric's name of no UTF-8",
            METRICS,
            "(i32.store (i32.const 1032) (i32.const 0xfffefdfc)) (call $set (i32.const 1032) (i32.const 4) (i64.const 1)) (i32.const 16)",
            Skipped("utf-8"),
        ),
        (
            "timers without end, the last of which is refused",
            TIMER,
            concat!(
                "(local.set $i (i32.const 10000))
                 (loop $next
                    (call $set (i64.extend_i32_u (local.get $i)) (i64.const -1) (i32.const 3000))
                    (call $clear (i64.sub (i64.const -1) (i64.extend_i32_u (local.get $i))))
                    (local.set $i (i32.sub (local.get $i) (i32.const 1)))
                    (br_if $next (local.get $i)))",
                fails!(3004, 1),
                "(i32.const 16)"
            ),
            Served,
        ),
        (
            "a timer's answer to an odd address",
            TIMER,
            "(call $set (i64.const -1) (i64.const 0) (i32.const 3001)) (i32.const 16)",
            Skipped("aligned"),
        ),
        (
            "a timer's answer to where nothing is",
            TIMER,
            "(call $set (i64.const 0) (i64.const 0) (i32.const -4)) (i32.const 16)",
            Skipped("out of bounds"),
        ),
        (
            "what was as of no event",
            CONTEXT,
            concat!(
                "(call $process (i64.const -1) (i64.const -1) (i32.const 3000))",
                fails!(3004, 8),
                "(call $children (i64.const -1) (i64.const 0) (i32.const -1) (i32.const 3000))",
                fails!(3004, 8),
                "(call $members (i64.const 0) (i64.const -1) (i32.const 0) (i32.const 3000))",
                fails!(3004, 8),
                "(call $sockets (i64.const 0) (i64.const 0) (i32.const 3000))",
                fails!(3004, 8),
                "(i32.const 16)"
            ),
            Served,
        ),
        (
            "a process told to an odd address",
            CONTEXT,
            "(call $process (i64.const -1) (i64.const -1) (i32.const 3001)) (i32.const 16)",
            Skipped("aligned"),
        ),
        (
            "children told to where nothing is",
            CONTEXT,
            "(call $children (i64.const 0) (i64.const 0) (i32.const 1) (i32.const 0x7ffffff0)) (i32.const 16)",
            Skipped("out of bounds"),
        ),
        (
            "files of no event, and roles that are none",
            FILE,
            concat!(
                "(call $stat (i64.const -1) (i32.const 0) (i32.const 3000))",
                fails!(3008, 8),
                "(call $sha256 (i64.const 0) (i32.const -1) (i32.const 3000))",
                fails!(3004, 8),
                "(call $head (i64.const 40) (i32.const -1) (i32.const -1) (i32.const 3000))
                 (if (i32.ne (i32.load8_u (i32.const 3000)) (i32.const 1)) (then unreachable))
                 (call $elf (i64.const 40) (i32.const 77) (i32.const 3000))
                 (if (i32.ne (i32.load8_u (i32.const 3000)) (i32.const 1)) (then unreachable))
                 (i32.const 16)"
            ),
            Served,
        ),
        (
            "a file's facts to an odd address",
            FILE,
            "(call $stat (i64.const 40) (i32.const 0) (i32.const 3004)) (i32.const 16)",
            Skipped("aligned"),
        ),
        (
            "a file's head to where nothing is",
            FILE,
            "(call $head (i64.const 40) (i32.const 0) (i32.const -1) (i32.const -8)) (i32.const 16)",
            Skipped("out of bounds"),
        ),
        (
            "an indicator that is none, of all its memory",
            INTEL,
            concat!(
                "(call $ask (i32.const -1) (i32.const 0) (i32.const 200000) (i32.const 3000))",
                fails!(3004, 3),
                "(i32.const 16)"
            ),
            Served,
        ),
        (
            "an indicator outside of memory",
            INTEL,
            "(call $ask (i32.const 1) (i32.const -1) (i32.const -1) (i32.const 3000)) (i32.const 16)",
            Skipped("out of bounds"),
        ),
        (
            "hits told to an odd address",
            INTEL,
            "(call $ask (i32.const 1) (i32.const 1024) (i32.const 4) (i32.const 3002)) (i32.const 16)",
            Skipped("aligned"),
        ),
        (
            "all keys and more",
            STATE,
            "(call $keys (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 3000)) (i32.const 16)",
            Served,
        ),
    ] {
        meets(name, &Guest { detect, ..guest }, &fate);
    }
}

/// It imports what only a later contract has.
#[test]
fn functions_that_this_host_does_not_have() {
    let later = |guest: &Guest, wit: &str, with: &str| {
        let bytes = guest.build_with(|contract| contract.replacen(wit, with, 1));
        let directory = directory();
        put(directory.path(), "raw.wasm", &bytes);
        let (send, _outcomes) = crossbeam_channel::unbounded();
        let options = HostOptions {
            sources: vec![directory.path().to_owned()],
            watch: false,
            ..HostOptions::default()
        };
        let mut host = PluginHost::new(options, send).expect("the runtime starts");
        let report = host.load_all().remove(0);
        report.result.expect_err("it cannot be linked")
    };
    let reason = later(
        &Guest {
            imports: r#"(import "vedette:detect/state@0.1.0" "swap" (func $swap (param i32 i32)))"#,
            detect: "(i32.const 16)",
            ..STATE
        },
        "    delete: func(key: list<u8>);",
        "    delete: func(key: list<u8>);\n    swap: func(key: list<u8>);",
    );
    assert!(
        reason.contains("vedette:detect/state")
            && reason.contains("swap")
            && reason.contains("raise `contract`"),
        "{reason}"
    );
    let reason = later(
        &Guest {
            imports: r#"(import "vedette:detect/log@0.1.0" "write" (func $write (param i32 i32)))"#,
            detect: "(i32.const 16)",
            ..LOG
        },
        "write: func(level: level, message: string);",
        "write: func(message: string);",
    );
    assert!(
        reason.contains("write") && reason.contains("not those of contract 0.1.0"),
        "{reason}"
    );
}
