//! `#[derive(FromRow)]`: decodes the rows of a table by position.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, Ident, Type};

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
        // The driver takes long to decode times.
        let column = match is_named(of_type, "Timestamp") {
            true => quote!(&&Column::<#of_type>(::core::marker::PhantomData)),
            false => quote!(&&&Column::<#of_type>(::core::marker::PhantomData)),
        };
        values.push(quote!(#name: (#column).read(row, #position, of_known_types)?));
        position += 1;
    }
    let columns = columns(model);
    Ok(quote! {
        const _: () = {
            #columns

            impl FromRow for #model {
                fn from_row(
                    row: &sea_orm::QueryResult,
                    of_known_types: ::core::primitive::bool,
                ) -> ::core::result::Result<Self, sea_orm::TryGetError> {
                    ::core::result::Result::Ok(Self { #(#values),* })
                }
            }
        };
    })
}

/// Reads a column of a type. The method of the first trait that applies is called: the type is one of the driver, one
/// that wraps such a type, or any other type.
fn columns(model: &Ident) -> TokenStream {
    let result = quote!(::core::result::Result<T, sea_orm::TryGetError>);
    quote! {
        struct Column<T>(::core::marker::PhantomData<T>);

        trait OfDriver<T> {
            fn read(&self, row: &sea_orm::QueryResult, at: usize, of_known_types: bool) -> #result;
        }

        trait OfValue<T> {
            fn read(&self, row: &sea_orm::QueryResult, at: usize, of_known_types: bool) -> #result;
        }

        trait OfModel<T> {
            fn read(&self, row: &sea_orm::QueryResult, at: usize, of_known_types: bool) -> #result;
        }

        impl<T> OfDriver<T> for &&Column<T>
        where
            T: sea_orm::TryGetable
                + for<'r> sea_orm::sqlx::Decode<'r, sea_orm::sqlx::Postgres>,
        {
            fn read(&self, row: &sea_orm::QueryResult, at: usize, of_known_types: bool) -> #result {
                if let (true, ::core::option::Option::Some(row)) = (of_known_types, row.try_as_pg_row())
                    && let ::core::result::Result::Ok(value) =
                        sea_orm::sqlx::Row::try_get_unchecked::<T, usize>(row, at)
                {
                    return ::core::result::Result::Ok(value);
                }
                // Checks the type, and describes the error.
                T::try_get_by(row, at)
            }
        }

        impl<T> OfValue<T> for &Column<T>
        where
            T: sea_orm::TryGetable + sea_orm::sea_query::ValueType,
        {
            fn read(&self, row: &sea_orm::QueryResult, at: usize, of_known_types: bool) -> #result {
                let known = of_known_types.then(|| #model::of_known_type::<T>(row, at));
                match known.flatten() {
                    ::core::option::Option::Some(value) => ::core::result::Result::Ok(value),
                    ::core::option::Option::None => T::try_get_by(row, at),
                }
            }
        }

        impl<T: sea_orm::TryGetable> OfModel<T> for Column<T> {
            fn read(&self, row: &sea_orm::QueryResult, at: usize, _: bool) -> #result {
                T::try_get_by(row, at)
            }
        }
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
