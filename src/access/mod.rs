//! What they may: rules, the guards that enforce them, and what shows them.
//!
//! A rule is one value of [`Rule`], stated once, as the guard of a field:
//!
//! ```text
//! #[guarded(Query)]
//! #[Object]
//! impl TaskQuery {
//!     #[graphql(guard = "SignedIn")]
//!     async fn tasks(&self, …) -> Result<Option<TaskConnection>> { … }
//! ```
//!
//! From that value come the decision (`decision`), the guard and the refusal (`guard`), `@access(rule: …)` in
//! the schema (`macros`), what each caller sees of the schema (`view`), what the audit keeps (`trail`), and
//! what reviewers read ([`review`](crate::review)).

mod decision;
mod guard;
mod rule;
mod trail;
mod view;

pub use decision::{Asker, Denial, Facts, Lack, Policy, Reason};
pub use guard::{Asked, Asking, Closed, Guarded, Refusal, Unconfirmed};
pub use hallpass_access_macros::guarded;
pub use rule::{ADMIN, EDITOR, FRESH_ADMIN, ONESELF, READER, RULES, Rule, SURE_ADMIN};
pub use trail::{ALLOWED, Entry, Ledger, Trail};
pub use view::{ROOTS, View, leave_out, rule_of, stated_name};

use async_graphql::TypeDirective;

/// Who may use the field. Named in a refusal as `extensions.rule`.
#[TypeDirective(location = "FieldDefinition", name = "access")]
pub fn stated(rule: String) {}

/// The field is null only where there is an error for it in the answer.
#[TypeDirective(location = "FieldDefinition", name = "semanticNonNull")]
pub fn null_only_on_error() {}
