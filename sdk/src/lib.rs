//! Write detection plugins for Vedette: a struct, a manifest and one function.
//!
//! A plugin sees the kernel's events, each with the process that acted, its ancestors, its
//! container and its standard streams as they were at that moment, and raises findings. It runs
//! in a sandbox and can do nothing else.
//!
//! A whole plugin:
//! ```
//! use vedette_sdk::prelude::*;
//!
//! #[plugin]
//! #[derive(Default)]
//! struct Fileless;
//!
//! impl Plugin for Fileless {
//!     fn event(&mut self, event: Event<'_>, findings: &mut Findings) {
//!         let Some(process) = event.as_exec().and(event.process()) else { return };
//!         if process.has(process_mark::MEMFD_IMAGE) {
//!             findings.raise("fileless", Severity::High).process(process).evidence(event.id(), "runs from memory");
//!         }
//!     }
//! }
//! ```
//! and its manifest, `plugin.toml` beside its `Cargo.toml`:
//! ```toml
//! [plugin]
//! id = "fileless"
//! version = "0.1.0"
//! title = "Fileless execution"
//! contract = "0.1.0"
//!
//! [[subscribe]]
//! kind = "exec"
//!
//! [[finding]]
//! id = "fileless"
//! title = "A program was executed from anonymous memory"
//! category = "execution"
//! severity = "high"
//! techniques = ["T1620"]
//! ```
//!
//! Its crate is a `cdylib`, built for `wasm32-unknown-unknown`. Its tests run natively, and the same
//! ones in the agent's own sandbox: see [`testkit`].
//!
//! The same input must always give the same findings: a plugin has no clock ([`Event::at`] is
//! the time) and no randomness ([`bounded::Map`] iterates in the order of insertion).

// The bindings name this crate as a plugin does.
extern crate self as vedette_sdk;

pub mod bounded;
pub mod cmdline;
mod config;
pub mod context;
mod event;
mod failure;
pub mod file;
mod finding;
pub mod intel;
pub mod json;
pub mod lineage;
pub mod log;
pub mod metrics;
pub mod net;
mod plugin;
mod process;
pub mod sequence;
pub mod state;
mod stream;
#[cfg(not(target_arch = "wasm32"))]
pub mod testkit;
pub mod timer;
pub mod views;
pub mod window;

#[doc(hidden)]
pub mod bindings;

#[doc(hidden)]
pub use wit_bindgen;

pub use bindings::plugin::vedette::detect::types as raw;
pub use config::Config;
pub use event::{Batch, Event};
pub use failure::Failure;
pub use finding::{Findings, Raise, Severity, Subject};
pub use plugin::{Plugin, Snapshot};
pub use process::{Container, Lineage, Process};
pub use stream::{Object, Stream};
pub use vedette_contract::{kind, values};

#[doc(hidden)]
pub use plugin::instance;

/// What most plugins need.
pub mod prelude {
    pub use crate::values::{
        container_mark, elf_mark, image_class, memory_access, mount_mark, mount_operation,
        open_mark, process_mark, stream_kind, stream_mark,
    };
    /// Exports the type that follows, which implements [`Plugin`], as the plugin of this
    /// component.
    ///
    /// `#[plugin(snapshot)]` is for one that implements [`Snapshot`] too, so that what it remembers
    /// is handed to its next version. `#[plugin(snapshot = 1)]` implements it by serde, as the
    /// snapshot with that number:
    /// ```
    /// use vedette_sdk::prelude::*;
    ///
    /// #[plugin(snapshot = 1)]
    /// #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// struct Counting {
    ///     executions: u64,
    /// }
    ///
    /// impl Plugin for Counting {
    ///     fn event(&mut self, event: Event<'_>, _findings: &mut Findings) {
    ///         self.executions += u64::from(event.as_exec().is_some());
    ///     }
    /// }
    /// ```
    pub use vedette_sdk_macros::plugin;

    pub use crate::{
        Config, Event, Failure, Findings, Plugin, Process, Severity, Snapshot, Stream, context,
        file, file::Role, intel, kind, log, metrics, net, state, timer,
    };
}
