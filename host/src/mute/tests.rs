#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use crate::context::container::attr;
use vedette_contract::kind;
use vedette_sensor::event::{Attr, Event, Task, TaskRef};

fn mutes(texts: &[&str], security: bool) -> Mutes {
    let rules = texts.iter().map(|text| Rule::parse(text, security));
    Mutes::new(rules.map(Result::unwrap).collect())
}

/// A context with a container of this id in group 7, named by its runtime.
fn context(id: &str) -> Context {
    let mut context = Context::default();
    context.apply(&Event {
        kind: kind::CGROUP,
        a: 7,
        text: format!("/pods/{id}").into_bytes().into(),
        ..Event::default()
    });
    context.apply(&Event {
        kind: kind::CONTAINER,
        a: 7,
        text: id.as_bytes().into(),
        text2: b"backup-1".as_slice().into(),
        attrs: vec![Attr {
            key: attr::IMAGE,
            text: b"registry/backup:3".as_slice().into(),
            ..Attr::default()
        }],
        ..Event::default()
    });
    context
}

fn record(context: &mut Context, kind: u16, cgroup: u64) -> Record {
    let event = Event {
        kind,
        at: 9,
        task: Task {
            process: TaskRef { pid: 50, start: 7 },
            cgroup,
            ..Task::default()
        },
        ..Event::default()
    };
    let rows = context.apply(&event);
    Record {
        event,
        process: rows.process,
        target: rows.target,
    }
}

#[test]
fn a_group_is_muted_as_what_is_known_of_it_says() {
    let id = "ab".repeat(32);
    let mut context = context(&id);
    let mut mutes = mutes(&["open,pipe=backup-*", "fork=/pods"], false);
    let muted = mutes.look(&context, Group::Unified(7)).unwrap().unwrap();
    assert!(muted.bulk.has(kind::OPEN) && muted.bulk.has(kind::PIPE) && muted.bulk.has(kind::FORK));
    assert!(muted.security.is_empty());
    // Nothing new, nothing to tell.
    assert_eq!(mutes.look(&context, Group::Unified(7)), None);
    assert_eq!(mutes.look(&context, Group::Unified(8)), None);
    // A group that is made within is of the same container; another one is not.
    for (group, path) in [(8, format!("/pods/{id}/inner")), (9, "/other".to_owned())] {
        context.apply(&Event {
            kind: kind::CGROUP,
            a: group,
            text: path.into_bytes().into(),
            ..Event::default()
        });
    }
    assert_eq!(mutes.look(&context, Group::Unified(8)), Some(Some(muted)));
    assert_eq!(mutes.look(&context, Group::Unified(9)), None);
    for (kind, group, dropped) in [
        (kind::PIPE, 7, true),
        (kind::FORK, 8, true),
        // Through which lane it came is not known any more.
        (kind::OPEN, 7, false),
        (kind::RENAME, 7, false),
        (kind::PIPE, 9, false),
    ] {
        let record = record(&mut context, kind, group);
        assert_eq!(mutes.drops(&record), dropped, "{kind} in {group}");
    }
    assert!(mutes.forget(Group::Unified(7)) && !mutes.forget(Group::Unified(9)));
    assert!(!mutes.drops(&record(&mut context, kind::PIPE, 7)));
}

#[test]
fn what_is_kept_from_plugins_is_counted_by_mute_and_said_once_a_minute() {
    let mut context = context(&"cd".repeat(32));
    let mut mutes = mutes(
        &["pipe=backup-*", "pipe,open=registry/*", "rename=none"],
        false,
    );
    let muted = mutes.look(&context, Group::Unified(7)).unwrap().unwrap();
    assert!(mutes.drops(&record(&mut context, kind::PIPE, 7)));
    let not_sent = |kind, count| NotSent {
        number: muted.number,
        kind,
        count,
    };
    mutes.count(vec![not_sent(kind::PIPE, 10), not_sent(kind::OPEN, 5)]);
    assert_eq!(
        mutes.lines(),
        [
            "11: pipe=backup-* (pipe 11)",
            "5: pipe,open=registry/* (open 5)",
            "0: rename=none",
        ]
    );
    let said = mutes.say(3);
    assert_eq!(said.len(), 2);
    assert!(said[0].message.starts_with("11 events"), "{said:?}");
    assert_eq!(mutes.say(4), []);
    mutes.count(vec![not_sent(kind::PIPE, 10), not_sent(kind::OPEN, 9)]);
    assert_eq!(mutes.say(3).len(), 0, "once a minute");
    let said = mutes.say(5);
    assert!(said[0].message.starts_with("4 events"), "{said:?}");
}

#[test]
fn groups_without_end_fill_no_memory() {
    let mut context = Context::default();
    let mut mutes = mutes(&["pipe=/"], false);
    for group in 0..MUTED_MOST as u64 + 3 {
        context.apply(&Event {
            kind: kind::CGROUP,
            a: group,
            text: format!("/g{group}").into_bytes().into(),
            ..Event::default()
        });
        mutes.look(&context, Group::Unified(group));
    }
    assert_eq!(mutes.groups.len(), MUTED_MOST);
    let said = mutes.say(1);
    assert!(said[0].message.starts_with("3 control groups"), "{said:?}");
    assert_eq!(mutes.say(2), []);
    assert!(mutes.lines()[1].starts_with("3 control groups"));
}
