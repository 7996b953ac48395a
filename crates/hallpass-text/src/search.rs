//! Search texts and search terms, for a trigram index.
//!
//! A trigram index finds any three consecutive characters, and nothing shorter. So each word begins
//! with two marks: a term of one or two letters is searched with the marks before it, and finds the
//! words that begin with it. Each character that is not a letter or digit is a word of its own, and so
//! is each character of scripts that are written without spaces: they are found anywhere.

use crate::fold;

/// Appears twice before each word. [`fold`] removes this character from texts.
const MARK: char = '\u{1}';
/// The minimum length of a term that a trigram index can find.
const TRIGRAM: usize = 3;

/// The search text of `text`, as stored.
#[must_use]
pub fn searchable(text: &str) -> String {
    marked(&fold(text))
}

/// A search term: a substring of a [`searchable`] text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term(String);

/// Separates the words of a [`word_set`].
const SEPARATOR: char = '|';

/// The search text of a set of words, as stored, for [`Term::word`].
#[must_use]
pub fn word_set<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut set = String::from(SEPARATOR);
    for word in words.into_iter().map(folded_word).filter(|word| !word.is_empty()) {
        set.push_str(&word);
        set.push(SEPARATOR);
    }
    set
}

fn folded_word(word: &str) -> String {
    fold(word).replace(SEPARATOR, "")
}

impl Term {
    /// The term that finds each [`word_set`] with `word`; none if no set can contain it.
    #[must_use]
    pub fn word(word: &str) -> Option<Self> {
        let word = folded_word(word);
        (!word.is_empty()).then(|| Self(format!("{SEPARATOR}{word}{SEPARATOR}")))
    }

    /// The term for `text`; none if `text` contains nothing searchable.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let marked = searchable(text);
        let inner = marked.trim_start_matches(MARK);
        if inner.is_empty() {
            return None;
        }
        let anywhere = inner.chars().count() >= TRIGRAM;
        Some(Self(if anywhere { inner.to_owned() } else { marked }))
    }

    /// The term as it appears in a searchable text; three characters at least.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn marked(folded: &str) -> String {
    let mut marked = String::with_capacity(folded.len() * 2);
    let mut within_word = false;
    for letter in folded.chars() {
        let joins = letter.is_alphanumeric() && !is_word_alone(letter);
        if letter != ' ' && !(joins && within_word) {
            marked.extend([MARK, MARK]);
        }
        marked.push(letter);
        within_word = joins;
    }
    marked
}

/// Letters of scripts without spaces between words: Thai to Khmer, kana, Chinese characters.
fn is_word_alone(letter: char) -> bool {
    matches!(
        letter,
        '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}'
        | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::{Term, searchable, word_set};

    #[test]
    fn terms_find_parts_and_short_ones_beginnings() {
        for (text, term, found) in [
            ("Read the first charter", "first cha", true),
            ("Read the first charter", "irs", true),
            ("Read the first charter", "ir", false),
            ("Read the first charter", "fi", true),
            ("Read the first charter", "F", true),
            ("Read the first charter", "x", false),
            ("ann@example.test", "ex", true),
            ("ann@example.test", "nn@ex", true),
            ("don't", "n't", true),
            ("100% done", "%", true),
            ("100% done", "0%", true),
            ("日本語", "本", true),
            ("日本語", "本語", true),
            ("日本語", "語日", false),
            ("🎉 party", "🎉", true),
            ("a\u{1}b", "ab", false),
        ] {
            let term = Term::new(term).unwrap_or_else(|| panic!("{term:?} is a term"));
            assert!(term.as_str().chars().count() >= 3, "{term:?}");
            assert_eq!(searchable(text).contains(term.as_str()), found, "{text:?} {term:?}");
        }
        for blank in ["", " ", "\u{301}", "\u{200B}"] {
            assert_eq!(Term::new(blank), None, "{blank:?}");
        }
    }

    #[test]
    fn words_of_a_set_are_found_whole() {
        let set = word_set(["Robotics", "Élan vital", "C", "a|b", "\u{301}"]);
        assert_eq!(set, "|robotics|elan vital|c|ab|");
        for (word, found) in [
            ("ROBOTICS", true),
            ("elan VITAL", true),
            ("c", true),
            ("robot", false),
            ("vital", false),
            ("b", false),
        ] {
            let term = Term::word(word).unwrap_or_else(|| panic!("{word:?} is a word"));
            assert_eq!(set.contains(term.as_str()), found, "{word:?}");
        }
        assert_eq!(Term::word("|"), None);
    }
}
