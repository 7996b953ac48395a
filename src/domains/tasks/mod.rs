//! Tasks: every user owns a list of tasks and can make tasks public.

mod demo;
mod input;
mod mutation;
pub(crate) mod permissions;
mod query;
mod subscription;
mod tags;
mod types;
mod viewer;

pub use demo::load_demo;
pub use mutation::TaskMutation;
pub use permissions::{may, own_tasks};
pub use query::{TaskQuery, node};
pub use subscription::{TaskEvent, TaskEventFields, TaskEventKind, TaskSubscription};
pub use tags::loader;
pub use types::{Task, TaskFields};
pub use viewer::{DELETE, PUBLISH, UPDATE};
