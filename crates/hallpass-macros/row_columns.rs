//! The columns of its row that a field reads, as far as its body shows them.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::Block;

/// The field of a type that holds its row, a `PartialModel`.
const ROW: &str = "row";

/// The columns `c` that a body reads as `self.row.c()`. None if it uses `self` in another way than that, or as a field
/// `self.f`: then it may read any column.
pub(crate) fn read_by(body: &Block) -> Option<Vec<String>> {
    let mut columns = Vec::new();
    collect(body.to_token_stream(), &mut columns)?;
    Some(columns)
}

fn collect(tokens: TokenStream, columns: &mut Vec<String>) -> Option<()> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut rest = &*tokens;
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        match first {
            TokenTree::Ident(name) if name == "self" => rest = after_self(others, columns)?,
            TokenTree::Ident(name) if name == "Self" => return None,
            TokenTree::Group(group) => collect(group.stream(), columns)?,
            _ => {}
        }
    }
    Some(())
}

/// What follows `self.row.c()` or `self.f`.
fn after_self<'a>(rest: &'a [TokenTree], columns: &mut Vec<String>) -> Option<&'a [TokenTree]> {
    let (field, rest) = member(rest)?;
    if field != ROW {
        return (!is_call(rest)).then_some(rest);
    }
    let (column, rest) = member(rest)?;
    columns.push(column);
    is_call(rest).then_some(rest)
}

/// The name behind a dot.
fn member(rest: &[TokenTree]) -> Option<(String, &[TokenTree])> {
    match rest {
        [TokenTree::Punct(dot), TokenTree::Ident(name), rest @ ..] if dot.as_char() == '.' => {
            Some((name.to_string(), rest))
        }
        _ => None,
    }
}

fn is_call(rest: &[TokenTree]) -> bool {
    let is_generic =
        |first: &TokenTree| matches!(first, TokenTree::Punct(it) if it.as_char() == ':');
    let is_list = |first: &TokenTree| matches!(first, TokenTree::Group(it) if it.delimiter() == Delimiter::Parenthesis);
    rest.first().is_some_and(|first| is_list(first) || is_generic(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_the_body() {
        for (body, columns) in [
            ("{ Ok(self.row.title()?) }", Some(&["title"][..])),
            ("{ Ok(self.row.due_at()?.map(DateTime)) }", Some(&["due_at"])),
            (
                "{ Ok(Id::new(*self.row.id()?) == self.row.owner_id()?.len()) }",
                Some(&["id", "owner_id"]),
            ),
            ("{ self.is_owner }", Some(&[])),
            ("{ self.row.title }", None),
            ("{ self.row.clone() }", Some(&["clone"])),
            ("{ self.row }", None),
            ("{ let row = &self.row; row.title() }", None),
            ("{ self.read_tags() }", None),
            ("{ self.read::<Tags>() }", None),
            ("{ OwnTask(self) }", None),
            ("{ (|| self.row.title())() }", Some(&["title"])),
            ("{ Self::title(self) }", None),
            ("{ self.0.row.title() }", None),
        ] {
            let body = syn::parse_str(body).unwrap();
            let read = read_by(&body);
            let expected = columns.map(|names| names.iter().map(|it| (*it).to_owned()).collect());
            assert_eq!(read, expected, "{}", body.to_token_stream());
        }
    }
}
