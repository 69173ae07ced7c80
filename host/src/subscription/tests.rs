mod superset;

use super::*;
use vedette_contract::{KINDS, Kind, values::stream_mark};
use vedette_sensor::event::Attr;

const HEAD: &str = r#"
[plugin]
id = "t"
version = "1"
title = "t"
description = "t"
contract = "0.1.0"
[capabilities]
fields = ["payload"]
"#;

fn compile(subscribe: &str) -> Subscriptions {
    let text = format!("{HEAD}{subscribe}");
    Subscriptions::compile(&Manifest::parse(&text, "plugin.toml").expect("a sound manifest"))
}

fn open(path: &str, flags: u64, marks: u32) -> Event {
    Event {
        kind: kind::OPEN,
        text: path.as_bytes().into(),
        a: flags | u64::from(marks) << 32,
        ..Event::default()
    }
}

#[test]
fn kinds_are_alternatives_and_predicates_conditions() {
    let s = compile(
        r#"
        [[subscribe]]
        kind = "exec"
        [[subscribe]]
        kind = "open"
        where = [{ field = "path", suffix = "/release_agent" }, { access = "write" }]
        [[subscribe]]
        kind = "open"
        where = [{ field = "marks", has = "foreign-mount" }, { container = true }]
        "#,
    );
    let exec = Event {
        kind: kind::EXEC,
        ..Event::default()
    };
    let fork = Event {
        kind: kind::FORK,
        ..Event::default()
    };
    assert!(s.matches(&exec, false));
    assert!(!s.matches(&fork, false));
    assert!(s.matches(&open("/sys/fs/cgroup/release_agent", 1, 0), false));
    assert!(!s.matches(&open("/sys/fs/cgroup/release_agent", 0, 0), false));
    assert!(!s.matches(&open("/x", 0, 1), false));
    assert!(s.matches(&open("/x", 0, 1), true));
    let f = s.filter();
    assert_eq!(
        f.kinds,
        KindSet::default().with(kind::EXEC).with(kind::OPEN)
    );
    assert_eq!(f.opens.all, None);
    assert_eq!(f.opens.marks, 0);
    assert_eq!(f.opens_inside.marks, 1);
    assert_eq!(
        f.opens.names.into_iter().collect::<Vec<_>>(),
        [(b"release_agent".to_vec(), Access::Write)]
    );
}

#[test]
fn kinds_beyond_the_set_do_not_alias() {
    let s = compile("[[subscribe]]\nkind = \"exec\"");
    let alias = Event {
        kind: kind::EXEC + 128,
        ..Event::default()
    };
    assert!(!s.matches(&alias, false));
}

#[test]
fn truncated_and_unreadable_fields_match_both_ways() {
    let s = compile(
        "[[subscribe]]\nkind = \"open\"\nwhere = [{ field = \"path\", suffix = \"/a\", not = true }]",
    );
    let mut event = open("/b/a", 0, 0);
    assert!(!s.matches(&event, false));
    event.marks = event_mark::TRUNCATED;
    assert!(s.matches(&event, false));
}

#[test]
fn addresses_and_paths_do_not_mix() {
    // The bytes of "/run" are those of 47.114.117.110.
    let connect = |family: u64, text: &[u8]| Event {
        kind: kind::CONNECT,
        a: family << 32 | 443,
        text: text.into(),
        ..Event::default()
    };
    let paths = compile(
        "[[subscribe]]\nkind = \"connect\"\nwhere = [{ field = \"address\", prefix = \"/run\" }]",
    );
    assert!(paths.matches(&connect(1, b"/run/docker.sock"), false));
    assert!(!paths.matches(&connect(2, b"/run"), false));
    let hosts = compile(
        "[[subscribe]]\nkind = \"connect\"\nwhere = [{ field = \"address\", any-of = [\"47.114.117.110\", \"::1\"] }, { field = \"port\", any-of = [80, 443] }]",
    );
    assert!(hosts.matches(&connect(2, b"/run"), false));
    assert!(!hosts.matches(&connect(1, b"/run"), false));
}

