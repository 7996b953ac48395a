//! Names, in each of the spellings that generated code has.

/// A name, as words in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(Vec<String>);

/// Longer names do not fit into the names of indexes, of which PostgreSQL cuts those above 63 bytes.
const MAX_LENGTH: usize = 30;

impl Name {
    /// The words of `dueAt`, `DueAt`, `due_at` or `due-at`. None for a text that is not such a name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words: Vec<String> = Vec::new();
        let mut begins_word = true;
        for letter in text.chars() {
            match letter {
                '_' | '-' if !begins_word => begins_word = true,
                'A'..='Z' | 'a'..='z' | '0'..='9' => {
                    if begins_word || letter.is_ascii_uppercase() {
                        words.push(String::new());
                    }
                    words.last_mut()?.push(letter.to_ascii_lowercase());
                    begins_word = false;
                }
                _ => return None,
            }
        }
        let begins_with_letter = text.starts_with(|letter: char| letter.is_ascii_alphabetic());
        (begins_with_letter && !begins_word && text.len() <= MAX_LENGTH).then_some(Self(words))
    }

    /// `due_at`
    pub(super) fn snake(&self) -> String {
        self.0.join("_")
    }

    /// `DUE_AT`
    pub(super) fn screaming(&self) -> String {
        self.snake().to_uppercase()
    }

    /// `DueAt`
    pub(super) fn pascal(&self) -> String {
        self.0.iter().map(|word| capitalized(word)).collect()
    }

    /// `dueAt`
    pub(super) fn camel(&self) -> String {
        let mut words = self.0.iter();
        let first = words.next().cloned().unwrap_or_default();
        first + &words.map(|word| capitalized(word)).collect::<String>()
    }

    /// `due at`
    pub(super) fn words(&self) -> String {
        self.0.join(" ")
    }

    /// `a note`, `an invoice`
    pub(super) fn with_article(&self) -> String {
        let words = self.words();
        let article = if words.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        format!("{article} {words}")
    }

    /// The plural of a regular English noun.
    pub(super) fn plural(&self) -> Self {
        let mut words = self.0.clone();
        if let Some(last) = words.last_mut() {
            *last = plural(last);
        }
        Self(words)
    }
}

fn plural(noun: &str) -> String {
    if ["s", "x", "z", "ch", "sh"].iter().any(|ending| noun.ends_with(ending)) {
        return format!("{noun}es");
    }
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    }
}

/// With the first letter in upper case.
pub(super) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_has_the_same_words() {
        for text in ["meetingNote", "MeetingNote", "meeting_note", "meeting-note"] {
            let name = Name::parse(text).unwrap();
            let spellings = [name.snake(), name.camel(), name.pascal(), name.screaming()];
            assert_eq!(spellings, ["meeting_note", "meetingNote", "MeetingNote", "MEETING_NOTE"]);
        }
        assert_eq!(Name::parse("line2").unwrap().snake(), "line2");
        assert_eq!(Name::parse("invoice").unwrap().with_article(), "an invoice");
    }

    #[test]
    fn other_texts_are_not_names() {
        let long = "a".repeat(MAX_LENGTH + 1);
        for text in ["", "_a", "a_", "a__b", "2a", "a b", "é", "a.b", "../a", &long] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }

    #[test]
    fn plural_of_regular_nouns() {
        for (noun, expected) in [
            ("note", "notes"),
            ("category", "categories"),
            ("day", "days"),
            ("box", "boxes"),
            ("branch", "branches"),
            ("meetingNote", "meetingNotes"),
        ] {
            assert_eq!(Name::parse(noun).unwrap().plural().camel(), expected);
        }
    }
}
