//! The running schema, as the generator reads it.

use std::collections::BTreeMap;

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, Type, TypeKind, TypeSystemDefinition,
};
use hallpass::access::{Policy, SchemaView, Subject};

use crate::support::app::application;

pub type Field = Positioned<FieldDefinition>;

/// The types of a schema, by name.
pub struct Sdl(BTreeMap<String, TypeKind>);

impl Sdl {
    /// The full schema.
    pub fn whole() -> Self {
        Self::of(SchemaView::FULL)
    }

    /// The part that is visible without a role or permission, signed in or not.
    pub fn of_unprivileged() -> Self {
        let policy = Policy { tiers: "free".parse().unwrap(), roles: "".parse().unwrap() };
        // The rules are registered.
        let _ = application();
        Self::of(SchemaView::of(Subject { caller: None, policy: &policy }))
    }

    fn of(view: SchemaView) -> Self {
        Self::read(&application().schema().build(view, true).sdl())
    }

    /// The types that this text defines.
    pub fn read(text: &str) -> Self {
        let types = parse_schema(text).unwrap().definitions.into_iter();
        Self(
            types
                .filter_map(|definition| match definition {
                    TypeSystemDefinition::Type(kind) => {
                        Some((kind.node.name.node.to_string(), kind.node.kind))
                    }
                    TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
                })
                .collect(),
        )
    }

    pub fn kind(&self, name: &str) -> Option<&TypeKind> {
        self.0.get(name)
    }

    /// The names of the object types, without the roots.
    pub fn objects(&self) -> impl Iterator<Item = &str> {
        let objects = self.0.iter().filter(|(_, kind)| matches!(kind, TypeKind::Object(_)));
        let names = objects.map(|(name, _)| name.as_str());
        names.filter(|name| !["Query", "Mutation", "Subscription"].contains(name))
    }

    /// The fields of an object type or an interface; none of other types.
    pub fn fields(&self, name: &str) -> &[Field] {
        match self.kind(name) {
            Some(TypeKind::Object(object)) => &object.fields,
            Some(TypeKind::Interface(interface)) => &interface.fields,
            _ => &[],
        }
    }

    pub fn field(&self, object: &str, name: &str) -> Option<&Field> {
        self.fields(object).iter().find(|field| field.node.name.node == name)
    }

    /// The object types that `name` may stand for: several for an interface or a union.
    pub fn possible(&self, name: &str) -> Vec<&str> {
        match self.kind(name) {
            Some(TypeKind::Union(union)) => {
                union.members.iter().map(|member| member.node.as_str()).collect()
            }
            Some(TypeKind::Interface(_)) => {
                let implements = |kind: &TypeKind| match kind {
                    TypeKind::Object(object) => object.implements.iter().any(|i| i.node == name),
                    _ => false,
                };
                let found = self.0.iter().filter(|(_, kind)| implements(kind));
                found.map(|(name, _)| name.as_str()).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The named type inside lists and non-null types.
pub fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}
