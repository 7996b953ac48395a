//! Tasks: every user owns a list of tasks and can make tasks public.

mod changes;
mod demo;
mod due;
mod filters;
mod input;
mod loaders;
mod mutation;
mod payloads;
pub(crate) mod permissions;
mod query;
mod stats;
mod subscription;
mod types;
mod viewer;

use hallpass::Domain;
use hallpass_entity::{task, task_tag};

pub(crate) use due::DueTasks;
pub use loaders::TaskLoaders;
pub use mutation::TaskMutation;
pub use query::TaskQuery;
pub use subscription::{TaskEvent, TaskEventKind, TaskSubscription};
pub use types::Task;

/// The domain.
#[must_use]
pub fn domain() -> Domain {
    Domain::new("tasks")
        .owned::<task_tag::Entity>()
        .owned_with_events::<task::Entity>(types::EVENTS)
        .node::<Task>()
        .action("UPDATE_TASK", "Change, complete or reopen a task.", permissions::may_update)
        .action("DELETE_TASK", "Delete a task.", permissions::may_delete)
        .action("PUBLISH_TASK", "Publish or unpublish a task.", permissions::may_publish)
        .request_data(|_, scope| TaskLoaders::new(scope))
        .field_cost("description", 10)
        .field_cost("taskStats", 100)
        .field_cost("taskTags", 100)
        .list_length("byPriority", 4)
        .demo(demo::DemoTasks)
}
