//! Parser of `.env`, compatible with Node's `dotenv`, so that both programs of a team read the same values:
//! no expansion, quotes may span lines, and a line that is not an assignment is skipped.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

/// The variables of a file.
#[derive(Debug, Default)]
pub struct EnvFile {
    values: BTreeMap<String, String>,
    /// Lines that are not an assignment: their numbers, from 1, and their first words.
    unread: Vec<(usize, String)>,
}

/// One assignment: `NAME=value` or `NAME: value`, optionally after `export`, with an optional comment. A
/// value is quoted in one of three ways, or extends to the end of the line or the first `#`.
static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| {
    let quoted =
        ["'", "\"", "`"].map(|quote| format!(r"\s*{quote}(?:\\{quote}|[^{quote}])*{quote}"));
    let value = format!(r"{}|[^#\n]+", quoted.join("|"));
    let name = r"(?:export\s+)?([A-Za-z0-9_.-]+)(?:\s*=\s*?|:\s+?)";
    let pattern = format!(r"(?m)^\s*{name}({value})?\s*(?:#.*)?$");
    // To JavaScript, a byte order mark is white space.
    Regex::new(&pattern.replace(r"\s", r"[\s\x{FEFF}]")).expect("the pattern is one")
});

impl EnvFile {
    /// Reads the text of a file. The last assignment of a variable wins.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut file = Self::default();
        let mut end = 0;
        for found in ASSIGNMENT.captures_iter(&text) {
            let (whole, name) = (found.get_match(), &found[1]);
            file.skip(&text, end, whole.start());
            end = whole.end();
            let value = found.get(2).map_or("", |value| value.as_str());
            file.values.insert(name.to_owned(), unquoted(value.trim()));
        }
        file.skip(&text, end, text.len());
        file
    }

    /// Every variable with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a variable; may be empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The lines that are not an assignment: their numbers, and the word that each begins with.
    pub fn unread(&self) -> impl Iterator<Item = (usize, &str)> {
        self.unread.iter().map(|(line, word)| (*line, word.as_str()))
    }

    /// Records the lines of `text` between two assignments, except comments and empty lines.
    fn skip(&mut self, text: &str, start: usize, end: usize) {
        let before = text[..start].matches('\n').count();
        for (at, line) in text[start..end].split('\n').enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
            let is_part = |it: char| it.is_ascii_alphanumeric() || it == '_';
            let word = line.split(|it| !is_part(it)).next().unwrap_or_default();
            self.unread.push((before + at + 1, word.to_owned()));
        }
    }
}

/// Removes the surrounding quotes. In double quotes, and only there, `\n` and `\r` are line breaks.
fn unquoted(value: &str) -> String {
    let Some(quote) = value.chars().next().filter(|it| ['\'', '"', '`'].contains(it)) else {
        return value.to_owned();
    };
    let ends_line = |at: usize| value[at + 1..].is_empty() || value[at + 1..].starts_with('\n');
    let closing =
        value.rmatch_indices(quote).map(|(at, _)| at).find(|at| *at > 0 && ends_line(*at));
    let inner = match closing {
        Some(at) => format!("{}{}", &value[1..at], &value[at + 1..]),
        None => value.to_owned(),
    };
    if quote == '"' { inner.replace("\\n", "\n").replace("\\r", "\r") } else { inner }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<String> {
        EnvFile::parse(text).get("A").map(str::to_owned)
    }

    #[test]
    fn value_is_read_without_expansion() {
        for (text, expected) in [
            ("A=p$ssw0rd", "p$ssw0rd"),
            ("A=${B}$C\\$", "${B}$C\\$"),
            ("A=two words", "two words"),
            ("A=  padded  ", "padded"),
            ("A='single # $x'", "single # $x"),
            ("A=\"line\\nbreak\"", "line\nbreak"),
            ("A='line\\nbreak'", "line\\nbreak"),
            ("A=\"two\nlines\"", "two\nlines"),
            ("A=`back \"tick' `", "back \"tick' "),
            ("A=x # comment", "x"),
            ("A=x#y", "x"),
            ("A=\"x\"#y", "x"),
            ("export A = x", "x"),
            ("A: x", "x"),
            ("\u{feff}A=x\r\nB=y", "x"),
            ("A=1\nA=2", "2"),
            ("A=", ""),
            ("A=\nB=y", ""),
            ("A=\"unclosed", "\"unclosed"),
            ("A='a' b", "'a' b"),
        ] {
            assert_eq!(value(text).as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn unreadable_line_is_named_by_number() {
        let text = "# A\n\nA=1\nAPI_PORT 8000\nB=\"x\ny\"\nexport JWT_SECRET topsecret\n!!\n";
        let file = EnvFile::parse(text);
        let unread: Vec<_> = file.unread().collect();
        assert_eq!(unread, [(4, "API_PORT"), (7, "JWT_SECRET"), (8, "")]);
        assert_eq!(file.iter().collect::<Vec<_>>(), [("A", "1"), ("B", "x\ny")]);
    }
}
