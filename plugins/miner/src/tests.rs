//! Miners, plain and disguised, and those who only look like them.

use crate::Miner;
use vedette_sdk::prelude::*;
use vedette_sdk::raw;
use vedette_sdk::testkit::{Act, Actor, Exec, Scene};

const POOL: [u8; 4] = [10, 0, 0, 1];
const WALLET: &str = "48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD";

fn send(scene: &mut Scene, actor: Actor, cookie: u64, payload: &[u8], length: usize) -> u64 {
    scene.tell(
        actor,
        Act {
            text: payload.into(),
            text2: POOL.to_vec(),
            a: 3333 | (length as u64) << 32,
            c: cookie,
            attrs: vec![(2, stream_mark::OUTBOUND.into(), Vec::new())],
            ..Act::new(kind::SENT)
        },
    )
}

fn says(scene: &mut Scene, actor: Actor, payload: &str) -> u64 {
    send(scene, actor, 5, payload.as_bytes(), payload.len())
}

fn process(scene: &mut Scene, args: &[&str]) -> Actor {
    scene.process(Exec::new("/x/a", args))
}

#[track_caller]
fn one(scene: &Scene, rule: &str, severity: Severity) -> raw::Finding {
    let found = scene.findings::<Miner>();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (&*found[0].rule, found[0].severity),
        (rule, severity),
        "{found:#?}"
    );
    found.into_iter().next().expect("there is one")
}

