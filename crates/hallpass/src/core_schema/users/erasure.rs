//! User erasure (right to be forgotten): deletes the rows of one user and pseudonymizes the audit log.

use std::sync::Arc;

use async_graphql::{Context, ID, SimpleObject};
use hallpass_data::DeletedRows;
use hallpass_data::audit::row_of_user;
use serde::{Deserialize, Serialize};

use crate::access::{STEP_UP_ADMIN, guarded};
use crate::core_schema::CoreServices;
use crate::graphql::{ApiError, Begun, ContextExt as _, Execution, Result};
use crate::schema::RootQuery;

/// The rows deleted for an erased user.
#[derive(Clone, Debug, SimpleObject)]
pub struct ErasureReport {
    /// User ID.
    pub user_id: ID,
    /// Total number of deleted rows.
    pub total: u64,
    /// Deleted rows per table. Lists every table that stores user data.
    pub tables: Vec<ErasedRows>,
}

impl ErasureReport {
    fn new(user_id: ID, tables: Vec<ErasedRows>) -> Self {
        Self { user_id, total: tables.iter().map(|table| table.rows).sum(), tables }
    }
}

/// Number of rows deleted from one table.
#[derive(Clone, Debug, Serialize, Deserialize, SimpleObject)]
pub struct ErasedRows {
    /// Table name.
    pub table: String,
    /// Number of deleted rows.
    pub rows: u64,
}

impl From<DeletedRows> for ErasedRows {
    fn from(DeletedRows { table, rows }: DeletedRows) -> Self {
        Self { table: table.to_owned(), rows }
    }
}

/// The payload of `eraseUser`.
pub struct EraseUserPayload(ErasureReport);

/// The payload of `eraseUser`.
#[guarded(EraseUserPayload)]
impl EraseUserPayload {
    /// The deleted rows, or with `dryRun` those that would be deleted.
    async fn report(&self) -> &ErasureReport {
        &self.0
    }

    /// Queries, resolved after the change.
    async fn query(&self) -> RootQuery {
        RootQuery
    }
}

/// User erasure mutation.
#[derive(Default)]
pub struct ErasureMutation;

#[guarded(Mutation, domain = "users")]
impl ErasureMutation {
    /// Deletes all rows of a user in one transaction and returns the number of deleted rows. The account at
    /// the auth server is not deleted: a user who signs in again becomes a known user again. `id` is a global ID or a
    /// user ID of the auth server. With `dryRun`, nothing is deleted: the report has the rows that would be.
    #[graphql(guard = "STEP_UP_ADMIN")]
    async fn erase_user(
        &self,
        ctx: &Context<'_>,
        id: ID,
        #[graphql(default)] dry_run: bool,
    ) -> Result<EraseUserPayload> {
        let id = super::user_id(id);
        if id.contains('\0') {
            return Err(ApiError::bad_input("id", "remove the NUL character"));
        }
        let report = if dry_run { count(ctx, id).await? } else { erase(ctx, id).await? };
        Ok(EraseUserPayload(report))
    }
}

/// Erases a user.
async fn erase(ctx: &Context<'_>, id: ID) -> Result<ErasureReport> {
    let privilege = STEP_UP_ADMIN.authorize(ctx).await?;
    let writes = match Execution::statement().begin(ctx).await? {
        Begun::First(writes) => writes,
        Begun::Replay(replay) => {
            return Ok(ErasureReport::new(id, replay.answer().unwrap_or_default()));
        }
    };
    let transaction = writes.begin().await?;
    let erased = transaction.erase(&id, privilege).await?;
    // Audit events are kept under a pseudonym. Queued events are renamed when they are written.
    let pseudonym = transaction.pseudonymize(&id, privilege).await?;
    transaction.commit().await?;
    let erased: Vec<_> = erased.into_iter().map(ErasedRows::from).collect();
    writes.store_answer(&erased).await?;
    writes.commit().await?;
    ctx.request_auth().trail.add_row(row_of_user(&pseudonym));
    ctx.data_unchecked::<Arc<CoreServices>>().audit.erased(&id, &pseudonym);
    Ok(ErasureReport::new(id, erased))
}

/// The rows that [`erase`] would delete: deletes them in a transaction, and rolls it back.
async fn count(ctx: &Context<'_>, id: ID) -> Result<ErasureReport> {
    let privilege = STEP_UP_ADMIN.authorize(ctx).await?;
    let transaction = ctx.scope().begin().await?;
    let erased = transaction.erase(&id, privilege).await?;
    drop(transaction);
    ctx.request_auth().trail.add_row(row_of_user(&id));
    Ok(ErasureReport::new(id, erased.into_iter().map(ErasedRows::from).collect()))
}
