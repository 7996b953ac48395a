//! Tables of owned rows, with what each of them needs: an owner, which is a user or a tenant, an index by owner, and the
//! policies of row-level security.

use sea_orm_migration::prelude::{
    ColumnDef, DbErr, ForeignKey, ForeignKeyAction, Index, MigrationName, MigrationTrait,
    SchemaManager, Table, async_trait,
};
use sea_orm_migration::schema::{string, uuid};
use sea_orm_migration::sea_orm::{ConnectionTrait as _, DbBackend};

use crate::folding::{Folded, add_columns};
use crate::row_security::{add_owner_policies, add_tenant_policies};

/// A table of owned rows to be created: its key `id`, its owner, and more columns.
pub struct OwnedTable {
    name: &'static str,
    owner: Owner,
    columns: Vec<ColumnDef>,
    parents: Vec<(&'static str, &'static str)>,
    normalized: Vec<Folded>,
    orders: Vec<&'static str>,
}

/// What owns the rows of a table.
#[derive(Clone, Copy)]
enum Owner {
    User,
    Tenant,
}

impl Owner {
    fn column(self) -> &'static str {
        match self {
            Self::User => "owner_id",
            Self::Tenant => "tenant_id",
        }
    }
}

impl OwnedTable {
    /// A table with this name, whose rows have an owner: the user `owner_id`.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self::of(name, Owner::User)
    }

    /// A table with this name, whose rows have a tenant: the organization `tenant_id`.
    #[must_use]
    pub fn of_tenant(name: &'static str) -> Self {
        Self::of(name, Owner::Tenant)
    }

    fn of(name: &'static str, owner: Owner) -> Self {
        let (columns, parents) = (Vec::new(), Vec::new());
        Self { name, owner, columns, parents, normalized: Vec::new(), orders: Vec::new() }
    }

    /// Adds a column.
    #[must_use]
    pub fn column(mut self, column: impl Into<ColumnDef>) -> Self {
        self.columns.push(column.into());
        self
    }

    /// Adds a column with the key of a row in `parent`, an owned table. The foreign key includes the owner, so that
    /// the database rejects a child of another user's row. Rows are deleted with their parent.
    #[must_use]
    pub fn child_of(mut self, parent: &'static str, column: &'static str) -> Self {
        self.columns.push(uuid(column));
        self.parents.push((parent, column));
        self
    }

    /// Adds the column `key`, the sort key of the text in the column `of`, and the column `search`, its search text.
    #[must_use]
    pub fn normalized(mut self, of: &'static str, key: &'static str, search: &'static str) -> Self {
        self.normalized.push(Folded { column: key, of, by: hallpass_text::sort_key });
        self.normalized.push(Folded { column: search, of, by: hallpass_text::searchable });
        self
    }

    /// Adds an index for lists of one owner in the order of `column`.
    #[must_use]
    pub fn sorted_by(mut self, column: &'static str) -> Self {
        self.orders.push(column);
        self
    }

    /// Creates the table, its indexes and its policies.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn create(self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let (name, parents, owner) = (self.name, self.parents, self.owner.column());
        let mut table = Table::create();
        table.table(name).col(uuid("id").primary_key()).col(string(owner));
        for column in self.columns {
            table.col(column);
        }
        // A child's foreign key refers to it; it also serves lists of one owner.
        table.index(Index::create().unique().col(owner).col("id"));
        for (parent, column) in &parents {
            table.foreign_key(
                ForeignKey::create()
                    .name(constraint(name, column))
                    .from(name, (owner, *column))
                    .to(*parent, (owner, "id"))
                    .on_delete(ForeignKeyAction::Cascade),
            );
        }
        manager.create_table(table.clone()).await?;
        for (_, column) in parents {
            defer(manager, name, &constraint(name, column)).await?;
        }
        add_columns(manager, name, &self.normalized).await?;
        for column in self.orders {
            let mut index =
                Index::create().name(format!("{name}_by_{column}")).table(name).to_owned();
            index.col(owner).col(column).col("id");
            manager.create_index(index).await?;
        }
        match self.owner {
            Owner::User => add_owner_policies(manager, name, owner).await,
            Owner::Tenant => add_tenant_policies(manager, name, owner).await,
        }
    }
}

/// A migration that creates `tables` in this order, parents before their children, and drops them when it is reverted:
///
/// ```
/// use hallpass_migration::{MigrationTrait, OwnedTable, create_tables};
/// use sea_orm_migration::schema::text;
///
/// fn migrations() -> Vec<Box<dyn MigrationTrait>> {
///     let notes = || vec![OwnedTable::new("note").column(text("text"))];
///     vec![create_tables("m20270101_000001_notes", notes)]
/// }
/// # assert_eq!(migrations()[0].name(), "m20270101_000001_notes");
/// ```
///
/// An applied migration does not change: a change of a table is a migration of its own.
#[must_use]
pub fn create_tables(
    name: &'static str,
    tables: fn() -> Vec<OwnedTable>,
) -> Box<dyn MigrationTrait> {
    Box::new(CreateTables { name, tables })
}

struct CreateTables {
    name: &'static str,
    tables: fn() -> Vec<OwnedTable>,
}

impl MigrationName for CreateTables {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in (self.tables)() {
            table.create(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in (self.tables)().into_iter().rev() {
            manager.drop_table(Table::drop().table(table.name).to_owned()).await?;
        }
        Ok(())
    }
}

fn constraint(table: &str, column: &str) -> String {
    format!("{table}_{column}")
}

/// Makes a foreign key deferrable: parents and children may change owner in one transaction. SQLite defers every
/// foreign key on request.
async fn defer(manager: &SchemaManager<'_>, table: &str, constraint: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Postgres {
        let sql = format!(
            "ALTER TABLE \"{table}\" ALTER CONSTRAINT \"{constraint}\" DEFERRABLE INITIALLY IMMEDIATE"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}
