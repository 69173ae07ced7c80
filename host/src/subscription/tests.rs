use super::*;
use proptest::prelude::*;
use vedette_contract::{Field, KINDS, Kind, Set, values::stream_mark};
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

/// Texts over a small alphabet, so that they meet; some are longer than what the kernel compares.
fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "/?[ab](/[ab]{1,2}){0,3}/?",
        1 => "/(ab/ab/ab/ab/ab/a){1,2}[ab]/[ab]{1,2}",
        1 => "[ab]{30,34}",
    ]
}

fn list<T: std::fmt::Debug>(values: impl Strategy<Value = T>) -> impl Strategy<Value = String> {
    proptest::collection::vec(values, 1..4).prop_map(|v| format!("{v:?}"))
}

/// Numbers that lie close together, at the ends, and in the middle.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..6u64,
        1 => 440..446u64,
        1 => prop_oneof![Just(0xffff_fffe), Just(0xffff_ffffu64)],
        // What families of sockets and their types look like.
        1 => prop_oneof![Just(0x1_0001u64), Just(0x1_0002), Just(0x1_0028)],
    ]
}

fn address() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec!["47.97.47.98", "47.97.47.97", "::1", "2f61:2f62::"])
}

/// Whatever can be asked of a field.
fn of_field(field: &'static Field) -> Option<BoxedStrategy<String>> {
    let say = move |op: &str, list: String| format!("field = {:?}, {op} = {list}", field.name);
    let texts = move || {
        (prop_oneof!["prefix", "suffix"], list(path())).prop_map(move |(op, l)| say(&op, l))
    };
    let names = |set: &'static Set| {
        let names: Vec<_> = set.values.iter().map(|value| value.name).collect();
        list(proptest::sample::select(names))
    };
    Some(match field.ty {
        Type::U32 | Type::U64 | Type::S32 => {
            let most = if matches!(field.ty, Type::S32) {
                0x7fff_ffff
            } else {
                u64::MAX
            };
            let few = list(number().prop_map(move |n| n.min(most)));
            let least = match field.ty {
                Type::S32 => -3,
                _ => 0,
            };
            let most = match field.ty {
                Type::U32 => u32::MAX.into(),
                _ => most.min(i64::MAX as u64) as i64,
            };
            // Near what events have, so that both ends are hit.
            let end = move || prop_oneof![least..=70i64, least..=most];
            let two = (end(), end()).prop_map(|(a, b)| format!("[{}, {}]", a.min(b), a.max(b)));
            prop_oneof![
                few.prop_map(move |l| say("any-of", l)),
                two.prop_map(move |l| say("between", l)),
            ]
            .boxed()
        }
        Type::Hex => (prop_oneof!["any-of", "has"], list(number()))
            .prop_map(move |(op, l)| say(&op, l))
            .boxed(),
        Type::Set(set) => names(set).prop_map(move |l| say("any-of", l)).boxed(),
        Type::Bits(set) => names(set).prop_map(move |l| say("has", l)).boxed(),
        Type::Path | Type::Bytes => {
            prop_oneof![texts(), list(path()).prop_map(move |l| say("any-of", l)),].boxed()
        }
        Type::Address => prop_oneof![
            texts(),
            list(path()).prop_map(move |l| say("any-of", l)),
            list(address()).prop_map(move |l| say("any-of", l)),
        ]
        .boxed(),
        Type::Process => return None,
    })
}

/// A subscription to a kind with what it has to be narrowed by.
fn subscription_to(kind: &'static Kind) -> BoxedStrategy<String> {
    let mut tests: Vec<BoxedStrategy<String>> = kind.fields.iter().filter_map(of_field).collect();
    tests.push(
        any::<bool>()
            .prop_map(|c| format!("container = {c}"))
            .boxed(),
    );
    tests.push(
        prop_oneof![
            list(0..3u64).prop_map(|u| format!("any-of = {u}")),
            (0..3u64, 0..3u64).prop_map(|(a, more)| format!("between = [{a}, {}]", a + more)),
        ]
        .prop_map(|how| format!("field = \"uid\", {how}"))
        .boxed(),
    );
    if kind.number == kind::OPEN {
        let access = prop_oneof!["write", "any"];
        tests.push(access.prop_map(|a| format!("access = {a:?}")).boxed());
    }
    let predicate = (proptest::strategy::Union::new(tests), any::<bool>())
        .prop_map(|(test, not)| format!("{{ {test}, not = {not} }}"));
    proptest::collection::vec(predicate, 0..4)
        .prop_map(move |ps| {
            let all = ps.join(", ");
            format!("[[subscribe]]\nkind = \"{}\"\nwhere = [{all}]\n", kind.name)
        })
        .boxed()
}

/// The kinds that the kernel tells of, opens in several ways and so more often.
fn kind_of_kernel() -> impl Strategy<Value = &'static Kind> {
    let told = KINDS
        .iter()
        .filter(|k| k.family != "agent" && k.number != kind::EXISTING);
    let open = KINDS.iter().filter(|k| k.number == kind::OPEN);
    prop_oneof![
        5 => proptest::sample::select(told.collect::<Vec<_>>()),
        1 => proptest::sample::select(open.collect::<Vec<_>>()),
    ]
}

