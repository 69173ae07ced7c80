//! Finds programs that run from anonymous memory, so that no file of theirs can be looked at.

use vedette_sdk::prelude::*;

/// What the plugin remembers between events: nothing yet.
#[plugin]
#[derive(Default)]
struct Detection;

impl Plugin for Detection {
    fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
        let Some(process) = event.as_exec().and(event.process()) else {
            return;
        };
        // A deleted file has no name either: a program that was just updated executes itself.
        if !process.has(process_mark::MEMFD_IMAGE) {
            return;
        }
        findings
            .raise("fileless", Severity::High)
            .process(process)
            .message(format!(
                "{} runs without a file",
                String::from_utf8_lossy(process.exe())
            ))
            .evidence(event.id(), "its image is in anonymous memory")
            // One process is one case, however often it executes.
            .dedup(format!("process {:x}", process.key()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vedette_sdk::testkit::{Exec, Scene};

    /// What a process that executes this raises.
    fn findings(exec: Exec) -> usize {
        let mut scene = Scene::new();
        let shell = scene.process(Exec::new("/bin/sh", &["sh"]).shell());
        let child = scene.fork(shell);
        scene.exec(child, exec);
        scene.findings::<Detection>().len()
    }

    #[test]
    fn a_program_in_memory() {
        let exec = Exec::new("/memfd:x (deleted)", &["x"]);
        assert_eq!(findings(exec.marks(process_mark::MEMFD_IMAGE)), 1);
    }

    #[test]
    fn a_program_that_was_just_updated() {
        let exec = Exec::new("/usr/sbin/service (deleted)", &["service"]);
        assert_eq!(findings(exec.marks(process_mark::DELETED_IMAGE)), 0);
    }
}
