//! Values as text that is the same in every language.

use std::fmt::Write as _;
use vedette_sdk::Process;

/// A value as text.
pub trait Show {
    fn show(self) -> String;
}

impl Show for &[u8] {
    fn show(self) -> String {
        let mut out = String::new();
        for byte in self {
            let _ = write!(out, "{byte:02x}");
        }
        out
    }
}

impl Show for u32 {
    fn show(self) -> String {
        self.to_string()
    }
}

impl Show for u64 {
    fn show(self) -> String {
        self.to_string()
    }
}

impl Show for i32 {
    fn show(self) -> String {
        self.to_string()
    }
}

impl Show for bool {
    fn show(self) -> String {
        u32::from(self).to_string()
    }
}

impl Show for &str {
    fn show(self) -> String {
        self.to_owned()
    }
}

impl Show for Option<Process<'_>> {
    fn show(self) -> String {
        self.map_or_else(|| "-".to_owned(), |process| process.key().to_string())
    }
}

/// Adds ` name=value`.
pub fn put(out: &mut String, name: &str, value: impl Show) {
    let _ = write!(out, " {name}={}", value.show());
}

/// Several with commas.
pub fn list<T: Show>(values: impl Iterator<Item = T>) -> String {
    values.map(Show::show).collect::<Vec<_>>().join(",")
}
