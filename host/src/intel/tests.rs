//! The tables against a search through everything, and directories as operators leave them.

use super::{
    Builder, Directory, Feed, Hit, IntelError, Lists, MAX_HITS, Malformed, Network, Problem,
    entry::{self, Entry},
};
use crate::plugin::component::Digest;
use proptest::prelude::*;
use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::{PermissionsExt, symlink},
};
use vedette_contract::values::{failure, indicator};

type Line = (usize, String, &'static str);

const LISTS: [&str; 3] = ["botnet", "feed", "own"];

/// Few bits differ, so that entries and questions meet.
fn v4() -> impl Strategy<Value = Ipv4Addr> {
    (0..4u32, 0..4u32, 0..8u32).prop_map(|(a, b, c)| Ipv4Addr::from_bits(a << 30 | b << 15 | c))
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    (0..4u128, 0..4u128, 0..8u128)
        .prop_map(|(a, b, c)| Ipv6Addr::from_bits(0x2001 << 112 | a << 94 | b << 60 | c))
}

fn name() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["a", "B", "bad", "example", "com", "x-1"]);
    prop::collection::vec(label, 1..6).prop_map(|labels| labels.join("."))
}

fn hash() -> impl Strategy<Value = [u8; 32]> {
    (0..4u8, 0..4u8).prop_map(|(first, last)| {
        let mut hash = [first; 32];
        hash[15] = last;
        hash
    })
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn listed() -> impl Strategy<Value = String> {
    prop_oneof![
        (v4(), 1..=32u8).prop_map(|(address, len)| format!("{address}/{len}")),
        v4().prop_map(|address| address.to_string()),
        (v6(), 1..=128u8).prop_map(|(address, len)| format!("{address}/{len}")),
        v4().prop_map(|address| address.to_ipv6_mapped().to_string()),
        name().prop_map(|name| format!(".{name}")),
        hash().prop_map(|hash| hex(&hash)),
    ]
}

fn asked() -> impl Strategy<Value = (u32, Vec<u8>)> {
    prop_oneof![
        v4().prop_map(|a| (indicator::ADDRESS, a.octets().to_vec())),
        v4().prop_map(|a| (indicator::ADDRESS, a.to_ipv6_mapped().octets().to_vec())),
        v6().prop_map(|a| (indicator::ADDRESS, a.octets().to_vec())),
        name().prop_map(|name| (indicator::DOMAIN, name.into_bytes())),
        name().prop_map(|name| (indicator::DOMAIN, format!("\u{e9}..{name}.").into_bytes())),
        hash().prop_map(|hash| (indicator::HASH, hash.to_vec())),
    ]
}

fn lists(lines: &[Line]) -> Lists {
    let mut builder = Builder::default();
    for (n, list) in LISTS.iter().enumerate() {
        builder.list(list);
        for (_, line, note) in lines.iter().filter(|(of, _, _)| *of == n) {
            let (entry, _) = entry::parse(line).unwrap().unwrap();
            builder.add(&entry, note);
        }
    }
    builder.finish(Digest([0; 32]))
}

/// How narrow an entry is that matches, and its text; by the meaning of the words alone.
fn matches(line: &str, kind: u32, value: &[u8]) -> Option<(usize, String)> {
    let address = |bytes: &[u8]| match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).unwrap()),
        _ => IpAddr::from(<[u8; 16]>::try_from(bytes).unwrap()).to_canonical(),
    };
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => format!("4{:032b}", v4.to_bits()),
        IpAddr::V6(v6) => format!("6{:0128b}", v6.to_bits()),
    };
    if line.len() == 64 && !line.contains('.') {
        let same =
            kind == indicator::HASH && line.eq_ignore_ascii_case(&hex(value.try_into().ok()?));
        return same.then(|| (0, line.to_ascii_lowercase()));
    }
    if let Some(domain) = line.strip_prefix('.') {
        let domain = domain.to_ascii_lowercase();
        let asked = String::from_utf8_lossy(value).to_ascii_lowercase();
        let asked = asked.trim_end_matches('.');
        let below = asked == domain || asked.ends_with(&format!(".{domain}"));
        return (kind == indicator::DOMAIN && below).then_some((domain.len(), domain));
    }
    if kind != indicator::ADDRESS {
        return None;
    }
    let (base, len) = line.split_once('/').unwrap_or((line, "128"));
    let base = base.parse::<IpAddr>().unwrap().to_canonical();
    let base = bits(base);
    let len = len.parse::<usize>().unwrap().min(base.len() - 1);
    let asked = bits(address(value));
    let network = Network::new(address(value), len as u8)?;
    (asked[..=len] == base[..=len]).then(|| (len, network.to_string()))
}

fn naive(lines: &[Line], kind: u32, value: &[u8]) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (list, line, note) in lines {
        if let Some((width, entry)) = matches(line, kind, value) {
            hits.push((width, *list, entry, *note));
        }
    }
    hits.sort();
    hits.dedup();
    let hit = |(_, list, entry, note): (usize, usize, String, &str)| Hit {
        list: LISTS[list].into(),
        entry,
        note: note.to_owned(),
    };
    hits.into_iter().map(hit).collect()
}

