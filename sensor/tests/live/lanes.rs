//! Lanes, shares, limits and the counting of what they cost.

use crate::observe::{Group, Watch, of, python};
use vedette_contract::{Slot, kind, values::loss_cause};
use vedette_sensor::{
    event::Event,
    filter::{Access, Filter, How, KindSet, Line, Lines, Probe, Texts, Values},
    live::{Loss, Options},
};

/// Rings that a test fills in a moment.
fn small() -> Options {
    Options {
        security_ring: 256 << 10,
        bulk_ring: 256 << 10,
        ..Options::default()
    }
}

fn told(watch: &Watch, fits: impl Fn(&Event) -> bool) -> u64 {
    watch.seen.iter().filter(|e| fits(e)).count() as u64
}

fn lost(losses: &[Loss], fits: impl Fn(&Loss) -> bool) -> u64 {
    losses.iter().filter(|l| fits(l)).map(|l| l.count).sum()
}

/// Takes what waits in the rings.
fn drain(watch: &mut Watch) {
    loop {
        let before = watch.seen.len();
        watch.settle();
        if watch.seen.len() == before {
            return;
        }
    }
}

#[test]
fn what_is_told_and_what_is_counted_lost_is_what_was_done() {
    let Some(mut watch) = Watch::start_with(&small(), &Filter::everything()) else {
        return;
    };
    let Some(group) = Group::new("flood") else {
        return;
    };
    const PRODUCERS: u64 = 4;
    const EACH: u64 = 40_000;
    let script = format!(
        "{}
for p in range({PRODUCERS}):
    if os.fork() == 0:
        for i in range({EACH}): os.close(os.open('/etc/passwd', os.O_RDONLY))
        os._exit(0)
for p in range({PRODUCERS}): os.wait()",
        group.enter()
    );
    // The reader keeps reading, and is too slow.
    let thread = std::thread::spawn(move || python(&script));
    while !thread.is_finished() {
        watch
            .sensor
            .next_batch(std::time::Duration::from_millis(20), &mut watch.seen)
            .unwrap();
    }
    thread.join().unwrap();
    drain(&mut watch);
    let losses = watch.sensor.losses();
    let of_group = |l: &Loss| l.kind == kind::OPEN && l.cgroup == group.id;
    let told = told(&watch, |e| {
        e.kind == kind::OPEN && e.task.cgroup == group.id
    });
    let lost = lost(&losses, of_group);
    assert!(lost > 0 && told > 0, "told {told}, {losses:?}");
    assert_eq!(told + lost, PRODUCERS * EACH, "{losses:?}");
    // Nothing is told twice.
    assert_eq!(
        watch.sensor.losses().iter().filter(|l| of_group(l)).count(),
        0
    );
}

#[test]
fn a_flood_hides_neither_another_group_nor_another_act_of_its_own() {
    let Some(mut watch) = Watch::start_with(&small(), &Filter::everything()) else {
        return;
    };
    let (Some(loud), Some(quiet)) = (Group::new("loud"), Group::new("quiet")) else {
        return;
    };
    // Nobody reads while a bulk kind and a security kind are flooded.
    let (flooder, _) = python(&format!(
        "{}
for i in range(20000):
    os.close(os.open('/etc/passwd', os.O_RDONLY))
    os.dup2(0, 2)
os.pipe()
call(272, 0x4000000)",
        loud.enter()
    ));
    let (victim, _) = python(&format!(
        "{}\nos.close(os.open('/etc/passwd', os.O_RDONLY))\nos.dup2(0, 2)",
        quiet.enter()
    ));
    drain(&mut watch);
    let losses = watch.sensor.losses();
    for flooded in [kind::OPEN, kind::DUP] {
        let shed = lost(&losses, |l| {
            l.cause == loss_cause::QUOTA && l.kind == flooded && l.cgroup == loud.id
        });
        assert!(shed > 10_000, "{losses:?}");
        watch.expect("the other group's event", |e| {
            e.kind == flooded && e.task.process.pid == victim && e.task.cgroup == quiet.id
        });
    }
    watch.expect("a pipe after the flood", of(kind::PIPE, flooder));
    watch.expect("an unshare after the flood", of(kind::UNSHARE, flooder));
    let full = [loss_cause::SECURITY_RING_FULL, loss_cause::BULK_RING_FULL];
    assert_eq!(lost(&losses, |l| full.contains(&l.cause)), 0, "{losses:?}");
    assert_eq!(lost(&losses, |l| l.cgroup == quiet.id), 0, "{losses:?}");
}

