//! Reads a field's guard, so that the rule is stated once.
//!
//! The GraphQL library has two attributes for what is one statement: `guard`, which enforces, and
//! `directive`, which stands in the schema. [`macro@guarded`] writes the second from the first.

use proc_macro::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, ExprLit, Ident, ImplItem, ImplItemFn, ItemImpl, Lit, LitStr, Meta, Token,
    parse_quote,
};

/// The types whose fields have no row, and have to state a rule and a scope.
const ROOTS: [&str; 3] = ["Query", "Mutation", "Subscription"];

/// Stands before `#[Object]` or `#[Subscription]`, with the name of the type. Each
/// `#[graphql(guard = "RULE")]` is asked about the object's row (its `Guarded`), and is stated in the schema
/// as `@access(rule: …)`.
///
/// The fields of `Query`, `Mutation` and `Subscription` have no row, and one without a guard does not
/// compile. They name the OAuth scope that a client needs as well: `#[guarded(Query, domain = "tasks")]`
/// gives each field `tasks:read` (`tasks:write` on `Mutation`), and `#[graphql(guard = "…", scope = "…")]`
/// overrides that for one field. Without either, it does not compile. On other types a field asks for a scope
/// only where it states one: where it leads into another domain.
#[proc_macro_attribute]
pub fn guarded(options: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = syn::parse(options)
        .and_then(|object: Guarded| syn::parse(item).and_then(|item| expand(item, &object)));
    match expanded {
        Ok(item) => quote!(#item).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

/// The options of the attribute: `Query, domain = "tasks"`.
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
        ROOTS.contains(&self.object.as_str())
    }

    /// The scope of a field that states none of its own.
    fn scope(&self) -> Option<String> {
        let access = if self.object == "Mutation" { "write" } else { "read" };
        self.domain.as_ref().filter(|_| self.is_root()).map(|domain| format!("{domain}:{access}"))
    }
}

fn expand(mut item: ItemImpl, object: &Guarded) -> syn::Result<ItemImpl> {
    for member in &mut item.items {
        if let ImplItem::Fn(field) = member {
            state(field, object)?;
        }
    }
    Ok(item)
}

fn state(field: &mut ImplItemFn, object: &Guarded) -> syn::Result<()> {
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
                let message = "say which OAuth scope this field asks for: \
                     `#[guarded(Query, domain = \"…\")]`, or `scope = \"…\"` beside the guard";
                return Err(syn::Error::new_spanned(&field.sig.ident, message));
            }
            let scope: Expr = match scope {
                Some(scope) => parse_quote!(::core::option::Option::Some(#scope)),
                None => parse_quote!(::core::option::Option::None),
            };
            let demand: Expr = parse_quote!((#rule).with_scope(#scope));
            let stated: Expr = parse_quote!(::core::option::Option::map(#scope, str::to_owned));
            let asked: Expr = match object.is_root() || is_public(&rule) {
                true => parse_quote!(#demand.without_object(#name)),
                false => parse_quote!(#demand.of(#name, self)),
            };
            *attribute = parse_quote! {
                #[graphql(
                    guard = #asked,
                    directive = ::hallpass::access::stated::apply((#rule).name(), #stated),
                    #options
                )]
            };
            return Ok(());
        }
    }
    if object.is_root() {
        let message = "say who may use this field: `#[graphql(guard = \"…\")]`, `Public` included";
        return Err(syn::Error::new_spanned(&field.sig.ident, message));
    }
    Ok(())
}

/// Whether the rule asks nothing of the row either.
fn is_public(rule: &Expr) -> bool {
    match rule {
        Expr::Path(path) => path.path.segments.last().is_some_and(|name| name.ident == "Public"),
        _ => false,
    }
}

fn options(attribute: &Attribute) -> syn::Result<Punctuated<Meta, Token![,]>> {
    attribute.parse_args_with(Punctuated::parse_terminated)
}

/// The value of the option called `name`, taken out of `options`.
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
        other => Err(syn::Error::new_spanned(other, "expected text in quotes")),
    }
}
