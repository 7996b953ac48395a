//! The rows of all owners, and the tables of a database, for isolation tests: not part of a released server.

use std::collections::BTreeSet;
use std::pin::Pin;

use sea_orm::sea_query::{ColumnType, ExprTrait as _, Value};
use sea_orm::{
    ActiveModelBehavior as _, ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait as _,
    DbBackend, DbErr, EntityName as _, IdenStatic as _, Iterable as _, ModelTrait as _,
    PrimaryKeyToColumn as _, QueryFilter as _, QueryOrder as _, QueryTrait as _, RuntimeErr,
    Statement,
};
use sqlx::{AssertSqlSafe, Executor as _};
use uuid::Uuid;

use crate::bulkhead::Client;
use crate::filter::column;
use crate::folded::is_derived;
use crate::idle::with_either;
use crate::policy::{Listed, OwnedEntity, Scoped, TenantEntity};
use crate::rls_context::RlsContext;
use crate::row_security::Conn;
use crate::{Database, Error, Options, OwnedTables, SearchText, Timestamp};
use crate::{audit, erased_user, key_set, known_user, revocation, seen_session};

type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// The rows that one user has in one owned table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableRows {
    /// The table.
    pub table: &'static str,
    columns: Vec<Column>,
    rows: Vec<Vec<Value>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Column {
    name: &'static str,
    /// Whether the column alone is the primary key.
    is_key: bool,
    is_text: bool,
    is_owner: bool,
    is_derived: bool,
}

/// A value that identifies its row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distinctive {
    /// A text.
    Text(String),
    /// A timestamp.
    Timestamp(Timestamp),
    /// The primary key.
    Key(Uuid),
}

impl TableRows {
    /// The number of rows.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// The primary keys, if they are UUIDs.
    #[must_use]
    pub fn keys(&self) -> Vec<Uuid> {
        let keys = self.columns.iter().filter(|it| it.is_key).flat_map(|it| self.in_column(it));
        keys.filter_map(|it| if let Distinctive::Key(key) = it { Some(key) } else { None })
            .collect()
    }

    /// The names of the columns of texts, without the owner's.
    pub fn text_columns(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().filter(|it| it.is_text && !it.is_owner).map(|it| it.name)
    }

    /// The distinctive values of a column, or of all columns but the owner's.
    #[must_use]
    pub fn distinctive(&self, name: Option<&str>) -> BTreeSet<Distinctive> {
        let wanted = |it: &&Column| {
            !it.is_owner && !it.is_derived && name.is_none_or(|name| it.name == name)
        };
        self.columns.iter().filter(wanted).flat_map(|it| self.in_column(it)).collect()
    }

    fn in_column<'a>(&'a self, wanted: &Column) -> impl Iterator<Item = Distinctive> + use<'a> {
        let place = self.columns.iter().position(|it| it == wanted);
        let is_key = wanted.is_key;
        let values = self.rows.iter().filter_map(move |row| row.get(place?));
        values.filter_map(move |value| match value {
            Value::String(Some(text)) => Some(Distinctive::Text(text.to_string())),
            Value::ChronoDateTimeUtc(Some(moment)) => Some(Distinctive::Timestamp(*moment)),
            Value::Uuid(Some(key)) if is_key => Some(Distinctive::Key(*key)),
            _ => None,
        })
    }
}

/// What isolation tests do with one owned table.
#[derive(Clone, Copy)]
pub(crate) struct RowAccess {
    read: for<'a> fn(&'a Conn, &'a str) -> Pending<'a, TableRows>,
    clear: for<'a> fn(&'a Conn) -> Pending<'a, ()>,
    insert: for<'a> fn(&'a Conn, &'a TableRows) -> Pending<'a, ()>,
}

impl RowAccess {
    pub(crate) fn of<E: OwnedEntity>() -> Self {
        Self {
            read: |conn, owner| Box::pin(read::<E>(conn, E::OWNER, owner.to_owned())),
            clear: |conn| Box::pin(clear::<E>(conn)),
            insert: |conn, rows| insert::<E>(conn, rows),
        }
    }

    /// The rows of a user are those of [`tenant_of`] the user.
    pub(crate) fn of_tenant<E: TenantEntity>() -> Self {
        Self {
            read: |conn, owner| Box::pin(read::<E>(conn, E::TENANT, tenant_of(owner))),
            clear: |conn| Box::pin(clear::<E>(conn)),
            insert: |conn, rows| insert::<E>(conn, rows),
        }
    }
}

/// The tenant of a user in isolation tests: another one for each user, whose id is not that of the user.
#[must_use]
pub fn tenant_of(user: &str) -> String {
    format!("organization-of-{user}")
}

fn columns<E: Scoped>(owner: E::Column) -> Vec<Column> {
    let keys: Vec<_> = E::PrimaryKey::iter().map(|key| key.into_column().as_str()).collect();
    let describe = |column: E::Column| Column {
        name: column.as_str(),
        is_key: keys == [column.as_str()],
        is_text: matches!(column.def().get_column_type(), ColumnType::String(_) | ColumnType::Text),
        is_owner: column.as_str() == owner.as_str(),
        is_derived: is_derived(&column),
    };
    E::Column::iter().map(describe).collect()
}

async fn read<E: Listed>(conn: &Conn, by: E::Column, owner: String) -> Result<TableRows, Error> {
    let mut rows = E::find().filter(column(by).eq(owner));
    for key in E::PrimaryKey::iter() {
        rows = rows.order_by_asc(key.into_column());
    }
    let rows = conn.run(&RlsContext::Server, async |conn| rows.all(conn).await).await?;
    let values = |row: E::Model| E::Column::iter().map(|column| row.get(column)).collect();
    Ok(TableRows {
        table: E::default().table_name(),
        columns: columns::<E>(by),
        rows: rows.into_iter().map(values).collect(),
    })
}

