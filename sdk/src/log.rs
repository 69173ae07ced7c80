//! Lines in the agent's log, rate limited by the host.

#[cfg(target_arch = "wasm32")]
use crate::bindings::plugin::vedette::detect::log as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::testkit::services as host;

pub use crate::bindings::plugin::vedette::detect::log::Level;

/// Writes a line.
pub fn write(level: Level, message: &str) {
    host::write(level, message);
}

/// Writes a line on every step of the plugin.
pub fn trace(message: &str) {
    write(Level::Trace, message);
}

/// Writes a line for who is developing the plugin.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Writes a line that an operator may want to know.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Writes a line about something that should not be so.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// Writes a line about something that keeps the plugin from its work.
pub fn error(message: &str) {
    write(Level::Error, message);
}
