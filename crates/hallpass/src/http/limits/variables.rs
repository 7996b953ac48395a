//! Validation of variables against their types before execution (section 6.1.2 of the GraphQL specification).
//! async-graphql checks them where they are used, which is too late for a mutation whose first field has been
//! executed by then.

use async_graphql::parser::types::{OperationDefinition, VariableDefinition};
use async_graphql::registry::Registry;
use async_graphql::{Name, Value, Variables};

use super::input_values::{Checks, Expected, Inputs, Path, Usage};
use crate::graphql::{InputProblem, ProblemKind};

/// The problems of the values of the variables that `operation` defines, each with its path: `name.member`.
pub(crate) fn problems(
    operation: &OperationDefinition,
    variables: &Variables,
    types: &Registry,
) -> Vec<InputProblem> {
    let mut inputs = Inputs::json(types, Checks::Types);
    for definition in &operation.variable_definitions {
        let VariableDefinition { name, var_type, default_value, .. } = &definition.node;
        match variables.get(&name.node) {
            Some(value) => {
                let expected = Expected::of_type(&var_type.node);
                inputs.check(expected, value, Path::Root(&name.node));
            }
            None if !var_type.node.nullable && default_value.is_none() => {
                let problem =
                    InputProblem::new(&*name.node, ProblemKind::Required, "give it a value");
                inputs.problems.push(problem);
            }
            None => {}
        }
    }
    inputs.problems
}

/// The values of the variables that violate a constraint where they are used.
pub(crate) fn violations(
    usages: &[Usage<'_>],
    variables: &Variables,
    types: &Registry,
) -> Vec<InputProblem> {
    let mut inputs = Inputs::json(types, Checks::Constraints(variables));
    for usage in usages {
        if let Some(expected) = usage.expected()
            && let Some(value) = variables.get(usage.variable)
        {
            inputs.check(expected, value, Path::Root(&usage.path));
        }
    }
    inputs.problems
}

/// The variables of a nullable type that are null in place of their default.
pub(crate) fn null_for_default<'a>(
    operation: &'a OperationDefinition,
    variables: &Variables,
) -> Vec<&'a Name> {
    let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    let names = definitions
        .filter(|definition| {
            definition.var_type.node.nullable && definition.default_value.is_some()
        })
        .map(|definition| &definition.name.node);
    names.filter(|name| variables.get(*name) == Some(&Value::Null)).collect()
}

/// The uses of variables that are null, where null is not allowed: by its default, a variable is valid there (section
/// 5.8.5 of the GraphQL specification).
pub(crate) fn misplaced_nulls(usages: &[Usage<'_>], nulls: &[&Name]) -> Vec<InputProblem> {
    let is_required = |usage: &&Usage<'_>| match &usage.expected {
        Some(expected) => !expected.nullable,
        // The condition of `@skip` or `@include`.
        None => usage.path == "if",
    };
    let wrong = usages.iter().filter(|usage| nulls.contains(&usage.variable)).filter(is_required);
    let problem = |usage: &Usage<'_>| {
        InputProblem::new(usage.path.clone(), ProblemKind::Required, "must not be null")
    };
    wrong.map(problem).collect()
}

/// Changes the path of `problem` to that of the argument which uses the variable: `input.title` for `$i.title`.
pub(crate) fn at_argument(problem: InputProblem, usages: &[Usage<'_>]) -> InputProblem {
    let (variable, rest) = match problem.path.find('.') {
        Some(end) => problem.path.split_at(end),
        None => (problem.path.as_str(), ""),
    };
    match usages.iter().find(|usage| *usage.variable == variable) {
        Some(usage) => InputProblem { path: format!("{}{rest}", usage.path), ..problem },
        None => problem,
    }
}
