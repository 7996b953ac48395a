//! Tags, fetched for all tasks of a request at once.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use hallpass_entity::{Comparison as _, Error, Scope, TaskId, task_tag};

/// Loads the tags of the caller's tasks.
pub struct TagLoader(Scope);

/// The loader of one request.
pub fn loader(scope: &Scope) -> DataLoader<TagLoader> {
    crate::graphql::loader(TagLoader(scope.clone()))
}

impl Loader<TaskId> for TagLoader {
    type Value = Vec<String>;
    type Error = Arc<Error>;

    async fn load(&self, tasks: &[TaskId]) -> Result<HashMap<TaskId, Vec<String>>, Arc<Error>> {
        let mine = self.0.owned::<task_tag::Entity>()?;
        let of_tasks = mine.filter(task_tag::Column::TaskId.one_of(tasks.iter().copied()));
        let mut tags = HashMap::<_, Vec<_>>::new();
        for row in of_tasks.all_by(task_tag::Column::Ordinal).await? {
            tags.entry(row.task_id).or_default().push(row.tag);
        }
        Ok(tags)
    }
}
