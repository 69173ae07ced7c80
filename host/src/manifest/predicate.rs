//! Predicates: a closed list of tests on an event, so that their union compiles into the kernel.

use super::{Fault, MAX_TEXT, MAX_VALUES, Sensitive, fault, near, raw::RawPredicate};
use std::{collections::BTreeSet, net::IpAddr, ops::Range};
use toml::{Spanned, Value};
use vedette_contract::{Field, Kind, Set, Type, kind};
use vedette_sensor::filter::Access;

/// One test, or its negation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicate {
    /// What is tested.
    pub test: Test,
    /// It must not hold.
    pub negated: bool,
}

/// What a predicate tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// A field of the event.
    Field(Subject, Operator),
    /// How a file was opened; only of kind `open`.
    Access(Access),
    /// Whether the acting process is in a container.
    Container(bool),
}

/// Which field is tested.
#[derive(Debug, Clone, Copy)]
pub enum Subject {
    /// Real user id of the acting process; a field of every kind.
    Uid,
    /// A field of the kind.
    Field(&'static Field),
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Subject {}

impl Subject {
    /// Its name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Uid => "uid",
            Subject::Field(field) => field.name,
        }
    }
}

/// How a field is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// The number is one of these.
    Numbers(Vec<u64>),
    /// The number, with its sign where the field has one, is at least the first of these and at
    /// most the second.
    Between(i64, i64),
    /// Any of these bits is set.
    Has(u64),
    /// The text is one of these.
    Texts(Vec<Vec<u8>>),
    /// The text begins with one of these.
    Prefix(Vec<Vec<u8>>),
    /// The text ends with one of these.
    Suffix(Vec<Vec<u8>>),
    /// The address is one of these, each of 4 or 16 bytes.
    Addresses(Vec<Vec<u8>>),
}

const OPERATORS: &str = "give exactly one of equals, any-of, between, prefix, suffix, has";

/// Judges one predicate of a subscription to `kind`.
pub(super) fn read(
    kind: &'static Kind,
    raw: Spanned<RawPredicate>,
    granted: &BTreeSet<Sensitive>,
) -> Result<Predicate, Fault> {
    let span = raw.span();
    let raw = raw.into_inner();
    let negated = raw.not;
    let mut operators = [
        ("equals", raw.equals),
        ("any-of", raw.any_of),
        ("between", raw.between),
        ("prefix", raw.prefix),
        ("suffix", raw.suffix),
        ("has", raw.has),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)));
    let operator = operators.next();
    if operators.next().is_some() {
        return fault(span, "this predicate has several operators", OPERATORS);
    }
    let test = match (raw.field, raw.access, raw.container, operator) {
        (Some(field), None, None, Some((name, value))) => {
            let subject = subject(kind, &field, granted)?;
            Test::Field(subject, operator_of(kind, subject, name, value)?)
        }
        (Some(field), None, None, None) => {
            return fault(
                field.span(),
                "this field is compared with nothing",
                OPERATORS,
            );
        }
        (None, Some(access), None, None) => Test::Access(access_of(kind, &access)?),
        (None, None, Some(inside), None) => Test::Container(inside),
        _ => {
            return fault(
                span,
                "this predicate does not say what it tests",
                "give one of field (with one operator), access, container",
            );
        }
    };
    Ok(Predicate { test, negated })
}

fn subject(
    kind: &'static Kind,
    name: &Spanned<String>,
    granted: &BTreeSet<Sensitive>,
) -> Result<Subject, Fault> {
    if name.get_ref() == "uid" {
        return Ok(Subject::Uid);
    }
    let Some(field) = kind.field(name.get_ref()) else {
        return fault(
            name.span(),
            format!(
                "events of kind {} have no field {:?}",
                kind.name,
                near::plain(name.get_ref())
            ),
            near::suggest(
                name.get_ref(),
                "its fields are",
                kind.fields.iter().map(|f| f.name).chain(["uid"]),
            ),
        );
    };
    // Whether an event arrives tells what the field holds: testing it is seeing it.
    if matches!(kind.number, kind::SENT | kind::RECEIVED | kind::ICMP)
        && field.name == "payload"
        && !granted.contains(&Sensitive::Payload)
    {
        return fault(
            name.span(),
            "a test on the payload needs the right to see it",
            "add fields = [\"payload\"] to [capabilities]",
        );
    }
    Ok(Subject::Field(field))
}

