//! Changing tasks. Ownership is part of the statement that changes: nothing is checked first and
//! changed later.

use std::collections::HashMap;

use async_graphql::{Context, ID, Object};
use hallpass_entity::{
    Comparison as _, Error, Filter, Scope, Set, TaskId, TaskTagId, Transaction, Update, now, task,
    task_tag,
};

use super::input::{CreateTaskInput, UpdateTaskInput};
use super::query::missing;
use super::types::{TYPE, Task, TaskFields};
use crate::access::Rule::{Owner, SignedIn};
use crate::access::{guarded, semantic_non_null};
use crate::events::{Change as Happened, Event, Row};
use crate::graphql::{
    ApiError, ClaimOutcome, ContextExt as _, IdempotentMutation, InputProblem, ProblemKind, Result,
    decode_id, encode_id,
};

/// How many tasks one mutation changes at most.
const MAX_BULK_IDS: usize = 100;

/// The mutations of tasks.
#[derive(Default)]
pub struct TaskMutation;

#[guarded(Mutation, domain = "tasks")]
#[Object]
impl TaskMutation {
    /// Makes a task, owned by the caller. However often it is sent with the same `idempotencyKey`, or the same
    /// header `Idempotency-Key`, within 24 hours, it makes one.
    #[graphql(guard = "SignedIn", directive = semantic_non_null::apply())]
    async fn create_task(
        &self,
        ctx: &Context<'_>,
        input: CreateTaskInput,
        idempotency_key: Option<String>,
    ) -> Result<Option<Task>> {
        let written = input.check()?;
        let once = IdempotentMutation::of(ctx, idempotency_key.as_deref())?;
        let (id, made) = (TaskId::generate(), now());
        let values = task::ActiveModel {
            id: Set(id),
            completed: Set(false),
            completed_at: Set(None),
            version: Set(1),
            created_at: Set(made),
            updated_at: Set(made),
            ..written.values
        };
        let tags = written.tags.unwrap_or_default();
        let row = if tags.is_empty() && once.is_none() {
            ctx.scope().insert::<task::Entity>(values).await?
        } else {
            let together = ctx.scope().begin().await?;
            if let Some(once) = &once
                && let ClaimOutcome::Replay(made) = once.claim(&together, Some(id.uuid())).await?
            {
                drop(together);
                let made = made.map(TaskId::from).ok_or(ApiError::NotFound("task"))?;
                return task_as_it_is(ctx, made).await.map(Some);
            }
            let row = together.insert::<task::Entity>(values).await?;
            if !tags.is_empty() {
                write_tags(&together, row.id, tags).await?;
            }
            together.commit().await?;
            row
        };
        publish(ctx, Happened::Created, [row.id]);
        ctx.audit_created_row(&encode_id(TYPE, row.id));
        Ok(Some(TaskFields::new(ctx, row)))
    }

    /// Changes a task of the caller's; with `expectedVersion`, only if its version is still that. An empty `input`
    /// changes nothing: `version` and `updatedAt` stay as they are.
    #[graphql(guard = "Owner", directive = semantic_non_null::apply())]
    async fn update_task(
        &self,
        ctx: &Context<'_>,
        id: ID,
        input: UpdateTaskInput,
        expected_version: Option<i32>,
    ) -> Result<Option<Task>> {
        let written = input.check()?;
        let id = task_id(&id)?;
        let together = ctx.scope().begin().await?;
        if was_done_before(ctx, &together).await? {
            drop(together);
            return task_as_it_is(ctx, id).await.map(Some);
        }
        let mine = together.owned::<task::Entity>()?.filter(task::Column::Id.is(id));
        let expected = expected_version.map(|version| task::Column::Version.is(version));
        let as_seen = mine.clone().filter(Filter::all().and_if_some(expected));
        let is_empty = written.is_empty();
        let row = if is_empty {
            as_seen.one().await?
        } else {
            let change = written.change(now()).increment(task::Column::Version);
            as_seen.update(change).await?.into_iter().next()
        };
        let Some(row) = row else {
            let unchanged = mine.one().await?;
            // Given back first: asking on holds another connection.
            drop((mine, as_seen, together));
            return Err(match unchanged {
                Some(row) => ApiError::Conflict(row.version),
                None => missing(ctx, &[id]).await?,
            });
        };
        if let Some(tags) = written.tags {
            let old = together.owned::<task_tag::Entity>()?;
            old.filter(task_tag::Column::TaskId.is(id)).delete().await?;
            if !tags.is_empty() {
                write_tags(&together, id, tags).await?;
            }
        }
        drop((mine, as_seen));
        together.commit().await?;
        if !is_empty {
            publish(ctx, Happened::Updated, [id]);
        }
        Ok(Some(TaskFields::new(ctx, row)))
    }

