use super::*;
use proptest::prelude::*;

const HEAD: &str = r#"
[plugin]
id = "t"
version = "1"
title = "t"
description = "t"
contract = "0.1.0-dev"
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
    assert_eq!(f.opens.marks, 1);
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

/// What a kernel that does just what the filter says would send.
fn passes(filter: &Filter, event: &Event) -> bool {
    if !filter.kinds.has(event.kind) {
        return false;
    }
    if event.kind != kind::OPEN
        || event.marks & (event_mark::TRUNCATED | event_mark::INCOMPLETE) != 0
    {
        return true;
    }
    let flags = event.a & 0xffff_ffff;
    let writes = flags & 3 != 0 || flags & 0o1100 != 0;
    let fits = |access: &Access| *access == Access::Any || writes;
    let name = event.text.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let opens = &filter.opens;
    opens.all.as_ref().is_some_and(fits)
        || (event.a >> 32) as u32 & opens.marks != 0
        || opens.names.get(name).is_some_and(fits)
        || opens
            .prefixes
            .iter()
            .any(|(p, access)| event.text.starts_with(p) && fits(access))
}

/// Texts over a small alphabet, so that they meet.
fn path() -> impl Strategy<Value = String> {
    "/?[ab](/[ab]{1,2}){0,3}/?"
}

fn predicate() -> impl Strategy<Value = String> {
    let list = proptest::collection::vec(path(), 1..3).prop_map(|v| format!("{v:?}"));
    let test = prop_oneof![
        (prop_oneof!["any-of", "prefix", "suffix"], list)
            .prop_map(|(op, list)| format!("field = \"path\", {op} = {list}")),
        prop_oneof!["foreign-mount", "outside-mount", "fifo"]
            .prop_map(|m| format!("field = \"marks\", has = [{m:?}]")),
        prop_oneof!["write", "any"].prop_map(|a| format!("access = {a:?}")),
        any::<bool>().prop_map(|c| format!("container = {c}")),
        (0..3u32).prop_map(|u| format!("field = \"uid\", equals = {u}")),
        (0..3u32).prop_map(|u| format!("field = \"inode\", any-of = [{u}, 7]")),
    ];
    (test, any::<bool>()).prop_map(|(test, not)| format!("{{ {test}, not = {not} }}"))
}

fn subscription() -> impl Strategy<Value = String> {
    proptest::collection::vec(predicate(), 0..4).prop_map(|ps| {
        format!(
            "[[subscribe]]\nkind = \"open\"\nwhere = [{}]\n",
            ps.join(", ")
        )
    })
}

fn event() -> impl Strategy<Value = Event> {
    (
        prop_oneof![8 => Just(kind::OPEN), 1 => Just(kind::EXEC)],
        path(),
        prop_oneof![
            Just(0u64),
            Just(1),
            Just(2),
            Just(0o100),
            Just(0o1000),
            Just(0o200000)
        ],
        prop_oneof![Just(0u32), Just(1), Just(2), Just(0x40)],
        prop_oneof![6 => Just(0u32), 1 => Just(1u32), 1 => Just(4u32)],
        0..3u32,
        0..3u64,
    )
        .prop_map(|(kind, path, flags, open_marks, marks, uid, inode)| {
            let mut event = open(&path, flags, open_marks);
            event.kind = kind;
            event.marks = marks;
            event.task.uid = uid;
            event.b = inode;
            event
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]
    /// The filter is a superset of the match, whatever is asked for.
    #[test]
    fn what_matches_passes_the_filter(
        subscriptions in proptest::collection::vec(subscription(), 1..4),
        events in proptest::collection::vec((event(), any::<bool>()), 1..16),
    ) {
        let s = compile(&subscriptions.concat());
        let filter = s.filter();
        for (event, container) in events {
            if s.matches(&event, container) {
                prop_assert!(passes(&filter, &event), "{event:?} is not let pass by {filter:?}");
            }
        }
    }
}
