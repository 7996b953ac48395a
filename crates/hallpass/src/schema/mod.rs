//! The schema of an application: its root types, and the view of them that each kind of caller sees.

mod can;
mod create;
mod direct;
mod find_node;
mod node;
mod nullability;
mod registered;
mod root_query;
mod roots;

use std::sync::{Arc, PoisonError, RwLock};

use apollo_compiler::Schema as DocumentRules;
use apollo_compiler::ast::{DirectiveList, FieldDefinition};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{name, ty};
use async_graphql::Context;
use async_graphql::registry::Registry;

use crate::access::SchemaView;
use hallpass_data::KeyMap;

pub use can::CanQuery;
pub use find_node::{FindNode, FindNodeByText, Node};
pub use node::NodeQuery;
pub use nullability::{Nullability, introspection_json};
pub use registered::CheckAction;
pub use root_query::RootQuery;
pub use roots::Executable;

pub(crate) use find_node::NodeType;
pub(crate) use registered::{Action, Registered};
pub(crate) use roots::{RootTypes, Roots};

/// The schema as one kind of caller sees it.
pub struct SchemaForView {
    /// Executes documents.
    pub schema: Box<dyn Executable>,
    /// Types for checking input values.
    pub types: Registry,
    /// Schema for validating documents.
    pub rules: Valid<DocumentRules>,
    /// The view.
    pub view: SchemaView,
}

/// Builds the schemas of an application.
#[derive(Clone)]
pub struct SchemaBuilder {
    roots: Arc<dyn Roots>,
    registered: Arc<Registered>,
}

impl SchemaBuilder {
    /// Builds schemas of `roots`, with the node types and actions of `registered`. Registers the rules of all guards.
    pub(crate) fn new(roots: Arc<dyn Roots>, registered: Registered) -> Self {
        let builder = Self { roots, registered: Arc::new(registered) };
        // A view is a set of registered rules.
        let _types = builder.types(SchemaView::FULL);
        builder
    }

    /// The schema of `view`. `introspection` enables introspection queries.
    #[must_use]
    pub fn build(&self, view: SchemaView, introspection: bool) -> Box<dyn Executable> {
        let build = || self.roots.build(introspection, &self.registered);
        view.build(|| self.registered.build(build))
    }

    /// The types of `view`, for checking input values.
    #[must_use]
    pub fn types(&self, view: SchemaView) -> Registry {
        view.build(|| self.registered.build(|| self.roots.types()))
    }
}

/// Cache of schema views, each built on first use.
pub struct Schemas {
    builder: SchemaBuilder,
    introspection: bool,
    views: RwLock<KeyMap<SchemaView, Arc<SchemaForView>>>,
}

impl Schemas {
    /// Creates an empty cache. `introspection` enables introspection queries.
    #[must_use]
    pub fn new(builder: SchemaBuilder, introspection: bool) -> Self {
        Self { builder, introspection, views: RwLock::default() }
    }

    /// The schema of `view`. There are few views: one per combination of the roles and permissions that rules require.
    #[must_use]
    pub fn for_view(&self, view: SchemaView) -> Arc<SchemaForView> {
        let known = self.views.read().unwrap_or_else(PoisonError::into_inner).get(&view).cloned();
        known.unwrap_or_else(|| {
            let schema = self.builder.build(view, self.introspection);
            let (rules, types) = (document_rules(&*schema), self.builder.types(view));
            let built = Arc::new(SchemaForView { schema, types, rules, view });
            self.views.write().unwrap_or_else(PoisonError::into_inner).insert(view, built.clone());
            built
        })
    }
}

/// The schema for validating documents against `schema`.
fn document_rules(schema: &dyn Executable) -> Valid<DocumentRules> {
    let rules = DocumentRules::parse_and_validate(schema.sdl(), "schema.graphql");
    let mut rules = rules.expect("the exported SDL is valid").into_inner();
    add_is_one_of(&mut rules);
    Valid::assume_valid(rules)
}

/// Adds `__Type.isOneOf` (GraphQL September 2025, section 4.2.2), which apollo-compiler lacks and tools ask for.
fn add_is_one_of(rules: &mut DocumentRules) {
    if let Some(ExtendedType::Object(of_types)) = rules.types.get_mut("__Type") {
        let (name, ty) = (name!("isOneOf"), ty!(Boolean));
        let field = FieldDefinition {
            description: None,
            name: name.clone(),
            arguments: Vec::new(),
            ty,
            directives: DirectiveList::new(),
        };
        of_types.make_mut().fields.insert(name, field.into());
    }
}

/// The node types and actions of the schema that executes the request.
fn registered<'a>(ctx: &Context<'a>) -> &'a Registered {
    ctx.data_unchecked::<Arc<Registered>>()
}
