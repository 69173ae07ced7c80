//! What single calls cost.

use crate::{
    floor,
    table::{Watch, compare, in_turns, timed},
};
use rustix::{
    fs::{Mode, OFlags},
    process::getppid,
};
use std::{
    io::Read,
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
};

/// Turns of each watch.
const ROUNDS: usize = 7;

const ALL: [Watch; 4] = [Watch::None, Watch::NoOpens, Watch::Bundled, Watch::AllOpens];

/// Opens a file that no bundled plugin wants, and closes it.
pub fn open_close() {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    drop(rustix::fs::open(c"/etc/hostname", flags, Mode::empty()));
}

/// Executes a program that ends at once.
pub fn execute() {
    let status = Command::new("/bin/true").stdin(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "true is true");
}

pub fn measure() {
    floor::measure();
    let few = [Watch::None, Watch::Bundled];
    let getppids = in_turns(few, ROUNDS, || {
        timed(2_000_000, || {
            std::hint::black_box(getppid());
        })
    });
    compare("getppid", "ns", &getppids);
    let opens = in_turns(ALL, ROUNDS, || timed(400_000, open_close));
    compare("open + close", "ns", &opens);
    let executions = in_turns(few, ROUNDS, || timed(500, execute) / 1e3);
    compare("fork + exec + exit + wait", "µs", &executions);
    let connects = in_turns(few, ROUNDS, || connects(5_000));
    compare(
        "connect + accept + close on loopback, 5,000",
        "µs",
        &connects,
    );
}

/// µs of one connection over loopback, from its connect to its close.
fn connects(count: u32) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    let address = listener.local_addr().expect("it is bound");
    let accepting = thread::spawn(move || {
        for _ in 0..count {
            drop(listener.accept());
        }
    });
    let each = timed(count, || {
        let mut stream = TcpStream::connect(address).expect("the listener accepts");
        // Until the other side is done with it: a full backlog would make the next one wait.
        let _ = stream.read(&mut [0]);
    });
    accepting.join().expect("it does not panic");
    each / 1e3
}