async fn clear<E: Scoped>(conn: &Conn) -> Result<(), Error> {
    let all = E::delete_many();
    conn.run(&RlsContext::Server, async |conn| all.exec(conn).await).await?;
    Ok(())
}

fn insert<'a, E: Scoped>(conn: &'a Conn, rows: &TableRows) -> Pending<'a, ()> {
    if rows.rows.is_empty() {
        return Box::pin(std::future::ready(Ok(())));
    }
    let with_values = |values: &Vec<Value>| {
        let mut row = E::ActiveModel::new();
        // A search text is write-only: it is derived again.
        let pairs = E::Column::iter().zip(values).filter(|(it, _)| !SearchText::is_in(it));
        pairs.for_each(|(column, value)| row.set(column, value.clone()));
        E::derive(&mut row);
        row
    };
    let insert = E::insert_many(rows.rows.iter().map(with_values)).into_query();
    Box::pin(async move {
        conn.run(&RlsContext::Server, async |conn| conn.execute(&insert).await).await?;
        Ok(())
    })
}

/// The server's own tables without owners, which it reads and writes beside the requests.
#[must_use]
pub fn system_tables() -> [&'static str; 7] {
    [
        audit::Entity.table_name(),
        erased_user::Entity.table_name(),
        key_set::Entity.table_name(),
        known_user::Entity.table_name(),
        revocation::Entity.table_name(),
        seen_session::Entity.table_name(),
        "seaql_migrations",
    ]
}

impl Database {
    /// Writes known users.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn make_known(&self, users: Vec<known_user::Model>) -> Result<(), Error> {
        self.system("tests write known users").upsert_known_users(users, false).await
    }

    /// The registered owned tables.
    #[must_use]
    pub fn owned_tables(&self) -> &OwnedTables {
        &self.owned_tables
    }

    /// The rows of the user with the ID `owner`, in every owned table, parents first.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn rows_of(&self, owner: &str) -> Result<Vec<TableRows>, Error> {
        let (conn, mut all) = (self.conn(Client::Server), Vec::new());
        for (_, access) in self.owned_tables.row_access().rev() {
            all.push((access.read)(&conn, owner).await?);
        }
        Ok(all)
    }

    /// Replaces the rows of all owned tables by `rows`: as many for each table as there are users, parents first.
    ///
    /// # Errors
    /// When the database is unavailable, or rejects a row.
    pub async fn replace_rows(&self, rows: &[TableRows]) -> Result<(), Error> {
        let conn = self.conn(Client::Server);
        for (_, access) in self.owned_tables.row_access() {
            (access.clear)(&conn).await?;
        }
        for (name, access) in self.owned_tables.row_access().rev() {
            for rows in rows.iter().filter(|rows| rows.table == name) {
                (access.insert)(&conn, rows).await?;
            }
        }
        Ok(())
    }

    /// Inserts rows of any table.
    ///
    /// # Errors
    /// When the database is unavailable, or rejects a row.
    pub async fn insert_rows<E: Scoped>(&self, rows: Vec<E::ActiveModel>) -> Result<(), Error> {
        self.system("a test inserts rows of tables without an owner").insert_all::<E>(rows).await
    }

    /// The names of the tables, or of those with the column `column`.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn tables(&self, column: Option<&str>) -> Result<BTreeSet<String>, Error> {
        let system = self.system("the catalog is not one of the tables");
        let conn = self.conn(Client::Server);
        let with = match (conn.backend(), column) {
            (DbBackend::Sqlite, None) => "SELECT name FROM sqlite_master WHERE type = 'table'",
            (DbBackend::Sqlite, Some(_)) => {
                "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
                 WHERE m.type = 'table' AND c.name = $1"
            }
            (_, None) => {
                "SELECT table_name::text AS name FROM information_schema.tables \
                 WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'"
            }
            (_, Some(_)) => {
                "SELECT c.table_name::text AS name FROM information_schema.columns c \
                 JOIN information_schema.tables t USING (table_schema, table_name) \
                 WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' \
                 AND c.column_name = $1"
            }
        };
        let values = column.map(Value::from);
        let query = Statement::from_sql_and_values(conn.backend(), with, values);
        let rows = system.read(async |conn| conn.query_all_raw(query).await).await?;
        Ok(rows.iter().map(|row| row.try_get("", "name")).collect::<Result<_, _>>()?)
    }

    /// Runs a statement on each connection that requests may use, and that none uses now.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn on_each_connection(&self, sql: &str) -> Result<(), Error> {
        let mut all = Vec::new();
        for _ in 0..self.pool.connections {
            all.push(self.pool.idle.take().await?);
        }
        for mut open in all {
            let sql = AssertSqlSafe(sql.to_owned());
            let done = with_either!(&mut open.raw, connection => {
                connection.execute(sql).await.map(|_| ())
            });
            done.map_err(|error| DbErr::Exec(RuntimeErr::SqlxError(error.into())))?;
            self.pool.idle.put(open);
        }
        Ok(())
    }

    /// Executes a statement at `url` that must be outside of a transaction, such as `CREATE DATABASE`.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn execute_at(url: &str, sql: &str) -> Result<(), Error> {
        let database = Self::connect(Options::at(url)).await?;
        let done = database.system("a test creates its database").connection();
        let done = done.execute_unprepared(sql).await.map(|_| ());
        database.close().await?;
        Ok(done?)
    }
}
