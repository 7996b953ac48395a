//! Known users: one row per user who was seen. The server's own rows, for administrators.

use sea_orm::IntoActiveModel as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, ExprTrait, Func, OnConflict};

use crate::filter::column;
use crate::policy::Scoped as _;
use crate::rls_context::RlsContext;
use crate::row_security::Conn;
use crate::search::Searched;
use crate::{ActiveValue, Error, FromRow, KnownUserId, SearchText, Set, System, Timestamp, UserId};

/// One user, as described by their last credential.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
#[sea_orm(table_name = "known_user")]
pub struct Model {
    /// The row's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: KnownUserId,
    /// The user.
    pub user_id: UserId,
    /// The search text of the id.
    pub user_id_search: SearchText,
    /// The e-mail address, if the credential stated one.
    pub email: Option<String>,
    /// The search text of the address.
    pub email_search: SearchText,
    /// The name, if the credential stated one.
    pub name: Option<String>,
    /// The search text of the name.
    pub name_search: SearchText,
    /// The tier held.
    pub tier: String,
    /// When they were first seen.
    pub first_seen: Timestamp,
    /// When they were last seen, to about a minute.
    pub last_seen: Timestamp,
}

/// No relations: queries cannot join other tables.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::system!(derive);

fn derive(row: &mut ActiveModel) {
    if let ActiveValue::Set(user) = &row.user_id {
        row.user_id_search = Set(SearchText::of(user.as_str()));
    }
    if let ActiveValue::Set(email) = &row.email {
        row.email_search = Set(SearchText::of_maybe(email.as_deref()));
    }
    if let ActiveValue::Set(name) = &row.name {
        row.name_search = Set(SearchText::of_maybe(name.as_deref()));
    }
}

/// Ids, addresses and names.
impl Searched for Entity {
    const INDEX: &'static str = "known_user";
}

impl System<'_> {
    /// Upserts users, each at most once in `users`, in one statement. Values that the credential did not
    /// state are kept, and so is the tier unless `updates_tier`.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn upsert_known_users(
        &self,
        users: Vec<Model>,
        updates_tier: bool,
    ) -> Result<(), Error> {
        let mut known = OnConflict::column(Column::UserId);
        known.update_column(Column::LastSeen);
        for stated in [Column::Email, Column::EmailSearch, Column::Name, Column::NameSearch] {
            let (column, old) = (Alias::new(stated.as_str()), column(stated));
            let new = Expr::col((Alias::new("excluded"), column));
            known.value(stated, Func::coalesce([new, old]));
        }
        if updates_tier {
            known.update_column(Column::Tier);
        }
        let rows = users.into_iter().map(|user| {
            let mut row = user.into_active_model().reset_all();
            Entity::derive(&mut row);
            row
        });
        let upserted = Entity::insert_many(rows).on_conflict(known);
        self.write(async |conn| upserted.exec_without_returning(conn).await).await?;
        Ok(())
    }
}

/// Merges two known users: deletes `from`, and sets the first visit of `to` to the earlier of both. The
/// name and address of `from` are not kept.
pub(crate) async fn merge(conn: &Conn, from: &UserId, to: &UserId) -> Result<(), Error> {
    let known = Entity::find().filter(Column::UserId.eq(from.as_str()));
    let known = conn.run(&RlsContext::Public, async |conn| known.one(conn).await).await?;
    let Some(known) = known else { return Ok(()) };
    let merged = Model {
        id: KnownUserId::generate(),
        user_id: to.clone(),
        email: None,
        name: None,
        ..known
    };
    let mut row = merged.into_active_model().reset_all();
    Entity::derive(&mut row);
    let excluded = || Expr::col((Alias::new("excluded"), Column::FirstSeen));
    let earlier = Expr::case(ExprTrait::lt(excluded(), column(Column::FirstSeen)), excluded());
    let earlier = earlier.finally(column(Column::FirstSeen));
    let same = OnConflict::column(Column::UserId).value(Column::FirstSeen, earlier).to_owned();
    let merged = Entity::insert(row).on_conflict(same);
    let merge = async || {
        conn.run(&RlsContext::Public, async |conn| merged.exec_without_returning(conn).await).await
    };
    let deleted = Entity::delete_many().filter(Column::UserId.eq(from.as_str()));
    let delete =
        async || conn.run(&RlsContext::Public, async |conn| deleted.exec(conn).await).await;
    // In the order of the ids, like the upserts, to avoid deadlocks.
    if from < to {
        delete().await?;
        merge().await?;
    } else {
        merge().await?;
        delete().await?;
    }
    Ok(())
}
