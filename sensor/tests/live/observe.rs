//! Runs an act while a sensor watches, and looks for what it should have told.

use std::{
    io::Write,
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};
use vedette_sensor::{
    event::Event,
    filter::Filter,
    live::{Options, Sensor},
    probe::Features,
};

/// One sensor at a time: the tests measure what they see, not what another test does. Where many
/// tests are of one process they use the same one, each with its own filter: on an emulated
/// machine the kernel takes long to verify the programs.
static ONE: Mutex<Option<Sensor>> = Mutex::new(None);

/// The sensor of a test; dropped, the next test has it.
pub struct Held {
    sensor: Option<Sensor>,
    common: bool,
    one: MutexGuard<'static, Option<Sensor>>,
}

impl Deref for Held {
    type Target = Sensor;
    fn deref(&self) -> &Sensor {
        self.sensor.as_ref().unwrap()
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Sensor {
        self.sensor.as_mut().unwrap()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // After a failure the next one begins anew.
        if self.common && !std::thread::panicking() {
            *self.one = self.sensor.take();
        }
    }
}

pub struct Watch {
    pub sensor: Held,
    pub seen: Vec<Event>,
}

impl Watch {
    /// A running sensor, or none where the kernel cannot be sensed.
    pub fn start(filter: &Filter) -> Option<Watch> {
        Watch::begin(None, filter)
    }

    /// One of the test's own, with other options than a node's.
    pub fn start_with(options: &Options, filter: &Filter) -> Option<Watch> {
        Watch::begin(Some(options), filter)
    }

    fn begin(options: Option<&Options>, filter: &Filter) -> Option<Watch> {
        let mut one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Err(missing) = Features::probe().sufficient() {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "CI=true, and {missing}"
            );
            skip(&missing.to_string());
            return None;
        }
        let common = options.is_none();
        let sensor = match one.take().filter(|_| common) {
            Some(mut sensor) => {
                sensor.set_filter(filter).unwrap();
                let mut old = Vec::new();
                while sensor.next_batch(Duration::ZERO, &mut old).is_ok() && !old.is_empty() {
                    old.clear();
                }
                sensor.losses();
                sensor
            }
            None => Sensor::start(options.unwrap_or(&Options::default()), filter).unwrap(),
        };
        Some(Watch {
            sensor: Held {
                sensor: Some(sensor),
                common,
                one,
            },
            seen: Vec::new(),
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
                "no event: {what}; losses {:?}, refused {:?}",
                self.sensor.losses(),
                self.sensor.gaps()
            );
            self.sensor
                .next_batch(Duration::from_millis(100), &mut self.seen)
                .unwrap();
        }
    }

    /// Runs a Python script and reads what it causes while it runs; gives its pid and what it
    /// printed.
    #[track_caller]
    pub fn python(&mut self, script: &str) -> (u32, String) {
        let mut child = begin(script);
        while child.try_wait().unwrap().is_none() {
            self.sensor
                .next_batch(Duration::from_millis(10), &mut self.seen)
                .unwrap();
        }
        end(child, script)
    }

    /// Collects for a while and until nothing waits, to show that something does not come.
    pub fn settle(&mut self) {
        let begin = Instant::now();
        loop {
            let before = self.seen.len();
            self.sensor
                .next_batch(Duration::from_millis(20), &mut self.seen)
                .unwrap();
            let quiet = self.seen.len() == before;
            let long = begin.elapsed() > Duration::from_millis(150);
            // A machine where something always happens is never quiet.
            if long && (quiet || begin.elapsed() > Duration::from_secs(10)) {
                return;
            }
        }
    }
}

/// Says that this kernel has not what a test, or a part of one, is about. Whoever runs the tests
/// counts it as skipped; a test that says nothing has seen everything that it is about.
pub fn skip(reason: &str) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    println!("SKIPPED: {reason}");
    if let Some(path) = std::env::var_os("VEDETTE_SKIPS") {
        std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|mut file| file.write_all(format!("{test}: {reason}\n").as_bytes()))
            .unwrap();
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a Python script to its end and gives its pid and what it printed. The scripts stand for
/// what an attacker's own program would do: plain system calls.
#[track_caller]
pub fn python(script: &str) -> (u32, String) {
    end(begin(script), script)
}

fn begin(script: &str) -> std::process::Child {
    std::process::Command::new("/usr/bin/python3")
        .args(["-c", &format!("{PRELUDE}\n{script}")])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

#[track_caller]
fn end(child: std::process::Child, script: &str) -> (u32, String) {
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
            skip("no unified hierarchy");
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
