//! Plain fields: without parameters and context, and of a scalar type. They are resolved without a future. One that fails
//! is resolved again by the library, which reports its error.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, ImplItemFn, ReturnType, Type};

use crate::output::argument_of;
use crate::row_columns;

/// A plain field.
pub(crate) struct Plain {
    /// Its name in the schema.
    name: String,
    /// Whether its type is a scalar: an expression.
    is_plain: TokenStream,
    /// Writes its value, or returns false if the caller may not read it.
    write: TokenStream,
    /// The columns that it reads of its row, if they are known.
    columns: Option<Vec<String>>,
}

/// The functions of `GuardedObject`: from the name of a field to its number, and from the number to the value. None if
/// there are no plain fields.
pub(crate) fn functions(fields: &[Plain]) -> Option<TokenStream> {
    if fields.is_empty() {
        return None;
    }
    let numbers = fields
        .iter()
        .enumerate()
        .map(|(number, Plain { name, is_plain, .. })| quote!(#name if #is_plain => #number,));
    let values = fields
        .iter()
        .enumerate()
        .map(|(number, Plain { write, .. })| quote!(#number => { #write }));
    let columns = fields.iter().enumerate().filter_map(|(number, Plain { columns, .. })| {
        let columns = columns.as_ref()?;
        Some(quote!(#number => ::core::option::Option::Some(&[#(#columns),*]),))
    });
    Some(quote! {
        fn plain_columns(
            field: ::core::primitive::usize,
        ) -> ::core::option::Option<&'static [&'static ::core::primitive::str]> {
            match field {
                #(#columns)*
                _ => ::core::option::Option::None,
            }
        }

        fn plain_field(
            name: &::core::primitive::str,
        ) -> ::core::option::Option<::core::primitive::usize> {
            ::core::option::Option::Some(match name {
                #(#numbers)*
                _ => return ::core::option::Option::None,
            })
        }

        fn write_plain(
            &self,
            field: ::core::primitive::usize,
            auth: ::core::option::Option<&::hallpass::access::RequestAuth>,
            json: &mut ::std::vec::Vec<::core::primitive::u8>,
        ) -> ::core::primitive::bool {
            let _ = auth;
            match field {
                #(#values)*
                _ => false,
            }
        }
    })
}

/// The plain field of a resolver, by its name in the schema. None for other fields.
pub(crate) fn field(
    resolver: &ImplItemFn,
    name: &str,
    guard: Option<TokenStream>,
) -> Option<Plain> {
    let signature = &resolver.sig;
    let is_alone =
        signature.inputs.len() == 1 && matches!(signature.inputs.first(), Some(FnArg::Receiver(_)));
    let ReturnType::Type(_, output) = &signature.output else { return None };
    if !is_alone {
        return None;
    }
    let succeeded = argument_of(output, &["Result", "FieldResult"]);
    // The library reports an error.
    let unwrap = succeeded
        .is_some()
        .then(|| quote!(let ::core::result::Result::Ok(value) = value else { return false };));
    let output = succeeded.as_ref().unwrap_or(output);
    let ident = &signature.ident;
    let is_allowed = guard.map(|guard| {
        quote! {
            if !auth.is_some_and(|auth| (#guard).allows(auth)) {
                return false;
            }
        }
    });
    let value = match signature.asyncness {
        Some(_) => quote! {
            let ::core::option::Option::Some(value) =
                ::hallpass::async_graphql::futures_util::FutureExt::now_or_never(self.#ident())
            else {
                return false;
            };
        },
        None => quote!(let value = self.#ident();),
    };
    let Value { is_plain, write } = value_of(output)?;
    let write = quote! {
        #is_allowed
        #value
        #unwrap
        #write
        true
    };
    let columns = row_columns::read_by(&resolver.block);
    Some(Plain { name: name.to_owned(), is_plain, write, columns })
}

struct Value {
    /// Whether the type is plain: an expression.
    is_plain: TokenStream,
    /// Writes the variable `value`.
    write: TokenStream,
}

/// None if the type cannot be plain.
fn value_of(output: &Type) -> Option<Value> {
    if let Type::Group(group) = output {
        return value_of(&group.elem);
    }
    let (is_option, leaf) = match argument_of(output, &["Option"]) {
        Some(inner) => (true, inner),
        None => (false, output.clone()),
    };
    let text = match &leaf {
        Type::Reference(to) if is_str(&to.elem) => {
            Some(quote!(::hallpass::graphql::Json::write(value, json);))
        }
        Type::Path(_) if argument_of(&leaf, &["Id"]).is_some() => {
            Some(quote!(::hallpass::graphql::Id::write(&value, json);))
        }
        Type::Path(_) => None,
        _ => return None,
    };
    if let Some(write) = text {
        let write = match is_option {
            true => quote! {
                match value {
                    ::core::option::Option::Some(value) => { #write }
                    ::core::option::Option::None => json.extend_from_slice(b"null"),
                }
            },
            false => write,
        };
        return Some(Value { is_plain: quote!(true), write });
    }
    let plain = |value: TokenStream, call: TokenStream| {
        quote! {{
            use ::hallpass::graphql::{NotPlain as _, PlainEnum as _, PlainJson as _, PlainScalar as _};
            (&&&&::hallpass::graphql::PlainValue::<#leaf>(#value)).#call
        }}
    };
    let is_plain = plain(quote!(::core::option::Option::None), quote!(is_plain()));
    let value = match is_option {
        true => quote!(value.as_ref()),
        false => quote!(::core::option::Option::Some(&value)),
    };
    let write = plain(value, quote!(write(json)));
    Some(Value { is_plain, write: quote!(#write;) })
}

fn is_str(named: &Type) -> bool {
    matches!(named, Type::Path(named) if named.path.is_ident("str"))
}
