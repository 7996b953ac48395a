//! Values for arguments: what a stranger who knows everything about somebody's rows would send.

use std::collections::BTreeMap;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, InputValueDefinition, Type, TypeKind};
use async_graphql::{Name, Positioned, Value};

use super::sdl::Sdl;

type Input = Positioned<InputValueDefinition>;

/// What the stranger knows.
#[derive(Default)]
pub struct Known {
    /// Ids, each with the type that it claims to be of: first one of the victim's, then one of the
    /// stranger's own.
    pub ids: Vec<(String, String)>,
    /// Texts: a harmless one first.
    pub words: Vec<String>,
    /// Moments.
    pub moments: Vec<String>,
    /// The victim's cursors, by the order they are of; of the usual order under the empty name.
    pub cursors: BTreeMap<String, Vec<String>>,
}

/// Values for arguments of one schema.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    pub sdl: &'a Sdl,
    pub known: &'a Known,
}

impl Values<'_> {
    /// The values to try for `input`, the most telling one first.
    ///
    /// # Errors
    /// The name of a type that nothing is known of.
    pub fn of(&self, input: &Input) -> Result<Vec<Value>, String> {
        self.of_type(&input.node.name.node, &input.node.ty.node)
    }

    fn of_type(&self, name: &str, ty: &Type) -> Result<Vec<Value>, String> {
        let mut values = match &ty.base {
            BaseType::Named(kind) => self.of_named(name, kind)?,
            BaseType::List(inner) => lists(&self.of_type(name, inner)?),
        };
        if ty.nullable {
            values.push(Value::Null);
        }
        Ok(values)
    }

    fn of_named(&self, name: &str, kind: &str) -> Result<Vec<Value>, String> {
        let texts = |texts: &[String]| texts.iter().map(|text| text.clone().into()).collect();
        Ok(match (kind, self.sdl.kind(kind)) {
            ("ID", _) => self.ids(name),
            ("String", _) => texts(&self.known.words),
            ("DateTime", _) => texts(&self.known.moments),
            ("Date", _) => vec!["2031-01-01".into()],
            ("Int", _) => [1, 2, 37].map(Value::from).to_vec(),
            ("Float", _) => vec![Value::from(1.5)],
            ("Boolean", _) => vec![true.into(), false.into()],
            (_, Some(TypeKind::Enum(kind))) => {
                kind.values.iter().map(|value| Value::Enum(value.node.value.node.clone())).collect()
            }
            (_, Some(TypeKind::InputObject(kind))) => self.objects(&kind.fields)?,
            _ => return Err(format!("teach leaks/values.rs what to send for a {kind} ({name})")),
        })
    }

    /// `course` and `courseId` look for the ids of a Course first.
    fn ids(&self, name: &str) -> Vec<Value> {
        let wanted = name.strip_suffix("Id").unwrap_or(name);
        let fits = |kind: &str| kind.eq_ignore_ascii_case(wanted);
        let (first, rest): (Vec<_>, Vec<_>) =
            self.known.ids.iter().partition(|(kind, _)| fits(kind));
        first.into_iter().chain(rest).map(|(_, id)| id.clone().into()).collect()
    }

    /// The least object; then, for each value of each member, the least object with it.
    fn objects(&self, members: &[Input]) -> Result<Vec<Value>, String> {
        let tried = members
            .iter()
            .map(|member| Ok((member, self.of(member)?)))
            .collect::<Result<Vec<_>, String>>()?;
        let least: IndexMap<Name, Value> = tried
            .iter()
            .filter(|(member, _)| is_required(member))
            .map(|(member, values)| (member.node.name.node.clone(), values[0].clone()))
            .collect();
        let mut objects = vec![least.clone()];
        for (member, values) in &tried {
            // Enums are few: each goes with each value of those before it.
            let is_enum = values.iter().all(|value| matches!(value, Value::Enum(_)));
            let onto = if is_enum { objects.clone() } else { vec![least.clone()] };
            for (object, value) in onto.iter().flat_map(|o| values.iter().map(move |v| (o, v))) {
                let mut object = object.clone();
                object.insert(member.node.name.node.clone(), value.clone());
                objects.push(object);
            }
        }
        Ok(objects.into_iter().map(Value::Object).collect())
    }
}

/// Whether something has to be given.
pub fn is_required(input: &Input) -> bool {
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
