//! Whether the response keys of a document are unique within their objects.

use std::collections::{HashMap, HashSet};

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};

/// Selections that are looked at. Documents of which more would have to be are resolved without these keys.
const MAX_STEPS: usize = 20_000;

/// Whether the response keys of a document are unique: the fields of one key are merged (section 5.3.2 of the GraphQL
/// specification).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResponseKeys {
    /// They are.
    Unique,
    /// Fields without selections of their own are repeated, which have equal values.
    RepeatedLeaves,
    /// Fields with selections of their own are repeated, whose selections must be merged; or that is not known.
    RepeatedObjects,
}

impl ResponseKeys {
    /// Those of a document without cycles of fragments.
    #[must_use]
    pub fn of(document: &ExecutableDocument) -> Self {
        let mut search = Search { document, steps: 0, found: Self::Unique };
        for (_, operation) in document.operations.iter() {
            search.objects(&operation.node.selection_set.node);
        }
        for fragment in document.fragments.values() {
            search.objects(&fragment.node.selection_set.node);
        }
        search.found
    }
}

struct Search<'a> {
    document: &'a ExecutableDocument,
    steps: usize,
    found: ResponseKeys,
}

/// The fields of one object.
#[derive(Default)]
struct Keys<'a> {
    /// Whether the field has selections, by key.
    fields: HashMap<&'a Name, bool>,
    fragments: HashSet<&'a Name>,
}

impl<'a> Search<'a> {
    fn found(&mut self, keys: ResponseKeys) {
        self.found = self.found.max(keys);
    }

    /// Looks at an object, and those that are selected within its own fields.
    fn objects(&mut self, set: &'a SelectionSet) {
        self.add(set, &mut Keys::default());
        self.nested(set);
    }

    fn nested(&mut self, set: &'a SelectionSet) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) if has_selections(&field.node) => {
                    self.objects(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    self.nested(&fragment.node.selection_set.node);
                }
                Selection::Field(_) | Selection::FragmentSpread(_) => {}
            }
        }
    }

    /// Adds the fields of `set` and its fragments to those of one object.
    fn add(&mut self, set: &'a SelectionSet, keys: &mut Keys<'a>) {
        self.steps += set.items.len();
        if self.steps > MAX_STEPS {
            self.found(ResponseKeys::RepeatedObjects);
        }
        for selection in &set.items {
            if self.found == ResponseKeys::RepeatedObjects {
                return;
            }
            match &selection.node {
                Selection::Field(field) => self.add_field(&field.node, keys),
                Selection::InlineFragment(fragment) => {
                    self.add(&fragment.node.selection_set.node, keys);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if !keys.fragments.insert(name) {
                        self.found(ResponseKeys::RepeatedObjects);
                    } else if let Some(fragment) = self.document.fragments.get(name) {
                        self.add(&fragment.node.selection_set.node, keys);
                    }
                }
            }
        }
    }

    fn add_field(&mut self, field: &'a Field, keys: &mut Keys<'a>) {
        let has_selections = has_selections(field);
        match keys.fields.insert(&field.response_key().node, has_selections) {
            None => {}
            Some(false) if !has_selections => self.found(ResponseKeys::RepeatedLeaves),
            Some(_) => self.found(ResponseKeys::RepeatedObjects),
        }
    }
}

fn has_selections(field: &Field) -> bool {
    !field.selection_set.node.items.is_empty()
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn repeated_keys_are_found() {
        let many = format!("{{ {} }}", "... { a }".repeat(MAX_STEPS));
        for (document, expected) in [
            ("{ a { b c } d { b c } }", ResponseKeys::Unique),
            ("{ a { b { c } b2: b { d } } }", ResponseKeys::Unique),
            ("{ a { b b } }", ResponseKeys::RepeatedLeaves),
            ("{ a { b c: b c: b } }", ResponseKeys::RepeatedLeaves),
            ("{ a { b ...F } } fragment F on A { b }", ResponseKeys::RepeatedLeaves),
            ("{ a { ... on A { b } ... on B { b } } }", ResponseKeys::RepeatedLeaves),
            ("{ a { b } a { c } }", ResponseKeys::RepeatedObjects),
            ("{ a { b { c } b { d } } }", ResponseKeys::RepeatedObjects),
            ("{ a { b { c } ...F } } fragment F on A { b { d } }", ResponseKeys::RepeatedObjects),
            ("{ a { ...F ...F } } fragment F on A { b }", ResponseKeys::RepeatedObjects),
            (
                "{ ...F } fragment F on Query { a { b { c } ... { b { d } } } }",
                ResponseKeys::RepeatedObjects,
            ),
            (
                "{ a { x { b } } ... { ...F } } fragment F on Q { a { y } }",
                ResponseKeys::RepeatedObjects,
            ),
            (many.as_str(), ResponseKeys::RepeatedObjects),
        ] {
            let parsed = parse_query(document).unwrap();
            assert_eq!(
                ResponseKeys::of(&parsed),
                expected,
                "{}",
                &document[..document.len().min(80)]
            );
        }
    }
}
