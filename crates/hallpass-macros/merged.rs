//! A GraphQL type merged from parts: a tuple struct.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Fields, Index, ItemStruct, parse_quote};

use crate::object::{implement_id, implement_object, wrapper_name};
use crate::options::Options;

pub(crate) fn expand(item: &ItemStruct, object: &Options) -> syn::Result<TokenStream> {
    let fail = |at: &dyn quote::ToTokens, message| Err(syn::Error::new_spanned(at, message));
    let Fields::Unnamed(parts) = &item.fields else {
        return fail(
            &item.ident,
            "a merged type is a tuple struct of its parts: `struct Me(CoreMe, NotesMe);`",
        );
    };
    if object.is_root() {
        return fail(&object.object, "merge a root type with `#[derive(MergedObject)]`");
    }
    if item.ident != object.object {
        return fail(&object.object, "the struct has another name: write the same");
    }
    if !item.generics.params.is_empty() {
        return fail(&item.generics, "a merged type has no parameters");
    }
    let named = &item.ident;
    let named = parse_quote!(#named);
    let (name, wrapper) = (object.object.to_string(), wrapper_name(object));
    let types = parts.unnamed.iter().map(|part| &part.ty);
    let indices = (0..parts.unnamed.len()).map(Index::from);
    let whole = implement_object(&named, object, &quote!(#wrapper(#(&self.#indices),*)), &[]);
    let id = object.id.as_ref().map(|key| implement_id(&named, object, key));
    let docs = item.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
    Ok(quote! {
        #item
        const _: () = {
            #(#docs)*
            #[derive(::hallpass::async_graphql::MergedObject)]
            #[graphql(name = #name, crate = "::hallpass::async_graphql")]
            struct #wrapper<'a>(#(&'a #types),*);

            #whole
        };
        #id
    })
}
