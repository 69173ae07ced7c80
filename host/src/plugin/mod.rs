//! The plugin runtime: components in, findings out.
//!
//! In the order in which a plugin meets them: [`watch`] finds its file, [`component`] judges its
//! bytes, [`cache`] compiles it, [`load`] initialises an [`instance`] of it, and [`host`] puts it on
//! a [`worker`]. From then on [`host`] matches events and fills its [`queue`]; on the worker its
//! [`runner`] builds a [`batch`], calls the instance, and lets what [`accept`] finds sound out as
//! an [`outcome`]. What it keeps lies in [`state`], and in
//! a [`store`] on disk where it is to outlast the agent.

pub mod accept;
pub mod batch;
#[doc(hidden)]
pub mod bindings;
pub mod budget;
pub mod build;
pub mod cache;
pub mod chunked;
pub mod command;
pub mod component;
pub mod decisions;
pub mod delivered;
pub mod engine;
pub mod host;
pub mod inspect;
pub mod instance;
pub mod life;
pub mod load;
pub mod metrics;
pub mod outcome;
pub mod queue;
pub mod remains;
pub mod rollback;
mod round;
pub mod runner;
mod seat;
mod service;
pub mod services;
pub mod shadow;
pub mod signature;
pub mod state;
pub mod stats;
pub mod store;
pub mod terms;
pub mod trouble;
pub mod watch;
pub mod wire;
pub mod worker;

pub use command::{Answer, Command, Reply, Report};
pub use host::{Applied, Change, HostError, HostOptions, LoadReport, PluginHost};
pub use outcome::{Health, Named, Outcome};
pub use queue::Overflow;
pub use service::PluginInfo;
