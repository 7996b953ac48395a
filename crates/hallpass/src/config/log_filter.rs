//! The setting `RUST_LOG`: directives of `tracing`. What the library would ignore, or take for the name of a target, is
//! an error.

use std::str::FromStr;

use tracing_subscriber::filter::{Directive, LevelFilter};

/// The libraries of a server that write to the log, beside its own crates.
const LIBRARIES: [&str; 16] = [
    "axum",
    "h2",
    "hyper",
    "hyper_util",
    "opentelemetry",
    "opentelemetry_otlp",
    "opentelemetry_sdk",
    "redis",
    "reqwest",
    "rustls",
    "sea_orm",
    "sea_orm_migration",
    "sqlx",
    "tokio",
    "tower_http",
    "tungstenite",
];
/// The crates of the framework and of the shipped server that write to the log.
const OWN_CRATES: [&str; 4] = ["hallpass", "hallpass_data", "hallpass_identity", "hallpass_server"];
/// How the names of own crates begin.
const OWN: &str = "hallpass";
/// Shorter names are not compared: too many differ by one letter.
const MIN_NAME_LENGTH: usize = 4;
const LEVELS: &str = "off, error, warn, info, debug or trace";

/// The filter of the log: levels, in all or of targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The directives, separated by commas.
    #[must_use]
    pub fn directives(&self) -> &str {
        &self.0
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = || text.split(',').map(str::trim).filter(|part| !part.is_empty());
        for part in parts() {
            check(part)?;
        }
        match parts().collect::<Vec<_>>().join(",") {
            empty if empty.is_empty() => Err(format!("write a level ({LEVELS}), such as info")),
            directives => Ok(Self(directives)),
        }
    }
}

/// Checks one directive: `LEVEL`, `TARGET=LEVEL`, or one of spans and fields, `TARGET[SPAN{FIELD=VALUE}]=LEVEL`.
fn check(part: &str) -> Result<(), String> {
    if is_level(part) {
        return Ok(());
    }
    let (target, level) = match (part.find('['), part.split_once('=')) {
        (Some(at), _) => (&part[..at], None),
        (None, Some((target, level))) => (target, Some(level)),
        (None, None) => return check_bare(part),
    };
    if level.is_some_and(|level| !is_level(level)) {
        return Err(format!("write {LEVELS} after the `=` of `{part}`"));
    }
    if is_level(target) || part.parse::<Directive>().is_err() {
        return Err(format!("write `{part}` as TARGET=LEVEL, such as sqlx=debug"));
    }
    match meant(target) {
        Some(known) => Err(format!("`{target}` is no target of this program: write {known}")),
        None => Ok(()),
    }
}

/// Checks a word alone. The library takes every word that is no level for a target, and turns all others off.
fn check_bare(word: &str) -> Result<(), String> {
    let name = crate_of(word);
    if name.starts_with(OWN) || LIBRARIES.contains(&name) {
        return match meant(word) {
            Some(known) => Err(format!("`{word}` is no target of this program: write {known}")),
            None => Ok(()),
        };
    }
    Err(format!("`{word}` is no level: write {LEVELS}, or TARGET=LEVEL, such as sqlx=debug"))
}

/// The levels that the library accepts, without the empty text, which it takes for one.
fn is_level(text: &str) -> bool {
    !text.is_empty() && text.parse::<LevelFilter>().is_ok()
}

/// The crate of a target.
fn crate_of(target: &str) -> &str {
    target.split("::").next().unwrap_or(target)
}

/// The crate that `target` names with one wrong letter.
fn meant(target: &str) -> Option<&'static str> {
    let name = crate_of(target);
    let mut known = LIBRARIES.into_iter().chain(OWN_CRATES);
    if known.clone().any(|known| known == name) {
        return None;
    }
    known.find(|known| known.len() >= MIN_NAME_LENGTH && strsim::osa_distance(name, known) == 1)
}

#[cfg(test)]
mod tests {
    use super::LogFilter;

    #[test]
    fn directives_of_a_filter_are_accepted() {
        for (text, expected) in [
            ("info", "info"),
            ("WARN", "WARN"),
            ("off", "off"),
            ("sqlx=debug", "sqlx=debug"),
            ("hallpass=trace", "hallpass=trace"),
            ("info,h2=off", "info,h2=off"),
            (" info , hallpass::request=off ,", "info,hallpass::request=off"),
            ("hallpass", "hallpass"),
            ("hallpass_data::connection", "hallpass_data::connection"),
            ("notes=debug", "notes=debug"),
            ("info,hallpass[authenticate]=trace", "info,hallpass[authenticate]=trace"),
        ] {
            let filter = text.parse::<LogFilter>().unwrap();
            assert_eq!(filter.directives(), expected);
        }
    }

    #[test]
    fn meaningless_directives_are_rejected() {
        for (text, fix) in [
            ("debgu", "`debgu` is no level: write off, error, warn"),
            ("info,hallpass=wran", "after the `=` of `hallpass=wran`"),
            ("hallpass=", "after the `=` of `hallpass=`"),
            ("=debug", "as TARGET=LEVEL"),
            ("debug=info", "as TARGET=LEVEL"),
            ("sqlx.query=info,a b", "`a b` is no level"),
            ("hallpass[", "as TARGET=LEVEL"),
            ("hallpas=debug", "write hallpass"),
            ("hallpasss", "write hallpass"),
            ("hallpass-data=debug", "write hallpass_data"),
            ("sqlxx=debug", "write sqlx"),
            (",", "write a level"),
            ("info;debug", "`info;debug` is no level"),
        ] {
            let error = text.parse::<LogFilter>().unwrap_err();
            assert!(error.contains(fix), "{text}: {error}");
        }
    }
}
