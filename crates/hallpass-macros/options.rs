//! The options of the attribute: `Note, id = NoteId` or `Query, domain = "notes"`.

use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitStr, Path, Token};

/// Root types. Their fields have no row, and must have a rule and a scope.
const ROOT_TYPES: [&str; 3] = ["Query", "Mutation", "Subscription"];

pub(crate) struct Options {
    /// Name of the GraphQL type.
    pub(crate) object: Ident,
    domain: Option<String>,
    /// Type of the key of the object's rows.
    pub(crate) id: Option<Path>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            let message =
                "name the GraphQL type: `#[guarded(Query, domain = \"…\")]` or `#[guarded(Note)]`";
            return Err(input.error(message));
        }
        let mut options = Self { object: input.parse()?, domain: None, id: None };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if !input.is_empty() {
                options.parse_option(input)?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn parse_option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let option = input.parse::<Ident>()?;
        let fail = |message| Err(syn::Error::new_spanned(&option, message));
        match option.to_string().as_str() {
            "domain" if !self.is_root() => fail(
                "`domain` is an option of `Query`, `Mutation` and `Subscription`: write `scope = \"…\"` beside the guard of a field",
            ),
            "domain" => {
                input.parse::<Token![=]>()?;
                self.domain = Some(input.parse::<LitStr>()?.value());
                Ok(())
            }
            "id" if self.is_root() => fail("`id` is an option of types with rows"),
            "id" => {
                input.parse::<Token![=]>()?;
                self.id = Some(input.parse()?);
                Ok(())
            }
            _ => fail(
                "unknown option: write `domain = \"…\"` for a root type, or `id = …Id` for a type with rows",
            ),
        }
    }

    pub(crate) fn is_root(&self) -> bool {
        ROOT_TYPES.iter().any(|root| self.object == root)
    }

    pub(crate) fn is_subscription(&self) -> bool {
        self.object == "Subscription"
    }

    /// Default scope of a field.
    pub(crate) fn scope(&self) -> Option<String> {
        let access = if self.object == "Mutation" { "write" } else { "read" };
        self.domain.as_ref().filter(|_| self.is_root()).map(|domain| format!("{domain}:{access}"))
    }
}
