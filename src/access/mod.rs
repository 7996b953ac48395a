//! What they may: rules, the guards that enforce them, and the table that shows them.
//!
//! A rule is one value of [`Rule`]. Stated on a field, it guards the field, stands in the schema as
//! `@access(rule: …)`, names itself in the refusal, and fills the field's row in `access.md`:
//!
//! ```text
//! #[graphql(guard = "SignedIn", directive = stated::apply(SignedIn.name()))]
//! async fn tasks(&self, …) -> Result<Option<TaskConnection>> { … }
//! ```

mod guard;
mod rule;
mod table;

pub use guard::{Asking, Guarded, RowRule};
pub use rule::{ADMIN, Denial, EDITOR, Facts, RULES, Rule};
pub use table::{Cell, Column, Row, Table, TableError};

use async_graphql::TypeDirective;

/// Who may use the field. Named in a refusal as `extensions.rule`.
#[TypeDirective(location = "FieldDefinition", name = "access")]
pub fn stated(rule: String) {}

/// The field is null only where there is an error for it in the answer.
#[TypeDirective(location = "FieldDefinition", name = "semanticNonNull")]
pub fn null_only_on_error() {}
