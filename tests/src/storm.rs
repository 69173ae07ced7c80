//! A steady rain of execs and opens that the witness subscribes to.

use crate::tools::{Names, Place, Tools};
use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// What the witness's manifest names.
pub const DIRECTORY: &str = "/tmp/vedette-storm";

/// The directory with a program and a file in it; dropped, it is gone.
#[derive(Debug)]
pub struct Site {
    _private: (),
}

impl Site {
    /// Makes it.
    ///
    /// # Panics
    /// Where somebody else has such a directory.
    #[expect(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Self {
        let _ = fs::remove_dir_all(DIRECTORY);
        fs::create_dir(DIRECTORY).unwrap_or_else(|error| panic!("{DIRECTORY}: {error}"));
        fs::write(Path::new(DIRECTORY).join("file"), "content").expect("an own directory");
        let tools = Tools::new(Place::Host, Names::Own);
        fs::copy(tools.program("marker"), Self::program()).expect("an own directory");
        Self { _private: () }
    }

    /// A program that ends at once.
    pub fn program() -> String {
        format!("{DIRECTORY}/marker")
    }

    /// A small file.
    pub fn file() -> String {
        format!("{DIRECTORY}/file")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(DIRECTORY);
    }
}

/// Threads that open and execute until they are told to end.
#[derive(Debug)]
pub struct Storm {
    over: Arc<AtomicBool>,
    opener: Option<JoinHandle<usize>>,
    executor: Option<JoinHandle<usize>>,
}

impl Storm {
    /// Starts opening so many files between pauses of 1 ms, and executing one program after the
    /// other.
    pub fn start(_site: &Site, opens: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let opener = thread::spawn(move || {
            let mut done = 0;
            while !ends.load(Ordering::Acquire) {
                for _ in 0..opens {
                    drop(File::open(Site::file()).expect("the file is there"));
                    done += 1;
                }
                thread::sleep(Duration::from_millis(1));
            }
            done
        });
        let ends = Arc::clone(&over);
        let executor = thread::spawn(move || {
            let mut done = 0;
            while !ends.load(Ordering::Acquire) {
                let status = Command::new(Site::program()).stdin(Stdio::null()).status();
                assert!(status.expect("the program is there").success());
                done += 1;
            }
            done
        });
        Self {
            over,
            opener: Some(opener),
            executor: Some(executor),
        }
    }

    /// Ends it; how many files were opened and programs executed.
    ///
    /// # Panics
    /// Where one of its threads did.
    pub fn end(mut self) -> (usize, usize) {
        self.over.store(true, Ordering::Release);
        let count = |thread: Option<JoinHandle<usize>>| {
            let thread = thread.expect("it is taken here alone");
            thread.join().expect("all that it does succeeds")
        };
        (count(self.opener.take()), count(self.executor.take()))
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        for thread in [self.opener.take(), self.executor.take()]
            .into_iter()
            .flatten()
        {
            // A test that fails has said why already.
            let _ = thread.join();
        }
    }
}
