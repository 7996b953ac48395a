//! Forms of the schema for clients: how the nullability of guarded fields is stated, and introspection as JSON.

use apollo_compiler::ast::{Definition, Document, FieldDefinition, Type};
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Node, Schema, introspection};

/// How the nullability of a field is stated that is null only with an error: `@semanticNonNull`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Nullability {
    /// By the directive.
    #[default]
    Semantic,
    /// Non-null, for clients that throw on an error, or that do not expect one.
    Strict,
    /// Nullable, without the directive.
    None,
}

const DIRECTIVE: &str = "semanticNonNull";

impl Nullability {
    /// The schema in this form. `sdl` is the exported schema.
    ///
    /// # Panics
    /// If `sdl` is not valid SDL.
    #[must_use]
    pub fn apply(self, sdl: String) -> String {
        if self == Self::Semantic {
            return sdl;
        }
        let mut document =
            Document::parse(sdl, "schema.graphql").expect("the exported SDL is valid");
        document.definitions.retain(
            |it| !matches!(it, Definition::DirectiveDefinition(it) if it.name == DIRECTIVE),
        );
        for definition in &mut document.definitions {
            match definition {
                Definition::ObjectTypeDefinition(object) => {
                    self.apply_to_fields(&mut object.make_mut().fields);
                }
                Definition::InterfaceTypeDefinition(interface) => {
                    self.apply_to_fields(&mut interface.make_mut().fields);
                }
                _ => {}
            }
        }
        document.to_string()
    }

    fn apply_to_fields(self, fields: &mut [Node<FieldDefinition>]) {
        for field in fields.iter_mut().filter(|field| field.directives.has(DIRECTIVE)) {
            let field = field.make_mut();
            field.directives.0.retain(|directive| directive.name != DIRECTIVE);
            if self == Self::Strict {
                field.ty =
                    std::mem::replace(&mut field.ty, Type::Named(field.name.clone())).non_null();
            }
        }
    }
}

/// The introspection query of the tools that generate code.
const INTROSPECTION: &str = include_str!("introspection.graphql");

/// The result of the introspection query, as JSON: `{"data": {"__schema": …}}`.
///
/// # Panics
/// If `sdl` is not valid SDL.
#[must_use]
pub fn introspection_json(sdl: &str) -> String {
    let schema = Schema::parse_and_validate(sdl, "schema.graphql").expect("the SDL is valid");
    let query =
        ExecutableDocument::parse_and_validate(&schema, INTROSPECTION, "introspection.graphql")
            .expect("the query is valid");
    let operation = query.operations.get(None).expect("it has one operation");
    let response = introspection::partial_execute(
        &schema,
        &schema.implementers_map(),
        &query,
        operation,
        &Valid::assume_valid(JsonMap::new()),
    );
    let response = response.expect("the query is within the limits");
    serde_json::to_string_pretty(&response).expect("a response is JSON") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDL: &str = "directive @semanticNonNull(levels: [Int!]! = [0]) on FIELD_DEFINITION\n\n\
        type Query {\n  a: Int @semanticNonNull\n  b(x: Int): [Int!] @deprecated @semanticNonNull\n  c: Int\n}\n";

    #[test]
    fn guarded_fields_have_three_forms() {
        let fields = |form: Nullability| {
            let sdl = form.apply(SDL.to_owned());
            let lines = sdl.lines().filter(|line| line.starts_with("  "));
            lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(Nullability::Semantic.apply(SDL.to_owned()), SDL);
        assert_eq!(
            fields(Nullability::Strict),
            ["a: Int!", "b(x: Int): [Int!]! @deprecated", "c: Int"]
        );
        assert_eq!(
            fields(Nullability::None),
            ["a: Int", "b(x: Int): [Int!] @deprecated", "c: Int"]
        );
    }

    #[test]
    fn introspection_is_that_of_the_form() {
        let json = introspection_json(&Nullability::Strict.apply(SDL.to_owned()));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let types = json["data"]["__schema"]["types"].as_array().unwrap();
        let query = types.iter().find(|it| it["name"] == "Query").unwrap();
        assert_eq!(query["fields"][0]["type"]["kind"], "NON_NULL");
    }
}
