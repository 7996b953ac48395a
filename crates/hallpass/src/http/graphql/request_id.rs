//! Ids of requests.

use std::sync::Arc;

use tokio::task::futures::TaskLocalFuture;
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

    /// `work` for this request: its lines in the log have this id. A task-local costs less than a span, which each
    /// request would create, enter and close.
    pub(crate) fn scope<F: Future>(&self, work: F) -> TaskLocalFuture<Self, F> {
        REQUEST.scope(self.clone(), work)
    }

    /// That of the request that the current task works for.
    pub(crate) fn current() -> Option<Self> {
        REQUEST.try_with(Self::clone).ok()
    }
}

tokio::task_local! {
    static REQUEST: RequestId;
}
