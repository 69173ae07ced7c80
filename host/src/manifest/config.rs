//! A plugin's settings: what `[config]` declares, and what the operator sets.
//!
//! A setting is written as its default (`threshold = 5`) or as a schema
//! (`threshold = { type = "integer", default = 5, minimum = 1 }`). One without a default must be
//! set by the operator.

use super::{
    Fault, MAX_SIZE, ManifestError, fault, near,
    place::{self, Step},
    schema::{self, Walk},
};
use serde_json::{Map, Value, json};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Most settings: stops tables without end.
const MAX_SETTINGS: usize = 64;
/// Longest name of a setting in bytes.
const MAX_NAME: usize = 64;

/// A plugin's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// JSON Schema of an object that holds them.
    pub schema: Value,
    /// What `init` is given, as JSON: the defaults, with what the operator set in their place.
    pub values: Value,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            schema: object(Map::new(), Vec::new()),
            values: json!({}),
        }
    }
}

impl Config {
    /// Names of the settings that have no value.
    pub fn missing(&self) -> Vec<&str> {
        let required = self.schema["required"].as_array();
        required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|name| self.values.get(name).is_none())
            .collect()
    }

    /// The same settings with what an operator's file says in place of the defaults. `file` names
    /// it in errors.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place and the remedy.
    pub fn with(&self, text: &str, file: &str) -> Result<Config, Box<ManifestError>> {
        self.merged(text).map_err(|fault| fault.located(text, file))
    }

    fn merged(&self, text: &str) -> Result<Config, Fault> {
        if text.len() > MAX_SIZE {
            return fault(
                0..0,
                format!("the file is {} bytes long", text.len()),
                format!("keep it below {MAX_SIZE}"),
            );
        }
        let table = DeTable::parse(text)
            .map_err(|error| Fault::of_toml(&error, "write settings like NAME = VALUE, as TOML"))?;
        let known = self.schema["properties"].as_object();
        let known = || known.into_iter().flat_map(|p| p.keys()).map(String::as_str);
        let mut values = Map::new();
        for (name, value) in table.get_ref() {
            let setting = &**name.get_ref();
            if !known().any(|k| k == setting) {
                return fault(
                    name.span(),
                    format!("the plugin has no setting {:?}", near::plain(setting)),
                    near::suggest(setting, "its settings are", known()),
                );
            }
            values.insert(setting.to_owned(), value_of(value)?);
        }
        let mut values = Value::Object(values);
        schema::fill(&self.schema, &mut values);
        let validator = schema::compile(&self.schema).map_err(|error| Fault {
            span: 0..0,
            message: error.to_string(),
            help: "the plugin's own schema is at fault: tell its author".to_owned(),
        })?;
        if let Some(error) = validator.iter_errors(&values).next() {
            let path = schema::steps(&error.instance_path);
            let help = self.remedy(&path);
            return Err(schema::refused(&error, &table, &path, help));
        }
        Ok(Config {
            schema: self.schema.clone(),
            values,
        })
    }

    /// What the manifest says of a setting.
    fn remedy(&self, path: &[Step]) -> String {
        let setting = match path.first() {
            Some(Step::Key(name)) => &self.schema["properties"][name],
            _ => return "`vedette plugin inspect` shows the plugin's settings".to_owned(),
        };
        match setting["description"].as_str() {
            Some(description) => format!("this setting is: {description}"),
            None => format!("its schema is {setting}"),
        }
    }
}

