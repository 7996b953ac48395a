//! The parameters of a resolver, and the arguments of its field: a `Page` becomes four.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, FnArg, GenericArgument, Ident, Pat, PatType, PathArguments, Signature, Token, Type,
    parse_quote,
};

use crate::output::is_connection;

const PAGE_ARGUMENTS: [&str; 4] = ["first", "after", "last", "before"];

/// How the wrapper of a resolver calls it.
pub(crate) struct Call {
    /// Arguments of the call.
    pub(crate) arguments: Vec<TokenStream>,
    /// Whether an argument differs from the field's.
    pub(crate) has_page: bool,
}

/// Changes the parameters of `signature` to those of the field.
pub(crate) fn expand(signature: &mut Signature) -> syn::Result<Call> {
    let mut call = Call { arguments: Vec::new(), has_page: false };
    let is_list = is_connection(signature);
    let has_page = signature.inputs.iter().any(|input| match input {
        FnArg::Typed(parameter) => matches!(page_of(&parameter.ty), Page::Yes),
        FnArg::Receiver(_) => false,
    });
    let mut inputs = Punctuated::<FnArg, Token![,]>::new();
    for mut input in std::mem::take(&mut signature.inputs) {
        let FnArg::Typed(parameter) = &mut input else {
            inputs.push(input);
            continue;
        };
        if is_page(parameter, is_list, call.has_page)? {
            let names = PAGE_ARGUMENTS.map(|name| format_ident!("{name}"));
            inputs.extend(page_arguments(&names));
            let page = &parameter.ty;
            call.arguments.push(quote!(<#page>::new(#(#names),*)));
            call.has_page = true;
            continue;
        }
        let name = argument_name(parameter)?;
        if has_page && PAGE_ARGUMENTS.iter().any(|argument| name == argument) {
            let message = format!("`page: Page` has the argument `{name}`: remove this one");
            return Err(syn::Error::new_spanned(name, message));
        }
        call.arguments.push(quote!(#name));
        inputs.push(input);
    }
    signature.inputs = inputs;
    Ok(call)
}

/// Whether the parameter is a `Page`. An error if the resolver may not have it.
fn is_page(parameter: &PatType, is_list: bool, is_second: bool) -> syn::Result<bool> {
    let message = match page_of(&parameter.ty) {
        Page::No => return Ok(false),
        Page::Wrapped => "write `page: Page`: each of its arguments is optional",
        Page::Yes if !is_list => {
            "a `Page` is a parameter of a list: return `Result<Connection<…>>`"
        }
        Page::Yes if is_second => "a list has one `Page`: remove this parameter",
        Page::Yes => {
            let Some(attribute) = parameter.attrs.iter().find(|it| is_graphql(it)) else {
                return Ok(true);
            };
            let message = "the arguments of a `Page` have no options: remove this attribute";
            return Err(syn::Error::new_spanned(attribute, message));
        }
    };
    Err(syn::Error::new_spanned(&parameter.ty, message))
}

/// The arguments of the field that a `Page` becomes.
fn page_arguments([first, after, last, before]: &[Ident; 4]) -> [FnArg; 4] {
    [
        parse_quote! {
            #[graphql(directive = ::hallpass::graphql::Constrained::apply(
                ::hallpass::graphql::FIRST
            ))]
            #first: ::core::option::Option<i32>
        },
        parse_quote!(#after: ::core::option::Option<::std::string::String>),
        parse_quote! {
            #[graphql(directive = ::hallpass::graphql::Constrained::apply(
                ::hallpass::graphql::LAST
            ))]
            #last: ::core::option::Option<i32>
        },
        parse_quote!(#before: ::core::option::Option<::std::string::String>),
    ]
}

/// The name of an argument of the field, or of the context. A context without a name is given one.
fn argument_name(parameter: &mut PatType) -> syn::Result<Ident> {
    match &mut *parameter.pat {
        Pat::Ident(name) => {
            name.mutability = None;
            Ok(name.ident.clone())
        }
        Pat::Wild(_) if is_context(&parameter.ty) => {
            let name: Ident = parse_quote!(ctx);
            *parameter.pat = parse_quote!(#name);
            Ok(name)
        }
        other => {
            let message = "the parameter is an argument of the field: give it a name";
            Err(syn::Error::new_spanned(other, message))
        }
    }
}

/// Removes the options of arguments, which are those of the field.
pub(crate) fn strip(signature: &mut Signature) {
    for input in &mut signature.inputs {
        if let FnArg::Typed(parameter) = input {
            parameter.attrs.retain(|attribute| !is_graphql(attribute));
        }
    }
}

pub(crate) fn is_graphql(attribute: &Attribute) -> bool {
    attribute.path().is_ident("graphql")
}

enum Page {
    No,
    Yes,
    /// In an `Option` or behind a reference.
    Wrapped,
}

fn page_of(parameter: &Type) -> Page {
    match parameter {
        Type::Path(named) => match named.path.segments.last() {
            Some(name) if name.ident == "Page" => Page::Yes,
            Some(name) if name.ident == "Option" => match &name.arguments {
                PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
                    Some(GenericArgument::Type(inner)) => wrapped(inner),
                    _ => Page::No,
                },
                PathArguments::None | PathArguments::Parenthesized(_) => Page::No,
            },
            _ => Page::No,
        },
        Type::Reference(reference) => wrapped(&reference.elem),
        _ => Page::No,
    }
}

fn wrapped(inner: &Type) -> Page {
    match page_of(inner) {
        Page::No => Page::No,
        Page::Yes | Page::Wrapped => Page::Wrapped,
    }
}

fn is_context(parameter: &Type) -> bool {
    match parameter {
        Type::Reference(reference) => match &*reference.elem {
            Type::Path(named) => {
                named.path.segments.last().is_some_and(|name| name.ident == "Context")
            }
            _ => false,
        },
        _ => false,
    }
}