fn access_of(kind: &Kind, text: &Spanned<String>) -> Result<Access, Fault> {
    if kind.number != kind::OPEN {
        return fault(
            text.span(),
            format!("events of kind {} have no access", kind.name),
            "use it in a subscription to open",
        );
    }
    match text.get_ref().as_str() {
        "write" => Ok(Access::Write),
        "any" => Ok(Access::Any),
        _ => fault(
            text.span(),
            "this is not an access",
            "write \"write\" or \"any\"; for reading alone access = \"write\", not = true",
        ),
    }
}

/// How the values of a field are written and compared.
enum Form {
    Number { bits: bool, max: u64, signed: bool },
    Named(&'static Set),
    Text,
    Address,
}

fn form(subject: Subject) -> Option<Form> {
    let number = |max| Form::Number {
        bits: false,
        max,
        signed: false,
    };
    Some(match subject {
        Subject::Uid => number(u32::MAX.into()),
        Subject::Field(field) => match field.ty {
            Type::U32 => number(u32::MAX.into()),
            Type::U64 => number(u64::MAX),
            Type::S32 => Form::Number {
                bits: false,
                max: i32::MAX as u64,
                signed: true,
            },
            Type::Hex => Form::Number {
                bits: true,
                max: u64::MAX,
                signed: false,
            },
            Type::Set(set) | Type::Bits(set) => Form::Named(set),
            Type::Path | Type::Bytes => Form::Text,
            Type::Address => Form::Address,
            Type::Process => return None,
        },
    })
}

fn operator_of(
    kind: &Kind,
    subject: Subject,
    operator: &str,
    value: Spanned<Value>,
) -> Result<Operator, Fault> {
    let span = value.span();
    let values = values(operator, value)?;
    let texts = || {
        values
            .iter()
            .map(|v| text(v, &span))
            .collect::<Result<Vec<_>, _>>()
    };
    let Some(form) = form(subject) else {
        return fault(
            span,
            format!(
                "the field {} is a process and has no operators",
                subject.name()
            ),
            "subscribe without it and test it in the plugin",
        );
    };
    let bits_set = matches!(&form, Form::Named(set) if set.bits);
    match (form, operator) {
        (Form::Number { max, signed, .. }, "equals" | "any-of") => values
            .iter()
            .map(|v| number(v, max, signed, &span))
            .collect::<Result<_, _>>()
            .map(Operator::Numbers),
        (Form::Number { max, signed, .. }, "between") => between(&values, max, signed, span),
        (Form::Number { bits: true, .. }, "has") => values
            .iter()
            .try_fold(0, |bits, v| Ok(bits | number(v, u64::MAX, false, &span)?))
            .map(Operator::Has),
        (Form::Named(set), "equals" | "any-of") if !bits_set => values
            .iter()
            .map(|v| named(set, v, &span).map(u64::from))
            .collect::<Result<_, _>>()
            .map(Operator::Numbers),
        (Form::Named(set), "has") if bits_set => values
            .iter()
            .try_fold(0, |bits, v| Ok(bits | u64::from(named(set, v, &span)?)))
            .map(Operator::Has),
        (Form::Text, "equals" | "any-of") => texts().map(Operator::Texts),
        (Form::Text | Form::Address, "prefix") => texts().map(Operator::Prefix),
        (Form::Text | Form::Address, "suffix") => texts().map(Operator::Suffix),
        (Form::Address, "equals" | "any-of") => addresses(&texts()?, span),
        (form, _) => fault(
            span,
            format!(
                "the field {} of {} has no operator {operator}",
                subject.name(),
                kind.name
            ),
            match form {
                Form::Number { bits: true, .. } => "it has equals, any-of, between, has",
                Form::Number { .. } => "it has equals, any-of, between",
                Form::Named(set) if set.bits => "it has only has",
                Form::Named(_) => "it has equals, any-of",
                Form::Text | Form::Address => "it has equals, any-of, prefix, suffix",
            },
        ),
    }
}

/// The values of an operator: one, or a list.
fn values(operator: &str, value: Spanned<Value>) -> Result<Vec<Value>, Fault> {
    let span = value.span();
    let values = match value.into_inner() {
        Value::Array(_) if operator == "equals" => {
            return fault(span, "equals takes one value", "use any-of with a list");
        }
        Value::Array(values) => values,
        one => vec![one],
    };
    if values.is_empty() || values.len() > MAX_VALUES {
        return fault(
            span,
            "this list is empty or too long",
            format!("give 1 to {MAX_VALUES} values"),
        );
    }
    Ok(values)
}

fn number(value: &Value, max: u64, signed: bool, span: &Range<usize>) -> Result<u64, Fault> {
    match value {
        Value::Integer(i) if *i >= 0 && *i as u64 <= max => Ok(*i as u64),
        Value::Integer(i) if signed && i32::try_from(*i).is_ok() => Ok(*i as u64),
        Value::String(_) => fault(
            span.clone(),
            "this is text, not a number that the field can hold",
            "write a number without quotes, as in 80 or 0x800; docs/events.md says what it means",
        ),
        _ => fault(
            span.clone(),
            "this is not a number that the field can hold",
            format!("write a whole number up to {max}"),
        ),
    }
}

fn between(
    values: &[Value],
    max: u64,
    signed: bool,
    span: Range<usize>,
) -> Result<Operator, Fault> {
    let [low, high] = values else {
        return fault(
            span,
            "between takes two numbers",
            "write the least and the greatest that are wanted, as in [1000, 65535]",
        );
    };
    let [low, high] = [low, high].map(|v| number(v, max, signed, &span));
    // Manifests have no number beyond a signed one's, and negative ones are kept as such.
    match (low? as i64, high? as i64) {
        (low, high) if low <= high => Ok(Operator::Between(low, high)),
        _ => fault(
            span,
            "no number is between these",
            "write the least first, then the greatest",
        ),
    }
}

fn named(set: &'static Set, value: &Value, span: &Range<usize>) -> Result<u32, Fault> {
    if let Value::String(name) = value
        && let Some(number) = set.value(name)
    {
        return Ok(number);
    }
    fault(
        span.clone(),
        format!("this is not in the set {}", set.name),
        near::suggest(
            value.as_str().unwrap_or_default(),
            "its names are",
            set.values.iter().map(|v| v.name),
        ),
    )
}

fn text(value: &Value, span: &Range<usize>) -> Result<Vec<u8>, Fault> {
    match value {
        Value::String(text) if !text.is_empty() && text.len() <= MAX_TEXT => {
            Ok(text.clone().into_bytes())
        }
        _ => fault(
            span.clone(),
            "this is not a text that a field can be compared with",
            format!("write 1 to {MAX_TEXT} bytes in quotes"),
        ),
    }
}

/// Values that an address equals: all of them of the internet, or all paths of unix sockets.
fn addresses(texts: &[Vec<u8>], span: Range<usize>) -> Result<Operator, Fault> {
    let parsed: Vec<Option<Vec<u8>>> = texts
        .iter()
        .map(|text| {
            let address: IpAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
            Some(match address {
                IpAddr::V4(a) => a.octets().to_vec(),
                IpAddr::V6(a) => a.octets().to_vec(),
            })
        })
        .collect();
    if parsed.iter().all(Option::is_none) {
        return Ok(Operator::Texts(texts.to_vec()));
    }
    parsed.into_iter().collect::<Option<_>>().map_or_else(
        || {
            fault(
                span,
                "this list mixes addresses and paths",
                "write two subscriptions, one for each",
            )
        },
        |addresses| Ok(Operator::Addresses(addresses)),
    )
}
