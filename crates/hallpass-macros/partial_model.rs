//! `#[derive(PartialModel)]`: a row of a table of which some columns are read.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{DeriveInput, Field, Ident, Type};

use crate::from_row::{columns_of, other_columns};

/// A column: its field, its variant in `Column`, and its type.
struct Column<'a> {
    field: &'a Ident,
    variant: Ident,
    of_type: &'a Type,
}

impl<'a> Column<'a> {
    fn of(field: &'a Field) -> Option<Self> {
        let name = field.ident.as_ref()?;
        Some(Self { field: name, variant: variant_of(name), of_type: &field.ty })
    }
}

/// The name that `DeriveEntityModel` gives the column of a field.
fn variant_of(field: &Ident) -> Ident {
    let name = field.unraw().to_string();
    let words = name.split('_').filter(|word| !word.is_empty());
    let name: String = words.map(|word| word[..1].to_uppercase() + &word[1..]).collect();
    format_ident!("{name}", span = field.span())
}

pub(crate) fn expand(item: &DeriveInput) -> syn::Result<TokenStream> {
    let (model, visibility) = (&item.ident, &item.vis);
    let columns: Vec<_> = columns_of(item)?.into_iter().filter_map(Column::of).collect();
    let fields = columns
        .iter()
        .map(|Column { field, of_type, .. }| quote!(#field: ::core::option::Option<#of_type>));
    let accessors = columns.iter().map(accessor);
    let whole = columns
        .iter()
        .map(|Column { field, .. }| quote!(#field: ::core::option::Option::Some(row.#field)));
    let names = columns.iter().map(|Column { field, variant, .. }| {
        let name = field.unraw().to_string();
        quote!(#name => Column::#variant,)
    });
    let reads = columns.iter().map(|Column { field, variant, of_type }| {
        quote! {
            Column::#variant => {
                let value = <#model as FromRow>::column::<#of_type>().read(row, at, known)?;
                partial.#field = ::core::option::Option::Some(value);
            }
        }
    });
    let values = columns.iter().map(|Column { field, variant, .. }| {
        quote!(Column::#variant => self.#field.clone().map(::core::convert::Into::into),)
    });
    let variants = columns.iter().map(|Column { variant, .. }| variant);
    let other_columns = other_columns();
    Ok(quote! {
        /// A row of which some columns were read.
        #[derive(Clone, Debug, Default)]
        #visibility struct Partial { #(#fields),* }

        impl Partial { #(#accessors)* }

        const _: () = {
            #other_columns

            impl ::core::convert::From<#model> for Partial {
                fn from(row: #model) -> Self {
                    Self { #(#whole),* }
                }
            }

            impl PartialModel for Partial {
                type Entity = Entity;
                const COLUMNS: &'static [Column] = &[#(Column::#variants),*];

                fn column(name: &::core::primitive::str) -> ::core::option::Option<Column> {
                    ::core::option::Option::Some(match name {
                        #(#names)*
                        _ => return ::core::option::Option::None,
                    })
                }

                fn read(
                    row: &sea_orm::QueryResult,
                    columns: &[Column],
                    known: &mut ::core::primitive::u64,
                ) -> ::core::result::Result<Self, sea_orm::TryGetError> {
                    let mut partial = Self::default();
                    for (at, column) in columns.iter().enumerate() {
                        match column {
                            #(#reads)*
                            _ => {}
                        }
                    }
                    ::core::result::Result::Ok(partial)
                }

                fn value(&self, column: Column) -> ::core::option::Option<sea_orm::Value> {
                    match column {
                        #(#values)*
                        _ => ::core::option::Option::None,
                    }
                }
            }
        };
    })
}

fn accessor(Column { field, of_type, .. }: &Column<'_>) -> TokenStream {
    let name = field.unraw().to_string();
    let docs = format!("The column `{name}`.\n\n# Errors\nIf it was not read.");
    quote! {
        #[doc = #docs]
        pub fn #field(&self) -> ::core::result::Result<&#of_type, sea_orm::DbErr> {
            self.#field.as_ref().ok_or_else(|| sea_orm::DbErr::AttrNotSet(#name.into()))
        }
    }
}
