//! A stub of a mining pool on loopback: answers what it is told as a Stratum server does.

use crate::network::Network;
use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// A running stub. Dropped, it hangs up.
#[derive(Debug)]
pub struct Pool {
    port: u16,
    over: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<String>>>,
    acceptor: Option<JoinHandle<()>>,
}

impl Pool {
    /// Listens in a network namespace.
    ///
    /// # Panics
    /// Where loopback refuses.
    pub fn start(network: &Network) -> Self {
        let socket = network
            .inside(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .expect("loopback has ports");
        let port = socket
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        socket
            .set_nonblocking(true)
            .expect("sockets can be non-blocking");
        let over = Arc::new(AtomicBool::new(false));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (ends, ears) = (Arc::clone(&over), Arc::clone(&heard));
        let acceptor = thread::spawn(move || {
            while !ends.load(Ordering::Acquire) {
                match socket.accept() {
                    Ok((stream, _)) => serve(&stream, &ears, &ends),
                    Err(_) => thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        Self {
            port,
            over,
            heard,
            acceptor: Some(acceptor),
        }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The lines that it was told.
    pub fn heard(&self) -> Vec<String> {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// One miner at a time, line by line, until it hangs up.
fn serve(stream: &TcpStream, heard: &Mutex<Vec<String>>, over: &AtomicBool) {
    let limited = stream
        .set_nonblocking(false)
        .and_then(|()| stream.set_read_timeout(Some(Duration::from_millis(20))));
    limited.expect("sockets take a limit");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while !over.load(Ordering::Acquire) {
        match reader.read_line(&mut line) {
            Ok(0) => return,
            Ok(_) if line.ends_with('\n') => {
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line.trim().to_owned());
                line.clear();
                let answer = b"{\"id\":1,\"jsonrpc\":\"2.0\",\"error\":null,\"result\":{\"id\":\"0\",\"status\":\"OK\"}}\n";
                if { stream }.write_all(answer).is_err() {
                    return;
                }
            }
            // The limit ran out in the middle of a line or before one.
            Ok(_) | Err(_) => {}
        }
    }
}
