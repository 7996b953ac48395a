//! Pseudonyms of recently erased users. Tokens of an erased user are valid until they expire: their events get the
//! pseudonym too, on every node and after a restart.

use sea_orm::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;

use crate::filter::column;
use crate::{Error, FromRow, System, Timestamp, now};

/// The pseudonym of an erased user.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
#[sea_orm(table_name = "erased_user")]
pub struct Model {
    /// The pseudonym in the audit log.
    #[sea_orm(primary_key, auto_increment = false)]
    pub pseudonym: String,
    /// The user's id.
    #[sea_orm(column_type = "Text")]
    pub user_id: String,
    /// When the user was erased.
    pub erased_at: Timestamp,
}

/// No relations: queries cannot join other tables.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Stores the pseudonym of a user who is being erased.
pub(crate) async fn store(
    conn: &impl ConnectionTrait,
    user: &str,
    pseudonym: &str,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        pseudonym: Set(pseudonym.to_owned()),
        user_id: Set(user.to_owned()),
        erased_at: Set(now()),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

impl System<'_> {
    /// The users who were erased after `moment`, with their pseudonyms.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn erased_users_since(&self, moment: Timestamp) -> Result<Vec<Model>, Error> {
        let recent = Entity::find().filter(column(Column::ErasedAt).gt(moment));
        self.read(async |conn| recent.all(conn).await).await
    }

    /// Deletes the pseudonyms of users who were erased at `moment` or before. The audit log keeps them.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn delete_erased_users_until(&self, moment: Timestamp) -> Result<(), Error> {
        let old = Entity::delete_many().filter(column(Column::ErasedAt).lte(moment));
        self.write(async |conn| old.exec(conn).await).await?;
        Ok(())
    }
}
