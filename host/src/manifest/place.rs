//! TOML with the place of each value, as JSON has it.

use serde::Deserialize as _;
use serde_json::Value;
use std::ops::Range;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

/// A step from a value to one in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The value of this key.
    Key(String),
    /// The element with this number.
    Index(usize),
}

/// Where the value at the end of this path stands, or as much of the path as there is.
pub(super) fn find<'d>(table: &DeTable<'d>, whole: Range<usize>, path: &[Step]) -> Range<usize> {
    let Some((Step::Key(key), rest)) = path.split_first() else {
        return whole;
    };
    let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == key) else {
        return whole;
    };
    let mut place = name.span();
    let mut value = value;
    for step in rest {
        let next = match (step, value.get_ref()) {
            (Step::Key(key), DeValue::Table(table)) => table
                .iter()
                .find(|(name, _)| name.get_ref() == key)
                .map(|(name, value)| (name.span(), value)),
            (Step::Index(n), DeValue::Array(items)) => items.get(*n).map(|v| (v.span(), v)),
            // A key that is a number looks like one.
            (Step::Index(n), DeValue::Table(table)) => table
                .iter()
                .find(|(name, _)| **name.get_ref() == n.to_string())
                .map(|(name, value)| (name.span(), value)),
            _ => None,
        };
        let Some((span, inner)) = next else {
            return place;
        };
        (place, value) = (span, inner);
    }
    place
}

/// A value as JSON; an error is the place of a number that JSON has not. Dates become text. The
/// parser's limit on nesting bounds the recursion.
pub(super) fn json(value: &Spanned<DeValue<'_>>) -> Result<Value, Range<usize>> {
    Ok(match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(b) => Value::Bool(*b),
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Integer(_) | DeValue::Float(_) => number(value).ok_or_else(|| value.span())?,
        DeValue::Array(items) => Value::Array(items.iter().map(json).collect::<Result<_, _>>()?),
        DeValue::Table(table) => Value::Object(
            table
                .iter()
                .map(|(key, value)| Ok((key.get_ref().to_string(), json(value)?)))
                .collect::<Result<_, Range<usize>>>()?,
        ),
    })
}

fn number(value: &Spanned<DeValue<'_>>) -> Option<Value> {
    match toml::Value::deserialize(ValueDeserializer::from(value.clone())).ok()? {
        toml::Value::Integer(i) => Some(i.into()),
        toml::Value::Float(f) => serde_json::Number::from_f64(f).map(Value::Number),
        _ => None,
    }
}
