//! Row-level security of PostgreSQL: sets the caller of each transaction.
//!
//! It is the second line of defence behind the conditions of a [`Scope`](crate::Scope): a statement that
//! lost its condition still finds no row of another user. Each connection enables the policies with a
//! start-up option, and then sees public rows only. To see more, a statement sets an [`RlsContext`], for
//! one transaction only: connections are pooled, and must not keep a caller. The policies are in
//! `crates/hallpass-migration/src/row_security.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};

use crate::bulkhead::Client;
use crate::executor::{Executor, PoolAccess, Transaction};
use crate::health::StorageHealth;
use crate::metrics::DatabaseTime;
use crate::reason::reason;
use crate::rls_context::{RlsContext, set, set_config};
use crate::shared_cache::SharedCache;
use crate::{Error, Reason};

/// A connection or transaction with its row-level security state. It never leaves this crate.
#[derive(Clone)]
pub(crate) struct Conn {
    source: Source,
    /// Whether row-level security is enabled.
    row_security: bool,
    health: StorageHealth,
    shared: SharedCache,
}

#[derive(Clone)]
enum Source {
    Pool(PoolAccess),
    Transaction(Arc<OpenTransaction>),
}

/// A transaction, or a savepoint within one.
struct OpenTransaction {
    transaction: Transaction,
    is_savepoint: bool,
    /// Whether a statement failed. PostgreSQL then turns COMMIT into a rollback, and SQLite may have
    /// rolled back already: neither reports it. Shared with the savepoints within.
    has_failed: Arc<AtomicBool>,
    shared_writes: Arc<SharedWrites>,
}

/// Writes to shared tables within a transaction. At its end, cached rows are discarded.
struct SharedWrites {
    any: AtomicBool,
    cache: SharedCache,
}

impl SharedWrites {
    fn of(cache: &SharedCache) -> Self {
        Self { any: AtomicBool::new(false), cache: cache.clone() }
    }
}

impl Drop for SharedWrites {
    fn drop(&mut self) {
        if *self.any.get_mut() {
            self.cache.written();
        }
    }
}

