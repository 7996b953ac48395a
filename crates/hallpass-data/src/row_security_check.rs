//! Checks that row-level security is in force: role, start-up option, policies.

use sea_orm::{ConnectionTrait as _, DbBackend, QueryResult, Statement};

use crate::{Database, Error};

/// Why row-level security is not in force although it is enabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowSecurityProblem {
    /// PostgreSQL bypasses policies for the role: it is a superuser, or has BYPASSRLS.
    Role(String),
    /// Connections lack their start-up option: something on the way drops it.
    StartupOption,
    /// These tables of owners or tenants have no policies, or their policies are not enforced.
    Tables(Vec<&'static str>),
}

const ROLE: &str = "SELECT rolname::text AS role, rolsuper OR rolbypassrls AS bypasses, \
    current_setting('hallpass.row_security', true) IS NOT DISTINCT FROM 'on' AS announced \
    FROM pg_roles WHERE rolname = current_user";

const PROTECTED_TABLES: &str = "SELECT relname::text AS name FROM pg_policy \
    JOIN pg_class ON pg_class.oid = polrelid \
    WHERE polname = 'hallpass_own' AND pg_table_is_visible(polrelid) AND row_security_active(polrelid)";

impl Database {
    /// Why row-level security is not in force; none when it is, or is not enabled.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn check_row_security(&self) -> Result<Option<RowSecurityProblem>, Error> {
        if !self.row_security_enabled() {
            return Ok(None);
        }
        for row in self.query(ROLE).await? {
            if row.try_get("", "bypasses")? {
                return Ok(Some(RowSecurityProblem::Role(row.try_get("", "role")?)));
            }
            if !row.try_get::<bool>("", "announced")? {
                return Ok(Some(RowSecurityProblem::StartupOption));
            }
        }
        let protected = self.query(PROTECTED_TABLES).await?;
        let protected: Vec<String> =
            protected.iter().map(|row| row.try_get("", "name")).collect::<Result<_, _>>()?;
        let mut tables = self.owned_tables.names();
        tables.extend(self.owned_tables.tenant_names());
        tables.retain(|table| !protected.iter().any(|name| name == table));
        Ok((!tables.is_empty()).then_some(RowSecurityProblem::Tables(tables)))
    }

    async fn query(&self, sql: &str) -> Result<Vec<QueryResult>, Error> {
        let system = self.system("the catalog is not one of the tables");
        let query = Statement::from_string(DbBackend::Postgres, sql);
        system.read(async |conn| conn.query_all_raw(query).await).await
    }
}
