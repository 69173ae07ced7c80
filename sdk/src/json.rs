//! JSON as a stream of tokens, without allocation, from bytes that may be cut anywhere.
//!
//! What a process sends is neither whole nor trusted: the scanner goes on after garbage, so that
//! a second message on the same line is still seen, and ends where the bytes end.

use std::borrow::Cow;

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// `{` or `[`.
    Open(u8),
    /// `}` or `]`.
    Close(u8),
    /// A text before a colon.
    Key(Text<'a>),
    /// A text as a value.
    Text(Text<'a>),
    /// A number, as written.
    Number(&'a [u8]),
    /// `true`.
    True,
    /// `false`.
    False,
    /// `null`.
    Null,
}

/// A text as it stands between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    raw: &'a [u8],
    whole: bool,
}

impl<'a> Text<'a> {
    /// Whether its closing quote was there.
    pub fn is_whole(self) -> bool {
        self.whole
    }

    /// Whether it means these bytes, however it is escaped.
    pub fn is(self, expected: &[u8]) -> bool {
        self.bytes().eq(expected.iter().copied())
    }

    /// Whether it begins with these bytes, however it is escaped.
    pub fn starts_with(self, expected: &[u8]) -> bool {
        let mut bytes = self.bytes();
        expected.iter().all(|b| bytes.next() == Some(*b))
    }

    /// Its meaning.
    pub fn decode(self) -> Cow<'a, [u8]> {
        if self.raw.contains(&b'\\') {
            Cow::Owned(self.bytes().collect())
        } else {
            Cow::Borrowed(self.raw)
        }
    }

    /// Its meaning, byte by byte.
    pub fn bytes(self) -> impl Iterator<Item = u8> + 'a {
        Unescape {
            raw: self.raw,
            pending: [0; 4],
            left: 0,
        }
    }
}

struct Unescape<'a> {
    raw: &'a [u8],
    /// UTF-8 of an escaped character, the bytes not yet given at its end.
    pending: [u8; 4],
    left: usize,
}

impl Unescape<'_> {
    fn escape(&mut self, code: u32) -> Option<u8> {
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut buffer = [0; 4];
        let len = character.encode_utf8(&mut buffer).len();
        self.pending[4 - len..].copy_from_slice(&buffer[..len]);
        self.left = len;
        self.next()
    }

    /// The code unit of a `\uXXXX` at the start of `raw`.
    fn unit(&self) -> Option<u32> {
        let digits = self.raw.strip_prefix(b"\\u")?.get(..4)?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
}

impl Iterator for Unescape<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.left > 0 {
            self.left -= 1;
            return Some(self.pending[3 - self.left]);
        }
        let (&first, rest) = self.raw.split_first()?;
        if first != b'\\' {
            self.raw = rest;
            return Some(first);
        }
        if let Some(unit) = self.unit() {
            self.raw = &self.raw[6..];
            if (0xd800..0xdc00).contains(&unit)
                && let Some(low @ 0xdc00..0xe000) = self.unit()
            {
                self.raw = &self.raw[6..];
                return self.escape(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
            }
            return self.escape(unit);
        }
        let (&escaped, rest) = rest.split_first()?;
        self.raw = rest;
        Some(match escaped {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            other => other,
        })
    }
}

/// The tokens of some bytes.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Scanner { bytes, at: 0 }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    fn text(&mut self) -> Token<'a> {
        let start = self.at + 1;
        let mut end = start;
        let mut whole = false;
        while let Some(&byte) = self.bytes.get(end) {
            match byte {
                b'"' => {
                    whole = true;
                    break;
                }
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        let end = end.min(self.bytes.len());
        self.at = end + usize::from(whole);
        let text = Text {
            raw: &self.bytes[start.min(end)..end],
            whole,
        };
        let after = self.bytes[self.at..]
            .iter()
            .find(|b| !b.is_ascii_whitespace());
        if after == Some(&b':') {
            Token::Key(text)
        } else {
            Token::Text(text)
        }
    }

    fn word(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let len = rest
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
            .count();
        self.at += len;
        &rest[..len]
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            match *self.bytes.get(self.at)? {
                byte @ (b'{' | b'[') => {
                    self.at += 1;
                    return Some(Token::Open(byte));
                }
                byte @ (b'}' | b']') => {
                    self.at += 1;
                    return Some(Token::Close(byte));
                }
                b'"' => return Some(self.text()),
                byte if byte.is_ascii_alphanumeric() || byte == b'-' => match self.word() {
                    b"true" => return Some(Token::True),
                    b"false" => return Some(Token::False),
                    b"null" => return Some(Token::Null),
                    word if byte == b'-' || byte.is_ascii_digit() => {
                        return Some(Token::Number(word));
                    }
                    _ => {}
                },
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_escapes_and_surrogates() {
        let tokens: Vec<_> = Scanner::new(br#"{"m\u0069":"\ud83d\ude00\n\/"}"#).collect();
        let Token::Key(key) = tokens[1] else {
            panic!("{tokens:?}")
        };
        let Token::Text(text) = tokens[2] else {
            panic!("{tokens:?}")
        };
        assert!(key.is(b"mi"));
        assert_eq!(&*text.decode(), "\u{1f600}\n/".as_bytes());
    }

    #[test]
    fn every_cut_of_a_message_is_survived() {
        let message = br#" {"id":-1.5e3,"params":["a\\\"\u0062",null,true],"x":{}} garbage "y""#;
        for end in 0..=message.len() {
            for start in 0..=end {
                for token in Scanner::new(&message[start..end]) {
                    if let Token::Text(text) | Token::Key(text) = token {
                        let _ = text.decode();
                    }
                }
            }
        }
    }

    #[test]
    fn a_cut_text_says_so() {
        let Some(Token::Text(text)) = Scanner::new(br#""abc"#).next() else {
            panic!("no text")
        };
        assert!(!text.is_whole());
        assert!(text.is(b"abc"));
    }
}
