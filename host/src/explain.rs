//! Who wants which events, and what of that the kernel filters, in words.

use crate::manifest::Manifest;
use crate::mute::Rule;
use crate::plugin::component::{Component, anatomy};
use crate::plugin::inspect;
use crate::subscription::Subscriptions;
use anyhow::Context as _;
use serde::Serialize;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use vedette_contract::{KINDS, Kind, Type, kind, sets};
use vedette_sensor::filter::{
    Access, Filter, How, KindSet, Line, Lines, Opens, Piece, Probe, Test, Texts, Values,
};
use vedette_sensor::live::{Gap, Sensor, Source, sources};

/// What there is to say of every kind that somebody wants.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explanation {
    /// The wanted kinds, in the catalogue's order.
    pub kinds: Vec<OfKind>,
    /// Files that hold no plugin, and why.
    pub refused: Vec<String>,
    /// Why it is not known what this kernel cannot show.
    pub not_tried: Option<String>,
}

/// What there is to say of one kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct OfKind {
    /// Its name.
    pub kind: &'static str,
    /// Its number.
    pub number: u16,
    /// Who wants it.
    pub wanted_by: Vec<Wish>,
    /// What the kernel lets pass, an event needing only one of these; none for everything.
    pub passes: Vec<String>,
    /// What has a share of its own where a ring fills up, so that no flood of the rest hides it.
    pub apart: Vec<String>,
    /// The mutes given that keep it from plugins.
    pub muted: Vec<String>,
    /// The programs that tell of it.
    pub sources: Vec<Source>,
    /// Programs that this kernel refuses, and why.
    pub gaps: Vec<String>,
}

/// That somebody wants a kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Wish {
    /// Id of a plugin, or `context`.
    pub by: String,
    /// Which events of the kind, in the manifest's words; none for all.
    pub r#where: Option<String>,
}

impl Explanation {
    /// Reads the plugins of a directory; none of them is run.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn of(directory: &Path, mutes: &[Rule]) -> anyhow::Result<Explanation> {
        let entries = std::fs::read_dir(directory)
            .with_context(|| format!("{}: no directory of plugins", directory.display()))?;
        let mut paths: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == "wasm"));
        paths.sort();
        let (mut manifests, mut refused) = (Vec::new(), Vec::new());
        for path in paths {
            match manifest(&path) {
                Ok(manifest) => manifests.push(manifest),
                Err(error) => refused.push(format!("{}: {error:#}", path.display())),
            }
        }
        let (gaps, not_tried) = match Sensor::gaps_here() {
            Ok(gaps) => (gaps, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Ok(Explanation {
            kinds: explain(&manifests, &gaps, mutes),
            refused,
            not_tried,
        })
    }

    /// What a plugin with this manifest alone would see beside the context, whatever the kernel
    /// at hand can show.
    pub fn of_manifest(manifest: &Manifest) -> Vec<OfKind> {
        let mut kinds = explain(std::slice::from_ref(manifest), &[], &[]);
        kinds.retain(|kind| kind.wanted_by.iter().any(|wish| wish.by == manifest.id));
        kinds
    }

    /// As text for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for of_kind in &self.kinds {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}", of_kind.kind);
            let mut line = |name: &str, value: &str| {
                let _ = writeln!(out, "  {name:<12}{value}");
            };
            for wish in &of_kind.wanted_by {
                let all = "all of them";
                line(
                    "wanted by",
                    &format!("{}: {}", wish.by, wish.r#where.as_deref().unwrap_or(all)),
                );
            }
            if of_kind.passes.is_empty() {
                line("kernel sends", " every one");
            }
            for (n, passes) in of_kind.passes.iter().enumerate() {
                line(
                    if n == 0 { "kernel sends" } else { "or" },
                    &format!(" {passes}"),
                );
            }
            for apart in &of_kind.apart {
                line("own share", &format!(" {apart}"));
            }
            for rule in &of_kind.muted {
                line("MUTED", &format!("--mute {rule}"));
            }
            for source in &of_kind.sources {
                line("from", &format!("{} ({})", source.program, source.at));
            }
            for gap in &of_kind.gaps {
                line("NOT SENSED", gap);
            }
            out.push('\n');
        }
        for refused in &self.refused {
            let _ = writeln!(out, "not a plugin: {refused}");
        }
        if let Some(why) = &self.not_tried {
            let _ = writeln!(out, "what this kernel cannot show was not tried: {why}");
        }
        out
    }
}

fn manifest(path: &Path) -> anyhow::Result<Manifest> {
    let anatomy = anatomy(&Component::read(path)?)?;
    let text = anatomy.manifest.context("it has no manifest")?;
    Ok(Manifest::parse(&text, "plugin.toml")?)
}

