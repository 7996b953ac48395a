//! Cases: every root field with every argument that can name or reach rows, in every form.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::{Name, Value};
use serde_json::json;

use super::sdl::{Field, Sdl, named};
use super::selection::Selector;
use super::values::{Known, Values, is_required};

/// One document to be sent.
#[derive(Clone, Debug)]
pub struct Case {
    /// The root field, as `Query.tasks`.
    pub field: String,
    /// What is sent.
    pub body: serde_json::Value,
}

impl Case {
    fn new(root: &str, field: &Field, body: serde_json::Value) -> Self {
        Self { field: format!("{root}.{}", field.node.name.node), body }
    }

    pub fn document(&self) -> &str {
        self.body["query"].as_str().unwrap()
    }
}

/// What the generator made of a schema.
#[derive(Default)]
pub struct Generated {
    /// The cases: queries, then mutations.
    pub cases: Vec<Case>,
    /// The object types that their selections reach.
    pub reached: BTreeSet<String>,
    /// Root fields for which nothing could be made, and why.
    pub failed: Vec<String>,
}

/// The forms in which the least arguments are sent.
const FORMS: usize = 4;

impl Generated {
    /// Keeps every form, and one in `step` of what else there is of a field.
    pub fn thin_out(&mut self, step: usize) {
        let of_fields = self.cases.chunk_by(|one, next| one.field == next.field);
        let kept = of_fields.flat_map(|of_field| {
            let numbered = of_field.iter().enumerate();
            numbered
                .filter(|(nth, _)| *nth < FORMS || nth % step == 0)
                .map(|(_, case)| case.clone())
        });
        self.cases = kept.collect();
    }
}

/// The cases of the whole schema, for a stranger who sees `seen` of it.
pub fn generate(whole: &Sdl, seen: &Sdl, known: &Known) -> Generated {
    let mut generated = Generated::default();
    for root in ["Query", "Mutation"] {
        for field in whole.fields(root) {
            // What strangers do not see is asked for all the same.
            let sdl = if seen.field(root, &field.node.name.node).is_some() { seen } else { whole };
            let maker = Maker { root, field, values: Values { sdl, known } };
            if let Err(why) = maker.make(&mut generated) {
                generated.failed.push(format!("{root}.{}: {why}", field.node.name.node));
            }
        }
    }
    generated
}

type Arguments = BTreeMap<Name, Value>;

/// Makes the cases of one root field.
struct Maker<'a> {
    root: &'a str,
    field: &'a Field,
    values: Values<'a>,
}

impl Maker<'_> {
    /// The least arguments in every form, with everything selected by every path; then each variation.
    fn make(&self, generated: &mut Generated) -> Result<(), String> {
        let least = self.least()?;
        for selection in self.selections(false, &mut generated.reached)? {
            for body in self.forms(&least, &selection) {
                generated.cases.push(Case::new(self.root, self.field, body));
            }
        }
        for selection in self.selections(true, &mut generated.reached)? {
            for arguments in self.variations(&least)? {
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

    /// What has to be given; and a short page, for the cost of a long one.
    fn least(&self) -> Result<Arguments, String> {
        let mut least = Arguments::new();
        for argument in self.field.node.arguments.iter().filter(|argument| is_required(argument)) {
            let values = self.values.of(argument)?;
            least.insert(argument.node.name.node.clone(), values[0].clone());
        }
        if self.takes("first") {
            least.insert(Name::new("first"), 5.into());
        }
        Ok(least)
    }

    /// One argument after the other with each of its values, the rest as in `least`.
    fn variations(&self, least: &Arguments) -> Result<Vec<Arguments>, String> {
        let mut variations = Vec::new();
        for argument in &self.field.node.arguments {
            let name = &argument.node.name.node;
            if ["after", "before"].contains(&name.as_str()) {
                continue;
            }
            for value in self.values.of(argument)? {
                let mut arguments = least.clone();
                if name == "last" {
                    arguments.remove("first");
                }
                arguments.insert(name.clone(), value);
                variations.push(arguments);
            }
        }
        if self.takes("after") {
            variations.append(&mut self.pages(least)?);
        }
        Ok(variations)
    }

    /// From each of the victim's cursors on, both ways, and between two of them.
    fn pages(&self, least: &Arguments) -> Result<Vec<Arguments>, String> {
        let mut pages = Vec::new();
        for order in orders(&self.values, self.field)? {
            let mut ordered = least.clone();
            let name = order.as_ref().map(Value::to_string).unwrap_or_default();
            ordered.extend(order.map(|order| (Name::new("orderBy"), order)));
            let cursors = self.values.known.cursors.get(&name);
            let cursors: Vec<_> = cursors.into_iter().flatten().cloned().map(Value::from).collect();
            let page = |with: &[(&str, &Value)]| {
                let mut page = ordered.clone();
                page.extend(with.iter().map(|(name, value)| (Name::new(name), (*value).clone())));
                page
            };
            for cursor in &cursors {
                pages.push(page(&[("after", cursor)]));
                let mut back = page(&[("before", cursor), ("last", &5.into())]);
                back.remove("first");
                pages.push(back);
            }
            for pair in cursors.windows(2) {
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

    /// The same, plain, under aliases, in fragments, and with variables.
    fn forms(&self, arguments: &Arguments, selection: &str) -> [serde_json::Value; FORMS] {
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

/// The orders in which a list can be asked for: as usual, and each that `orderBy` takes.
pub fn orders(values: &Values<'_>, list: &Field) -> Result<Vec<Option<Value>>, String> {
    let mut orders = vec![None];
    for argument in list.node.arguments.iter().filter(|a| a.node.name.node == "orderBy") {
        let given = values.of(argument)?;
        orders.extend(given.into_iter().filter(|value| *value != Value::Null).map(Some));
    }
    Ok(orders)
}
