//! Variables, checked against their types before anything runs (section 6.1.2 of the GraphQL specification). The
//! library checks them where they are used, which is too late for a mutation whose first field has been written
//! by then.

use async_graphql::Variables;
use async_graphql::parser::types::{OperationDefinition, VariableDefinition};
use async_graphql::registry::Registry;

use super::input_values::{Inputs, Path, Usage};
use crate::graphql::{InputProblem, ProblemKind};

/// What is wrong with the values of the variables that `operation` defines, each named as `$name` and the way
/// from there.
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

/// Names `problem` by the argument that its variable is given to: `input.title` for `$i.title`.
pub(crate) fn placed(problem: InputProblem, usages: &[Usage<'_>]) -> InputProblem {
    let (variable, rest) = match problem.path.find('.') {
        Some(end) => problem.path.split_at(end),
        None => (problem.path.as_str(), ""),
    };
    match usages.iter().find(|usage| *usage.variable == variable) {
        Some(usage) => InputProblem { path: format!("{}{rest}", usage.path), ..problem },
        None => problem,
    }
}
