//! Known users: the server's own rows, for administrators.

use sea_orm::IntoActiveModel as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, ExprTrait, Func, OnConflict};

use crate::filter::column;
use crate::policy::Scoped as _;
use crate::row_security::{Conn, RlsContext};
use crate::search::Searched;
use crate::{ActiveValue, Error, KnownUserId, SearchText, Set, System, Timestamp, UserId};

/// One user, as their last credential described them.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "known_user")]
pub struct Model {
    /// The row's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: KnownUserId,
    /// The user.
    pub user_id: UserId,
    /// The id as it is searched.
    pub user_id_search: SearchText,
    /// The e-mail address, if the credential said.
    pub email: Option<String>,
    /// The address as it is searched.
    pub email_search: SearchText,
    /// The name, if the credential said.
    pub name: Option<String>,
    /// The name as it is searched.
    pub name_search: SearchText,
    /// The tier held.
    pub tier: String,
    /// When they came for the first time.
    pub first_seen: Timestamp,
    /// When they came last, to a minute or so.
    pub last_seen: Timestamp,
}

/// None that a query may follow.
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
    /// Notes that these users were here, each at most once in `users`, in one statement. What a credential
    /// did not say stays as it is known, and so does the tier unless `states_tier`.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn upsert_known_users(
        &self,
        users: Vec<Model>,
        states_tier: bool,
    ) -> Result<(), Error> {
        let mut known = OnConflict::column(Column::UserId);
        known.update_column(Column::LastSeen);
        for said in [Column::Email, Column::EmailSearch, Column::Name, Column::NameSearch] {
            let (column, old) = (Alias::new(said.as_str()), column(said));
            let new = Expr::col((Alias::new("excluded"), column));
            known.value(said, Func::coalesce([new, old]));
        }
        if states_tier {
            known.update_column(Column::Tier);
        }
        let rows = users.into_iter().map(|user| {
            let mut row = user.into_active_model().reset_all();
            Entity::derive(&mut row);
            row
        });
        let noted = Entity::insert_many(rows).on_conflict(known);
        self.write(async |conn| noted.exec_without_returning(conn).await).await?;
        Ok(())
    }
}

/// Makes one known user of two: `from` is none any more, and `to` is known since either came first. What `from`
/// was called is not kept.
pub(crate) async fn merge(conn: &Conn, from: &UserId, to: &UserId) -> Result<(), Error> {
    let known = Entity::find().filter(Column::UserId.eq(from.as_str()));
    let known = conn.run(&RlsContext::Nothing, async |conn| known.one(conn).await).await?;
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
        conn.run(&RlsContext::Nothing, async |conn| merged.exec_without_returning(conn).await).await
    };
    let forgotten = Entity::delete_many().filter(Column::UserId.eq(from.as_str()));
    let forget =
        async || conn.run(&RlsContext::Nothing, async |conn| forgotten.exec(conn).await).await;
    // In the order of the ids, as they are noted: no two transactions wait for each other.
    if from < to {
        forget().await?;
        merge().await?;
    } else {
        merge().await?;
        forget().await?;
    }
    Ok(())
}
