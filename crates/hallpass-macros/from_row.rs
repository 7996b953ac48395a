//! `#[derive(FromRow)]`: decodes the rows of a table by position.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, Type};

pub(crate) fn expand(item: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Struct(data) = &item.data else { return fail(item) };
    let Fields::Named(fields) = &data.fields else { return fail(item) };
    let model = &item.ident;
    let mut position = 0_usize;
    let (mut by_position, mut by_name) = (Vec::new(), Vec::new());
    for field in &fields.named {
        let name = &field.ident;
        // A column for search is not read.
        if is_named(&field.ty, "SearchText") {
            let unread = quote!(#name: ::core::default::Default::default());
            by_position.push(unread.clone());
            by_name.push(unread);
            continue;
        }
        by_position.push(quote!(#name: sea_orm::TryGetable::try_get_by(row, #position)?));
        by_name.push(quote! {
            #name: sea_orm::TryGetable::try_get(
                row,
                prefix,
                columns.get(#position).map_or("", ::std::string::String::as_str),
            )?
        });
        position += 1;
    }
    let result = quote!(::core::result::Result<Self, sea_orm::TryGetError>);
    Ok(quote! {
        impl sea_orm::TryGetableMany for #model {
            fn try_get_many(
                row: &sea_orm::QueryResult,
                prefix: &::core::primitive::str,
                columns: &[::std::string::String],
            ) -> #result {
                ::core::result::Result::Ok(Self { #(#by_name),* })
            }

            fn try_get_many_by_index(row: &sea_orm::QueryResult) -> #result {
                ::core::result::Result::Ok(Self { #(#by_position),* })
            }
        }
    })
}

fn fail(item: &DeriveInput) -> syn::Result<TokenStream> {
    let message = "`FromRow` belongs on the `Model` of a table: a struct with named fields";
    Err(syn::Error::new_spanned(&item.ident, message))
}

fn is_named(named: &Type, name: &str) -> bool {
    match named {
        Type::Path(named) => named.path.segments.last().is_some_and(|last| last.ident == name),
        _ => false,
    }
}
