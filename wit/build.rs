//! Turns the event catalogue into Rust: constants for every number and tables for every field.

use serde::Deserialize;
use std::fmt::Write as _;

#[derive(Deserialize)]
struct Catalogue {
    set: Vec<Set>,
    kind: Vec<Kind>,
}

#[derive(Deserialize)]
struct Set {
    name: String,
    #[serde(default)]
    bits: bool,
    doc: String,
    values: Vec<Value>,
}

#[derive(Deserialize)]
struct Value {
    value: u32,
    name: String,
    doc: String,
}

#[derive(Deserialize)]
struct Kind {
    name: String,
    number: u16,
    family: String,
    lane: String,
    since: String,
    doc: String,
    fields: Vec<Field>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    slot: String,
    r#type: String,
    doc: String,
}

fn upper(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

fn snake(name: &str) -> String {
    match name {
        "type" => "kind_name".to_owned(),
        _ => name.replace('-', "_"),
    }
}

fn camel(name: &str) -> String {
    name.split('-')
        .map(|w| w[..1].to_uppercase() + &w[1..])
        .collect()
}

/// The slot as an expression of the `Slot` type.
fn slot(text: &str) -> String {
    let simple = match text {
        "ret" => "Ret",
        "target" => "Target",
        "text" => "Text",
        "text2" => "Text2",
        "a" => "A",
        "b" => "B",
        "c" => "C",
        "a.lo" => "ALo",
        "a.hi" => "AHi",
        "b.lo" => "BLo",
        "b.hi" => "BHi",
        "c.lo" => "CLo",
        "c.hi" => "CHi",
        _ => "",
    };
    if !simple.is_empty() {
        return format!("Slot::{simple}");
    }
    let (form, key) = text.split_once(':').expect("slot in events.toml");
    let key: u32 = key.parse().expect("attribute key in events.toml");
    match form {
        "attr" => format!("Slot::Attr({key})"),
        "attr-text" => format!("Slot::AttrText({key})"),
        _ => panic!("unknown slot {text} in events.toml"),
    }
}

/// The type as an expression of the `Type` type.
fn field_type(text: &str, sets: &[Set]) -> String {
    if let Some((form, name)) = text.split_once(':') {
        assert!(
            sets.iter().any(|s| s.name == name),
            "unknown set {name} in events.toml"
        );
        let form = if form == "bits" { "Bits" } else { "Set" };
        return format!("Type::{form}(&sets::{})", upper(name));
    }
    format!("Type::{}", camel(text))
}

/// The Rust type and expression with which a typed view returns a field.
fn accessor(field: &Field) -> (String, String) {
    let number = |slot: &str| match slot {
        "a" => "self.0.a()".to_owned(),
        "b" => "self.0.b()".to_owned(),
        "c" => "self.0.c()".to_owned(),
        "a.lo" => "self.0.a() as u32".to_owned(),
        "a.hi" => "(self.0.a() >> 32) as u32".to_owned(),
        "b.lo" => "self.0.b() as u32".to_owned(),
        "b.hi" => "(self.0.b() >> 32) as u32".to_owned(),
        "c.lo" => "self.0.c() as u32".to_owned(),
        "c.hi" => "(self.0.c() >> 32) as u32".to_owned(),
        other => {
            let key = other.strip_prefix("attr:").expect("a slot of numbers");
            let cast = if field.r#type == "u64" { "" } else { " as u32" };
            format!("self.0.attr({key}).unwrap_or(0){cast}")
        }
    };
    let wide = matches!(field.slot.as_str(), "a" | "b" | "c")
        || field.slot.starts_with("attr:") && field.r#type == "u64";
    match field.r#type.as_str() {
        "path" | "bytes" | "address" => {
            let expr = match field.slot.as_str() {
                "text" => "self.0.text()".to_owned(),
                "text2" => "self.0.text2()".to_owned(),
                other => {
                    let key = other.strip_prefix("attr-text:").expect("a text slot");
                    format!("self.0.attr_text({key})")
                }
            };
            ("&'a [u8]".to_owned(), expr)
        }
        "process" => (
            "Option<$process<'a>>".to_owned(),
            "self.0.target()".to_owned(),
        ),
        _ => (
            if wide { "u64" } else { "u32" }.to_owned(),
            number(&field.slot),
        ),
    }
}

