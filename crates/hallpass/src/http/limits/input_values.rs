//! Validation of argument values against their types before execution: literals in the document (sections 5.6 and
//! 5.8.5 of the GraphQL specification) and values of variables (section 6.1.2). Reports each invalid value with the
//! path of its argument. If a value is invalid, reports the values that violate a constraint too, which resolvers
//! report otherwise: a client gets all problems in one response.

use std::borrow::Cow;
use std::fmt;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, Type};
use async_graphql::registry::{MetaInputValue, MetaType, Registry};
use async_graphql::{Name, Value, Variables};
use async_graphql_value::Value as Written;

use crate::graphql::{Constraint, InputProblem, ProblemKind, scalar_problem};

/// Problems in one response.
const MAX_PROBLEMS: usize = 100;

/// The outer shape of a value: of a literal, which may contain variables, or of the value of a variable.
pub(crate) enum Shape<'a, V> {
    Variable(&'a Name),
    Null,
    List(&'a [V]),
    Object(&'a IndexMap<Name, V>),
    Leaf(Cow<'a, Value>),
}

pub(crate) trait Input: Sized {
    fn shape(&self) -> Shape<'_, Self>;
    /// The whole value; `None` if it contains a variable.
    fn whole(&self) -> Option<Cow<'_, Value>>;
}

impl Input for Value {
    fn shape(&self) -> Shape<'_, Self> {
        match self {
            Self::Null => Shape::Null,
            Self::List(items) => Shape::List(items),
            Self::Object(members) => Shape::Object(members),
            leaf => Shape::Leaf(Cow::Borrowed(leaf)),
        }
    }

    fn whole(&self) -> Option<Cow<'_, Value>> {
        Some(Cow::Borrowed(self))
    }
}

impl Input for Written {
    fn shape(&self) -> Shape<'_, Self> {
        match self {
            Self::Variable(name) => Shape::Variable(name),
            Self::Null => Shape::Null,
            Self::List(items) => Shape::List(items),
            Self::Object(members) => Shape::Object(members),
            leaf => Shape::Leaf(leaf.whole().unwrap_or_default()),
        }
    }

    fn whole(&self) -> Option<Cow<'_, Value>> {
        self.clone().into_const().map(Cow::Owned)
    }
}

/// The path of a value.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    Root(&'a str),
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}.{index}"),
        }
    }
}

/// What a value must be.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'t, 'a> {
    type_: &'t Type,
    /// Whether a default applies if it has no value.
    has_default: bool,
    /// The argument or the input field; that of the list, for an item.
    input: Option<&'a MetaInputValue>,
}

impl<'t, 'a> Expected<'t, 'a> {
    /// A value of this type.
    pub(crate) fn of_type(type_: &'t Type) -> Self {
        Self { type_, has_default: false, input: None }
    }

    /// The value of `input`, whose type is `type_`.
    pub(crate) fn of_input(input: &'a MetaInputValue, type_: &'t Type) -> Self {
        Self { type_, has_default: input.default_value.is_some(), input: Some(input) }
    }

    /// An item of the list.
    fn item(self, type_: &'t Type) -> Self {
        Self { type_, has_default: false, ..self }
    }

    fn constraint(self) -> Constraint<'a> {
        self.input.map_or(Constraint::NONE, |input| Constraint::of(&input.directive_invocations))
    }
}

/// Where a variable is used.
pub(crate) struct Usage<'a> {
    pub(crate) variable: &'a Name,
    /// The argument, and the path within it.
    pub(crate) path: String,
    /// The expected type; none where it is unknown, such as in a field that does not exist.
    pub(crate) expected: Option<Type>,
    /// Whether a default applies if the variable has no value.
    pub(crate) has_default: bool,
    /// The argument or the input field, if it is known.
    pub(crate) input: Option<&'a MetaInputValue>,
}

impl<'a> Usage<'a> {
    /// What the value of the variable must be.
    pub(crate) fn expected(&self) -> Option<Expected<'_, 'a>> {
        let Self { has_default, input, .. } = *self;
        self.expected.as_ref().map(|type_| Expected { type_, has_default, input })
    }
}

/// What is validated.
#[derive(Clone, Copy)]
pub(crate) enum Checks<'a> {
    /// The types of values.
    Types,
    /// The constraints of values, where variables have these values.
    Constraints(&'a Variables),
}

/// Validates values, and collects their problems.
pub(crate) struct Inputs<'a> {
    types: &'a Registry,
    checks: Checks<'a>,
    /// Whether values are JSON, in which an enum value is a string.
    is_json: bool,
    pub(crate) problems: Vec<InputProblem>,
    pub(crate) usages: Vec<Usage<'a>>,
}

impl<'a> Inputs<'a> {
    pub(crate) fn written(types: &'a Registry, checks: Checks<'a>) -> Self {
        Self { types, checks, is_json: false, problems: Vec::new(), usages: Vec::new() }
    }

    pub(crate) fn json(types: &'a Registry, checks: Checks<'a>) -> Self {
        Self { is_json: true, ..Self::written(types, checks) }
    }

    fn add_problem(&mut self, path: Path<'_>, kind: ProblemKind, message: impl Into<String>) {
        if matches!(self.checks, Checks::Types) {
            self.push(InputProblem::new(path.to_string(), kind, message));
        }
    }

