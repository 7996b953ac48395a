//! Text normalization: folds equivalent spellings of a text to one form.

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;

/// The longest sort key, in bytes: a PostgreSQL index rejects entries beyond some 2,700 bytes.
const MAX_SORT_KEY: usize = 1_024;

/// Normalizes differences that readers ignore: case (Unicode full case folding), compatibility forms
/// (NFKC), accents, invisible characters, and the amount of white space.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    match text.is_ascii() {
        // No compatibility forms, no accents, and the case of each letter alone.
        true => text.chars().for_each(|letter| push(&mut folded, letter.to_ascii_lowercase())),
        false => push_normalized(&mut folded, text),
    }
    folded.truncate(folded.trim_end().len());
    folded
}

fn push_normalized(folded: &mut String, text: &str) {
    let base = text.nfkd().filter(|letter| !is_dropped(*letter));
    let lower = base.default_case_fold().nfkd().filter(|letter| !is_dropped(*letter));
    for letter in lower.nfc() {
        match without_stroke(letter) {
            Some(letters) => folded.push_str(letters),
            None => push(folded, letter),
        }
    }
}

/// Adds a normalized letter, or a space for any amount of white space.
fn push(folded: &mut String, letter: char) {
    if !(letter.is_whitespace() || letter.is_control()) {
        folded.push(letter);
    } else if !folded.is_empty() && !folded.ends_with(' ') {
        folded.push(' ');
    }
}

/// The sort key of `text`, compared byte by byte.
#[must_use]
pub fn sort_key(text: &str) -> String {
    let mut key = fold(text);
    key.truncate(key.floor_char_boundary(MAX_SORT_KEY));
    key
}

/// Accents of any alphabet, and invisible characters. Marks that form a different letter (kana, Indic
/// vowels) are in other blocks, and are kept.
fn is_dropped(letter: char) -> bool {
    matches!(
        letter,
        // Combining diacritical marks and their extensions.
        '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}'
        // Soft hyphen, joiners, marks of direction, variation selectors.
        | '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
    )
}

/// Unicode does not decompose these letters; users of other keyboards type the replacement.
fn without_stroke(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ŧ' => "t",
        'ı' => "i",
        'æ' => "ae",
        'œ' => "oe",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{MAX_SORT_KEY, fold, sort_key};

    #[test]
    fn spellings_of_one_text_fold_to_one_form() {
        for (text, folded) in [
            ("Über", "uber"),
            ("U\u{308}BER", "uber"),
            ("Äpfel", "apfel"),
            ("STRASSE", "strasse"),
            ("Straße", "strasse"),
            ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
            ("Σίσυφος", "σισυφοσ"),
            ("İstanbul", "istanbul"),
            ("ILGIN ılgın", "ilgin ilgin"),
            ("Łódź Ærø Œuvre", "lodz aero oeuvre"),
            ("ﬁle № ①", "file no 1"),
            ("ＡＢＣ", "abc"),
            ("ЁЛКА", "елка"),
            ("がく", "がく"),
            ("한글", "한글"),
            ("हिन्दी", "हिन्दी"),
            ("  a \t\n b\u{0}c ", "a b c"),
            ("soft\u{AD}hyphen\u{200B}", "softhyphen"),
            ("❤\u{FE0F}", "❤"),
            ("100% _ \\ \" *", "100% _ \\ \" *"),
            (" A\u{7f}\u{0}Bz@[` ", "a bz@[`"),
            ("\u{301}", ""),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
            assert_eq!(fold(&fold(text)), folded, "{text:?}: folding is idempotent");
        }
    }

    #[test]
    fn sort_keys_fit_into_an_index() {
        let key = sort_key(&"\u{FDFA}".repeat(200));
        assert!(key.len() <= MAX_SORT_KEY && key.len() > MAX_SORT_KEY - 4, "{}", key.len());
    }
}
