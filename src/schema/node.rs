//! Anything, by its global id.

use async_graphql::{Context, ID, Interface, Object};

use crate::access::{Rule::Public, guarded};
use crate::courses::{self, Chapter, Course};
use crate::graphql::{Result, decode_id};
use crate::tasks::{self, Task};

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
    /// The task, course or chapter with this id, if the caller may read it; null for whatever is not there or
    /// private of somebody else's.
    #[graphql(guard = "Public")]
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>> {
        let Some((kind, key)) = decode_id(&id) else { return Ok(None) };
        Ok(match kind.as_str() {
            "Task" => tasks::node(ctx, key.into()).await?.map(Node::from),
            "Course" => courses::course_node(ctx, key.into()).await?.map(Node::from),
            "Chapter" => courses::chapter_node(ctx, key.into()).await?.map(Node::from),
            _ => None,
        })
    }
}
