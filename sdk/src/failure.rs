//! Why a service gives no answer.

use crate::values::failure;
use std::fmt;

/// Why a service gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The plugin has had its share.
    Quota,
    /// What was given or asked for is larger than any may be.
    TooLarge,
    /// It is not known here: a replay has no record of the answer.
    Unavailable,
    /// There is no such thing, or no longer.
    NotFound,
    /// What is there now is not what the event was about.
    Changed,
    /// The agent may not look there.
    Denied,
    /// It has not the form that was asked for, or what was given has not.
    Malformed,
    /// The event is not of the batch that is being judged.
    NotSent,
    /// A reason that came after this SDK, by its number in the catalogue's set `failure`.
    Other(u32),
}

impl Failure {
    /// The reason with this number of the catalogue's set `failure`.
    pub fn from_number(number: u32) -> Failure {
        match number {
            failure::QUOTA => Failure::Quota,
            failure::TOO_LARGE => Failure::TooLarge,
            failure::UNAVAILABLE => Failure::Unavailable,
            failure::NOT_FOUND => Failure::NotFound,
            failure::CHANGED => Failure::Changed,
            failure::DENIED => Failure::Denied,
            failure::MALFORMED => Failure::Malformed,
            failure::NOT_SENT => Failure::NotSent,
            other => Failure::Other(other),
        }
    }

    /// Its number in the catalogue's set `failure`.
    pub fn number(self) -> u32 {
        match self {
            Failure::Quota => failure::QUOTA,
            Failure::TooLarge => failure::TOO_LARGE,
            Failure::Unavailable => failure::UNAVAILABLE,
            Failure::NotFound => failure::NOT_FOUND,
            Failure::Changed => failure::CHANGED,
            Failure::Denied => failure::DENIED,
            Failure::Malformed => failure::MALFORMED,
            Failure::NotSent => failure::NOT_SENT,
            Failure::Other(number) => number,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::Quota => "the plugin has had its share",
            Failure::TooLarge => "it is too large",
            Failure::Unavailable => "it is not known here",
            Failure::NotFound => "there is no such thing",
            Failure::Changed => "it is no longer what the event was about",
            Failure::Denied => "the agent may not look there",
            Failure::Malformed => "it has not the right form",
            Failure::NotSent => "the event is not of this batch",
            Failure::Other(number) => return write!(f, "the host failed for reason {number}"),
        })
    }
}

impl std::error::Error for Failure {}