impl OpenTransaction {
    /// Records that a statement failed, unless rolling back the savepoint undoes it.
    fn note(&self, error: &Error) {
        let is_undone = match error {
            Error::UniqueViolation(_) | Error::ForeignKeyViolation(_) => self.is_savepoint,
            // No statement was run.
            Error::Full { .. } => true,
            Error::Unauthenticated
            | Error::NoTenant
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
    pub(crate) fn new(
        access: PoolAccess,
        row_security: bool,
        health: StorageHealth,
        shared: SharedCache,
    ) -> Self {
        Self { source: Source::Pool(access), row_security, health, shared }
    }

    /// The cache of published rows. None within a transaction, which sees its own writes.
    pub(crate) fn shared_cache(&self) -> Option<&SharedCache> {
        matches!(self.source, Source::Pool(_)).then_some(&self.shared)
    }

    /// Runs `work`, which writes to a shared table.
    pub(crate) async fn run_on_shared<T>(
        &self,
        context: &RlsContext,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        let writes = match &self.source {
            Source::Transaction(open) => Arc::clone(&open.shared_writes),
            Source::Pool(_) => Arc::new(SharedWrites::of(&self.shared)),
        };
        writes.any.store(true, Ordering::Release);
        let done = self.run(context, work).await;
        drop(writes);
        done
    }

    pub(crate) fn backend(&self) -> DbBackend {
        match &self.source {
            Source::Pool(access) => access.backend(),
            Source::Transaction(open) => open.transaction.executor().get_database_backend(),
        }
    }

    /// The same, in the share of `client`.
    pub(crate) fn counted_for(self, client: Client, time: DatabaseTime) -> Self {
        match self.source {
            Source::Pool(access) => Self { source: Source::Pool(access.of(client, time)), ..self },
            Source::Transaction(_) => self,
        }
    }

    /// The transaction of SeaORM that this is within, if any.
    pub(crate) fn sea(&self) -> Option<&DatabaseTransaction> {
        match &self.source {
            Source::Transaction(open) => open.transaction.sea(),
            Source::Pool(_) => None,
        }
    }

    /// Begins a transaction, or a savepoint within one. If the connection turns out to be dead, nothing was
    /// sent yet, and another one is used.
    async fn begin_transaction(&self) -> Result<Transaction, DbErr> {
        let access = match &self.source {
            Source::Transaction(open) => return open.transaction.savepoint().await,
            Source::Pool(access) => access,
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

    /// Runs `work` with `context` set. Without row-level security, runs the statement alone.
    pub(crate) async fn run<T>(
        &self,
        context: &RlsContext,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        let done = self.attempt(context, work).await.map_err(Error::from);
        if let Err(error) = &done {
            self.health.note(error);
            if let Source::Transaction(open) = &self.source {
                open.note(error);
            }
        }
        done
    }

    /// Runs `work`, which only reads, and retries once if the connection was lost, unless within a
    /// transaction, which is lost with it.
    pub(crate) async fn read<T>(
        &self,
        context: &RlsContext,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr> + Clone,
    ) -> Result<T, Error> {
        match (&self.source, self.run(context, work.clone()).await) {
            (Source::Pool(_), Err(error)) if error.reason() == Some(Reason::ConnectionLost) => {
                self.run(context, work).await
            }
            (_, done) => done,
        }
    }

    async fn attempt<T>(
        &self,
        context: &RlsContext,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        let open = match &self.source {
            Source::Pool(access) => {
                let context = Some(context).filter(|_| !self.allows(context));
                return work(&Executor::each(access, context)).await;
            }
            Source::Transaction(open) if self.allows(context) => {
                return work(&open.transaction.executor()).await;
            }
            Source::Transaction(open) => open,
        };
        let savepoint = open.transaction.savepoint().await?;
        match self.attempt_in_savepoint(context, &savepoint, work).await {
            // It only read; and within a transaction, only a rollback resets the setting.
            Ok(done) if matches!(context, RlsContext::AllRows) => {
                savepoint.rollback().await.map(|()| done)
            }
            Ok(done) => savepoint.commit().await.map(|()| done),
            Err(error) => {
                // The first error is returned, and a failed transaction is not committed.
                let _ = Box::pin(savepoint.rollback()).await;
                Err(error)
            }
        }
    }

    /// Runs `work` in a savepoint, throughout which `context` is set.
    async fn attempt_in_savepoint<T>(
        &self,
        context: &RlsContext,
        savepoint: &Transaction,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        set_config(&savepoint.executor(), context).await?;
        let done = work(&savepoint.executor()).await?;
        // The setting would outlast the savepoint, until the end of the transaction.
        if let Some((name, _)) =
            context.setting().filter(|_| !matches!(context, RlsContext::AllRows))
        {
            set(&savepoint.executor(), name, "").await?;
        }
        Ok(done)
    }

    /// Whether a statement can run without setting `context`.
    fn allows(&self, context: &RlsContext) -> bool {
        !self.row_security
            || match (context, &self.source) {
                (RlsContext::Public, _) => true,
                // Set when the transaction began.
                (RlsContext::Caller(_), Source::Transaction(_)) => true,
                (RlsContext::Caller(_), Source::Pool(_))
                | (RlsContext::Tenant(_) | RlsContext::AllRows | RlsContext::Server, _) => false,
            }
    }

    /// A transaction throughout which `context` is set.
    async fn transaction(&self, context: &RlsContext) -> Result<Transaction, DbErr> {
        let transaction = self.begin_transaction().await?;
        if self.row_security {
            set_config(&transaction.executor(), context).await?;
        }
        Ok(transaction)
    }

    /// The same, as a connection.
    pub(crate) async fn begin(&self, context: &RlsContext) -> Result<Self, Error> {
        Ok(self.within(self.transaction(context).await?))
    }

    /// The same connection, within a transaction that began on it.
    pub(crate) fn within(&self, transaction: Transaction) -> Self {
        let (is_savepoint, has_failed, shared_writes) = match &self.source {
            Source::Pool(_) => (false, Arc::default(), Arc::new(SharedWrites::of(&self.shared))),
            Source::Transaction(open) => {
                (true, Arc::clone(&open.has_failed), Arc::clone(&open.shared_writes))
            }
        };
        let open = OpenTransaction { transaction, is_savepoint, has_failed, shared_writes };
        Self { source: Source::Transaction(Arc::new(open)), ..self.clone() }
    }

    /// Commits the transaction.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        let Source::Transaction(open) = self.source else {
            return Ok(());
        };
        let open = Arc::into_inner(open).ok_or_else(|| {
            DbErr::Custom("rows of a transaction are still in use at its commit".into())
        })?;
        if open.has_failed.load(Ordering::Acquire) {
            let message = "a statement of the transaction failed, so that it cannot be committed";
            return Err(DbErr::Custom(message.into()).into());
        }
        let committed = open.transaction.commit().await.map_err(Error::from);
        committed.inspect_err(|error| self.health.note(error))
    }
}
