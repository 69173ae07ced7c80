//! What the agent says of itself to people, on standard error: its messages and its log.
//!
//! Whoever reads that may be slow or stop, as a terminal that is paused. No thread waits for it: what
//! is said goes to a thread that writes, and beyond a bound is left out, counted and told of later.

use super::printer::{Full, Printer};
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::{Arc, PoisonError, RwLock};
use tracing_subscriber::fmt::MakeWriter;

/// Standard error is one of the process, and so is what writes there.
static PRINTER: RwLock<Option<Arc<Printer>>> = RwLock::new(None);

fn printer() -> Option<Arc<Printer>> {
    // It is replaced as a whole, so it is never half changed.
    let printer = PRINTER.read().unwrap_or_else(PoisonError::into_inner);
    printer.clone()
}

/// From now on a thread writes what is said.
///
/// # Errors
/// No thread can be made.
pub fn begin(full: Full) -> io::Result<()> {
    let printer = Printer::start("messages", anstream::stderr(), full)?;
    let mut place = PRINTER.write().unwrap_or_else(PoisonError::into_inner);
    *place = Some(Arc::new(printer));
    Ok(())
}

/// Says a line, or several. Where nothing has begun it is written at once.
pub fn say(line: impl Display) {
    write(format!("{line}\n"));
}

fn write(text: String) {
    match printer() {
        Some(printer) => {
            tell_left_out(&printer);
            printer.print(text);
        }
        // There is nobody to be told that this cannot be written.
        None => _ = anstream::stderr().write_all(text.as_bytes()),
    }
}

fn tell_left_out(printer: &Printer) {
    if let Some(count) = printer.to_tell() {
        printer.print(format!(
            "{count} messages were left out, as nobody read them\n"
        ));
    }
}

/// Waits until all is written, or the reader takes nothing any more. What is said from now on is
/// written at once again.
pub fn end() {
    let ended = {
        let mut place = PRINTER.write().unwrap_or_else(PoisonError::into_inner);
        place.take()
    };
    let Some(printer) = ended else {
        return;
    };
    printer.end();
    if printer.owes() {
        tell_left_out(&printer);
        printer.end();
    }
}

/// The log's way there: each of its lines is written in one piece.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log;

impl MakeWriter<'_> for Log {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        Log
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        write(String::from_utf8_lossy(line).into_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    /// A reader that takes nothing before it is let go.
    struct Paused(Receiver<()>, Arc<std::sync::Mutex<Vec<u8>>>);

    impl Write for Paused {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.lock().expect("no panic").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_was_left_out_is_told_when_somebody_reads_again() {
        let (hold, held) = channel();
        let read = Arc::default();
        let printer = Printer::start("test", Paused(held, Arc::clone(&read)), Full::LeaveOut);
        *PRINTER.write().expect("no panic") = Some(Arc::new(printer.expect("a thread")));
        let line = "x".repeat(1 << 20);
        for _ in 0..20 {
            assert_eq!(Log.write(line.as_bytes()).expect("nothing fails"), 1 << 20);
        }
        drop(hold);
        end();
        say("written at once");
        let read = String::from_utf8(read.lock().expect("no panic").clone()).expect("text");
        let told = read.trim_matches('x');
        assert_eq!(told, "4 messages were left out, as nobody read them\n");
    }
}
