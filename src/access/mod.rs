//! What they may: rules, the guards that enforce them, and what shows them.
//!
//! A rule is one value of [`Rule`], stated once, as the guard of a field:
//!
//! ```text
//! #[guarded(Query, domain = "tasks")]
//! #[Object]
//! impl TaskQuery {
//!     #[graphql(guard = "SignedIn")]
//!     async fn tasks(&self, …) -> Result<Option<TaskConnection>> { … }
//! ```
//!
//! With the OAuth scope that the domain gives it, it is the field's [`Demand`]. From that value come the
//! decision (`decision`, `demand`), the guard and the refusal (`guard`), `@access(rule: …, scope: …)` in the
//! schema (`macros`), what each caller sees of the schema (`view`), what the audit keeps (`trail`), and
//! what reviewers read ([`review`](crate::access_report)).

pub(crate) mod audit_trail;
mod decision;
mod demand;
mod guard;
mod rule;
pub(crate) mod schema_view;

pub use audit_trail::{ALLOWED, AuditEntry, AuditSink, AuditTrail};
pub use decision::{Denial, DenialReason, Policy, Reason, ResourceAttributes, Subject};
pub use demand::Demand;
pub use guard::{
    AccessDenied, AccessError, ReauthenticationUnavailable, RequestAuth, Resource, RuleGuard,
};
pub use hallpass_access_macros::guarded;
pub use rule::{ADMIN, EDITOR, FRESH_ADMIN, ONESELF, READER, RULES, Rule, SURE_ADMIN};
pub use schema_view::{
    ROOT_TYPES, SchemaView, demand_directive, demand_of, prune, rule_name_from_directive,
};

use async_graphql::TypeDirective;

/// Who may use the field: `rule` is asked of the caller, and named in a refusal as `extensions.rule`. `scope`
/// is asked of the OAuth client that acts for a user: each scope in it, or, in braces, that of what is asked for.
#[TypeDirective(location = "FieldDefinition", name = "access")]
pub fn stated(rule: String, scope: Option<String>) {}

/// The field is null only where there is an error for it in the answer.
#[TypeDirective(location = "FieldDefinition", name = "semanticNonNull")]
pub fn semantic_non_null() {}
