//! Stored key sets (JWKS): the last one of each source. Public keys have no owner.

use sea_orm::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use crate::{Error, FromRow, System, Timestamp};

/// The key set of one source.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
#[sea_orm(table_name = "key_set")]
pub struct Model {
    /// The source it was fetched from.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: String,
    /// The JSON Web Key Set, of usable public keys only.
    #[sea_orm(column_type = "Text")]
    pub document: String,
    /// When it was fetched.
    pub fetched_at: Timestamp,
}

/// No relations: queries cannot join other tables.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl System<'_> {
    /// Stores a key set, replacing the previous one of its source.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn store_key_set(&self, set: Model) -> Result<(), Error> {
        let row = ActiveModel {
            source: Set(set.source),
            document: Set(set.document),
            fetched_at: Set(set.fetched_at),
        };
        let replace = OnConflict::column(Column::Source)
            .update_columns([Column::Document, Column::FetchedAt])
            .to_owned();
        let stored = Entity::insert(row).on_conflict(replace);
        self.write(async |conn| stored.exec_without_returning(conn).await).await?;
        Ok(())
    }

    /// The stored key set of `source`.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn key_set(&self, source: &str) -> Result<Option<Model>, Error> {
        self.read(async |conn| Entity::find_by_id(source).one(conn).await).await
    }
}