#[test]
fn ranges_of_numbers_include_their_ends_and_keep_their_sign() {
    let users = compile(
        "[[subscribe]]\nkind = \"connect\"\nwhere = [{ field = \"uid\", between = [1000, 65533] }]",
    );
    let by = |uid| {
        let mut event = Event {
            kind: kind::CONNECT,
            ..Event::default()
        };
        event.task.uid = uid;
        event.task.process.pid = 7;
        event
    };
    for (uid, wanted) in [(999, false), (1000, true), (65533, true), (65534, false)] {
        assert_eq!(users.matches(&by(uid), false), wanted, "{uid}");
        assert_eq!(users.filter().passes(&by(uid), false), wanted, "{uid}");
    }
    for (negated, inside) in [(false, true), (true, false)] {
        let values = Values::between(-2, 3, negated);
        let Values::Ranges(ranges) = &values else {
            unreachable!("numbers are ranges");
        };
        for (number, near) in [(-3i64, false), (-2, true), (0, true), (3, true), (4, false)] {
            let held = ranges.iter().any(|r| r.contains(&number.cast_unsigned()));
            assert_eq!(held, near == inside, "{number}");
        }
    }
}

#[test]
fn no_negation_narrows_the_filter() {
    let s = compile(
        "[[subscribe]]\nkind = \"open\"\nwhere = [{ field = \"path\", prefix = \"/usr/\", not = true }, { access = \"write\", not = true }]",
    );
    assert_eq!(s.filter().opens.all, Some(Access::Any));
}

fn kind_named(name: &str) -> &'static Kind {
    KINDS
        .iter()
        .find(|kind| kind.name == name)
        .expect("a kind of the catalogue")
}

#[test]
fn a_filter_is_no_wider_than_it_need_be() {
    let s = compile(
        r#"
        [[subscribe]]
        kind = "connect"
        where = [{ field = "port", any-of = [3333, 3334, 4444] }, { field = "uid", equals = 0, not = true }]
        [[subscribe]]
        kind = "connect"
        where = [{ container = true }, { field = "family", equals = 1 }]
        "#,
    );
    let filter = s.filter();
    let connect = |port: u64, family: u64, uid| {
        let mut event = Event {
            kind: kind::CONNECT,
            a: family << 32 | port,
            ..Event::default()
        };
        event.task.uid = uid;
        event.task.process.pid = 7;
        event
    };
    assert!(filter.passes(&connect(3334, 2, 5), false));
    assert!(!filter.passes(&connect(3335, 2, 5), false));
    assert!(
        !filter.passes(&connect(3334, 2, 0), false),
        "root is not wanted"
    );
    assert!(filter.passes(&connect(0, 1, 0), true));
    assert!(
        !filter.passes(&connect(0, 1, 0), false),
        "outside of containers"
    );
    assert!(!filter.passes(
        &Event {
            kind: kind::ACCEPT,
            ..connect(3334, 2, 5)
        },
        true
    ));
}

#[test]
fn what_texts_say_is_judged_in_the_kernel() {
    let s = compile(
        r#"
        [[subscribe]]
        kind = "library"
        where = [{ field = "path", prefix = ["/tmp/", "/var/tmp/a-directory-with-a-long-name/"] }]
        [[subscribe]]
        kind = "library"
        where = [{ field = "path", suffix = "/libpam.so.0" }, { field = "path", any-of = ["/x/libpam.so.0", "/y"], not = true }]
        [[subscribe]]
        kind = "library"
        where = [{ field = "path", equals = "/dev/shm/a.so" }]
        "#,
    );
    let filter = s.filter();
    for (path, marks, sent) in [
        ("/tmp/a.so", 0, true),
        ("/tmp", 0, false),
        ("/usr/lib/libc.so.6", 0, false),
        ("/var/tmp/a-directory-with-a-long-name/b", 0, true),
        // Told apart by their first 32 bytes alone.
        ("/var/tmp/a-directory-with-a-long-other", 0, true),
        ("/var/tmp/a-directory", 0, false),
        ("/usr/lib/security/libpam.so.0", 0, true),
        ("/x/libpam.so.0", 0, false),
        ("libpam.so.0", 0, false),
        ("/dev/shm/a.so", 0, true),
        ("/dev/shm/b.so", 0, false),
        ("/run/dev/shm/a.so", 0, false),
        ("", 0, false),
        ("/usr/lib/libc.so.6", event_mark::TRUNCATED, true),
        ("/usr/lib/libc.so.6", event_mark::INCOMPLETE, true),
    ] {
        let mut event = open(path, 0, 0);
        event.kind = kind::LIBRARY;
        event.marks = marks;
        assert_eq!(filter.passes(&event, false), sent, "{path}");
    }
}