/// Processes that are made in great numbers do not hide the one that leaves namespaces behind.
#[test]
fn a_flood_of_forks_hides_no_namespaces() {
    let filter = Filter {
        kinds: KindSet::CONTEXT,
        ..Filter::default()
    };
    let Some(mut watch) = Watch::start_with(&small(), &filter) else {
        return;
    };
    let Some(group) = Group::new("bomb") else {
        return;
    };
    let (pid, _) = python(&format!(
        "{}
for i in range(3000):
    if os.fork() == 0: os._exit(0)
    os.wait()
child = call(56, 0x20000 | 17, 0, 0, 0, 0)
if child == 0: os._exit(0)
assert child > 0",
        group.enter()
    ));
    drain(&mut watch);
    let losses = watch.sensor.losses();
    let shed = lost(&losses, |l| l.kind == kind::FORK && l.cgroup == group.id);
    assert!(shed > 100, "{losses:?}");
    watch.expect("the fork that made a namespace", |e| {
        of(kind::FORK, pid)(e) && e.a == 0x20000
    });
}

#[test]
fn datagrams_to_ever_new_addresses_are_told_or_counted() {
    let Some(mut watch) = Watch::start_with(&small(), &Filter::everything()) else {
        return;
    };
    let Some(group) = Group::new("datagrams") else {
        return;
    };
    const DATAGRAMS: u64 = 20_000;
    let (pid, _) = python(&format!(
        "{}
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range({DATAGRAMS}): s.sendto(b'x', ('127.0.%d.%d' % (i >> 8, i & 255), 9))",
        group.enter()
    ));
    drain(&mut watch);
    let losses = watch.sensor.losses();
    let told = told(&watch, of(kind::SEND, pid));
    let lost = lost(&losses, |l| l.kind == kind::SEND && l.cgroup == group.id);
    assert!(told > 0 && lost > 0, "told {told}, {losses:?}");
    assert_eq!(told + lost, DATAGRAMS, "{losses:?}");
}

#[test]
fn a_burst_that_fits_half_the_ring_loses_nothing() {
    let Some(mut watch) = Watch::start(&Filter::everything()) else {
        return;
    };
    let (pid, _) = python("for i in range(10000): os.close(os.open('/etc/passwd', os.O_RDONLY))");
    drain(&mut watch);
    assert!(told(&watch, of(kind::OPEN, pid)) >= 10_000);
    assert_eq!(watch.sensor.losses(), []);
}

