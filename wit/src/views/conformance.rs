//! What the plugins of the conformance suite say of an event: every field of its view, in every
//! language the same.

use super::{File, lower_camel, snake};
use crate::KINDS;
use std::fmt::Write as _;

const NOTE: &str = "Written from wit/events.toml by `make docs`: change it there.";

pub(crate) fn files() -> Vec<File> {
    vec![
        File {
            path: "tests/conformance/rust/src/fields.rs",
            text: rust(),
        },
        File {
            path: "tests/conformance/python/fields.py",
            text: python(),
        },
        File {
            path: "tests/conformance/javascript/fields.js",
            text: javascript(),
        },
    ]
}

fn rust() -> String {
    let mut out = format!(
        "//! Every field of every view.\n//!\n//! {NOTE}\n\n\
         use crate::show::put;\nuse vedette_sdk::Event;\n\n\
         /// The fields of the view of an event's kind.\n\
         pub fn fields(event: Event<'_>) -> String {{\n    let mut out = String::new();\n"
    );
    for k in KINDS {
        let name = if k.fields.is_empty() { "_view" } else { "view" };
        let method = rust_name(k.name);
        let _ = writeln!(
            out,
            "    if let Some({name}) = event.as_{method}() {{\n        out.push_str({:?});",
            k.name
        );
        for f in k.fields {
            let field = rust_name(f.name);
            let _ = writeln!(out, "        put(&mut out, {:?}, view.{field}());", f.name);
        }
        out.push_str("    }\n");
    }
    out.push_str("    out\n}\n");
    out
}

/// As the catalogue's build script names it.
fn rust_name(name: &str) -> String {
    match name {
        "type" => "kind_name".to_owned(),
        _ => snake(name),
    }
}

fn python() -> String {
    let mut out = format!(
        "\"\"\"Every field of every view.\n\n{NOTE}\n\"\"\"\n\n\
         from show import put\nfrom vedette_sdk import Event\n\n\n\
         def fields(event: Event) -> str:\n    \"\"\"The fields of the view of an event's kind.\"\"\"\n    out = \"\"\n"
    );
    for k in KINDS {
        let _ = writeln!(
            out,
            "    if (view := event.{}) is not None:\n        out += \"{}\"",
            snake(k.name),
            k.name
        );
        for f in k.fields {
            let _ = writeln!(
                out,
                "        out += put(\"{}\", view.{})",
                f.name,
                snake(f.name)
            );
        }
    }
    out.push_str("    return out\n");
    out
}

fn javascript() -> String {
    let mut out = format!(
        "// Every field of every view.\n//\n// {NOTE}\n\n\
         import {{ put }} from './show.js';\n\n\
         /** The fields of the view of an event's kind. */\n\
         export function fields(event) {{\n  let out = '';\n  let view;\n"
    );
    for k in KINDS {
        let _ = writeln!(
            out,
            "  view = event.{};\n  if (view) {{\n    out += '{}';",
            lower_camel(k.name),
            k.name
        );
        for f in k.fields {
            let _ = writeln!(
                out,
                "    out += put('{}', view.{});",
                f.name,
                lower_camel(f.name)
            );
        }
        out.push_str("  }\n");
    }
    out.push_str("  return out;\n}\n");
    out
}
