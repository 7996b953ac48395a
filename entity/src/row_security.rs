//! Row-level security of PostgreSQL: sets the owner of each transaction.
//!
//! The conditions of a [`Scope`](crate::Scope) are the first. Behind this one, a statement that lost its
//! condition still finds no row of another user's. Each connection announces itself when it is made, and
//! from then on sees what everyone may see. To see more, a statement shows a [`Pass`], in a transaction
//! of its own and for no longer: connections are shared, and must remember no caller. What each pass opens
//! stands in the policies: `migration/src/wall.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, Insert,
    IntoActiveModel, Statement,
};

use crate::bulkhead::Client;
use crate::executor::{Access, Executor, Transaction};
use crate::health::StorageHealth;
use crate::reason::reason;
use crate::{Error, Reason, UserId};

/// The setting by which a connection announces itself, and its value. It is part of the connection's
/// start, so that no `RESET` takes it back.
pub(crate) const STARTUP_OPTION: (&str, &str) = ("hallpass.row_security", "on");

/// What a statement shows at the wall.
#[derive(Clone, Debug)]
pub(crate) enum RlsContext {
    /// Nothing: what everyone may see is enough.
    Nothing,
    /// Who asks: for rows of their own.
    Caller(UserId),
    /// That everyone's rows are read, by privilege.
    Everyones,
    /// That it is the server's own work.
    Server,
}

impl RlsContext {
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
    Pool(Access),
    Transaction(Arc<Open>),
}

/// A transaction, or a savepoint within one.
struct Open {
    transaction: Transaction,
    is_savepoint: bool,
    /// Whether a statement failed. PostgreSQL answers COMMIT with a rollback then, and SQLite may have
    /// rolled back already: neither says so. Shared with the savepoints within.
    has_failed: Arc<AtomicBool>,
}

impl Open {
    /// Notes that a statement failed. What a savepoint can take back leaves the rest as it is.
    fn note(&self, error: &Error) {
        let is_undone = match error {
            Error::UniqueViolation(_) | Error::ForeignKeyViolation(_) => self.is_savepoint,
            // No statement was run.
            Error::Full { .. } => true,
            Error::Unauthenticated
            | Error::Unavailable(_)
            | Error::Timeout(_)
            | Error::Internal(_) => false,
        };
        if !is_undone {
            self.has_failed.store(true, Ordering::Release);
        }
    }
}

impl Conn {
    pub(crate) fn new(access: Access, walled: bool, health: StorageHealth) -> Self {
        Self { link: Link::Pool(access), walled, health }
    }

    pub(crate) fn backend(&self) -> DbBackend {
        match &self.link {
            Link::Pool(access) => access.backend(),
            Link::Transaction(open) => open.transaction.executor().get_database_backend(),
        }
    }

    /// The same, which counts in the share of `client`.
    pub(crate) fn counted_for(self, client: Client) -> Self {
        match self.link {
            Link::Pool(access) => Self { link: Link::Pool(access.of(client)), ..self },
            Link::Transaction(_) => self,
        }
    }

    /// The transaction of SeaORM's that this is within, if it is.
    pub(crate) fn sea(&self) -> Option<&DatabaseTransaction> {
        match &self.link {
            Link::Transaction(open) => open.transaction.sea(),
            Link::Pool(_) => None,
        }
    }

    /// Begins a transaction, or a savepoint within one.
    /// Where the connection turns out to be dead, nothing was sent yet, and another one begins.
    async fn begun(&self) -> Result<Transaction, DbErr> {
        let access = match &self.link {
            Link::Transaction(open) => return open.transaction.savepoint().await,
            Link::Pool(access) => access,
        };
        let begun = match access.begin().await {
            Err(error) if reason(&error) == Some(Reason::ConnectionLost) => {
                self.health.note(&error.into());
                access.begin().await
            }
            begun => begun,
        };
        begun.map(Transaction::Held)
    }