    fn push(&mut self, problem: InputProblem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// Adds the problem that a constraint finds at `path`.
    fn add_violation(&mut self, path: Path<'_>, find: impl FnOnce(&str) -> Option<InputProblem>) {
        if matches!(self.checks, Checks::Constraints(_))
            && let Some(violation) = find(&path.to_string())
        {
            self.push(violation);
        }
    }

    /// Adds the problem of a value at `path` that is given beside another which excludes it.
    pub(crate) fn check_others<'v, V: Input + 'v>(
        &mut self,
        input: &'a MetaInputValue,
        value: &V,
        path: Path<'_>,
        other: impl FnOnce(&str) -> Option<&'v V>,
    ) {
        let Checks::Constraints(variables) = self.checks else { return };
        if is_given(value, variables) {
            let constraint = Constraint::of(&input.directive_invocations);
            let is_given = |name: &str| other(name).is_some_and(|it| is_given(it, variables));
            self.add_violation(path, |path| constraint.of_others(path, is_given));
        }
    }

    /// Validates `value` against what is expected at `path`.
    pub(crate) fn check<V: Input>(
        &mut self,
        expected: Expected<'_, 'a>,
        value: &'a V,
        path: Path<'_>,
    ) {
        match (value.shape(), &expected.type_.base) {
            (Shape::Variable(variable), _) => {
                let Expected { type_, has_default, input } = expected;
                let (path, expected) = (path.to_string(), Some(type_.clone()));
                self.usages.push(Usage { variable, path, expected, has_default, input });
            }
            (Shape::Null, _) if expected.type_.nullable => {
                self.add_violation(path, |path| expected.constraint().of_null(path));
            }
            (Shape::Null, _) => self.add_problem(path, ProblemKind::Required, "must not be null"),
            (Shape::List(items), BaseType::List(of)) => {
                self.add_violation(path, |path| expected.constraint().of_count(path, items.len()));
                for (index, item) in items.iter().enumerate() {
                    self.check(expected.item(of), item, Path::Item(&path, index));
                }
            }
            // A single value is coerced to a list of one (section 3.11).
            (_, BaseType::List(of)) => self.check(expected.item(of), value, path),
            (shape, BaseType::Named(name)) => {
                if let Shape::Leaf(leaf) = &shape {
                    self.add_violation(path, |path| expected.constraint().of_value(path, leaf));
                }
                self.check_named(name, value, &shape, path);
            }
        }
    }

    fn check_named<V: Input>(
        &mut self,
        name: &Name,
        value: &'a V,
        shape: &Shape<'a, V>,
        path: Path<'_>,
    ) {
        match self.types.types.get(name.as_str()) {
            Some(MetaType::Scalar { is_valid, .. }) => {
                let whole = value.whole();
                let is_valid = whole.as_deref().is_some_and(|value| match name.as_str() {
                    // Int has 32 bits (section 3.5.1); async-graphql accepts 64.
                    "Int" => is_int(value),
                    _ => is_valid.as_ref().is_none_or(|is_valid| is_valid(value)),
                });
                if !is_valid && matches!(self.checks, Checks::Types) {
                    let value = whole.as_deref().unwrap_or(&Value::Null);
                    self.push(scalar_problem(path.to_string(), name, value));
                }
            }
            Some(MetaType::Enum { enum_values, .. }) => {
                let text = match shape {
                    Shape::Leaf(value) => enum_name(value, self.is_json),
                    _ => None,
                };
                if text.is_none_or(|text| !enum_values.contains_key(text)) {
                    let names: Vec<_> = enum_values.keys().map(String::as_str).collect();
                    let quotes = if self.is_json { "" } else { ", without quotes" };
                    let message = format!("give one of {}{quotes}", names.join(", "));
                    self.add_problem(path, ProblemKind::WrongType, message);
                }
            }
            Some(MetaType::InputObject { input_fields, .. }) => match shape {
                Shape::Object(members) => self.check_members(name, input_fields, members, path),
                _ => self.add_problem(
                    path,
                    ProblemKind::WrongType,
                    format!("give an object of the type {name}"),
                ),
            },
            // Validation rejects output types here.
            Some(MetaType::Object { .. } | MetaType::Interface { .. } | MetaType::Union { .. })
            | None => {}
        }
    }

    fn check_members<V: Input>(
        &mut self,
        name: &Name,
        fields: &'a IndexMap<String, MetaInputValue>,
        members: &'a IndexMap<Name, V>,
        path: Path<'_>,
    ) {
        for unknown in members.keys().filter(|key| !fields.contains_key(key.as_str())) {
            let path = Path::Member(&path, unknown);
            self.add_problem(path, ProblemKind::UnknownField, format!("{name} has no such field"));
        }
        for field in fields.values() {
            let Some(type_) = Type::new(&field.ty) else { continue };
            let path = Path::Member(&path, &field.name);
            match members.get(field.name.as_str()) {
                Some(value) => {
                    self.check(Expected::of_input(field, &type_), value, path);
                    self.check_others(field, value, path, |other| members.get(other));
                }
                None if !type_.nullable && field.default_value.is_none() => {
                    self.add_problem(path, ProblemKind::Required, "give it a value");
                }
                None => {}
            }
        }
    }
}

/// Whether the value is not null.
fn is_given<V: Input>(value: &V, variables: &Variables) -> bool {
    match value.shape() {
        Shape::Variable(name) => variables.get(name).is_some_and(|value| *value != Value::Null),
        Shape::Null => false,
        Shape::List(_) | Shape::Object(_) | Shape::Leaf(_) => true,
    }
}

fn is_int(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        _ => false,
    }
}

/// The name of an enum value: a name in a document (section 3.9), a string in JSON.
fn enum_name(value: &Value, is_json: bool) -> Option<&str> {
    match value {
        Value::Enum(name) => Some(name),
        Value::String(text) if is_json => Some(text),
        _ => None,
    }
}
