//! The schema of an application, for tests that generate documents from it.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, Type, TypeKind, TypeSystemDefinition,
};

use crate::access::{SchemaView, Subject};
use crate::app::policy;
use crate::application::Application;

/// A field of an object type.
pub type Field = Positioned<FieldDefinition>;

/// The root types.
pub(super) const ROOTS: [&str; 3] = ["Query", "Mutation", "Subscription"];

/// The types of a schema, by name.
///
/// ```no_run
/// # fn of(application: std::sync::Arc<hallpass::Application>) {
/// use hallpass::testing::Sdl;
///
/// let schema = Sdl::full(&application);
/// assert!(schema.field("Query", "notes").is_some());
/// # }
/// ```
pub struct Sdl(BTreeMap<String, TypeKind>);

impl Sdl {
    /// The full schema of `application`.
    #[must_use]
    pub fn full(application: &Application) -> Self {
        Self::of(application, SchemaView::FULL)
    }

    /// The part that is visible without a role or permission, signed in or not.
    #[must_use]
    pub fn unprivileged(application: &Application) -> Self {
        let policy = policy(&super::config(application, &[]));
        Self::of(application, SchemaView::of(Subject { caller: None, policy: &policy }))
    }

    fn of(application: &Application, view: SchemaView) -> Self {
        Self::read(&application.schema().build(view, true).sdl())
    }

    /// The types that this text defines.
    ///
    /// # Panics
    /// If it is not a schema.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let types = parse_schema(text).expect("the text is a schema").definitions.into_iter();
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

    /// The type with this name.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<&TypeKind> {
        self.0.get(name)
    }

    /// The names of the object types, without the roots.
    pub fn objects(&self) -> impl Iterator<Item = &str> {
        let objects = self.0.iter().filter(|(_, kind)| matches!(kind, TypeKind::Object(_)));
        let names = objects.map(|(name, _)| name.as_str());
        names.filter(|name| !ROOTS.contains(name))
    }

    /// The fields of an object type or an interface; none of other types.
    #[must_use]
    pub fn fields(&self, name: &str) -> &[Field] {
        match self.kind(name) {
            Some(TypeKind::Object(object)) => &object.fields,
            Some(TypeKind::Interface(interface)) => &interface.fields,
            _ => &[],
        }
    }

    /// The field `name` of an object type or an interface.
    #[must_use]
    pub fn field(&self, object: &str, name: &str) -> Option<&Field> {
        self.fields(object).iter().find(|field| field.node.name.node == name)
    }

    /// The object types that `name` may stand for: several for an interface or a union.
    #[must_use]
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

    /// The object types that a response to an operation of `root` may contain.
    #[must_use]
    pub fn reachable_from(&self, root: &str) -> BTreeSet<&str> {
        let (mut found, mut pending) = (BTreeSet::new(), vec![root]);
        while let Some(name) = pending.pop() {
            let Some((name, _)) = self.0.get_key_value(name) else { continue };
            if found.insert(name.as_str()) {
                pending.extend(self.possible(name));
                pending.extend(self.fields(name).iter().map(|field| named(&field.node.ty.node)));
            }
        }
        let objects = self.objects().collect::<BTreeSet<_>>();
        &found & &objects
    }
}

/// The named type inside lists and non-null types.
#[must_use]
pub fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}
