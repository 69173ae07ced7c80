//! Asks every service about each execution. Its twins in the other languages say the same.

use std::time::Duration;
use vedette_sdk::prelude::*;
use vedette_sdk::values::action;

#[plugin]
#[derive(Default)]
struct Asks;

fn told<T>(answer: Result<T, Failure>, tell: impl FnOnce(T) -> String) -> String {
    match answer {
        Ok(value) => tell(value),
        Err(failure) => format!("failure {}", failure.number()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hits(answer: Result<Vec<intel::Hit>, Failure>) -> String {
    told(answer, |hits| {
        let hits = hits
            .iter()
            .map(|hit| format!("{}/{}/{}", hit.list, hit.entry, hit.note));
        hits.collect::<Vec<_>>().join("+")
    })
}

impl Plugin for Asks {
    fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
        if let Some(timer) = event.as_timer() {
            let message = format!("timer {} at {}", timer.token(), event.at() / 1_000_000_000);
            findings.raise("told", Severity::Info).message(message);
            return;
        }
        if let Some(container) = event.as_container() {
            let [id, mount] = [container.id(), container.mount()].map(String::from_utf8_lossy);
            let message = format!("container {id} has {mount}, marks {}", container.marks());
            findings.raise("told", Severity::Info).message(message);
            return;
        }
        let Some(process) = event.as_exec().and(event.process()) else {
            return;
        };
        if let Some(container) = process.container() {
            let mounts: Vec<_> = container.mounts().map(String::from_utf8_lossy).collect();
            let message = format!(
                "in one with {}, marks {}",
                mounts.join("+"),
                container.marks()
            );
            findings.raise("told", Severity::Info).message(message);
            return;
        }
        log::trace("asking");
        let digest = file::sha256(event, Role::Path);
        let listed = digest.and_then(|digest| intel::digest(&digest));
        let long = [b'k'; 257];
        let said = [
            told(digest, |digest| hex(&digest[..2])),
            hits(listed),
            told(file::head(event, Role::Path, 4), |head| hex(&head)),
            told(file::stat(event, Role::Path), |facts| {
                facts.size.to_string()
            }),
            told(file::elf(event, Role::Image), |elf| {
                format!("{} {}", elf.interpreter, elf.needed.join("+"))
            }),
            told(context::sockets(event, process), |sockets| {
                let ports = sockets.iter().map(|socket| socket.remote_port.to_string());
                ports.collect::<Vec<_>>().join("+")
            }),
            told(context::sockets(event, 1_u64), |_| "a stranger".to_owned()),
            hits(intel::address([192, 0, 2, 7].into())),
            hits(intel::address([192, 0, 2, 8].into())),
            hits(intel::domain("www.Evil.example.")),
            hits(intel::domain("notevil.example")),
            told(state::set(&long, b"", None), |()| "kept".to_owned()),
            told(state::set(b"big", &[0; 64 << 10], None), |()| {
                "kept".to_owned()
            }),
            told(state::set(b"bigger", &[0; (64 << 10) + 1], None), |()| {
                "kept".to_owned()
            }),
            told(state::count(b"n", 3, Duration::from_secs(9)), |n| {
                n.to_string()
            }),
            state::get(b"n").map_or("none".to_owned(), |value| hex(&value)),
            state::keys(b"", b"", 9).len().to_string(),
            told(timer::set(process.key(), Duration::from_secs(5)), |()| {
                "set".to_owned()
            }),
        ];
        findings
            .raise("told", Severity::Info)
            .process(process)
            .message(said.join(", "))
            .evidence(event.id(), "asked")
            .propose(action::KILL, process, event.id());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vedette_sdk::context::Socket;
    use vedette_sdk::file::{ElfFacts, Facts};
    use vedette_sdk::testkit::{Act, Exec, File, Scene, services};

    fn scene() -> Scene {
        let mut scene = Scene::new();
        scene.list("b", "192.0.2.0/24 a network\n192.0.2.7 a host");
        scene.list("a", &format!("*.evil.example\n{} a file", "aa".repeat(32)));
        scene.list("a", "192.0.2.0/24");
        let elf = ElfFacts {
            interpreter: "/lib/ld.so".to_owned(),
            needed: vec!["libc.so.6".to_owned(), "libm.so.6".to_owned()],
            ..ElfFacts::default()
        };
        let known = File::new()
            .sha256([0xaa; 32])
            .content("\x7fELF and more")
            .elf(elf);
        scene.file(
            "/tmp/known",
            known.facts(Facts {
                size: 7,
                ..Facts::default()
            }),
        );
        scene.file("/tmp/gone", File::fails(Failure::NotFound));
        scene
    }

    fn messages(scene: &Scene) -> Vec<String> {
        let found = scene.findings::<Asks>();
        found.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn what_is_given_is_answered() {
        let mut scene = scene();
        let actor = scene.process(Exec::new("/bin/sh", &["sh"]).shell());
        let socket = |remote_port| Socket {
            remote_port,
            ..Socket::default()
        };
        scene.sockets(actor, vec![socket(443), socket(80)]);
        scene.exec(actor, Exec::new("/tmp/known", &["known"]));
        scene.exec(actor, Exec::new("/tmp/gone", &["gone"]));
        scene.wait(6);
        assert_eq!(
            messages(&scene),
            include_str!("answers.txt").lines().collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_known_of_a_container() {
        const MOUNT: u32 = 6;
        let mut scene = Scene::new();
        let actor = scene.process(Exec::new("/bin/sh", &["sh"]).shell());
        scene.contain(actor, 7);
        scene.exec(actor, Exec::new("/bin/early", &["early"]));
        let mounts = ["/:/host:rw", "/srv:/data:ro"].map(|text| (MOUNT, 0, text.into()));
        scene.describe(actor, container_mark::HOST_PID, mounts.to_vec());
        let child = scene.fork(actor);
        scene.exec(child, Exec::new("/bin/late", &["late"]));
        scene.tell_alone(Act {
            b: container_mark::PRIVILEGED.into(),
            text: b"7".into(),
            attrs: mounts.to_vec(),
            ..Act::new(kind::CONTAINER)
        });
        assert_eq!(
            messages(&scene),
            include_str!("described.txt").lines().collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_not_given_is_unavailable() {
        let mut scene = Scene::new();
        let actor = scene.process(Exec::new("/bin/sh", &["sh"]).shell());
        scene.exec(actor, Exec::new("/tmp/known", &["known"]));
        assert_eq!(
            messages(&scene),
            include_str!("nothing.txt").lines().collect::<Vec<_>>()
        );
    }

    #[test]
    fn state_and_timers_have_their_limits() {
        services::reset();
        for n in 0..4096 {
            assert_eq!(timer::set(n, Duration::from_secs(1)), Ok(()));
        }
        assert_eq!(
            timer::set(5000, Duration::from_secs(1)),
            Err(Failure::Quota)
        );
        assert_eq!(timer::set(7, Duration::from_secs(2)), Ok(()));
        let value = [0; 65_530];
        for n in 0..64_u32 {
            assert_eq!(
                state::set(format!("k{n:04}").as_bytes(), &value, None),
                Ok(())
            );
        }
        assert_eq!(state::set(b"k9999", &value, None), Err(Failure::Quota));
        state::delete(b"k0000");
        assert_eq!(state::set(b"k9999", &value, None), Ok(()));
    }
}
