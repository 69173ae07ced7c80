//! The plugin's configuration.

use crate::json::{Scanner, Token};
use std::borrow::Cow;

/// The configuration that the operator gave to the plugin, over the manifest's defaults.
#[derive(Debug, Clone, Copy)]
pub struct Config<'a>(&'a str);

impl<'a> Config<'a> {
    /// A configuration of this JSON text.
    pub fn new(json: &'a str) -> Self {
        Config(json)
    }

    /// The whole as JSON text.
    pub fn json(self) -> &'a str {
        self.0
    }

    /// The whole as the plugin's own type. The error is for `init` to return.
    ///
    /// ```
    /// use vedette_sdk::prelude::*;
    ///
    /// #[derive(serde::Deserialize)]
    /// #[serde(rename_all = "kebab-case")]
    /// struct Settings {
    ///     most_connections: usize,
    /// }
    ///
    /// let settings: Settings = Config::new(r#"{"most-connections": 3}"#).parse()?;
    /// assert_eq!(settings.most_connections, 3);
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    /// What does not fit, and where.
    pub fn parse<T: serde::de::DeserializeOwned>(self) -> Result<T, String> {
        serde_json::from_str(self.0).map_err(|error| format!("[config]: {error}"))
    }

    /// The number under this key of the top-level object.
    pub fn number(self, key: &str) -> Option<u64> {
        match self.value(key)? {
            Token::Number(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// The truth value under this key of the top-level object.
    pub fn flag(self, key: &str) -> Option<bool> {
        match self.value(key)? {
            Token::True => Some(true),
            Token::False => Some(false),
            _ => None,
        }
    }

    /// The text under this key of the top-level object.
    pub fn text(self, key: &str) -> Option<Cow<'a, str>> {
        match self.value(key)? {
            Token::Text(raw) => match raw.decode() {
                Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
                Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
            },
            _ => None,
        }
    }

    fn value(self, key: &str) -> Option<Token<'a>> {
        let mut tokens = Scanner::new(self.0.as_bytes());
        let mut depth = 0u32;
        while let Some(token) = tokens.next() {
            match token {
                Token::Open(_) => depth += 1,
                Token::Close(_) => depth = depth.saturating_sub(1),
                Token::Key(name) if depth == 1 && name.is(key.as_bytes()) => return tokens.next(),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_top_level_only() {
        let config = Config::new(r#"{"a":{"limit":1},"limit":7,"on":true,"name":"x\u0079"}"#);
        assert_eq!(config.number("limit"), Some(7));
        assert_eq!(config.flag("on"), Some(true));
        assert_eq!(config.text("name").as_deref(), Some("xy"));
        assert_eq!(config.number("absent"), None);
        assert_eq!(Config::new("").number("limit"), None);
    }
}
