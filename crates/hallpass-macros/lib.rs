//! Attribute macro `#[guarded]`, and `#[derive(FromRow)]` and `#[derive(PartialModel)]` for tables.
//!
//! `#[guarded]` generates the resolvers of a GraphQL type from plain functions. The GraphQL library has an attribute
//! `guard`, which enforces a rule, and an attribute `directive`, which documents it in the schema. [`macro@guarded`]
//! generates both from one rule, and with them what every resolver has in common: nullability, pagination arguments,
//! null on error.

mod field;
mod from_row;
mod merged;
mod object;
mod options;
mod output;
mod parameter;
mod partial_model;
mod plain;
mod row_columns;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;
use syn::Item;

use options::Options;

/// Placed on the `impl` of a GraphQL type, with the name of the type.
///
/// # Rules
/// Each `#[graphql(guard = "RULE")]` is evaluated for the object's row (its `Resource`), and added to the schema as
/// `@access(rule: …)`. The fields of `Query`, `Mutation` and `Subscription` have no row. A guard is required: without
/// one, the field does not compile. They also require an OAuth scope: `#[guarded(Query, domain = "notes")]` sets
/// `notes:read` (`notes:write` on `Mutation`) for each field; `#[graphql(guard = "…", scope = "…")]` overrides it for
/// one field. On other types, a field requires a scope only if it has one: if it leads to another domain.
///
/// # Nullability
/// A guarded field that returns `T` or `Result<T>` is nullable in the schema, because a denial sets it to null, and
/// `@semanticNonNull`. One that returns `Option<T>` or `Result<Option<T>>` is nullable only. The same applies to the
/// items of `impl Stream<Item = T>` on `Subscription`. The type must be written as `Option`: an alias is not expanded.
///
/// # Pagination
/// A parameter `page: Page` becomes the arguments `first`, `after`, `last` and `before`.
///
/// # Types
/// `#[guarded(Note)] impl Note` is a type whose nullable fields are null if they fail. `id = NoteId` states the key of
/// its rows, for `Id<Note>`. `#[guarded(Me)] struct Me(CoreMe, NotesMe);` is such a type, merged from parts; a part has
/// the name of the whole: `#[guarded(Me)] impl NotesMe`.
///
/// `#[Object]` and `#[Subscription]` are generated, unless one of them is written below this attribute. The generated
/// code names only the crate `hallpass`. The derive macros of the GraphQL library (`InputObject`, `SimpleObject`,
/// `Enum`) name the crate `async_graphql`, so an application that uses them depends on it, too.
#[proc_macro_attribute]
pub fn guarded(options: TokenStream, item: TokenStream) -> TokenStream {
    syn::parse(options)
        .and_then(|options| expand(syn::parse(item)?, &options))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Decodes the rows of a table by the position of their columns, which is cheaper than by name. Placed on the `Model`
/// beside `DeriveEntityModel`; the crate of the table depends on `sea-orm`.
#[proc_macro_derive(FromRow)]
pub fn from_row(model: TokenStream) -> TokenStream {
    syn::parse(model)
        .and_then(|model| from_row::expand(&model))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// A row of which some columns are read: the struct `Partial` beside the `Model`, whose functions have the names of the
/// columns, and fail for one that was not read. `FromRow` is derived too.
#[proc_macro_derive(PartialModel)]
pub fn partial_model(model: TokenStream) -> TokenStream {
    syn::parse(model)
        .and_then(|model| partial_model::expand(&model))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

fn expand(item: Item, options: &Options) -> syn::Result<TokenStream2> {
    match item {
        Item::Impl(item) => object::expand(item, options),
        Item::Struct(item) => merged::expand(&item, options),
        other => {
            let message = "`#[guarded]` belongs on an `impl`, or on a tuple struct of parts";
            Err(syn::Error::new_spanned(other, message))
        }
    }
}
