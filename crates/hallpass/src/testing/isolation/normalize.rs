//! Hides values that a server generates while it responds: ids that are not in a seed, and the present time.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Days;
use hallpass_data::now;
use hallpass_data::testing::Distinctive;
use serde_json::Value;
use uuid::Uuid;

use super::Suite;
use super::seeds::{Part, Seeds};

const GENERATED: &str = "generated";

/// Has the ids and timestamps of the seeds.
pub(super) struct Normalizer {
    seeded: BTreeSet<Uuid>,
    timestamps: Vec<String>,
    days: [String; 2],
}

impl Normalizer {
    pub(super) fn new(suite: &Suite, seeds: &Seeds) -> Self {
        let parts = [Part::Alices, Part::AlicesAsPublic, Part::Bobs];
        let keys = parts.iter().flat_map(|part| seeds.keys(*part));
        let seeded = keys.chain(suite.keys.iter().copied()).collect();
        let rows = parts.iter().flat_map(|part| seeds.rows(*part));
        let values = rows.flat_map(|rows| rows.distinctive(None));
        let timestamps = values.filter(|it| matches!(it, Distinctive::Timestamp(_)));
        let timestamps = timestamps.map(|it| secret_text(&it)).collect();
        // A run may pass midnight.
        let days = [now(), now() + Days::new(1)].map(|day| day.format("%Y-%m-%d").to_string());
        Self { seeded, timestamps, days }
    }

    /// The body, with every generated value replaced by one word, and with errors sorted: those of fields
    /// that run concurrently come in any order.
    pub(super) fn normalize(&self, body: &str) -> String {
        let Ok(mut parsed) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
        let generated = strings(&parsed).into_iter().filter(|text| self.is_generated(text));
        let masked = generated.fold(body.to_owned(), |body, text| body.replace(text, GENERATED));
        let has_errors = parsed["errors"].as_array().is_some_and(|errors| errors.len() > 1);
        if !has_errors {
            return masked;
        }
        parsed = serde_json::from_str(&masked).expect("a word replaces a part of a text");
        if let Some(errors) = parsed["errors"].as_array_mut() {
            errors.sort_by_cached_key(Value::to_string);
        }
        parsed.to_string()
    }

    fn is_generated(&self, text: &str) -> bool {
        let plain = plain(text);
        let has_day = |text: &str| self.days.iter().any(|day| text.contains(day));
        let without_seeded =
            || self.timestamps.iter().fold(plain.clone(), |text, seeded| text.replace(seeded, ""));
        (has_day(&plain) && has_day(&without_seeded()))
            || uuids(&plain).any(|uuid| !self.seeded.contains(&uuid))
    }
}

/// Every text in an answer.
pub(super) fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(members) => members.values().flat_map(strings).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The decoded content of global ids and cursors, and any other text unchanged.
pub(super) fn plain(text: &str) -> String {
    let decoded = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or_else(|| text.to_owned())
}

fn uuids(text: &str) -> impl Iterator<Item = Uuid> {
    let is_part = |letter: char| letter.is_ascii_hexdigit() || letter == '-';
    text.split(move |letter| !is_part(letter)).filter_map(|word| Uuid::try_parse(word).ok())
}

/// A value as a response contains it.
pub(super) fn secret_text(secret: &Distinctive) -> String {
    match secret {
        Distinctive::Text(text) => text.clone(),
        Distinctive::Timestamp(moment) => {
            moment.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
        }
        Distinctive::Key(key) => key.simple().to_string(),
    }
}
