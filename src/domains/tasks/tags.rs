//! Batch loader of task tags: one statement for all tasks of a request.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use hallpass_data::{Comparison as _, Error, Scope};
use hallpass_entity::{TaskId, task_tag};

/// Loads the tags of the caller's tasks.
pub struct TagLoader(Scope);

/// Creates the loader of one request.
pub fn loader(scope: &Scope) -> DataLoader<TagLoader> {
    crate::graphql::loader(TagLoader(scope.clone()))
}

impl Loader<TaskId> for TagLoader {
    type Value = Vec<String>;
    type Error = Arc<Error>;

    async fn load(&self, tasks: &[TaskId]) -> Result<HashMap<TaskId, Vec<String>>, Arc<Error>> {
        let own_rows = self.0.owned::<task_tag::Entity>()?;
        let of_tasks = own_rows.filter(task_tag::Column::TaskId.one_of(tasks.iter().copied()));
        let mut tags = HashMap::<_, Vec<_>>::new();
        for row in of_tasks.all_by(task_tag::Column::Ordinal).await? {
            tags.entry(row.task_id).or_default().push(row.tag);
        }
        Ok(tags)
    }
}