    /// Marks a task of the caller's as done.
    #[graphql(guard = "Owner", directive = semantic_non_null::apply())]
    async fn complete_task(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Task>> {
        Ok(set_completed(ctx, &[task_id(&id)?], true).await?.pop())
    }

    /// Marks a task of the caller's as not done.
    #[graphql(guard = "Owner", directive = semantic_non_null::apply())]
    async fn reopen_task(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Task>> {
        Ok(set_completed(ctx, &[task_id(&id)?], false).await?.pop())
    }

    /// Marks tasks of the caller's as done, all or none.
    #[graphql(guard = "Owner", directive = semantic_non_null::apply())]
    async fn complete_tasks(&self, ctx: &Context<'_>, ids: Vec<ID>) -> Result<Option<Vec<Task>>> {
        set_completed(ctx, &task_ids(&ids)?, true).await.map(Some)
    }

    /// Deletes a task of the caller's, and answers its id.
    #[graphql(guard = "Owner", directive = semantic_non_null::apply())]
    async fn delete_task(&self, ctx: &Context<'_>, id: ID) -> Result<Option<ID>> {
        delete(ctx, &[task_id(&id)?]).await?;
        Ok(Some(id))
    }

    /// Deletes tasks of the caller's, all or none, and answers their ids.
    #[graphql(guard = "Owner", directive = semantic_non_null::apply())]
    async fn delete_tasks(&self, ctx: &Context<'_>, ids: Vec<ID>) -> Result<Option<Vec<ID>>> {
        let unique = task_ids(&ids)?;
        delete(ctx, &unique).await?;
        Ok(Some(unique.into_iter().map(|id| encode_id(TYPE, id)).collect()))
    }
}

/// What is no id of a task is the id of no task.
fn task_id(id: &ID) -> Result<TaskId> {
    match decode_id(id) {
        Some((kind, key)) if kind == TYPE => Ok(key.into()),
        _ => Err(ApiError::NotFound("task")),
    }
}

/// Each id once, in the order given.
fn task_ids(ids: &[ID]) -> Result<Vec<TaskId>> {
    if ids.len() > MAX_BULK_IDS {
        let message = format!("give at most {MAX_BULK_IDS} ids");
        let problem = InputProblem::new("ids", ProblemKind::TooMany, message);
        return Err(problem.beyond(MAX_BULK_IDS).into());
    }
    let mut unique = Vec::new();
    for id in ids {
        let id = task_id(id)?;
        if !unique.contains(&id) {
            unique.push(id);
        }
    }
    Ok(unique)
}

/// Whether the request's idempotency key says that this mutation was carried out before.
async fn was_done_before(ctx: &Context<'_>, together: &Transaction) -> Result<bool> {
    match IdempotentMutation::of(ctx, None)? {
        Some(once) => Ok(matches!(once.claim(together, None).await?, ClaimOutcome::Replay(_))),
        None => Ok(false),
    }
}

/// The answer of a mutation that was carried out before.
async fn task_as_it_is(ctx: &Context<'_>, id: TaskId) -> Result<Task> {
    let row = ctx.scope().owned::<task::Entity>()?.filter(task::Column::Id.is(id)).one().await?;
    row.map(|row| TaskFields::new(ctx, row)).ok_or(ApiError::NotFound("task"))
}

/// All of them or none. A task that already stands as wanted is left as it is.
async fn set_completed(ctx: &Context<'_>, ids: &[TaskId], done: bool) -> Result<Vec<Task>> {
    let together = ctx.scope().begin().await?;
    let again = was_done_before(ctx, &together).await?;
    let these = || Ok::<_, ApiError>(together.owned::<task::Entity>()?.filter(single(ids)));
    let marked = now();
    let values = task::ActiveModel {
        completed: Set(done),
        completed_at: Set(done.then_some(marked)),
        updated_at: Set(marked),
        ..Default::default()
    };
    let change = Update::set(values).increment(task::Column::Version);
    let changed = match again {
        true => Vec::new(),
        false => these()?.filter(task::Column::Completed.is(!done)).update(change).await?,
    };
    let rows = these()?.all().await?;
    if rows.len() != ids.len() {
        drop(together);
        return Err(missing(ctx, ids).await?);
    }
    together.commit().await?;
    publish(ctx, Happened::Updated, changed.iter().map(|row| row.id));
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    let in_order = ids.iter().filter_map(|id| rows.remove(id));
    Ok(in_order.map(|row| TaskFields::new(ctx, row)).collect())
}

/// All of them or none.
async fn delete(ctx: &Context<'_>, ids: &[TaskId]) -> Result<()> {
    let together = ctx.scope().begin().await?;
    if was_done_before(ctx, &together).await? {
        return Ok(());
    }
    let deleted = together.owned::<task::Entity>()?.filter(single(ids)).delete().await?;
    if deleted != ids.len() as u64 {
        drop(together);
        return Err(missing(ctx, ids).await?);
    }
    together.commit().await?;
    publish(ctx, Happened::Deleted, ids.iter().copied());
    Ok(())
}

/// Tells the caller's subscribers what is committed.
fn publish(ctx: &Context<'_>, change: Happened, ids: impl IntoIterator<Item = TaskId>) {
    for id in ids {
        ctx.publish(Event { change, row: Row::Task(id) });
    }
}

fn single(ids: &[TaskId]) -> Filter<task::Entity> {
    task::Column::Id.one_of(ids.iter().copied())
}

/// Writes the tags of a task that has none.
pub(crate) async fn write_tags(
    scope: &Scope,
    task_id: TaskId,
    tags: Vec<String>,
) -> std::result::Result<(), Error> {
    let rows = tags.into_iter().zip(0..).map(|(tag, ordinal)| task_tag::ActiveModel {
        id: Set(TaskTagId::generate()),
        task_id: Set(task_id),
        tag: Set(tag),
        ordinal: Set(ordinal),
        ..Default::default()
    });
    scope.insert_all::<task_tag::Entity>(rows.collect()).await
}
