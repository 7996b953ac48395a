//! The inputs of a domain: create, update, filter, order.

use super::super::field::{Field, Kind};
use super::super::template::fill;
use super::model::{Domain, description, each};

pub(super) fn mutation(domain: &Domain) -> String {
    let checked = match domain.references().next() {
        Some(_) => "input.check(ctx).await?",
        None => "input.check()?",
    };
    fill(include_str!("../templates/domain/mutation.rs.txt"), &[("checked", checked.to_owned())])
}

pub(super) fn input(domain: &Domain) -> String {
    let refers = domain.references().next().is_some();
    let check = match refers {
        true => "async fn check(self, ctx: &Context<'_>) -> Result<ActiveModel>",
        false => "fn check(self) -> Result<ActiveModel>",
    };
    let has_texts = domain.has(&Kind::String) || domain.has(&Kind::Id);
    let sorted: Vec<_> = domain.fields.iter().filter(|field| field.is_sortable()).collect();
    let values = [
        ("imports", imports(domain)),
        ("constraints", if has_texts { constraints(domain) } else { String::new() }),
        ("check", check.to_owned()),
        (
            "create_fields",
            each(&domain.fields, |field| {
                input_field(field, &field.nullable(input_type(field)), "", false)
            }),
        ),
        ("create", create(domain)),
        (
            "update_fields",
            each(&domain.fields, |field| {
                let null = if field.is_required { "" } else { " Null removes it." };
                input_field(field, &format!("MaybeUndefined<{}>", input_type(field)), null, true)
            }),
        ),
        ("update", each(&domain.fields, update)),
        ("update_references", each(domain.references(), update_reference)),
        ("filter_fields", each(&domain.fields, filter_fields)),
        ("filter_start", filter_start(domain)),
        ("filter_conditions", each(&domain.fields, conditions)),
        ("order_fields", each(sorted.iter().copied(), order_field)),
        (
            "order_columns",
            each(sorted.iter().copied(), |field| {
                let (variant, key) =
                    (field.variant(), if field.kind == Kind::String { "Key" } else { "" });
                format!("«Note»OrderField::{variant} => Column::{variant}{key},\n")
            }),
        ),
    ];
    fill(include_str!("../templates/domain/input.rs.txt"), &values)
}

/// The constraints of texts.
fn constraints(domain: &Domain) -> String {
    let is_text = |field: &Field| matches!(field.kind, Kind::String | Kind::Id);
    let has_required = domain.fields.iter().any(|field| is_text(field) && field.is_required);
    let required = match has_required {
        true => "const REQUIRED_TEXT: Constraint<'_> = Constraint::text(1, 1_000);\n",
        false => "",
    };
    format!("const TEXT: Constraint<'_> = Constraint::text(0, 1_000);\n{required}\n")
}

/// The constant of the constraint of a text.
fn text_constraint(field: &Field) -> &'static str {
    if field.is_required { "REQUIRED_TEXT" } else { "TEXT" }
}

/// The constraint of an input, if any. `is_update`: it may be omitted.
fn constraint(field: &Field, is_update: bool) -> Option<String> {
    let is_text = matches!(field.kind, Kind::String | Kind::Id);
    let rejects_null = is_update && (field.is_required || field.target().is_some());
    match (is_text, rejects_null) {
        (false, false) => None,
        (true, false) => Some(text_constraint(field).to_owned()),
        (true, true) => Some(format!("{}.not_null()", text_constraint(field))),
        (false, true) => Some("Constraint::NONE.not_null()".to_owned()),
    }
}

/// The attribute that states the constraint of an input.
fn stated(constraint: Option<&str>) -> String {
    constraint.map_or_else(String::new, |constraint| {
        format!("#[graphql(directive = Constrained::apply({constraint}))]\n")
    })
}

