//! Recently used sessions: the server's own rows, for usage statistics.

use sea_orm::IntoActiveModel as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use crate::rls_context::RlsContext;
use crate::row_security::Conn;
use crate::{Error, FromRow, System, Timestamp, UserId};

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
#[sea_orm(table_name = "seen_session")]
pub struct Model {
    /// The hash of the session's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The user.
    pub user_id: UserId,
    /// When it was last used, to about a minute.
    pub last_seen: Timestamp,
}

/// No relations: queries cannot join other tables.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::system!();

impl System<'_> {
    /// Upserts sessions, each at most once in `sessions`, in one statement.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn upsert_seen_sessions(&self, sessions: Vec<Model>) -> Result<(), Error> {
        let known = OnConflict::column(Column::Id)
            .update_columns([Column::UserId, Column::LastSeen])
            .to_owned();
        let rows = sessions.into_iter().map(|session| session.into_active_model().reset_all());
        let upserted = Entity::insert_many(rows).on_conflict(known);
        self.write(async |conn| upserted.exec_without_returning(conn).await).await?;
        Ok(())
    }

    /// Deletes the sessions last used before `moment`.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn delete_sessions_before(&self, moment: Timestamp) -> Result<(), Error> {
        let old = Entity::delete_many().filter(Column::LastSeen.lt(moment));
        self.write(async |conn| old.exec(conn).await).await?;
        Ok(())
    }
}

/// Deletes the sessions of a user.
pub(crate) async fn forget_user(conn: &Conn, user: &UserId) -> Result<(), Error> {
    let theirs = Entity::delete_many().filter(Column::UserId.eq(user.as_str()));
    conn.run(&RlsContext::Public, async |conn| theirs.exec(conn).await).await?;
    Ok(())
}
