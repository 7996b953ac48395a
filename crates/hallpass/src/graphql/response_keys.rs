//! Whether the response keys of a document are unique within their objects.

use std::collections::HashSet;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};

/// Selections that are looked at. Documents of which more would have to be are resolved without these keys.
const MAX_STEPS: usize = 20_000;

/// Whether a response key occurs twice in an object: its fields are merged (section 5.3.2 of the GraphQL specification).
/// True if that is not known. `document` has no cycles of fragments.
pub(crate) fn has_repeated_keys(document: &ExecutableDocument) -> bool {
    let mut search = Search { document, steps: 0, is_repeated: false };
    for (_, operation) in document.operations.iter() {
        search.objects(&operation.node.selection_set.node);
    }
    for fragment in document.fragments.values() {
        search.objects(&fragment.node.selection_set.node);
    }
    search.is_repeated
}

struct Search<'a> {
    document: &'a ExecutableDocument,
    steps: usize,
    is_repeated: bool,
}

/// The fields of one object.
#[derive(Default)]
struct Keys<'a> {
    fields: HashSet<&'a Name>,
    fragments: HashSet<&'a Name>,
}

impl<'a> Search<'a> {
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
        self.is_repeated |= self.steps > MAX_STEPS;
        for selection in &set.items {
            if self.is_repeated {
                return;
            }
            match &selection.node {
                Selection::Field(field) => {
                    self.is_repeated |= !keys.fields.insert(&field.node.response_key().node);
                }
                Selection::InlineFragment(fragment) => {
                    self.add(&fragment.node.selection_set.node, keys);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if !keys.fragments.insert(name) {
                        self.is_repeated = true;
                    } else if let Some(fragment) = self.document.fragments.get(name) {
                        self.add(&fragment.node.selection_set.node, keys);
                    }
                }
            }
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
            ("{ a { b c } d { b c } }", false),
            ("{ a { b { c } b2: b { d } } }", false),
            ("{ a { b b } }", true),
            ("{ a { b c: b c: b } }", true),
            ("{ a { b ...F } } fragment F on A { b }", true),
            ("{ a { ... on A { b } ... on B { b } } }", true),
            ("{ a { b } a { c } }", true),
            ("{ a { b { c } b { d } } }", true),
            ("{ a { b { c } ...F } } fragment F on A { b { d } }", true),
            ("{ a { ...F ...F } } fragment F on A { b }", true),
            ("{ ...F } fragment F on Query { a { b { c } ... { b { d } } } }", true),
            ("{ a { x { b } } ... { ...F } } fragment F on Q { a { y } }", true),
            (many.as_str(), true),
        ] {
            let parsed = parse_query(document).unwrap();
            assert_eq!(
                has_repeated_keys(&parsed),
                expected,
                "{}",
                &document[..document.len().min(80)]
            );
        }
    }
}