fn imports(domain: &Domain) -> String {
    let mut library = vec!["Enum", "InputObject", "MaybeUndefined"];
    let mut data = vec!["Filter"];
    let mut graphql = vec!["Direction"];
    library.extend(domain.has(&Kind::Id).then_some("ID"));
    data.extend(domain.has(&Kind::String).then_some("Term"));
    graphql.extend(domain.has(&Kind::Date).then_some("Date"));
    graphql.extend(domain.has(&Kind::DateTime).then_some("DateTime"));
    if domain.references().next().is_some() {
        library.push("Context");
    }
    for names in [&mut library, &mut graphql] {
        names.sort_unstable();
    }
    format!(
        "use async_graphql::{{{}}};\nuse hallpass::data::{{{}}};\nuse hallpass::graphql::{{{}}};\n\
         use hallpass::prelude::*;\n\nuse super::«note»::{{ActiveModel, Column, Entity}};\n{}",
        library.join(", "),
        data.join(", "),
        graphql.join(", "),
        domain.imports_of_references(false)
    )
}

/// The GraphQL type of an input.
fn input_type(field: &Field) -> &str {
    match &field.kind {
        Kind::String => "String",
        Kind::Int => "i32",
        Kind::Float => "f64",
        Kind::Boolean => "bool",
        Kind::DateTime => "DateTime",
        Kind::Date => "Date",
        Kind::Id => "ID",
        Kind::Reference(target) => &target.id,
    }
}

fn input_field(field: &Field, kind: &str, more: &str, is_update: bool) -> String {
    let limit = match (&field.kind, field.is_required) {
        (Kind::String | Kind::Id, true) => ", 1 to 1,000 characters",
        (Kind::String | Kind::Id, false) => ", at most 1,000 characters",
        _ => "",
    };
    let stated = stated(constraint(field, is_update).as_deref());
    let (description, name) = (description(field), field.name.snake());
    format!("/// {description}{limit}.{more}\n{stated}pub {name}: {kind},\n")
}

/// The value of the column for `value`, the value of an input.
fn checked(field: &Field, value: &str) -> String {
    let path = format!("input.{}", field.name.camel());
    match field.kind {
        Kind::String | Kind::Id => {
            format!("validator.text(\"{path}\", &{value}, &{})", text_constraint(field))
        }
        Kind::DateTime | Kind::Date => format!("{value}.0"),
        Kind::Int | Kind::Float | Kind::Boolean | Kind::Reference(_) => value.to_owned(),
    }
}

/// The same for an input that may be null.
fn checked_nullable(field: &Field, value: &str) -> String {
    match field.kind {
        Kind::Int | Kind::Float | Kind::Boolean | Kind::Reference(_) => value.to_owned(),
        Kind::String | Kind::Id | Kind::DateTime | Kind::Date => {
            format!("{value}.map(|value| {})", checked(field, "value"))
        }
    }
}

fn create(domain: &Domain) -> String {
    let plain = domain.fields.iter().filter(|field| field.target().is_none());
    let values = each(plain, |field| {
        let input = format!("self.{}", field.name.snake());
        let value = match field.is_required {
            true => checked(field, &input),
            false => checked_nullable(field, &input),
        };
        format!("    {}: Set({value}),\n", field.column())
    });
    let validates = values.contains("validator.");
    let references = each(domain.references(), |field| {
        let (name, column) = (field.name.snake(), field.column());
        format!("{column}: Set(self.{name}.required_key(ctx).await?),\n")
    });
    let (start, end) = match validates {
        true => ("let mut validator = Validator::default();\n", "validator.finish()?;\n"),
        false => ("", ""),
    };
    match (references.is_empty(), validates) {
        (true, false) => format!("Ok(ActiveModel {{\n{values}    ..Default::default()\n}})"),
        (true, true) => format!(
            "{start}let values = ActiveModel {{\n{values}    ..Default::default()\n}};\n{end}Ok(values)"
        ),
        (false, _) => format!(
            "{start}let values = ActiveModel {{\n{values}    ..Default::default()\n}};\n{end}\
             Ok(ActiveModel {{ {references} ..values }})"
        ),
    }
}

