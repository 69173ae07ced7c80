use super::*;
use crate::plugin::{
    component::Anatomy,
    signature::{SecretKey, SignatureError},
};
use std::{fs, os::unix::fs::PermissionsExt as _};

/// A component of some version with these capabilities and kinds.
fn component(
    version: u8,
    services: &str,
    fields: &str,
    kinds: &[&str],
    publisher: Option<PublicKey>,
) -> Component {
    let subscriptions: String = kinds
        .iter()
        .map(|kind| format!("[[subscribe]]\nkind = {kind:?}\n"))
        .collect();
    let text = format!(
        "[plugin]\nid = \"p\"\nversion = \"{version}\"\ntitle = \"t\"\ndescription = \"d\"\ncontract = \"0.1.0\"\n\
         [capabilities]\nservices = {services}\nfields = {fields}\n{subscriptions}"
    );
    let manifest = Manifest::parse(&text, "plugin.toml").expect("sound");
    Component {
        bytes: Arc::from([version]),
        digest: Digest::of(text.as_bytes()),
        manifest: manifest.into(),
        publisher,
        anatomy: Anatomy::default(),
    }
}

fn plain(version: u8, fields: &str, kinds: &[&str]) -> Component {
    component(version, "[]", fields, kinds, None)
}

fn missing(verdict: Verdict) -> String {
    match verdict {
        Verdict::Held(missing) => missing.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_first_seen_gets_what_it_asks_and_no_more_afterwards() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("new/grants.toml");
    let open = || Grants::open(&path, Policy::FirstUse).expect("opens");
    let grants = open();
    let first = plain(1, "[\"arguments\"]", &["exec"]);
    assert_eq!(grants.judge(&first), Verdict::Granted);
    assert_eq!(
        fs::metadata(&path).expect("written").permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(grants.entries()[0].given, Given::FirstUse);
    // Other bytes that ask for no more.
    assert_eq!(grants.judge(&plain(2, "[]", &["exec"])), Verdict::Granted);
    let more = plain(3, "[\"arguments\", \"payload\"]", &["exec", "open"]);
    assert_eq!(
        missing(grants.judge(&more)),
        "the fields payload; the events open"
    );
    // A start lets what is not sensitive grow, as an upgrade of all plugins does; nothing else.
    assert_eq!(missing(open().judge(&more)), "the fields payload");
    assert_eq!(
        open().judge(&plain(4, "[]", &["exec", "open"])),
        Verdict::Granted
    );

    // The operator grants it: to these bytes, and to no others that ask for the same.
    let digest = Binding::Digest(more.digest);
    grants
        .grant("p", digest, Grant::asked(&more.manifest))
        .expect("written");
    for grants in [&grants, &open()] {
        assert_eq!(grants.judge(&more), Verdict::Granted);
    }
    let next = plain(5, "[\"payload\"]", &["open"]);
    for grants in [&grants, &open()] {
        assert_eq!(missing(grants.judge(&next)), "the fields payload");
    }
    // What it was first seen with it has still.
    let less = plain(6, "[\"arguments\"]", &["exec", "open"]);
    assert_eq!(open().judge(&less), Verdict::Granted);
}

#[test]
fn what_is_revoked_is_gone_under_every_policy_until_it_is_granted() {
    for policy in [Policy::FirstUse, Policy::NonSensitive, Policy::Strict] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("grants.toml");
        let open = || Grants::open(&path, policy).expect("opens");
        let grants = open();
        let first = plain(1, "[]", &["exec"]);
        if policy == Policy::Strict {
            let binding = Binding::of(&first);
            let granted = grants.grant("p", binding, Grant::asked(&first.manifest));
            granted.expect("written");
        }
        assert_eq!(grants.judge(&first), Verdict::Granted);
        assert_eq!(grants.taken((&first).into()), None);

        assert!(grants.revoke("p").expect("written"));
        assert!(!grants.revoke("p").expect("written"), "it is no news");
        for grants in [&grants, &open()] {
            assert_eq!(missing(grants.judge(&first)), "the events exec");
            let other = plain(2, "[]", &["exec"]);
            assert_eq!(
                missing(grants.judge_in_file(&other, true)),
                "the events exec"
            );
        }
        let taken = grants.taken((&first).into()).expect("taken from what runs");
        assert_eq!(taken.to_string(), "the events exec");
        let [entry] = &grants.entries()[..] else {
            panic!("{:?}", grants.entries());
        };
        assert_eq!((entry.given, entry.binding), (Given::Revoked, Binding::Any));

        // Granted expressly it may again, and nothing else under its id.
        let granted = grants.grant("p", Binding::of(&first), Grant::asked(&first.manifest));
        granted.expect("written");
        for grants in [&grants, &open()] {
            assert_eq!(grants.judge(&first), Verdict::Granted);
            assert_eq!(grants.taken((&first).into()), None);
            let other = plain(2, "[]", &["exec"]);
            assert_eq!(missing(grants.judge(&other)), "the events exec");
        }
    }
}

#[test]
fn nothing_is_given_to_an_id_by_hand() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("grants.toml");
    let text = "[[grant]]\nplugin = \"p\"\ngiven = \"operator\"\nkinds = [\"exec\"]\nto = \"any\"";
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
    let grants = Grants::open(&path, Policy::Strict).expect("sound");
    let one = plain(1, "[]", &["exec"]);
    assert_eq!(missing(grants.judge(&one)), "the events exec");
}

