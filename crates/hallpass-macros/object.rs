//! The `impl` of a GraphQL type: its fields.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Ident, ImplItem, ImplItemFn, ItemImpl, Path, PathArguments, Type, TypePath};

use crate::field::{self, Field, Receiver, is_skipped};
use crate::options::Options;
use crate::parameter::is_graphql;
use crate::plain::{self, Plain};

/// The members of an `impl`, expanded.
struct Members {
    /// The fields, as the GraphQL library takes them.
    fields: Vec<ImplItemFn>,
    /// The resolvers as written, and the members that are not fields.
    others: Vec<ImplItem>,
    plain: Vec<Plain>,
}

pub(crate) fn expand(mut item: ItemImpl, object: &Options) -> syn::Result<TokenStream> {
    if let Some((_, of, _)) = &item.trait_ {
        let message = "`#[guarded]` belongs on the `impl` of a type, not of a trait";
        return Err(syn::Error::new_spanned(of, message));
    }
    let library = take_library_attribute(&mut item.attrs);
    let named = item.self_ty.clone();
    let name = name_of(&named).ok_or_else(|| {
        syn::Error::new_spanned(&named, "`#[guarded]` belongs on the `impl` of a named type")
    })?;
    let is_whole = library.is_none() && !object.is_root() && *name == object.object;
    if is_whole && is_generic(&item) {
        let message = "a type with its own nulls on error has no parameters: write `#[Object]` \
             below `#[guarded]`, and return it in `NullOnError`";
        return Err(syn::Error::new_spanned(&item.self_ty, message));
    }
    let receiver = if is_whole { Receiver::Reference(&named) } else { Receiver::Itself };

    let members = expand_members(std::mem::take(&mut item.items), object, receiver)?;
    let Members { fields, others, plain } = &members;
    let id = object.id.as_ref().map(|key| implement_id(&named, object, key));
    let (parameters, _, conditions) = item.generics.split_for_impl();
    let (docs, attributes): (Vec<_>, Vec<_>) =
        item.attrs.iter().partition(|attribute| attribute.path().is_ident("doc"));
    let resolvers = (!others.is_empty()).then(|| {
        quote! {
            #(#attributes)*
            impl #parameters #named #conditions {
                #(#others)*
            }
        }
    });
    let graphql_type = if is_whole {
        implement_whole(&named, object, &docs, fields, plain)
    } else {
        let library = library_attribute(library, object);
        quote! {
            #(#docs)*
            #library
            impl #parameters #named #conditions {
                #(#fields)*
            }
        }
    };
    Ok(quote! {
        #resolvers
        #(#attributes)*
        #graphql_type
        #id
    })
}

/// Expands the fields among the members of an `impl`. The error combines those of all fields.
fn expand_members(
    items: Vec<ImplItem>,
    object: &Options,
    receiver: Receiver<'_>,
) -> syn::Result<Members> {
    let mut members = Members { fields: Vec::new(), others: Vec::new(), plain: Vec::new() };
    let mut errors: Option<syn::Error> = None;
    for item in items {
        match item {
            ImplItem::Fn(mut function) if is_skipped(&function) => {
                function.attrs.retain(|attribute| !is_graphql(attribute));
                members.others.push(ImplItem::Fn(function));
            }
            ImplItem::Fn(function) => match field::expand(function, object, receiver) {
                Ok(Field { wrapper, resolver, plain }) => {
                    members.plain.extend(plain);
                    members.fields.push(wrapper);
                    members.others.extend(resolver.map(ImplItem::Fn));
                }
                Err(error) => match &mut errors {
                    Some(errors) => errors.combine(error),
                    None => errors = Some(error),
                },
            },
            other => members.others.push(other),
        }
    }
    match errors {
        Some(errors) => Err(errors),
        None => Ok(members),
    }
}

