use super::*;
use crate::{
    manifest::Manifest,
    plugin::state::{Content, Pending},
};
use crossbeam_channel::{Receiver, unbounded};
use std::fs;

fn manifest(restart: &str) -> Manifest {
    let text = format!(
        r#"
        [plugin]
        id = "one"
        version = "1.0.0"
        title = "One"
        description = "One."
        contract = "0.1.0"
        [[subscribe]]
        kind = "exec"
        [capabilities]
        services = ["state"]
        [limits]
        state = "64 MiB"
        [state]
        restart = "{restart}"
        "#
    );
    Manifest::parse(&text, "plugin.toml").unwrap()
}

fn place(form: u32) -> Place {
    Place {
        plugin: "one".to_owned(),
        publisher: None,
        form,
    }
}

/// An agent's run: its store, and a plugin's state in it.
struct Run {
    store: Store,
    kept: Shared,
    outcomes: Receiver<Outcome>,
}

impl Run {
    fn begin(path: &Path) -> Run {
        let (send, outcomes) = unbounded();
        let store = Store::new(path.to_owned(), send);
        let kept = Shared::default();
        kept.allow(&manifest("keep"));
        store.keep(&place(1), &kept, true);
        // The first event.
        kept.lock().due(boot_time());
        Run {
            store,
            kept,
            outcomes,
        }
    }

    fn set(&self, key: &str, value: &[u8], ttl: u64) {
        let mut call = Pending::default();
        let mut kept = self.kept.lock();
        let now = boot_time();
        let set = kept
            .state
            .set(&mut call, key.into(), value.into(), ttl, now);
        set.unwrap();
        kept.state.commit(&mut call);
    }

    fn count(&self, key: &str, window: u64) -> u64 {
        let mut call = Pending::default();
        let mut kept = self.kept.lock();
        let now = boot_time();
        let sum = kept.state.count(&mut call, key.into(), 1, window, now);
        kept.state.commit(&mut call);
        sum.unwrap()
    }

    fn get(&self, key: &str) -> Option<Vec<u8>> {
        let kept = self.kept.lock();
        kept.state
            .get(&Pending::default(), key.as_bytes(), boot_time())
    }

    fn said(&self) -> Vec<String> {
        let findings = self
            .outcomes
            .try_iter()
            .filter_map(|outcome| match outcome {
                Outcome::Finding(finding) => Some(finding),
                _ => None,
            });
        findings
            .map(|finding| format!("{} {}", finding.rule, finding.message))
            .collect()
    }
}

const HOUR: u64 = 3_600_000_000_000;

#[test]
fn values_and_windows_go_on_in_the_next_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let first = Run::begin(&path);
    first.set("for ever", b"x", 0);
    first.set("an hour", b"y", HOUR);
    first.set("a moment", b"z", 1);
    first.set("gone", b"z", 0);
    assert_eq!(first.count("window", HOUR), 1);
    first.store.save();
    first
        .kept
        .lock()
        .state
        .delete(&mut Pending::default(), b"gone".to_vec());
    let mut call = Pending::default();
    first.kept.lock().state.delete(&mut call, b"gone".to_vec());
    first.kept.lock().state.commit(&mut call);
    assert_eq!(first.count("window", HOUR), 2);
    first.store.save();
    let end = first.kept.lock().state.stored(b"window").unwrap().end;
    let stored = first.store.stored(&first.kept).unwrap();
    assert!(stored.saved.is_some() && stored.failing.is_none());
    // Not saved any more, as if it had been killed.
    first.set("too late", b"", 0);
    drop(first);
    // The step of the clock in which the moment ended is over.
    std::thread::sleep(Duration::from_millis(200));

    let second = Run::begin(&path);
    assert_eq!(second.get("for ever"), Some(b"x".to_vec()));
    assert_eq!(second.get("an hour"), Some(b"y".to_vec()));
    for gone in ["a moment", "gone", "too late"] {
        assert_eq!(second.get(gone), None, "{gone}");
    }
    let window = second.kept.lock().state.stored(b"window").unwrap().clone();
    assert_eq!(window.content, Content::Count(2));
    // The clocks were not read at one and the same moment.
    assert!(window.end.abs_diff(end) < HOUR / 60, "{} {end}", window.end);
    assert_eq!(second.count("window", HOUR), 3);
    assert_eq!(second.store.stored(&second.kept).unwrap().loaded, 3);
    assert_eq!(second.said(), [""; 0]);
}

#[test]
fn what_is_not_to_be_kept_leaves_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let first = Run::begin(&path);
    first.set("a", b"x", 0);
    first.store.save();
    first.kept.allow(&manifest("forget"));
    first.store.save();
    drop(first);
    let second = Run::begin(&path);
    assert_eq!(second.get("a"), None);
    second.set("a", b"x", 0);
    second.store.save();
    // Its file is taken away, and comes back at once or later.
    second.store.forget(&place(1));
    let again = Shared::default();
    again.allow(&manifest("keep"));
    second.store.keep(&place(1), &again, true);
    assert_eq!(again.lock().state.size(), (0, 0));
    second.store.forget(&place(1));
    second.store.save();
    drop(second);
    assert_eq!(Run::begin(&path).get("a"), None);
}

