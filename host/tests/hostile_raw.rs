//! Guests that break the rules below any SDK: their memory, their answers, their allocators.

mod support;

use support::{
    hostile::{Fate::*, LOG, NEIGHBOUR, meets, poison},
    raw::Guest,
    *,
};
use vedette::plugin::host::HostOptions;

/// A body of `detect` that answers one finding whose fields are stored by `fields`: it lies at
/// 2048, the list at 2000. What is not stored is empty.
macro_rules! finding {
    ($($fields:literal)*) => {
        concat!(
            "(memory.fill (i32.const 2048) (i32.const 0) (i32.const 256))
             (i32.store (i32.const 2000) (i32.const 2048))
             (i32.store (i32.const 2004) (i32.const 1))
             (i32.store (i32.const 2048) (i32.const 1024))
             (i32.store (i32.const 2052) (i32.const 4)) ",
            $($fields,)*
            " (i32.const 2000)"
        )
    };
}

#[test]
fn what_never_ends() {
    let forever = "(loop $ever (br $ever)) unreachable";
    meets(
        "a loop",
        &Guest::on_poison(forever),
        &Skipped("longer than 50 ms"),
    );
    meets(
        "a loop over a host call",
        &Guest {
            detect: "(loop $ever (call $write (i32.const 0) (i32.const 1024) (i32.const 4)) (br $ever)) unreachable",
            ..LOG
        },
        &Skipped("longer than 50 ms"),
    );
    meets(
        "recursion",
        &Guest {
            items: "(func $down (param i64) (result i64) (i64.add (call $down (i64.add (local.get 0) (i64.const 1))) (i64.const 1)))",
            ..Guest::on_poison("(drop (call $down (i64.const 0))) (i32.const 16)")
        },
        &Skipped("stack"),
    );
    meets(
        "recursion through a table",
        &Guest {
            items: "(type $f (func)) (table 1 funcref) (elem (i32.const 0) $down)
                    (func $down (type $f) (call_indirect (type $f) (i32.const 0)) (call_indirect (type $f) (i32.const 0)))",
            ..Guest::on_poison("(call $down) (i32.const 16)")
        },
        &Skipped("stack"),
    );
    meets(
        "a start function without end",
        &Guest {
            items: "(func $start (loop $ever (br $ever))) (start $start)",
            ..Guest::idle()
        },
        &Refused("longer than"),
    );
    meets(
        "an init without end",
        &Guest {
            init: Some("(loop $ever (br $ever)) unreachable"),
            ..Guest::idle()
        },
        &Refused("longer than"),
    );
}

