//! What plugins ask about the machine: files and sockets of real processes, and what a replay says
//! in their place.

mod support;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use sha2::{Digest, Sha256};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::Arc,
};
use support::*;
use vedette::{
    answers::{Answers, Recorded},
    context::process::{Process, key},
    plugin::HostOptions,
    record::Record,
};
use vedette_contract::kind;
use vedette_sensor::{
    device::kernel_device,
    event::{Event, Image, TaskRef},
};

/// Ends it however the test does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process by its pid.
fn task(pid: u32) -> TaskRef {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let fields = stat.rsplit(')').next().expect("fields");
    let ticks: u64 = fields
        .split(' ')
        .nth(20)
        .and_then(|t| t.parse().ok())
        .expect("a start");
    TaskRef {
        pid,
        start: ticks * (1_000_000_000 / rustix::param::clock_ticks_per_second()),
    }
}

/// The row of a process that executes this file.
fn row(pid: u32, exe: &Path, parent: Option<Arc<Process>>) -> Arc<Process> {
    let (inode, device) = fs::metadata(exe).map_or((0, 0), |m| (m.ino(), kernel_device(m.dev())));
    let id = task(pid);
    let mounts = fs::metadata("/proc/self/ns/mnt")
        .expect("a namespace")
        .ino();
    let mut row = Process::clone(&process(pid, None, "", false));
    row.id = id;
    row.key = key(id);
    row.parent = parent;
    row.exe = exe.as_os_str().as_encoded_bytes().into();
    row.namespaces.mount = mounts as u32;
    row.image = Arc::new(Image {
        inode,
        device,
        ..Image::default()
    });
    Arc::new(row)
}

/// A program of its own, running, with the row of it and of this test above it.
struct Scene {
    directory: tempfile::TempDir,
    program: PathBuf,
    running: Option<Running>,
    row: Arc<Process>,
}

impl Scene {
    fn begin() -> Scene {
        let directory = directory();
        let program = directory.path().join("program");
        fs::copy("/bin/sleep", &program).expect("copied");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("permissions");
        let child = Command::new(&program).arg("600").spawn().expect("it runs");
        let own = row(std::process::id(), Path::new("/proc/self/exe"), None);
        let row = row(child.id(), &program, Some(own));
        Scene {
            directory,
            program,
            running: Some(Running(child)),
            row,
        }
    }

