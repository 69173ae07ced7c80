use super::*;
use proptest::prelude::*;
use vedette_sensor::filter::Access;

const GOOD: &str = r#"
[plugin]
id = "reverse-shell"
version = "0.1.0"
title = "Reverse shells"
description = "Shells whose input comes from the network"
contract = "0.1.0"
license = "Apache-2.0"

[[subscribe]]
kind = "exec"
[[subscribe]]
kind = "open"
where = [
  { field = "path", suffix = ["/release_agent", "/core_pattern"] },
  { access = "write" },
  { field = "marks", has = ["foreign-mount"] },
  { container = true },
]
[[subscribe]]
kind = "connect"
where = [{ field = "port", any-of = [80, 443], not = true }, { field = "uid", equals = 0 }]

[capabilities]
services = ["log", "state"]
fields = ["arguments"]

[limits]
memory = "8 MiB"
deadline = "50 ms"

[[finding]]
id = "interactive-shell"
title = "Shell on the network"
category = "reverse-shell"
severity = "critical"
techniques = ["T1059.004", "T1071"]
false-positives = "Honest shells"
response = ["kill"]

[[fixture]]
capture = "fixtures/shell.capture"
findings = [{ rule = "interactive-shell", count = 2 }]

[[fixture]]
capture = "fixtures/honest.capture"

[config]
ports = [1, 2]
nested = { deep = 1.5, when = 2026-01-01 }
"#;

#[test]
fn a_whole_manifest() {
    let m = Manifest::parse(GOOD, "plugin.toml").expect("a sound manifest");
    assert_eq!(m.id, "reverse-shell");
    assert_eq!(m.subscriptions.len(), 3);
    assert_eq!(
        m.subscriptions[1].predicates[1].test,
        Test::Access(Access::Write)
    );
    assert!(m.subscriptions[2].predicates[0].negated);
    assert_eq!(m.limits.memory, 8 << 20);
    assert_eq!(m.limits.deadline, Duration::from_millis(50));
    assert_eq!(m.findings[0].severity, Severity::Critical);
    assert_eq!(m.config["nested"]["deep"], 1.5);
    assert_eq!(m.config["nested"]["when"], "2026-01-01");
}

/// Puts one line in the place of another and returns the refusal.
fn refused(line: &str, instead: &str) -> ManifestError {
    assert!(GOOD.contains(line), "{line} is in the manifest");
    let text = GOOD.replacen(line, instead, 1);
    *Manifest::parse(&text, "plugin.toml").expect_err(instead)
}

#[test]
fn refusals_name_the_line_and_the_remedy() {
    let e = refused("kind = \"connect\"", "kind = \"conect\"");
    assert_eq!(e.line, 21);
    let text = e.to_string();
    assert!(
        text.starts_with("plugin.toml:21: there is no event kind \"conect\""),
        "{text}"
    );
    assert!(text.contains("connect, accept"), "{text}");

    for (line, instead, says) in [
        ("license =", "licence =", "unknown field `licence`"),
        (
            "field = \"port\"",
            "field = \"portt\"",
            "no field \"portt\"",
        ),
        (
            "any-of = [80, 443]",
            "suffix = [\"x\"]",
            "no operator suffix",
        ),
        ("any-of = [80, 443]", "any-of = [\"80\"]", "not a number"),
        ("any-of = [80, 443]", "any-of = [-1]", "not a number"),
        ("any-of = [80, 443]", "any-of = []", "empty"),
        (
            "any-of = [80, 443]",
            "equals = [80, 443]",
            "takes one value",
        ),
        (
            "any-of = [80, 443],",
            "any-of = [80], equals = 1,",
            "several operators",
        ),
        (
            "has = [\"foreign-mount\"]",
            "has = [\"foreign\"]",
            "not in the set open-mark",
        ),
        ("access = \"write\"", "access = \"read\"", "not an access"),
        ("{ access = \"write\" }", "{ }", "does not say what"),
        (
            "{ access = \"write\" }",
            "{ field = \"owner\", equals = 1 }",
            "is a process",
        ),
        (
            "{ field = \"uid\", equals = 0 }",
            "{ access = \"any\" }",
            "have no access",
        ),
        ("id = \"reverse-shell\"", "id = \"Reverse\"", "not an id"),
        (
            "id = \"reverse-shell\"",
            "id = \"vedette\"",
            "agent's own id",
        ),
        (
            "contract = \"0.1.0\"",
            "contract = \"0.2.0\"",
            "speaks contract",
        ),
        (
            "memory = \"8 MiB\"",
            "memory = \"65 MiB\"",
            "amount of memory",
        ),
        ("deadline = \"50 ms\"", "deadline = \"2 s\"", "not a time"),
        ("\"T1071\"", "\"T107\"", "ATT&CK"),
        (
            "response = [\"kill\"]",
            "response = [\"nuke\"]",
            "unknown variant",
        ),
        (
            "services = [\"log\"",
            "services = [\"wasi\"",
            "unknown variant",
        ),
        ("deep = 1.5", "deep = inf", "infinite"),
        (
            "kind = \"exec\"",
            "kind = \"sent\"\nwhere = [{ field = \"payload\", prefix = \"x\" }]",
            "right to see",
        ),
    ] {
        let text = refused(line, instead).to_string();
        assert!(text.contains(says), "{instead}: {text}");
        assert!(text.contains("; "), "{text}");
    }
}

