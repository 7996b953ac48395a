//! The list of owned tables, for erasure and row-level security.

use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{EntityName as _, EntityTrait, QueryFilter as _};

use crate::filter::column;
use crate::policy::OwnedEntity;
use crate::row_security::RlsContext;
use crate::{
    Error, Handover, Privilege, System, Transaction, UserId, handover, idempotency_key, known_user,
    learner, progress, revocation, seen_session, task, task_tag,
};

/// What was deleted from one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedRows {
    /// The table.
    pub table: &'static str,
    /// How many rows.
    pub rows: u64,
}

/// Lists the tables: of rows that have an owner, and of rows about a user that are the server's own. A
/// test compares the list with the tables of the database.
macro_rules! rows_of_somebody {
    (owned [$($owned:ident),*] about [$($about:ident),*]) => {
        /// The tables of owned rows.
        #[must_use]
        pub fn owned_tables() -> Vec<&'static str> {
            vec![$($owned::Entity.table_name(),)*]
        }

        /// The tables of the server's own rows about a user.
        #[must_use]
        pub fn tables_about_users() -> Vec<&'static str> {
            vec![$($about::Entity.table_name(),)*]
        }

        impl System<'_> {
            /// Gives every owned row of `from` to `to`, all or none, and keeps the id of the `message` that
            /// said so. Answers what was handed over; none where the message is not new. Where both have a row
            /// with the same key, that of `to` stays. Quotas do not count: no row is lost, and `to` makes no
            /// further one until it has fewer than it may have. `from` is no known user any more, and `to` is
            /// known since either came first.
            ///
            /// # Errors
            /// When the database is away or refuses.
            pub async fn hand_over(
                &self,
                from: &UserId,
                to: &UserId,
                message: revocation::Model,
            ) -> Result<Option<Handover>, Error> {
                let together = self.conn().begin(&RlsContext::Server).await?;
                if !revocation::keep(&together, message).await? {
                    return Ok(None);
                }
                handover::defer_ties(&together).await?;
                let tasks = handover::tasks_of(&together, from).await?;
                let tables = vec![
                    $(handover::hand_over::<$owned::Entity>(&together, from, to).await?,)*
                ];
                seen_session::forget_user(&together, from).await?;
                known_user::merge(&together, from, to).await?;
                together.commit().await?;
                Ok(Some(Handover { tables, tasks }))
            }
        }

        impl Transaction {
            /// Deletes every row of the user with this id, and says how many each table had: 0 for an unknown
            /// user. It lasts from the [`commit`](Transaction::commit) on.
            ///
            /// # Errors
            /// When the database is away or refuses.
            pub async fn erase(&self, user: &str, _proof: Privilege) -> Result<Vec<DeletedRows>, Error> {
                Ok(vec![
                    $(erase_from::<$owned::Entity>(self, $owned::Entity::OWNER, user).await?,)*
                    $(erase_from::<$about::Entity>(self, $about::Column::UserId, user).await?,)*
                ])
            }
        }
    };
}

// Children before parents: what goes with its parent is not counted.
rows_of_somebody! {
    owned [task_tag, task, progress, learner, idempotency_key]
    about [seen_session, known_user]
}

async fn erase_from<E: EntityTrait>(
    together: &Transaction,
    whose: E::Column,
    user: &str,
) -> Result<DeletedRows, Error> {
    let theirs = E::delete_many().filter(column(whose).eq(user));
    let deleted =
        together.conn().run(&RlsContext::Server, async |conn| theirs.exec(conn).await).await?;
    Ok(DeletedRows { table: E::default().table_name(), rows: deleted.rows_affected })
}