    fn digest(&self) -> String {
        let digest = Sha256::digest(fs::read(&self.program).expect("read"));
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What the asker is told when the program executes something of these names, in one batch.
    fn told(&self, answers: &Answers, asks: &[&str]) -> Vec<String> {
        let plugins = [("asker.wasm", plugin("asker", &[]))];
        let options = HostOptions {
            answers: answers.clone(),
            ..HostOptions::default()
        };
        let (mut host, outcomes) = host_with(&plugins, options);
        let past = vedette::context::Context::default();
        host.know(past.past());
        for (n, ask) in asks.iter().enumerate() {
            let mut event = exec(n as u64, ask).event.clone();
            event.at = vedette::live::boot_time();
            offer(
                &mut host,
                &Record {
                    event,
                    process: Some(self.row.clone()),
                    target: None,
                },
            );
        }
        host.drain();
        let found = findings(&outcomes);
        let of_asker = found.iter().filter(|f| &*f.plugin == "asker");
        of_asker.map(|f| f.message.clone()).collect()
    }

    fn told_one(&self, ask: &str) -> String {
        self.told(&Answers::of_machine(), &[ask]).remove(0)
    }
}

#[test]
fn an_executed_file_is_read_whatever_becomes_of_its_name_and_its_process() {
    let mut scene = Scene::begin();
    let digest = scene.digest();
    let size = scene.program.metadata().expect("it is there").len();
    assert_eq!(scene.told_one("/do/sha256 1"), digest);
    // The path of an exec is its image.
    assert_eq!(scene.told_one("/do/sha256 2"), digest);
    assert!(
        scene
            .told_one("/do/stat 1")
            .starts_with(&format!("{size} bytes 100755 of 0 "))
    );
    assert_eq!(
        scene.told_one("/do/head 1"),
        format!("{} bytes [127, 69, 76, 70]", size.min(65536))
    );
    assert!(scene.told_one("/do/elf 1").contains("needs [\"libc.so.6\""));
    // No second path, no target, no such role.
    assert_eq!(scene.told_one("/do/sha256 3"), "failure 7");
    assert_eq!(scene.told_one("/do/sha256 4"), "failure 4");
    assert_eq!(scene.told_one("/do/sha256 99"), "failure 7");

    let aside = scene.directory.path().join("aside");
    fs::rename(&scene.program, &aside).expect("moved");
    assert_eq!(scene.told_one("/do/sha256 1"), digest, "moved");
    fs::write(&scene.program, "another").expect("written");
    assert_eq!(
        scene.told_one("/do/sha256 1"),
        digest,
        "another in its place"
    );
    // With its process the way to it is gone: what is there now is not it.
    scene.running = None;
    assert_eq!(scene.told_one("/do/sha256 1"), "failure 5");
    fs::rename(&aside, &scene.program).expect("moved back");
    let again = scene.told_one("/do/sha256 1");
    assert!(
        [digest.as_str(), "failure 5"].contains(&again.as_str()),
        "{again}"
    );
    fs::remove_file(&scene.program).expect("removed");
    assert_eq!(scene.told_one("/do/sha256 1"), "failure 4");
}

#[test]
fn a_program_that_has_ended_is_read_by_its_name_unless_it_was_written_to() {
    let mut scene = Scene::begin();
    let digest = scene.digest();
    scene.running = None;
    assert_eq!(scene.told_one("/do/sha256 1"), digest);
    let event_before = vedette::live::boot_time();
    std::thread::sleep(std::time::Duration::from_millis(50));
    let mut content = fs::read(&scene.program).expect("read");
    content[100] ^= 1;
    fs::write(&scene.program, content).expect("the same file, written to");
    let mut event = exec(1, "/do/sha256 1").event.clone();
    event.at = event_before;
    let answers = Answers::of_machine();
    let plugins = [("asker.wasm", plugin("asker", &[]))];
    let options = HostOptions {
        answers,
        ..HostOptions::default()
    };
    let (mut host, outcomes) = host_with(&plugins, options);
    offer(
        &mut host,
        &Record {
            event,
            process: Some(scene.row.clone()),
            target: None,
        },
    );
    host.drain();
    let found = findings(&outcomes);
    assert_eq!(found[0].message, "failure 5");
}

#[test]
fn what_is_no_plain_file_or_too_large_is_not_read() {
    let scene = Scene::begin();
    let dir = scene.directory.path();
    let fifo = dir.join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).expect("a fifo");
    let sparse = dir.join("sparse");
    let file = fs::File::create(&sparse).expect("created");
    file.set_len(1 << 40).expect("a hole of 1 TB");
    let link = dir.join("link");
    std::os::unix::fs::symlink("/etc/passwd", &link).expect("linked");
    for (path, asks) in [
        (
            &fifo,
            [
                ("sha256", "failure 7"),
                ("head", "failure 7"),
                ("elf", "failure 7"),
            ],
        ),
        (
            &sparse,
            [
                ("sha256", "failure 2"),
                ("head", "65536 bytes [0, 0, 0, 0]"),
                ("elf", "failure 7"),
            ],
        ),
        (
            &link,
            [
                ("sha256", "failure 5"),
                ("head", "failure 5"),
                ("elf", "failure 5"),
            ],
        ),
        (
            &PathBuf::from("/proc/kmsg"),
            [
                ("sha256", "failure 6"),
                ("head", "failure 6"),
                ("elf", "failure 6"),
            ],
        ),
        (
            &PathBuf::from("/dev/zero"),
            [
                ("sha256", "failure 7"),
                ("head", "failure 7"),
                ("elf", "failure 7"),
            ],
        ),
    ] {
        // As an event would tell it whose process has gone: by its name alone.
        let mut row = Process::clone(&scene.row);
        row.exe = path.as_os_str().as_encoded_bytes().into();
        let meta = fs::symlink_metadata(path).expect("it is there");
        row.image = Arc::new(Image {
            inode: if path == &link { 1 } else { meta.ino() },
            device: 0,
            ..Image::default()
        });
        let other = Scene {
            directory: directory(),
            program: path.clone(),
            running: None,
            row: Arc::new(row),
        };
        for (ask, expected) in asks {
            let told = other.told_one(&format!("/do/{ask} 1"));
            assert_eq!(told, expected, "{ask} of {}", path.display());
        }
    }
}

#[test]
fn a_question_has_one_answer_and_a_replay_gives_it() {
    let scene = Scene::begin();
    let answers = Answers::of_machine();
    answers.keep();
    let asks = ["/do/sha256 1", "/do/sha256-and-trap 1", "/do/stat 1"];
    let live = scene.told(&answers, &asks);
    assert_eq!(live.len(), 2, "the event that traps says nothing: {live:?}");
    // The batch was aborted and told event by event: nothing was asked of the machine twice.
    let (recorded, lost) = answers.take();
    let questions: Vec<_> = recorded
        .iter()
        .map(|event| (event.a, String::from_utf8_lossy(&event.text).into_owned()))
        .collect();
    let expected = [
        (0, "asker file.sha256 1".to_owned()),
        (1, "asker file.sha256 1".to_owned()),
        (2, "asker file.stat 1".to_owned()),
    ];
    assert_eq!((questions, lost), (expected.to_vec(), 0));
    assert!(recorded.iter().all(|event| event.kind == kind::ANSWER));

    // Nothing of it is looked at again.
    fs::remove_file(&scene.program).expect("removed");
    let replay = |recorded: &[Event]| {
        let answers = Answers::of_capture();
        answers.know(recorded.iter().collect::<Recorded>());
        scene.told(&answers, &asks)
    };
    assert_eq!(replay(&recorded), live);
    assert_eq!(replay(&recorded[..2]), [live[0].as_str(), "failure 3"]);
    assert_eq!(replay(&[]), ["failure 3", "failure 3"]);
}

#[test]
fn questions_are_counted() {
    let scene = Scene::begin();
    let many = scene.told(&Answers::of_machine(), &["/do/many-stats 5000"]);
    let answered = many[0].strip_suffix(" answered").map(str::parse::<u32>);
    // Fewer where the machine is so slow that the call's time is up before.
    let Some(Ok(1..=2000)) = answered else {
        panic!("{many:?}")
    };
}