/// A schema of an object with these settings and no others.
fn object(properties: Map<String, Value>, required: Vec<String>) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// Reads the `[config]` table.
pub(super) fn read(table: &Spanned<DeTable<'_>>) -> Result<Config, Fault> {
    if table.get_ref().len() > MAX_SETTINGS {
        return fault(
            table.span(),
            "too many settings",
            format!("keep to {MAX_SETTINGS}"),
        );
    }
    if table.get_ref().is_empty() {
        return Ok(Config::default());
    }
    let mut walk = Walk::default();
    let mut properties = Map::new();
    for (name, value) in table.get_ref() {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
        let text = &**name.get_ref();
        if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(good) {
            return fault(
                name.span(),
                format!("{:?} is not a setting's name", near::plain(text)),
                format!("use 1 to {MAX_NAME} of the characters a-z, 0-9, - and _"),
            );
        }
        properties.insert(text.to_owned(), setting(value, &mut walk)?);
    }
    let mut values = json!({});
    let mut schema = object(properties, Vec::new());
    let validator = schema::compile(&schema).map_err(|error| {
        // Behind "properties" the path is that of the table.
        let path = schema::steps(&error.instance_path);
        let path = path.get(1..).unwrap_or_default();
        let help = "this is not what JSON Schema has at this place";
        schema::refused(&error, table, path, help.to_owned())
    })?;
    schema::fill(&schema, &mut values);
    if let Some(error) = validator.iter_errors(&values).next() {
        let mut path = schema::steps(&error.instance_path);
        // A default may be written as such, or be all that is written of a setting.
        let plain = path.clone();
        path.insert(path.len().min(1), Step::Key("default".to_owned()));
        let root = table.get_ref();
        let precise = place::find(root, table.span(), &path);
        let precise = if precise == place::find(root, table.span(), &path[..path.len().min(1)]) {
            plain
        } else {
            path
        };
        let help = "a default must be what its own schema allows".to_owned();
        return Err(schema::refused(&error, table, &precise, help));
    }
    let names: Vec<String> = table
        .get_ref()
        .keys()
        .map(|name| name.get_ref().to_string())
        .filter(|name| values.get(name).is_none())
        .collect();
    schema["required"] = names.into();
    Ok(Config { schema, values })
}

/// The schema of a setting.
fn setting(value: &Spanned<DeValue<'_>>, walk: &mut Walk) -> Result<Value, Fault> {
    let given = value_of(value)?;
    let Value::Object(mut schema) = given else {
        let mut schema = kind_of(&given);
        schema["default"] = given;
        return Ok(schema);
    };
    walk.schema(value, 0)?;
    if !says_what(&mut schema) {
        return fault(
            value.span(),
            "nothing is said of what this setting is",
            "give its type (\"integer\", \"string\", …) or its default",
        );
    }
    Ok(Value::Object(schema))
}

/// Gives a schema without a type that of its default, and so to the properties in it. Whether it
/// then says what values it allows.
fn says_what(schema: &mut Map<String, Value>) -> bool {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut().filter_map(Value::as_object_mut) {
            says_what(property);
        }
    }
    let keywords = ["type", "enum", "const", "anyOf", "oneOf", "allOf"];
    if keywords.iter().any(|keyword| schema.contains_key(*keyword)) {
        return true;
    }
    let Some(default) = schema.get("default") else {
        return false;
    };
    if let Some(ty) = kind_of(default).get("type") {
        schema.insert("type".to_owned(), ty.clone());
    }
    true
}

/// What a value is, as a schema: lists hold what their first element is.
fn kind_of(value: &Value) -> Value {
    match value {
        Value::String(_) => json!({ "type": "string" }),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(n) if n.is_f64() => json!({ "type": "number" }),
        Value::Number(_) => json!({ "type": "integer" }),
        Value::Array(items) => match items.first() {
            Some(first) if !first.is_object() => {
                let element = kind_of(first);
                let alike = items.iter().all(|item| kind_of(item) == element);
                if alike {
                    json!({ "type": "array", "items": element })
                } else {
                    json!({ "type": "array" })
                }
            }
            _ => json!({ "type": "array" }),
        },
        Value::Object(_) => json!({ "type": "object" }),
        Value::Null => json!({}),
    }
}

fn value_of(value: &Spanned<DeValue<'_>>) -> Result<Value, Fault> {
    place::json(value).map_err(|span| Fault {
        span,
        message: "JSON has no infinite or undefined numbers".to_owned(),
        help: "write the number as text, or leave it out".to_owned(),
    })
}
