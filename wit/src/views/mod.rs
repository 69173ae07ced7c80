//! The catalogue as the SDKs of other languages have it: constants for every number and a typed
//! view for every kind. Written into `sdk/` by `make docs`; a test holds them to the catalogue.

mod conformance;
pub mod javascript;
pub mod python;

use crate::{Field, Slot, Type};

/// A file below the project's root, as it is to be.
#[derive(Debug)]
pub struct File {
    /// Its path from the project's root.
    pub path: &'static str,
    /// Its text.
    pub text: String,
}

/// All generated files of the SDKs.
pub fn files() -> Vec<File> {
    let mut files = python::files();
    files.extend(javascript::files());
    files.extend(conformance::files());
    files
}

/// How a view reads a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// The bytes of `text` or `text2`.
    Text(&'static str),
    /// The text of an attribute.
    AttrText(u32),
    /// The process acted upon.
    Target,
    /// A whole slot.
    Wide(&'static str),
    /// The low half of a slot.
    Low(&'static str),
    /// The high half of a slot.
    High(&'static str),
    /// The value of an attribute, 64 bits of it.
    Attr(u32),
    /// The value of an attribute, 32 bits of it.
    ShortAttr(u32),
}

impl Read {
    pub(crate) fn of(field: &Field) -> Read {
        match field.slot {
            Slot::Text => Read::Text("text"),
            Slot::Text2 => Read::Text("text2"),
            Slot::AttrText(key) => Read::AttrText(key),
            Slot::Target => Read::Target,
            Slot::Ret => Read::Wide("ret"),
            Slot::A => Read::Wide("a"),
            Slot::B => Read::Wide("b"),
            Slot::C => Read::Wide("c"),
            Slot::ALo => Read::Low("a"),
            Slot::AHi => Read::High("a"),
            Slot::BLo => Read::Low("b"),
            Slot::BHi => Read::High("b"),
            Slot::CLo => Read::Low("c"),
            Slot::CHi => Read::High("c"),
            Slot::Attr(key) if matches!(field.ty, Type::U64) => Read::Attr(key),
            Slot::Attr(key) => Read::ShortAttr(key),
        }
    }
}

/// `exec-id` as `EXEC_ID`.
pub(crate) fn upper(name: &str) -> String {
    snake(name).to_uppercase()
}

/// `exec-id` as `exec_id`.
pub(crate) fn snake(name: &str) -> String {
    name.replace('-', "_")
}

/// `exec-id` as `ExecId`.
pub(crate) fn camel(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let (first, rest) = word.split_at(usize::from(!word.is_empty()));
            first.to_uppercase() + rest
        })
        .collect()
}

/// `exec-id` as `execId`.
pub(crate) fn lower_camel(name: &str) -> String {
    let (first, rest) = name.split_once('-').unwrap_or((name, ""));
    first.to_owned() + &camel(rest)
}

/// The class that a kind's view extends: that of `exec` has more than the catalogue says.
pub(crate) fn base(kind: &str) -> &'static str {
    match kind {
        "exec" => "ExecView",
        _ => "View",
    }
}
