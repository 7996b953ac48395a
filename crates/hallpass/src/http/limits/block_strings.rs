//! Block strings with the escape `\"""` (section 2.9.4 of the GraphQL specification), which the parser of the library
//! leaves in the value.

use std::borrow::Cow;

const QUOTES: &str = "\"\"\"";
const ESCAPED: &str = "\\\"\"\"";

/// `document` with the same values, and without that escape: a block string that has it becomes an ordinary string.
pub(super) fn without_escapes(document: &str) -> Cow<'_, str> {
    if !document.contains(ESCAPED) {
        return document.into();
    }
    let (mut written, mut rest) = (String::with_capacity(document.len()), document);
    while let Some(at) = rest.find(['#', '"']) {
        let (before, token) = rest.split_at(at);
        written.push_str(before);
        let length = match token.strip_prefix(QUOTES) {
            Some(block) => {
                let Some(length) = end_of_block(block) else { return document.into() };
                let raw = &block[..length - QUOTES.len()];
                if raw.contains(ESCAPED) {
                    written.push_str(&as_string(&value_of(&raw.replace(ESCAPED, QUOTES))));
                    rest = &block[length..];
                    continue;
                }
                QUOTES.len() + length
            }
            None if token.starts_with('#') => token.find(['\n', '\r']).unwrap_or(token.len()),
            None => end_of_string(token),
        };
        written.push_str(&token[..length]);
        rest = &token[length..];
    }
    written.push_str(rest);
    written.into()
}

/// The length of a block string from behind its first quotes. None if it does not end.
fn end_of_block(block: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + block[from..].find(QUOTES)?;
        if !block[..at].ends_with('\\') {
            return Some(at + QUOTES.len());
        }
        from = at + QUOTES.len();
    }
}

/// The length of an ordinary string, which begins with a quote.
fn end_of_string(token: &str) -> usize {
    let mut is_escaped = false;
    for (at, letter) in token.char_indices().skip(1) {
        match letter {
            '"' if !is_escaped => return at + 1,
            '\n' | '\r' => return at,
            _ => is_escaped = letter == '\\' && !is_escaped,
        }
    }
    token.len()
}

/// `BlockStringValue`: without the common indentation of all lines but the first, and without blank lines at both ends.
fn value_of(raw: &str) -> String {
    let raw = raw.replace("\r\n", "\n").replace('\r', "\n");
    let indentation = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let is_blank = |line: &&str| indentation(line) == line.len();
    let others = raw.split('\n').skip(1).filter(|line| !is_blank(line));
    let common = others.map(indentation).min().unwrap_or_default();
    let lines = raw.split('\n').enumerate().map(|(number, line)| match number {
        0 => line,
        _ => line.get(common..).unwrap_or_default(),
    });
    let mut lines: Vec<_> = lines.skip_while(is_blank).collect();
    while lines.last().is_some_and(is_blank) {
        lines.pop();
    }
    lines.join("\n")
}

fn as_string(value: &str) -> String {
    // Escapes of JSON are those of GraphQL.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_quotes_are_those_of_the_value() {
        for (document, expected) in [
            (r#"{ a(b: "c") }"#, r#"{ a(b: "c") }"#),
            (r#"{ a(b: """c""") }"#, r#"{ a(b: """c""") }"#),
            (r#"{ a(b: """a \""" b""") }"#, r#"{ a(b: "a \"\"\" b") }"#),
            (r#"{ a(b: """\"""""") }"#, r#"{ a(b: "\"\"\"") }"#),
            (
                "{ a(b: \"\"\"\n    one \\\"\"\"\n      two\n\n    \"\"\", c: 1) }",
                r#"{ a(b: "one \"\"\"\n  two", c: 1) }"#,
            ),
            (r##"{ a } # """ \""" "##, r##"{ a } # """ \""" "##),
            (
                r#"{ a(b: "\\", c: """d \"""e""", f: "\"") }"#,
                r#"{ a(b: "\\", c: "d \"\"\"e", f: "\"") }"#,
            ),
            (r#"{ a(b: """c \""" """#, r#"{ a(b: """c \""" """#),
            (r#"{ a(b: """c \""""#, r#"{ a(b: """c \""""#),
            ("{ a(b: \"\"\"\u{1F389} \\\"\"\"\"\"\") }", "{ a(b: \"\u{1F389} \\\"\\\"\\\"\") }"),
        ] {
            assert_eq!(without_escapes(document), expected, "{document}");
        }
    }
}
