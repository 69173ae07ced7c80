//! A mute as the operator writes it: which kinds, of whom.

use crate::context::container::Container;
use clap::Args;
use std::fmt;
use thiserror::Error;
use vedette_contract::{KINDS, Kind, Lane, kind};
use vedette_sensor::filter::KindSet;

/// Mutes that can be given: each is a bit of what is remembered of a group.
pub const RULES_MOST: usize = 64;

/// The family of what the agent itself tells; the context and the plugins' clocks live by it.
const OWN_FAMILY: &str = "agent";

/// What is to be muted, as typed.
#[derive(Debug, Clone, Default, Args)]
pub struct MuteArgs {
    /// Let plugins have no events of these kinds from these containers or control groups; they are
    /// counted, and that is told. KIND is a kind or a family of kinds (see docs/events.md), PATTERN
    /// the name or image of containers, with * and ? for any text and any character, or, beginning
    /// with a slash, the path of a control group, which covers those below it. Can be given several
    /// times. Live events alone are muted: a replay judges what its capture holds.
    #[arg(long, value_name = "KIND[,KIND…]=PATTERN")]
    mute: Vec<String>,

    /// Let --mute also take what goes through the security lane: the kinds that matter most, and of
    /// opens those that a plugin picks by name, path or mark.
    #[arg(long)]
    mute_security: bool,
}

impl MuteArgs {
    /// What is meant.
    ///
    /// # Errors
    /// What was typed means nothing, or needs to be said explicitly.
    pub fn rules(&self) -> Result<Vec<Rule>, MuteError> {
        if self.mute.len() > RULES_MOST {
            return Err(MuteError::TooMany);
        }
        let texts = self.mute.iter();
        texts
            .map(|text| Rule::parse(text, self.mute_security))
            .collect()
    }
}

/// Why a mute cannot be.
#[derive(Debug, Error)]
pub enum MuteError {
    /// No sign of equality, or nothing on one of its sides.
    #[error("--mute {0}: write KIND=PATTERN, like open=backup-*")]
    Form(String),
    /// Neither a kind nor a family.
    #[error("--mute {text}: `{name}` is no kind of event and no family; docs/events.md lists them")]
    NoKind {
        /// What was typed.
        text: String,
        /// The part that is unknown.
        name: String,
    },
    /// What the agent itself tells.
    #[error("--mute {text}: `{name}` is told by the agent itself and cannot be muted")]
    Own {
        /// What was typed.
        text: String,
        /// The kind or family.
        name: String,
    },
    /// A kind of the security lane.
    #[error(
        "--mute {text}: `{name}` is of the security lane: attacks are found by it; say --mute-security as well if it is really not wanted"
    )]
    Security {
        /// What was typed.
        text: String,
        /// The kind, or a family of nothing else.
        name: String,
    },
    /// More than are kept.
    #[error("--mute was given more than {RULES_MOST} times; a pattern with * covers several")]
    TooMany,
}

/// One mute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    text: String,
    /// The kinds that are muted.
    pub kinds: KindSet,
    /// Whether what goes through the security lane is muted too.
    pub security: bool,
    whom: Pattern,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// Containers of this name or image.
    Container(String),
    /// The control group of this path, and those below it.
    Path(String),
}

impl Rule {
    /// Reads `KIND[,KIND…]=PATTERN`.
    ///
    /// # Errors
    /// What was typed means nothing, or is of the security lane without `security`.
    pub fn parse(text: &str, security: bool) -> Result<Rule, MuteError> {
        let form = || MuteError::Form(text.to_owned());
        let (names, pattern) = text.split_once('=').ok_or_else(form)?;
        if pattern.is_empty() {
            return Err(form());
        }
        let mut kinds = KindSet::default();
        for name in names.split(',') {
            kinds = kinds.union(named(name, text, security)?);
        }
        let whom = match pattern.starts_with('/') {
            true => Pattern::Path(pattern.trim_end_matches('/').to_owned()),
            false => Pattern::Container(pattern.to_owned()),
        };
        Ok(Rule {
            text: text.to_owned(),
            kinds,
            security,
            whom,
        })
    }

