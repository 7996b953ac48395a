//! Exclusive work under a database-wide lock: migrations, and seeding the tables. Other servers that share
//! the database wait.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseExecutor, DatabaseTransaction, DbBackend,
    DbErr, TransactionTrait as _,
};

use crate::bulkhead::Client;
use crate::connection::Usage;
use crate::executor::{Executor, Transaction};
use crate::health::immediate;
use crate::owner_filter::OwnerFilter;
use crate::quota::Quota;
use crate::rls_context::RlsContext;
use crate::row_security::Conn;
use crate::{Database, Error, OwnedTables, Scope, System, UserId};

/// The advisory lock of exclusive work, on PostgreSQL.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7203641)";

/// Deallocates the driver's named prepared statements: a pooler passes them on with the session.
const DEALLOCATE_STATEMENTS: &str = "DO $$ DECLARE prepared text; BEGIN \
    FOR prepared IN SELECT name FROM pg_prepared_statements WHERE name LIKE 'sqlx\\_s\\_%' \
    LOOP EXECUTE format('DEALLOCATE %I', prepared); END LOOP; END $$";

/// A transaction that only one server holds at a time. Dropped without [`commit`](Self::commit), it is
/// rolled back.
pub struct Exclusive {
    pool: DatabaseConnection,
    usage: Arc<Usage>,
    conn: Conn,
    owner_filter: OwnerFilter,
    quota: Quota,
    owned_tables: OwnedTables,
}

impl Database {
    /// Begins exclusive work, after waiting at most `timeout` for other exclusive work. On SQLite it holds the
    /// write lock, and waits for it up to the busy timeout.
    ///
    /// # Errors
    /// When the database is unavailable, or the other work does not end: then the reason is
    /// [`Locked`](crate::Reason::Locked).
    pub async fn exclusively(&self, timeout: Duration) -> Result<Exclusive, Error> {
        let pool = self.pool.sea.clone();
        let deallocates_statements = self.pool.usage.only_transactions;
        // A task of its own, which continues if the caller is cancelled: the driver rolls back only
        // transactions that it knows to have begun.
        let begun = tokio::spawn(async move {
            let transaction = pool.begin_with_options(immediate()).await?;
            if transaction.get_database_backend() == DbBackend::Postgres {
                let wait = format!("SET LOCAL lock_timeout = {}", timeout.as_millis());
                transaction.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
                transaction.execute_unprepared(&wait).await?;
                transaction.execute_unprepared(LOCK).await?;
                transaction.execute_unprepared("SET LOCAL lock_timeout = 0").await?;
            }
            if deallocates_statements {
                transaction.execute_unprepared(DEALLOCATE_STATEMENTS).await?;
            }
            Ok(transaction)
        });
        let transaction: Result<DatabaseTransaction, DbErr> =
            begun.await.map_err(|_| DbErr::Custom("the server is shutting down".into()))?;
        let conn = self.conn(Client::Server).within(Transaction::Sea(transaction?));
        let (pool, usage) = (self.pool.sea.clone(), Arc::clone(&self.pool.usage));
        let (owner_filter, quota) = (self.owner_filter, self.quota.clone());
        let owned_tables = self.owned_tables.clone();
        Ok(Exclusive { pool, usage, conn, owner_filter, quota, owned_tables })
    }
}

impl Exclusive {
    /// The transaction, for changing tables.
    #[must_use]
    pub fn connection(&self) -> DatabaseExecutor<'_> {
        let transaction = self.conn.sea().expect("it was created with a transaction of SeaORM");
        DatabaseExecutor::Transaction(transaction)
    }

    /// Unscoped access within the transaction, except for [`System::connection`], which is a different
    /// connection.
    #[must_use]
    pub fn system(&self) -> System<'_> {
        System::new(&self.pool, self.conn.clone(), self.owned_tables.clone())
    }

    /// The scope of one caller, within the transaction. With row-level security it reads owned rows only in
    /// a savepoint of its own ([`Scope::begin`]).
    #[must_use]
    pub fn scope(&self, owner: Option<UserId>) -> Scope {
        let (quota, tables) = (self.quota.clone(), self.owned_tables.clone());
        Scope::new(self.conn.clone(), owner, self.owner_filter, quota, tables)
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// When the database is unavailable, or when rows of the transaction are still held. On SQLite, if its log cannot be
    /// synced, the transaction may be stored nevertheless.
    pub async fn commit(self) -> Result<(), Error> {
        if self.usage.only_transactions {
            let deallocate =
                async |conn: &Executor<'_>| conn.execute_unprepared(DEALLOCATE_STATEMENTS).await;
            self.conn.run(&RlsContext::Public, deallocate).await?;
        }
        self.conn.commit().await?;
        Ok(self.usage.sync.sync().await?)
    }
}