#[test]
fn another_form_begins_with_nothing_and_leaves_the_first_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let first = Run::begin(&path);
    first.set("a", b"x", 0);
    first.store.save();
    drop(first);
    let second = Run::begin(&path);
    let other = Shared::default();
    other.allow(&manifest("keep"));
    second.store.keep(&place(2), &other, true);
    assert_eq!(other.lock().state.size(), (0, 0));
    assert_eq!(second.store.stored(&other).unwrap().other_forms, 1);
    second.store.save();
    drop(second);
    assert_eq!(Run::begin(&path).get("a"), Some(b"x".to_vec()));
}

#[test]
fn a_damaged_file_is_said_once_and_costs_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    fs::write(&path, "no store at all").unwrap();
    let run = Run::begin(&path);
    run.set("a", b"x", 0);
    run.store.save();
    run.store.save();
    let said = run.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("state-not-kept "), "{said:?}");
    let named = path.display().to_string();
    assert!(said[0].contains(&named) && said[0].contains("move it away"));
    let failing = run.store.stored(&run.kept).unwrap().failing.unwrap();
    assert!(failing.contains(&named));
    assert_eq!(fs::read(&path).unwrap(), b"no store at all");
    // Once it is out of the way the next try succeeds.
    fs::remove_file(&path).unwrap();
    run.store.access().retry = None;
    run.store.save();
    assert_eq!(run.store.stored(&run.kept).unwrap().failing, None);
    drop(run);
    assert_eq!(Run::begin(&path).get("a"), Some(b"x".to_vec()));
}

/// A small disk of its own; dropped, it is gone.
struct Disk(tempfile::TempDir);

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.0.path(), rustix::mount::UnmountFlags::DETACH);
    }
}

#[test]
fn a_full_disk_is_said_and_made_up_for() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: mounting a small disk needs root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let options = c"size=8m";
    rustix::mount::mount(
        "tmpfs",
        directory.path(),
        "tmpfs",
        rustix::mount::MountFlags::empty(),
        options,
    )
    .unwrap();
    let disk = Disk(directory);
    let path = disk.0.path().join("store");
    let run = Run::begin(&path);
    run.set("small", b"x", 0);
    run.store.save();
    assert_eq!(run.said(), [""; 0]);
    for n in 0..200 {
        run.set(&format!("large {n}"), &[1; 60_000], 0);
    }
    run.store.save();
    let said = run.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("make room"), "{said:?}");
    // The agent goes on, and so does the plugin.
    run.set("small", b"y", 0);
    let mut call = Pending::default();
    for n in 0..200 {
        let key = format!("large {n}").into_bytes();
        run.kept.lock().state.delete(&mut call, key);
    }
    run.kept.lock().state.commit(&mut call);
    run.store.access().retry = None;
    run.store.save();
    assert_eq!(run.store.stored(&run.kept).unwrap().failing, None);
    drop(run);
    let again = Run::begin(&path);
    assert_eq!(again.get("small"), Some(b"y".to_vec()));
    assert_eq!(again.kept.lock().state.size().0, 1);
}

#[test]
fn what_the_quota_has_no_room_for_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let first = Run::begin(&path);
    for n in 0..10 {
        first.set(&n.to_string(), &[1; 1000], 0);
    }
    first.store.save();
    drop(first);
    let (send, _outcomes) = unbounded();
    let store = Store::new(path.clone(), send);
    let kept = Shared::default();
    let mut smaller = manifest("keep");
    smaller.limits.state = 5000;
    kept.allow(&smaller);
    store.keep(&place(1), &kept, true);
    assert_eq!(kept.lock().state.size(), (4, 4004));
    assert_eq!(store.stored(&kept).unwrap().loaded, 4);
    store.save();
    drop(store);
    let after = Run::begin(&path);
    assert_eq!(after.kept.lock().state.size(), (4, 4004));
}

#[test]
fn what_a_plugin_that_is_gone_has_kept_stays_on_disk_as_it_left_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let Run { store, kept, .. } = Run::begin(&path);
    let run = |kept: &Shared| Run {
        store: Store::new(path.clone(), unbounded().0),
        kept: kept.clone(),
        outcomes: unbounded().1,
    };
    run(&kept).set("early", b"1", 0);
    store.save();
    // Its file is gone, and it has still to return for what waits for it.
    store.leave(place(1), kept.clone());
    store.save();
    run(&kept).set("late", b"2", 0);
    drop(kept);
    store.save();
    assert!(store.back(&place(1)).is_none(), "it is held no longer");
    // Nothing of it is left in memory either.
    store.save();
    assert!(store.book().states.is_empty());
    drop(store);
    let second = Run::begin(&path);
    assert_eq!(second.get("early"), Some(b"1".to_vec()));
    assert_eq!(second.get("late"), Some(b"2".to_vec()));

    // One that comes back at once is the same, written or not.
    let Run { store, kept, .. } = second;
    run(&kept).set("last", b"3", 0);
    store.leave(place(1), kept.clone());
    let back = store.back(&place(1)).unwrap();
    assert!(back.is(&kept));
}
