use super::*;
use std::sync::mpsc::{Receiver, Sender, channel};

/// A reader that takes what it is allowed to.
struct Gate {
    open: Receiver<()>,
    read: Arc<Mutex<Vec<u8>>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // Once nobody holds it shut any more, all goes through.
        let _ = self.open.recv();
        self.read.lock().expect("no panic").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn gate() -> (Gate, Sender<()>, Arc<Mutex<Vec<u8>>>) {
    let (send, open) = channel();
    let read = Arc::<Mutex<Vec<u8>>>::default();
    let gate = Gate {
        open,
        read: read.clone(),
    };
    (gate, send, read)
}

#[test]
fn a_reader_that_stops_costs_text_and_no_time() {
    let (gate, hold, read) = gate();
    let printer = Printer::start("test", gate, Full::LeaveOut).expect("a thread");
    let line = "x".repeat(1 << 20);
    let printed = (0..40).filter(|_| printer.print(line.clone())).count();
    assert_eq!(printed, MAX_WAITING >> 20);
    assert_eq!(printer.left_out(), 40 - printed as u64);
    assert!(printer.owes());
    assert_eq!(printer.to_tell(), None, "nobody reads");
    drop(hold);
    let told = loop {
        match printer.to_tell() {
            Some(told) => break told,
            None => std::thread::yield_now(),
        }
    };
    assert_eq!(told, 40 - printed as u64);
    assert!(!printer.owes());
    assert!(printer.print("and the last\n".to_owned()));
    assert_eq!(printer.end(), told);
    let read = read.lock().expect("no panic");
    assert_eq!(read.len(), (printed << 20) + 13);
    assert!(read.ends_with(b"and the last\n"));
}

#[test]
fn a_replay_waits_for_its_reader() {
    let (gate, hold, read) = gate();
    let printer = Printer::start("test", gate, Full::Wait).expect("a thread");
    let reader = std::thread::spawn(move || {
        (0..40).for_each(|_| hold.send(()).expect("it is written"));
    });
    let line = "x".repeat(1 << 20);
    for _ in 0..40 {
        assert!(printer.print(line.clone()));
    }
    reader.join().expect("it ends");
    assert_eq!(printer.end(), 0);
    assert_eq!(read.lock().expect("no panic").len(), 40 << 20);
}

#[test]
fn at_the_end_a_reader_that_has_stopped_is_given_up() {
    let (gate, hold, _read) = gate();
    let printer = Printer::start("test", gate, Full::LeaveOut).expect("a thread");
    for _ in 0..3 {
        printer.print("line\n".to_owned());
    }
    assert_eq!(printer.end(), 3);
    drop(hold);
}

#[test]
fn what_cannot_be_written_is_counted() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let printer = Printer::start("test", Closed, Full::LeaveOut).expect("a thread");
    for _ in 0..3 {
        printer.print("line\n".to_owned());
    }
    while printer.left_out() < 3 {
        std::thread::yield_now();
    }
    assert_eq!(printer.to_tell(), None, "it would be left out too");
    assert_eq!(printer.end(), 3);
}
