//! Error messages for row-level security that is enabled but not effective.

use hallpass_data::RowSecurityProblem;

/// `ROW_SECURITY` is on, but row-level security is not effective.
#[derive(Debug, thiserror::Error)]
#[error("ROW_SECURITY is on, and {problem}: {fix}")]
pub struct RowSecurityError {
    /// The problem.
    pub problem: String,
    /// How to fix it.
    pub fix: String,
}

impl RowSecurityError {
    /// The error of `source`; `program` is the name of the program.
    #[must_use]
    pub fn new(source: RowSecurityProblem, program: &str) -> Self {
        let (problem, fix) = match source {
            RowSecurityProblem::Role(role) => (
                format!(
                    "the role {role} of DATABASE_URL has SUPERUSER or BYPASSRLS, which bypasses \
                     every policy"
                ),
                "use a role without them, created by `CREATE ROLE hallpass_server LOGIN PASSWORD \
                 '…'; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO hallpass_server`, \
                 and serve with --no-migrate; or leave ROW_SECURITY off"
                    .to_owned(),
            ),
            RowSecurityProblem::StartupOption => (
                "connections by DATABASE_URL lose their startup settings".to_owned(),
                "connect to PostgreSQL directly, configure the pooler to pass `options` on, or set \
                 DATABASE_POOLER=transaction"
                    .to_owned(),
            ),
            RowSecurityProblem::Tables(tables) => (
                format!("these tables have no policy: {}", tables.join(", ")),
                format!(
                    "run `{program} migrate up` with ROW_SECURITY=on, as the role that owns the tables"
                ),
            ),
        };
        Self { problem, fix }
    }
}
