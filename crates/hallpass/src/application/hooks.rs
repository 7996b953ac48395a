//! Tasks of an application: before the server accepts connections, and after it has drained.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::ServerHandle;

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
