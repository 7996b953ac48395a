//! Values for arguments, as an attacker who knows everything about a victim's rows would send them.

use std::collections::BTreeMap;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, InputValueDefinition, Type, TypeKind};
use async_graphql::{Name, Positioned, Value};

use crate::testing::sdl::{Field, Sdl, named};

type Input = Positioned<InputValueDefinition>;

/// The attacker's knowledge.
#[derive(Default)]
pub(super) struct Knowledge {
    /// Ids, each with the type that it claims: first one of the victim's, then one of the attacker's own.
    pub ids: Vec<(String, String)>,
    /// The types of the victim's objects.
    pub owned_types: Vec<String>,
    /// Texts: a harmless one first.
    pub words: Vec<String>,
    /// Timestamps.
    pub timestamps: Vec<String>,
    /// The victim's cursors, by their order; those of the default order under the empty name.
    pub cursors: BTreeMap<String, Vec<String>>,
    /// Values of custom scalars.
    pub scalars: BTreeMap<String, Vec<Value>>,
    /// Values of arguments and input fields, by their names.
    pub arguments: BTreeMap<String, Vec<Value>>,
}

/// Values for arguments of one schema.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub sdl: &'a Sdl,
    pub knowledge: &'a Knowledge,
    /// The type of the objects that an argument `id` or `ids` names, if it is one of the victim's.
    pub kind: Option<&'a str>,
}

impl<'a> Values<'a> {
    /// Values for the arguments of `field`.
    pub fn of_field(sdl: &'a Sdl, knowledge: &'a Knowledge, field: &Field) -> Self {
        let returned = named(&field.node.ty.node);
        let name = field.node.name.node.to_ascii_lowercase();
        let is_named = |kind: &&String| name.contains(&kind.to_ascii_lowercase());
        let types = &knowledge.owned_types;
        let kind = types.iter().find(|kind| *kind == returned);
        // The longest name: `TaskList` rather than `Task`.
        let kind = kind.or_else(|| types.iter().filter(is_named).max_by_key(|kind| kind.len()));
        Self { sdl, knowledge, kind: kind.map(String::as_str) }
    }

    /// The values to try for `input`, the most revealing one first.
    ///
    /// # Errors
    /// The name of a type without known values.
    pub fn of(&self, input: &Input) -> Result<Vec<Value>, String> {
        self.of_input(input, &[])
    }

    /// The values of an input in objects of the types `above`.
    fn of_input(&self, input: &Input, above: &[&str]) -> Result<Vec<Value>, String> {
        self.of_type(&input.node.name.node, &input.node.ty.node, above)
    }

    fn of_type(&self, name: &str, ty: &Type, above: &[&str]) -> Result<Vec<Value>, String> {
        if let Some(values) = self.knowledge.arguments.get(name) {
            return Ok(values.clone());
        }
        let mut values = match &ty.base {
            BaseType::Named(kind) => self.of_named(name, kind, above)?,
            BaseType::List(inner) => lists(&self.of_type(name, inner, above)?),
        };
        if ty.nullable {
            values.push(Value::Null);
        }
        Ok(values)
    }

    fn of_named(&self, name: &str, kind: &str, above: &[&str]) -> Result<Vec<Value>, String> {
        let texts = |texts: &[String]| texts.iter().map(|text| text.clone().into()).collect();
        if let Some(values) = self.knowledge.scalars.get(kind) {
            return Ok(values.clone());
        }
        Ok(match (kind, self.sdl.kind(kind)) {
            ("ID", _) => self.ids(name),
            ("String", _) => texts(&self.knowledge.words),
            ("DateTime", _) => texts(&self.knowledge.timestamps),
            ("Date", _) => vec!["2031-01-01".into()],
            ("Int", _) => [1, 2, 37].map(Value::from).to_vec(),
            ("Float", _) => vec![Value::from(1.5)],
            ("Boolean", _) => vec![true.into(), false.into()],
            (_, Some(TypeKind::Enum(kind))) => {
                kind.values.iter().map(|value| Value::Enum(value.node.value.node.clone())).collect()
            }
            (name, Some(TypeKind::InputObject(kind))) => {
                // A type that contains itself does so once.
                let is_new = |member: &&Input| !above.contains(&named(&member.node.ty.node));
                let members = kind.fields.iter().filter(is_new).collect::<Vec<_>>();
                self.objects(&members, &[above, &[name]].concat())?
            }
            _ => return Err(format!("give `Suite::scalar` values of a {kind} ({name})")),
        })
    }

    /// `course`, `courseId` and `courseIds` take the ids of a Course first; `id` and `ids`, those of the objects that the
    /// field is about.
    fn ids(&self, name: &str) -> Vec<Value> {
        let wanted = name.strip_suffix("Id").or_else(|| name.strip_suffix("Ids"));
        let by_field = self.kind.filter(|_| ["id", "ids"].contains(&name));
        let wanted = by_field.or(wanted).unwrap_or(name);
        let fits = |kind: &str| kind.eq_ignore_ascii_case(wanted);
        let (first, rest): (Vec<_>, Vec<_>) =
            self.knowledge.ids.iter().partition(|(kind, _)| fits(kind));
        first.into_iter().chain(rest).map(|(_, id)| id.clone().into()).collect()
    }

    /// The minimal object; then, for each value of each member, the minimal object with it.
    fn objects(&self, members: &[&Input], above: &[&str]) -> Result<Vec<Value>, String> {
        let tried = members
            .iter()
            .map(|member| Ok((*member, self.of_input(member, above)?)))
            .collect::<Result<Vec<_>, String>>()?;
        let minimal: IndexMap<Name, Value> = tried
            .iter()
            .filter(|(member, _)| is_required(member))
            .map(|(member, values)| (member.node.name.node.clone(), values[0].clone()))
            .collect();
        let mut objects = vec![minimal.clone()];
        for (member, values) in &tried {
            // Enums have few values: each is combined with each value of those before it.
            let is_enum = values.iter().all(|value| matches!(value, Value::Enum(_)));
            let onto = if is_enum { objects.clone() } else { vec![minimal.clone()] };
            for (object, value) in onto.iter().flat_map(|o| values.iter().map(move |v| (o, v))) {
                let mut object = object.clone();
                object.insert(member.node.name.node.clone(), value.clone());
                objects.push(object);
            }
        }
        Ok(objects.into_iter().map(Value::Object).collect())
    }
}

/// Whether an argument is required.
pub(super) fn is_required(input: &Input) -> bool {
    !input.node.ty.node.nullable && input.node.default_value.is_none()
}

/// Each value alone, the first two together, the first twice, and none.
fn lists(values: &[Value]) -> Vec<Value> {
    let mut lists: Vec<_> = values.iter().map(|value| vec![value.clone()]).collect();
    lists.push(values.iter().take(2).rev().cloned().collect());
    lists.push(values.iter().take(1).chain(values.iter().take(1)).cloned().collect());
    lists.push(Vec::new());
    lists.into_iter().map(Value::List).collect()
}
