//! Documents: parsed once, counted on each request, refused before anything runs.

use std::sync::Arc;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, VariableDefinition,
};
use async_graphql::{Value, Variables};
use moka::sync::Cache;

use super::answer::Rejection;
use super::cost::{Endless, measure};
use crate::config::Limits;
use crate::graphql::code;

/// The texts of remembered documents, together, in bytes.
const REMEMBERED: u64 = 4 * 1024 * 1024;
/// A longer document is rare and parsed each time.
const LONGEST_REMEMBERED: usize = 16 * 1024;
/// Root fields of one operation.
const MOST_ROOT_FIELDS: u64 = 20;
/// Directives of one operation.
const MOST_DIRECTIVES: u64 = 50;
/// Operations in one document.
const MOST_OPERATIONS: usize = 10;

/// Parses documents and remembers them by their whole text.
pub(super) struct Documents {
    limits: Limits,
    parsed: Cache<String, Arc<ExecutableDocument>>,
}

impl Documents {
    pub(super) fn new(limits: Limits) -> Self {
        let weight = |text: &String, _: &Arc<ExecutableDocument>| {
            u32::try_from(text.len()).unwrap_or(u32::MAX)
        };
        Self { limits, parsed: Cache::builder().max_capacity(REMEMBERED).weigher(weight).build() }
    }

    /// The document `query`, within the limits.
    pub(super) fn prepare(
        &self,
        query: &str,
        variables: &Variables,
    ) -> Result<Arc<ExecutableDocument>, Rejection> {
        let document = match self.parsed.get(query) {
            Some(document) => document,
            None => self.parse(query)?,
        };
        self.check(&document, variables)?;
        Ok(document)
    }

    fn parse(&self, query: &str) -> Result<Arc<ExecutableDocument>, Rejection> {
        let document = parse_query(query).map_err(|error| {
            let place = error.positions().next().map_or_else(String::new, |position| {
                format!(" at line {}, column {}", position.line, position.column)
            });
            Rejection::document(code::GRAPHQL_PARSE_FAILED, format!("Syntax error{place}."))
        })?;
        let document = Arc::new(document);
        if query.len() <= LONGEST_REMEMBERED {
            self.parsed.insert(query.to_owned(), Arc::clone(&document));
        }
        Ok(document)
    }

    fn check(&self, document: &ExecutableDocument, variables: &Variables) -> Result<(), Rejection> {
        let operations = document.operations.iter().count();
        within("operations", operations as u64, MOST_OPERATIONS as u64)?;
        let cost = measure(document, variables).map_err(|endless| match endless {
            Endless::Cycle => rejected("The query has a fragment that spreads itself.".to_owned()),
            Endless::Depth => rejected("The query is nested too deep.".to_owned()),
        })?;
        if cost.is_introspection_too_deep() {
            return Err(rejected("The query is nested too deep.".to_owned()));
        }
        within("levels of fields", cost.depth.into(), self.limits.depth.into())?;
        within("root fields", cost.width, MOST_ROOT_FIELDS)?;
        within("aliases", cost.aliases, self.limits.aliases)?;
        within("directives", cost.directives, MOST_DIRECTIVES)?;
        if cost.total() > self.limits.cost {
            return Err(rejected(format!(
                "The query costs {}, and {} is allowed: ask for fewer fields or shorter lists.",
                cost.total(),
                self.limits.cost
            )));
        }
        Ok(())
    }
}

fn within(what: &str, count: u64, most: u64) -> Result<(), Rejection> {
    if count <= most {
        return Ok(());
    }
    Err(rejected(format!("The query has {count} {what}, and {most} are allowed.")))
}

fn rejected(message: String) -> Rejection {
    Rejection::query(message)
}

/// The operation that `name` selects; none when it selects none, which validation says.
pub(super) fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name)?,
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()?
        }
        (DocumentOperations::Multiple(_), None) => return None,
    };
    Some(&operation.node)
}

/// A variable that must be given and is not ends the request (section 6.1.2 of the GraphQL
/// specification); the library would only fail the fields that use it.
pub(super) fn check_variables(
    operation: &OperationDefinition,
    variables: &Variables,
) -> Result<(), Rejection> {
    for definition in &operation.variable_definitions {
        let VariableDefinition { name, var_type, default_value, .. } = &definition.node;
        let given = variables.get(&name.node).is_some_and(|value| *value != Value::Null);
        if !given && !var_type.node.nullable && default_value.is_none() {
            let message = format!("Give the variable `${}` a value.", name.node);
            return Err(Rejection::document(code::BAD_USER_INPUT, message));
        }
    }
    Ok(())
}
