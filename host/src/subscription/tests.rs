use super::*;
use proptest::prelude::*;

const HEAD: &str = r#"
[plugin]
id = "t"
version = "1"
title = "t"
description = "t"
contract = "0.1.0"
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
fn no_negation_narrows_the_filter() {
    let s = compile(
        "[[subscribe]]\nkind = \"open\"\nwhere = [{ field = \"path\", prefix = \"/usr/\", not = true }, { access = \"write\", not = true }]",
    );
    assert_eq!(s.filter().opens.all, Some(Access::Any));
}

/// Texts over a small alphabet, so that they meet.
fn path() -> impl Strategy<Value = String> {
    "/?[ab](/[ab]{1,2}){0,3}/?"
}

fn list(values: impl Strategy<Value = u64>) -> impl Strategy<Value = String> {
    proptest::collection::vec(values, 1..5).prop_map(|v| format!("{v:?}"))
}

/// Numbers that lie close together, at the ends, and in the middle.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..6u64, 440..446u64, Just(0xffff_fffe), Just(0xffff_ffff)]
}

fn of_paths() -> impl Strategy<Value = String> {
    let list = proptest::collection::vec(path(), 1..3).prop_map(|v| format!("{v:?}"));
    (prop_oneof!["any-of", "prefix", "suffix"], list)
        .prop_map(|(op, list)| format!("field = \"path\", {op} = {list}"))
}

fn of_any_kind() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<bool>().prop_map(|c| format!("container = {c}")),
        list(0..3u64).prop_map(|u| format!("field = \"uid\", any-of = {u}")),
    ]
}

/// A subscription to a kind with what it has to be narrowed by.
fn subscription() -> impl Strategy<Value = String> {
    let open = prop_oneof![
        of_paths(),
        prop_oneof!["foreign-mount", "outside-mount", "fifo"]
            .prop_map(|m| format!("field = \"marks\", has = [{m:?}]")),
        prop_oneof!["write", "any"].prop_map(|a| format!("access = {a:?}")),
        list(number()).prop_map(|u| format!("field = \"inode\", any-of = {u}")),
        of_any_kind(),
    ];
    let connect = prop_oneof![
        list(number()).prop_map(|p| format!("field = \"port\", any-of = {p}")),
        list(number()).prop_map(|f| format!("field = \"family\", any-of = {f}")),
        of_any_kind(),
    ];
    let mount = prop_oneof![
        prop_oneof!["mount", "bind", "umount"]
            .prop_map(|o| format!("field = \"operation\", equals = {o:?}")),
        list(number()).prop_map(|f| format!("field = \"flags\", has = {f}")),
        of_any_kind(),
    ];
    let unlink = prop_oneof![
        of_paths(),
        list(number()).prop_map(|f| format!("field = \"inode\", any-of = {f}")),
        of_any_kind(),
    ];
    let sent = prop_oneof![
        list(number()).prop_map(|p| format!("field = \"port\", any-of = {p}")),
        of_any_kind(),
    ];
    prop_oneof![
        4 => of_kind("open", open),
        2 => of_kind("connect", connect),
        2 => of_kind("mount", mount),
        2 => of_kind("unlink", unlink),
        1 => of_kind("sent", sent),
    ]
}

fn of_kind(
    kind: &'static str,
    tests: impl Strategy<Value = String> + 'static,
) -> BoxedStrategy<String> {
    let predicate =
        (tests, any::<bool>()).prop_map(|(test, not)| format!("{{ {test}, not = {not} }}"));
    proptest::collection::vec(predicate, 0..4)
        .prop_map(move |ps| {
            let all = ps.join(", ");
            format!("[[subscribe]]\nkind = \"{kind}\"\nwhere = [{all}]\n")
        })
        .boxed()
}

fn event() -> impl Strategy<Value = Event> {
    (
        prop_oneof![
            Just(kind::OPEN),
            Just(kind::CONNECT),
            Just(kind::MOUNT),
            Just(kind::UNLINK),
            Just(kind::SENT),
            Just(kind::EXEC),
        ],
        path(),
        prop_oneof![number(), Just(0o100), Just(0o1000), Just(0o200000)],
        prop_oneof![Just(0u64), Just(1), Just(2), Just(0x40), number()],
        prop_oneof![6 => Just(0u32), 1 => Just(1u32), 1 => Just(4u32), 1 => Just(0x10)],
        0..3u32,
        number(),
    )
        .prop_map(|(kind, path, low, high, marks, uid, b)| {
            let mut event = open(&path, low & 0xffff_ffff, high as u32);
            event.kind = kind;
            event.marks = marks;
            event.task.uid = uid;
            event.b = b << 32 | b;
            event
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8192, failure_persistence: None, ..ProptestConfig::default() })]
    /// The filter is a superset of the match, whatever is asked for and by how many: also where
    /// the kernel's tables are too small for it.
    #[test]
    fn what_matches_passes_the_filter(
        plugins in proptest::collection::vec(proptest::collection::vec(subscription(), 1..12), 1..4),
        events in proptest::collection::vec((event(), any::<bool>(), any::<bool>()), 1..32),
    ) {
        let plugins: Vec<_> = plugins.iter().map(|s| compile(&s.concat())).collect();
        let mut filter = Filter::context();
        plugins.iter().for_each(|s| filter.union(&s.filter()));
        for (event, container, unknown) in events {
            if plugins.iter().any(|s| s.matches(&event, container)) {
                let inside = container || unknown;
                prop_assert!(filter.passes(&event, inside), "{event:?} does not pass {filter:?}");
            }
        }
    }
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