    /// Does `work`, which shows `pass`. Without a wall, that is the bare statement.
    pub(crate) async fn run<T>(
        &self,
        pass: &RlsContext,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr>,
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

    /// Does `work`, which only reads, and once more where the connection was lost. Within a transaction it
    /// is lost with it.
    pub(crate) async fn read<T>(
        &self,
        pass: &RlsContext,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr> + Clone,
    ) -> Result<T, Error> {
        match (&self.link, self.run(pass, work.clone()).await) {
            (Link::Pool(_), Err(error)) if error.reason() == Some(Reason::ConnectionLost) => {
                self.run(pass, work).await
            }
            (_, done) => done,
        }
    }

    /// Writes one row, and returns it as it is then. SQLite commits a statement when it is run to its end,
    /// after the row: a caller that reads the first row only never learns that the commit failed.
    pub(crate) async fn insert<A>(
        &self,
        pass: &RlsContext,
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
        pass: &RlsContext,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        let open = match &self.link {
            Link::Pool(access) => {
                let pass = Some(pass).filter(|_| !self.allows(pass));
                return work(&Executor::each(access, pass)).await;
            }
            Link::Transaction(open) if self.allows(pass) => {
                return work(&open.transaction.executor()).await;
            }
            Link::Transaction(open) => open,
        };
        let part = open.transaction.savepoint().await?;
        match self.attempt_in_part(pass, &part, work).await {
            // It has only read; and within a transaction of the caller's, this alone takes it back.
            Ok(done) if matches!(pass, RlsContext::Everyones) => {
                part.rollback().await.map(|()| done)
            }
            Ok(done) => part.commit().await.map(|()| done),
            Err(error) => {
                // The first error counts, and a transaction that is not well is not committed.
                let _ = part.rollback().await;
                Err(error)
            }
        }
    }

    /// Does `work` in a part of a transaction, throughout which `pass` is shown.
    async fn attempt_in_part<T>(
        &self,
        pass: &RlsContext,
        part: &Transaction,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        set_config(&part.executor(), pass).await?;
        let done = work(&part.executor()).await?;
        // What is shown in a part of a transaction would be shown in the rest of it too.
        if let Some((name, _)) = pass.setting().filter(|_| !matches!(pass, RlsContext::Everyones)) {
            set(&part.executor(), name, "").await?;
        }
        Ok(done)
    }

    /// Whether a statement may do what `pass` allows without showing it.
    fn allows(&self, pass: &RlsContext) -> bool {
        !self.walled
            || match (pass, &self.link) {
                (RlsContext::Nothing, _) => true,
                // Shown when the transaction began.
                (RlsContext::Caller(_), Link::Transaction(_)) => true,
                (RlsContext::Caller(_), Link::Pool(_))
                | (RlsContext::Everyones | RlsContext::Server, _) => false,
            }
    }

    /// A transaction throughout which `pass` is shown.
    async fn transaction(&self, pass: &RlsContext) -> Result<Transaction, DbErr> {
        let transaction = self.begun().await?;
        if self.walled {
            set_config(&transaction.executor(), pass).await?;
        }
        Ok(transaction)
    }

    /// The same, for statements that happen together or not at all.
    pub(crate) async fn begin(&self, pass: &RlsContext) -> Result<Self, Error> {
        Ok(self.within(self.transaction(pass).await?))
    }

    /// The same connection, within a transaction that began on it.
    pub(crate) fn within(&self, transaction: Transaction) -> Self {
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

/// Shows `pass` until the end of the transaction.
pub(crate) async fn set_config(
    transaction: &impl ConnectionTrait,
    pass: &RlsContext,
) -> Result<(), DbErr> {
    match pass.setting() {
        Some((name, value)) => set(transaction, name, value).await,
        None => Ok(()),
    }
}

/// `true`: until the end of the transaction, however it ends.
async fn set(transaction: &impl ConnectionTrait, name: &str, value: &str) -> Result<(), DbErr> {
    let sql = "SELECT set_config($1, $2, true)";
    let values = [name.into(), value.into()];
    let set = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    transaction.execute_raw(set).await?;
    Ok(())
}
