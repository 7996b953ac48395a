//! Response size limit (`MAX_ANSWER`): counts bytes while fields are resolved, and stops when the limit is exceeded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Error, ErrorExtensionValues, Pos, ServerError, Value};

use crate::code;

/// Bytes of the quotes, colon and comma around a key.
const KEY_OVERHEAD: usize = 4;

/// Byte budget of one response. Clones share the count.
#[derive(Clone, Debug)]
pub struct AnswerBudget {
    limit: usize,
    used: Arc<AtomicUsize>,
}

impl AnswerBudget {
    /// Creates a budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, used: Arc::default() }
    }

    /// Counts a resolved field. The fields of an object are counted before the object.
    pub fn add(&self, key: &str, value: &Value) {
        let bytes = key.len() + KEY_OVERHEAD + own_length(value);
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether the limit is exceeded. Such a response is not sent.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit
    }

    /// Resets the count, for the next event of a subscription.
    pub fn reset(&self) {
        self.used.store(0, Ordering::Relaxed);
    }

    /// Whether a complete response of `length` bytes exceeds the limit.
    #[must_use]
    pub fn is_exceeded_by(&self, length: usize) -> bool {
        length > self.limit
    }

    /// The error message in place of a response that is too large.
    #[must_use]
    pub fn message(&self) -> String {
        format!(
            "The response exceeds MAX_ANSWER ({} bytes): request fewer rows or fewer long texts at once.",
            self.limit
        )
    }

    /// The error in place of a response that is too large.
    #[must_use]
    pub fn error(&self, position: Option<Pos>) -> ServerError {
        let mut error = Error::new(self.message()).into_server_error(position.unwrap_or_default());
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", code::QUERY_REJECTED);
        extensions.set("limit", self.limit);
        error.extensions = Some(extensions);
        error
    }
}

/// The bytes of `value` that were not counted with its fields.
fn own_length(value: &Value) -> usize {
    match value {
        Value::Object(_) => 2,
        Value::List(items) => 2 + items.iter().map(|item| own_length(item) + 1).sum::<usize>(),
        leaf => json_length(leaf),
    }
}

/// The length of `value` as JSON in bytes, without serializing it.
#[must_use]
pub fn json_length(value: &Value) -> usize {
    match value {
        Value::Null => 4,
        Value::Boolean(is_true) => 5 - usize::from(*is_true),
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => text_length(text),
        Value::Enum(name) => text_length(name),
        Value::List(items) => 2 + comma_separated(items.iter().map(json_length)),
        Value::Object(members) => {
            let member = |(key, value): (_, &Value)| {
                let key: &async_graphql::Name = key;
                text_length(key) + 1 + json_length(value)
            };
            2 + comma_separated(members.iter().map(member))
        }
        // Serialized as a list of numbers.
        Value::Binary(bytes) => 2 + 4 * bytes.len(),
    }
}

fn comma_separated(parts: impl Iterator<Item = usize>) -> usize {
    parts.map(|length| length + 1).sum::<usize>().saturating_sub(1)
}

/// The length of a JSON string in bytes: escaped characters take two or six (RFC 8259 section 7).
fn text_length(text: &str) -> usize {
    let byte = |byte: u8| match byte {
        b'"' | b'\\' | 0x08 | 0x09 | 0x0a | 0x0c | 0x0d => 2,
        0..0x20 => 6,
        _ => 1,
    };
    2 + text.bytes().map(byte).sum::<usize>()
}
