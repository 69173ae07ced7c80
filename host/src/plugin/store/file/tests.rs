use super::*;
use std::{fs, os::unix::fs::PermissionsExt};

fn place(plugin: &str, form: u32) -> Place {
    Place {
        plugin: plugin.to_owned(),
        publisher: None,
        form,
    }
}

fn signed(plugin: &str, digit: &str) -> Place {
    let key = format!("ed25519:{}", digit.repeat(64));
    Place {
        publisher: Some(key.parse().unwrap()),
        ..place(plugin, 1)
    }
}

fn value(text: &str, end: u64) -> Entry {
    let content = Content::Value(text.as_bytes().into());
    Entry { content, end }
}

fn key(name: &str) -> Key {
    name.as_bytes().into()
}

fn put(file: &File, place: &Place, changes: &[(&str, Option<Entry>)], offset: u64, now: u64) {
    let keys: Vec<Key> = changes.iter().map(|(name, _)| key(name)).collect();
    let entries = changes.iter().map(|(_, entry)| entry.as_ref());
    let write = Write {
        place,
        afresh: false,
        changes: keys.iter().zip(entries).collect(),
    };
    file.write(&[write], &[place], &[], offset, now).unwrap();
}

#[test]
fn what_is_written_is_read_by_its_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deeper/test.state.redb");
    let file = File::open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let counter = Entry {
        content: Content::Count(7),
        end: 500,
    };
    let entries = [
        ("b", Some(value("bee", u64::MAX))),
        ("a", Some(value("", 400))),
        ("c", Some(counter.clone())),
    ];
    let all = [
        place("one", 1),
        place("one", u32::MAX),
        place("on", 1),
        signed("one", "a"),
        signed("one", "b"),
    ];
    for place in &all {
        assert_eq!(file.read(place, 1000, u64::MAX).unwrap().0, []);
    }
    put(&file, &all[0], &entries, 1000, 1);
    put(&file, &all[1], &[("max", Some(value("", 1)))], 1000, 1);
    put(&file, &all[3], &[("a", Some(value("of a", 1)))], 1000, 1);
    drop(file);
    let file = File::open(&path).unwrap();
    let read = |place| file.read(place, 1000, u64::MAX).unwrap().0;
    let expected = vec![
        (key("a"), value("", 400)),
        (key("b"), value("bee", u64::MAX)),
        (key("c"), counter.clone()),
    ];
    assert_eq!(read(&all[0]), expected);
    assert_eq!(read(&all[2]), []);
    assert_eq!(read(&all[3]), [(key("a"), value("of a", 1))]);
    assert_eq!(read(&all[4]), []);
    assert_eq!(
        file.read(&place("one", 2), 1000, u64::MAX).unwrap().1,
        2,
        "other forms"
    );

    // After a boot the clock of events begins anew: what has ended by the wall has ended.
    let (after_boot, _) = file.read(&all[0], 1450, u64::MAX).unwrap();
    assert_eq!(after_boot[0], (key("a"), value("", 0)));
    assert_eq!(after_boot[2].1.end, 50);
    assert_eq!(after_boot[1].1.end, u64::MAX);

    // A clock of the wall that is not set yet, 5 s after a boot: it was 1 s then.
    let (unset, _) = file.read(&all[0], 0, 5).unwrap();
    assert_eq!(unset[0], (key("a"), value("", 0)));
    let (unset, _) = file.read(&all[0], 0, 999_999_000).unwrap();
    assert_eq!(unset[0], (key("a"), value("", 400)));

    put(
        &file,
        &all[0],
        &[("a", None), ("b", Some(value("new", 3)))],
        0,
        2,
    );
    assert_eq!(read(&all[0]).len(), 2);
    file.write(&[], &[], &[all[1].clone(), all[0].clone()], 0, 3)
        .unwrap();
    assert_eq!((read(&all[0]), read(&all[1])), (vec![], vec![]));
    assert_eq!(read(&all[3]).len(), 1);
    let afresh = Write {
        place: &all[3],
        afresh: true,
        changes: Vec::new(),
    };
    file.write(&[afresh], &[], &[], 0, 3).unwrap();
    assert_eq!(read(&all[3]), []);
}

