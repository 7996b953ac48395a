//! Users who were here: the server's own rows, for administrators to read.

use sea_orm::IntoActiveModel as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, Func, OnConflict};

use crate::filter::column;
use crate::{Error, KnownUserId, System, Timestamp, UserId};

/// One user, as their last credential described them.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "known_user")]
pub struct Model {
    /// The row's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: KnownUserId,
    /// The user.
    pub user_id: UserId,
    /// The e-mail address, if the credential said.
    pub email: Option<String>,
    /// The name, if the credential said.
    pub name: Option<String>,
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

crate::system!();

impl System<'_> {
    /// Notes that these users were here, each at most once in `users`, in one statement. What a credential
    /// did not say stays as it is known, and so does the tier unless `states_tier`.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn note_users(&self, users: Vec<Model>, states_tier: bool) -> Result<(), Error> {
        let mut known = OnConflict::column(Column::UserId);
        known.update_column(Column::LastSeen);
        for said in [Column::Email, Column::Name] {
            let (column, old) = (Alias::new(said.as_str()), column(said));
            let new = Expr::col((Alias::new("excluded"), column));
            known.value(said, Func::coalesce([new, old]));
        }
        if states_tier {
            known.update_column(Column::Tier);
        }
        let rows = users.into_iter().map(|user| user.into_active_model().reset_all());
        let noted = Entity::insert_many(rows).on_conflict(known);
        self.write(async |conn| noted.exec_without_returning(conn).await).await?;
        Ok(())
    }
}
