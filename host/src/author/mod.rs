//! What authors of plugins need: a new plugin, its fixtures tried, its cost measured, captures
//! made small. Nothing of it needs root or a kernel that can be sensed.
//!
//! [`project`] writes a plugin to begin with, beside the [`sdk`] that this binary carries;
//! [`trial`] runs one plugin over one capture, and [`fixtures`], [`minimise`] and the rest are
//! made of trials.

pub mod bench;
pub mod check;
pub mod fixtures;
pub mod junit;
pub mod minimise;
pub mod project;
pub mod scene;
pub mod sdk;
pub mod sources;
pub mod trial;
