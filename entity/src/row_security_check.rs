//! Checks that row-level security is in force.

use sea_orm::{ConnectionTrait as _, DbBackend, QueryResult, Statement};

use crate::owned_tables::owned_tables;
use crate::{Database, Error};

/// Why row-level security does not hold, though it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowSecurityProblem {
    /// PostgreSQL checks no policy for the role: it is a superuser, or has BYPASSRLS.
    Role(String),
    /// Connections do not say what they were told to when they were made: something on the way drops it.
    Announcement,
    /// These tables of owned rows have no policies, or ones that are not enforced.
    Tables(Vec<&'static str>),
}

const ROLE: &str = "SELECT rolname::text AS role, rolsuper OR rolbypassrls AS bypasses, \
    current_setting('hallpass.row_security', true) IS NOT DISTINCT FROM 'on' AS announced \
    FROM pg_roles WHERE rolname = current_user";

const PROTECTED_TABLES: &str = "SELECT relname::text AS name FROM pg_policy \
    JOIN pg_class ON pg_class.oid = polrelid \
    WHERE polname = 'hallpass_own' AND pg_table_is_visible(polrelid) AND row_security_active(polrelid)";

impl Database {
    /// Why the wall does not stand; none where it does, or was not asked for.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn check_row_security(&self) -> Result<Option<RowSecurityProblem>, Error> {
        if !self.is_walled() {
            return Ok(None);
        }
        for row in self.query(ROLE).await? {
            if row.try_get("", "bypasses")? {
                return Ok(Some(RowSecurityProblem::Role(row.try_get("", "role")?)));
            }
            if !row.try_get::<bool>("", "announced")? {
                return Ok(Some(RowSecurityProblem::Announcement));
            }
        }
        let walled = self.query(PROTECTED_TABLES).await?;
        let walled: Vec<String> =
            walled.iter().map(|row| row.try_get("", "name")).collect::<Result<_, _>>()?;
        let mut tables = owned_tables();
        tables.retain(|table| !walled.iter().any(|name| name == table));
        Ok((!tables.is_empty()).then_some(RowSecurityProblem::Tables(tables)))
    }

    async fn query(&self, sql: &str) -> Result<Vec<QueryResult>, Error> {
        let system = self.system("what is asked is not in a table of ours");
        let asked = Statement::from_string(DbBackend::Postgres, sql);
        system.read(async |conn| conn.query_all_raw(asked).await).await
    }
}
