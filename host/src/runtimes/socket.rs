//! Questions to a container engine over its unix socket.
//!
//! An engine may be slow, dead, or not what it says it is: every question has a time limit, every
//! answer a limit of size, and a socket that did not answer is left alone for a while.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::UnixStream;

/// Time for one question: an engine under load needs some tens of ms.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// How long a socket that gave no answer is left alone: one that hangs would otherwise cost the
/// time limit for every container.
const LEFT_ALONE: Duration = Duration::from_secs(5);

/// Bytes of an answer; that about a container has some 10 KB. An engine that sends without end
/// would otherwise fill memory.
const ANSWER_CAP: usize = 4 << 20;

/// gRPC's status for "not found".
const NOT_FOUND: &str = "5";

/// Who listens at a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The Kubernetes container runtime interface, version 1: containerd, cri-o, cri-dockerd.
    Cri,
    /// containerd's own interface.
    Containerd,
    /// podman's own interface.
    Podman,
    /// Docker's interface.
    Docker,
}

/// Names of the engines, as in `--container-runtime`.
pub const ENGINES: [(&str, Engine); 4] = [
    ("cri", Engine::Cri),
    ("containerd", Engine::Containerd),
    ("podman", Engine::Podman),
    ("docker", Engine::Docker),
];

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Nobody listens there.
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    /// The time limit has passed.
    #[error("no answer within {} s", TIME_LIMIT.as_secs())]
    Late,
    /// It did not answer lately and is left alone.
    #[error("it did not answer lately")]
    LeftAlone,
    /// It does not speak the protocol.
    #[error("the answer is not valid: {0}")]
    Protocol(#[from] hyper::Error),
    /// The answer is no message of the expected form, or too long.
    #[error("the answer cannot be read: {0}")]
    Form(String),
    /// It refuses.
    #[error("it answers {0}")]
    Status(String),
}

/// Where an engine listens.
#[derive(Debug)]
pub struct Socket {
    /// Who.
    pub engine: Engine,
    /// Where.
    pub path: PathBuf,
    alone_until: Mutex<Option<Instant>>,
}

impl Socket {
    /// The engine at this path.
    pub fn new(engine: Engine, path: impl Into<PathBuf>) -> Socket {
        Socket {
            engine,
            path: path.into(),
            alone_until: Mutex::default(),
        }
    }

    /// Asks by HTTP for a JSON document; none where it says that there is none.
    pub async fn get<T: DeserializeOwned>(&self, uri: &str) -> Result<Option<T>, SocketError> {
        let ask = async {
            let io = TokioIo::new(UnixStream::connect(&self.path).await?);
            let (mut sender, connection) = http1::handshake(io).await?;
            let _driver = Driver(tokio::spawn(connection));
            let request = Request::get(uri)
                .header("host", "localhost")
                .body(Full::<Bytes>::default())
                .map_err(|e| SocketError::Form(e.to_string()))?;
            let answer = sender.send_request(request).await?;
            match answer.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Ok(None),
                other => return Err(SocketError::Status(other.to_string())),
            }
            let body = whole(answer).await?.1;
            serde_json::from_slice(&body)
                .map(Some)
                .map_err(|e| SocketError::Form(e.to_string()))
        };
        self.limited(ask).await
    }

    /// Calls a gRPC method; none where it says that there is no such thing. `namespace` is
    /// containerd's.
    pub async fn call<T: Message + Default>(
        &self,
        method: &str,
        namespace: Option<&str>,
        message: &impl Message,
    ) -> Result<Option<T>, SocketError> {
        let ask = async {
            let io = TokioIo::new(UnixStream::connect(&self.path).await?);
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            let _driver = Driver(tokio::spawn(connection));
            let mut request = Request::post(format!("http://localhost{method}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers");
            if let Some(namespace) = namespace {
                request = request.header("containerd-namespace", namespace);
            }
            let request = request
                .body(Full::new(framed(message)))
                .map_err(|e| SocketError::Form(e.to_string()))?;
            let (status, body) = whole(sender.send_request(request).await?).await?;
            match status.as_deref() {
                Some("0") => {}
                Some(NOT_FOUND) => return Ok(None),
                other => return Err(SocketError::Status(format!("gRPC status {other:?}"))),
            }
            unframed(&body).map(Some)
        };
        self.limited(ask).await
    }

    async fn limited<T>(
        &self,
        ask: impl Future<Output = Result<T, SocketError>>,
    ) -> Result<T, SocketError> {
        let now = Instant::now();
        if self.alone_until().is_some_and(|until| now < until) {
            return Err(SocketError::LeftAlone);
        }
        let answer = tokio::time::timeout(TIME_LIMIT, ask).await;
        let answer = answer.unwrap_or(Err(SocketError::Late));
        if let Err(SocketError::Late) = &answer {
            *self.alone_until() = Some(now + TIME_LIMIT + LEFT_ALONE);
        }
        answer
    }

    fn alone_until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.alone_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is something at the path.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }
}

