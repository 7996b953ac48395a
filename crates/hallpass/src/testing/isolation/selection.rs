//! Selections of everything that a response can contain.

use std::collections::BTreeSet;

use async_graphql::parser::types::TypeKind;

use super::values::{Values, is_required};
use crate::access::ROOT_TYPES;
use crate::testing::sdl::{Field, named};

/// Maximum depth of a path: deeper levels repeat those above.
const MAX_DEPTH: usize = 8;

/// Selects everything below a field.
pub(super) struct Selector<'a> {
    pub values: Values<'a>,
    /// Whether a type is selected once only, rather than by every path to it.
    pub is_short: bool,
    /// The object types that were reached.
    pub reached: BTreeSet<String>,
}

impl Selector<'_> {
    /// Selections of all of the type `name`: one for each type that it may stand for.
    ///
    /// # Errors
    /// What the generator does not support.
    pub fn all_of(&mut self, name: &str) -> Result<Vec<String>, String> {
        let possible: Vec<_> =
            self.values.sdl.possible(name).into_iter().map(str::to_owned).collect();
        if possible.is_empty() {
            return Ok(vec![self.selection(name, &mut Vec::new())?]);
        }
        let each = possible.iter().map(|one| {
            let selection = self.selection(one, &mut vec![name.to_owned()])?;
            Ok(format!("{{ __typename ... on {one} {selection} }}"))
        });
        each.collect()
    }

    fn selection(&mut self, name: &str, path: &mut Vec<String>) -> Result<String, String> {
        if self.is_leaf(name) {
            return Ok(String::new());
        }
        self.reached.insert(name.to_owned());
        path.push(name.to_owned());
        let mut text = String::from("{ __typename");
        for field in self.values.sdl.fields(name) {
            let inner = named(&field.node.ty.node);
            let was_here = path.iter().any(|above| above == inner)
                || (self.is_short && self.reached.contains(inner));
            // The queries in the payload of a mutation are those that have documents of their own.
            let is_root = ROOT_TYPES.contains(&inner);
            if path.len() < MAX_DEPTH && !was_here && !is_root {
                let below = self.selection(inner, path)?;
                text.push_str(&format!(
                    " {}{} {below}",
                    field.node.name.node,
                    self.minimal(field)?
                ));
            }
        }
        for one in self.values.sdl.possible(name).into_iter().map(str::to_owned) {
            text.push_str(&format!(" ... on {one} {}", self.selection(&one, path)?));
        }
        path.pop();
        text.push_str(" }");
        Ok(text)
    }

    fn is_leaf(&self, name: &str) -> bool {
        let kind = self.values.sdl.kind(name);
        matches!(kind, None | Some(TypeKind::Scalar | TypeKind::Enum(_)))
    }

    /// The required arguments, and for a list a short page.
    fn minimal(&self, field: &Field) -> Result<String, String> {
        let arguments = &field.node.arguments;
        let page = arguments.iter().any(|argument| argument.node.name.node == "first");
        let page = page.then(|| Ok("first: 2".to_owned()));
        let required = arguments.iter().filter(|argument| is_required(argument));
        let given = required
            .map(|argument| {
                let values = self.values.of(argument)?;
                Ok(format!("{}: {}", argument.node.name.node, values[0]))
            })
            .chain(page)
            .collect::<Result<Vec<_>, String>>()?;
        Ok(if given.is_empty() { String::new() } else { format!("({})", given.join(", ")) })
    }
}
