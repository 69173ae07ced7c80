//! Life events are lost on the real kernel, and the process table becomes right again.

#![allow(missing_docs, reason = "tests")]

use crossbeam_channel::unbounded;
use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};
use vedette::{
    agent::Agent,
    live::Live,
    plugin::{
        host::{HostOptions, PluginHost},
        outcome::Outcome,
    },
    runtimes::Runtimes,
};
use vedette_contract::{
    kind,
    values::{process_mark, stream_kind},
};
use vedette_sensor::{
    existing::identity,
    filter::Filter,
    live::{Options, Sensor},
    probe::Features,
};

/// Forks in generations, many of which end at once; the others wait for a file to appear and then
/// execute a program.
const BOMB: &str = r#"
import os, sys, time
group, go = sys.argv[1:]
open(group + '/cgroup.procs', 'w').write('0')
ready, done = os.pipe()
def bang(forks):
    for i in range(forks):
        if os.fork() == 0: os._exit(0)
        os.wait()
def grow(depth):
    if depth == 0:
        bang(10)
        os.write(done, b'x')
        while not os.path.exists(go): time.sleep(0.02)
        os.execv('/bin/sleep', ['sleep', '60'])
    for i in range(3):
        if os.fork() == 0:
            grow(depth - 1)
            os._exit(0)
    if depth < 3:
        while True:
            try: os.wait()
            except ChildProcessError: break
bang(600)
grow(3)
left = 27
while left: left -= len(os.read(ready, left))
for i in range(5000): os.dup2(0, 2)
input = os.pipe()[0]
os.dup2(input, 0)
print('ready', os.fstat(0).st_ino, flush=True)
while True: time.sleep(1)
"#;

/// A control group with what was started in it; dropped, both are gone.
struct Group {
    path: PathBuf,
    id: u64,
    bomb: Option<Child>,
}

impl Group {
    fn new(root: &Path) -> Group {
        let path = root.join(format!("vedette-repair-{}", std::process::id()));
        fs::create_dir(&path).expect("root may make control groups");
        let id = path.metadata().expect("it is there").ino();
        Group {
            path,
            id,
            bomb: None,
        }
    }

    fn pids(&self) -> BTreeSet<u32> {
        let text = fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for _ in 0..100 {
            for pid in self.pids() {
                let pid = rustix::process::Pid::from_raw(pid as i32);
                let _ = pid
                    .map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
            }
            if let Some(bomb) = &mut self.bomb {
                let _ = bomb.try_wait();
            }
            if fs::remove_dir(&self.path).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn run_for(live: &mut Live, agent: &mut Agent, time: Duration) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(time);
            stop.store(true, Ordering::Relaxed);
        });
        live.run(agent, &stop).expect("the sensor works");
    });
}

#[test]
fn after_lost_forks_the_table_is_that_of_the_kernel() {
    let features = Features::probe();
    let root = features
        .iter()
        .find(|f| f.name == "cgroup2" && f.available)
        .map(|f| PathBuf::from(&f.detail));
    let (Ok(()), Some(root)) = (features.sufficient(), root) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{features}");
        println!("skipped: the kernel cannot be sensed");
        return;
    };
    let tiny = Options {
        security_ring: 64 << 10,
        bulk_ring: 64 << 10,
        ..Options::default()
    };
    let (sender, outcomes) = unbounded();
    let options = HostOptions {
        watch: false,
        ..HostOptions::default()
    };
    let plugins = PluginHost::new(options, sender.clone()).expect("the plugin runtime starts");
    let mut agent = Agent::new(plugins, None);
    let sensor = Sensor::start(&tiny, &Filter::context()).expect("the sensor starts");
    let runtimes = Runtimes::start(Vec::new(), None).expect("a thread starts");
    let mut live =
        Live::begin(sensor, Filter::context(), &mut agent, sender, runtimes).expect("it begins");

    // Nobody reads the rings while the bomb goes off.
    let mut group = Group::new(&root);
    let directory = tempfile::tempdir().expect("a directory");
    let go = directory.path().join("go");
    let mut bomb = Command::new("/usr/bin/python3")
        .args(["-c", BOMB])
        .args([&group.path, &go])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python is there");
    let out = bomb.stdout.take().expect("it is piped");
    let bomb_pid = bomb.id();
    group.bomb = Some(bomb);
    let first = BufReader::new(out).lines().next();
    let first = first.expect("a line").expect("text");
    let pipe = first.strip_prefix("ready ").expect(&first);
    let pipe: u64 = pipe.parse().expect("an inode");

    run_for(&mut live, &mut agent, Duration::from_secs(3));
    let lost = live.lost.by_kind();
    let forks: u64 = lost.values().filter_map(|kinds| kinds.get("fork")).sum();
    assert!(forks > 100, "{lost:?}");
    let rows: Vec<_> = agent
        .context()
        .living()
        .into_iter()
        .filter(|row| row.cgroup == group.id)
        .collect();
    let dups: u64 = lost.values().filter_map(|kinds| kinds.get("dup")).sum();
    assert!(dups > 100, "{lost:?}");
    let bomb = rows.iter().find(|row| row.id.pid == bomb_pid);
    let input = bomb.map(|row| identity(&row.streams, 0));
    assert_eq!(input, Some((stream_kind::PIPE, pipe)), "{bomb:?}");
    let known: BTreeSet<u32> = rows.iter().map(|row| row.id.pid).collect();
    assert_eq!(known.len(), rows.len(), "one row a process");
    assert_eq!(known, group.pids());
    assert!(known.len() >= 40, "{known:?}");
    let mended = rows
        .iter()
        .filter(|row| row.marks & process_mark::INCOMPLETE != 0)
        .count();
    assert!(mended > 0, "no row is marked incomplete");
    let said = outcomes.try_iter().filter_map(|outcome| match outcome {
        Outcome::Finding(finding) => Some(finding),
        _ => None,
    });
    let said: Vec<_> = said.map(|f| (f.rule.clone(), f.message.clone())).collect();
    for rule in ["events-lost", "process-table-repaired"] {
        assert!(said.iter().any(|(r, _)| r == rule), "no {rule}: {said:?}");
    }

    // What the lineage does later is still the lineage's.
    fs::write(&go, "").expect("an own directory");
    run_for(&mut live, &mut agent, Duration::from_secs(1));
    let executed: Vec<_> = agent
        .context()
        .living()
        .into_iter()
        .filter(|row| row.cgroup == group.id && row.image.args.starts_with(b"sleep"))
        .collect();
    assert_eq!(executed.len(), 27);
    for row in executed {
        let lineage: Vec<u32> = row.lineage().map(|p| p.id.pid).collect();
        assert_eq!(lineage[3], bomb_pid, "{lineage:?}");
    }
    assert!(agent.taken[usize::from(kind::LOSS)] > 0);
}
