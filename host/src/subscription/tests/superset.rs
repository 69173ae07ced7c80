//! What matches passes the filter, whatever is asked for and whatever happens.

use super::*;
use proptest::prelude::*;
use vedette_contract::{Field, KINDS, Set};

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

/// What may stand before the last part of a name, and before that.
fn given() -> impl Strategy<Value = String> {
    prop_oneof!["", "/", "(/?[ab.]{1,2}){0,3}"]
}
