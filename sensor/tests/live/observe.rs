//! Runs an act while a sensor watches, and looks for what it should have told.

use std::{
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};
use vedette_sensor::{
    event::Event,
    filter::Filter,
    live::{Options, Sensor},
    probe::Features,
};

/// One sensor at a time: the tests measure what they see, not what another test does.
static ONE: Mutex<()> = Mutex::new(());

pub struct Watch {
    pub sensor: Sensor,
    pub seen: Vec<Event>,
    _one: MutexGuard<'static, ()>,
}

impl Watch {
    /// A running sensor, or none where the kernel cannot be sensed.
    pub fn start(filter: &Filter) -> Option<Watch> {
        Watch::start_with(&Options::default(), filter)
    }

    /// The same with other options than a node's.
    pub fn start_with(options: &Options, filter: &Filter) -> Option<Watch> {
        let one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Err(missing) = Features::probe().sufficient() {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "CI=true, and {missing}"
            );
            println!("skipped: {missing}");
            return None;
        }
        let sensor = Sensor::start(options, filter).unwrap();
        Some(Watch {
            sensor,
            seen: Vec::new(),
            _one: one,
        })
    }

    /// Waits for an event that fits, among those already seen too.
    #[track_caller]
    pub fn expect(&mut self, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut looked = 0;
        loop {
            if let Some(found) = self.seen[looked..].iter().find(|e| fits(e)) {
                return found.clone();
            }
            looked = self.seen.len();
            assert!(
                Instant::now() < deadline,
                "no event: {what}; losses {:?}",
                self.sensor.losses()
            );
            self.sensor
                .next_batch(Duration::from_millis(100), &mut self.seen)
                .unwrap();
        }
    }

    /// Collects for a while, to show that something does not come.
    pub fn settle(&mut self) {
        let deadline = Instant::now() + Duration::from_millis(150);
        while Instant::now() < deadline {
            self.sensor
                .next_batch(Duration::from_millis(20), &mut self.seen)
                .unwrap();
        }
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a Python script to its end and gives its pid and what it printed. The scripts stand for
/// what an attacker's own program would do: plain system calls.
#[track_caller]
pub fn python(script: &str) -> (u32, String) {
    let child = std::process::Command::new("/usr/bin/python3")
        .args(["-c", &format!("{PRELUDE}\n{script}")])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the script failed: {script}");
    (pid, text(&output.stdout).trim().to_owned())
}

/// Calls that Python does not offer by itself.
const PRELUDE: &str = r#"
import ctypes, os, socket, sys, struct, time, fcntl
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    args = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    r = libc.syscall(number, *args)
    return r if r != -1 else -ctypes.get_errno()
"#;

/// An event of this kind that the script itself made, not what set up its process.
pub fn of(kind: u16, pid: u32) -> impl Fn(&Event) -> bool {
    move |e| e.kind == kind && e.task.process.pid == pid && e.task.comm.starts_with(b"python3")
}

/// A control group of the unified hierarchy for one test; dropped, it is gone.
pub struct Group {
    pub path: std::path::PathBuf,
    pub id: u64,
}

impl Group {
    /// None where there is no unified hierarchy.
    pub fn new(name: &str) -> Option<Group> {
        use std::os::unix::fs::MetadataExt;
        let features = Features::probe();
        let Some(root) = features.iter().find(|f| f.name == "cgroup2" && f.available) else {
            println!("skipped: no unified hierarchy");
            return None;
        };
        let name = format!("vedette-test-{name}-{}", std::process::id());
        let path = std::path::Path::new(&root.detail).join(name);
        std::fs::create_dir(&path).unwrap();
        let id = path.metadata().unwrap().ino();
        Some(Group { path, id })
    }

    /// The line of a script that enters it.
    pub fn enter(&self) -> String {
        format!(
            "open('{}/cgroup.procs', 'w').write('0')",
            self.path.display()
        )
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What ended in it a moment ago may still be leaving.
        for _ in 0..50 {
            if std::fs::remove_dir(&self.path).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
