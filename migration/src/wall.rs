//! The policies of row-level security (PostgreSQL), for any table of owned rows.
//!
//! A migration gives them to its table. They rest until the wall is [raised](enforce), and after that hold
//! for connections that announce themselves with `hallpass.row_security`: others pass, so that servers
//! with and without may share a database. What `hallpass.caller` and `hallpass.door` are set to decides
//! what is seen beside public rows; `entity/src/row_security.rs` sets them.
//!
//! A change here counts for tables to come. Those that are there need a migration of their own.

use sea_orm_migration::prelude::{DbErr, Iden, SchemaManager};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// Each policy, what it is for, and which rows it opens. The settings stand in sub-queries so that they
/// are read once a statement and not once a row.
const POLICIES: [(&str, &str, &str); 3] = [
    ("own", "ALL", "{owner} = NULLIF((SELECT current_setting('hallpass.caller', true)), '')"),
    ("everyones", "SELECT", "(SELECT current_setting('hallpass.door', true)) = 'everyones'"),
    (
        "open",
        "ALL",
        "(SELECT current_setting('hallpass.door', true)) = 'server' \
         OR (SELECT current_setting('hallpass.row_security', true)) IS DISTINCT FROM 'on'",
    ),
];

/// Gives `table`, whose column `owner` names each row's owner, its policies.
///
/// # Errors
/// When the database is away or refuses.
pub async fn add_owner_policies(
    manager: &SchemaManager<'_>,
    table: impl Iden,
    owner: impl Iden,
) -> Result<(), DbErr> {
    let owner = format!("\"{}\"", owner.to_string());
    for (name, command, condition) in POLICIES {
        create(manager, name, &table, command, &condition.replace("{owner}", &owner)).await?;
    }
    Ok(())
}

/// Lets everyone see the rows of a guarded `table` whose column `shown` is true.
///
/// # Errors
/// When the database is away or refuses.
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

/// Takes the policies of `table` away, and its part of the wall.
///
/// # Errors
/// When the database is away or refuses.
pub async fn drop_policies(manager: &SchemaManager<'_>, table: impl Iden) -> Result<(), DbErr> {
    let table = table.to_string();
    for name in ["own", "everyones", "open", "public"] {
        run(manager, &format!("DROP POLICY IF EXISTS hallpass_{name} ON \"{table}\"")).await?;
    }
    let lower = "DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY";
    run(manager, &format!("ALTER TABLE \"{table}\" {lower}")).await
}

/// On SQLite there is no row-level security.
async fn run(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Postgres {
        manager.get_connection().execute_unprepared(sql).await?;
    }
    Ok(())
}

/// For the role that owns the tables too, which policies leave alone unless forced on it.
const ENFORCE: &str = "DO $$ DECLARE guarded regclass; BEGIN \
    FOR guarded IN SELECT polrelid FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid \
        WHERE polname = 'hallpass_own' AND pg_table_is_visible(polrelid) \
        AND NOT (relrowsecurity AND relforcerowsecurity) \
    LOOP EXECUTE format( \
        'ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', guarded); \
    END LOOP; END $$";

/// Raises the wall: from now on every policy counts. PostgreSQL only.
///
/// # Errors
/// When the database is away or refuses.
pub async fn enforce(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    connection.execute_unprepared(ENFORCE).await?;
    Ok(())
}
