//! Finds processes that try many doors: connections to different addresses and ports, of which most
//! are refused.
//!
//! A client knows where it wants to go. Who searches does not, and so is refused or finds nobody.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use vedette_sdk::net;
use vedette_sdk::prelude::*;
use vedette_sdk::window::{Windows, distinct};

/// Lineages that are remembered: stops who makes processes in masses from filling the memory.
const MAX_LINEAGES: usize = 1024;
/// Ancestors of which one may be the search: a script that starts a process for each door.
const LINEAGE: usize = 2;
/// Connection refused, no route, unreachable, timed out.
const CLOSED: [i32; 4] = [-111, -113, -101, -110];

#[derive(Deserialize)]
struct Settings {
    doors: usize,
    seconds: u64,
}

#[plugin(snapshot = 1)]
#[derive(Serialize, Deserialize)]
struct Search {
    doors: usize,
    /// By process, the doors that it found closed.
    closed: Windows<u64, String>,
}

impl Default for Search {
    fn default() -> Self {
        Search::new(30, 60)
    }
}

impl Search {
    fn new(doors: usize, seconds: u64) -> Self {
        Search {
            doors,
            closed: Windows::new(Duration::from_secs(seconds), doors, MAX_LINEAGES),
        }
    }
}

impl Plugin for Search {
    fn init(&mut self, config: Config<'_>) -> Result<(), String> {
        let settings: Settings = config.parse()?;
        *self = Search::new(settings.doors, settings.seconds);
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
        let Some((connect, process)) = event.as_connect().zip(event.process()) else {
            return;
        };
        if !CLOSED.contains(&event.ret()) {
            return;
        }
        let door = net::endpoint(connect.address(), connect.port());
        for one in process.lineage().take(LINEAGE) {
            let hits = self.closed.add(one.key(), event, door.clone());
            if hits.len() < self.doors || distinct(hits) < self.doors {
                continue;
            }
            let mut finding = findings
                .raise("search", Severity::Medium)
                .confidence(75)
                .process(one)
                .message(format!(
                    "{} found {} doors closed, the last {door}",
                    String::from_utf8_lossy(one.exe()),
                    hits.len()
                ))
                .dedup(format!("process {:x}", one.key()));
            for hit in hits {
                finding = finding.evidence(hit.event, hit.value.clone());
            }
            self.closed.forget(&one.key());
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vedette_sdk::kind;
    use vedette_sdk::testkit::{Act, Actor, Exec, Scene};

    /// AF_INET and SOCK_STREAM, as the event carries them.
    const TCP: u64 = 0x10002;

    fn try_door(scene: &mut Scene, actor: Actor, last: u8, ret: i32) {
        scene.tell(
            actor,
            Act {
                ret,
                a: 22 | TCP << 32,
                text: vec![10, 0, 0, last],
                ..Act::new(kind::CONNECT)
            },
        );
    }

    #[test]
    fn a_process_that_tries_thirty_doors() {
        let mut scene = Scene::new();
        let actor = scene.process(Exec::new("/tmp/scan", &["scan"]));
        (0..30).for_each(|last| try_door(&mut scene, actor, last, -111));
        let found = scene.findings_with::<Search>(r#"{"doors":30,"seconds":60}"#);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].process, actor.key());
        assert_eq!(found[0].evidence.len(), 30);
        assert_eq!(
            scene
                .findings_reloaded_with::<Search>(r#"{"doors":30,"seconds":60}"#)
                .len(),
            1
        );
    }

    #[test]
    fn a_script_that_starts_a_process_for_each() {
        let mut scene = Scene::new();
        let script = scene.process(Exec::new("/bin/bash", &["bash"]).shell());
        for last in 0..30 {
            let child = scene.fork(script);
            try_door(&mut scene, child, last, -113);
        }
        let found = scene.findings_with::<Search>(r#"{"doors":30,"seconds":60}"#);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].process, script.key());
    }

    #[test]
    fn a_client_whose_server_is_down_or_who_gets_through() {
        let mut scene = Scene::new();
        let client = scene.process(Exec::new("/usr/bin/app", &["app"]));
        (0..100).for_each(|_| try_door(&mut scene, client, 1, -111));
        (0..100).for_each(|last| try_door(&mut scene, client, last, 0));
        assert_eq!(
            scene
                .findings_with::<Search>(r#"{"doors":30,"seconds":60}"#)
                .len(),
            0
        );
    }
}
