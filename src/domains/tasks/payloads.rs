//! The payloads of task mutations: what changed, and what a client reads after the change.

use async_graphql::Context;

use super::input::TaskOrder;
use super::stats::{TaskStats, count};
use super::types::Task;
use crate::domains::payload::payload;
use hallpass::access::Rule::Public;
use hallpass::access::guarded;
use hallpass::data::Filter;
use hallpass::graphql::{Edge, Id, Result};

/// Declares the payload of a task mutation: its own fields, and those that all of them have.
macro_rules! task_payload {
    ($(#[$doc:meta])* $name:ident($changed:ty) { $($field:tt)* }) => {
        payload! {
            $(#[$doc])*
            $name($changed) {
                $($field)*

                /// Statistics of the caller's tasks, after the change.
                #[graphql(guard = "Public", scope = "tasks:read")]
                async fn task_stats(&self, ctx: &Context<'_>) -> Result<TaskStats> {
                    count(ctx, Filter::all()).await
                }
            }
        }
    };
}

/// Declares the payload of a mutation of one task.
macro_rules! payload_of_one {
    ($(#[$doc:meta])* $name:ident) => {
        task_payload! {
            $(#[$doc])*
            $name(Task) {
                /// The task.
                async fn task(&self) -> &Task {
                    &self.0
                }

                /// The task as an edge of the list `tasks` in this order, newest first by default.
                async fn edge(&self, order_by: Option<TaskOrder>) -> Result<Edge<Task>> {
                    self.0.edge(order_by)
                }
            }
        }
    };
}

/// Declares the payload of a mutation of several tasks.
macro_rules! payload_of_several {
    ($(#[$doc:meta])* $name:ident) => {
        task_payload! {
            $(#[$doc])*
            $name(Vec<Task>) {
                /// The tasks, in the order of the argument.
                async fn tasks(&self) -> &[Task] {
                    &self.0
                }

                /// The tasks as edges of the list `tasks` in this order, newest first by default.
                async fn edges(&self, order_by: Option<TaskOrder>) -> Result<Vec<Edge<Task>>> {
                    self.0.iter().map(|task| task.edge(order_by)).collect()
                }
            }
        }
    };
}

payload_of_one! {
    /// The payload of `createTask`.
    CreateTaskPayload
}

payload_of_one! {
    /// The payload of `updateTask`.
    UpdateTaskPayload
}

payload_of_one! {
    /// The payload of `completeTask`.
    CompleteTaskPayload
}

payload_of_one! {
    /// The payload of `reopenTask`.
    ReopenTaskPayload
}

payload_of_several! {
    /// The payload of `createTasks`.
    CreateTasksPayload
}

payload_of_several! {
    /// The payload of `updateTasks`.
    UpdateTasksPayload
}

payload_of_several! {
    /// The payload of `completeTasks`.
    CompleteTasksPayload
}

task_payload! {
    /// The payload of `deleteTask`.
    DeleteTaskPayload(Id<Task>) {
        /// Global ID of the deleted task.
        async fn deleted_task_id(&self) -> &Id<Task> {
            &self.0
        }
    }
}

task_payload! {
    /// The payload of `deleteTasks`.
    DeleteTasksPayload(Vec<Id<Task>>) {
        /// Global IDs of the deleted tasks.
        async fn deleted_task_ids(&self) -> &[Id<Task>] {
            &self.0
        }
    }
}