fn explain(manifests: &[Manifest], gaps: &[Gap], mutes: &[Rule]) -> Vec<OfKind> {
    let mut filter = Filter::context();
    for manifest in manifests {
        filter.union(&Subscriptions::compile(manifest).filter());
    }
    let needed = filter.needed();
    let wanted = KINDS.iter().filter(|kind| filter.kinds.has(kind.number));
    wanted
        .map(|kind| OfKind {
            kind: kind.name,
            number: kind.number,
            wanted_by: wishes(kind, manifests),
            passes: passes(kind, &needed),
            apart: (filter.apart.kept())
                .filter(|(number, _)| *number == kind.number)
                .flat_map(|(_, lines)| lines.iter().map(|l| line(kind, l)).collect::<Vec<_>>())
                .collect(),
            muted: mutes
                .iter()
                .filter(|rule| rule.kinds.has(kind.number))
                .map(Rule::to_string)
                .collect(),
            sources: sources(kind.number),
            gaps: gaps
                .iter()
                .filter(|gap| gap.blinds && gap.kinds.has(kind.number))
                .map(|gap| format!("{}: {}", gap.program, gap.reason))
                .collect(),
        })
        .collect()
}

fn wishes(kind: &Kind, manifests: &[Manifest]) -> Vec<Wish> {
    let context = KindSet::CONTEXT.has(kind.number).then(|| Wish {
        by: "context".to_owned(),
        r#where: None,
    });
    let plugins = manifests.iter().flat_map(|manifest| {
        let own = manifest.subscriptions.iter();
        own.filter(|s| s.kind.number == kind.number).map(|s| Wish {
            by: manifest.id.clone(),
            r#where: inspect::subscription(s)
                .split_once(" where ")
                .map(|(_, words)| words.to_owned()),
        })
    });
    context.into_iter().chain(plugins).collect()
}

/// What the kernel lets pass of a kind.
fn passes(kind: &'static Kind, filter: &Filter) -> Vec<String> {
    let lines = filter.lines.get(&kind.number);
    let lines: Vec<String> = lines
        .into_iter()
        .flat_map(Lines::iter)
        .map(|l| line(kind, l))
        .collect();
    if kind.number != kind::OPEN {
        return lines;
    }
    let anybody = opens(&filter.opens).into_iter();
    let inside = opens(&filter.opens_inside).into_iter();
    // Of an open both must be true: what is opened, and any of the lines.
    let and = match lines.as_slice() {
        [] => String::new(),
        lines => format!("; and {}", lines.join(" or ")),
    };
    anybody
        .chain(inside.map(|words| format!("{words}, by {INSIDE}")))
        .map(|words| words + &and)
        .collect()
}

/// How the kernel knows of containers.
const INSIDE: &str = "a process that may be in a container";

fn opens(opens: &Opens) -> Vec<String> {
    let access = |access: &Access| match access {
        Access::Write => "for writing",
        Access::Any => "in any way",
    };
    let mut words = Vec::new();
    if let Some(all) = &opens.all {
        words.push(format!("opened {}", access(all)));
    }
    if opens.marks != 0 {
        let marks: Vec<&str> = sets::OPEN_MARK.names_of(opens.marks).collect();
        words.push(format!("marked {}", marks.join(" or ")));
    }
    for (texts, what) in [(&opens.names, "named"), (&opens.prefixes, "below")] {
        for wanted in [Access::Write, Access::Any] {
            let texts: Vec<String> = texts
                .iter()
                .filter(|(_, access)| **access == wanted)
                .map(|(text, _)| format!("{:?}", String::from_utf8_lossy(text)))
                .collect();
            if !texts.is_empty() {
                words.push(format!(
                    "{what} {}, opened {}",
                    texts.join(" or "),
                    access(&wanted)
                ));
            }
        }
    }
    words
}

fn line(kind: &'static Kind, line: &Line) -> String {
    let tests = line.tests().iter().map(|test| words_of(kind, test));
    tests.collect::<Vec<_>>().join(" and ")
}

fn words_of(kind: &'static Kind, test: &Test) -> String {
    let field = |slot| kind.fields.iter().find(|field| field.slot == slot);
    let (name, ty) = match test.probe {
        Probe::Inside => return format!("by {INSIDE}"),
        Probe::Uid => ("uid", Type::U32),
        Probe::Number(slot) => field(slot).map_or(("a number", Type::U64), |f| (f.name, f.ty)),
        Probe::Text(slot) => field(slot).map_or(("a text", Type::Bytes), |f| (f.name, f.ty)),
    };
    match &test.values {
        Values::AnyBit(bits) => format!("{name} has {}", words_of_bits(ty, *bits, " or ")),
        Values::NoBit(bits) => format!("{name} has none of {}", words_of_bits(ty, *bits, ", ")),
        Values::Texts(texts) => {
            let words = words_of_texts(name, ty, texts);
            match KindSet::NAMED.has(kind.number) && matches!(ty, Type::Path) {
                true => words + LAST_PART,
                false => words,
            }
        }
        Values::Ranges(ranges) => {
            let ranges: Vec<String> = ranges
                .iter()
                .map(|range| words_of_range(name, ty, *range.start(), *range.end()))
                .collect();
            format!("{name} is {}", ranges.join(" or "))
        }
    }
}