#[test]
fn of_a_path_as_given_the_last_part_is_judged_in_the_kernel() {
    let s = compile(
        r#"
        [[subscribe]]
        kind = "unlink"
        where = [{ field = "path", any-of = ["/etc/shadow", "/root/.bash_history"] }]
        [[subscribe]]
        kind = "unlink"
        where = [{ field = "path", suffix = ".log" }, { field = "path", suffix = "/x.log", not = true }]
        "#,
    );
    let filter = s.filter();
    for (given, sent) in [
        ("/etc\0shadow", true),
        ("\0/link/shadow", true),
        ("/etc/sha\0dow", false),
        ("/root\0xshadow", false),
        ("/\0.bash_history", true),
        ("/\0a.log", true),
        ("\0/a/x.log", false),
        ("/\0x.log", false),
        ("/\0xx.log", true),
        ("/etc\0passwd", false),
        // Which name that is, is for user space to find.
        ("/\0/etc/", true),
        ("/\0..", true),
        ("/etc\0", true),
    ] {
        let mut event = open(given, 0, 0);
        event.kind = kind::UNLINK;
        event.marks = event_mark::AS_GIVEN;
        event.task.process.pid = 7;
        assert_eq!(filter.passes(&event, false), sent, "{given:?}");
    }
}

#[test]
fn packets_are_judged_by_what_they_say_of_themselves() {
    let s = compile(
        r#"
        [[subscribe]]
        kind = "sent"
        where = [{ field = "port", any-of = [25, 587] }, { field = "marks", has = ["outbound"] }]
        [[subscribe]]
        kind = "sent"
        where = [{ field = "payload", prefix = "SSH-" }, { field = "address", any-of = ["10.0.0.1"] }]
        [[subscribe]]
        kind = "tls"
        where = [{ field = "port", equals = 853 }, { field = "server-name", suffix = ".example" }]
        [[subscribe]]
        kind = "dns"
        where = [{ field = "type", equals = 16 }, { field = "uid", equals = 33 }]
        "#,
    );
    let filter = s.filter();
    let packet = |kind, port: u64, payload: &str, address: [u8; 4], uid| {
        let mut event = open(payload, port, 0);
        event.kind = kind;
        event.text2 = address.into();
        event.task.uid = uid;
        event.task.process.pid = 7;
        event.attrs = vec![Attr {
            key: 2,
            value: stream_mark::OUTBOUND.into(),
            ..Attr::default()
        }];
        event
    };
    let passes = |event: &Event| filter.passes(event, false);
    let (one, other) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    assert!(passes(&packet(kind::SENT, 25, "EHLO", other, 0)));
    assert!(!passes(&packet(kind::SENT, 26, "EHLO", other, 0)));
    let mut inbound = packet(kind::SENT, 25, "EHLO", other, 0);
    inbound.attrs.clear();
    assert!(!passes(&inbound));
    assert!(passes(&packet(kind::SENT, 22, "SSH-2.0", one, 0)));
    assert!(!passes(&packet(kind::SENT, 22, "SSH-2.0", other, 0)));
    assert!(!passes(&packet(kind::SENT, 22, "HTTP", one, 0)));
    // What is read out of a packet by user space is not judged.
    assert!(passes(&packet(kind::TLS, 853, "other", one, 0)));
    assert!(!passes(&packet(kind::TLS, 443, "a.example", one, 0)));
    assert!(passes(&packet(kind::DNS, 1, "a.example", one, 33)));
    assert!(!passes(&packet(kind::DNS, 16, "a.example", one, 34)));
    // For whom it came in is not known yet.
    let mut early = packet(kind::DNS, 16, "a.example", one, 0);
    early.task.process.pid = 0;
    assert!(passes(&early));
}

/// What a predicate singles out has a share of its own in a filling ring: of opens by the path too,
/// which the kernel narrows by the name alone.
#[test]
fn what_is_wanted_narrowly_is_set_apart() {
    let s = compile(
        r#"
        [[subscribe]]
        kind = "unlink"
        [[subscribe]]
        kind = "unlink"
        where = [{ field = "path", prefix = "/var/log/" }]
        [[subscribe]]
        kind = "open"
        where = [{ access = "write" }]
        [[subscribe]]
        kind = "open"
        where = [{ field = "path", equals = "/etc/shadow" }, { access = "write" }, { container = true }]
        [[subscribe]]
        kind = "open"
        where = [{ field = "path", prefix = "/proc/", not = true }, { container = true }]
        [[subscribe]]
        kind = "exec"
        where = [{ field = "path", equals = "/bin/su" }]
        "#,
    );
    let apart: BTreeMap<u16, Lines> = s.filter().apart.kept().collect();
    assert_eq!(
        apart.keys().copied().collect::<Vec<_>>(),
        [kind::OPEN, kind::UNLINK]
    );
    let of = |kind| apart[&kind].iter().map(|line| line.tests().len());
    // The path, the access and the container; then the access alone.
    assert_eq!(of(kind::OPEN).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(of(kind::UNLINK).collect::<Vec<_>>(), [1]);
}
