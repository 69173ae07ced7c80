//! Kernel events through eBPF: programs, loading, decoding to plain values, capture files.

pub mod capture;
pub mod device;
pub mod event;
pub mod filter;
