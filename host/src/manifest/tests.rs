use super::*;
use crate::finding::{Action, Severity};
use proptest::prelude::*;
use std::time::Duration;
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

[shadow]
time = "60 s"

[[finding]]
id = "interactive-shell"
title = "Shell on the network"
category = "reverse-shell"
severity = "critical"
techniques = ["T1059.004", "T1071"]
false-positives = "Honest shells"
response = ["kill"]

[state]
version = 3
restart = "keep"

[[fixture]]
capture = "fixtures/nc.capture"
findings = ["interactive-shell"]

[[fixture]]
capture = "fixtures/many.capture"
findings = [{ rule = "interactive-shell", count = 2 }]

[[fixture]]
capture = "fixtures/honest.capture"

[config]
ports = [1, 2]
ratio = 1.5
threshold = { type = "integer", default = 5, minimum = 1, description = "how many" }
nested = { type = "object", properties = { deep = { default = 1.5 }, when = { default = 2026-01-01 } } }
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
    assert_eq!(m.limits.cpu, DEFAULT_CPU);
    assert_eq!(m.shadow, Duration::from_secs(60));
    assert_eq!(m.findings[0].response, [Action::Kill]);
    let kept = Keeping {
        version: 3,
        restart: Restart::Keep,
    };
    assert_eq!(m.state, kept);
    assert_eq!(m.fixtures[0].findings[0].count, 1);
    assert_eq!(m.fixtures[1].findings[0].count, 2);
    assert!(m.fixtures[2].findings.is_empty());
    assert_eq!(m.config.values["threshold"], 5);
    assert_eq!(m.config.values["ports"], serde_json::json!([1, 2]));
    assert_eq!(m.config.values["nested"]["deep"], 1.5);
    assert_eq!(m.config.values["nested"]["when"], "2026-01-01");
    assert_eq!(m.config.schema["properties"]["ratio"]["type"], "number");
    assert!(m.config.missing().is_empty());
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
        ("license =", "licence =", "did you mean \"license\"?"),
        (
            "license =",
            "\"lic\u{202e}\" =",
            "unknown key \"lic\\\\u{202e}\"",
        ),
        ("[limits]", "[limit]", "did you mean \"limits\"?"),
        ("\"state\"]", "\"states\"]", "did you mean \"state\"?"),
        ("\"state\"]", "\"log\"]", "keeps no state"),
        ("restart = \"keep\"", "restart = \"yes\"", "unknown word"),
        ("time = \"60 s\"", "time = \"2 h\"", "run in its shadow"),
        ("time = \"60 s\"", "time = \"7200 s\"", "from 1 s to 3600 s"),
        (
            "time = \"60 s\"",
            "times = \"60 s\"",
            "did you mean \"time\"?",
        ),
        (
            "\"arguments\"]",
            "\"argument\"]",
            "did you mean \"arguments\"?",
        ),
        (
            "title = \"Reverse",
            "title = \"\u{202e}Reverse",
            "hidden character \\u{202e}",
        ),
        (
            "kind = \"exec\"",
            "kind = \"exit-\"",
            "did you mean \"exit\"?",
        ),
        ("deadline = ", "cpu = \"2 s\"\ndeadline = ", "not a time"),
        (
            "deadline = ",
            "state = \"65 MiB\"\ndeadline = ",
            "amount of memory",
        ),
        (
            "deadline = ",
            "output = \"1 B\"\ndeadline = ",
            "amount of memory",
        ),
        (
            "capture = \"fixtures/nc.capture\"",
            "capture = \"../nc.capture\"",
            "not a file below",
        ),
        (
            "capture = \"fixtures/nc.capture\"",
            "capture = \"/nc.capture\"",
            "not a file below",
        ),
        (
            "capture = \"fixtures/nc.capture\"",
            "capture = \"fixtures/nc.capture\"\nintel = \"fixtures/lists\"",
            "does not ask the lists",
        ),
        (
            "findings = [\"interactive-shell\"]",
            "findings = [\"interactive-shel\"]",
            "did you mean \"interactive-shell\"?",
        ),
        ("count = 2", "count = 0", "not a count"),
        ("count = 2", "counts = 2", "did not match"),
        (
            "ports = [1, 2]",
            "ports = { minumum = 1 }",
            "did you mean \"minimum\"?",
        ),
        ("ports = [1, 2]", "Ports = 1", "not a setting's name"),
        (
            "ports = [1, 2]",
            "ports = { description = \"x\" }",
            "nothing is said",
        ),
        (
            "ports = [1, 2]",
            "ports = { \"$ref\" = \"https://example.org\" }",
            "in its place",
        ),
        (
            "ports = [1, 2]",
            "ports = { type = \"string\", pattern = \"(a\" }",
            "pattern cannot",
        ),
        (
            "ports = [1, 2]",
            "ports = { type = \"string\", pattern = \"(?=a)b\" }",
            "pattern cannot",
        ),
        (
            "ports = [1, 2]",
            "ports = { type = \"string\", pattern = \"((a{1000}){1000}){1000}\" }",
            "pattern cannot",
        ),
        (
            "ports = [1, 2]",
            "ports = { type = \"string\", format = \"uri\" }",
            "is not checked",
        ),
        (
            "ports = [1, 2]",
            "ports = { type = \"integre\" }",
            "not what JSON Schema has",
        ),
        ("minimum = 1", "minimum = \"1\"", "not what JSON Schema has"),
        ("default = 5", "default = 0", "less than the minimum"),
        (
            "ports = [1, 2]",
            "ports = { type = \"array\", items = { type = \"string\" }, default = [1] }",
            "is not of type",
        ),
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
        ("any-of = [80, 443]", "between = [80]", "takes two numbers"),
        ("any-of = [80, 443]", "between = [443, 80]", "no number"),
        (
            "any-of = [80, 443]",
            "between = [0, 4294967296]",
            "not a number",
        ),
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
            "different tracks",
        ),
        (
            "contract = \"0.1.0\"",
            "contract = \"0.1.1\"",
            "update the agent",
        ),
        (
            "contract = \"0.1.0\"",
            "contract = \">=0.1\"",
            "not a version of the contract",
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
            "there is no action \"nuke\"",
        ),
        (
            "services = [\"log\"",
            "services = [\"wasi\"",
            "unknown word \"wasi\"",
        ),
        ("ratio = 1.5", "ratio = inf", "infinite"),
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
fn settings_of_the_operator_take_the_place_of_defaults() {
    let text = GOOD.replacen(
        "[config]",
        "[config]\nhome = { type = \"string\", pattern = \"^/\" }",
        1,
    );
    let m = Manifest::parse(&text, "plugin.toml").expect("sound");
    assert_eq!(m.config.missing(), ["home"]);
    let set = m
        .config
        .with(
            "home = \"/a\"\nthreshold = 9\n[nested]\ndeep = 2.0",
            "x.toml",
        )
        .expect("sound");
    assert_eq!(
        set.values,
        serde_json::json!({
            "home": "/a", "threshold": 9, "ports": [1, 2], "ratio": 1.5,
            "nested": { "deep": 2.0, "when": "2026-01-01" },
        })
    );
    assert!(set.missing().is_empty());
    for (text, says) in [
        ("# nothing", "x.toml:1: \"home\" is a required property"),
        ("home = \"a\"", "x.toml:1: \"a\" does not match"),
        (
            "home = \"/a\"\nthreshold = 0",
            "x.toml:2: 0 is less than the minimum of 1; this setting is: how many",
        ),
        (
            "home = \"/a\"\nthreshhold = 1",
            "x.toml:2: the plugin has no setting \"threshhold\"; did you mean \"threshold\"?",
        ),
        (
            "home = \"/a\"\n[nested]\ndeep = \"x\"",
            "x.toml:3: \"x\" is not of type",
        ),
        (
            "home = \"/a\"\nports = [1, \"b\"]",
            "x.toml:2: \"b\" is not of type",
        ),
        (
            "home = \"/a\"\nratio = nan",
            "x.toml:2: JSON has no infinite",
        ),
        ("home = ", "x.toml:1:"),
    ] {
        let error = m.config.with(text, "x.toml").expect_err(text).to_string();
        assert!(error.starts_with(says), "{text}: {error}");
    }
    m.config
        .with(&"#".repeat(MAX_SIZE + 1), "x.toml")
        .expect_err("too long");
}

#[test]
fn schemas_that_explode_are_refused() {
    let put = |value: String| {
        let text = GOOD.replacen("ports = [1, 2]", &format!("ports = {value}"), 1);
        Manifest::parse(&text, "plugin.toml")
            .expect_err("refused")
            .to_string()
    };
    let deep = format!(
        "{}{{ type = \"integer\" }}{}",
        "{ items = ".repeat(20),
        " }".repeat(20)
    );
    assert!(put(deep).contains("too large"));
    let wide = format!("{{ anyOf = [{}] }}", "{ type = \"integer\" },".repeat(300));
    assert!(put(wide).contains("too large"));
    let settings: String = (0..65).map(|n| format!("s{n} = 1\n")).collect();
    let text = GOOD.replacen("[config]", &format!("[config]\n{settings}"), 1);
    let error = Manifest::parse(&text, "plugin.toml").expect_err("refused");
    assert!(error.to_string().contains("too many settings"));
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
fn a_fixture_names_a_finding_once() {
    refused(
        "findings = [\"interactive-shell\"]",
        "findings = [\"interactive-shell\", \"interactive-shell\"]",
    );
}
