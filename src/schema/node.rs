//! Query `node`: any object by global ID (Relay).

use async_graphql::{Context, ID, Interface, Object};

use crate::access::{Rule::Public, guarded};
use crate::domains::courses;
use crate::domains::courses::{Chapter, Course};
use crate::domains::tasks;
use crate::domains::tasks::Task;
use crate::graphql::{Result, decode_id};

/// An object with a global ID.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Global ID."))]
pub enum Node {
    /// A task.
    Task(Task),
    /// A course.
    Course(Course),
    /// A chapter.
    Chapter(Chapter),
}

/// Node query.
#[derive(Default)]
pub struct NodeQuery;

#[guarded(Query)]
#[Object]
impl NodeQuery {
    /// Returns the task, course or chapter with this ID. Null if it does not exist or is not visible to the caller. An
    /// OAuth client needs the scope of the object's type, such as `tasks:read`.
    #[graphql(guard = "Public", scope = "{type}:read")]
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>> {
        let Some((kind, key)) = decode_id(&id) else { return Ok(None) };
        // Checked before the lookup: a denial must not disclose whether the row exists.
        let check_scope = async |scope| Public.with_scope(Some(scope)).check(ctx).await;
        match kind.as_str() {
            "Task" => {
                check_scope("tasks:read").await?;
                Ok(tasks::node(ctx, key.into()).await?.map(Node::from))
            }
            "Course" => {
                check_scope("courses:read").await?;
                Ok(courses::course_node(ctx, key.into()).await?.map(Node::from))
            }
            "Chapter" => {
                check_scope("courses:read").await?;
                Ok(courses::chapter_node(ctx, key.into()).await?.map(Node::from))
            }
            _ => Ok(None),
        }
    }
}
