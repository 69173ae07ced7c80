//! Schemas of settings: JSON Schema with a closed list of keywords.
//!
//! Closed, because JSON Schema ignores what it does not know, so that a slip of the pen would allow
//! everything; and without references, so that a schema is a tree whose size bounds the work.

use super::{
    Fault, fault, near,
    place::{self, Step},
};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator, paths::Location};
use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Deepest nesting: stops recursion without end.
const MAX_DEPTH: usize = 8;
/// Most schemas within a manifest: stops one that takes long to check each value with.
const MAX_SCHEMAS: usize = 256;
/// Longest pattern in bytes, and most memory of its automaton: stops patterns that explode.
const MAX_PATTERN: usize = 512;
const MAX_AUTOMATON: usize = 1 << 20;

/// Keywords whose value is no schema.
const PLAIN: [&str; 25] = [
    "type",
    "title",
    "description",
    "default",
    "examples",
    "enum",
    "const",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minContains",
    "maxContains",
    "required",
    "minProperties",
    "maxProperties",
    "deprecated",
];
/// Keywords whose value is a schema.
const ONE: [&str; 5] = [
    "items",
    "contains",
    "additionalProperties",
    "propertyNames",
    "not",
];
/// Keywords whose value is a list of schemas.
const LIST: [&str; 4] = ["anyOf", "oneOf", "allOf", "prefixItems"];
/// The keyword whose value holds schemas by name.
const NAMED: &str = "properties";
/// Formats that are checked.
const FORMATS: [&str; 4] = ["ipv4", "ipv6", "date-time", "regex"];

/// Walks through the schemas of one manifest.
#[derive(Default)]
pub(super) struct Walk {
    schemas: usize,
}

impl Walk {
    /// Judges one schema and those in it.
    pub fn schema(&mut self, value: &Spanned<DeValue<'_>>, depth: usize) -> Result<(), Fault> {
        self.schemas += 1;
        if depth > MAX_DEPTH || self.schemas > MAX_SCHEMAS {
            return fault(
                value.span(),
                "the configuration's schema is too large",
                format!("keep to {MAX_SCHEMAS} schemas, {MAX_DEPTH} deep"),
            );
        }
        let DeValue::Table(table) = value.get_ref() else {
            return fault(
                value.span(),
                "this is no schema",
                "write a table of keywords, like { type = \"integer\", minimum = 1 }",
            );
        };
        for (key, value) in table {
            self.keyword(key, value, depth)?;
        }
        Ok(())
    }

    fn keyword(
        &mut self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        depth: usize,
    ) -> Result<(), Fault> {
        let name = &**key.get_ref();
        match value.get_ref() {
            DeValue::Boolean(_) if name == "additionalProperties" => Ok(()),
            _ if ONE.contains(&name) => self.schema(value, depth + 1),
            DeValue::Array(schemas) if LIST.contains(&name) => schemas
                .iter()
                .try_for_each(|schema| self.schema(schema, depth + 1)),
            DeValue::Table(schemas) if name == NAMED => schemas
                .iter()
                .try_for_each(|(_, schema)| self.schema(schema, depth + 1)),
            DeValue::String(text) if name == "pattern" => pattern(text, value),
            DeValue::String(text) if name == "format" && !FORMATS.contains(&&**text) => fault(
                value.span(),
                format!("the format {:?} is not checked", near::plain(text)),
                near::suggest(text, "the formats are", FORMATS),
            ),
            _ if PLAIN.contains(&name) || LIST.contains(&name) || name == NAMED => Ok(()),
            _ if name.starts_with('$') => fault(
                key.span(),
                format!("{:?} is not understood here", near::plain(name)),
                "write what it refers to in its place",
            ),
            _ => fault(
                key.span(),
                format!("unknown keyword {:?}", near::plain(name)),
                near::suggest(
                    name,
                    "a table describes a setting by the keywords",
                    PLAIN.into_iter().chain(ONE).chain(LIST).chain([NAMED]),
                ),
            ),
        }
    }
}

fn pattern(text: &str, value: &Spanned<DeValue<'_>>) -> Result<(), Fault> {
    let schema = serde_json::json!({ "pattern": text });
    if text.len() > MAX_PATTERN || compile(&schema).is_err() {
        return fault(
            value.span(),
            "this pattern cannot be used",
            format!(
                "write a regular expression of at most {MAX_PATTERN} bytes, without look-around and back-references, whose repetitions are small"
            ),
        );
    }
    Ok(())
}

/// A validator that answers in time linear in what it is given, and looks at nothing else.
pub(super) fn compile(schema: &Value) -> Result<Validator, Box<ValidationError<'static>>> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(
            PatternOptions::regex()
                .size_limit(MAX_AUTOMATON)
                .dfa_size_limit(MAX_AUTOMATON),
        )
        .build(schema)
        .map_err(Box::new)
}

/// The path to where something is wrong.
pub(super) fn steps(location: &Location) -> Vec<Step> {
    use jsonschema::paths::LocationSegment;
    location
        .into_iter()
        .map(|segment| match segment {
            LocationSegment::Property(key) => Step::Key(key.to_string()),
            LocationSegment::Index(n) => Step::Index(n),
        })
        .collect()
}

/// A fault at the place that a validation error is about.
pub(super) fn refused(
    error: &ValidationError<'_>,
    table: &Spanned<DeTable<'_>>,
    path: &[Step],
    help: String,
) -> Fault {
    /// Longest message: they quote what was given.
    const MAX_MESSAGE: usize = 300;
    let mut message = near::plain(&error.to_string());
    if message.len() > MAX_MESSAGE {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        message.push('…');
    }
    Fault {
        span: place::find(table.get_ref(), table.span(), path),
        message,
        help,
    }
}

/// Puts the defaults of a schema where a value says nothing.
pub(super) fn fill(schema: &Value, value: &mut Value) {
    let (Some(Value::Object(properties)), Value::Object(map)) = (schema.get(NAMED), value) else {
        return;
    };
    for (name, property) in properties {
        if let Some(value) = map.get_mut(name) {
            fill(property, value);
            continue;
        }
        let mut value = match property.get("default") {
            Some(default) => default.clone(),
            None if property.get(NAMED).is_some() => Value::Object(serde_json::Map::new()),
            None => continue,
        };
        fill(property, &mut value);
        if property.get("default").is_some() || value.as_object().is_some_and(|o| !o.is_empty()) {
            map.insert(name.clone(), value);
        }
    }
}
