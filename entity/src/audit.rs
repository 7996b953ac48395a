//! What was refused, what administrators read, what was changed: one line each, and nothing of what the
//! rows say. The server's own rows: they outlive those whom they are about, under another name.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query};
use sea_orm::{IntoActiveModel as _, Order};

use crate::filter::column;
use crate::row_security::RlsContext;
use crate::{AuditEventId, Error, Privilege, System, Timestamp, Transaction};

/// One line of the audit.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_event")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditEventId,
    /// When it happened.
    pub at: Timestamp,
    /// The decision's id, which a refusal tells too.
    pub decision_id: Uuid,
    /// The request's id, which its answer and the log tell too.
    pub request_id: String,
    /// The caller's id, or the pseudonym of one who was erased; none when no caller was signed in.
    pub caller_id: Option<String>,
    /// The id or pseudonym of the administrator who acted as the caller.
    pub impersonated_by: Option<String>,
    /// The kind of credential.
    pub method: Option<String>,
    /// `Type.field`, or what else was used.
    pub field: String,
    /// The rule's name, or the check that failed.
    pub rule: String,
    /// `ALLOWED`, or the code of the error.
    pub outcome: String,
    /// The row that it was about.
    pub row_id: Option<String>,
    /// How often the same happened.
    pub times: i32,
    /// The OAuth client that acted for the caller.
    pub client_id: Option<String>,
    /// What it was granted, separated by spaces.
    pub scopes: Option<String>,
}

/// None that a query may follow.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::system!();

/// How much is kept of an id, in characters: an index takes no more than some 2,700 bytes.
const LONGEST: usize = 320;

/// PostgreSQL cannot keep NUL, and one text must not spoil what is written with it.
fn truncate_for_column(text: &str) -> String {
    text.chars().filter(|letter| *letter != '\0').take(LONGEST).collect()
}

impl Model {
    /// The texts that come from elsewhere, as they can be kept.
    fn storable(self) -> Self {
        let storable = |text: Option<String>| text.map(|text| truncate_for_column(&text));
        Self {
            caller_id: storable(self.caller_id),
            impersonated_by: storable(self.impersonated_by),
            row_id: storable(self.row_id),
            client_id: storable(self.client_id),
            scopes: storable(self.scopes),
            ..self
        }
    }
}

/// How an event names the user whom it is about, as its row: no row of a table is called so.
#[must_use]
pub fn row_of_user(user: &str) -> String {
    format!("user:{user}")
}

impl System<'_> {
    /// Writes events. One that is there already, from a try whose end is unknown, stays as it is.
    ///
    /// # Errors
    /// When the database is away or refuses; then none is written.
    pub async fn insert_audit_events(&self, events: Vec<Model>) -> Result<(), Error> {
        let rows = events.into_iter().map(|event| event.storable().into_active_model());
        let kept = Entity::insert_many(rows).on_conflict_do_nothing_on([Column::Id]);
        self.write(async |conn| kept.exec_without_returning(conn).await).await?;
        Ok(())
    }

    /// How many events name this `field` and this `rule` since `moment`.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn count_audit_events(
        &self,
        field: &str,
        rule: &str,
        moment: Timestamp,
    ) -> Result<u64, Error> {
        let those = Entity::find()
            .filter(Column::Field.eq(field))
            .filter(Column::Rule.eq(rule))
            .filter(Column::At.gte(moment));
        self.read(async |conn| those.count(conn).await).await
    }

    /// Forgets the oldest events from before `moment`, `most` of them. Answers how many there were.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn delete_audit_events_before(
        &self,
        moment: Timestamp,
        most: u64,
    ) -> Result<u64, Error> {
        let mut oldest = Query::select();
        oldest.column(Column::Id).from(Entity).and_where(column(Column::At).lt(moment));
        oldest.order_by(Column::At, Order::Asc).limit(most);
        let old = Entity::delete_many().filter(Column::Id.in_subquery(oldest));
        Ok(self.write(async |conn| old.exec(conn).await).await?.rows_affected)
    }

    /// Names `user` `pseudonym` in every event.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn pseudonymize(&self, user: &str, pseudonym: &str) -> Result<(), Error> {
        self.write(async |conn| rename(conn, user, pseudonym).await).await
    }
}

impl Transaction {
    /// Gives the user with this id a pseudonym, `erased-` and a random id, and names them so in every event
    /// of the audit. It lasts from the [`commit`](Transaction::commit) on. What is still on its way to the
    /// audit is seen to by the task that writes it: give it the pseudonym.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn pseudonymize(&self, user: &str, _proof: Privilege) -> Result<String, Error> {
        let pseudonym = format!("erased-{}", Uuid::now_v7());
        self.conn()
            .run(&RlsContext::Nothing, async |conn| rename(conn, user, &pseudonym).await)
            .await?;
        Ok(pseudonym)
    }
}

async fn rename(conn: &impl ConnectionTrait, user: &str, pseudonym: &str) -> Result<(), DbErr> {
    let as_row = (truncate_for_column(&row_of_user(user)), row_of_user(pseudonym));
    let as_somebody = (truncate_for_column(user), pseudonym.to_owned());
    // One after the other: each has an index of its own.
    for (named, (old, new)) in [
        (Column::CallerId, &as_somebody),
        (Column::ImpersonatedBy, &as_somebody),
        (Column::RowId, &as_row),
    ] {
        let renamed = Entity::update_many().col_expr(named, Expr::val(new.as_str()));
        renamed.filter(column(named).eq(old.as_str())).exec(conn).await?;
    }
    Ok(())
}
