use async_graphql::parser::parse_query;
use async_graphql::{Interface, OutputType as _, SimpleObject};

use super::*;

#[derive(Clone, SimpleObject)]
struct A {
    id: i32,
    own: i32,
    next: Option<Box<A>>,
}

#[derive(Clone, SimpleObject)]
struct B {
    id: i32,
    other: i32,
}

#[derive(Clone, Interface)]
#[graphql(field(name = "id", ty = "&i32"))]
enum Node {
    A(A),
    B(B),
}

#[derive(SimpleObject)]
struct Query {
    a: A,
    node: Node,
}

fn types() -> Registry {
    let mut types = Registry::default();
    Query::create_type_info(&mut types);
    types.query_type = "Query".to_owned();
    types
}

/// The fields of a document, without spaces.
fn collected(document: &str, variables: serde_json::Value) -> Result<String, Conflict> {
    let document = parse_query(document).unwrap();
    let (_, operation) = document.operations.iter().next().unwrap();
    let variables = Variables::from_json(variables);
    let executed = collect_fields(&document, &operation.node, &variables, &types())?;
    let (_, operation) = executed.operations.iter().next().unwrap();
    Ok(text(&operation.node.selection_set.node))
}

fn text(set: &SelectionSet) -> String {
    let texts = set.items.iter().map(|selection| match &selection.node {
        Selection::Field(field) => {
            let Field { alias, name, arguments, directives, selection_set } = &field.node;
            assert!(directives.is_empty());
            let alias = alias.as_ref().map_or_else(String::new, |it| format!("{}:", it.node));
            let arguments =
                arguments.iter().map(|(name, value)| format!("{}={}", name.node, value.node));
            let arguments = arguments.collect::<String>();
            let below = match selection_set.node.items.is_empty() {
                true => String::new(),
                false => format!("{{{}}}", text(&selection_set.node)),
            };
            format!("{alias}{}{arguments}{below}", name.node)
        }
        Selection::InlineFragment(fragment) => {
            let on = fragment.node.type_condition.as_ref().unwrap();
            format!("{}{{{}}}", on.node.on.node, text(&fragment.node.selection_set.node))
        }
        Selection::FragmentSpread(_) => panic!("fragments are not left"),
    });
    texts.collect::<Vec<_>>().join(" ")
}

#[test]
fn fields_are_merged_in_the_order_of_the_document() {
    for (document, expected) in [
        ("{ a { id own } }", "a{id own}"),
        ("{ a { id } b: a { own } a { own id } }", "a{id own} b:a{own}"),
        ("{ a { id } ...F } fragment F on Query { a { own } c: a { id } }", "a{id own} c:a{id}"),
        (
            "{ ...F a { own } } fragment F on Query { a { ...G } } fragment G on A { id }",
            "a{id own}",
        ),
        ("{ a { next { id } ... { next { own } id } ... on A { id } } }", "a{next{id own} id}"),
        ("{ a { ... on Node { id } ... on B { other } own } }", "a{id own}"),
        ("{ node { id } node { __typename } }", "node{id __typename}"),
        ("{ node { id ... on A { id own } } }", "node{A{id own} B{id}}"),
        ("{ node { ... on B { other } } }", "node{B{other}}"),
        ("{ node { ... on Node { id } ... on A { own } } }", "node{A{id own} B{id}}"),
        ("{ a(x: 1, y: $z) { id } a(y: $z, x: 1) { own } }", "ax=1{id own}"),
        (
            "{ __schema { ...S } } fragment S on __Schema { types { name } types { kind } }",
            "__schema{types{name kind}}",
        ),
    ] {
        assert_eq!(
            collected(document, serde_json::json!({})).as_deref(),
            Ok(expected),
            "{document}"
        );
    }
}

#[test]
fn variables_decide_what_is_skipped() {
    let variables = serde_json::json!({"yes": true, "no": false});
    for (document, expected) in [
        ("query($yes: Boolean!) { a { id @skip(if: $yes) own } }", "a{own}"),
        ("query($no: Boolean!) { a { id @include(if: $no) own @skip(if: $no) } }", "a{own}"),
        ("query($d: Boolean = true) { a { id @skip(if: $d) own @include(if: $d) } }", "a{own}"),
        ("query($d: Boolean! = false) { a { ... @include(if: $d) { id } own } }", "a{own}"),
        ("query($no: Boolean = true) { a { id @skip(if: $no) } }", "a{id}"),
        (
            "query($d: Boolean = true) { a { ...F @skip(if: $d) own } } fragment F on A { id }",
            "a{own}",
        ),
        ("{ a { id @skip(if: true) } }", "a"),
        ("{ a { id @skip(if: false) @include(if: false) own } }", "a{own}"),
        ("query($yes: Boolean!) { a { id @skip(if: $yes) } a { id } }", "a{id}"),
        ("query($n: Int) { a(first: $n, x: 1) { id } }", "ax=1{id}"),
        ("query($n: Int = 2) { a(first: $n) { id } }", "afirst=$n{id}"),
        ("query($no: Boolean) { a(first: $no) { id } }", "afirst=$no{id}"),
    ] {
        let read = collected(document, variables.clone());
        assert_eq!(read.as_deref(), Ok(expected), "{document}");
    }
}

#[test]
fn different_arguments_are_a_conflict() {
    for document in [
        "{ a(x: [1]) { id } a(x: []) { id } }",
        "{ a(x: 1) { id } a { own } }",
        "{ a(x: {y: 1}) { id } ...F } fragment F on Query { a(x: {y: 2}) { id } }",
        "{ a { x: id } a { x: own } }",
    ] {
        let conflict = collected(document, serde_json::json!({}));
        assert!(matches!(conflict, Err(Conflict::Arguments(_))), "{document}: {conflict:?}");
    }
}

#[test]
fn collected_fields_are_limited() {
    let many: String = (0..MAX_FIELDS).map(|number| format!("a{number}: id ")).collect();
    let document = format!("{{ node {{ ... on Node {{ {many} }} }} }}");
    assert_eq!(collected(&document, serde_json::json!({})), Err(Conflict::TooMany));
}
