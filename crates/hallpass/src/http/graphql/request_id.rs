//! Ids of requests.

use uuid::Uuid;

/// The id of a request, in its response header, log lines and internal errors.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(String);

impl RequestId {
    pub(crate) fn generate() -> Self {
        Self(Uuid::now_v7().simple().to_string())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
