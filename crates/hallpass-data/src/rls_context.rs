//! The context of a statement: the input of the policies of row-level security.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::{TenantId, UserId};

/// The setting that enables the policies on a connection, and its value. It is a start-up option, so that
/// `RESET` does not undo it.
pub(crate) const STARTUP_OPTION: (&str, &str) = ("hallpass.row_security", "on");

/// On whose behalf a statement runs: the input of the policies.
#[derive(Clone, Debug)]
pub(crate) enum RlsContext {
    /// Public rows only.
    Public,
    /// The caller: their own rows too.
    Caller(UserId),
    /// The rows of the caller's tenant.
    Tenant(TenantId),
    /// Every row, read-only, by privilege.
    AllRows,
    /// The server's own work: every row.
    Server,
}

impl RlsContext {
    /// The setting and its value. Ids have a setting of their own: no caller's id can select another
    /// context. `hallpass.door` is the name in applied migrations: it selects all rows, read-only (`everyones`) or for
    /// the server (`server`).
    pub(crate) fn setting(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Public => None,
            Self::Caller(id) => Some(("hallpass.caller", id.as_str())),
            Self::Tenant(id) => Some(("hallpass.tenant", id.as_str())),
            Self::AllRows => Some(("hallpass.door", "everyones")),
            Self::Server => Some(("hallpass.door", "server")),
        }
    }
}

/// Sets `context` until the end of the transaction.
pub(crate) async fn set_config(
    transaction: &impl ConnectionTrait,
    context: &RlsContext,
) -> Result<(), DbErr> {
    match context.setting() {
        Some((name, value)) => set(transaction, name, value).await,
        None => Ok(()),
    }
}

/// `true`: `SET LOCAL`, until the end of the transaction, however it ends.
pub(crate) async fn set(
    transaction: &impl ConnectionTrait,
    name: &str,
    value: &str,
) -> Result<(), DbErr> {
    let sql = "SELECT set_config($1, $2, true)";
    let values = [name.into(), value.into()];
    let set = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    transaction.execute_raw(set).await?;
    Ok(())
}
