//! Task mutations.

use async_graphql::Context;
use hallpass_entity::TaskId;

use super::changes::{
    create_all, current_task, delete, insert, set_completed, set_one_completed, update, update_all,
};
use super::input::{CreateTaskInput, UpdateTaskInput, ValidatedTask};
use super::payloads::{
    CompleteTaskPayload, CompleteTasksPayload, CreateTaskPayload, CreateTasksPayload,
    DeleteTaskPayload, DeleteTasksPayload, ReopenTaskPayload, UpdateTaskPayload,
    UpdateTasksPayload,
};
use super::types::{EVENTS, Task};
use hallpass::access::Rule::{Owner, SignedIn};
use hallpass::access::guarded;
use hallpass::graphql::{
    Constrained, Constraint, Execution, IDEMPOTENCY_KEY, Id, Result, Validator, Writes,
};

/// Maximum number of tasks that one mutation changes.
const TASKS: Constraint<'_> = Constraint::NONE.max_items(100);

/// Task mutations.
#[derive(Default)]
pub struct TaskMutation;

#[guarded(Mutation, domain = "tasks")]
impl TaskMutation {
    /// Creates a task owned by the caller. Requests repeated within 24 hours with the same `idempotencyKey`, or the
    /// same `Idempotency-Key` header, create one task.
    #[graphql(guard = "SignedIn")]
    async fn create_task(
        &self,
        ctx: &Context<'_>,
        input: CreateTaskInput,
        #[graphql(directive = Constrained::apply(IDEMPOTENCY_KEY))] idempotency_key: Option<String>,
    ) -> Result<CreateTaskPayload> {
        let validated = input.check("input")?;
        let id = TaskId::generate();
        let has_tags = validated.tags.as_ref().is_some_and(|tags| !tags.is_empty());
        let execution = if has_tags { Execution::transaction() } else { Execution::statement() };
        let execution = execution.with_key(idempotency_key.as_deref()).publishing(EVENTS);
        let insert = async |writes: &Writes| insert(ctx, writes, id, validated).await;
        let created = async |key| current_task(ctx, key).await;
        execution.create_or(ctx, id, insert, created).await.map(CreateTaskPayload)
    }

    /// Creates tasks owned by the caller, all or none. Idempotency keys are those of `createTask`.
    #[graphql(guard = "SignedIn")]
    async fn create_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(directive = Constrained::apply(TASKS))] inputs: Vec<CreateTaskInput>,
        #[graphql(directive = Constrained::apply(IDEMPOTENCY_KEY))] idempotency_key: Option<String>,
    ) -> Result<CreateTasksPayload> {
        let new = check_all(inputs)?;
        let execution = Execution::transaction().with_key(idempotency_key.as_deref());
        create_all(ctx, execution, new).await.map(CreateTasksPayload)
    }

    /// Changes a task of the caller. Given `expectedVersion`, fails with `CONFLICT` if the task has another
    /// version. An empty `input` changes nothing, `version` and `updatedAt` included.
    #[graphql(guard = "Owner")]
    async fn update_task(
        &self,
        ctx: &Context<'_>,
        id: Id<Task>,
        input: UpdateTaskInput,
        expected_version: Option<i32>,
    ) -> Result<UpdateTaskPayload> {
        let validated = input.check()?;
        update(ctx, id.key()?, validated, expected_version).await.map(UpdateTaskPayload)
    }

    /// Changes tasks of the caller in the same way, all or none. An empty `input` changes nothing.
    #[graphql(guard = "Owner")]
    async fn update_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(directive = Constrained::apply(TASKS))] ids: Vec<Id<Task>>,
        input: UpdateTaskInput,
    ) -> Result<UpdateTasksPayload> {
        let mut validator = Validator::default();
        validator.count("ids", ids.len(), &TASKS);
        let change = validator.collect(input.check())?.unwrap_or_default();
        validator.finish()?;
        let ids = unique_keys(&ids)?;
        update_all(ctx, &ids, change).await.map(UpdateTasksPayload)
    }

    /// Marks a task of the caller as completed.
    #[graphql(guard = "Owner")]
    async fn complete_task(&self, ctx: &Context<'_>, id: Id<Task>) -> Result<CompleteTaskPayload> {
        set_one_completed(ctx, id.key()?, true).await.map(CompleteTaskPayload)
    }

    /// Marks a task of the caller as not completed.
    #[graphql(guard = "Owner")]
    async fn reopen_task(&self, ctx: &Context<'_>, id: Id<Task>) -> Result<ReopenTaskPayload> {
        set_one_completed(ctx, id.key()?, false).await.map(ReopenTaskPayload)
    }

    /// Marks tasks of the caller as completed, all or none.
    #[graphql(guard = "Owner")]
    async fn complete_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(directive = Constrained::apply(TASKS))] ids: Vec<Id<Task>>,
    ) -> Result<CompleteTasksPayload> {
        set_completed(ctx, &task_ids(&ids)?, true).await.map(CompleteTasksPayload)
    }

    /// Deletes a task of the caller.
    #[graphql(guard = "Owner")]
    async fn delete_task(&self, ctx: &Context<'_>, id: Id<Task>) -> Result<DeleteTaskPayload> {
        delete(ctx, &[id.key()?]).await?;
        Ok(DeleteTaskPayload(id))
    }

    /// Deletes tasks of the caller, all or none.
    #[graphql(guard = "Owner")]
    async fn delete_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(directive = Constrained::apply(TASKS))] ids: Vec<Id<Task>>,
    ) -> Result<DeleteTasksPayload> {
        let unique = task_ids(&ids)?;
        delete(ctx, &unique).await?;
        Ok(DeleteTasksPayload(unique.into_iter().map(Id::new).collect()))
    }
}

/// The keys, without duplicates, in the same order.
fn task_ids(ids: &[Id<Task>]) -> Result<Vec<TaskId>> {
    let mut validator = Validator::default();
    validator.count("ids", ids.len(), &TASKS);
    validator.finish()?;
    unique_keys(ids)
}

fn unique_keys(ids: &[Id<Task>]) -> Result<Vec<TaskId>> {
    let mut unique = Vec::new();
    for id in ids {
        let id = id.key()?;
        if !unique.contains(&id) {
            unique.push(id);
        }
    }
    Ok(unique)
}

/// Validates new tasks: reports the problems of all of them.
fn check_all(inputs: Vec<CreateTaskInput>) -> Result<Vec<ValidatedTask>> {
    let mut validator = Validator::default();
    validator.count("inputs", inputs.len(), &TASKS);
    let mut valid = Vec::new();
    let counted = TASKS.counted(inputs.len());
    for (at, input) in inputs.into_iter().enumerate().take(counted) {
        valid.extend(validator.collect(input.check(format!("inputs.{at}")))?);
    }
    validator.finish()?;
    Ok(valid)
}
