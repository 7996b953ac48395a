//! The attribute macro `#[guarded]`, and its errors.

/// # Errors
/// The compiler reports each at the code that causes it.
///
/// A field of a root type has a rule:
///
/// ```compile_fail
/// # use hallpass::access::guarded;
/// # struct NoteQuery;
/// #[guarded(Query, domain = "notes")]
/// impl NoteQuery {
///     async fn note_count(&self) -> i32 { 0 }
///     //       ^^^^^^^^^^ this field has no rule: add `#[graphql(guard = "…")]`, such as `Public`
/// }
/// ```
///
/// and a scope, for OAuth clients:
///
/// ```compile_fail
/// # use hallpass::access::{Rule::SignedIn, guarded};
/// # struct NoteQuery;
/// #[guarded(Query)]
/// impl NoteQuery {
///     #[graphql(guard = "SignedIn")]
///     async fn note_count(&self) -> i32 { 0 }
///     //       ^^^^^^^^^^ this field has no OAuth scope: add `#[guarded(Query, domain = "…")]`, or `scope = "…"` beside the guard
/// }
/// ```
///
/// A scope belongs to a rule:
///
/// ```compile_fail
/// # use hallpass::access::guarded;
/// # struct Note;
/// #[guarded(Note)]
/// impl Note {
///     #[graphql(scope = "notes:read")]
///     //                ^^^^^^^^^^^^ a scope belongs to a rule: add `guard = "…"`, such as `Public`
///     async fn text(&self) -> &str { "" }
/// }
/// ```
///
/// beside which it is written:
///
/// ```compile_fail
/// # use hallpass::access::{Rule::SignedIn, guarded};
/// # struct NoteQuery;
/// #[guarded(Query, domain = "notes")]
/// impl NoteQuery {
///     #[graphql(name = "notes")]
///     #[graphql(guard = "SignedIn")]
///     //^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a field has one `#[graphql(…)]`: add these options to the first one
///     async fn note_count(&self) -> i32 { 0 }
/// }
/// ```
///
/// The rule is an expression:
///
/// ```compile_fail
/// # use hallpass::access::{Rule::SignedIn, guarded};
/// # struct NoteQuery;
/// #[guarded(Query, domain = "notes")]
/// impl NoteQuery {
///     #[graphql(guard = "signed in")]
///     //                ^^^^^^^^^^^ expected a rule, such as `guard = "SignedIn"`
///     async fn note_count(&self) -> i32 { 0 }
/// }
/// ```
///
/// and one that exists:
///
/// ```compile_fail,E0425
/// # use hallpass::access::{Rule::SignedIn, guarded};
/// # struct NoteQuery;
/// #[guarded(Query, domain = "notes")]
/// impl NoteQuery {
///     #[graphql(guard = "SignedInn")] // cannot find value `SignedInn` in this scope
///     async fn note_count(&self) -> i32 { 0 }
/// }
/// ```
///
/// A rule about the row requires a type with one:
///
/// ```compile_fail,E0277
/// # use hallpass::access::{Rule::Owner, guarded};
/// # struct Note;
/// #[guarded(Note)]
/// impl Note {
///     #[graphql(guard = "Owner")] // the trait bound `Note: Resource` is not satisfied
///     async fn text(&self) -> &str { "" }
/// }
/// ```
///
/// The body returns what is written, not what is in the schema:
///
/// ```compile_fail,E0308
/// # use hallpass::access::{Rule::SignedIn, guarded};
/// # use hallpass::graphql::Result;
/// # struct NoteQuery;
/// #[guarded(Query, domain = "notes")]
/// impl NoteQuery {
///     #[graphql(guard = "SignedIn")]
///     async fn note_count(&self) -> Result<i32> {
///         Ok("none") // expected `i32`, found `&str`
///     }
/// }
/// ```
///
/// Options of the attribute:
///
/// ```compile_fail
/// # use hallpass::access::{Rule::SignedIn, guarded};
/// # struct NoteQuery;
/// #[guarded(Query, domian = "notes")]
/// //               ^^^^^^ unknown option: write `domain = "…"` for a root type, or `id = …Id` for a type with rows
/// impl NoteQuery {
///     #[graphql(guard = "SignedIn")]
///     async fn note_count(&self) -> i32 { 0 }
/// }
/// ```
///
/// ```compile_fail
/// # use hallpass::access::guarded;
/// # struct Note;
/// #[guarded(Note, domain = "notes")]
/// //              ^^^^^^ `domain` is an option of `Query`, `Mutation` and `Subscription`: write `scope = "…"` beside the guard of a field
/// impl Note {
///     async fn text(&self) -> &str { "" }
/// }
/// ```
///
/// A `Page` is a parameter of a list:
///
/// ```compile_fail
/// # use hallpass::access::{Rule::SignedIn, guarded};
/// # use hallpass::graphql::{Page, Result};
/// # struct NoteQuery;
/// #[guarded(Query, domain = "notes")]
/// impl NoteQuery {
///     #[graphql(guard = "SignedIn")]
///     async fn notes(&self, page: Page) -> Result<Vec<String>> { Ok(Vec::new()) }
///     //                          ^^^^ a `Page` is a parameter of a list: return `Result<Connection<…>>`
/// }
/// ```
///
/// written as such:
///
/// ```compile_fail
/// # use hallpass::access::{Rule::SignedIn, guarded};
/// # use hallpass::graphql::{ApiError, Connection, Page, Result};
/// # struct NoteQuery;
/// #[guarded(Query, domain = "notes")]
/// impl NoteQuery {
///     #[graphql(guard = "SignedIn")]
///     async fn notes(&self, page: Option<Page>) -> Result<Connection<String>> { Err(ApiError::NotFound("note")) }
///     //                          ^^^^^^^^^^^^ write `page: Page`: each of its arguments is optional
/// }
/// ```
///
/// without its arguments:
///
/// ```compile_fail
/// # use hallpass::access::{Rule::SignedIn, guarded};
/// # use hallpass::graphql::{ApiError, Connection, Page, Result};
/// # struct NoteQuery;
/// #[guarded(Query, domain = "notes")]
/// impl NoteQuery {
///     #[graphql(guard = "SignedIn")]
///     async fn notes(&self, page: Page, first: i32) -> Result<Connection<String>> { Err(ApiError::NotFound("note")) }
///     //                                ^^^^^ `page: Page` has the argument `first`: remove this one
/// }
/// ```
///
/// A type is an `impl`, or a tuple struct of its parts:
///
/// ```compile_fail
/// # use hallpass::access::guarded;
/// #[guarded(Note)]
/// struct Note { text: String }
/// //     ^^^^ a merged type is a tuple struct of its parts: `struct Me(CoreMe, NotesMe);`
/// ```
pub use hallpass_macros::guarded;
