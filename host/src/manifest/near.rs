//! Which known word somebody meant who wrote another, and words of strangers made safe to show.

/// Longest word that is compared: comparing takes the product of both lengths.
const MAX_WORD: usize = 64;

/// The known word that is nearest to this one, if it is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > MAX_WORD {
        return None;
    }
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|k| (strsim::osa_distance(&word, k), k))
        .min()
        .filter(|(distance, k)| distance * 3 <= k.len().max(3))
        .map(|(_, k)| k)
}

/// "did you mean …", and all the known words.
pub(super) fn suggest<'a>(
    word: &str,
    what: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let all = format!("{what} {}", known.join(", "));
    match nearest(word, known) {
        Some(near) => format!("did you mean {near:?}? {all}"),
        None => all,
    }
}

/// What serde says of a manifest, as a message and a remedy. An unknown word gets a suggestion.
pub(super) fn explain(message: &str) -> (String, String) {
    let message = plain(&message.trim().replace('\n', " "));
    let reference = "docs/plugins.md lists every table and key of a manifest".to_owned();
    let what = match message.split(' ').take(2).collect::<Vec<_>>()[..] {
        ["unknown", "field"] => ("key", "the keys here are"),
        ["unknown", "variant"] => ("word", "the words here are"),
        _ => return (message, reference),
    };
    let Some((unknown, expected)) = message.split_once(", ") else {
        return (message, reference);
    };
    // serde puts every word between backticks.
    let word = unknown.split('`').nth(1).unwrap_or_default();
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    if known.is_empty() {
        return (format!("unknown {} {word:?}", what.0), reference);
    }
    (
        format!("unknown {} {word:?}", what.0),
        suggest(word, what.1, known),
    )
}

/// Characters that a reader does not see, or that turn the direction of what they see.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The text with what is hidden written out.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let (shown, escaped) = if is_hidden(c) {
                (None, Some(c.escape_unicode()))
            } else {
                (Some(c), None)
            };
            shown.into_iter().chain(escaped.into_iter().flatten())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found() {
        let known = ["license", "authors", "title"];
        assert_eq!(nearest("licence", known), Some("license"));
        assert_eq!(nearest("Titel", known), Some("title"));
        assert_eq!(nearest("zebra", known), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), known), None);
        assert_eq!(plain("a\u{202e}b\u{7}"), "a\\u{202e}b\\u{7}");
    }
}
