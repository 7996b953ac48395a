//! Text output of reports, and formatting of untrusted text.

use std::fmt::Write as _;

use chrono::TimeDelta;
use serde_json::Value;

use super::{Explanation, Finding, Report, Severity};
use crate::unprintable::is_unprintable;

/// Longer texts from credentials are truncated.
const MAX_TEXT_CHARS: usize = 200;

const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

pub(crate) fn report(report: &Report, colours: bool) -> String {
    let mut text = String::new();
    for finding in &report.setup {
        write_finding(&mut text, finding, colours);
    }
    if let Some(explanation) = &report.credential {
        text.push('\n');
        write_explanation(&mut text, explanation, colours);
    }
    text
}

// Writing to a string cannot fail.
fn write_finding(text: &mut String, finding: &Finding, colours: bool) {
    let word = padded(finding.level.into(), 7, Some(finding.level).filter(|_| colours));
    let _ = writeln!(text, "{word}  {:<13}  {}", finding.name, finding.message);
    if let Some(fix) = &finding.fix {
        let _ = writeln!(text, "         {:<13}  fix: {fix}", "");
    }
}

fn write_explanation(text: &mut String, explanation: &Explanation, colours: bool) {
    let Explanation { kind, header, claims, checks, verdict, reason, fix } = explanation;
    let _ = writeln!(text, "credential: {kind}");
    for (name, object) in [("header", header), ("claims", claims)] {
        if let Some(object) = object {
            let _ = writeln!(text, "\n{name}");
            for (claim, value) in object {
                let _ = writeln!(text, "  {}: {}", printable(claim), printable(&value.to_string()));
            }
        }
    }
    let _ = writeln!(text, "\nchecks");
    for step in checks {
        let word = padded(step.outcome.into(), 11, step.outcome.severity().filter(|_| colours));
        let _ = writeln!(text, "  {word}  {:<11}  {}", step.check, step.about);
    }
    let word = padded(verdict.into(), 0, Some(verdict.severity()).filter(|_| colours));
    let _ = writeln!(text, "\n{word}: {reason}");
    if let Some(fix) = fix {
        let _ = writeln!(text, "  fix: {fix}");
    }
}

/// `word`, at least `width` wide, in the colour of `severity` if there is one.
fn padded(word: &str, width: usize, severity: Option<Severity>) -> String {
    let colour = match severity {
        None => return format!("{word:<width$}"),
        Some(Severity::Good) => GREEN,
        Some(Severity::Warning) => YELLOW,
        Some(Severity::Wrong) => RED,
    };
    format!("{colour}{word:<width$}{PLAIN}")
}

/// Escapes what is not printable: credentials may contain any text.
pub(crate) fn printable(text: &str) -> String {
    let shown = |character: char| match character {
        _ if is_unprintable(character) => character.escape_unicode().to_string(),
        _ => character.to_string(),
    };
    text.chars().map(shown).collect()
}

/// Text from a credential, escaped, truncated and quoted.
pub(crate) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(MAX_TEXT_CHARS).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("{}{dots}", printable(&Value::String(short).to_string()))
}

/// A value from a credential, if it can be used in a setting without quoting for a shell.
pub(crate) fn plain(text: &str) -> Option<&str> {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/@+".contains(&byte);
    (!text.is_empty() && text.len() <= MAX_TEXT_CHARS && text.bytes().all(harmless)).then_some(text)
}

/// A duration, in its two largest units.
pub(crate) fn span(delta: TimeDelta) -> String {
    let seconds = delta.num_seconds().unsigned_abs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes, seconds % 60) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, s) => format!("{m} min {s} s"),
        (0, h, m, _) => format!("{h} h {m} min"),
        (d, h, _, _) => format!("{d} d {h} h"),
    }
}

/// Joins items with commas.
pub(crate) fn list<T: AsRef<str>>(items: &[T]) -> String {
    items.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}
