//! `vedette_sdk.values`, `vedette_sdk.kind` and `vedette_sdk.views`.

use super::{File, Read, base, camel, snake, upper};
use crate::{Field, KINDS, Kind, Set, sets};
use std::fmt::Write as _;

const NOTE: &str = "Written from wit/events.toml by `make docs`: change it there.";

pub(crate) fn files() -> Vec<File> {
    vec![
        File {
            path: "sdk/python/src/vedette_sdk/values.py",
            text: values(),
        },
        File {
            path: "sdk/python/src/vedette_sdk/kind.py",
            text: kinds(),
        },
        File {
            path: "sdk/python/src/vedette_sdk/views.py",
            text: views(),
        },
    ]
}

fn doc(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "'")
}

fn values() -> String {
    let mut out = format!(
        "\"\"\"Values of the catalogue's sets: `process_mark.MEMFD_IMAGE`.\n\n{NOTE}\n\"\"\"\n\nfrom typing import Final\n"
    );
    for set in sets::ALL {
        one_set(&mut out, set);
    }
    out
}

fn one_set(out: &mut String, set: &Set) {
    // The names are those of the catalogue, in every language.
    let _ = writeln!(
        out,
        "\n\nclass {}:\n    \"\"\"{}\"\"\"\n",
        snake(set.name),
        doc(set.doc)
    );
    for v in set.values {
        let number = match set.bits {
            true => format!("{:#x}", v.value),
            false => v.value.to_string(),
        };
        let _ = writeln!(out, "    {}: Final = {number}", upper(v.name));
        let _ = writeln!(out, "    \"\"\"{}\"\"\"", doc(v.doc));
    }
}

fn kinds() -> String {
    let mut out = format!(
        "\"\"\"Numbers of the kinds of event.\n\n{NOTE}\n\"\"\"\n\nfrom typing import Final\n\n"
    );
    for k in KINDS {
        let _ = writeln!(out, "{}: Final = {}", upper(k.name), k.number);
        let _ = writeln!(out, "\"\"\"{}\"\"\"", doc(k.doc));
    }
    out.push_str("\nNAMES: Final = {\n");
    for k in KINDS {
        let _ = writeln!(out, "    {}: \"{}\",", k.number, k.name);
    }
    out.push_str("}\n\"\"\"Names of the kinds, as in manifests.\"\"\"\n");
    out
}

fn views() -> String {
    let mut out = format!(
        "\"\"\"A typed view for each kind of event: `event.connect.port`.\n\n{NOTE}\n\"\"\"\n\n\
         from __future__ import annotations\n\n\
         from typing import TYPE_CHECKING\n\n\
         from ._slots import Slots\n\
         from ._view import ExecView, View\n\n\
         if TYPE_CHECKING:\n    from .process import Process\n"
    );
    for k in KINDS {
        one_view(&mut out, k);
    }
    out.push_str(
        "\n\nclass Event(Slots):\n    \"\"\"One event, as its kind: `event.connect` is None for events of other kinds.\"\"\"\n\n    __slots__ = ()\n",
    );
    for k in KINDS {
        let _ = write!(
            out,
            "\n    @property\n    def {}(self) -> {1} | None:\n        \"\"\"{2}\"\"\"\n        return {1}(self) if self.kind == {3} else None\n",
            snake(k.name),
            camel(k.name),
            doc(k.doc),
            k.number
        );
    }
    out
}

fn one_view(out: &mut String, k: &Kind) {
    let _ = writeln!(
        out,
        "\n\nclass {}({}):\n    \"\"\"{}\"\"\"\n\n    __slots__ = ()",
        camel(k.name),
        base(k.name),
        doc(k.doc)
    );
    for f in k.fields {
        let (ty, expression) = read(f);
        let _ = write!(
            out,
            "\n    @property\n    def {}(self) -> {ty}:\n        \"\"\"{}\"\"\"\n        return {expression}\n",
            snake(f.name),
            doc(f.doc)
        );
    }
}

fn read(field: &Field) -> (&'static str, String) {
    match Read::of(field) {
        Read::Text(slot) => ("bytes", format!("self.event.{slot}")),
        Read::AttrText(key) => ("bytes", format!("self.event.attr_text({key})")),
        Read::Target => ("Process | None", "self.event.target".to_owned()),
        Read::Wide(slot) => ("int", format!("self.event.{slot}")),
        Read::Low(slot) => ("int", format!("self.event.{slot} & 0xFFFFFFFF")),
        Read::High(slot) => ("int", format!("self.event.{slot} >> 32")),
        Read::Attr(key) => ("int", format!("self.event.attr({key}) or 0")),
        Read::ShortAttr(key) => ("int", format!("(self.event.attr({key}) or 0) & 0xFFFFFFFF")),
    }
}