#[track_caller]
fn none(scene: &Scene) {
    let found = scene.findings::<Miner>();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_handshake_is_found_once() {
    let mut scene = Scene::new();
    let miner = process(&mut scene, &["a"]);
    says(
        &mut scene,
        miner,
        "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n",
    );
    says(
        &mut scene,
        miner,
        "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"w\",\"x\"]}\n",
    );
    scene.tick();
    assert_eq!(one(&scene, "stratum", Severity::High).process, miner.key());
}

/// Bytes that the sensor tells of a connection, and those that a packet counts for at least.
const FIRST_BYTES: usize = 2048;
const PACKET_LEAST: usize = 64;

#[test]
fn a_handshake_in_pieces() {
    let text =
        "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"mining.sub\\u0073cribe\",\"params\":[]}\n";
    let telling = text.find(",\"params").expect("it has some");
    for size in 1..text.len() {
        let mut scene = Scene::new();
        let miner = process(&mut scene, &["a"]);
        // No more is told of a connection.
        let packets = FIRST_BYTES / size.max(PACKET_LEAST);
        for piece in text.as_bytes().chunks(size).take(packets) {
            send(&mut scene, miner, 5, piece, piece.len());
        }
        match size * packets < telling {
            true => none(&scene),
            false => drop(one(&scene, "stratum", Severity::High)),
        }
    }
}

#[test]
fn a_login_that_was_cut_and_a_share() {
    let mut scene = Scene::new();
    let miner = process(&mut scene, &["a"]);
    send(
        &mut scene,
        miner,
        5,
        b"{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\",\"agent",
        300,
    );
    says(
        &mut scene,
        miner,
        "{\"method\":\"submit\",\"params\":{\"id\":\"0\",\"job_id\":\"1\",\"nonce\":\"0\"}}\n",
    );
    one(&scene, "stratum", Severity::High);
}

#[test]
fn several_messages_in_one_packet_and_over_http() {
    let mut scene = Scene::new();
    let miner = process(&mut scene, &["a"]);
    says(
        &mut scene,
        miner,
        "{\"method\":\"mining.subscribe\"}\n{\"method\":\"mining.authorize\",\"params\":[\"w\"]}\n",
    );
    let finding = one(&scene, "stratum", Severity::Critical);
    assert_eq!(finding.evidence.len(), 2);

    let mut scene = Scene::new();
    let miner = process(&mut scene, &["a"]);
    says(
        &mut scene,
        miner,
        "POST / HTTP/1.1\r\nHost: x\r\n\r\n{\"method\":\"eth_getWork\",\"params\":[],\"id\":1}",
    );
    one(&scene, "stratum", Severity::High);
}

#[test]
fn arguments_and_tuning_support_it() {
    let mut scene = Scene::new();
    let miner = process(&mut scene, &["a", "--url", "stratum+tcp://10.0.0.1:3333"]);
    scene.connect(miner, POOL, 3333, 9);
    scene.tell(
        miner,
        Act {
            text: b"/dev/cpu/0/msr".into(),
            a: 2 | u64::from(open_mark::CHARACTER_DEVICE) << 32,
            ..Act::new(kind::OPEN)
        },
    );
    says(&mut scene, miner, "{\"method\":\"mining.subscribe\"}\n");
    for _ in 0..5 {
        scene.tick();
    }
    let finding = one(&scene, "stratum", Severity::Critical);
    assert_eq!(finding.evidence.len(), 3);
}

#[test]
fn encrypted_but_named() {
    for (args, severity) in [
        (&["a", "stratum+ssl://10.0.0.1:3333/x"][..], Severity::High),
        (
            &["a", "-o=stratum2+tcps://wallet.rig:x@10.0.0.1:3333"],
            Severity::High,
        ),
        (
            &["a", "-o", "stratums://pool.example:3333"],
            Severity::Medium,
        ),
        (
            &["a", "-o", "pool.example:3333", "-u", WALLET],
            Severity::Medium,
        ),
    ] {
        let mut scene = Scene::new();
        let miner = process(&mut scene, args);
        scene.connect(miner, POOL, 3333, 9);
        for _ in 0..5 {
            scene.tick();
        }
        one(&scene, "pool-address", severity);
    }
}

#[test]
fn a_pool_that_refuses() {
    let connects = |ret: i32, speaks: bool| {
        let mut scene = Scene::new();
        let miner = process(&mut scene, &["a", "stratum+ssl://10.0.0.1:3333"]);
        let act = Act {
            ret,
            text: POOL.to_vec(),
            a: 3333 | (2 | 1 << 16) << 32,
            c: 5,
            ..Act::new(kind::CONNECT)
        };
        scene.tell(miner, act);
        if speaks {
            says(&mut scene, miner, "\u{16}\u{3}\u{1}");
        }
        scene.wait(5);
        scene
    };
    one(&connects(0, false), "pool-address", Severity::High);
    one(&connects(-115, true), "pool-address", Severity::High);
    for ret in [-111, -110, -101, -115] {
        none(&connects(ret, false));
    }
    // It tries again, and is let in.
    let mut again = connects(-115, false);
    let miner = process(&mut again, &["a", "stratum+ssl://10.0.0.1:3333"]);
    again.connect(miner, POOL, 3333, 9);
    again.wait(5);
    one(&again, "pool-address", Severity::High);
}

#[test]
fn who_only_mentions_a_pool() {
    for args in [
        &["grep", "-r", "stratum+tcp://10.0.0.1:3333", "/var/log"][..],
        &[
            "curl",
            "http://10.0.0.1:80/",
            "-d",
            "stratum+tcp://10.0.0.1:3333",
        ],
        &["a", "stratum+tcp://10.9.9.9:80"],
        &["a", "--peer", "10.0.0.1:80"],
        &["a", WALLET],
    ] {
        let mut scene = Scene::new();
        let honest = process(&mut scene, args);
        scene.connect(honest, POOL, 80, 9);
        says(
            &mut scene,
            honest,
            "GET / HTTP/1.0\r\n\r\n{\"method\":\"mining.subscribe\"}",
        );
        for _ in 0..5 {
            scene.tick();
        }
        none(&scene);
    }
}

#[test]
fn other_protocols() {
    let mut scene = Scene::new();
    let honest = process(&mut scene, &["a"]);
    for (cookie, payload) in [
        (
            1,
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}\n",
        ),
        (
            2,
            "{\"method\":\"login\",\"params\":{\"login\":\"me\",\"pass\":\"x\"}}\n",
        ),
        (3, "\u{16}\u{3}\u{1}"),
        (4, ""),
        (5, "{{{{{{[[[[\"\\"),
    ] {
        send(
            &mut scene,
            honest,
            cookie,
            payload.as_bytes(),
            payload.len(),
        );
    }
    none(&scene);
}

#[test]
fn many_connections_are_bounded() {
    let mut scene = Scene::new();
    let honest = process(&mut scene, &["a"]);
    for cookie in 0..3000 {
        send(&mut scene, honest, cookie, b"{\"a\":", 5);
    }
    let mut plugin = Miner::default();
    scene.run(&mut plugin, 64);
    assert_eq!(plugin.talks.len(), 1024);
}
