//! The tests of a domain, and its rows in the isolation suite.

use std::collections::BTreeSet;

use super::super::field::{Field, Kind};
use super::super::template::fill;
use super::model::{Domain, each};

/// `first` is the number of the first ID of its seeded rows.
pub(super) fn tests(domain: &Domain, first: usize) -> String {
    let modules = domain.references().filter_map(Field::target).map(|target| &target.module);
    let modules: BTreeSet<_> = modules.map(|module| format!("use super::{module};\n")).collect();
    let created = each(domain.references(), |field| {
        let Some(target) = field.target() else { return String::new() };
        format!("let {} = {}::create(client).await;\n", field.name.snake(), target.module)
    });
    let literals = each(&domain.fields, |field| {
        format!("{}: {}, ", field.name.camel(), literal(field, &field.name.snake()))
    });
    let literals = literals.trim_end_matches(", ");
    let create = format!("mutation {{ create«Note»(input: {{{literals}}}) {{ id }} }}");
    let (create, document) = match created.is_empty() {
        true => (format!("\"{}\"", create.replace('"', "\\\"")), "document"),
        false => (format_call(&create), "&document"),
    };
    let first_field = domain.fields.first();
    let changed = first_field.map_or_else(String::new, |field| match field.target() {
        Some(target) => format!("let other = {}::create(&alice).await;\n", target.module),
        None => String::new(),
    });
    let change = first_field.map_or_else(String::new, |field| {
        format!("{}: {}", field.name.camel(), literal(field, "other"))
    });
    let update = format!(
        "mutation {{ update«Note»(id: \"‹id›\", input: {{{change}}}, expectedVersion: 1) {{ version }} }}"
    );
    let values = [
        ("references", modules.into_iter().collect()),
        ("first", first.to_string()),
        ("seeds", each(&domain.fields, seed)),
        ("created_references", created),
        ("create", create),
        ("document", document.to_owned()),
        ("other", changed),
        ("update", format_call(&update)),
    ];
    fill(include_str!("../templates/domain/tests.rs.txt"), &values)
}

/// `format!` of a document, with variables written as `‹name›`.
fn format_call(document: &str) -> String {
    let escaped = document.replace('{', "{{").replace('}', "}}").replace('"', "\\\"");
    format!("format!(\"{}\")", escaped.replace('‹', "{").replace('›', "}"))
}

/// A value of the field, in a document. The ID of a reference is that of the variable.
fn literal(field: &Field, variable: &str) -> String {
    match field.kind {
        Kind::String | Kind::Id => "\"Text\"".to_owned(),
        Kind::Int => "1".to_owned(),
        Kind::Float => "1.5".to_owned(),
        Kind::Boolean => "true".to_owned(),
        Kind::DateTime => "\"2031-01-01T09:00:00Z\"".to_owned(),
        Kind::Date => "\"2031-01-01\"".to_owned(),
        Kind::Reference(_) => format!("\"‹{variable}›\""),
    }
}

/// The value of the column in a row of the isolation suite.
fn seed(field: &Field) -> String {
    let column = field.column();
    let value = match &field.kind {
        Kind::String | Kind::Id => format!("user.text(\"{}\")", field.name.words()),
        Kind::Int => "i32::try_from(number)?".to_owned(),
        Kind::Float => "f64::from(number)".to_owned(),
        Kind::Boolean => "number % 2 == 0".to_owned(),
        Kind::DateTime => "user.timestamp(number)".to_owned(),
        Kind::Date => "user.timestamp(number).date_naive()".to_owned(),
        Kind::Reference(target) => format!("user.id({}::FIRST)", target.module),
    };
    match field.is_required {
        true => format!("{column}: Set({value}),\n"),
        false => format!("{column}: Set(Some({value})),\n"),
    }
}
