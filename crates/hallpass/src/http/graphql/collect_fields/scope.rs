//! The type of an object, for the conditions of fragments.

use async_graphql::registry::{MetaType, Registry};

/// The type of an object whose fields are collected.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    name: Option<&'a str>,
    types: &'a Registry,
}

impl<'a> Scope<'a> {
    /// That of an object of the type `name`. Without a name, the type is one of introspection, which has no abstract
    /// types: each condition holds.
    pub(super) fn of(name: Option<&'a str>, types: &'a Registry) -> Self {
        Self { name, types }
    }

    /// Whether an object of this type has the type `condition`.
    pub(super) fn is(&self, condition: &str) -> bool {
        let Some(name) = self.name else { return true };
        name == condition
            || self.types.types.get(condition).is_some_and(|it| it.is_possible_type(name))
            || !self.types.types.contains_key(name)
    }

    /// The object types of an abstract type. None for others.
    pub(super) fn objects(&self) -> Option<Vec<&'a str>> {
        let possible = self.types.types.get(self.name?).and_then(MetaType::possible_types)?;
        Some(possible.iter().map(String::as_str).collect())
    }
}
