//! Work that one server does while the others that share the database wait: changing the tables, and
//! filling them for the first time.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseExecutor, DatabaseTransaction, DbBackend,
    DbErr, TransactionTrait as _,
};

use crate::bulkhead::Client;
use crate::executor::{Executor, Transaction};
use crate::health::immediate;
use crate::owner_filter::OwnerFilter;
use crate::quota::Quota;
use crate::row_security::{Conn, RlsContext};
use crate::{Database, Error, Scope, System, UserId};

/// The advisory lock of exclusive work, on PostgreSQL.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7203641)";

/// Statements that the driver prepared have names that a pooler hands on with the session; those of others too.
const FORGET_STATEMENTS: &str = "DO $$ DECLARE prepared text; BEGIN \
    FOR prepared IN SELECT name FROM pg_prepared_statements WHERE name LIKE 'sqlx\\_s\\_%' \
    LOOP EXECUTE format('DEALLOCATE %I', prepared); END LOOP; END $$";

/// A transaction that no other server has at the same time. Dropped without [`commit`](Self::commit), it
/// leaves nothing behind.
pub struct Exclusive {
    pool: DatabaseConnection,
    forgets_statements: bool,
    conn: Conn,
    owning: OwnerFilter,
    quota: Quota,
}

impl Database {
    /// Begins work that others wait for, and waits at most `patience` for such work that is under way. On
    /// SQLite it is the one writer, and waits as long as a writer waits there.
    ///
    /// # Errors
    /// When the database is away, or the work under way does not end: then the reason is
    /// [`Locked`](crate::Reason::Locked).
    pub async fn exclusively(&self, patience: Duration) -> Result<Exclusive, Error> {
        let pool = self.pool.sea.clone();
        let forgets_statements = self.pool.usage.only_transactions;
        // In a task of its own, which goes on when the caller is gone: the driver rolls back only what it
        // knows to have begun.
        let begun = tokio::spawn(async move {
            let transaction = pool.begin_with_options(immediate()).await?;
            if transaction.get_database_backend() == DbBackend::Postgres {
                let wait = format!("SET LOCAL lock_timeout = {}", patience.as_millis());
                transaction.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
                transaction.execute_unprepared(&wait).await?;
                transaction.execute_unprepared(LOCK).await?;
                transaction.execute_unprepared("SET LOCAL lock_timeout = 0").await?;
            }
            if forgets_statements {
                transaction.execute_unprepared(FORGET_STATEMENTS).await?;
            }
            Ok(transaction)
        });
        let transaction: Result<DatabaseTransaction, DbErr> =
            begun.await.map_err(|_| DbErr::Custom("the server stops".into()))?;
        let conn = self.conn(Client::Server).within(Transaction::Sea(transaction?));
        let pool = self.pool.sea.clone();
        let (owning, quota) = (self.owning, self.quota.clone());
        Ok(Exclusive { pool, forgets_statements, conn, owning, quota })
    }
}

impl Exclusive {
    /// The transaction, for changing tables.
    #[must_use]
    pub fn connection(&self) -> DatabaseExecutor<'_> {
        let transaction = self.conn.sea().expect("it was made with a transaction of SeaORM's");
        DatabaseExecutor::Transaction(transaction)
    }

    /// The server's own work within the transaction; but for [`System::connection`], which is another.
    #[must_use]
    pub fn system(&self) -> System<'_> {
        System::new(&self.pool, self.conn.clone())
    }

    /// The doors of one caller, within the transaction. Behind row-level security they open once the
    /// scope has begun a part of it.
    #[must_use]
    pub fn scope(&self, owner: Option<UserId>) -> Scope {
        Scope::new(self.conn.clone(), owner, self.owning, self.quota.clone())
    }

    /// Makes what was done lasting.
    ///
    /// # Errors
    /// When the database is away, or when rows of it are still held somewhere.
    pub async fn commit(self) -> Result<(), Error> {
        if self.forgets_statements {
            let forget =
                async |conn: &Executor<'_>| conn.execute_unprepared(FORGET_STATEMENTS).await;
            self.conn.run(&RlsContext::Nothing, forget).await?;
        }
        self.conn.commit().await
    }
}