    /// Whether it mutes a control group of this path, which belongs to this container.
    pub fn covers(&self, path: &str, container: Option<&Container>) -> bool {
        match &self.whom {
            Pattern::Path(above) => path
                .strip_prefix(above.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            Pattern::Container(glob) => container.is_some_and(|c| {
                let texts = [&c.name, &c.image];
                let mut texts = texts.iter().filter(|text| !text.is_empty());
                texts.any(|text| matches(glob.as_bytes(), text.as_bytes()))
            }),
        }
    }

    /// Whether events of the kind are muted that have come through the ring: of opens it cannot be
    /// told any more through which.
    pub fn drops(&self, kind: u16) -> bool {
        self.kinds.has(kind) && (kind != kind::OPEN || self.security)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Rule {
    /// What it means, in words.
    pub fn words(&self) -> String {
        let kinds = KINDS.iter().filter(|kind| self.kinds.has(kind.number));
        let kinds: Vec<&str> = kinds.map(|kind| kind.name).collect();
        let whom = match &self.whom {
            Pattern::Container(glob) => format!("containers with the name or image `{glob}`"),
            Pattern::Path(path) if path.is_empty() => "every control group".to_owned(),
            Pattern::Path(path) => format!("the control group {path} and those below it"),
        };
        let but = if self.kinds.has(kind::OPEN) && !self.security {
            " (but for opens that a plugin picks by name, path or mark)"
        } else {
            ""
        };
        format!("{} of {whom}{but}", kinds.join(", "))
    }
}

/// The kinds of this name, or of the family of this name.
fn named(name: &str, text: &str, security: bool) -> Result<KindSet, MuteError> {
    let (name_, text_) = (|| name.to_owned(), || text.to_owned());
    let of_name = |kind: &&Kind| kind.name == name || kind.family == name;
    let all: Vec<&Kind> = KINDS.iter().filter(of_name).collect();
    if all.is_empty() {
        return Err(MuteError::NoKind {
            text: text_(),
            name: name_(),
        });
    }
    if all.iter().any(|kind| kind.family == OWN_FAMILY) {
        return Err(MuteError::Own {
            text: text_(),
            name: name_(),
        });
    }
    // A family stands for those of its kinds that may be muted.
    let may = all
        .iter()
        .filter(|kind| security || kind.lane == Lane::Bulk);
    let kinds = may.fold(KindSet::default(), |set, kind| set.with(kind.number));
    if kinds.is_empty() {
        return Err(MuteError::Security {
            text: text_(),
            name: name_(),
        });
    }
    Ok(kinds)
}

/// Whether the whole text is as the pattern says: `*` is any text, `?` any byte. On a mismatch only
/// the last `*` takes one byte more, so it costs at most the product of both lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else {
                    return false;
                };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn container(name: &str, image: &str) -> Container {
        Container {
            name: name.to_owned(),
            image: image.to_owned(),
            ..Container::default()
        }
    }

    #[test]
    fn globs_cover_the_whole_text() {
        for (pattern, text, fits) in [
            ("backup", "backup", true),
            ("backup", "backup-1", false),
            ("backup*", "backup-1", true),
            ("*/node:?8", "docker.io/library/node:18", true),
            ("*/node:?8", "docker.io/library/node:8", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-c-d", false),
            ("*", "anything", true),
            ("**a", "aaab", false),
            ("?", "", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                fits,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn a_name_an_image_or_a_path_says_whose() {
        let rule = |text| Rule::parse(text, false).unwrap();
        let own = container("backup-7", "registry/backup:3");
        let nameless = container("", "");
        for text in ["open=backup-*", "open=registry/*"] {
            assert!(rule(text).covers("/x", Some(&own)), "{text}");
            assert!(!rule(text).covers("/x", Some(&nameless)), "{text}");
            assert!(!rule(text).covers("/backup-7", None), "{text}");
        }
        // What has no name yet is not muted, whatever the pattern.
        assert!(!rule("open=*").covers("/x", Some(&nameless)));
        let below = rule("open=/machine.slice/");
        assert!(below.covers("/machine.slice", None));
        assert!(below.covers("/machine.slice/a/b", Some(&own)));
        assert!(!below.covers("/machine.slice2", None));
        assert!(!below.covers("/a/machine.slice", None));
        assert!(rule("open=/").covers("/anything", None));
    }

    #[test]
    fn the_security_lane_is_muted_only_if_that_is_said() {
        let refused = |text, security| Rule::parse(text, security).unwrap_err().to_string();
        assert!(refused("memfd=x", false).contains("--mute-security"));
        assert!(Rule::parse("memfd=x", true).unwrap().kinds.has(kind::MEMFD));
        let family = Rule::parse("file=x", false).unwrap();
        assert!(family.kinds.has(kind::OPEN) && family.kinds.has(kind::RENAME));
        assert!(!family.kinds.has(kind::MKNOD));
        assert!(!family.drops(kind::OPEN) && family.drops(kind::RENAME));
        let family = Rule::parse("file,fork=x", true).unwrap();
        assert!(family.kinds.has(kind::MKNOD) && family.kinds.has(kind::FORK));
        assert!(family.drops(kind::OPEN));
        for text in ["agent=x", "loss=x", "tick=x", "container,open=x"] {
            assert!(refused(text, true).contains("cannot be muted"), "{text}");
        }
        assert!(refused("opne=x", false).contains("no kind"));
        for text in ["open", "open=", "=x"] {
            assert!(Rule::parse(text, true).is_err(), "{text}");
        }
    }
}