fn in_order(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by(|a, b| (&a.list, &a.entry, &a.note).cmp(&(&b.list, &b.entry, &b.note)));
    hits
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tables_find_what_a_search_through_all_finds(
        lines in prop::collection::vec((0..3usize, listed(), prop::sample::select(vec!["", "n", "é"])), 0..200),
        asked in prop::collection::vec(asked(), 1..40),
    ) {
        let lists = lists(&lines);
        for (kind, value) in asked {
            let found = lists.look_up(kind, &value).unwrap();
            let expected = naive(&lines, kind, &value);
            let widths: Vec<usize> = found.iter().map(|hit| width(&hit.entry)).collect();
            prop_assert!(widths.is_sorted_by(|a, b| a >= b), "the narrowest first: {:?}", found);
            if expected.len() <= MAX_HITS {
                prop_assert_eq!(in_order(found), in_order(expected));
            } else {
                prop_assert_eq!(found.len(), MAX_HITS);
            }
        }
    }

    #[test]
    fn no_line_and_no_question_panics(line in "\\PC{0,80}", kind in 0..5u32, value in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut builder = Builder::default();
        builder.list("any");
        if let Ok(Some((entry, note))) = entry::parse(&line) {
            builder.add(&entry, note);
        }
        let _ = builder.finish(Digest([0; 32])).look_up(kind, &value);
    }
}

/// Bits of a network, bytes of a domain.
fn width(entry: &str) -> usize {
    match entry.split_once('/') {
        Some((_, len)) => len.parse().unwrap(),
        None if entry.parse::<IpAddr>().is_ok() => 128,
        None => entry.len(),
    }
}

/// Far more entries than the index has runs for, so that every search goes through it.
#[test]
fn many_entries_are_found_and_their_neighbours_are_not() {
    let mut builder = Builder::default();
    builder.list("many");
    for n in 0..50_000u32 {
        let address = Ipv4Addr::from_bits(n.wrapping_mul(2_654_435_761) & !1);
        let network = Network::new(address.into(), 32).unwrap();
        builder.add(&Entry::Network(network), "");
    }
    let lists = builder.finish(Digest([0; 32]));
    for n in 0..50_000u32 {
        let address = Ipv4Addr::from_bits(n.wrapping_mul(2_654_435_761) & !1);
        let hits = lists
            .look_up(indicator::ADDRESS, &address.octets())
            .unwrap();
        assert_eq!(hits.len(), 1, "{address}");
        assert_eq!(hits[0].entry, address.to_string());
        let beside = Ipv4Addr::from_bits(address.to_bits() | 1);
        assert_eq!(
            lists.look_up(indicator::ADDRESS, &beside.octets()),
            Ok(Vec::new())
        );
    }
}

