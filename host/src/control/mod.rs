//! The control socket of a running agent.
//!
//! A unix socket that root alone can use. A client writes one line of JSON, a [`Request`], and
//! reads one, a [`Response`]. The pipeline does what is asked between two events.

pub mod client;
pub mod server;

use crate::plugin::command::{Answer, Command};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, BufRead, Read},
    path::{Path, PathBuf},
};

/// Version of requests and responses: each side refuses what it does not know.
pub const VERSION: u32 = 1;
/// Longest request in bytes: stops a client from filling memory.
const MAX_REQUEST: u64 = 64 << 10;
/// Longest response in bytes: what an agent at all its bounds tells of its plugins is less.
const MAX_RESPONSE: u64 = 16 << 20;

/// What a client asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`VERSION`].
    pub version: u32,
    /// What is to be done.
    pub command: Command,
}

/// What the agent answers: one of both.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Response {
    /// [`VERSION`].
    pub version: u32,
    /// What was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Why it was not done, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where the agent of this name has its socket, if not told otherwise.
pub fn socket_of(instance: &str) -> PathBuf {
    Path::new(crate::instance::RUNTIME).join(format!("{instance}.sock"))
}

/// One line, if it is whole and no longer than this.
fn read_line(from: impl Read, most: u64) -> io::Result<String> {
    let mut line = String::new();
    io::BufReader::new(from.take(most)).read_line(&mut line)?;
    if !line.ends_with('\n') {
        let what = if line.len() as u64 >= most {
            format!("a line is longer than {most} bytes")
        } else {
            "the other side ended within a line".to_owned()
        };
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(line)
}

#[cfg(test)]
mod tests;
