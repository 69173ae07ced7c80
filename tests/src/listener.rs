//! The remote end of a reverse shell: accepts, waits 50 ms, sends a command, records what comes back.

use crate::{network::Network, process::wait_for, workspace};
use rustix::process::Signal;
use std::{
    fs,
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long after connecting the first command is sent.
pub const FIRST_COMMAND_AFTER: Duration = Duration::from_millis(50);

/// Shells answer `reply-PID-42`; an echo of the command by a terminal does not look like it.
const COMMAND: &[u8] = b"echo reply-$$-$((6*7))\n";

/// No connection outlives this, whatever goes wrong.
const LIMIT: Duration = Duration::from_secs(60);

/// Whether the connection is in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Plain TCP.
    Clear,
    /// TLS with a certificate made for the test.
    Tls,
}

#[derive(Debug, Default)]
struct Shared {
    received: Mutex<Vec<u8>>,
    connected: Mutex<Option<Instant>>,
    over: AtomicBool,
}

/// A listener on loopback. Dropped, it hangs up.
#[derive(Debug)]
pub struct Listener {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens in a network namespace.
    ///
    /// # Panics
    /// Where loopback refuses.
    pub fn start(network: &Network, wire: Wire) -> Self {
        let socket = network
            .inside(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .expect("loopback has ports");
        let port = socket
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        let far = match wire {
            Wire::Clear => None,
            Wire::Tls => Some(network.inside(TlsServer::start)),
        };
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        // A connection must be made inside as well, and a thread stays where it was started.
        let acceptor = network.inside(move || thread::spawn(move || accept(&socket, far, &theirs)));
        Self {
            port,
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// Where to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the first connection.
    pub fn connected(&self, limit: Duration) -> Option<Instant> {
        wait_for(limit, || {
            *self
                .shared
                .connected
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// Waits for a shell's answer to the first command: its pid in its own namespace.
    pub fn reply(&self, limit: Duration) -> Option<u32> {
        wait_for(limit, || parse_reply(&self.received()))
    }

    /// What has come from the other side so far.
    pub fn received(&self) -> String {
        let received = self
            .shared
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&received).into_owned()
    }

    /// Says `exit` to the shell, hangs up and returns all that was received.
    pub fn finish(mut self) -> String {
        self.hang_up();
        self.received()
    }

    fn hang_up(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.hang_up();
    }
}

fn parse_reply(received: &str) -> Option<u32> {
    received.split("reply-").skip(1).find_map(|rest| {
        let (pid, answer) = rest.split_once('-')?;
        if answer.starts_with("42") {
            pid.parse().ok()
        } else {
            None
        }
    })
}

/// Takes every connection until it is over: an attack may use one to listen and one to answer.
fn accept(socket: &TcpListener, mut far: Option<TlsServer>, shared: &Arc<Shared>) {
    socket
        .set_nonblocking(true)
        .expect("sockets can be non-blocking");
    let mut sessions = Vec::new();
    while !shared.over.load(Ordering::Acquire) {
        match socket.accept() {
            Ok((stream, _)) => {
                let accepted = Instant::now();
                shared
                    .connected
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(accepted);
                let theirs = Arc::clone(shared);
                let tls = far.take();
                sessions.push(thread::spawn(move || {
                    let ended = match tls {
                        None => talk(Ends::of(&stream), accepted, &theirs),
                        Some(server) => server.talk(&stream, accepted, &theirs),
                    };
                    let _ = stream.shutdown(Shutdown::Both);
                    ended
                }));
            }
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
    for session in sessions {
        let _ = session.join();
    }
}

/// The two directions of a conversation.
struct Ends {
    from: Box<dyn Read + Send>,
    to: Box<dyn Write + Send>,
}

impl Ends {
    fn of(stream: &TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(Duration::from_millis(20)))?;
        stream.set_write_timeout(Some(Duration::from_secs(1)))?;
        Ok(Self {
            from: Box::new(stream.try_clone()?),
            to: Box::new(stream.try_clone()?),
        })
    }
}

fn talk(ends: io::Result<Ends>, accepted: Instant, shared: &Shared) -> io::Result<()> {
    let Ends { mut from, mut to } = ends?;
    let mut said = false;
    let mut buffer = [0; 4096];
    while accepted.elapsed() < LIMIT {
        if !said && accepted.elapsed() >= FIRST_COMMAND_AFTER {
            to.write_all(COMMAND)?;
            to.flush()?;
            said = true;
        }
        if shared.over.load(Ordering::Acquire) {
            to.write_all(b"exit\n")?;
            return to.flush();
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                let mut received = shared
                    .received
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                received.extend_from_slice(&buffer[..count]);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// `openssl s_server` behind the listener, which passes the encrypted bytes on.
#[derive(Debug)]
struct TlsServer {
    server: Child,
    port: u16,
}

impl TlsServer {
    fn start() -> Self {
        let directory = workspace::cache();
        let key = directory.join("tls.key");
        let certificate = directory.join("tls.crt");
        {
            let _lock = workspace::locked("tls.lock");
            if fs::metadata(&certificate).is_err() {
                let made = Command::new("openssl")
                    .args([
                        "req",
                        "-x509",
                        "-newkey",
                        "rsa:2048",
                        "-nodes",
                        "-days",
                        "3650",
                        "-subj",
                        "/CN=localhost",
                    ])
                    .arg("-keyout")
                    .arg(&key)
                    .arg("-out")
                    .arg(&certificate)
                    .output();
                assert!(
                    made.is_ok_and(|output| output.status.success()),
                    "openssl makes a certificate"
                );
            }
        }
        // Free a moment ago; nobody else listens in these namespaces or holds the tests' lock.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|socket| socket.local_addr())
            .expect("loopback has ports")
            .port();
        let server = Command::new("openssl")
            .args([
                "s_server",
                "-quiet",
                "-naccept",
                "1",
                "-accept",
                &format!("127.0.0.1:{port}"),
                "-key",
            ])
            .arg(key)
            .arg("-cert")
            .arg(certificate)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        Self { server, port }
    }

    fn talk(mut self, near: &TcpStream, accepted: Instant, shared: &Shared) -> io::Result<()> {
        let far = wait_for(Duration::from_secs(10), || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()
        });
        let far = far.ok_or_else(|| io::Error::other("the TLS server does not listen"))?;
        near.set_nonblocking(false)?;
        let copies = [
            (near.try_clone()?, far.try_clone()?),
            (far.try_clone()?, near.try_clone()?),
        ];
        let copies = copies.map(|(mut from, mut to)| {
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            })
        });
        let output = self.server.stdout.take().expect("it is piped");
        let ends = Ends {
            from: Box::new(Drained::of(output)),
            to: Box::new(self.server.stdin.take().expect("it is piped")),
        };
        let ended = talk(Ok(ends), accepted, shared);
        let _ = near.shutdown(Shutdown::Both);
        let _ = far.shutdown(Shutdown::Both);
        for copy in copies {
            let _ = copy.join();
        }
        ended
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        crate::process::kill(self.server.id(), Signal::KILL);
        let _ = self.server.wait();
    }
}

/// Reads a pipe on a thread of its own, so that nobody waits for it longer than a moment.
struct Drained {
    chunks: std::sync::mpsc::Receiver<Vec<u8>>,
}

impl Drained {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let (sender, chunks) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count) = pipe.read(&mut buffer) {
                if count == 0 || sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { chunks }
    }
}

impl Read for Drained {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use std::sync::mpsc::RecvTimeoutError;
        match self.chunks.recv_timeout(Duration::from_millis(20)) {
            Ok(chunk) => {
                let count = chunk.len().min(buffer.len());
                buffer[..count].copy_from_slice(&chunk[..count]);
                Ok(count)
            }
            Err(RecvTimeoutError::Timeout) => Err(ErrorKind::TimedOut.into()),
            Err(RecvTimeoutError::Disconnected) => Ok(0),
        }
    }
}
