//! Audit events: denials, reads by administrators, changes. Events contain no content of the rows. They
//! are the server's own rows, and outlive the users they name, who are pseudonymized on erasure.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query};
use sea_orm::{DbBackend, IntoActiveModel as _, Order};

use crate::filter::column;
use crate::insert_arrays::insert_new;
use crate::rls_context::RlsContext;
use crate::{AuditEventId, Error, FromRow, Privilege, System, Timestamp, Transaction, erased_user};

/// One audit event.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
#[sea_orm(table_name = "audit_event")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditEventId,
    /// When it happened.
    pub at: Timestamp,
    /// The decision's id, which an error response contains too.
    pub decision_id: Uuid,
    /// The request's id, which the response and the log contain too.
    pub request_id: String,
    /// The caller's id, or the pseudonym of an erased user; none for anonymous callers.
    pub caller_id: Option<String>,
    /// The id or pseudonym of the administrator who impersonated the caller.
    pub impersonated_by: Option<String>,
    /// The kind of credential.
    pub method: Option<String>,
    /// `Type.field`, or the name of another operation.
    pub field: String,
    /// The rule's name, or the check that failed.
    pub rule: String,
    /// `ALLOWED`, or the code of the error.
    pub outcome: String,
    /// The affected row.
    pub row_id: Option<String>,
    /// How often the same event happened.
    pub times: i32,
    /// The OAuth client that acted for the caller.
    pub client_id: Option<String>,
    /// The scopes granted to it, separated by spaces.
    pub scopes: Option<String>,
}

/// No relations: queries cannot join other tables.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::system!();

/// Maximum length of a stored id, in characters: an index accepts at most some 2,700 bytes.
const MAX_ID_CHARS: usize = 320;

/// Makes a text storable: PostgreSQL cannot store NUL, and one text must not fail the whole batch.
fn truncate_for_column(text: &str) -> String {
    text.chars().filter(|letter| *letter != '\0').take(MAX_ID_CHARS).collect()
}

impl Model {
    /// Makes the texts that come from requests storable.
    fn truncated(self) -> Self {
        let truncated = |text: Option<String>| text.map(|text| truncate_for_column(&text));
        Self {
            caller_id: truncated(self.caller_id),
            impersonated_by: truncated(self.impersonated_by),
            row_id: truncated(self.row_id),
            client_id: truncated(self.client_id),
            scopes: truncated(self.scopes),
            ..self
        }
    }
}

/// The `row_id` of an event about a user. It never equals the id of a row.
#[must_use]
pub fn row_of_user(user: &str) -> String {
    format!("user:{user}")
}

impl System<'_> {
    /// Writes events. Events that exist already, from an attempt with an unknown result, are left as they are.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement; then none is written.
    pub async fn insert_audit_events(&self, events: Vec<Model>) -> Result<(), Error> {
        let events = events.into_iter().map(Model::truncated);
        if self.conn().backend() == DbBackend::Postgres {
            let events: Vec<_> = events.collect();
            let kept = insert_new(&events, Column::Id)?;
            self.write(async |conn| conn.execute_raw(kept).await).await?;
        } else {
            let rows = events.map(|event| event.into_active_model());
            let kept = Entity::insert_many(rows).on_conflict_do_nothing_on([Column::Id]);
            self.write(async |conn| kept.exec_without_returning(conn).await).await?;
        }
        Ok(())
    }

    /// The number of events with this `field` and this `rule` since `moment`.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
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

    /// Deletes the oldest events from before `moment`, at most `limit`. Returns how many were deleted.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn delete_audit_events_before(
        &self,
        moment: Timestamp,
        limit: u64,
    ) -> Result<u64, Error> {
        let mut oldest = Query::select();
        oldest.column(Column::Id).from(Entity).and_where(column(Column::At).lt(moment));
        oldest.order_by(Column::At, Order::Asc).limit(limit);
        let old = Entity::delete_many().filter(Column::Id.in_subquery(oldest));
        Ok(self.write(async |conn| old.exec(conn).await).await?.rows_affected)
    }

    /// Replaces `user` with `pseudonym` in every event.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn pseudonymize(&self, user: &str, pseudonym: &str) -> Result<(), Error> {
        self.write(async |conn| rename(conn, user, pseudonym).await).await
    }
}

impl Transaction {
    /// Replaces the user with this id in every audit event with a pseudonym, `erased-` and a random id, and stores the
    /// pseudonym. Takes effect with [`commit`](Transaction::commit). Events that are still queued are left to the
    /// writer task: pass it the pseudonym.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn pseudonymize(&self, user: &str, _proof: Privilege) -> Result<String, Error> {
        let pseudonym = format!("erased-{}", Uuid::now_v7());
        self.conn()
            .run(&RlsContext::Public, async |conn| {
                rename(conn, user, &pseudonym).await?;
                erased_user::store(conn, user, &pseudonym).await
            })
            .await?;
        Ok(pseudonym)
    }
}

async fn rename(conn: &impl ConnectionTrait, user: &str, pseudonym: &str) -> Result<(), DbErr> {
    let as_row = (truncate_for_column(&row_of_user(user)), row_of_user(pseudonym));
    let as_user = (truncate_for_column(user), pseudonym.to_owned());
    // One statement per column: each has its own index.
    for (named, (old, new)) in
        [(Column::CallerId, &as_user), (Column::ImpersonatedBy, &as_user), (Column::RowId, &as_row)]
    {
        let renamed = Entity::update_many().col_expr(named, Expr::val(new.as_str()));
        renamed.filter(column(named).eq(old.as_str())).exec(conn).await?;
    }
    Ok(())
}
