//! Tasks of an application: before the server accepts connections, and after it has drained.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

/// Why a task of an application failed.
pub type HookError = Box<dyn std::error::Error + Send + Sync>;

/// A task of an application.
pub(super) type Task =
    dyn Fn(ServerHandle) -> BoxFuture<'static, Result<(), HookError>> + Send + Sync;

/// A task that runs after the server has drained, and how long it may take.
pub(super) struct ShutdownTask {
    pub(super) limit: Duration,
    pub(super) task: Box<Task>,
}

/// A running server, as the routes and tasks of its application see it. Cheap to clone.
#[derive(Clone)]
pub struct ServerHandle {
    draining: CancellationToken,
}

impl ServerHandle {
    pub(crate) fn new(draining: CancellationToken) -> Self {
        Self { draining }
    }

    /// Completes when the server begins to stop. A task that [`on_start`](super::Builder::on_start) spawns ends then.
    pub async fn stopping(&self) {
        self.draining.cancelled().await;
    }
}
