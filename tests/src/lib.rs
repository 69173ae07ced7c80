//! What the black-box tests drive: the real agent, real processes and containers, and the remote
//! end of the attacks. The tests themselves are in `tests/`, what they attack with in `programs/`
//! and `guests/`.
//!
//! The tests use the agent as an operator would: its command line, its output, its exit status.
//! They know nothing of its insides.

pub mod agent;
pub mod container;
pub mod containerd;
pub mod docker;
pub mod guests;
pub mod http;
pub mod image;
pub mod kernel;
pub mod listener;
pub mod need;
pub mod network;
pub mod podman;
pub mod pool;
pub mod process;
pub mod recording;
pub mod remote_shell;
pub mod rootfs;
pub mod sshd;
pub mod storm;
pub mod tools;
pub mod workspace;
