//! The module `catalogue.js` of the JavaScript SDK and its types.

use super::{File, Read, base, camel, lower_camel, upper};
use crate::{Field, KINDS, sets};
use std::fmt::Write as _;

const NOTE: &str = "// Written from wit/events.toml by `make docs`: change it there.\n\n";

pub(crate) fn files() -> Vec<File> {
    vec![
        File {
            path: "sdk/javascript/src/catalogue.js",
            text: code(),
        },
        File {
            path: "sdk/javascript/src/catalogue.d.ts",
            text: types(),
        },
    ]
}

fn doc(text: &str) -> String {
    text.replace("*/", "* /")
}

fn code() -> String {
    let mut out = String::from(NOTE);
    out.push_str(
        "import { Slots } from './slots.js';\nimport { ExecView, View } from './view.js';\n\nexport const kind = Object.freeze({\n",
    );
    for k in KINDS {
        let _ = writeln!(out, "  {}: {},", upper(k.name), k.number);
    }
    out.push_str("});\n\nexport const kindNames = new Map([\n");
    for k in KINDS {
        let _ = writeln!(out, "  [{}, '{}'],", k.number, k.name);
    }
    out.push_str("]);\n");
    for set in sets::ALL {
        let _ = writeln!(
            out,
            "\nexport const {} = Object.freeze({{",
            lower_camel(set.name)
        );
        for v in set.values {
            let _ = writeln!(out, "  {}: {:#x},", upper(v.name), v.value);
        }
        out.push_str("});\n");
    }
    for k in KINDS {
        let _ = writeln!(
            out,
            "\nexport class {} extends {} {{",
            camel(k.name),
            base(k.name)
        );
        for f in k.fields {
            let (_, expression) = read(f);
            let _ = writeln!(
                out,
                "  get {}() {{\n    return {expression};\n  }}",
                lower_camel(f.name)
            );
        }
        out.push_str("}\n");
    }
    out.push_str("\nexport class Event extends Slots {\n");
    for k in KINDS {
        let _ = writeln!(
            out,
            "  get {}() {{\n    return this.kind === {} ? new {}(this) : null;\n  }}",
            lower_camel(k.name),
            k.number,
            camel(k.name)
        );
    }
    out.push_str("}\n");
    out
}

fn types() -> String {
    let mut out = String::from(NOTE);
    out.push_str(
        "import { ExecView, Process, Slots, View } from './index.js';\n\n\
         /** Numbers of the kinds of event. */\nexport declare const kind: {\n",
    );
    for k in KINDS {
        let _ = writeln!(
            out,
            "  /** {} */\n  readonly {}: {};",
            doc(k.doc),
            upper(k.name),
            k.number
        );
    }
    out.push_str(
        "};\n\n/** Names of the kinds, as in manifests. */\nexport declare const kindNames: ReadonlyMap<number, string>;\n",
    );
    for set in sets::ALL {
        let _ = writeln!(
            out,
            "\n/** {} */\nexport declare const {}: {{",
            doc(set.doc),
            lower_camel(set.name)
        );
        for v in set.values {
            let _ = writeln!(
                out,
                "  /** {} */\n  readonly {}: {:#x};",
                doc(v.doc),
                upper(v.name),
                v.value
            );
        }
        out.push_str("};\n");
    }
    for k in KINDS {
        let _ = writeln!(
            out,
            "\n/** {} */\nexport declare class {} extends {} {{",
            doc(k.doc),
            camel(k.name),
            base(k.name)
        );
        for f in k.fields {
            let _ = writeln!(
                out,
                "  /** {} */\n  get {}(): {};",
                doc(f.doc),
                lower_camel(f.name),
                read(f).0
            );
        }
        out.push_str("}\n");
    }
    out.push_str(
        "\n/** One event, as its kind: `event.connect` is null for events of other kinds. */\nexport declare class Event extends Slots {\n",
    );
    for k in KINDS {
        let _ = writeln!(
            out,
            "  /** {} */\n  get {}(): {} | null;",
            doc(k.doc),
            lower_camel(k.name),
            camel(k.name)
        );
    }
    out.push_str("}\n");
    out
}

/// Slots hold 64 bits, which JavaScript has as `bigint`; their halves fit a number.
fn read(field: &Field) -> (&'static str, String) {
    match Read::of(field) {
        Read::Text(slot) => ("Uint8Array", format!("this.event.{slot}")),
        Read::AttrText(key) => ("Uint8Array", format!("this.event.attrText({key})")),
        Read::Target => ("Process | null", "this.event.target".to_owned()),
        Read::Wide("ret") => ("number", "this.event.ret".to_owned()),
        Read::Wide(slot) => ("bigint", format!("this.event.{slot}")),
        Read::Low(slot) => ("number", format!("Number(this.event.{slot} & 0xffffffffn)")),
        Read::High(slot) => ("number", format!("Number(this.event.{slot} >> 32n)")),
        Read::Attr(key) => ("bigint", format!("this.event.attr({key}) ?? 0n")),
        Read::ShortAttr(key) => (
            "number",
            format!("Number((this.event.attr({key}) ?? 0n) & 0xffffffffn)"),
        ),
    }
}