fn main() {
    println!("cargo::rerun-if-changed=events.toml");
    println!("cargo::rerun-if-changed=build.rs");
    let text = std::fs::read_to_string("events.toml").expect("events.toml is beside build.rs");
    let catalogue: Catalogue = toml::from_str(&text).expect("events.toml is well formed");
    let mut out = String::new();

    out.push_str("/// Values of the catalogue's sets.\npub mod values {\n");
    for set in &catalogue.set {
        let _ = writeln!(out, "/// {}\npub mod {} {{", set.doc, snake(&set.name));
        for v in &set.values {
            let _ = writeln!(
                out,
                "/// {}\npub const {}: u32 = {:#x};",
                v.doc,
                upper(&v.name),
                v.value
            );
        }
        out.push_str("}\n");
    }
    out.push_str(
        "}\n\n/// The catalogue's sets, by name.\npub mod sets {\nuse super::{Set, Value};\n",
    );
    for set in &catalogue.set {
        let _ = writeln!(
            out,
            "/// {}\npub static {}: Set = Set {{ name: {:?}, bits: {}, doc: {:?}, values: &[",
            set.doc,
            upper(&set.name),
            set.name,
            set.bits,
            set.doc
        );
        for v in &set.values {
            let _ = writeln!(
                out,
                "Value {{ value: {:#x}, name: {:?}, doc: {:?} }},",
                v.value, v.name, v.doc
            );
        }
        out.push_str("]};\n");
    }
    let names: Vec<String> = catalogue.set.iter().map(|s| upper(&s.name)).collect();
    let _ = writeln!(
        out,
        "/// All of them.\npub static ALL: &[&Set] = &[{}];\n}}\n",
        names
            .iter()
            .map(|n| format!("&{n}"))
            .collect::<Vec<_>>()
            .join(", ")
    );

    out.push_str("/// Numbers of the kinds of event.\npub mod kind {\n");
    for k in &catalogue.kind {
        let _ = writeln!(
            out,
            "/// {}\npub const {}: u16 = {};",
            k.doc,
            upper(&k.name),
            k.number
        );
    }
    out.push_str(
        "}\n\n/// Every kind of event, in the catalogue's order.\npub static KINDS: &[Kind] = &[\n",
    );
    for k in &catalogue.kind {
        let _ = writeln!(
            out,
            "Kind {{ name: {:?}, number: {}, family: {:?}, lane: Lane::{}, since: {:?}, doc: {:?}, fields: &[",
            k.name,
            k.number,
            k.family,
            camel(&k.lane),
            k.since,
            k.doc
        );
        for f in &k.fields {
            let _ = writeln!(
                out,
                "Field {{ name: {:?}, slot: {}, ty: {}, doc: {:?} }},",
                f.name,
                slot(&f.slot),
                field_type(&f.r#type, &catalogue.set),
                f.doc
            );
        }
        out.push_str("]},\n");
    }
    out.push_str("];\n\n");

    out.push_str(
        "/// Writes the typed views of all kinds over an `$event<'a>` with `kind()`, `a()`, `b()`, `c()`,\n\
         /// `text()`, `text2()`, `attr_text(key)` and `target()`; `$process<'a>` is what `target()` holds.\n\
         #[macro_export]\nmacro_rules! typed_views {\n($event:ident, $process:ident) => {\n",
    );
    for k in &catalogue.kind {
        let name = camel(&k.name);
        let _ = writeln!(
            out,
            "/// {}\n#[derive(Clone, Copy)]\npub struct {name}<'a>($event<'a>);\nimpl<'a> {name}<'a> {{",
            k.doc
        );
        let _ = writeln!(
            out,
            "/// The event itself.\npub fn event(self) -> $event<'a> {{ self.0 }}"
        );
        for f in &k.fields {
            let (ty, expr) = accessor(f);
            let _ = writeln!(
                out,
                "/// {}\npub fn {}(self) -> {ty} {{ {expr} }}",
                f.doc,
                snake(&f.name)
            );
        }
        out.push_str("}\n");
    }
    out.push_str("impl<'a> $event<'a> {\n");
    for k in &catalogue.kind {
        let _ = writeln!(
            out,
            "/// The event as `{}`, if it is one.\npub fn as_{}(self) -> Option<{}<'a>> {{ (self.kind() == u32::from($crate::kind::{})).then_some({}(self)) }}",
            k.name,
            snake(&k.name),
            camel(&k.name),
            upper(&k.name),
            camel(&k.name)
        );
    }
    out.push_str("}\n};\n}\n");

    let dir = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(format!("{dir}/catalogue.rs"), out).expect("OUT_DIR is writable");
}
