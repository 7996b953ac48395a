//! Batch loaders of tasks: one statement each per request.

use std::sync::Arc;

use hallpass::data::{Comparison as _, Error, KeyMap, Scope, UserId};
use hallpass::graphql::{BatchLoader, LoadResult, Loader};
use hallpass_entity::{TaskId, task, task_tag};

/// The loaders of one request.
pub struct TaskLoaders {
    pub(super) tags: BatchLoader<TagLoader>,
    pub(super) own: BatchLoader<OwnTasks>,
    pub(super) authors: BatchLoader<AuthorLoader>,
}

impl TaskLoaders {
    /// The loaders for the caller of `scope`.
    #[must_use]
    pub fn new(scope: &Scope) -> Self {
        Self {
            tags: BatchLoader::new(TagLoader(scope.clone())),
            own: BatchLoader::new(OwnTasks(scope.clone())),
            authors: BatchLoader::new(AuthorLoader(scope.clone())),
        }
    }
}

/// Loads the tags of the caller's tasks.
pub struct TagLoader(Scope);

impl Loader for TagLoader {
    type Key = TaskId;
    type Value = Vec<String>;
    type Error = Arc<Error>;

    async fn load(&self, tasks: &[TaskId]) -> LoadResult<Self> {
        let own_rows = self.0.owned::<task_tag::Entity>()?;
        let of_tasks = own_rows.filter(task_tag::Column::TaskId.one_of(tasks.iter().copied()));
        let mut tags = KeyMap::<_, Vec<_>>::default();
        for row in of_tasks.all_by(task_tag::Column::Ordinal).await? {
            tags.entry(row.task_id).or_default().push(row.tag);
        }
        Ok(tags)
    }
}

/// Batch loader: which of the tasks that one request checks belong to the caller.
pub struct OwnTasks(Scope);

impl Loader for OwnTasks {
    type Key = TaskId;
    type Value = ();
    type Error = Arc<Error>;

    async fn load(&self, ids: &[TaskId]) -> LoadResult<Self> {
        let these = task::Column::Id.one_of(ids.iter().copied());
        let rows = self.0.owned::<task::Entity>()?.filter(these).all().await?;
        Ok(rows.into_iter().map(|row| (row.id, ())).collect())
    }
}

/// Loads the display names of the owners of tasks.
pub struct AuthorLoader(Scope);

impl Loader for AuthorLoader {
    type Key = UserId;
    type Value = String;
    type Error = Arc<Error>;

    async fn load(&self, owners: &[UserId]) -> LoadResult<Self> {
        Ok(self.0.display_names(owners).await?)
    }
}
