//! The sensor on the real kernel: every act is performed for real and what comes out is checked,
//! field by field. Needs root; where the kernel cannot be sensed the tests say so and pass, unless
//! CI is set.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod bypass;
mod compat;
mod control;
mod credentials;
mod descriptor;
mod existing;
mod file;
mod filter;
mod flow;
mod flow_before;
mod flow_split;
mod into_group;
mod kernel;
mod lanes;
mod life;
mod memory;
mod message;
mod mount;
mod mount_made;
mod mute;
mod namespace;
mod narrowed;
mod network;
mod network_fastopen;
mod network_mptcp;
mod network_storm;
mod network_v6;
mod observe;
mod order;
mod passed;
mod portability;
mod process;
mod remembered;
mod restart;
mod signal;
mod texts;
mod uring;
mod uring_alike;
mod uring_batch;
mod vanished;