#[test]
fn what_has_not_the_form_of_its_kind_is_malformed() {
    let lists = lists(&[]);
    for (kind, value) in [
        (indicator::ADDRESS, 5),
        (indicator::HASH, 31),
        (0, 4),
        (9, 4),
    ] {
        assert_eq!(
            lists.look_up(kind, &vec![0; value]),
            Err(failure::MALFORMED)
        );
    }
    assert_eq!(
        lists.look_up(indicator::DOMAIN, &[b'a'; 1025]),
        Err(failure::TOO_LARGE)
    );
    assert_eq!(lists.look_up(indicator::DOMAIN, b""), Ok(Vec::new()));
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_directory_gives_its_lists_and_says_what_is_wrong_with_them() {
    let place = directory();
    let long = "x".repeat(10_000);
    fs::write(
        place.path().join("c2.txt"),
        format!("# of today\n192.0.2.7, relay\n{long}\nevil.example\n1.2.3.400\n"),
    )
    .unwrap();
    fs::write(
        place.path().join("c2.csv"),
        b"198.51.100.0/24\n\xff\n203.0.113.1",
    )
    .unwrap();
    // Between those of the list "c2" in the order of their paths.
    fs::write(place.path().join("c2"), "203.0.113.2\n").unwrap();
    fs::write(place.path().join("c2-old.txt"), "203.0.113.3\n").unwrap();
    for passing in [".hidden", "c2.txt~", "feed.tmp"] {
        fs::write(place.path().join(passing), "192.0.2.8").unwrap();
    }
    fs::create_dir(place.path().join("below")).unwrap();
    let loaded = Directory::new(place.path().to_owned()).load().unwrap();
    assert_eq!((loaded.lists.entries(), loaded.lists.count()), (6, 2));
    assert_eq!(loaded.malformed, 3);
    let lines: Vec<_> = loaded
        .problems
        .iter()
        .map(|problem| match problem {
            Problem::Line { file, line, why } => {
                (file.extension().unwrap().to_str().unwrap(), *line, *why)
            }
            other => panic!("{other}"),
        })
        .collect();
    let expected = [
        ("csv", 2, Malformed::NotText),
        ("txt", 3, Malformed::TooLong),
        ("txt", 5, Malformed::Unknown),
    ];
    assert_eq!(lines, expected);
    let hits = loaded
        .lists
        .look_up(indicator::ADDRESS, &[192, 0, 2, 7])
        .unwrap();
    assert_eq!(hits[0].note, "relay");
    let hits = loaded
        .lists
        .look_up(indicator::DOMAIN, b"www.Evil.example.")
        .unwrap();
    assert_eq!(
        (&*hits[0].list, hits[0].entry.as_str()),
        ("c2", "evil.example")
    );
    assert_eq!(
        loaded.lists.look_up(indicator::ADDRESS, &[192, 0, 2, 8]),
        Ok(Vec::new())
    );
}

#[test]
fn the_digest_is_of_names_and_content() {
    let digest = |files: &[(&str, &str)]| {
        let place = directory();
        for (name, content) in files {
            fs::write(place.path().join(name), content).unwrap();
        }
        let loaded = Directory::new(place.path().to_owned()).load().unwrap();
        loaded.lists.digest()
    };
    let one = digest(&[("a.txt", "192.0.2.7\n"), ("b.txt", "192.0.2.8\n")]);
    assert_eq!(
        one,
        digest(&[("b.txt", "192.0.2.8\n"), ("a.txt", "192.0.2.7\n")])
    );
    assert_ne!(
        one,
        digest(&[("a.txt", "192.0.2.8\n"), ("b.txt", "192.0.2.7\n")])
    );
    assert_ne!(one, digest(&[("a.txt", "192.0.2.7\n192.0.2.8\n")]));
    assert_ne!(one, digest(&[]));
}

#[test]
fn what_others_can_write_is_not_used() {
    let place = directory();
    let list = place.path().join("feed.txt");
    fs::write(&list, "192.0.2.7").unwrap();
    fs::set_permissions(&list, fs::Permissions::from_mode(0o666)).unwrap();
    let loaded = Directory::new(place.path().to_owned()).load().unwrap();
    assert_eq!(loaded.lists.entries(), 0);
    assert!(
        matches!(&loaded.problems[..], [Problem::File { .. }]),
        "{:?}",
        loaded.problems
    );
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let refused = Directory::new(place.path().to_owned()).load();
    assert!(
        matches!(refused, Err(IntelError::Place { .. })),
        "{refused:?}"
    );
    let refused = Directory::new(list.clone()).load();
    assert!(
        matches!(refused, Err(IntelError::NotDirectory(_))),
        "{refused:?}"
    );
}

#[test]
fn a_feed_gives_what_has_changed_and_says_so_once() {
    let place = directory();
    let list = place.path().join("own.txt");
    fs::write(&list, "evil.example\n").unwrap();
    let (first, feed) = Feed::start(place.path().to_owned()).unwrap();
    assert_eq!(first.lists.entries(), 1);
    // The same content is no change.
    fs::write(&list, "evil.example\n").unwrap();
    let next = || loop {
        match feed.next() {
            Some(loaded) => break loaded,
            None => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    };
    fs::write(place.path().join("more.txt"), "192.0.2.7\n").unwrap();
    assert_eq!(next().lists.entries(), 2);
    // While somebody still asks the former lists, there are no third ones.
    fs::write(&list, "evil.example\nbad.example\n").unwrap();
    std::thread::sleep(3 * super::feed::LOOK);
    assert!(feed.next().is_none());
    drop(first);
    assert_eq!(next().lists.entries(), 3);
}

#[test]
fn a_change_counts_once_it_has_come_to_rest() {
    let place = directory();
    let list = place.path().join("feed.txt");
    fs::write(&list, "192.0.2.7\n").unwrap();
    let mut directory = Directory::new(place.path().to_owned());
    directory.load().unwrap();
    assert!(!directory.changed().unwrap());
    fs::write(&list, "192.0.2.7\n192.0.2.8\n").unwrap();
    assert!(
        !directory.changed().unwrap(),
        "it may still be being written"
    );
    assert!(directory.changed().unwrap());
    assert_eq!(directory.load().unwrap().lists.entries(), 2);
    assert!(!directory.changed().unwrap());
    // As a mounted volume does it: one link is switched, and all files are others.
    let volume = place.path().join("..new");
    fs::create_dir(&volume).unwrap();
    fs::write(volume.join("feed.txt"), "192.0.2.9\n").unwrap();
    fs::remove_file(&list).unwrap();
    symlink("..new/feed.txt", &list).unwrap();
    assert!(!directory.changed().unwrap());
    assert!(directory.changed().unwrap());
    let lists = directory.load().unwrap().lists;
    assert_eq!(
        lists
            .look_up(indicator::ADDRESS, &[192, 0, 2, 9])
            .unwrap()
            .len(),
        1
    );
    fs::remove_file(&list).unwrap();
    assert!(!directory.changed().unwrap());
    assert!(
        directory.changed().unwrap(),
        "a list that is gone is a change"
    );
}