#[test]
fn a_new_id_in_anothers_file_shows_nothing_sensitive() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("grants.toml");
    let grants = Grants::open(&path, Policy::FirstUse).expect("opens");
    let asks = plain(1, "[\"payload\"]", &["exec"]);
    let held = grants.judge_in_file(&asks, true);
    assert_eq!(missing(held), "the fields payload");
    assert!(grants.entries().is_empty(), "it does not count as seen");
    let does_not = plain(2, "[]", &["exec"]);
    assert_eq!(grants.judge_in_file(&does_not, true), Verdict::Granted);
    // Nor is more to be had from there on.
    assert_eq!(
        missing(grants.judge_in_file(&asks, false)),
        "the fields payload"
    );
}

#[test]
fn strict_grants_bind_to_bytes_or_publisher() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("grants.toml");
    let key = |name: &str| {
        let made: Result<SecretKey, SignatureError> =
            SecretKey::generate(&directory.path().join(name));
        made.expect("a key").public()
    };
    let (ours, theirs) = (key("ours"), key("theirs"));
    let grants = Grants::open(&path, Policy::Strict).expect("opens");
    let one = plain(1, "[]", &["exec"]);
    assert_eq!(missing(grants.judge(&one)), "the events exec");
    grants
        .grant("p", Binding::of(&one), Grant::asked(&one.manifest))
        .expect("written");
    assert_eq!(grants.judge(&one), Verdict::Granted);
    assert_eq!(
        missing(grants.judge(&plain(2, "[]", &["exec"]))),
        "the events exec"
    );
    let signed = |version, key| component(version, "[\"file\"]", "[]", &["exec"], Some(key));
    let asked = Grant::asked(&signed(3, ours).manifest);
    grants
        .grant("p", Binding::Publisher(ours), asked)
        .expect("written");
    assert_eq!(grants.judge(&signed(4, ours)), Verdict::Granted);
    assert_eq!(
        missing(grants.judge(&signed(4, theirs))),
        "the services file; the events exec"
    );

    let non_sensitive = Grants::open(&path, Policy::NonSensitive).expect("opens");
    assert_eq!(
        non_sensitive.judge(&plain(9, "[]", &["open"])),
        Verdict::Granted
    );
    assert_eq!(
        missing(non_sensitive.judge(&plain(9, "[\"payload\"]", &["open"]))),
        "the fields payload"
    );
    assert_eq!(
        missing(non_sensitive.judge(&signed(9, theirs))),
        "the services file"
    );
}

#[test]
fn who_was_signed_stays_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let key = |name: &str| {
        SecretKey::generate(&directory.path().join(name))
            .expect("a key")
            .public()
    };
    let (ours, theirs) = (key("ours"), key("theirs"));
    let grants =
        Grants::open(&directory.path().join("grants.toml"), Policy::FirstUse).expect("opens");
    let of = |version, publisher| component(version, "[]", "[]", &["exec"], publisher);
    assert_eq!(grants.judge(&of(1, Some(ours))), Verdict::Granted);
    assert_eq!(grants.judge(&of(2, Some(ours))), Verdict::Granted);
    assert_eq!(
        grants.judge(&of(3, Some(theirs))),
        Verdict::OtherPublisher(ours)
    );
    let unsigned = of(4, None);
    assert_eq!(grants.judge(&unsigned), Verdict::OtherPublisher(ours));
    grants
        .grant(
            "p",
            Binding::of(&unsigned),
            Grant::asked(&unsigned.manifest),
        )
        .expect("written");
    assert_eq!(grants.judge(&unsigned), Verdict::Granted);
}

#[test]
fn a_file_that_others_could_have_written_is_not_believed() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("grants.toml");
    let open = || Grants::open(&path, Policy::Strict).map(|_| ());
    fs::write(&path, "").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("permissions");
    assert!(matches!(open(), Err(GrantsError::Exposed { .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
    open().expect("believed");
    for text in [
        "grant = 1",
        "[[grants]]",
        "[[grant]]\nplugin = \"p\"\ngiven = \"me\"",
        "[",
    ] {
        fs::write(&path, text).expect("written");
        assert!(
            matches!(open(), Err(GrantsError::Malformed { .. })),
            "{text}"
        );
    }
    // What is left out is not granted.
    let digest = "0".repeat(64);
    let text = format!(
        "[[grant]]\nplugin = \"p\"\ngiven = \"operator\"\nservices = [\"log\"]\nto = {{ digest = \"{digest}\" }}"
    );
    fs::write(&path, text).expect("written");
    let grants = Grants::open(&path, Policy::Strict).expect("sound");
    assert_eq!(grants.entries()[0].grant.to_string(), "the services log");
    let aside = directory.path().join("elsewhere");
    fs::rename(&path, &aside).expect("moved");
    std::os::unix::fs::symlink(&aside, &path).expect("linked");
    assert!(matches!(open(), Err(GrantsError::File { .. })));
}

#[test]
fn grants_of_two_agents_do_not_undo_each_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("grants.toml");
    let open = || Grants::open(&path, Policy::Strict).expect("opens");
    std::thread::scope(|scope| {
        for agent in 0..4 {
            scope.spawn(move || {
                let grants = open();
                for n in 0..10 {
                    let digest = Binding::Digest(Digest([n; 32]));
                    grants
                        .grant(&format!("p{agent}"), digest, Grant::none())
                        .expect("written");
                }
            });
        }
    });
    assert_eq!(open().entries().len(), 40);
}
