//! A report in the form that build servers read.

use super::fixtures::Report;
use std::fmt::Write as _;

/// The report as JUnit's XML.
pub fn junit(report: &Report) -> String {
    let steps = report
        .steps
        .iter()
        .map(|step| (&step.name, &step.faults, step.seconds));
    let fixtures = report
        .fixtures
        .iter()
        .map(|fixture| (&fixture.capture, &fixture.faults, fixture.seconds));
    let cases: Vec<(&String, &Vec<String>, f64)> = steps.chain(fixtures).collect();
    let failures = cases.iter().filter(|(_, faults, _)| !faults.is_empty());
    let seconds: f64 = cases.iter().map(|(_, _, seconds)| seconds).sum();
    let plugin = escaped(&report.plugin);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<testsuites>\n  <testsuite name=\"{plugin}\" tests=\"{}\" failures=\"{}\" errors=\"0\" time=\"{seconds:.3}\">",
        cases.len(),
        failures.count()
    );
    for (name, faults, seconds) in cases {
        let _ = write!(
            out,
            "    <testcase classname=\"{plugin}\" name=\"{}\" time=\"{seconds:.3}\"",
            escaped(name),
        );
        let Some(first) = faults.first().and_then(|fault| fault.lines().next()) else {
            out.push_str("/>\n");
            continue;
        };
        let _ = writeln!(
            out,
            ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
            escaped(first),
            escaped(&faults.join("\n"))
        );
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// Text that can stand in an attribute or an element; what XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::author::fixtures::{Step, Verdict};
    use std::collections::BTreeMap;

    #[test]
    fn what_failed_says_why() {
        let verdict = |capture: &str, faults: &[&str]| Verdict {
            capture: capture.to_owned(),
            malicious: true,
            events: 3,
            delivered: 2,
            found: BTreeMap::new(),
            faults: faults.iter().map(|f| (*f).to_owned()).collect(),
            ns_an_event: 100.0,
            seconds: 0.25,
        };
        let report = Report {
            plugin: "web-shell".to_owned(),
            version: "1.0.0".to_owned(),
            steps: vec![Step {
                name: "cargo test".to_owned(),
                faults: vec!["exit status: 101\na::b panicked".to_owned()],
                seconds: 1.0,
            }],
            fixtures: vec![
                verdict("a.capture", &[]),
                verdict("b.capture", &["<sh> & \"co\"\u{1b}", "more"]),
            ],
            untried_rules: Vec::new(),
        };
        let text = junit(&report);
        assert!(text.contains("tests=\"3\" failures=\"2\""), "{text}");
        assert!(text.contains("time=\"1.500\">"), "{text}");
        assert!(
            text.contains("<failure message=\"exit status: 101\">exit status: 101&#10;a::b"),
            "{text}"
        );
        assert!(
            text.contains("name=\"a.capture\" time=\"0.250\"/>"),
            "{text}"
        );
        assert!(
            text.contains("<failure message=\"&lt;sh&gt; &amp; &quot;co&quot;\">&lt;sh&gt;"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'));
    }
}