fn text_of_event() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => path().prop_map(String::into_bytes),
        1 => Just(b"/a/b".to_vec()),
        1 => Just(b"/a/b\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
        1 => Just(Vec::new()),
    ]
}

fn word() -> impl Strategy<Value = u64> {
    let low = prop_oneof![number(), Just(0o100), Just(0o1000), Just(0o200000)];
    (low, number()).prop_map(|(low, high)| low & 0xffff_ffff | high << 32)
}

fn event_of(kind: &'static Kind) -> impl Strategy<Value = Event> {
    let marks = prop_oneof![
        8 => Just(0u32),
        1 => Just(event_mark::TRUNCATED),
        1 => Just(event_mark::INCOMPLETE),
        2 => Just(event_mark::AS_GIVEN),
    ];
    (
        (text_of_event(), text_of_event()),
        (word(), word(), word()),
        (marks, 0..3u32, prop_oneof![5 => Just(7u32), 1 => Just(0)]),
        proptest::collection::vec((1..3u32, number()), 0..2),
        prop_oneof![Just(0i32), Just(-1), 0..6i32],
    )
        .prop_map(move |(texts, words, (marks, uid, pid), attrs, ret)| {
            let mut event = Event {
                kind: kind.number,
                marks,
                ret,
                text: texts.0.into(),
                text2: texts.1.into(),
                a: words.0,
                b: words.1,
                c: words.2,
                ..Event::default()
            };
            event.task.uid = uid;
            event.task.process.pid = pid;
            event.attrs = attrs
                .into_iter()
                .map(|(key, value)| Attr {
                    key,
                    value,
                    ..Attr::default()
                })
                .collect();
            event
        })
}

type Case = (Vec<Vec<String>>, Vec<(Event, bool, bool)>);

/// Plugins that want something of a few kinds, and events of these.
fn case() -> impl Strategy<Value = Case> {
    proptest::collection::vec(kind_of_kernel(), 1..4).prop_flat_map(|kinds| {
        let wanted = kinds.iter().map(|kind| subscription_to(kind));
        let events = kinds.iter().map(|kind| event_of(kind).boxed());
        let subscription = proptest::strategy::Union::new(wanted);
        let event = proptest::strategy::Union::new(events);
        (
            proptest::collection::vec(proptest::collection::vec(subscription, 1..10), 1..4),
            proptest::collection::vec((event, any::<bool>(), any::<bool>()), 1..32),
        )
    })
}

fn compiled(plugins: &[Vec<String>]) -> (Vec<Subscriptions>, Filter) {
    let plugins: Vec<_> = plugins.iter().map(|s| compile(&s.concat())).collect();
    let mut filter = Filter::context();
    plugins.iter().for_each(|s| filter.union(&s.filter()));
    (plugins, filter)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8192, failure_persistence: None, ..ProptestConfig::default() })]
    /// The filter is a superset of the match, whatever is asked for and by how many: also where
    /// the kernel's tables are too small for it.
    #[test]
    fn what_matches_passes_the_filter((plugins, events) in case()) {
        let (plugins, filter) = compiled(&plugins);
        for (event, container, unknown) in events {
            if plugins.iter().any(|s| s.matches(&event, container)) {
                let inside = container || unknown;
                prop_assert!(filter.passes(&event, inside), "{event:?} does not pass {filter:?}");
            }
        }
    }

    /// The same of paths as given, by what the kernel has of them: a directory, a NUL, and a name
    /// that may lead through links to anywhere. Its last part alone is that of the path which user
    /// space makes of it.
    #[test]
    fn what_a_given_path_leads_to_passes_the_filter(
        plugins in proptest::collection::vec(
            proptest::collection::vec(subscription_to(kind_named("rename")), 1..6), 1..3),
        paths in proptest::collection::vec(("(/[ab]{1,2}){0,3}", "[ab]{1,3}", given(), given()), 2..32),
        uid in 0..3u32,
    ) {
        let (plugins, filter) = compiled(&plugins);
        for pair in paths.chunks_exact(2) {
            let path = |(directory, last, ..): &(String, String, String, String)| -> Box<[u8]> {
                format!("{directory}/{last}").into_bytes().into()
            };
            let record = |(_, last, from, name): &(String, String, String, String)| -> Box<[u8]> {
                let slash = if name.is_empty() || name.ends_with('/') { "" } else { "/" };
                format!("{from}\0{name}{slash}{last}").into_bytes().into()
            };
            let mut told = open("", 0, 0);
            (told.kind, told.marks) = (kind::RENAME, event_mark::AS_GIVEN);
            (told.task.uid, told.task.process.pid) = (uid, 7);
            (told.text, told.text2) = (path(&pair[0]), path(&pair[1]));
            let mut sent = told.clone();
            (sent.text, sent.text2) = (record(&pair[0]), record(&pair[1]));
            if plugins.iter().any(|s| s.matches(&told, false)) {
                prop_assert!(filter.passes(&sent, false), "{sent:?} does not pass {filter:?}");
            }
        }
    }
}

fn kind_named(name: &str) -> &'static Kind {
    KINDS
        .iter()
        .find(|kind| kind.name == name)
        .expect("a kind of the catalogue")
}

/// What may stand before the last part of a name, and before that.
fn given() -> impl Strategy<Value = String> {
    prop_oneof!["", "/", "(/?[ab.]{1,2}){0,3}"]
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
