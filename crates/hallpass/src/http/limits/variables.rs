//! Validation of variables against their types before execution (section 6.1.2 of the GraphQL specification).
//! async-graphql checks them where they are used, which is too late for a mutation whose first field has been
//! executed by then.

use async_graphql::Variables;
use async_graphql::parser::types::{OperationDefinition, VariableDefinition};
use async_graphql::registry::Registry;

use super::input_values::{Inputs, Path, Usage};
use crate::graphql::{InputProblem, ProblemKind};

/// The problems of the values of the variables that `operation` defines, each with its path: `name.member`.
pub(crate) fn problems(
    operation: &OperationDefinition,
    variables: &Variables,
    types: &Registry,
) -> Vec<InputProblem> {
    let mut inputs = Inputs::json(types);
    for definition in &operation.variable_definitions {
        let VariableDefinition { name, var_type, default_value, .. } = &definition.node;
        match variables.get(&name.node) {
            Some(value) => inputs.check(&var_type.node, false, value, Path::Root(&name.node)),
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
