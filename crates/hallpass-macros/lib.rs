//! Attribute macro `#[guarded]`: generates the `@access` directive of a GraphQL field from its guard.
//!
//! The GraphQL library has two attributes: `guard` enforces a rule, and `directive` documents it in the schema.
//! [`macro@guarded`] generates both from one rule.

use proc_macro::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, ExprLit, Ident, ImplItem, ImplItemFn, ItemImpl, Lit, LitStr, Meta, Token,
    parse_quote,
};

/// Root types. Their fields have no row, and must have a rule and a scope.
const ROOT_TYPES: [&str; 3] = ["Query", "Mutation", "Subscription"];

/// Placed before `#[Object]` or `#[Subscription]`, with the name of the type. Each `#[graphql(guard = "RULE")]` is
/// evaluated for the object's row (its `Resource`), and added to the schema as `@access(rule: …)`.
///
/// The fields of `Query`, `Mutation` and `Subscription` have no row. A guard is required: without one, the field does
/// not compile. They also require an OAuth scope: `#[guarded(Query, domain = "notes")]` sets `notes:read`
/// (`notes:write` on `Mutation`) for each field; `#[graphql(guard = "…", scope = "…")]` overrides it for one field.
/// On other types, a field requires a scope only if it has one: if it leads to another domain.
#[proc_macro_attribute]
pub fn guarded(options: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = syn::parse(options)
        .and_then(|object: Guarded| syn::parse(item).and_then(|item| expand(item, &object)));
    match expanded {
        Ok(item) => quote!(#item).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

/// The options of the attribute: `Query, domain = "notes"`.
struct Guarded {
    object: String,
    domain: Option<String>,
}

impl Parse for Guarded {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let object = input.parse::<Ident>()?.to_string();
        if input.is_empty() {
            return Ok(Self { object, domain: None });
        }
        input.parse::<Token![,]>()?;
        let option = input.parse::<Ident>()?;
        if option != "domain" {
            return Err(syn::Error::new_spanned(option, "expected `domain = \"…\"`"));
        }
        input.parse::<Token![=]>()?;
        Ok(Self { object, domain: Some(input.parse::<LitStr>()?.value()) })
    }
}

impl Guarded {
    fn is_root(&self) -> bool {
        ROOT_TYPES.contains(&self.object.as_str())
    }

    /// Default scope of a field.
    fn scope(&self) -> Option<String> {
        let access = if self.object == "Mutation" { "write" } else { "read" };
        self.domain.as_ref().filter(|_| self.is_root()).map(|domain| format!("{domain}:{access}"))
    }
}

fn expand(mut item: ItemImpl, object: &Guarded) -> syn::Result<ItemImpl> {
    for member in &mut item.items {
        if let ImplItem::Fn(field) = member {
            expand_field(field, object)?;
        }
    }
    Ok(item)
}

fn expand_field(field: &mut ImplItemFn, object: &Guarded) -> syn::Result<()> {
    let name = object.object.as_str();
    for attribute in &mut field.attrs {
        if attribute.path().is_ident("graphql") {
            let mut options = options(attribute)?;
            let scope = take(&mut options, "scope").map(|scope| text(&scope)).transpose()?;
            let Some(rule) = take(&mut options, "guard") else { continue };
            let rule: Expr = match text(&rule) {
                Ok(text) => syn::parse_str(&text)?,
                Err(_) => rule,
            };
            let scope = scope.or_else(|| object.scope());
            if object.is_root() && scope.is_none() {
                let message = "this field has no OAuth scope: add \
                     `#[guarded(Query, domain = \"…\")]`, or `scope = \"…\"` beside the guard";
                return Err(syn::Error::new_spanned(&field.sig.ident, message));
            }
            let scope: Expr = match scope {
                Some(scope) => parse_quote!(::core::option::Option::Some(#scope)),
                None => parse_quote!(::core::option::Option::None),
            };
            let demand: Expr = parse_quote!((#rule).with_scope(#scope));
            let scope_argument: Expr =
                parse_quote!(::core::option::Option::map(#scope, str::to_owned));
            let guard: Expr = match object.is_root() || is_public(&rule) {
                true => parse_quote!(#demand.without_object(#name)),
                false => parse_quote!(#demand.of(#name, self)),
            };
            *attribute = parse_quote! {
                #[graphql(
                    guard = #guard,
                    directive = ::hallpass::access::access_rule::apply((#rule).register(), #scope_argument),
                    #options
                )]
            };
            return Ok(());
        }
    }
    if object.is_root() {
        let message = "this field has no rule: add `#[graphql(guard = \"…\")]`, such as `Public`";
        return Err(syn::Error::new_spanned(&field.sig.ident, message));
    }
    Ok(())
}

/// Whether the rule is `Public`, which needs no row.
fn is_public(rule: &Expr) -> bool {
    match rule {
        Expr::Path(path) => path.path.segments.last().is_some_and(|name| name.ident == "Public"),
        _ => false,
    }
}

fn options(attribute: &Attribute) -> syn::Result<Punctuated<Meta, Token![,]>> {
    attribute.parse_args_with(Punctuated::parse_terminated)
}

/// Removes the option `name` from `options` and returns its value.
fn take(options: &mut Punctuated<Meta, Token![,]>, name: &str) -> Option<Expr> {
    let mut taken = None;
    let mut others = Punctuated::new();
    for option in std::mem::take(options) {
        match option {
            Meta::NameValue(pair) if pair.path.is_ident(name) => taken = Some(pair.value),
            other => others.push(other),
        }
    }
    *options = others;
    taken
}

fn text(expression: &Expr) -> syn::Result<String> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        other => Err(syn::Error::new_spanned(other, "expected a string literal")),
    }
}
