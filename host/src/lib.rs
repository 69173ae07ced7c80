//! The host: context, plugin runtime, findings, response and outputs.
//!
//! [`agent`] composes the steps of an event's path in order; each other module is one step.

pub mod agent;
pub mod answers;
pub mod author;
pub mod commands;
pub mod context;
pub mod control;
pub mod explain;
pub mod finding;
pub mod grants;
pub mod instance;
pub mod intel;
pub mod live;
pub mod loss;
pub mod manifest;
pub mod mute;
pub mod output;
pub mod plugin;
pub mod record;
pub mod recorder;
pub mod repair;
pub mod response;
pub mod runtimes;
pub mod selection;
pub mod span;
pub mod subscription;
pub mod verdict;
