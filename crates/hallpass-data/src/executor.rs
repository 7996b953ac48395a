//! Statement executor: a connection per statement, or the connection of a transaction.

use std::sync::Arc;

use sea_orm::prelude::async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement,
    TransactionTrait as _,
};
use tokio::sync::Semaphore;

use crate::bulkhead::{Client, Work};
use crate::connection::{Connection, Pool};
use crate::metrics::DatabaseTime;
use crate::rls_context::{RlsContext, set_config};

/// How many connections one request may hold at once.
const MAX_CONNECTIONS_PER_REQUEST: usize = 2;

/// One request's access to the pool.
#[derive(Clone)]
pub(crate) struct PoolAccess {
    pool: Pool,
    client: Client,
    slots: Arc<Semaphore>,
    time: DatabaseTime,
}

impl PoolAccess {
    /// For a request whose connections belong to the share of `client`.
    pub(crate) fn new(pool: Pool, client: Client) -> Self {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS_PER_REQUEST));
        Self { pool, client, slots, time: DatabaseTime::default() }
    }

    /// The same access, counted for `client`, whose time is added to `time`.
    pub(crate) fn of(self, client: Client, time: DatabaseTime) -> Self {
        Self { client, time, ..self }
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.pool.sea.get_database_backend()
    }

    async fn acquire(&self, work: Work) -> Result<Connection, DbErr> {
        self.pool.acquire(&self.client, &self.slots, work, &self.time).await
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&self) -> Result<Connection, DbErr> {
        self.acquire(Work::transaction()).await?.begin().await
    }

    /// A connection for one statement, with `context` set.
    async fn open(&self, context: Option<&RlsContext>, sql: &str) -> Result<Connection, DbErr> {
        let connection = self.acquire(Work::of(sql)).await?;
        if context.is_none() && !self.pool.usage.only_transactions {
            return Ok(connection);
        }
        Box::pin(begin_with(connection, context)).await
    }
}

/// A transaction on `connection`, with `context` set.
async fn begin_with(
    connection: Connection,
    context: Option<&RlsContext>,
) -> Result<Connection, DbErr> {
    let transaction = connection.begin().await?;
    if let Some(context) = context {
        set_config(&transaction, context).await?;
    }
    Ok(transaction)
}

/// A transaction, or a savepoint within one.
pub(crate) enum Transaction {
    /// On a connection of this pool.
    Held(Connection),
    /// One of SeaORM, for migrations.
    Sea(DatabaseTransaction),
}

impl Transaction {
    pub(crate) async fn savepoint(&self) -> Result<Self, DbErr> {
        match self {
            Self::Held(connection) => connection.begin().await.map(Self::Held),
            Self::Sea(transaction) => transaction.begin().await.map(Self::Sea),
        }
    }

    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        match self {
            Self::Held(connection) => connection.commit().await,
            Self::Sea(transaction) => transaction.commit().await,
        }
    }

    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        match self {
            Self::Held(connection) => connection.rollback().await,
            Self::Sea(transaction) => transaction.rollback().await,
        }
    }

    pub(crate) fn sea(&self) -> Option<&DatabaseTransaction> {
        match self {
            Self::Sea(transaction) => Some(transaction),
            Self::Held(_) => None,
        }
    }

    pub(crate) fn executor(&self) -> Executor<'_> {
        Executor(match self {
            Self::Held(connection) => Target::Held(connection),
            Self::Sea(transaction) => Target::Sea(transaction),
        })
    }
}

/// Executes statements.
pub struct Executor<'a>(Target<'a>);

enum Target<'a> {
    /// Each statement gets its own connection, with this context set.
    Pool(&'a PoolAccess, Option<&'a RlsContext>),
    Held(&'a Connection),
    Sea(&'a DatabaseTransaction),
}

impl<'a> Executor<'a> {
    /// Each statement gets its own connection, with `context` set.
    pub(crate) fn each(access: &'a PoolAccess, context: Option<&'a RlsContext>) -> Self {
        Self(Target::Pool(access, context))
    }
}

#[async_trait]
impl ConnectionTrait for Executor<'_> {
    fn get_database_backend(&self) -> DbBackend {
        match &self.0 {
            Target::Pool(access, _) => access.backend(),
            Target::Held(connection) => connection.get_database_backend(),
            Target::Sea(transaction) => transaction.get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match &self.0 {
            Target::Pool(access, context) => {
                let connection = access.open(*context, &statement.sql).await?;
                let done = connection.execute_raw(statement).await;
                connection.close(done).await
            }
            Target::Held(connection) => connection.execute_raw(statement).await,
            Target::Sea(transaction) => transaction.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match &self.0 {
            Target::Pool(access, context) => {
                let connection = access.open(*context, sql).await?;
                let done = connection.execute_unprepared(sql).await;
                connection.close(done).await
            }
            Target::Held(connection) => connection.execute_unprepared(sql).await,
            Target::Sea(transaction) => transaction.execute_unprepared(sql).await,
        }
    }

    /// Runs the statement to its end: on SQLite, it commits after its last row.
    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.0 {
            Target::Pool(access, context) => {
                let connection = access.open(*context, &statement.sql).await?;
                let done = connection.query_all_raw(statement).await;
                connection.close(done).await
            }
            Target::Held(connection) => connection.query_all_raw(statement).await,
            Target::Sea(transaction) => transaction.query_all_raw(statement).await,
        }
    }
}
