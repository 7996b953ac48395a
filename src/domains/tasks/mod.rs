//! Tasks: every user owns a list of tasks and can make tasks public.

mod demo;
mod input;
mod loaders;
mod mutation;
pub(crate) mod permissions;
mod query;
mod subscription;
mod types;
mod viewer;

pub use demo::load_demo;
pub use loaders::TaskLoaders;
pub use mutation::TaskMutation;
pub use permissions::may;
pub use query::{TaskQuery, node};
pub use subscription::{TaskEvent, TaskEventFields, TaskEventKind, TaskSubscription};
pub use types::{Task, TaskFields};
pub use viewer::{DELETE, PUBLISH, UPDATE};
