//! Anything, by its global id.

use async_graphql::{Context, ID, Interface, Object};

use crate::access::{Rule::Public, guarded};
use crate::domains::courses;
use crate::domains::courses::{Chapter, Course};
use crate::domains::tasks;
use crate::domains::tasks::Task;
use crate::graphql::{Result, decode_id};

/// Anything with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The global id."))]
pub enum Node {
    /// A task.
    Task(Task),
    /// A course.
    Course(Course),
    /// A chapter.
    Chapter(Chapter),
}

/// The query that finds anything by its global id.
#[derive(Default)]
pub struct NodeQuery;

#[guarded(Query)]
#[Object]
impl NodeQuery {
    /// The task, course or chapter with this id, if the caller may read it; null for what does not exist or is
    /// private to another user. An OAuth client needs the scope of the id's type, such as `tasks:read`.
    #[graphql(guard = "Public", scope = "{type}:read")]
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>> {
        let Some((kind, key)) = decode_id(&id) else { return Ok(None) };
        // Asked before anything is looked up: a refusal does not tell whether the row is there.
        let ask = async |scope| Public.with_scope(Some(scope)).check(ctx).await;
        match kind.as_str() {
            "Task" => {
                ask("tasks:read").await?;
                Ok(tasks::node(ctx, key.into()).await?.map(Node::from))
            }
            "Course" => {
                ask("courses:read").await?;
                Ok(courses::course_node(ctx, key.into()).await?.map(Node::from))
            }
            "Chapter" => {
                ask("courses:read").await?;
                Ok(courses::chapter_node(ctx, key.into()).await?.map(Node::from))
            }
            _ => Ok(None),
        }
    }
}
