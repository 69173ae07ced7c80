//! What whole pieces of work cost.

use crate::table::{Watch, compare, in_turns};
use std::{
    fmt::Write as _,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::Instant,
};
use tempfile::TempDir;

/// Files of the project that is built.
const SOURCES: usize = 60;
/// Bytes that go over loopback, and in one call.
const BYTES: usize = 4 << 30;
const AT_ONCE: usize = 128 << 10;

pub fn measure() {
    let few = [Watch::None, Watch::Bundled];
    let project = project();
    let builds = in_turns(few, 3, || build(&project));
    compare(&format!("make -j2 of {SOURCES} C files"), "s", &builds);
    let transfers = in_turns(few, 5, transfer);
    compare("loopback TCP throughput, one stream", "GB/s", &transfers);
}

fn project() -> TempDir {
    let directory = TempDir::with_prefix("vedette-build-").expect("a temporary directory");
    let mut makefile = String::from("all: ");
    for number in 0..SOURCES {
        let source = format!(
            "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n\
             int work_{number}(const char *text) {{ return printf(\"%s {number}\\n\", text); }}\n"
        );
        fs::write(directory.path().join(format!("{number}.c")), source).expect("an own directory");
        let _ = write!(makefile, "{number}.o ");
    }
    makefile += "\n%.o: %.c\n\t@cc -O1 -c $< -o $@\n";
    fs::write(directory.path().join("Makefile"), makefile).expect("an own directory");
    directory
}

/// Seconds of building it anew.
fn build(project: &TempDir) -> f64 {
    for number in 0..SOURCES {
        let _ = fs::remove_file(project.path().join(format!("{number}.o")));
    }
    let begin = Instant::now();
    let status = Command::new("make")
        .args(["-j2", "-s"])
        .current_dir(project.path())
        .stdin(Stdio::null())
        .status();
    assert!(status.is_ok_and(|s| s.success()), "the project builds");
    begin.elapsed().as_secs_f64()
}

/// GB a second through one connection.
fn transfer() -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    let address = listener.local_addr().expect("it is bound");
    let receiving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        let mut buffer = vec![0; AT_ONCE];
        while stream.read(&mut buffer).expect("the stream is read") > 0 {}
    });
    let begin = Instant::now();
    let mut stream = TcpStream::connect(address).expect("the listener accepts");
    let chunk = vec![7; AT_ONCE];
    for _ in 0..BYTES / AT_ONCE {
        stream.write_all(&chunk).expect("the stream is written");
    }
    drop(stream);
    receiving.join().expect("it does not panic");
    BYTES as f64 / 1e9 / begin.elapsed().as_secs_f64()
}
