//! Cases: every root field with every argument that can name or reach rows, in every shape of request.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::types::TypeKind;
use async_graphql::{Name, Value};
use serde_json::json;

use super::selection::Selector;
use super::values::{Knowledge, Values, is_required};
use crate::testing::sdl::{Field, Sdl, named};

/// Which cases are sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// One in so many.
    pub(super) step: usize,
    /// Which ones.
    pub(super) seed: usize,
}

/// One document to be sent.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// The root field, as `Query.tasks`.
    pub field: String,
    /// The request body.
    pub body: serde_json::Value,
}

impl Case {
    fn new(root: &str, field: &Field, body: serde_json::Value) -> Self {
        Self { field: format!("{root}.{}", field.node.name.node), body }
    }

    pub fn document(&self) -> &str {
        self.body["query"].as_str().expect("a case has a document")
    }
}

/// The cases that the generator made from a schema.
#[derive(Default)]
pub(super) struct Generated {
    /// The cases: queries, then mutations.
    pub cases: Vec<Case>,
    /// The number of arguments of their fields.
    pub arguments: usize,
    /// The object types that their selections reach.
    pub reached: BTreeSet<String>,
    /// Root fields without a case, and the reason.
    pub failed: Vec<String>,
}

/// The number of request shapes for the minimal arguments.
const REQUEST_SHAPES: usize = 4;

impl Generated {
    /// Keeps every shape, and one in `step` of a field's other cases: which ones depends on `seed`.
    pub fn thin_out(&mut self, Sample { step, seed }: Sample) {
        let of_fields = self.cases.chunk_by(|one, next| one.field == next.field);
        let kept = of_fields.flat_map(|of_field| {
            let numbered = of_field.iter().enumerate();
            numbered
                .filter(|(nth, _)| *nth < REQUEST_SHAPES || nth % step == seed % step)
                .map(|(_, case)| case.clone())
        });
        self.cases = kept.collect();
    }
}

/// The cases of the whole schema, for an attacker who sees `seen` of it.
pub(super) fn generate(whole: &Sdl, seen: &Sdl, knowledge: &Knowledge) -> Generated {
    let mut generated = Generated::default();
    for root in ["Query", "Mutation"] {
        for field in whole.fields(root) {
            // Hidden fields are requested too.
            let sdl = if seen.field(root, &field.node.name.node).is_some() { seen } else { whole };
            let generator =
                CaseGenerator { root, field, values: Values::of_field(sdl, knowledge, field) };
            generated.arguments += field.node.arguments.len();
            if let Err(why) = generator.generate_all(&mut generated) {
                generated.failed.push(format!("{root}.{}: {why}", field.node.name.node));
            }
        }
    }
    generated
}

/// A document with the minimal arguments of one field, and the smallest selection.
pub(super) fn smallest(
    sdl: &Sdl,
    knowledge: &Knowledge,
    root: &str,
    field: &Field,
) -> Result<String, String> {
    let generator = CaseGenerator { root, field, values: Values::of_field(sdl, knowledge, field) };
    let kind = sdl.kind(named(&field.node.ty.node));
    let is_leaf = matches!(kind, None | Some(TypeKind::Scalar | TypeKind::Enum(_)));
    let selection = if is_leaf { "" } else { "{ __typename }" };
    Ok(generator.plain(&generator.minimal()?, selection))
}

/// A document for each subscription, with the minimal arguments and everything selected.
pub(super) fn subscriptions(sdl: &Sdl, knowledge: &Knowledge) -> Result<Vec<Case>, String> {
    let of = |field: &Field| {
        let values = Values::of_field(sdl, knowledge, field);
        let generator = CaseGenerator { root: "Subscription", field, values };
        let selections = generator.selections(true, &mut BTreeSet::new())?;
        let selection = selections.first().map_or("", String::as_str);
        let body = json!({ "query": generator.plain(&generator.minimal()?, selection) });
        Ok(Case::new("Subscription", field, body))
    };
    sdl.fields("Subscription").iter().map(of).collect()
}

type Arguments = BTreeMap<Name, Value>;

/// Generates the cases of one root field.
struct CaseGenerator<'a> {
    root: &'a str,
    field: &'a Field,
    values: Values<'a>,
}

