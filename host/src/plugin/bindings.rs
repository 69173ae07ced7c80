//! What wasmtime makes of `detect.wit`: host services to implement, records to receive.

#![allow(
    missing_docs,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    reason = "generated"
)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "plugin-with-snapshot",
});
