//! Programs that outlive their agent: what happens between two agents is told by the second.

use crate::observe::{Group, Watch, of, python, skip};
use std::{
    fs,
    path::{Path, PathBuf},
};
use vedette_contract::kind;
use vedette_sensor::{
    filter::{Filter, KindSet},
    live::{Options, PinError, Sensor, SensorError, TakeOver, unpin},
};

/// A directory for pins; dropped, nothing of it is left.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Option<Place> {
        let base = Path::new("/sys/fs/bpf");
        if rustix::fs::statfs(base).map_or(0, |s| s.f_type) != 0xcafe_4a11 {
            skip("no BPF file system is mounted on /sys/fs/bpf");
            return None;
        }
        let path = base.join(format!("vedette-test-{name}-{}", std::process::id()));
        let _ = unpin(&path);
        Some(Place(path))
    }

    fn options(&self) -> Options {
        Options {
            security_ring: 1 << 20,
            bulk_ring: 1 << 20,
            pin: Some(self.0.clone()),
            ..Options::default()
        }
    }

    fn agents(&self) -> usize {
        fs::read_dir(&self.0).map_or(0, Iterator::count)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = unpin(&self.0);
    }
}

fn filter() -> Filter {
    let mut filter = Filter::context();
    filter.kinds = KindSet::CONTEXT.with(kind::MEMFD).with(kind::PIPE);
    filter
}

const ACT: &str = "os.memfd_create('between'); os.dup2(0, 2)";

#[test]
fn what_happens_between_two_agents_is_told_once_by_the_second() {
    let Some(place) = Place::new("restart") else {
        return;
    };
    let Some(mut watch) = Watch::start_with(&place.options(), &filter()) else {
        return;
    };
    let (before, _) = python(ACT);
    watch.expect("an act under the first", of(kind::MEMFD, before));
    let first: Vec<u64> = watch.seen.iter().map(|e| e.id).collect();
    drop(watch);
    assert_eq!(place.agents(), 1, "its pins stay");

    let (between, _) = python(ACT);
    let Some(mut watch) = Watch::start_with(&place.options(), &filter()) else {
        return;
    };
    // Both agents' programs see this one.
    let (during, _) = python(ACT);
    let taken = watch.sensor.take_over().unwrap();
    assert_eq!(
        taken,
        TakeOver {
            followed: 1,
            replaced: 0
        }
    );
    assert_eq!(place.agents(), 1, "the pins of the first are gone");
    let (after, _) = python(ACT);
    watch.expect("an act under the second", of(kind::MEMFD, after));
    watch.settle();
    for pid in [between, during, after] {
        for kind in [kind::MEMFD, kind::DUP, kind::EXIT] {
            let told = watch.seen.iter().filter(|e| of(kind, pid)(e)).count();
            assert_eq!(told, 1, "kind {kind} of pid {pid}");
        }
    }
    assert!(
        !watch.seen.iter().any(of(kind::MEMFD, before)),
        "told before"
    );
    let mut ids: Vec<u64> = watch.seen.iter().map(|e| e.id).chain(first).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "ids are not used again");
}

#[test]
fn what_did_not_fit_between_two_agents_is_counted() {
    let Some(place) = Place::new("full") else {
        return;
    };
    let Some(watch) = Watch::start_with(&place.options(), &filter()) else {
        return;
    };
    let Some(group) = Group::new("between") else {
        return;
    };
    drop(watch);
    const PIPES: usize = 20_000;
    let (pid, _) = python(&format!(
        "{}\nfor i in range({PIPES}):\n    r, w = os.pipe(); os.close(r); os.close(w)",
        group.enter()
    ));
    let Some(mut watch) = Watch::start_with(&place.options(), &filter()) else {
        return;
    };
    watch.sensor.take_over().unwrap();
    watch.settle();
    watch.settle();
    let told = watch.seen.iter().filter(|e| of(kind::PIPE, pid)(e)).count();
    let losses = watch.sensor.losses();
    let lost: u64 = losses
        .iter()
        .filter(|l| l.kind == kind::PIPE && l.cgroup == group.id)
        .map(|l| l.count)
        .sum();
    assert!(lost > 0 && told > 0, "told {told}, {losses:?}");
    assert_eq!(told as u64 + lost, PIPES as u64, "{losses:?}");
}

#[test]
fn another_version_is_replaced_and_said_so_and_nothing_stays_after_unpinning() {
    let Some(place) = Place::new("replace") else {
        return;
    };
    let Some(watch) = Watch::start_with(&place.options(), &filter()) else {
        return;
    };
    // Two at once would read the same rings.
    let busy = Sensor::start(&place.options(), &filter()).unwrap_err();
    assert!(
        matches!(busy, SensorError::Pin(PinError::Busy(_))),
        "{busy}"
    );
    assert!(matches!(unpin(&place.0), Err(PinError::Busy(_))));
    drop(watch);
    let other = Options {
        bulk_ring: 2 << 20,
        ..place.options()
    };
    let Some(mut watch) = Watch::start_with(&other, &filter()) else {
        return;
    };
    let taken = watch.sensor.take_over().unwrap();
    assert_eq!((taken.followed, taken.replaced), (0, 1));
    let (pid, _) = python(ACT);
    watch.expect("an act", of(kind::MEMFD, pid));
    drop(watch);
    assert_eq!(unpin(&place.0).unwrap(), 1);
    assert!(!place.0.exists());
}

#[test]
fn pins_belong_on_a_bpf_file_system() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        pin: Some(directory.path().to_owned()),
        ..Options::default()
    };
    if Watch::start(&Filter::context()).is_none() {
        return;
    }
    let error = Sensor::start(&options, &Filter::context()).unwrap_err();
    assert!(error.to_string().contains("mount -t bpf"), "{error}");
}
