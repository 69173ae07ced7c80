//! What was, asked later.

use super::*;

#[test]
fn the_past_answers_as_of_a_moment_and_keeps_no_more_than_is_asked_for() {
    let mut context = context();
    let parent = task(100, INSIDE, 50);
    context.apply(&cgroup(
        50,
        "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ));
    context.apply(&exec(&parent, "/bin/sh"));
    let past = context.past();
    assert!(past.now().is_none(), "nothing is kept before somebody asks");
    context.keep_past(true);
    let fork = |context: &mut Context, pid: u32| {
        let mut event = event(kind::FORK, &parent);
        event.target = Some(task(pid, INSIDE, 50).process);
        context.apply(&event);
    };
    fork(&mut context, 102);
    fork(&mut context, 101);
    let before = past.now().unwrap();
    let row = context.row(parent.process).unwrap();
    let container = row.container.as_ref().unwrap().key;
    let pids =
        |(rows, _): (Vec<Arc<Process>>, usize)| rows.iter().map(|p| p.id.pid).collect::<Vec<_>>();
    assert_eq!(pids(before.children(row.key, 9)), [101, 102]);
    assert_eq!(pids(before.children(row.key, 1)), [101]);
    assert_eq!(pids(before.members(container, 9)), [100, 101, 102]);
    let child = key(task(101, INSIDE, 50).process);
    // It executes, and ends, and long after that it is forgotten.
    context.apply(&exec(&task(101, INSIDE, 50), "/bin/id"));
    let between = past.now().unwrap();
    context.apply(&event(kind::EXIT, &task(101, INSIDE, 50)));
    let after = past.now().unwrap();
    assert_eq!(&*before.process(child).unwrap().exe, b"/bin/sh");
    assert_eq!(&*between.process(child).unwrap().exe, b"/bin/id");
    assert_eq!(pids(between.children(row.key, 9)), [101, 102]);
    assert_eq!(pids(after.children(row.key, 9)), [102]);
    context.apply(&Event {
        at: u64::MAX / 2,
        ..event(kind::TICK, &Task::default())
    });
    let last = past.now().unwrap();
    assert!(last.process(child).is_none());
    assert_eq!(&*before.process(child).unwrap().exe, b"/bin/sh");
    assert!(past.earlier() > 0);
    // Once nobody holds those moments, nothing of them is left.
    drop((before, between, after));
    fork(&mut context, 103);
    fork(&mut context, 104);
    drop(last);
    fork(&mut context, 105);
    assert_eq!(past.earlier(), 0);
    let now = past.now().unwrap();
    assert_eq!(pids(now.children(row.key, 9)), [102, 103, 104, 105]);
    context.keep_past(false);
    assert!(past.now().is_none());
    assert!(!now.is_known());
}
