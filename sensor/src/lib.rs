//! Kernel events through eBPF: programs, loading, decoding to plain values, capture files.
//!
//! [`live::Sensor`] gives [`event::Event`]s in order of time, narrowed by a [`filter::Filter`].
//! Nothing here knows of plugins, policy or the names of containers.

pub mod capture;
mod casts;
pub mod decode;
pub mod device;
pub mod event;
pub mod existing;
pub mod file;
pub mod filter;
pub mod image;
pub mod live;
pub mod payload;
pub mod probe;
mod types;
