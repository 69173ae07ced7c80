//! What the services answer that know more than the batch.

use crate::show::{Show, list, put};
use std::time::Duration;
use vedette_sdk::context::Rows;
use vedette_sdk::intel::Hit;
use vedette_sdk::prelude::*;

/// Asks about an event, and sets timers by it.
pub fn ask(event: Event<'_>) -> String {
    let mut out = String::new();
    let key = event.process().map_or(0, Process::key);
    put(&mut out, "process", &*rows(context::process(event, key)));
    put(&mut out, "nobody", &*rows(context::process(event, 1)));
    let children = context::children(event, key, 2);
    put(&mut out, "children", &*rows(children));
    if let Some(container) = event.process().and_then(Process::container) {
        let members = context::members(event, container, 3);
        put(&mut out, "members", &*rows(members));
    }

    put(&mut out, "text", &*hits(intel::domain(event.text())));
    put(
        &mut out,
        "domain",
        &*hits(intel::domain("www.Evil.example.")),
    );
    put(
        &mut out,
        "address",
        &*hits(intel::address([192, 168, 0, 1].into())),
    );
    put(&mut out, "digest", &*hits(intel::digest(&[0xab; 32])));

    if event.as_exec().is_some() {
        put(&mut out, "sockets", &*sockets(context::sockets(event, key)));
        let digest = file::sha256(event, Role::Path);
        put(&mut out, "sha256", &*bytes(digest.map(Vec::from)));
        put(&mut out, "head", &*bytes(file::head(event, Role::Image, 4)));
        let size = file::stat(event, Role::Path).map(|facts| facts.size);
        put(&mut out, "size", &*number(size));
        let machine = file::elf(event, Role::Image).map(|elf| elf.machine.into());
        put(&mut out, "machine", &*number(machine));
    }

    if event.as_open().is_some() || event.as_exec().is_some() {
        let set = timer::set(key, Duration::from_millis(250));
        put(
            &mut out,
            "timer",
            &*set.map_or_else(|f| f.to_string(), |()| String::new()),
        );
        timer::clear(key + 1);
    }
    if let Some(due) = event.as_timer() {
        put(&mut out, "late", event.at() - due.due());
    }
    out
}

fn rows(answer: Result<Rows, Failure>) -> String {
    let one = |process: Process<'_>| {
        let mut out = String::new();
        put(&mut out, "exe", process.exe());
        put(&mut out, "lineage", process.lineage().count() as u32);
        format!("{}{out}", process.key())
    };
    match answer {
        Ok(rows) => list(
            rows.iter()
                .map(one)
                .collect::<Vec<_>>()
                .iter()
                .map(|s| &**s),
        ),
        Err(failure) => failure.to_string(),
    }
}

fn sockets(answer: Result<Vec<context::Socket>, Failure>) -> String {
    let one = |socket: context::Socket| {
        let mut out = String::new();
        put(&mut out, "remote", &*socket.remote);
        put(&mut out, "port", socket.remote_port);
        format!("{}{out}", socket.inode)
    };
    match answer {
        Ok(all) => list(
            all.into_iter()
                .map(one)
                .collect::<Vec<_>>()
                .iter()
                .map(|s| &**s),
        ),
        Err(failure) => failure.to_string(),
    }
}

fn bytes(answer: Result<Vec<u8>, Failure>) -> String {
    answer.map_or_else(|failure| failure.to_string(), |bytes| bytes.show())
}

fn number(answer: Result<u64, Failure>) -> String {
    answer.map_or_else(|failure| failure.to_string(), |number| number.to_string())
}

fn hits(answer: Result<Vec<Hit>, Failure>) -> String {
    let one = |hit: Hit| format!("{}/{}/{}", hit.list, hit.entry, hit.note);
    match answer {
        Ok(hits) => list(
            hits.into_iter()
                .map(one)
                .collect::<Vec<_>>()
                .iter()
                .map(|s| &**s),
        ),
        Err(failure) => failure.to_string(),
    }
}