/// Bits by their names, where they have some.
fn words_of_bits(ty: Type, bits: u64, between: &str) -> String {
    match (ty, u32::try_from(bits)) {
        (Type::Bits(set), Ok(bits)) => set.names_of(bits).collect::<Vec<_>>().join(between),
        _ => format!("{bits:#x}"),
    }
}

/// Names in a row that are written out: more say less than the numbers.
const NAMES_MOST: u64 = 16;

/// Numbers in a row, by their names where all of them have one.
fn words_of_range(name: &str, ty: Type, from: u64, to: u64) -> String {
    if let Type::Set(set) = ty
        && to - from < NAMES_MOST
    {
        let named = |value: u64| set.name_of(u32::try_from(value).ok()?);
        let names: Option<Vec<&str>> = (from..=to).map(named).collect();
        if let Some(names) = names {
            return names.join(" or ");
        }
    }
    match to {
        _ if from == to => inspect::number(name, from),
        u64::MAX => format!("{from} and above"),
        to => format!("{from} to {to}"),
    }
}

/// What the kernel compares of a path as a call was given it.
const LAST_PART: &str = " (of a path as given, by its last part)";

/// How a text is to begin, to end or to be. What is compared of a long one stands with dots for the
/// rest.
fn words_of_texts(name: &str, ty: Type, texts: &Texts) -> String {
    let word = |piece: &Piece| {
        let whole = usize::from(piece.whole);
        let address = match (ty, &piece.bytes[..]) {
            (Type::Address, &[a, b, c, d]) if whole == 4 => Some(IpAddr::from([a, b, c, d])),
            (Type::Address, bytes) if whole == 16 => {
                <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
            }
            _ => None,
        };
        match address {
            Some(address) => address.to_string(),
            None if whole > piece.bytes.len() => {
                format!("\"…{}\" of {whole} bytes", piece.bytes.escape_ascii())
            }
            None => format!(
                "\"{}\"",
                String::from_utf8_lossy(&piece.bytes).escape_debug()
            ),
        }
    };
    let words: Vec<String> = texts.pieces().map(word).collect();
    let (how, words) = match (texts.how(), texts.negated()) {
        (How::Begins, false) => ("begins with", words.join(" or ")),
        (How::Begins, true) => ("begins with none of", words.join(", ")),
        (How::Ends, false) => ("ends with", words.join(" or ")),
        (How::Ends, true) => ("ends with none of", words.join(", ")),
        (How::Is, false) => ("is", words.join(" or ")),
        (How::Is, true) => ("is none of", words.join(", ")),
    };
    format!("{name} {how} {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(subscribe: &str) -> Vec<OfKind> {
        let manifest = format!(
            "[plugin]\nid = \"t\"\nversion = \"1\"\ntitle = \"t\"\ndescription = \"t\"\n\
             contract = \"0.1.0\"\n{subscribe}"
        );
        let manifest = Manifest::parse(&manifest, "plugin.toml").expect("a sound manifest");
        Explanation::of_manifest(&manifest)
    }

    #[test]
    fn what_the_kernel_filters_is_said_in_the_words_of_the_catalogue() {
        for (kind, condition, words) in [
            (
                "library",
                r#"{ field = "path", prefix = ["/tmp/", "/dev/shm/"] }, { field = "marks", has = ["memfd"] }"#,
                r#"path begins with "/dev/shm/" or "/tmp/" and marks has memfd"#,
            ),
            (
                "unlink",
                r#"{ field = "path", equals = "/etc/shadow" }"#,
                r#"path is "/etc/shadow" (of a path as given, by its last part)"#,
            ),
            (
                "passed",
                r#"{ field = "stream", any-of = ["pipe", "fifo"] }"#,
                "stream is pipe or fifo",
            ),
            (
                "connect",
                r#"{ field = "address", equals = "10.0.0.1" }, { field = "port", any-of = [1, 2, 3, 9], not = true }"#,
                "address is 10.0.0.1 and port is 0 or 4 to 8 or 10 and above",
            ),
            (
                "tls",
                r#"{ field = "server-name", equals = "a" }, { field = "port", equals = 853 }"#,
                "port is 853",
            ),
        ] {
            let kinds = explained(&format!(
                "[[subscribe]]\nkind = {kind:?}\nwhere = [{condition}]\n"
            ));
            assert_eq!(kinds[0].passes, [words], "{kind}");
        }
        // Of opens what is opened, and the rest.
        let opens = explained(
            r#"
            [[subscribe]]
            kind = "open"
            where = [{ field = "path", suffix = "/shadow" }, { field = "uid", equals = 33 }]
            "#,
        );
        assert_eq!(
            opens[0].passes,
            [r#"named "shadow", opened in any way; and uid is 33"#]
        );
    }
}
