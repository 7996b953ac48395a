//! Stored revocations, which survive a restart. The server's own rows: they contain no data of users.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, Set, TryInsertResult};

use crate::rls_context::RlsContext;
use crate::row_security::Conn;
use crate::{Error, FromRow, System, Timestamp};

/// One revocation: of a session or of a user.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
#[sea_orm(table_name = "revocation")]
pub struct Model {
    /// The id of the webhook message.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The revoked session.
    pub session_id: Option<String>,
    /// The user whose credentials are revoked.
    pub user_id: Option<String>,
    /// What stays valid: for a session, that it was only changed; for a user, hashes of their current
    /// properties.
    pub state: Option<String>,
    /// When, by the clock of the auth server.
    pub revoked_at: Timestamp,
    /// When it was received.
    pub heard_at: Timestamp,
}

/// No relations: queries cannot join other tables.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl System<'_> {
    /// Stores a revocation. Returns whether its message is new.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn insert_revocation(&self, revocation: Model) -> Result<bool, Error> {
        insert(self.conn(), revocation).await
    }

    /// The revocations received since `moment`, oldest first.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn revocations_since(&self, moment: Timestamp) -> Result<Vec<Model>, Error> {
        let recent = Entity::find().filter(Column::HeardAt.gte(moment));
        let recent = recent.order_by_asc(Column::HeardAt);
        self.read(async |conn| recent.all(conn).await).await
    }

    /// The number of stored revocations: of sessions, and of users.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn count_revocations(&self) -> Result<(u64, u64), Error> {
        let all = self.read(async |conn| Entity::find().count(conn).await).await?;
        let of_sessions = Entity::find().filter(Column::SessionId.is_not_null());
        let of_sessions = self.read(async |conn| of_sessions.count(conn).await).await?;
        Ok((of_sessions, all.saturating_sub(of_sessions)))
    }

    /// Deletes the revocations received before `moment`.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn delete_revocations_before(&self, moment: Timestamp) -> Result<(), Error> {
        let old = Entity::delete_many().filter(Column::HeardAt.lt(moment));
        self.write(async |conn| old.exec(conn).await).await?;
        Ok(())
    }
}

/// Stores a message. Returns whether it is new.
pub(crate) async fn insert(conn: &Conn, revocation: Model) -> Result<bool, Error> {
    let row = ActiveModel {
        id: Set(revocation.id),
        session_id: Set(revocation.session_id),
        user_id: Set(revocation.user_id),
        state: Set(revocation.state),
        revoked_at: Set(revocation.revoked_at),
        heard_at: Set(revocation.heard_at),
    };
    let insert = Entity::insert(row).on_conflict_do_nothing_on([Column::Id]);
    match conn
        .run(&RlsContext::Public, async |conn| insert.exec_without_returning(conn).await)
        .await?
    {
        TryInsertResult::Inserted(rows) => Ok(rows > 0),
        TryInsertResult::Empty | TryInsertResult::Conflicted => Ok(false),
    }
}
