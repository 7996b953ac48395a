//! Erasing a user.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use hallpass_entity::audit::row_of_user;
use hallpass_entity::owned_tables::DeletedRows;

use crate::access::{SURE_ADMIN, guarded, semantic_non_null};
use crate::audit::Audit;
use crate::graphql::{ApiError, ContextExt as _, Result};

/// What was deleted of a user.
#[derive(Clone, Debug, SimpleObject)]
pub struct ErasureReport {
    /// The id of the user.
    pub user_id: ID,
    /// How many rows were deleted in all.
    pub total: u64,
    /// How many in each table; every table that keeps something of users is listed.
    pub tables: Vec<ErasedRows>,
}

/// What was deleted from one table.
#[derive(Clone, Debug, SimpleObject)]
pub struct ErasedRows {
    /// The table.
    pub table: &'static str,
    /// How many rows.
    pub rows: u64,
}

impl From<DeletedRows> for ErasedRows {
    fn from(DeletedRows { table, rows }: DeletedRows) -> Self {
        Self { table, rows }
    }
}

/// The mutation that erases a user.
#[derive(Default)]
pub struct ErasureMutation;

#[guarded(Mutation, domain = "users")]
#[Object]
impl ErasureMutation {
    /// Deletes every row of the user with this id, all or none, and says how many there were. The account
    /// is the auth server's, and stays: a user who still signs in there is known again.
    #[graphql(guard = "SURE_ADMIN", directive = semantic_non_null::apply())]
    async fn erase_user(&self, ctx: &Context<'_>, id: ID) -> Result<Option<ErasureReport>> {
        if id.contains('\0') {
            return Err(ApiError::bad_input("id", "remove the NUL character"));
        }
        let proof = SURE_ADMIN.authorize(ctx).await?;
        let together = ctx.scope().begin().await?;
        let erased = together.erase(&id, proof).await?;
        // The audit is kept, without their name; what of it is still to be written loses it on the way.
        let pseudonym = together.pseudonymize(&id, proof).await?;
        together.commit().await?;
        ctx.request_auth().trail.add_row(row_of_user(&pseudonym));
        ctx.data_unchecked::<Arc<Audit>>().erased(&id, &pseudonym);
        Ok(Some(ErasureReport {
            user_id: id,
            total: erased.iter().map(|table| table.rows).sum(),
            tables: erased.into_iter().map(ErasedRows::from).collect(),
        }))
    }
}