#[test]
fn a_rate_limit_holds_for_bulk_alone_and_is_counted() {
    let options = Options {
        bulk_rate: 100,
        ..Options::default()
    };
    let mut filter = Filter::everything();
    filter.kinds = KindSet::CONTEXT.with(kind::PIPE);
    let Some(mut watch) = Watch::start_with(&options, &filter) else {
        return;
    };
    let Some(group) = Group::new("noisy") else {
        return;
    };
    let (pid, seconds) = python(&format!(
        "{}
begin = time.clock_gettime(time.CLOCK_BOOTTIME)
for i in range(3000):
    r, w = os.pipe(); os.close(r); os.close(w)
for i in range(150):
    os.dup2(0, 2)
    if os.fork() == 0: os._exit(0)
    os.wait()
print(int(time.clock_gettime(time.CLOCK_BOOTTIME)) - int(begin) + 1)",
        group.enter()
    ));
    drain(&mut watch);
    let seconds: u64 = seconds.parse().unwrap();
    let losses = watch.sensor.losses();
    let pipes = told(&watch, of(kind::PIPE, pid));
    let shed = lost(&losses, |l| {
        l.cause == loss_cause::RATE_LIMIT && l.kind == kind::PIPE && l.cgroup == group.id
    });
    assert_eq!(pipes + shed, 3000, "{losses:?}");
    assert!(
        (100..=100 * seconds).contains(&pipes),
        "{pipes} in {seconds} s"
    );
    // What the context needs, and the security lane, know no limit.
    assert_eq!(told(&watch, of(kind::FORK, pid)), 150);
    assert_eq!(told(&watch, of(kind::DUP, pid)), 150);
    assert_eq!(lost(&losses, |l| l.kind != kind::PIPE), 0, "{losses:?}");
}
/// Python for a directory of its own with `names` in it, each an empty file in `d`.
fn in_a_directory(group: &Group, names: &str) -> String {
    format!(
        "{}
import tempfile
d = tempfile.mkdtemp()
def make(name):
    path = os.path.join(d, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    return path
{names}
import atexit, shutil
atexit.register(shutil.rmtree, d)
",
        group.enter()
    )
}

/// Opens of files that are called like a watched one, over and over, do not hide another such file.
#[test]
fn a_flood_at_one_file_hides_no_other_of_its_name() {
    let mut filter = Filter::context();
    filter.want(kind::OPEN, Lines::everything());
    filter.opens.names = [(b"shadow".to_vec(), Access::Any)].into();
    let Some(mut watch) = Watch::start_with(&small(), &filter) else {
        return;
    };
    let Some(group) = Group::new("alike") else {
        return;
    };
    let (pid, _) = python(&format!(
        "{}
for i in range(20000): os.close(os.open(decoys[i % 4], os.O_RDONLY))
os.close(os.open('/etc/shadow', os.O_RDONLY))",
        in_a_directory(&group, "decoys = [make('%d/shadow' % i) for i in range(4)]")
    ));
    drain(&mut watch);
    let losses = watch.sensor.losses();
    let shed = lost(&losses, |l| {
        l.cause == loss_cause::QUOTA && l.kind == kind::OPEN && l.cgroup == group.id
    });
    assert!(shed > 10_000, "{losses:?}");
    watch.expect("the open that the flood is to hide", |e| {
        of(kind::OPEN, pid)(e) && *e.text == *b"/etc/shadow"
    });
}

/// What a predicate singles out is not hidden by what others want of the same kind, be it ever so
/// much of ever other things.
#[test]
fn a_flood_that_others_want_hides_nothing_narrower() {
    let path = |path: &[u8]| {
        let texts = Texts::new(How::Is, &[path.to_vec()], false);
        Line::default().and(Probe::Text(Slot::Text), Values::Texts(texts))
    };
    let mut filter = Filter::context();
    for kind in [kind::OPEN, kind::CHMOD, kind::UNLINK] {
        filter.want(kind, Lines::everything());
    }
    filter.opens.names = [(b"shadow".to_vec(), Access::Any)].into();
    filter.opens.all = Some(Access::Write);
    filter.apart.add(kind::OPEN, path(b"/etc/shadow"));
    filter.apart.add(kind::CHMOD, path(b"/tmp/vedette-apart"));
    filter.apart.add(kind::UNLINK, path(b"/tmp/vedette-apart"));
    let Some(mut watch) = Watch::start_with(&small(), &filter) else {
        return;
    };
    let Some(group) = Group::new("narrower") else {
        return;
    };
    let (pid, _) = python(&format!(
        "{}
open('/tmp/vedette-apart', 'w').close()
for path in decoys: os.close(os.open(path, os.O_RDONLY))
for path in decoys: os.chmod(path, 0o640)
for path in decoys: os.unlink(path)
os.close(os.open('/etc/shadow', os.O_RDONLY))
os.chmod('/tmp/vedette-apart', 0o640)
os.unlink('/tmp/vedette-apart')",
        in_a_directory(
            &group,
            "decoys = [make('%d/shadow' % i) for i in range(3000)]"
        )
    ));
    drain(&mut watch);
    let losses = watch.sensor.losses();
    for (kind, path) in [
        (kind::OPEN, "/etc/shadow"),
        (kind::CHMOD, "/tmp/vedette-apart"),
        (kind::UNLINK, "/tmp/vedette-apart"),
    ] {
        let shed = lost(&losses, |l| {
            l.cause == loss_cause::QUOTA && l.kind == kind && l.cgroup == group.id
        });
        assert!(shed > 1000, "{losses:?}");
        watch.expect(&format!("{path}, which the flood is to hide"), |e| {
            of(kind, pid)(e) && *e.text == *path.as_bytes()
        });
    }
    let full = [loss_cause::SECURITY_RING_FULL, loss_cause::BULK_RING_FULL];
    assert_eq!(lost(&losses, |l| full.contains(&l.cause)), 0, "{losses:?}");
}
