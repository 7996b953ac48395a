//! `#[derive(FromRow)]`: decodes the rows of a table by position.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, Type};

pub(crate) fn expand(item: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Struct(data) = &item.data else { return fail(item) };
    let Fields::Named(fields) = &data.fields else { return fail(item) };
    let model = &item.ident;
    let mut position = 0_usize;
    let mut values = Vec::new();
    for field in &fields.named {
        let (name, of_type) = (&field.ident, &field.ty);
        // A column for search is not read.
        if is_named(of_type, "SearchText") {
            values.push(quote!(#name: ::core::default::Default::default()));
            continue;
        }
        values.push(quote! {
            #name: Self::column::<#of_type>().read(row, #position, known)?
        });
        position += 1;
    }
    let other_columns = other_columns();
    Ok(quote! {
        const _: () = {
            #other_columns

            impl FromRow for #model {
                fn from_row(
                    row: &sea_orm::QueryResult,
                    known: &mut ::core::primitive::u64,
                ) -> ::core::result::Result<Self, sea_orm::TryGetError> {
                    ::core::result::Result::Ok(Self { #(#values),* })
                }
            }
        };
    })
}

/// Reads columns of the types that `hallpass-data` does not decode: its own function is called for the others.
fn other_columns() -> TokenStream {
    quote! {
        trait OtherColumn {
            fn read<T: sea_orm::TryGetable>(
                &self,
                row: &sea_orm::QueryResult,
                at: ::core::primitive::usize,
                _: &mut ::core::primitive::u64,
            ) -> ::core::result::Result<T, sea_orm::TryGetError> {
                T::try_get_by(row, at)
            }
        }

        impl<C> OtherColumn for C {}
    }
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
