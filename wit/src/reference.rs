//! The event reference for people, written from the catalogue.

use crate::{KINDS, Kind, Lane, Slot, Type, sets};
use std::fmt::Write;

/// docs/events.md, whole.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Events\n\n\
         <!-- Written from wit/events.toml by `make docs`: change it there. -->\n\n\
         Every event has `at` (ns since boot), `id`, the acting process and thread, `ret` (what the\n\
         call returned: a value or a negative errno) and marks (below). The fields here are those\n\
         of its kind: the names are the same in manifests, JSON and, with `_` for `-`, in the SDK.\n",
    );
    let mut family = "";
    for kind in KINDS {
        if kind.family != family {
            family = kind.family;
            let _ = write!(out, "\n## Family: {family}\n");
        }
        one_kind(&mut out, kind);
    }
    out.push_str("\n## Sets of values\n");
    for set in sets::ALL {
        let form = if set.bits { "bits" } else { "one of" };
        let _ = write!(out, "\n### {} ({form})\n\n{}\n\n", set.name, set.doc);
        out.push_str("| name | value | meaning |\n|---|---|---|\n");
        for v in set.values {
            let number = if set.bits {
                format!("{:#x}", v.value)
            } else {
                format!("{}", v.value)
            };
            let _ = writeln!(out, "| `{}` | {number} | {} |", v.name, v.doc);
        }
    }
    out
}

fn one_kind(out: &mut String, kind: &Kind) {
    let lane = match kind.lane {
        Lane::Security => "security",
        Lane::Bulk => "bulk",
    };
    let _ = write!(
        out,
        "\n### {} ({})\n\n{} Lane: {lane}; since {}.\n",
        kind.name, kind.number, kind.doc, kind.since
    );
    if kind.fields.is_empty() {
        return;
    }
    out.push_str("\n| field | type | slot | meaning |\n|---|---|---|---|\n");
    for f in kind.fields {
        let _ = writeln!(
            out,
            "| `{}` | {} | `{}` | {} |",
            f.name,
            type_name(f.ty),
            slot_name(f.slot),
            f.doc
        );
    }
}

fn type_name(ty: Type) -> String {
    match ty {
        Type::Set(set) => format!("one of [{0}](#{0}-one-of)", set.name),
        Type::Bits(set) => format!("bits of [{0}](#{0}-bits)", set.name),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn slot_name(slot: Slot) -> String {
    match slot {
        Slot::Attr(key) => format!("attr {key}"),
        Slot::AttrText(key) => format!("attr {key} text"),
        Slot::ALo => "a low".into(),
        Slot::AHi => "a high".into(),
        Slot::BLo => "b low".into(),
        Slot::BHi => "b high".into(),
        Slot::CLo => "c low".into(),
        Slot::CHi => "c high".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}
