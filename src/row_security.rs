//! Row-level security in words: why it does not hold, and what to do.

use hallpass_entity::RowSecurityProblem;

/// `ROW_SECURITY` is on, and does not hold.
#[derive(Debug, thiserror::Error)]
#[error("ROW_SECURITY is on, and {problem}: {fix}")]
pub struct RowSecurityError {
    /// What is wrong.
    pub problem: String,
    /// What to change, and how.
    pub fix: &'static str,
}

impl From<RowSecurityProblem> for RowSecurityError {
    fn from(gap: RowSecurityProblem) -> Self {
        let (problem, fix) = match gap {
            RowSecurityProblem::Role(role) => (
                format!(
                    "the role {role} of DATABASE_URL has SUPERUSER or BYPASSRLS, which passes every \
                     policy"
                ),
                "name another there, by `CREATE ROLE hallpass_server LOGIN PASSWORD '…'; GRANT \
                 SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO hallpass_server`, \
                 and serve with --no-migrate; or leave ROW_SECURITY off",
            ),
            RowSecurityProblem::Announcement => (
                "connections made by DATABASE_URL lose the settings that they start with"
                    .to_owned(),
                "connect to PostgreSQL itself, have the pooler between pass `options` on, or set \
                 DATABASE_POOLER=transaction",
            ),
            RowSecurityProblem::Tables(tables) => (
                format!("no policy holds for the tables {}", tables.join(", ")),
                "run `hallpass migrate up` with ROW_SECURITY=on, as the role that owns the tables",
            ),
        };
        Self { problem, fix }
    }
}
