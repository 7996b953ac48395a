//! `#[derive(FromRow)]`: decodes the rows of a table by position.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Field, Fields, Type};

pub(crate) fn expand(item: &DeriveInput) -> syn::Result<TokenStream> {
    let model = &item.ident;
    let mut position = 0_usize;
    let mut values = Vec::new();
    for field in fields_of(item)? {
        let (name, of_type) = (&field.ident, &field.ty);
        if is_for_search(field) {
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

/// The columns that are read of the model of a table.
pub(crate) fn columns_of(item: &DeriveInput) -> syn::Result<Vec<&Field>> {
    Ok(fields_of(item)?.filter(|field| !is_for_search(field)).collect())
}

fn fields_of(item: &DeriveInput) -> syn::Result<impl Iterator<Item = &Field>> {
    match &item.data {
        Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => Ok(data.fields.iter()),
        _ => {
            let message = "this belongs on the `Model` of a table: a struct with named fields";
            Err(syn::Error::new_spanned(&item.ident, message))
        }
    }
}

/// A column for search is not read.
fn is_for_search(field: &Field) -> bool {
    match &field.ty {
        Type::Path(named) => {
            named.path.segments.last().is_some_and(|last| last.ident == "SearchText")
        }
        _ => false,
    }
}

/// Reads columns of the types that `hallpass-data` does not decode: its own function is called for the others.
pub(crate) fn other_columns() -> TokenStream {
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
