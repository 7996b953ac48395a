//! Response size limit (`MAX_ANSWER`): bytes are counted while fields are resolved.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Error, ErrorExtensionValues, Pos, ServerError, Value};

use super::error::code;

/// Quotes, colon and comma around a key.
const AROUND_KEY: usize = 4;

/// What is left of the bytes that one answer may have. Clones count together.
#[derive(Clone, Debug)]
pub struct AnswerBudget {
    limit: usize,
    used: Arc<AtomicUsize>,
}

impl AnswerBudget {
    /// A budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, used: Arc::default() }
    }

    /// Counts a resolved field. Objects have counted their own fields by then.
    pub fn add(&self, key: &str, value: &Value) {
        let bytes = key.len() + AROUND_KEY + own_length(value);
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether more was resolved than an answer may have: nothing of it is sent.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit
    }

    /// Starts counting from zero, for the next event of a subscription.
    pub fn reset(&self) {
        self.used.store(0, Ordering::Relaxed);
    }

    /// Whether a whole answer of `length` bytes is too large.
    #[must_use]
    pub fn is_exceeded_by(&self, length: usize) -> bool {
        length > self.limit
    }

    /// What the caller is told in place of an answer that is too large.
    #[must_use]
    pub fn message(&self) -> String {
        format!(
            "The answer is larger than MAX_ANSWER, which is {} bytes: ask for fewer rows or fewer long \
             texts at once.",
            self.limit
        )
    }

    /// The error in place of the answer.
    #[must_use]
    pub fn error(&self, place: Option<Pos>) -> ServerError {
        let mut error = Error::new(self.message()).into_server_error(place.unwrap_or_default());
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", code::QUERY_REJECTED);
        extensions.set("limit", self.limit);
        error.extensions = Some(extensions);
        error
    }
}

/// The bytes of what is in `value` and was not counted before.
fn own_length(value: &Value) -> usize {
    match value {
        Value::Object(_) => 2,
        Value::List(items) => 2 + items.iter().map(|item| own_length(item) + 1).sum::<usize>(),
        leaf => json_length(leaf),
    }
}

/// The bytes of `value` as JSON, without writing it.
#[must_use]
pub fn json_length(value: &Value) -> usize {
    match value {
        Value::Null => 4,
        Value::Boolean(is_true) => 5 - usize::from(*is_true),
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => text_length(text),
        Value::Enum(name) => text_length(name),
        Value::List(items) => 2 + separated(items.iter().map(json_length)),
        Value::Object(members) => {
            let member = |(key, value): (_, &Value)| {
                let key: &async_graphql::Name = key;
                text_length(key) + 1 + json_length(value)
            };
            2 + separated(members.iter().map(member))
        }
        // Written as a list of numbers.
        Value::Binary(bytes) => 2 + 4 * bytes.len(),
    }
}

fn separated(parts: impl Iterator<Item = usize>) -> usize {
    parts.map(|length| length + 1).sum::<usize>().saturating_sub(1)
}

/// The bytes of a JSON text: what has to be escaped takes two or six (RFC 8259 section 7).
fn text_length(text: &str) -> usize {
    let byte = |byte: u8| match byte {
        b'"' | b'\\' | 0x08 | 0x09 | 0x0a | 0x0c | 0x0d => 2,
        0..0x20 => 6,
        _ => 1,
    };
    2 + text.bytes().map(byte).sum::<usize>()
}
