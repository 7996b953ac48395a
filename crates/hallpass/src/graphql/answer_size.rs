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
        self.add_bytes(key.len() + KEY_OVERHEAD + own_length(value));
    }

    /// Counts JSON of this length.
    pub fn add_bytes(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether the limit is exceeded. Such a response is not sent.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.is_exceeded_with(0)
    }

    /// Whether `bytes` more exceed the limit.
    #[must_use]
    pub fn is_exceeded_with(&self, bytes: usize) -> bool {
        self.used.load(Ordering::Relaxed).saturating_add(bytes) > self.limit
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
        // An object as JSON: its fields and itself were counted.
        Value::Binary(_) | Value::Null => 4,
        Value::Boolean(_) => 5,
        Value::Number(number) => number.to_string().len(),
        // Without escapes: the whole response is measured again as JSON.
        Value::String(text) => 2 + text.len(),
        Value::Enum(name) => 2 + name.len(),
    }
}
