//! Authorization: rules, the guards that enforce them, and the schema view and audit trail derived from them.
//!
//! A rule is one value of [`Rule`], stated once, as the guard of a field:
//!
//! ```text
//! #[guarded(Query, domain = "notes")]
//! impl NoteQuery {
//!     #[graphql(guard = "SignedIn")]
//!     async fn notes(&self, ctx: &Context<'_>, page: Page) -> Result<Connection<Note>> { … }
//! ```
//!
//! The rule and the OAuth scope of the domain form the field's [`Demand`]. It is the source of the decision
//! (`decision`, `demand`), the guard and the denial (`guard`), `@access(rule: …, scope: …)` in the schema
//! (`hallpass-macros`), the schema that each caller sees (`schema_view`), the audit trail (`audit_trail`), and the
//! access report ([`access_report`](crate::access_report)).

pub(crate) mod audit_trail;
mod custom;
mod decision;
mod demand;
mod error;
mod guard;
mod resolver_macro;
mod rule;
pub(crate) mod schema_view;
mod subject;

pub use audit_trail::{ALLOWED, AuditEntry, AuditSink, AuditTrail};
pub use custom::CustomRule;
pub use decision::{Denial, DenialReason, Reason};
pub use demand::Demand;
pub(crate) use error::denial_message;
pub use guard::{
    AccessDenied, AccessError, ReauthenticationUnavailable, RequestAuth, Resource, RuleGuard,
    Subscribed,
};
pub use resolver_macro::guarded;
pub use rule::{ADMIN, NOT_IMPERSONATED, RECENTLY_AUTHENTICATED_ADMIN, Rule, STEP_UP_ADMIN};
pub use schema_view::{
    ROOT_TYPES, SchemaView, demand_directive, demand_of, is_in_view, prune,
    rule_name_from_directive,
};

pub use subject::{Policy, ResourceAttributes, Subject};

use async_graphql::TypeDirective;

/// Access to the field. The caller must meet `rule`; a denial names it in `extensions.rule`. An OAuth client that acts
/// for a user needs all scopes in `scope`; a scope in braces depends on the requested object.
#[TypeDirective(location = "FieldDefinition", name = "access")]
pub fn access_rule(rule: String, scope: Option<String>) {}

/// The field is null only if the response has an error for it.
#[TypeDirective(location = "FieldDefinition", name = "semanticNonNull")]
pub fn semantic_non_null() {}
