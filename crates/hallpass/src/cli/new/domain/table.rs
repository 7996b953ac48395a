//! The table of a domain, and its migration.

use std::collections::BTreeSet;

use super::super::field::{Field, Kind};
use super::super::template::fill;
use super::model::{Domain, description, each};

pub(super) fn entity(domain: &Domain) -> String {
    let has_texts = domain.has(&Kind::String);
    let imports = match has_texts {
        true => "FromRow, SearchText, Set, SortKey, Timestamp, UserId, owned",
        false => "FromRow, Timestamp, UserId, owned",
    };
    let ids = domain.references().filter_map(Field::target).map(|target| {
        let (module, table) = (&target.module, target.name.snake());
        format!("use crate::{module}::{table}::{}Id;\n", target.name.pascal())
    });
    let ids = ids.collect::<BTreeSet<_>>().into_iter().collect::<String>();
    let values = [
        ("imports", imports.to_owned()),
        ("ids", if ids.is_empty() { ids } else { format!("{ids}\n") }),
        ("columns", each(&domain.fields, column)),
        ("policy", policy(domain)),
    ];
    fill(include_str!("../templates/domain/table.rs.txt"), &values)
}

fn column(field: &Field) -> String {
    let (description, column) = (description(field), field.column());
    let (kind, what) = match &field.kind {
        Kind::String | Kind::Id => ("String".to_owned(), description.clone()),
        Kind::Int => ("i32".to_owned(), description.clone()),
        Kind::Float => ("f64".to_owned(), description.clone()),
        Kind::Boolean => ("bool".to_owned(), description.clone()),
        Kind::DateTime => ("Timestamp".to_owned(), description.clone()),
        Kind::Date => ("Date".to_owned(), description.clone()),
        Kind::Reference(target) => {
            (format!("{}Id", target.name.pascal()), format!("{description}, of the same owner"))
        }
    };
    let mut text = format!("/// {what}.\npub {column}: {},\n", field.nullable(&kind));
    if field.kind == Kind::String {
        text += &format!(
            "/// {description}, normalized for order.\npub {column}_key: SortKey,\n\
             /// {description}, normalized for search.\npub {column}_search: SearchText,\n"
        );
    }
    text
}

/// The policy, with the function that derives columns.
fn policy(domain: &Domain) -> String {
    if !domain.has(&Kind::String) {
        return "owned!(OwnerId, owner_id);".to_owned();
    }
    let derived = each(domain.strings(), |field| {
        let column = field.column();
        let (key, search) = match field.is_required {
            true => ("SortKey::of(text)", "SearchText::of(text)"),
            false => (
                "SortKey::of(text.as_deref().unwrap_or_default())",
                "SearchText::of_maybe(text.as_deref())",
            ),
        };
        format!(
            "    if let Set(text) = &row.{column} {{\n        row.{column}_key = Set({key});\n        \
             row.{column}_search = Set({search});\n    }}\n"
        )
    });
    format!(
        "owned!(OwnerId, owner_id, derive);\n\n/// Sets the columns that depend on others.\n\
         fn derive(row: &mut ActiveModel) {{\n{derived}}}"
    )
}

pub(super) fn migration(domain: &Domain, version: &str) -> String {
    let mut types: BTreeSet<_> = ["integer", "timestamp_with_time_zone"].map(str::to_owned).into();
    types.extend(domain.fields.iter().filter_map(column_type));
    let values = [
        ("version", version.to_owned()),
        ("types", types.into_iter().collect::<Vec<_>>().join(", ")),
        ("columns", each(&domain.fields, migrated)),
        ("sorted", each(&domain.fields, sorted)),
    ];
    fill(include_str!("../templates/domain/migration.rs.txt"), &values)
}

fn migrated(field: &Field) -> String {
    let column = field.column();
    match (field.target(), column_type(field)) {
        (Some(target), _) => {
            format!(".child_of(\"{}\", \"{column}\")\n", target.name.snake())
        }
        (None, Some(kind)) if field.kind == Kind::String => format!(
            ".column({kind}(\"{column}\"))\n\
             .normalized(\"{column}\", \"{column}_key\", \"{column}_search\")\n"
        ),
        (None, kind) => format!(".column({}(\"{column}\"))\n", kind.unwrap_or_default()),
    }
}

/// The index of an order, or of a filter by reference. A null is sorted by an expression, without an index.
fn sorted(field: &Field) -> String {
    let column = match field.kind {
        Kind::String => format!("{}_key", field.column()),
        Kind::Reference(_) => field.column(),
        _ if field.is_sortable() && field.is_required => field.column(),
        _ => return String::new(),
    };
    format!(".sorted_by(\"{column}\")\n")
}

/// The function that creates the column; none for a reference.
fn column_type(field: &Field) -> Option<String> {
    let name = match field.kind {
        Kind::String => "text",
        Kind::Int => "integer",
        Kind::Float => "double",
        Kind::Boolean => "boolean",
        Kind::DateTime => "timestamp_with_time_zone",
        Kind::Date => "date",
        Kind::Id => "string",
        Kind::Reference(_) => return None,
    };
    Some(if field.is_required { name.to_owned() } else { format!("{name}_null") })
}
