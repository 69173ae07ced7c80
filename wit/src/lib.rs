//! The numbers of the `vedette:detect` contract.
//!
//! `events.toml` is the one place where they are written down; this crate is generated from it
//! and used by the sensor, the host and the SDK alike.

#![cfg_attr(target_family = "wasm", no_std)]

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

#[cfg(not(target_family = "wasm"))]
pub mod reference;
#[cfg(not(target_family = "wasm"))]
pub mod views;

/// Version of the contract, as in `detect.wit`.
pub const VERSION: &str = "0.1.0";

/// Row number that means "none".
pub const NONE: u32 = u32::MAX;

/// A kind of event.
#[derive(Debug)]
pub struct Kind {
    /// Name in manifests, JSON and documents.
    pub name: &'static str,
    /// Number in the contract.
    pub number: u16,
    /// Group of kinds that belong together.
    pub family: &'static str,
    /// Lane on which it leaves the kernel unless a predicate says otherwise.
    pub lane: Lane,
    /// First contract version that has it.
    pub since: &'static str,
    /// One line for people.
    pub doc: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

impl Kind {
    /// The kind with this number.
    pub fn by_number(number: u16) -> Option<&'static Kind> {
        KINDS.iter().find(|k| k.number == number)
    }

    /// The kind with this name.
    pub fn by_name(name: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|k| k.name == name)
    }

    /// The field with this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == name)
    }
}

/// Which of the two rings carries an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Rare or watched; shed last.
    Security,
    /// Everything else; shed first.
    Bulk,
}

/// A field of a kind.
#[derive(Debug)]
pub struct Field {
    /// Name in manifests, JSON and documents.
    pub name: &'static str,
    /// Where the contract carries it.
    pub slot: Slot,
    /// How to read it.
    pub ty: Type,
    /// One line for people.
    pub doc: &'static str,
}

/// Where an event carries a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the variants are the slots of `record event` in detect.wit"
)]
pub enum Slot {
    Ret,
    Target,
    Text,
    Text2,
    A,
    B,
    C,
    ALo,
    AHi,
    BLo,
    BHi,
    CLo,
    CHi,
    /// Value of the attribute with this key.
    Attr(u32),
    /// Text of the attribute with this key.
    AttrText(u32),
}

/// How a field is read.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    /// Unsigned number of 32 bits.
    U32,
    /// Unsigned number of 64 bits.
    U64,
    /// Signed number of 32 bits.
    S32,
    /// Number that people read in hexadecimal.
    Hex,
    /// A path: bytes, most often UTF-8.
    Path,
    /// Any bytes.
    Bytes,
    /// 4 or 16 bytes of an IP address, or the path of a unix socket.
    Address,
    /// A process.
    Process,
    /// One value of a set.
    Set(&'static Set),
    /// Any bits of a set.
    Bits(&'static Set),
}

/// Named numbers.
#[derive(Debug)]
pub struct Set {
    /// Its name.
    pub name: &'static str,
    /// The values are bits that combine.
    pub bits: bool,
    /// One line for people.
    pub doc: &'static str,
    /// Its values.
    pub values: &'static [Value],
}

impl Set {
    /// The number of the value with this name.
    pub fn value(&self, name: &str) -> Option<u32> {
        self.values.iter().find(|v| v.name == name).map(|v| v.value)
    }

    /// The name of this value.
    pub fn name_of(&self, value: u32) -> Option<&'static str> {
        self.values
            .iter()
            .find(|v| v.value == value)
            .map(|v| v.name)
    }

    /// The names of the bits that are set.
    pub fn names_of(&self, bits: u32) -> impl Iterator<Item = &'static str> {
        self.values
            .iter()
            .filter(move |v| v.value & bits != 0)
            .map(|v| v.name)
    }
}

/// One named number of a set.
#[derive(Debug)]
pub struct Value {
    /// The number.
    pub value: u32,
    /// Its name.
    pub name: &'static str,
    /// One line for people.
    pub doc: &'static str,
}
