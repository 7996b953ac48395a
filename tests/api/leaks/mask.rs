//! Hides what a server makes up while it answers: ids that were in no seed, and the present time.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Days;
use hallpass_data::now;
use serde_json::Value;
use uuid::Uuid;

use super::seeds::tables;
use super::shelf::{CHAPTERS, COURSE};
use super::table::Part;

const MADE_UP: &str = "made up";

/// Knows which ids were there before.
pub struct Mask {
    seeded: BTreeSet<Uuid>,
    days: [String; 2],
}

impl Mask {
    pub fn new() -> Self {
        let parts = [Part::Hers, Part::HersAsSeen, Part::His];
        let rows = tables().into_iter().flat_map(|t| parts.map(|part| t.keys(part)).concat());
        let shelf = CHAPTERS.into_iter().chain([COURSE]);
        let forms = CHAPTERS.map(|number| number + 100);
        let seeded = rows.chain(shelf.chain(forms).map(super::seeds::id)).collect();
        // A run may last over midnight.
        let days = [now(), now() + Days::new(1)].map(|day| day.format("%Y-%m-%d").to_string());
        Self { seeded, days }
    }

    /// The body, with everything made up replaced by one word, and with errors sorted: those of fields
    /// that run side by side come in any order.
    pub fn over(&self, body: &str) -> String {
        let Ok(mut parsed) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
        let made_up = strings(&parsed).into_iter().filter(|text| self.is_made_up(text));
        let masked = made_up.fold(body.to_owned(), |body, text| body.replace(text, MADE_UP));
        let has_errors = parsed["errors"].as_array().is_some_and(|errors| errors.len() > 1);
        if !has_errors {
            return masked;
        }
        parsed = serde_json::from_str(&masked).unwrap();
        let errors = parsed["errors"].as_array_mut().unwrap();
        errors.sort_by_cached_key(Value::to_string);
        parsed.to_string()
    }

    fn is_made_up(&self, text: &str) -> bool {
        let plain = plain(text);
        self.days.iter().any(|day| plain.contains(day))
            || uuids(&plain).any(|uuid| !self.seeded.contains(&uuid))
    }
}

/// Every text in an answer.
pub fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(members) => members.values().flat_map(strings).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// What global ids and cursors hold, and any other text as it is.
pub fn plain(text: &str) -> String {
    let decoded = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or_else(|| text.to_owned())
}

fn uuids(text: &str) -> impl Iterator<Item = Uuid> {
    let is_part = |letter: char| letter.is_ascii_hexdigit() || letter == '-';
    text.split(move |letter| !is_part(letter)).filter_map(|word| Uuid::try_parse(word).ok())
}
