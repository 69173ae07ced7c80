//! A web server on loopback that answers every request with the same text.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// A running server. Dropped, it ends.
#[derive(Debug)]
pub struct HttpServer {
    port: u16,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Serves this text.
    ///
    /// # Panics
    /// Where loopback refuses.
    pub fn start(text: &str) -> Self {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
        let port = socket
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        socket
            .set_nonblocking(true)
            .expect("sockets can be non-blocking");
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let answer = format!(
            "HTTP/1.0 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
        let thread = thread::spawn(move || {
            while !ends.load(Ordering::Acquire) {
                let Ok((mut stream, _)) = socket.accept() else {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                };
                let limited = stream
                    .set_nonblocking(false)
                    .and_then(|()| stream.set_read_timeout(Some(Duration::from_secs(1))));
                limited.expect("sockets take a limit");
                // A client that only looks whether the port is open says nothing and is gone.
                if read_request(&mut stream) {
                    let _ = stream.write_all(answer.as_bytes());
                }
            }
        });
        Self {
            port,
            over,
            thread: Some(thread),
        }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Reads to the empty line, so that nobody who is still writing is hung up on.
fn read_request(stream: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        request.extend_from_slice(&buffer[..count]);
        if request.windows(4).any(|window| window == b"\r\n\r\n") {
            return true;
        }
    }
    false
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A port of loopback that was free a moment ago, for a server that takes no 0.
///
/// # Panics
/// Where loopback refuses.
pub fn free_port() -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    socket.expect("loopback has ports").port()
}