#[test]
fn what_takes_all_memory() {
    meets(
        "growth without end",
        &Guest::on_poison("(loop $more (drop (memory.grow (i32.const 1))) (br $more)) unreachable"),
        &Skipped("bytes of memory"),
    );
    meets(
        "more at birth than it may have",
        &Guest {
            memory: Some(r#"(memory (export "memory") 1000)"#),
            ..Guest::idle()
        },
        &Refused("memory"),
    );
    meets(
        "more than the engine gives anyone",
        &Guest {
            memory: Some(r#"(memory (export "memory") 65536)"#),
            ..Guest::idle()
        },
        &Refused("memory"),
    );
    meets(
        "a table without end",
        &Guest {
            items: "(table $t 1 funcref)",
            ..Guest::on_poison(
                "(loop $more (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $more)) unreachable",
            )
        },
        &Skipped("table"),
    );
    meets(
        "a large table at birth",
        &Guest {
            items: "(table $t 10000000 funcref)",
            ..Guest::idle()
        },
        &Refused("table"),
    );
    meets(
        "a trap at birth",
        &Guest {
            items: "(func $start unreachable) (start $start)",
            ..Guest::idle()
        },
        &Refused("trapped"),
    );
}

#[test]
fn answers_of_impossible_form() {
    for (name, detect, reason) in [
        ("a result outside of memory", "(i32.const 0x7ffffff0)", "out of bounds"),
        ("a result at an odd address", "(i32.const 2001)", "aligned"),
        (
            "a list that ends behind memory",
            "(i32.store (i32.const 2000) (i32.const 2048)) (i32.store (i32.const 2004) (i32.const 1000000)) (i32.const 2000)",
            "",
        ),
        (
            "a list whose size overflows",
            "(i32.store (i32.const 2000) (i32.const 2048)) (i32.store (i32.const 2004) (i32.const -1)) (i32.const 2000)",
            "",
        ),
        (
            "a list at an odd address",
            "(i32.store (i32.const 2000) (i32.const 2049)) (i32.store (i32.const 2004) (i32.const 1)) (i32.const 2000)",
            "aligned",
        ),
        (
            "an enum that is none",
            finding!("(i32.store8 (i32.const 2056) (i32.const 200))"),
            "discriminant",
        ),
        (
            "a text that is no UTF-8",
            finding!("(i32.store (i32.const 1032) (i32.const 0xfffefdfc)) (i32.store (i32.const 2080) (i32.const 1032)) (i32.store (i32.const 2084) (i32.const 4))"),
            "utf-8",
        ),
        (
            "a text outside of memory",
            finding!("(i32.store (i32.const 2080) (i32.const 0x7fffffff)) (i32.store (i32.const 2084) (i32.const 4))"),
            "out of bounds",
        ),
        (
            "the same memory as ten thousand texts",
            "(local.set $i (i32.const 0))
             (loop $next
                (memory.fill (i32.add (i32.const 140000) (i32.mul (local.get $i) (i32.const 72))) (i32.const 0) (i32.const 72))
                (i32.store offset=140000 (i32.mul (local.get $i) (i32.const 72)) (i32.const 65536))
                (i32.store offset=140004 (i32.mul (local.get $i) (i32.const 72)) (i32.const 65536))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $next (i32.lt_u (local.get $i) (i32.const 1500))))
             (i32.store (i32.const 2000) (i32.const 140000)) (i32.store (i32.const 2004) (i32.const 1500)) (i32.const 2000)",
            "",
        ),
    ] {
        meets(name, &Guest::on_poison(detect), &Skipped(reason));
    }
    meets(
        "a finding that names what does not exist",
        &Guest::on_poison(finding!(
            "(i64.store (i32.const 2064) (i64.const -1)) (i64.store (i32.const 2072) (i64.const -1))"
        )),
        &Served,
    );
}

#[test]
fn allocators_that_lie() {
    for (name, lie, reason) in [
        (
            "memory that is not there",
            "(i32.const 0x7ffffff0)",
            "beyond end of memory",
        ),
        (
            "memory that ends too early",
            "(i32.const 262100)",
            "beyond end of memory",
        ),
        (
            "an address below zero",
            "(i32.const -8)",
            "beyond end of memory",
        ),
        ("a trap", "unreachable", "trapped"),
        (
            "no end",
            "(loop $ever (br $ever)) unreachable",
            "longer than 50 ms",
        ),
        (
            "a host call from within",
            "(call $write (i32.const 0) (i32.const 1024) (i32.const 4)) (i32.const 140000)",
            "",
        ),
    ] {
        let guest = Guest {
            lie: Some(lie),
            detect: "(i32.const 16)",
            ..LOG
        };
        meets(name, &guest, &Skipped(reason));
    }
    // Where a batch lies is the guest's to choose: here over the answer that it will give.
    let over_itself = Guest {
        lie: Some("(i32.const 0)"),
        ..Guest::idle()
    };
    meets("its own answer under the batch", &over_itself, &Skipped(""));
}

/// Bytes of memory that this process has in use.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").expect("readable");
    let pages: u64 = status
        .split(' ')
        .nth(1)
        .expect("a field")
        .parse()
        .expect("a number");
    pages * rustix::param::page_size() as u64
}

#[test]
fn a_thousand_traps_leave_nothing_behind() {
    const HOUR: u64 = 3_600_000_000_000;
    let directory = directory();
    put(
        directory.path(),
        "raw.wasm",
        &Guest::on_poison("unreachable").build(),
    );
    put(
        directory.path(),
        "neighbour.wasm",
        &plugin("probe", NEIGHBOUR),
    );
    let (mut host, outcomes) = host(HostOptions {
        sources: vec![directory.path().to_owned()],
        watch: false,
        workers: 1,
        overflow: vedette::plugin::queue::Overflow::Wait,
        ..HostOptions::default()
    });
    let mut skipped = 0;
    let mut after_warm_up = 0;
    for id in 0..1100 {
        let mut record = poison(id);
        // So far apart that none makes the others look like a plugin that cannot be used.
        record.event.at = id * HOUR;
        // Evidence is kept, which is no leak.
        record.event.text = b"/usr/bin/id".as_slice().into();
        offer(&mut host, &record);
        host.flush();
        if id % 100 == 99 {
            host.drain();
            skipped += findings(&outcomes)
                .iter()
                .filter(|f| f.rule == "event-aborted")
                .count();
        }
        if id == 299 {
            after_warm_up = resident();
        }
    }
    host.drain();
    skipped += findings(&outcomes)
        .iter()
        .filter(|f| f.rule == "event-aborted")
        .count();
    assert_eq!(skipped, 1100);
    let grown = resident().saturating_sub(after_warm_up);
    // A leaked instance has a store of 300 KiB: 800 of them would be 240 MB.
    assert!(grown < 16 << 20, "{grown} bytes more after 800 traps");
}
