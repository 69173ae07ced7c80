//! A process that makes a child in a group of the machine's: what is wanted of containers alone is
//! told of the child as of its parent.

use crate::observe::{Group, Watch, skip};
use vedette_contract::kind;
use vedette_sensor::{
    filter::{Access, Filter, Lines, Opens},
    live,
};

/// Makes a child in the group and lets it open the file after the parent has been told to go on. The
/// interpreter's lock is held over the call: the child has no other thread that could give it back.
const SCRIPT: &str = "
group = os.open(into, os.O_DIRECTORY)
held = ctypes.PyDLL(None, use_errno=True)
arguments = ctypes.create_string_buffer(struct.pack('11Q', 0x200000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, group))
child = held.syscall(435, arguments, 88)
if child == 0:
    os.close(os.open(file, os.O_RDONLY))
    os._exit(0)
print(child if child > 0 else -ctypes.get_errno())
if child > 0: os.waitpid(child, 0)
";

struct Stage {
    watch: Watch,
    file: std::path::PathBuf,
    inside: Group,
    machine: Group,
    _directory: tempfile::TempDir,
}

impl Stage {
    /// The sensor wants opens of a file of processes in containers alone; `inside` may be one, and
    /// of all other groups it is known that they are none.
    fn set(name: &str) -> Option<Stage> {
        let mut filter = Filter::context();
        filter.want(kind::OPEN, Lines::everything());
        filter.opens_inside = Opens {
            names: [(b"watched-in-group".to_vec(), Access::Any)].into(),
            ..Opens::default()
        };
        let mut watch = Watch::start(&filter)?;
        let inside = Group::new(&format!("{name}-inside"))?;
        let machine = Group::new(&format!("{name}-machine"))?;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("watched-in-group");
        std::fs::write(&file, "").unwrap();
        // Where a process of the test is in the other hierarchy, and what its mounts are.
        let (pid, _) = watch.python("");
        let exit = watch.expect("exit", |e| {
            e.kind == kind::EXIT && e.task.process.pid == pid
        });
        watch.sensor.set_home(exit.task.namespaces.mount).unwrap();
        for group in [
            live::Group::Unified(exit.task.cgroup),
            live::Group::V1(exit.task.cgroup_v1),
        ] {
            watch.sensor.set_outside(group, true).unwrap();
        }
        Some(Stage {
            watch,
            file,
            inside,
            machine,
            _directory: directory,
        })
    }

    fn outside(&mut self, outside: bool) {
        let group = live::Group::Unified(self.machine.id);
        self.watch.sensor.set_outside(group, outside).unwrap();
    }

    /// Whether the open of a child is told that is made in the machine's group by a process that
    /// has done this first; none where the kernel makes none.
    fn told(&mut self, first: &str) -> Option<bool> {
        self.watch.seen.clear();
        let script = format!(
            "{first}\ninto, file = '{}', '{}'\n{SCRIPT}",
            self.machine.path.display(),
            self.file.display()
        );
        let (_, child) = self.watch.python(&script);
        let Ok(child) = child.parse::<u32>() else {
            skip(&format!("no child is made in a group here ({child})"));
            return None;
        };
        let exit =
            |e: &vedette_sensor::event::Event| e.kind == kind::EXIT && e.task.process.pid == child;
        let exit = self.watch.expect("exit of the child", exit);
        assert_eq!(exit.task.cgroup, self.machine.id);
        let seen = self.watch.seen.iter();
        let opens = seen.filter(|e| e.kind == kind::OPEN && e.task.process.pid == child);
        Some(opens.count() > 0)
    }
}

#[test]
fn a_child_that_a_container_makes_in_a_group_of_the_machines() {
    let Some(mut stage) = Stage::set("into") else {
        return;
    };
    stage.outside(true);
    // Of the machine's own nothing is wanted.
    let Some(told) = stage.told("") else { return };
    assert!(!told, "a child of the machine's");
    let enter = stage.inside.enter();
    assert_eq!(stage.told(&enter), Some(true));
    // What it leaves behind there may be anybody's.
    assert_eq!(stage.told(""), Some(true));
}

/// The group is so new that user space has yet to say that it holds no container.
#[test]
fn news_of_the_group_that_come_late() {
    let Some(mut stage) = Stage::set("late") else {
        return;
    };
    let enter = stage.inside.enter();
    // Nothing is known of it yet.
    let Some(told) = stage.told(&enter) else {
        return;
    };
    assert!(told);
    stage.outside(true);
    assert_eq!(stage.told(&enter), Some(true));
    assert_eq!(stage.told(""), Some(true));
}
