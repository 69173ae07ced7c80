//! What `wit-bindgen` makes of `detect.wit`: the raw records and the exports of a component.
//!
//! The snapshot is a world of its own here and not `plugin-with-snapshot`, because two worlds
//! that export the same interface would define the same macro twice. `wit-component` unites the
//! worlds that a component was built from, so the result is the same.

#![allow(
    missing_docs,
    unsafe_op_in_unsafe_fn,
    clippy::undocumented_unsafe_blocks,
    clippy::all,
    reason = "generated"
)]

/// The world `plugin`.
pub mod plugin {
    wit_bindgen::generate!({
        path: "../wit",
        world: "plugin",
        pub_export_macro: true,
        export_macro_name: "export_plugin",
        default_bindings_module: "vedette_sdk::bindings::plugin",
        runtime_path: "vedette_sdk::wit_bindgen::rt",
        generate_unused_types: true,
    });
}

/// The optional export `snapshot`.
pub mod snapshot {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package vedette:sdk; world snapshot { export vedette:detect/snapshot@0.1.0; }",
        world: "vedette:sdk/snapshot",
        pub_export_macro: true,
        export_macro_name: "export_snapshot",
        default_bindings_module: "vedette_sdk::bindings::snapshot",
        runtime_path: "vedette_sdk::wit_bindgen::rt",
    });
}
