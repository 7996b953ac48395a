//! Inserts of one row, which is returned.

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ConnectionTrait as _, DbErr, Insert, QueryResult, QueryTrait as _, Statement};

use super::{columns, decoded};
use crate::executor::Executor;
use crate::policy::Scoped;
use crate::rls_context::RlsContext;
use crate::row_security::Conn;
use crate::{Error, FromRow as _};

impl Conn {
    /// Inserts one row, and returns it. SQLite commits a statement when it is run to its end, after the
    /// row: a caller that reads the first row only would miss a failed commit.
    pub(crate) async fn insert<E: Scoped>(
        &self,
        context: &RlsContext,
        insert: Insert<E::ActiveModel>,
    ) -> Result<E::Model, Error> {
        let statement = self.returning::<E>(insert);
        let insert = async |conn: &Executor<'_>| conn.query_all_raw(statement).await;
        inserted::<E>(&self.run(context, insert).await?)
    }

    /// As [`insert`](Self::insert), into a shared table.
    pub(crate) async fn insert_shared<E: Scoped>(
        &self,
        insert: Insert<E::ActiveModel>,
    ) -> Result<E::Model, Error> {
        let statement = self.returning::<E>(insert);
        let insert = async |conn: &Executor<'_>| conn.query_all_raw(statement).await;
        inserted::<E>(&self.run_on_shared(&RlsContext::Public, insert).await?)
    }

    /// The statement, which returns the columns of the model.
    fn returning<E: Scoped>(&self, insert: Insert<E::ActiveModel>) -> Statement {
        let columns = columns::all::<E>(self.backend()).to_string();
        let mut insert = insert.into_query();
        insert.returning(Query::returning().expr(Expr::cust(columns)));
        self.backend().build(&insert)
    }
}

/// The one row that was inserted.
fn inserted<E: Scoped>(rows: &[QueryResult]) -> Result<E::Model, Error> {
    let rows = decoded(rows, E::Model::from_row)?;
    rows.into_iter().next().ok_or_else(|| Error::Internal(DbErr::RecordNotInserted))
}
