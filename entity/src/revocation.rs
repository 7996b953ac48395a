//! What the auth server took back before its time. The server's own rows: they say of no user what is
//! theirs, and outlive a restart.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, Set, TryInsertResult};

use crate::row_security::{Conn, RlsContext};
use crate::{Error, System, Timestamp};

/// One revocation: of a session or of a user.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revocation")]
pub struct Model {
    /// The id of the message that said so.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The session that was taken back.
    pub session_id: Option<String>,
    /// The user of whom everything was taken back.
    pub user_id: Option<String>,
    /// What still counts: of a session, that it goes on; of a user, hashes of the properties they have now.
    pub state: Option<String>,
    /// When, by the clock of the auth server.
    pub revoked_at: Timestamp,
    /// When it was heard.
    pub heard_at: Timestamp,
}

/// None that a query may follow.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl System<'_> {
    /// Keeps a revocation. Answers whether its message is new.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn insert_revocation(&self, revocation: Model) -> Result<bool, Error> {
        keep(self.conn(), revocation).await
    }

    /// The revocations heard since `moment`, oldest first.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn revocations_since(&self, moment: Timestamp) -> Result<Vec<Model>, Error> {
        let recent = Entity::find().filter(Column::HeardAt.gte(moment));
        let recent = recent.order_by_asc(Column::HeardAt);
        self.read(async |conn| recent.all(conn).await).await
    }

    /// How many revocations are kept: of sessions, and of users.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn count_revocations(&self) -> Result<(u64, u64), Error> {
        let all = self.read(async |conn| Entity::find().count(conn).await).await?;
        let of_sessions = Entity::find().filter(Column::SessionId.is_not_null());
        let of_sessions = self.read(async |conn| of_sessions.count(conn).await).await?;
        Ok((of_sessions, all.saturating_sub(of_sessions)))
    }

    /// Forgets the revocations heard before `moment`.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn delete_revocations_before(&self, moment: Timestamp) -> Result<(), Error> {
        let old = Entity::delete_many().filter(Column::HeardAt.lt(moment));
        self.write(async |conn| old.exec(conn).await).await?;
        Ok(())
    }
}

/// Keeps a message. Answers whether it is new.
pub(crate) async fn keep(conn: &Conn, revocation: Model) -> Result<bool, Error> {
    let row = ActiveModel {
        id: Set(revocation.id),
        session_id: Set(revocation.session_id),
        user_id: Set(revocation.user_id),
        state: Set(revocation.state),
        revoked_at: Set(revocation.revoked_at),
        heard_at: Set(revocation.heard_at),
    };
    let kept = Entity::insert(row).on_conflict_do_nothing_on([Column::Id]);
    match conn
        .run(&RlsContext::Nothing, async |conn| kept.exec_without_returning(conn).await)
        .await?
    {
        TryInsertResult::Inserted(rows) => Ok(rows > 0),
        TryInsertResult::Empty | TryInsertResult::Conflicted => Ok(false),
    }
}
