//! The return type of a resolver, and its form in the schema: nullable if the field has a guard.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    AssocType, GenericArgument, PathArguments, PathSegment, ReturnType, Signature, Type,
    TypeParamBound, parse_quote,
};

/// How the wrapper of a resolver converts its result.
pub(crate) struct Conversion {
    /// Whether the value is wrapped in `Some`: the field becomes nullable.
    pub(crate) wraps_value: bool,
    /// Whether the resolver returns a `Result`.
    is_fallible: bool,
    /// Of a stream: whether its items are `Result`s.
    stream: Option<bool>,
}

impl Conversion {
    /// Changes the return type of `signature` to that of the field. `is_guarded` if the field has a guard.
    pub(crate) fn apply(signature: &mut Signature, is_guarded: bool, is_stream: bool) -> Self {
        let mut conversion = Self { wraps_value: false, is_fallible: false, stream: None };
        let ReturnType::Type(_, output) = &mut signature.output else { return conversion };
        conversion.is_fallible = result_value(output).is_some();
        let value = match conversion.is_fallible {
            true => result_value(output).expect("was a result"),
            false => &mut **output,
        };
        if !is_stream {
            conversion.wraps_value = is_guarded && make_nullable(value);
            return conversion;
        }
        let Some(item) = stream_item(value) else { return conversion };
        let mut is_fallible = false;
        if let Some(value) = result_value(item) {
            is_fallible = true;
            conversion.wraps_value = is_guarded && make_nullable(value);
            // An item's error must be that of the library.
            let value = value.clone();
            *item = parse_quote!(::hallpass::async_graphql::Result<#value>);
        } else {
            conversion.wraps_value = is_guarded && make_nullable(item);
        }
        conversion.stream = Some(is_fallible);
        conversion
    }

    /// Whether the result is not converted.
    pub(crate) fn is_identity(&self) -> bool {
        !self.wraps_value && self.stream != Some(true)
    }

    /// Converts `result`, an expression.
    pub(crate) fn convert(&self, result: TokenStream) -> TokenStream {
        if self.is_identity() {
            return result;
        }
        let wrap = quote!(::core::option::Option::Some);
        match (self.stream, self.is_fallible) {
            (None, true) => quote!(#result.map(#wrap)),
            (None, false) => quote!(#wrap(#result)),
            (Some(items), is_fallible) => {
                let wrapped = self.wraps_value.then(|| quote!(.map(#wrap)));
                let convert = match items {
                    true => {
                        quote!(|item| item #wrapped.map_err(::core::convert::Into::<::hallpass::async_graphql::Error>::into))
                    }
                    false => wrap,
                };
                let map = quote!(::hallpass::async_graphql::futures_util::StreamExt::map);
                match is_fallible {
                    true => quote!(#result.map(|stream| #map(stream, #convert))),
                    false => quote!(#map(#result, #convert)),
                }
            }
        }
    }
}

/// Whether the return type is a connection, possibly fallible or nullable.
pub(crate) fn is_connection(signature: &Signature) -> bool {
    let ReturnType::Type(_, output) = &signature.output else { return false };
    let mut value = (**output).clone();
    while let Some(inner) = argument_of(&value, &["Result", "FieldResult", "Option"]) {
        value = inner;
    }
    last_segment(&mut value).is_some_and(|name| name.ident.to_string().ends_with("Connection"))
}

/// Makes the type an `Option`, unless it is one.
fn make_nullable(value: &mut Type) -> bool {
    if generic_of(value, &["Option"]).is_some() {
        return false;
    }
    *value = parse_quote!(::core::option::Option<#value>);
    true
}

/// `T` of `Result<T>`.
fn result_value(output: &mut Type) -> Option<&mut Type> {
    generic_of(output, &["Result", "FieldResult"])
}

/// `T` of `impl Stream<Item = T>`.
fn stream_item(stream: &mut Type) -> Option<&mut Type> {
    let Type::ImplTrait(stream) = stream else { return None };
    stream.bounds.iter_mut().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let mut arguments = arguments(bound.path.segments.last_mut()?)?;
        arguments.find_map(|argument| match argument {
            GenericArgument::AssocType(AssocType { ident, ty, .. }) if *ident == "Item" => Some(ty),
            _ => None,
        })
    })
}

/// The first type argument of a generic type with one of these names.
pub(crate) fn argument_of(generic: &Type, names: &[&str]) -> Option<Type> {
    generic_of(&mut generic.clone(), names).cloned()
}

/// The first type argument of a generic type with one of these names.
fn generic_of<'a>(generic: &'a mut Type, names: &[&str]) -> Option<&'a mut Type> {
    let name = last_segment(generic)?;
    if !names.iter().any(|known| name.ident == known) {
        return None;
    }
    arguments(name)?.find_map(|argument| match argument {
        GenericArgument::Type(value) => Some(value),
        _ => None,
    })
}

fn last_segment(named: &mut Type) -> Option<&mut PathSegment> {
    match named {
        Type::Path(named) => named.path.segments.last_mut(),
        Type::Group(group) => last_segment(&mut group.elem),
        Type::Paren(group) => last_segment(&mut group.elem),
        _ => None,
    }
}

fn arguments(name: &mut PathSegment) -> Option<impl Iterator<Item = &mut GenericArgument>> {
    match &mut name.arguments {
        PathArguments::AngleBracketed(arguments) => Some(arguments.args.iter_mut()),
        PathArguments::None | PathArguments::Parenthesized(_) => None,
    }
}