/// Implements a GraphQL type by a wrapper of a reference to it, which has its fields.
fn implement_whole(
    named: &Type,
    object: &Options,
    docs: &[&Attribute],
    fields: &[ImplItemFn],
    plain: &[Plain],
) -> TokenStream {
    let (name, wrapper) = (object.object.to_string(), wrapper_name(object));
    let whole = implement_object(named, object, &quote!(#wrapper(self)), plain);
    quote! {
        const _: () = {
            struct #wrapper<'a>(&'a #named);

            #(#docs)*
            #[::hallpass::async_graphql::Object(name = #name, crate = "::hallpass::async_graphql")]
            impl #wrapper<'_> {
                #(#fields)*
            }

            #whole
        };
    }
}

/// The attribute of the GraphQL library: the one that is written, or that of the type.
fn library_attribute(written: Option<Attribute>, object: &Options) -> TokenStream {
    match written {
        Some(written) => quote!(#written),
        None if object.is_subscription() => {
            quote!(#[::hallpass::async_graphql::Subscription(crate = "::hallpass::async_graphql")])
        }
        None => quote!(#[::hallpass::async_graphql::Object(crate = "::hallpass::async_graphql")]),
    }
}

/// Removes `#[Object]` or `#[Subscription]`, if one of them is written.
fn take_library_attribute(attributes: &mut Vec<Attribute>) -> Option<Attribute> {
    let is_of_library = |attribute: &Attribute| {
        let name = attribute.path().segments.last();
        name.is_some_and(|name| name.ident == "Object" || name.ident == "Subscription")
    };
    let at = attributes.iter().position(is_of_library)?;
    Some(attributes.remove(at))
}

/// The last name in the path of a type.
fn name_of(named: &Type) -> Option<&Ident> {
    match named {
        Type::Path(TypePath { qself: None, path }) => Some(&path.segments.last()?.ident),
        Type::Group(group) => name_of(&group.elem),
        _ => None,
    }
}

fn is_generic(item: &ItemImpl) -> bool {
    let has_arguments = match &*item.self_ty {
        Type::Path(named) => {
            named.path.segments.iter().any(|name| !matches!(name.arguments, PathArguments::None))
        }
        _ => false,
    };
    has_arguments || !item.generics.params.is_empty()
}

/// Name of the type whose fields the GraphQL library resolves.
pub(crate) fn wrapper_name(object: &Options) -> Ident {
    format_ident!("{}Fields", object.object)
}

/// Implements the GraphQL type by `fields`, its wrapper, which sets null at a field that failed, and by its plain fields.
pub(crate) fn implement_object(
    named: &Type,
    object: &Options,
    fields: &TokenStream,
    plain: &[Plain],
) -> TokenStream {
    let output = implement_output(named, object);
    let plain = plain::functions(plain);
    quote! {
        impl ::hallpass::async_graphql::ContainerType for #named {
            async fn resolve_field(
                &self,
                ctx: &::hallpass::async_graphql::Context<'_>,
            ) -> ::hallpass::async_graphql::ServerResult<
                ::core::option::Option<::hallpass::async_graphql::Value>,
            > {
                let fields = ::hallpass::graphql::NullOnError(#fields);
                ::hallpass::async_graphql::ContainerType::resolve_field(&fields, ctx).await
            }
        }

        #output

        impl ::hallpass::async_graphql::ObjectType for #named {}

        impl ::hallpass::graphql::GuardedObject for #named {
            #plain
        }
    }
}

/// Implements the type information and the resolution of the GraphQL type.
fn implement_output(named: &Type, object: &Options) -> TokenStream {
    let (name, wrapper) = (object.object.to_string(), wrapper_name(object));
    quote! {
        impl ::hallpass::async_graphql::OutputType for #named {
            fn type_name() -> ::std::borrow::Cow<'static, ::core::primitive::str> {
                ::std::borrow::Cow::Borrowed(#name)
            }

            fn create_type_info(
                registry: &mut ::hallpass::async_graphql::registry::Registry,
            ) -> ::std::string::String {
                <::hallpass::graphql::NullOnError<#wrapper<'static>> as ::hallpass::async_graphql::OutputType>
                    ::create_type_info(registry)
            }

            async fn resolve(
                &self,
                ctx: &::hallpass::async_graphql::ContextSelectionSet<'_>,
                _: &::hallpass::async_graphql::Positioned<
                    ::hallpass::async_graphql::parser::types::Field,
                >,
            ) -> ::hallpass::async_graphql::ServerResult<::hallpass::async_graphql::Value> {
                ::hallpass::graphql::resolve_object(ctx, self).await
            }
        }
    }
}

/// Implements the global ID of the type.
pub(crate) fn implement_id(named: &Type, object: &Options, key: &Path) -> TokenStream {
    let name = object.object.to_string();
    let word = words(&name);
    quote! {
        impl ::hallpass::graphql::HasId for #named {
            type Key = #key;
            const TYPE: &'static str = #name;
            const WORD: &'static str = #word;
        }
    }
}

/// The words of a name in camel case: `chapter variant` for `ChapterVariant`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