#[test]
fn absurd_manifests_are_refused() {
    let long = format!("{GOOD}# {}", "x".repeat(MAX_SIZE));
    let wide = GOOD.replacen(
        "any-of = [80, 443]",
        &format!("any-of = {:?}", vec![1; 257]),
        1,
    );
    let deep = format!(
        "{GOOD}\ndeep = {}{}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let many = format!("{GOOD}\n{}", "[[subscribe]]\nkind = \"exec\"\n".repeat(65));
    let title = GOOD.replacen("Reverse shells", &"é".repeat(MAX_TEXT), 1);
    for text in [long, wide, deep, many, title] {
        Manifest::parse(&text, "plugin.toml").expect_err("refused");
    }
}

#[test]
fn a_cut_character_is_no_panic() {
    let text = format!("#{}", "é".repeat(MAX_SIZE));
    Manifest::parse(&text, "plugin.toml").expect_err("refused");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = Manifest::parse(&text, "plugin.toml");
    }

    /// Sound manifests with a piece cut out, doubled or replaced.
    #[test]
    fn no_mutation_panics(at in 0..GOOD.len(), len in 0..40usize, put in "[\\[\\]{}\"=, a-z0-9.\n-]{0,12}") {
        let end = (at + len).min(GOOD.len());
        let text = format!("{}{put}{}", &GOOD[..at], &GOOD[end..]);
        if let Err(e) = Manifest::parse(&text, "plugin.toml") {
            // The report is made from untrusted places: it must not panic either.
            let _ = e.to_string();
            let _ = format!("{:?}", miette::Report::new(*e));
        }
    }
}

#[test]
fn fixtures_name_captures_and_findings() {
    let m = Manifest::parse(GOOD, "plugin.toml").expect("a sound manifest");
    assert_eq!(m.fixtures[0].findings[0].count, 2);
    assert!(m.fixtures[1].findings.is_empty());
    let wrong = [
        ("fixtures/shell.capture", "/etc/shell.capture"),
        ("fixtures/shell.capture", "../shell.capture"),
        ("{ rule = \"interactive-shell\", count = 2 }", "\"other\""),
        (
            "{ rule = \"interactive-shell\", count = 2 }",
            "\"interactive-shell\", \"interactive-shell\"",
        ),
        ("count = 2", "count = 0"),
        ("count = 2", "number = 2"),
    ];
    for (good, bad) in wrong {
        assert!(GOOD.contains(good));
        let text = GOOD.replacen(good, bad, 1);
        let error = Manifest::parse(&text, "plugin.toml").expect_err(bad);
        assert!(error.to_string().contains("plugin.toml:"), "{error}");
    }
}
