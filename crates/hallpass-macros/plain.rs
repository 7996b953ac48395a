//! Plain fields: without parameters and context, and of a scalar type. They are resolved without a future.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, ImplItemFn, ReturnType, Type};

use crate::output::argument_of;

/// The match arm that resolves a plain field, by its name in the schema. None for other fields.
pub(crate) fn arm(
    resolver: &ImplItemFn,
    name: &str,
    guard: Option<TokenStream>,
) -> Option<TokenStream> {
    let signature = &resolver.sig;
    let is_alone =
        signature.inputs.len() == 1 && matches!(signature.inputs.first(), Some(FnArg::Receiver(_)));
    let ReturnType::Type(_, output) = &signature.output else { return None };
    if !is_alone || argument_of(output, &["Result", "FieldResult"]).is_some() {
        return None;
    }
    let ident = &signature.ident;
    let call = match signature.asyncness {
        Some(_) => quote! {
            ::hallpass::async_graphql::futures_util::FutureExt::now_or_never(self.#ident())?
        },
        None => quote!(self.#ident()),
    };
    let is_allowed = guard.map(|guard| {
        quote! {
            if !(#guard).allows(auth?) {
                return ::core::option::Option::None;
            }
        }
    });
    let Value { is_plain, converted } = value(output)?;
    Some(quote! {
        #name => {
            #is_plain
            #is_allowed
            let value = #call;
            #converted
        }
    })
}

struct Value {
    /// Returns none if the type is not plain.
    is_plain: Option<TokenStream>,
    /// Converts the variable `value`.
    converted: TokenStream,
}

/// None if the type cannot be plain.
fn value(output: &Type) -> Option<Value> {
    if let Type::Group(group) = output {
        return value(&group.elem);
    }
    let (is_option, leaf) = match argument_of(output, &["Option"]) {
        Some(inner) => (true, inner),
        None => (false, output.clone()),
    };
    let text = match &leaf {
        Type::Reference(to) if is_str(&to.elem) => Some(quote!(::std::borrow::ToOwned::to_owned)),
        Type::Path(_) if argument_of(&leaf, &["Id"]).is_some() => {
            Some(quote!((|id| ::hallpass::graphql::Id::text(&id))))
        }
        Type::Path(_) => None,
        _ => return None,
    };
    let library = quote!(::hallpass::async_graphql);
    let some = quote!(::core::option::Option::Some);
    if let Some(text) = text {
        let converted = match is_option {
            true => quote!(value.map(#text).map_or(#library::Value::Null, #library::Value::String)),
            false => quote!(#library::Value::String(#text(value))),
        };
        return Some(Value { is_plain: None, converted: quote!(#some(#converted)) });
    }
    let plain = |value: TokenStream| {
        quote! {{
            use ::hallpass::graphql::{NotPlain as _, PlainEnum as _, PlainScalar as _};
            (&&&::hallpass::graphql::PlainValue::<#leaf>(#value)).plain()
        }}
    };
    let none = plain(quote!(::core::option::Option::None));
    let converted = plain(if is_option { quote!(value.as_ref()) } else { quote!(#some(&value)) });
    Some(Value { is_plain: Some(quote!(#none?;)), converted })
}

fn is_str(named: &Type) -> bool {
    matches!(named, Type::Path(named) if named.path.is_ident("str"))
}
