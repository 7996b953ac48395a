//! The second wall: row-level security of PostgreSQL, where it is asked for.
//!
//! The conditions of a [`Scope`](crate::Scope) are the first. Behind this one, a statement that lost its
//! condition still finds nothing of anybody else's. Each connection announces itself when it is made, and
//! from then on sees what everyone may see. To see more, a statement shows a [`Pass`], in a transaction
//! of its own and for no longer: connections are shared, and must remember nobody. What each pass opens
//! stands in the policies: `migration/src/wall.rs`.

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseExecutor, DatabaseTransaction, DbBackend,
    DbErr, Statement, TransactionTrait as _,
};

use crate::{Error, UserId};

/// The setting by which a connection announces itself, and its value. It is part of the connection's
/// start, so that no `RESET` takes it back.
pub(crate) const ANNOUNCEMENT: (&str, &str) = ("hallpass.row_security", "on");

/// What a statement shows at the wall.
#[derive(Clone, Debug)]
pub(crate) enum Pass {
    /// Nothing: what everyone may see is enough.
    Nothing,
    /// Who asks: for rows of their own.
    Caller(UserId),
    /// That everyone's rows are read, by privilege.
    Everyones,
    /// That it is the server's own work.
    Server,
}

impl Pass {
    /// The setting that shows it, and its value. Ids have a setting to themselves: whatever a caller's
    /// id is, it is no other pass.
    fn setting(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Nothing => None,
            Self::Caller(id) => Some(("hallpass.caller", id.as_str())),
            Self::Everyones => Some(("hallpass.door", "everyones")),
            Self::Server => Some(("hallpass.door", "server")),
        }
    }
}

/// The connection, which never leaves this crate.
#[derive(Clone)]
pub(crate) struct Conn {
    link: Link,
    /// Whether there is a wall to show a pass at.
    walled: bool,
}

#[derive(Clone)]
enum Link {
    Pool(DatabaseConnection),
    Transaction(Arc<DatabaseTransaction>),
}

impl Conn {
    pub(crate) fn new(pool: DatabaseConnection, walled: bool) -> Self {
        Self { link: Link::Pool(pool), walled }
    }

    /// Begins a transaction, or a savepoint within one. A pooled connection begins in a task of its own,
    /// which goes on when whoever asked is gone: the driver rolls back only what it knows to have begun,
    /// and would hand the connection on with a transaction open, for others to write into.
    async fn begun(&self) -> Result<DatabaseTransaction, DbErr> {
        match &self.link {
            Link::Transaction(transaction) => transaction.begin().await,
            Link::Pool(pool) => {
                let pool = pool.clone();
                let begun = tokio::spawn(async move { pool.begin().await });
                begun.await.map_err(|_| DbErr::Custom("the server stops".into()))?
            }
        }
    }

    fn executor(&self) -> DatabaseExecutor<'_> {
        match &self.link {
            Link::Pool(pool) => DatabaseExecutor::Connection(pool),
            Link::Transaction(transaction) => DatabaseExecutor::Transaction(transaction),
        }
    }

    /// Does `work`, which shows `pass`. Without a wall, that is the bare statement.
    pub(crate) async fn run<T>(
        &self,
        pass: &Pass,
        work: impl AsyncFnOnce(&DatabaseExecutor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        if self.is_open_to(pass) {
            return Ok(work(&self.executor()).await?);
        }
        let transaction = self.transaction(pass).await?;
        let done = work(&DatabaseExecutor::Transaction(&transaction)).await?;
        match pass {
            // It has only read; and within a transaction of the caller's, this alone takes it back.
            Pass::Everyones => transaction.rollback().await?,
            Pass::Nothing | Pass::Caller(_) | Pass::Server => {
                self.put_away(pass, &transaction).await?;
                transaction.commit().await?;
            }
        }
        Ok(done)
    }

    /// What is shown in a part of a transaction would be shown in the rest of it too.
    async fn put_away(&self, pass: &Pass, part: &DatabaseTransaction) -> Result<(), DbErr> {
        match (&self.link, pass.setting()) {
            (Link::Transaction(_), Some((name, _))) => show(part, name, "").await,
            (Link::Transaction(_), None) | (Link::Pool(_), _) => Ok(()),
        }
    }

    /// Whether a statement may do what `pass` allows without showing it.
    fn is_open_to(&self, pass: &Pass) -> bool {
        !self.walled
            || match (pass, &self.link) {
                (Pass::Nothing, _) => true,
                // Shown when the transaction began.
                (Pass::Caller(_), Link::Transaction(_)) => true,
                (Pass::Caller(_), Link::Pool(_)) | (Pass::Everyones | Pass::Server, _) => false,
            }
    }

    /// A transaction throughout which `pass` is shown.
    async fn transaction(&self, pass: &Pass) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.begun().await?;
        if let Some((name, value)) = pass.setting().filter(|_| self.walled) {
            show(&transaction, name, value).await?;
        }
        Ok(transaction)
    }

    /// The same, for statements that happen together or not at all.
    pub(crate) async fn begin(&self, pass: &Pass) -> Result<Self, Error> {
        let transaction = Arc::new(self.transaction(pass).await?);
        Ok(Self { link: Link::Transaction(transaction), walled: self.walled })
    }

    /// Makes what was done lasting.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        let Link::Transaction(transaction) = self.link else {
            return Ok(());
        };
        let transaction = Arc::into_inner(transaction).ok_or_else(|| {
            DbErr::Custom("rows of a transaction are still held at its commit".into())
        })?;
        Ok(transaction.commit().await?)
    }
}

/// `true`: until the end of the transaction, however it ends.
async fn show(transaction: &DatabaseTransaction, name: &str, value: &str) -> Result<(), DbErr> {
    let sql = "SELECT set_config($1, $2, true)";
    let values = [name.into(), value.into()];
    let show = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    transaction.execute_raw(show).await?;
    Ok(())
}
