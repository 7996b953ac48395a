//! Validation of argument values against their types before execution: literals in the document (sections 5.6 and
//! 5.8.5 of the GraphQL specification) and values of variables (section 6.1.2). Reports each invalid value with the
//! path of its argument.

use std::borrow::Cow;
use std::fmt;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, Type};
use async_graphql::registry::{MetaInputValue, MetaType, Registry};
use async_graphql::{Name, Value};
use async_graphql_value::Value as Written;

use crate::graphql::{InputProblem, ProblemKind, scalar_problem};

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

/// Where a variable is used.
pub(crate) struct Usage<'a> {
    pub(crate) variable: &'a Name,
    /// The argument, and the path within it.
    pub(crate) path: String,
    /// The expected type; none where it is unknown, such as in a field that does not exist.
    pub(crate) expected: Option<Type>,
    /// Whether a default applies if the variable has no value.
    pub(crate) has_default: bool,
}

/// Validates values, and collects their problems.
pub(crate) struct Inputs<'a> {
    types: &'a Registry,
    /// Whether values are JSON, in which an enum value is a string.
    is_json: bool,
    pub(crate) problems: Vec<InputProblem>,
    pub(crate) usages: Vec<Usage<'a>>,
}

impl<'a> Inputs<'a> {
    pub(crate) fn written(types: &'a Registry) -> Self {
        Self { types, is_json: false, problems: Vec::new(), usages: Vec::new() }
    }

    pub(crate) fn json(types: &'a Registry) -> Self {
        Self { is_json: true, ..Self::written(types) }
    }

    fn add_problem(&mut self, path: Path<'_>, kind: ProblemKind, message: impl Into<String>) {
        self.push(InputProblem::new(path.to_string(), kind, message));
    }

    fn push(&mut self, problem: InputProblem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// Validates `value` against the type expected at `path`, which may have a default.
    pub(crate) fn check<V: Input>(
        &mut self,
        expected: &Type,
        has_default: bool,
        value: &'a V,
        path: Path<'_>,
    ) {
        match (value.shape(), &expected.base) {
            (Shape::Variable(variable), _) => {
                let expected = Some(expected.clone());
                self.usages.push(Usage { variable, path: path.to_string(), expected, has_default });
            }
            (Shape::Null, _) if expected.nullable => {}
            (Shape::Null, _) => self.add_problem(path, ProblemKind::Required, "must not be null"),
            (Shape::List(items), BaseType::List(of)) => {
                for (index, item) in items.iter().enumerate() {
                    self.check(of, false, item, Path::Item(&path, index));
                }
            }
            // A single value is coerced to a list of one (section 3.11).
            (_, BaseType::List(of)) => self.check(of, false, value, path),
            (shape, BaseType::Named(name)) => self.check_named(name, value, &shape, path),
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
                if !is_valid {
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
        fields: &IndexMap<String, MetaInputValue>,
        members: &'a IndexMap<Name, V>,
        path: Path<'_>,
    ) {
        for unknown in members.keys().filter(|key| !fields.contains_key(key.as_str())) {
            let path = Path::Member(&path, unknown);
            self.add_problem(path, ProblemKind::UnknownField, format!("{name} has no such field"));
        }
        for field in fields.values() {
            let Some(expected) = Type::new(&field.ty) else { continue };
            let path = Path::Member(&path, &field.name);
            let has_default = field.default_value.is_some();
            match members.get(field.name.as_str()) {
                Some(value) => self.check(&expected, has_default, value, path),
                None if !expected.nullable && !has_default => {
                    self.add_problem(path, ProblemKind::Required, "give it a value");
                }
                None => {}
            }
        }
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
