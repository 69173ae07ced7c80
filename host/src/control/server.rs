//! The agent's side: listens, checks who asks, and hands over to the pipeline.

use super::{MAX_REQUEST, Request, Response, VERSION, read_line};
use crate::plugin::command::{Answer, Command, Reply};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::{
    fs::{self, DirBuilder},
    io::{self, Write},
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use vedette_sensor::live::Waker;

/// Most clients at a time: more are told to come back.
const MAX_CLIENTS: usize = 8;
/// Most requests that wait for the pipeline.
const MAX_WAITING: usize = MAX_CLIENTS;
/// A client that neither writes nor reads for this long is left alone.
const IDLE: Duration = Duration::from_secs(5);
/// Longest wait for an answer: longer than any compilation takes, and than a trial that is waited
/// for.
const PATIENCE: Duration = Duration::from_secs(590);
/// How often it is looked whether the agent ends while an answer is waited for.
const LOOK: Duration = Duration::from_millis(200);

/// The socket cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("{}: the control socket cannot be made: {reason}; name another one with --control PATH, or none", path.display())]
pub struct ControlError {
    path: PathBuf,
    reason: String,
}

/// Something that a client asks, and where the answer goes.
#[derive(Debug)]
pub struct Asked {
    /// What.
    pub command: Command,
    /// Where the answer goes.
    pub reply: Reply,
}

/// A listening socket. Dropped, it is gone.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    /// Device and inode of the socket: another's is not removed.
    own: (u64, u64),
    asked: Receiver<Asked>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the threads of the clients share.
#[derive(Debug)]
struct Shared {
    asked: Sender<Asked>,
    waker: Option<Waker>,
    clients: AtomicUsize,
    end: Arc<AtomicBool>,
    patience: Duration,
}

impl Control {
    /// Listens there, on a thread of its own. `waker` wakes the pipeline for what is asked.
    /// A socket that nobody listens at any more is replaced.
    ///
    /// # Errors
    /// The socket cannot be made, or another agent listens there.
    pub fn start(path: &Path, waker: Option<Waker>) -> Result<Control, ControlError> {
        Control::patient(path, waker, PATIENCE)
    }

    /// The same, with another longest wait for an answer.
    pub(super) fn patient(
        path: &Path,
        waker: Option<Waker>,
        patience: Duration,
    ) -> Result<Control, ControlError> {
        let failed = |reason: String| ControlError {
            path: path.to_owned(),
            reason,
        };
        let listener = listen(path).map_err(failed)?;
        let meta = fs::symlink_metadata(path).map_err(|e| failed(e.to_string()))?;
        let (send, asked) = bounded(MAX_WAITING);
        let end = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            asked: send,
            waker,
            clients: AtomicUsize::new(0),
            end: end.clone(),
            patience,
        });
        let thread = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || accept(&listener, &shared))
            .map_err(|e| failed(format!("no thread: {e}")))?;
        Ok(Control {
            path: path.to_owned(),
            own: (meta.dev(), meta.ino()),
            asked,
            end,
            thread: Some(thread),
        })
    }

    /// What was asked and is still to be done. Never waits.
    pub fn asked(&self) -> Option<Asked> {
        self.asked.try_recv().ok()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        // Who waits for a client is woken by one.
        let woken = UnixStream::connect(&self.path).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            // It ended, by itself or by a panic that was printed; there is nothing to add.
            let _ = thread.join();
        }
        let there = fs::symlink_metadata(&self.path);
        if there.is_ok_and(|meta| (meta.dev(), meta.ino()) == self.own) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A socket at this path that its owner alone can connect to, from its first moment on.
