//! Idempotency keys: a caller's mutations with the same key are executed once.

use sea_orm::entity::prelude::*;

use crate::{Error, FromRow, IdempotencyClaimId, System, Timestamp, UserId};

/// One key of one caller, stored by the mutation that first used it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
#[sea_orm(table_name = "idempotency_key")]
pub struct Model {
    /// The caller.
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: UserId,
    /// The key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// The execution of a mutation that claimed the key.
    pub claim: IdempotencyClaimId,
    /// A hash of the mutation and its arguments.
    pub fingerprint: String,
    /// The row that the mutation created, if any.
    pub row_id: Option<Uuid>,
    /// The answer as JSON, if it cannot be read from the rows.
    pub answer: Option<String>,
    /// When the key was first used.
    pub created_at: Timestamp,
}

/// No relations: queries cannot join other tables.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::owned!(OwnerId, owner_id);

impl System<'_> {
    /// Deletes the keys that were first used before `moment`.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn delete_idempotency_keys_before(&self, moment: Timestamp) -> Result<(), Error> {
        let old = Entity::delete_many().filter(Column::CreatedAt.lt(moment));
        self.run(async |conn| old.exec(conn).await).await?;
        Ok(())
    }
}
