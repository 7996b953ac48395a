//! Row-level security policies (PostgreSQL), for any table of owned rows.
//!
//! A migration adds them to its table. They are inactive until row-level security is [enforced](enforce),
//! and then apply to connections that set `hallpass.row_security`: others bypass them, so that servers
//! with and without it can share a database. `hallpass.caller`, `hallpass.tenant` and `hallpass.door` determine which rows
//! are visible besides public ones; `crates/hallpass-data/src/rls_context.rs` sets them.
//!
//! A change here applies to new tables only. Existing tables need a migration of their own.

use sea_orm_migration::prelude::{DbErr, Iden, SchemaManager};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// Name, command and condition of each policy. The settings are in sub-queries so that they are evaluated
/// once per statement, not once per row.
const POLICIES: [(&str, &str, &str); 3] = [
    ("own", "ALL", "{owner} = NULLIF((SELECT current_setting('{setting}', true)), '')"),
    ("everyones", "SELECT", "(SELECT current_setting('hallpass.door', true)) = 'everyones'"),
    (
        "open",
        "ALL",
        "(SELECT current_setting('hallpass.door', true)) = 'server' \
         OR (SELECT current_setting('hallpass.row_security', true)) IS DISTINCT FROM 'on'",
    ),
];

/// Adds the policies to `table`; the column `owner` is the owner of each row.
///
/// # Errors
/// When the database is unavailable or rejects the statement.
pub async fn add_owner_policies(
    manager: &SchemaManager<'_>,
    table: impl Iden,
    owner: impl Iden,
) -> Result<(), DbErr> {
    add_policies(manager, &table, &owner, "hallpass.caller").await
}

/// Adds the policies to `table`; the column `tenant` is the tenant of each row.
///
/// # Errors
/// When the database is unavailable or rejects the statement.
pub async fn add_tenant_policies(
    manager: &SchemaManager<'_>,
    table: impl Iden,
    tenant: impl Iden,
) -> Result<(), DbErr> {
    add_policies(manager, &table, &tenant, "hallpass.tenant").await
}

async fn add_policies(
    manager: &SchemaManager<'_>,
    table: &impl Iden,
    owner: &impl Iden,
    setting: &str,
) -> Result<(), DbErr> {
    let owner = format!("\"{}\"", owner.to_string());
    for (name, command, condition) in POLICIES {
        let condition = condition.replace("{owner}", &owner).replace("{setting}", setting);
        create(manager, name, table, command, &condition).await?;
    }
    Ok(())
}

/// Makes the rows of a protected `table` readable by everyone if their column `shown` is true.
///
/// # Errors
/// When the database is unavailable or rejects the statement.
pub async fn add_public_read_policy(
    manager: &SchemaManager<'_>,
    table: impl Iden,
    shown: impl Iden,
) -> Result<(), DbErr> {
    create(manager, "public", &table, "SELECT", &format!("\"{}\"", shown.to_string())).await
}

async fn create(
    manager: &SchemaManager<'_>,
    name: &str,
    table: &impl Iden,
    command: &str,
    condition: &str,
) -> Result<(), DbErr> {
    let table = table.to_string();
    let policy = format!("POLICY hallpass_{name} ON \"{table}\" FOR {command} USING ({condition})");
    run(manager, &format!("CREATE {policy}")).await
}

/// Drops the policies of `table`, and disables row-level security for it.
///
/// # Errors
/// When the database is unavailable or rejects the statement.
pub async fn drop_policies(manager: &SchemaManager<'_>, table: impl Iden) -> Result<(), DbErr> {
    let table = table.to_string();
    for name in ["own", "everyones", "open", "public"] {
        run(manager, &format!("DROP POLICY IF EXISTS hallpass_{name} ON \"{table}\"")).await?;
    }
    let lower = "DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY";
    run(manager, &format!("ALTER TABLE \"{table}\" {lower}")).await
}

/// Runs `sql` on PostgreSQL. SQLite has no row-level security.
async fn run(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Postgres {
        manager.get_connection().execute_unprepared(sql).await?;
    }
    Ok(())
}

/// FORCE: by default, policies do not apply to the role that owns the tables.
const ENFORCE: &str = "DO $$ DECLARE guarded regclass; BEGIN \
    FOR guarded IN SELECT polrelid FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid \
        WHERE polname = 'hallpass_own' AND pg_table_is_visible(polrelid) \
        AND NOT (relrowsecurity AND relforcerowsecurity) \
    LOOP EXECUTE format( \
        'ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', guarded); \
    END LOOP; END $$";

/// Enforces the policies of every table that has them. PostgreSQL only.
///
/// # Errors
/// When the database is unavailable or rejects the statement.
pub async fn enforce(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    connection.execute_unprepared(ENFORCE).await?;
    Ok(())
}
