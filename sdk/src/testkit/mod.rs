//! Runs a plugin natively over a story that a test tells: processes are born, execute, connect
//! and exit, and every event carries the rows of its moment, as the host would send them.
//!
//! ```
//! use vedette_sdk::prelude::*;
//! use vedette_sdk::testkit::{Exec, Fd, Scene};
//!
//! #[derive(Default)]
//! struct AnyShell;
//! impl Plugin for AnyShell {
//!     fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
//!         if let Some(process) = event.as_exec().and(event.process()).filter(|p| p.is_shell()) {
//!             findings.raise("shell", Severity::Info).process(process);
//!         }
//!     }
//! }
//!
//! let mut scene = Scene::new();
//! let parent = scene.process(Exec::new("/usr/bin/python3", &["python3"]).interpreter());
//! let child = scene.fork(parent);
//! scene.connect(child, [127, 0, 0, 1], 4444, 77);
//! scene.dup(child, 0, Fd::inet(77).outbound([127, 0, 0, 1], 4444));
//! scene.exec(child, Exec::new("/bin/sh", &["sh", "-i"]).shell());
//! let findings = scene.findings::<AnyShell>();
//! assert_eq!(findings.len(), 1);
//! assert_eq!(findings[0].process, child.key());
//! ```
//!
//! Time moves as in the agent: a millisecond an event, a second a [`tick`](Scene::tick), and timers
//! are told in steps of 100 ms. `context` answers from the story, `intel` from what
//! [`Scene::list`] gives, `file` and `context::sockets` from [`Scene::file`] and
//! [`Scene::sockets`]. `state` and `timer` have the agent's limits.
//!
//! # The same tests in the sandbox
//! `vedette plugin test --unit` builds the component and runs `cargo test` with `VEDETTE_COMPONENT`
//! set to it and `VEDETTE` to the agent. Each call of [`Scene::findings`] then gives the story to the
//! component too, in the agent's own runtime and with
//! its manifest: only what it subscribes to, only the fields and services that it declares. What it
//! finds must be the same.

mod component;
mod fd;
mod given;
mod lists;
mod play;
mod scene;
pub mod services;
mod tables;

pub use fd::Fd;
pub use given::File;
pub use scene::{Act, Actor, Exec, Scene};
pub use tables::MomentRow;
