//! Characters that are escaped wherever text of others is shown: in the log, and by the doctor.

/// Whether a character has no glyph of its own, and may change how others are shown: Unicode 16, categories Cc (control),
/// Cf (format, among them those of bidirectional text), Zl and Zp (separators of lines and paragraphs).
pub(crate) fn is_unprintable(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0001}'
            | '\u{e0020}'..='\u{e007f}'
    )
}

/// Escapes them as in JSON, in `text` from this byte on. Those that are `kept` stay.
pub(crate) fn escape_from(text: &mut String, start: usize, kept: impl Fn(char) -> bool) {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~');
    let is_escaped = |character: char| is_unprintable(character) && !kept(character);
    if text.bytes().skip(start).all(is_plain) || !text[start..].contains(is_escaped) {
        return;
    }
    let written = text.split_off(start);
    for character in written.chars() {
        match character {
            _ if !is_escaped(character) => text.push(character),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unprintable_characters_are_escaped() {
        let of_words = "a\u{300} é ☃ 🤖 \u{a0}\u{2003}";
        for (text, expected) in [
            ("", ""),
            ("plain ~!\"\\", "plain ~!\"\\"),
            (of_words, of_words),
            ("\n\r\t\0\u{1b}\u{7f}\u{9b}", r"\n\r\t\u0000\u001b\u007f\u009b"),
            ("a\u{202e}b\u{2028}\u{2029}\u{2066}", r"a\u202eb\u2028\u2029\u2066"),
            ("\u{ad}\u{61c}\u{200b}\u{feff}", r"\u00ad\u061c\u200b\ufeff"),
            ("\u{e0041}", r"\udb40\udc41"),
        ] {
            let mut line = format!("\n{text}");
            escape_from(&mut line, 1, |_| false);
            assert_eq!(line.strip_prefix('\n').unwrap(), expected);
        }
        let mut styled = "\u{1b}[1m\u{202e}".to_owned();
        escape_from(&mut styled, 0, |character| character == '\u{1b}');
        assert_eq!(styled, "\u{1b}[1m\\u202e");
    }
}