impl CaseGenerator<'_> {
    /// The minimal arguments in every shape, with everything selected by every path; then each variation.
    fn generate_all(&self, generated: &mut Generated) -> Result<(), String> {
        let minimal = self.minimal()?;
        for selection in self.selections(false, &mut generated.reached)? {
            for body in self.request_shapes(&minimal, &selection) {
                generated.cases.push(Case::new(self.root, self.field, body));
            }
        }
        for selection in self.selections(true, &mut generated.reached)? {
            for arguments in self.variations(&minimal)? {
                let body = json!({ "query": self.plain(&arguments, &selection) });
                generated.cases.push(Case::new(self.root, self.field, body));
            }
        }
        Ok(())
    }

    fn selections(
        &self,
        is_short: bool,
        reached: &mut BTreeSet<String>,
    ) -> Result<Vec<String>, String> {
        let mut selector = Selector { values: self.values, is_short, reached: BTreeSet::new() };
        let selections = selector.all_of(named(&self.field.node.ty.node))?;
        reached.append(&mut selector.reached);
        Ok(selections)
    }

    fn takes(&self, name: &str) -> bool {
        self.field.node.arguments.iter().any(|argument| argument.node.name.node == name)
    }

    /// The required arguments; and a short page, because of the cost of a long one.
    fn minimal(&self) -> Result<Arguments, String> {
        let mut minimal = Arguments::new();
        for argument in self.field.node.arguments.iter().filter(|argument| is_required(argument)) {
            let values = self.values.of(argument)?;
            minimal.insert(argument.node.name.node.clone(), values[0].clone());
        }
        if self.takes("first") {
            minimal.insert(Name::new("first"), 5.into());
        }
        Ok(minimal)
    }

    /// One argument after the other with each of its values, the others as in `minimal`.
    fn variations(&self, minimal: &Arguments) -> Result<Vec<Arguments>, String> {
        let mut variations = Vec::new();
        for argument in &self.field.node.arguments {
            let name = &argument.node.name.node;
            if ["after", "before"].contains(&name.as_str()) {
                continue;
            }
            for value in self.values.of(argument)? {
                let mut arguments = minimal.clone();
                if name == "last" {
                    arguments.remove("first");
                }
                arguments.insert(name.clone(), value);
                variations.push(arguments);
            }
        }
        if self.takes("after") {
            variations.append(&mut self.pages(minimal)?);
        }
        Ok(variations)
    }

    /// From each of the victim's cursors on, in both directions, and between two of them.
    fn pages(&self, minimal: &Arguments) -> Result<Vec<Arguments>, String> {
        let mut pages = Vec::new();
        for order in orders(&self.values, self.field)? {
            let mut ordered = minimal.clone();
            let name = order.as_ref().map(Value::to_string).unwrap_or_default();
            ordered.extend(order.map(|order| (Name::new("orderBy"), order)));
            let cursors = self.values.knowledge.cursors.get(&name);
            let cursors: Vec<_> = cursors.into_iter().flatten().cloned().map(Value::from).collect();
            let page = |with: &[(&str, &Value)]| {
                let mut page = ordered.clone();
                page.extend(with.iter().map(|(name, value)| (Name::new(name), (*value).clone())));
                page
            };
            let has_back = self.takes("before") && self.takes("last");
            pages.extend(cursors.iter().map(|cursor| page(&[("after", cursor)])));
            for cursor in cursors.iter().filter(|_| has_back) {
                let mut back = page(&[("before", cursor), ("last", &5.into())]);
                back.remove("first");
                pages.push(back);
            }
            for pair in cursors.windows(2).filter(|_| has_back) {
                pages.push(page(&[("after", &pair[0]), ("before", &pair[1])]));
            }
        }
        Ok(pages)
    }

    fn plain(&self, arguments: &Arguments, selection: &str) -> String {
        let operation = self.root.to_ascii_lowercase();
        format!("{operation} {{ {} }}", self.call(arguments, selection))
    }

    fn call(&self, arguments: &Arguments, selection: &str) -> String {
        let given: Vec<_> =
            arguments.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        self.called(&given.join(", "), selection)
    }

    fn called(&self, given: &str, selection: &str) -> String {
        let given = if given.is_empty() { String::new() } else { format!("({given})") };
        format!("{}{given} {selection}", self.field.node.name.node)
    }

    /// The same request, plain, with aliases, in fragments, and with variables.
    fn request_shapes(
        &self,
        arguments: &Arguments,
        selection: &str,
    ) -> [serde_json::Value; REQUEST_SHAPES] {
        let (root, operation) = (self.root, self.root.to_ascii_lowercase());
        let call = self.call(arguments, selection);
        let declared: Vec<_> = self
            .field
            .node
            .arguments
            .iter()
            .filter(|argument| arguments.contains_key(&argument.node.name.node))
            .map(|argument| format!("${}: {}", argument.node.name.node, argument.node.ty.node))
            .collect();
        let given: Vec<_> = arguments.keys().map(|name| format!("{name}: ${name}")).collect();
        let declared =
            if declared.is_empty() { String::new() } else { format!("({})", declared.join(", ")) };
        [
            json!({ "query": self.plain(arguments, selection) }),
            json!({ "query": format!("{operation} {{ one: {call} another: {call} }}") }),
            json!({ "query": format!(
                "{operation} {{ ...All }} fragment All on {root} {{ ... on {root} {{ {call} }} }}"
            ) }),
            json!({
                "query": format!(
                    "{operation}{declared} {{ {} }}", self.called(&given.join(", "), selection)
                ),
                "variables": arguments,
            }),
        ]
    }
}

/// The orders of a list: the default, and each value of `orderBy`.
pub(super) fn orders(values: &Values<'_>, list: &Field) -> Result<Vec<Option<Value>>, String> {
    let mut orders = vec![None];
    for argument in list.node.arguments.iter().filter(|a| a.node.name.node == "orderBy") {
        let given = values.of(argument)?;
        orders.extend(given.into_iter().filter(|value| *value != Value::Null).map(Some));
    }
    Ok(orders)
}
