//! What an operator has muted in a control group is counted and not told; all else is.

use crate::observe::{Group as OwnGroup, Watch, python};
use vedette_contract::kind;
use vedette_sensor::{
    event::Event,
    filter::{Access, Filter, KindSet, Opens},
    live::{Group, Muted},
};

const PIPES: usize = 50;
const OPENS: usize = 30;
const WATCHED: usize = 10;

/// Acts of both lanes in a group; gives the process's pid.
fn act(group: &OwnGroup) -> u32 {
    let script = format!(
        "{}
for i in range({PIPES}): os.pipe()
for i in range({OPENS}): os.close(os.open('/etc/group', os.O_RDONLY))
for i in range({WATCHED}): os.close(os.open('/etc/passwd', os.O_RDONLY))
os.memfd_create('muted')
if os.fork() == 0: os._exit(0)
os.wait()",
        group.enter()
    );
    python(&script).0
}

/// How many pipes, opens of either file, anonymous files and forks of a process were told.
fn told(watch: &mut Watch, pid: u32) -> [usize; 5] {
    watch.expect("exit", |e| {
        e.kind == kind::EXIT && e.task.process.pid == pid
    });
    watch.settle();
    let count = |fits: &dyn Fn(&Event) -> bool| {
        let own = watch.seen.iter().filter(|e| e.task.process.pid == pid);
        own.filter(|e| fits(e)).count()
    };
    [
        count(&|e| e.kind == kind::PIPE),
        count(&|e| e.kind == kind::OPEN && e.text.as_ref() == b"/etc/group"),
        count(&|e| e.kind == kind::OPEN && e.text.as_ref() == b"/etc/passwd"),
        count(&|e| e.kind == kind::MEMFD),
        count(&|e| e.kind == kind::FORK),
    ]
}

fn counted(watch: &mut Watch, number: u32, kind: u16) -> u64 {
    let rows = watch.sensor.not_sent().unwrap();
    let own = rows
        .iter()
        .filter(|row| row.number == number && row.kind == kind);
    own.map(|row| row.count).sum()
}

#[test]
fn one_group_is_muted_and_another_is_not() {
    let mut filter = Filter::context();
    filter.kinds = filter
        .kinds
        .with(kind::PIPE)
        .with(kind::OPEN)
        .with(kind::MEMFD);
    filter.opens = Opens {
        all: Some(Access::Any),
        names: [(b"passwd".to_vec(), Access::Any)].into(),
        ..Opens::default()
    };
    let Some(mut watch) = Watch::start(&filter) else {
        return;
    };
    let (Some(loud), Some(quiet)) = (OwnGroup::new("muted"), OwnGroup::new("heard")) else {
        return;
    };
    let everything = [PIPES, OPENS, WATCHED, 1, 1];
    let kinds = KindSet::default()
        .with(kind::PIPE)
        .with(kind::OPEN)
        .with(kind::MEMFD)
        .with(kind::FORK)
        .with(kind::EXIT);
    let group = Group::Unified(loud.id);
    let bulk = Muted {
        bulk: kinds,
        security: KindSet::default(),
        number: 7001,
    };
    watch.sensor.set_muted(group, Some(bulk)).unwrap();
    let (muted, heard) = (act(&loud), act(&quiet));
    // What goes through the security lane is told, and so is what the context needs.
    assert_eq!(told(&mut watch, muted), [0, 0, WATCHED, 1, 1]);
    assert_eq!(told(&mut watch, heard), everything);
    assert_eq!(counted(&mut watch, 7001, kind::PIPE), PIPES as u64);
    assert!(counted(&mut watch, 7001, kind::OPEN) >= OPENS as u64);
    assert_eq!(counted(&mut watch, 7001, kind::MEMFD), 0);
    assert_eq!(counted(&mut watch, 7001, kind::FORK), 0);
    let both = Muted {
        security: kinds,
        number: 7002,
        ..bulk
    };
    watch.sensor.set_muted(group, Some(both)).unwrap();
    let muted = act(&loud);
    assert_eq!(told(&mut watch, muted), [0, 0, 0, 0, 1]);
    assert_eq!(counted(&mut watch, 7002, kind::MEMFD), 1);
    assert_eq!(counted(&mut watch, 7001, kind::PIPE), PIPES as u64);
    watch.sensor.set_muted(group, None).unwrap();
    let heard = act(&loud);
    assert_eq!(told(&mut watch, heard), everything);
    assert_eq!(counted(&mut watch, 7002, kind::PIPE), PIPES as u64);
    assert_eq!(watch.sensor.losses(), []);
}
