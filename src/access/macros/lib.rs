//! Reads a field's guard, so that the rule is stated once.
//!
//! The GraphQL library has two attributes for what is one statement: `guard`, which enforces, and
//! `directive`, which stands in the schema. [`macro@guarded`] writes the second from the first.

use proc_macro::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, ExprLit, Ident, ImplItem, ImplItemFn, ItemImpl, Lit, Meta, Token, parse_quote,
};

/// Stands before `#[Object]` or `#[Subscription]`, with the name of the type. Each
/// `#[graphql(guard = "RULE")]` is asked about the object's row (its `Guarded`), and is stated in the schema
/// as `@access(rule: …)`.
///
/// The fields of `Query`, `Mutation` and `Subscription` have no row, and one without a guard does not
/// compile.
#[proc_macro_attribute]
pub fn guarded(options: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = syn::parse(options).and_then(|object: Ident| {
        syn::parse(item).and_then(|item| expand(item, &object.to_string()))
    });
    match expanded {
        Ok(item) => quote!(#item).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

fn expand(mut item: ItemImpl, object: &str) -> syn::Result<ItemImpl> {
    for member in &mut item.items {
        if let ImplItem::Fn(field) = member {
            state(field, object)?;
        }
    }
    Ok(item)
}

fn state(field: &mut ImplItemFn, object: &str) -> syn::Result<()> {
    let is_root = ["Query", "Mutation", "Subscription"].contains(&object);
    for attribute in &mut field.attrs {
        if attribute.path().is_ident("graphql") {
            let mut options = options(attribute)?;
            if let Some(rule) = take_guard(&mut options)? {
                let asked: Expr = match is_root {
                    true => parse_quote!((#rule).alone(#object)),
                    false => parse_quote!((#rule).of(#object, self)),
                };
                *attribute = parse_quote! {
                    #[graphql(
                        guard = #asked,
                        directive = ::hallpass::access::stated::apply((#rule).name()),
                        #options
                    )]
                };
                return Ok(());
            }
        }
    }
    if is_root {
        let message = "say who may use this field: `#[graphql(guard = \"…\")]`, `Public` included";
        return Err(syn::Error::new_spanned(&field.sig.ident, message));
    }
    Ok(())
}

fn options(attribute: &Attribute) -> syn::Result<Punctuated<Meta, Token![,]>> {
    attribute.parse_args_with(Punctuated::parse_terminated)
}

/// The rule that is stated, taken out of `options`.
fn take_guard(options: &mut Punctuated<Meta, Token![,]>) -> syn::Result<Option<Expr>> {
    let mut rule = None;
    let mut others = Punctuated::new();
    for option in std::mem::take(options) {
        match &option {
            Meta::NameValue(pair) if pair.path.is_ident("guard") => {
                rule = Some(match &pair.value {
                    Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.parse()?,
                    expression => expression.clone(),
                });
            }
            _ => others.push(option),
        }
    }
    *options = others;
    Ok(rule)
}
