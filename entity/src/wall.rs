//! The second wall: row-level security of PostgreSQL, where it is asked for.
//!
//! The conditions of a [`Scope`](crate::Scope) are the first. Behind this one, a statement that lost its
//! condition still finds nothing of anybody else's. Each connection announces itself when it is made, and
//! from then on sees what everyone may see. To see more, a statement shows a [`Pass`], in a transaction
//! of its own and for no longer: connections are shared, and must remember nobody. What each pass opens
//! stands in the policies: `migration/src/wall.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{
    ActiveModelTrait, ConnectionTrait as _, DatabaseConnection, DatabaseExecutor,
    DatabaseTransaction, DbBackend, DbErr, EntityTrait, Insert, IntoActiveModel, Statement,
    TransactionTrait as _,
};

use crate::health::{StorageHealth, immediate};
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
    health: StorageHealth,
}

#[derive(Clone)]
enum Link {
    Pool(DatabaseConnection),
    Transaction(Arc<Open>),
}

/// A transaction, or a savepoint within one.
struct Open {
    transaction: DatabaseTransaction,
    is_savepoint: bool,
    /// Whether a statement failed. PostgreSQL answers COMMIT with a rollback then, and SQLite may have
    /// rolled back already: neither says so. Shared with the savepoints within.
    has_failed: Arc<AtomicBool>,
}

impl Open {
    /// Notes that a statement failed. What a savepoint can take back leaves the rest as it is.
    fn note(&self, error: &Error) {
        let is_undone = match error {
            Error::Taken(_) | Error::Orphan(_) => self.is_savepoint,
            Error::Anonymous | Error::Unavailable(_) | Error::Timeout(_) | Error::Internal(_) => {
                false
            }
        };
        if !is_undone {
            self.has_failed.store(true, Ordering::Release);
        }
    }
}

impl Conn {
    pub(crate) fn new(pool: DatabaseConnection, walled: bool, health: StorageHealth) -> Self {
        Self { link: Link::Pool(pool), walled, health }
    }

    /// Begins a transaction, or a savepoint within one. A pooled connection begins in a task of its own,
    /// which goes on when whoever asked is gone: the driver rolls back only what it knows to have begun,
    /// and would hand the connection on with a transaction open, for others to write into. On SQLite it has
    /// the writer's place from its beginning: a first statement may read before it writes (triggers, the
    /// tables of an index), and SQLite makes no writer wait whose reading another has outdated meanwhile.
    async fn begun(&self) -> Result<DatabaseTransaction, DbErr> {
        match &self.link {
            Link::Transaction(open) => open.transaction.begin().await,
            Link::Pool(pool) => {
                let pool = pool.clone();
                let begun = tokio::spawn(async move { pool.begin_with_options(immediate()).await });
                begun.await.map_err(|_| DbErr::Custom("the server stops".into()))?
            }
        }
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.executor().get_database_backend()
    }

    pub(crate) fn executor(&self) -> DatabaseExecutor<'_> {
        match &self.link {
            Link::Pool(pool) => DatabaseExecutor::Connection(pool),
            Link::Transaction(open) => DatabaseExecutor::Transaction(&open.transaction),
        }
    }

    /// Does `work`, which shows `pass`. Without a wall, that is the bare statement.
    pub(crate) async fn run<T>(
        &self,
        pass: &Pass,
        work: impl AsyncFnOnce(&DatabaseExecutor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        let done = self.attempt(pass, work).await.map_err(Error::from);
        if let Err(error) = &done {
            self.health.note(error);
            if let Link::Transaction(open) = &self.link {
                open.note(error);
            }
        }
        done
    }

    /// Writes one row, and returns it as it is then. SQLite commits a statement when it is run to its end,
    /// after the row: whoever asks for the first row only never learns that the commit failed.
    pub(crate) async fn insert<A>(
        &self,
        pass: &Pass,
        insert: Insert<A>,
    ) -> Result<<A::Entity as EntityTrait>::Model, Error>
    where
        A: ActiveModelTrait,
        <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
    {
        let rows = self.run(pass, async |conn| insert.exec_with_returning_many(conn).await).await?;
        let one = rows.into_iter().next();
        one.ok_or_else(|| Error::Internal(DbErr::RecordNotInserted))
    }

    async fn attempt<T>(
        &self,
        pass: &Pass,
        work: impl AsyncFnOnce(&DatabaseExecutor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        if self.is_open_to(pass) {
            return work(&self.executor()).await;
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
        Ok(self.within(self.transaction(pass).await?))
    }

    /// The same connection, within a transaction that began on it.
    pub(crate) fn within(&self, transaction: DatabaseTransaction) -> Self {
        let (is_savepoint, has_failed) = match &self.link {
            Link::Pool(_) => (false, Arc::default()),
            Link::Transaction(open) => (true, Arc::clone(&open.has_failed)),
        };
        let open = Open { transaction, is_savepoint, has_failed };
        let (walled, health) = (self.walled, self.health.clone());
        Self { link: Link::Transaction(Arc::new(open)), walled, health }
    }

    /// Makes what was done lasting.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        let Link::Transaction(open) = self.link else {
            return Ok(());
        };
        let open = Arc::into_inner(open).ok_or_else(|| {
            DbErr::Custom("rows of a transaction are still held at its commit".into())
        })?;
        if open.has_failed.load(Ordering::Acquire) {
            let sentence = "a statement of the transaction failed, so that it cannot be committed";
            return Err(DbErr::Custom(sentence.into()).into());
        }
        let committed = open.transaction.commit().await.map_err(Error::from);
        committed.inspect_err(|error| self.health.note(error))
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