fn listen(path: &Path) -> Result<UnixListener, String> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|e| format!("its directory: {e}"))?;
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err("there is something else than a socket".to_owned());
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err("another agent listens there".to_owned());
        }
        _ => {}
    }
    // Bound under a name of its own and moved there: nobody finds it before its mode is set, and
    // a stale one is replaced at once.
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}", std::process::id()));
    let aside = PathBuf::from(aside);
    let _ = fs::remove_file(&aside);
    let made = (|| {
        let listener = UnixListener::bind(&aside)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&aside, mode)?;
        fs::rename(&aside, path)?;
        Ok(listener)
    })();
    made.map_err(|e: io::Error| {
        let _ = fs::remove_file(&aside);
        e.to_string()
    })
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    while !shared.end.load(Ordering::Relaxed) {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a client of the control socket was not accepted");
                // Out of descriptors, most likely: no reason to spin.
                std::thread::sleep(LOOK);
                continue;
            }
        };
        if shared.end.load(Ordering::Relaxed) {
            return;
        }
        if shared.clients.fetch_add(1, Ordering::AcqRel) >= MAX_CLIENTS {
            shared.clients.fetch_sub(1, Ordering::AcqRel);
            let busy = format!("{MAX_CLIENTS} others control the agent now; try again");
            let _ = stream.set_write_timeout(Some(LOOK));
            let _ = answer(&stream, Err(busy));
            continue;
        }
        let theirs = shared.clone();
        let client = std::thread::Builder::new()
            .name("control-client".to_owned())
            .spawn(move || {
                let _one = Client(&theirs);
                if let Err(error) = converse(&stream, &theirs) {
                    tracing::debug!(%error, "a client of the control socket has gone");
                }
            });
        if let Err(error) = client {
            shared.clients.fetch_sub(1, Ordering::AcqRel);
            tracing::warn!(%error, "no thread for a client of the control socket");
        }
    }
}

/// One client; counted until it is dropped, also by a panic.
struct Client<'s>(&'s Shared);

impl Drop for Client<'_> {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One request and its response.
fn converse(stream: &UnixStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    if !peer.uid.is_root() && peer.uid != rustix::process::geteuid() {
        return answer(stream, Err("only root may control the agent".to_owned()));
    }
    let line = match read_line(stream, MAX_REQUEST) {
        Ok(line) => line,
        Err(error) => return answer(stream, Err(format!("the request was not read: {error}"))),
    };
    answer(stream, request(&line, shared))
}

fn request(line: &str, shared: &Shared) -> Result<Answer, String> {
    /// The version comes first: what else a request holds depends on it.
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    let unknown = |e: serde_json::Error| format!("the request is not understood: {e}");
    let Versioned { version } = serde_json::from_str(line).map_err(unknown)?;
    if version != VERSION {
        return Err(format!(
            "the agent speaks version {VERSION} of the control protocol, not {version}; use the vedette command that the agent was started with"
        ));
    }
    let Request { command, .. } = serde_json::from_str(line).map_err(unknown)?;
    let (reply, answered) = Reply::channel();
    shared
        .asked
        .try_send(Asked { command, reply })
        .map_err(|_| "the agent is busy with other requests; try again".to_owned())?;
    if let Some(waker) = &shared.waker {
        waker.wake();
    }
    let mut waited = Duration::ZERO;
    while waited < shared.patience {
        if shared.end.load(Ordering::Relaxed) {
            return Err("the agent ends".to_owned());
        }
        match answered.recv_timeout(LOOK) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) => waited += LOOK,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(
                    "it came to nothing: the plugin was removed meanwhile, or the agent ends"
                        .to_owned(),
                );
            }
        }
    }
    Err(format!(
        "it is not done after {} s, and goes on; `vedette plugin list` shows what comes of it",
        shared.patience.as_secs()
    ))
}

fn answer(mut stream: &UnixStream, answer: Result<Answer, String>) -> io::Result<()> {
    let (answer, error) = match answer {
        Ok(answer) => (Some(answer), None),
        Err(error) => (None, Some(error)),
    };
    let mut line = serde_json::to_string(&Response {
        version: VERSION,
        answer,
        error,
    })?;
    line.push('\n');
    stream.write_all(line.as_bytes())
}
