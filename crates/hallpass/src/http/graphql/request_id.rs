//! Ids of requests.

use std::sync::Arc;

use uuid::Uuid;

/// The id of a request, in its response header, log lines and internal errors.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    pub(crate) fn generate() -> Self {
        let mut text = Uuid::encode_buffer();
        let text: &str = Uuid::now_v7().simple().encode_lower(&mut text);
        Self(text.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}