/// The task that moves a connection's bytes; ends with the question.
struct Driver<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Driver<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// gRPC's status, if any, and the body, up to its limit.
async fn whole<B>(answer: Response<B>) -> Result<(Option<String>, Bytes), SocketError>
where
    B: Body<Data = Bytes, Error = hyper::Error>,
{
    let status = |headers: &hyper::HeaderMap| {
        let status = headers.get("grpc-status")?.to_str().ok()?;
        Some(status.to_owned())
    };
    let at_once = status(answer.headers());
    let body = Limited::new(answer.into_body(), ANSWER_CAP);
    let body = body
        .collect()
        .await
        .map_err(|e| SocketError::Form(e.to_string()))?;
    let status = at_once.or_else(|| status(body.trailers()?));
    Ok((status, body.to_bytes()))
}

/// A message with gRPC's prefix: not compressed, length.
fn framed(message: &impl Message) -> Bytes {
    let message = message.encode_to_vec();
    // Questions hold an id: they are far from 4 GiB long.
    let len = message.len() as u32;
    [&[0][..], &len.to_be_bytes(), &message].concat().into()
}

fn unframed<T: Message + Default>(body: &[u8]) -> Result<T, SocketError> {
    let message = match body {
        [0, a, b, c, d, rest @ ..] => {
            let len = u32::from_be_bytes([*a, *b, *c, *d]);
            rest.get(..len as usize)
        }
        _ => None,
    };
    let message = message.ok_or_else(|| SocketError::Form("no whole message".to_owned()))?;
    T::decode(message).map_err(|e| SocketError::Form(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    /// Asks a server that reads what comes and answers with these bytes.
    fn answered(answer: &'static [u8]) -> (Socket, Result<Option<serde_json::Value>, SocketError>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            // Who asks may have gone before all of it was sent.
            let _ = stream.write_all(answer);
            let _ = stream.read(&mut request);
        });
        let socket = Socket::new(Engine::Docker, &path);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let got = runtime.block_on(socket.get("/containers/one/json"));
        drop(runtime);
        server.join().unwrap();
        (socket, got)
    }

    #[test]
    fn an_answer_is_read_and_rubbish_refused() {
        let (_, got) = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
        assert_eq!(got.unwrap().unwrap()["a"], 1);
        let (_, got) = answered(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        assert!(got.unwrap().is_none());
        let (_, got) = answered(b"\x00\xff\x00\xff rubbish\r\n\r\n");
        assert!(matches!(got, Err(SocketError::Protocol(_))), "{got:?}");
        let (_, got) = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{{{");
        assert!(matches!(got, Err(SocketError::Form(_))), "{got:?}");
    }

    #[test]
    fn an_answer_without_end_is_cut_off() {
        let mut long = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        long.resize(6 << 20, b' ');
        let (_, got) = answered(long.leak());
        assert!(matches!(got, Err(SocketError::Form(_))), "{got:?}");
    }

    #[test]
    fn who_does_not_answer_is_left_alone() {
        let (socket, got) = answered(b"");
        assert!(matches!(got, Err(SocketError::Late)), "{got:?}");
        assert!(socket.alone_until().is_some());
    }

    #[test]
    fn a_message_is_framed_as_grpc_frames_it() {
        let frame = framed(&"id".to_owned());
        assert_eq!(frame.as_ref(), b"\0\0\0\0\x04\x0a\x02id");
        assert_eq!(unframed::<String>(&frame).unwrap(), "id");
        for rubbish in [
            &b""[..],
            b"\0\0\0\0\x05ab",
            b"\x01\0\0\0\0",
            b"\0\xff\xff\xff\xff",
        ] {
            assert!(unframed::<String>(rubbish).is_err());
        }
    }
}
