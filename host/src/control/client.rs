//! Asking a running agent.

use super::{MAX_RESPONSE, Request, Response, VERSION, read_line};
use crate::plugin::command::{Answer, Command};
use std::{
    io::{self, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// The agent is asked for no longer than this: a large plugin compiles for some minutes, and a
/// shadow may run for longer, of which the reload then tells at once that it has begun.
const PATIENCE: Duration = Duration::from_secs(600);

/// Most sockets that are tried for one that answers: what dead agents have left must not make an
/// error slow.
const MAX_OTHERS: usize = 256;

/// An agent could not be asked, or has refused.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is none.
    #[error(
        "{}: no agent listens there ({source}); {}", path.display(), remedy(others)
    )]
    NoAgent {
        /// Its socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
        /// Names of agents that do listen, in the same directory.
        others: Vec<String>,
    },
    /// The socket is not for this user.
    #[error("{}: only root may control the agent; try sudo", .0.display())]
    NotRoot(PathBuf),
    /// The conversation broke off.
    #[error("{}: the agent did not answer: {source}; look at its log", path.display())]
    Broken {
        /// Its socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It speaks another version.
    #[error(
        "the agent speaks version {0} of the control protocol, not {VERSION}; use the vedette command that the agent was started with"
    )]
    Version(u32),
    /// It has not done it.
    #[error("{0}")]
    Refused(String),
}

/// What to do where no agent listens.
fn remedy(others: &[String]) -> String {
    match others {
        [] => {
            "start one with `vedette run`, or say where it listens with --control PATH".to_owned()
        }
        [one] => format!("the one that runs is meant with --instance {one}"),
        several => format!(
            "of those that run, name one with --instance: {}",
            several.join(", ")
        ),
    }
}

/// Names of the agents that listen beside this socket.
fn others(path: &Path) -> Vec<String> {
    let entries = path.parent().map(std::fs::read_dir);
    let mut names: Vec<String> = (entries.into_iter().flatten().flatten())
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "sock"))
        .take(MAX_OTHERS)
        .filter(|path| UnixStream::connect(path).is_ok())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Asks the agent behind this socket.
///
/// # Errors
/// See [`ClientError`].
pub fn ask(path: &Path, command: Command) -> Result<Answer, ClientError> {
    let broken = |source: io::Error| ClientError::Broken {
        path: path.to_owned(),
        source,
    };
    let mut stream = UnixStream::connect(path).map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => ClientError::NotRoot(path.to_owned()),
        _ => ClientError::NoAgent {
            path: path.to_owned(),
            source,
            others: others(path),
        },
    })?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
    let request = Request {
        version: VERSION,
        command,
    };
    let mut line = serde_json::to_string(&request).map_err(|e| broken(e.into()))?;
    line.push('\n');
    // An agent that refuses before it has read all of it says why.
    let written = stream.write_all(line.as_bytes());
    let answer = read_line(&stream, MAX_RESPONSE)
        .or_else(|error| written.and(Err(error)))
        .map_err(broken)?;
    let response: Response = serde_json::from_str(&answer).map_err(|e| broken(e.into()))?;
    match response {
        Response {
            error: Some(error), ..
        } => Err(ClientError::Refused(error)),
        Response { version, .. } if version != VERSION => Err(ClientError::Version(version)),
        Response {
            answer: Some(answer),
            ..
        } => Ok(answer),
        Response { .. } => Err(broken(io::Error::other("it said nothing"))),
    }
}