#[test]
fn the_states_that_were_not_in_use_for_longest_go_first() {
    let directory = tempfile::tempdir().unwrap();
    let file = File::open(&directory.path().join("store")).unwrap();
    let used = place("used", 1);
    put(&file, &used, &[("a", Some(value("", 9)))], 0, 1);
    for n in 0..MAX_PLACES as u32 {
        put(&file, &place("many", n), &[("a", Some(value("", 9)))], 0, 2);
        if n == 100 {
            put(&file, &used, &[], 0, 3);
        }
    }
    let left = |place: &Place| file.read(place, 0, u64::MAX).unwrap().0.len();
    assert_eq!(left(&used), 1);
    assert_eq!(left(&place("many", 0)), 0);
    assert_eq!(left(&place("many", 1)), 1);
}

#[test]
fn a_file_that_no_agent_has_written_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    fs::write(
        &path,
        "a text of somebody else's, longer than a header ".repeat(200),
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let error = File::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains(&path.display().to_string()));

    fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
    let error = File::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Exposed(_)), "{error:?}");

    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(directory.path().join("other"), &path).unwrap();
    let error = File::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Disk { .. }), "{error:?}");
}

#[test]
fn a_file_of_another_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    for (name, layout) in [("later", 2u32), ("other", 1)] {
        let path = directory.path().join(name);
        let database = Database::create(&path).unwrap();
        let write = database.begin_write().unwrap();
        write
            .open_table(ABOUT)
            .unwrap()
            .insert("layout", layout)
            .unwrap();
        let entries: TableDefinition<'_, u32, u32> = TableDefinition::new("entries");
        write.open_table(entries).unwrap().insert(1, 1).unwrap();
        write.commit().unwrap();
        drop(database);
        let error = File::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Foreign { .. }), "{error:?}");
        let database = Database::open(&path).unwrap();
        let read = database.begin_read().unwrap();
        assert_eq!(read.open_table(entries).unwrap().len().unwrap(), 1);
    }
}

#[test]
fn damage_anywhere_is_an_error_or_does_not_matter() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let file = File::open(&path).unwrap();
    let place = place("one", 1);
    let name = |n: usize| format!("key {n:04}");
    for part in 0..4 {
        let names: Vec<String> = (part * 100..part * 100 + 100).map(name).collect();
        let changes: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), Some(value(&name.repeat(9), u64::MAX))))
            .collect();
        put(&file, &place, &changes, 0, 1);
    }
    let sound = file.read(&place, 0, u64::MAX).unwrap().0;
    drop(file);
    let bytes = fs::read(&path).unwrap();
    let mut refused = 0;
    let mut differs = 0;
    // The header, and some of all pages that hold anything.
    let in_use = |at: &usize| *at < 400 || (bytes[*at] != 0 && at.is_multiple_of(97));
    let places: Vec<usize> = (0..bytes.len()).filter(in_use).collect();
    let some = places.iter().step_by(1 + places.len() / 300);
    for &at in some {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x41;
        fs::write(&path, damaged).unwrap();
        match File::open(&path).and_then(|file| file.read(&place, 0, u64::MAX)) {
            Ok((entries, _)) => differs += usize::from(entries != sound),
            Err(_) => refused += 1,
        }
    }
    for length in [0, 1, 63, 320, 4096, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        let _ = File::open(&path).and_then(|file| file.read(&place, 0, u64::MAX));
    }
    println!("{refused} refused, {differs} differ of {}", places.len());
    assert!(refused > 0, "damage is seen");
    assert_eq!(differs, 0, "nothing wrong is taken for right");
}
