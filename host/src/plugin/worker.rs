//! Worker threads: each serves several plugins in turn, a slow one gets a thread of its own.

use super::{
    queue::Signal,
    runner::{Runner, Turn},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread::JoinHandle,
    time::Instant,
};

/// What a worker and its owner share.
#[derive(Debug, Default)]
struct Shared {
    /// Plugins that are to move in.
    inbox: Mutex<Vec<Runner>>,
    end: AtomicBool,
}

/// A worker thread, and those that slow plugins of it moved to.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a worker without plugins.
    ///
    /// # Errors
    /// No thread can be made.
    pub fn start(name: &str) -> std::io::Result<Worker> {
        Worker::spawn(name, Kind::Shared)
    }

    fn spawn(name: &str, kind: Kind) -> std::io::Result<Worker> {
        let shared = Arc::new(Shared::default());
        let (send, receive) = mpsc::sync_channel(1);
        let its = shared.clone();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let signal = Signal::here();
                // The owner waits for it, or has given up: then the end follows.
                let _ = send.send(signal.clone());
                serve(&its, &signal, kind);
            })?;
        let signal = receive
            .recv()
            .map_err(|_| std::io::Error::other("the worker thread ended at once"))?;
        Ok(Worker {
            shared,
            signal,
            thread: Some(thread),
        })
    }

    /// Gives it a plugin.
    pub fn adopt(&self, runner: Runner) {
        let queue = runner.queue().clone();
        self.shared
            .inbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(runner);
        queue.serve(self.signal.clone());
        self.signal.raise();
    }

    /// Its thread has ended.
    fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Worker {
    /// Ends the worker between two turns and waits for it.
    fn drop(&mut self) {
        self.shared.end.store(true, Relaxed);
        self.signal.raise();
        if let Some(thread) = self.thread.take() {
            // It ended, by itself or by a panic that was printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// What a worker is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It serves whoever it is given.
    Shared,
    /// It serves one slow plugin, and ends with it.
    Apart,
}

fn serve(shared: &Shared, signal: &Arc<Signal>, kind: Kind) {
    let mut runners: Vec<Runner> = Vec::new();
    let mut apart: Vec<Worker> = Vec::new();
    let mut ended = false;
    while !shared.end.load(Relaxed) && !ended {
        runners.append(&mut shared.inbox.lock().unwrap_or_else(PoisonError::into_inner));
        let mut worked = false;
        let mut wake: Option<Instant> = None;
        let mut n = 0;
        while n < runners.len() {
            match turn(&mut runners[n]) {
                Turn::Idle => {}
                Turn::Worked => worked = true,
                Turn::Waiting(until) => wake = Some(wake.map_or(until, |w| w.min(until))),
                Turn::Slow => {
                    worked = true;
                    if kind == Kind::Shared
                        && let Ok(worker) = Worker::spawn("plugin-apart", Kind::Apart)
                    {
                        let mut runner = runners.swap_remove(n);
                        runner.is_alone();
                        worker.adopt(runner);
                        apart.retain(|worker| !worker.has_ended());
                        apart.push(worker);
                        continue;
                    }
                }
                Turn::Ended => {
                    runners.swap_remove(n);
                    ended = kind == Kind::Apart;
                    continue;
                }
            }
            n += 1;
        }
        if !worked && !ended {
            signal.wait(wake.map(|w| w.saturating_duration_since(Instant::now())));
        }
    }
}

/// One turn of a plugin. A fault of the host in it costs that plugin, not its neighbours.
fn turn(runner: &mut Runner) -> Turn {
    catch_unwind(AssertUnwindSafe(|| runner.turn())).unwrap_or_else(|_| {
        runner.fail();
        Turn::Ended
    })
}