fn update(field: &Field) -> String {
    let (name, column) = (field.name.snake(), field.column());
    let path = format!("input.{}", field.name.camel());
    match (field.target(), field.is_required) {
        (Some(_), _) => {
            format!("let {name} = validator.not_null(\"{path}\", self.{name});\n")
        }
        (None, true) => format!(
            "if let Some(value) = validator.not_null(\"{path}\", self.{name}) {{\n    \
             values.{column} = Set({});\n}}\n",
            checked(field, "value")
        ),
        (None, false) => format!(
            "if !self.{name}.is_undefined() {{\n    values.{column} = Set({});\n}}\n",
            checked_nullable(field, &format!("self.{name}.take()"))
        ),
    }
}

fn update_reference(field: &Field) -> String {
    let (name, column) = (field.name.snake(), field.column());
    format!(
        "if let Some(id) = {name} {{\n    values.{column} = Set(id.required_key(ctx).await?);\n}}\n"
    )
}

fn filter_fields(field: &Field) -> String {
    let (description, name) = (description(field), field.name.snake());
    let kind = input_type(field);
    let is_text = matches!(field.kind, Kind::String | Kind::Id);
    let stated = stated(is_text.then_some("TEXT"));
    let equal = format!("/// {description}.\n{stated}pub {name}: Option<{kind}>,\n");
    let range = |what: &str| {
        format!(
            "/// {description} before this {what}.\npub {name}_before: Option<{kind}>,\n\
             /// {description} after this {what}.\npub {name}_after: Option<{kind}>,\n"
        )
    };
    match field.kind {
        Kind::String => format!(
            "{equal}/// Text contained in `{camel}`. Ignores case, accents and letter variants.\n\
             {stated}pub {name}_contains: Option<String>,\n",
            camel = field.name.camel()
        ),
        Kind::DateTime => range("time"),
        Kind::Date => format!("{equal}{}", range("date")),
        Kind::Int | Kind::Float | Kind::Boolean | Kind::Id | Kind::Reference(_) => equal,
    }
}

/// Validates the texts of a filter.
fn filter_start(domain: &Domain) -> String {
    let checked = |name: String, path: String| {
        format!(
            "let {name} = self.{name}.map(|text| validator.text(\"filter.{path}\", &text, &TEXT));\n"
        )
    };
    let texts = each(&domain.fields, |field| {
        let (name, camel) = (field.name.snake(), field.name.camel());
        match field.kind {
            Kind::String => {
                checked(name.clone(), camel.clone())
                    + &checked(format!("{name}_contains"), format!("{camel}Contains"))
            }
            Kind::Id => checked(name, camel),
            _ => String::new(),
        }
    });
    match texts.is_empty() {
        true => String::new(),
        false => {
            format!("let mut validator = Validator::default();\n{texts}validator.finish()?;")
        }
    }
}

fn conditions(field: &Field) -> String {
    let (name, variant) = (field.name.snake(), field.variant());
    let given = |value: String, condition: &str| {
        format!(".and_if_some({value}.map(|value| Column::{variant}{condition}))\n")
    };
    let range = || {
        given(format!("self.{name}_before"), ".less_than(value.0)")
            + &given(format!("self.{name}_after"), ".greater_than(value.0)")
    };
    match field.kind {
        Kind::String => {
            let term = format!("{name}_contains.and_then(|text| Term::new(&text))");
            given(name.clone(), ".is(value)") + &given(term, "Search.contains(&value)")
        }
        Kind::Id => given(name, ".is(value)"),
        Kind::DateTime => range(),
        Kind::Date => given(format!("self.{name}"), ".is(value.0)") + &range(),
        Kind::Reference(_) => given(format!("self.{name}"), ".one_of(value.key().ok())"),
        Kind::Int | Kind::Float | Kind::Boolean => given(format!("self.{name}"), ".is(value)"),
    }
}

fn order_field(field: &Field) -> String {
    let last = match (field.is_required, &field.kind) {
        (true, _) => "",
        (false, Kind::String) => " «Words» without one sort as if it was empty.",
        (false, _) => " «Words» without one sort as larger than all others.",
    };
    let text =
        if field.kind == Kind::String { " Ignores case, accents and letter variants." } else { "" };
    format!("/// {}.{text}{last}\n{},\n", description(field), field.variant())
}
