//! The files of trusted documents that build tools write.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

/// The largest file.
pub(crate) const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// Some editors and shells begin a file with it; RFC 8259 section 8.1 lets a parser ignore it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The members of a JSON object, also those of the same name.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// The manifest of Apollo's tools: `{"operations": [{"id": …, "body": …}]}`.
#[derive(Deserialize)]
struct ApolloOperation {
    id: String,
    body: String,
}

/// The documents of the manifest `json`, by id: `{id: document}`, which the client preset of graphql-codegen and
/// Relay's compiler write, or Apollo's manifest.
///
/// # Errors
/// With what is wrong with the manifest.
pub(crate) fn parse(json: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let json = json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json);
    let Members(members) =
        serde_json::from_slice(json).map_err(|error| match error.classify() {
            Category::Data => "it is not a JSON object of documents by hash".to_owned(),
            Category::Syntax | Category::Eof | Category::Io => {
                format!("it is not JSON (line {}, column {})", error.line(), error.column())
            }
        })?;
    let documents = match apollo_operations(&members)? {
        Some(operations) => operations,
        None => members.into_iter().map(document).collect::<Result<_, _>>()?,
    };
    match documents.is_empty() {
        true => Err("it has no documents".to_owned()),
        false => by_id(documents),
    }
}

/// The operations of Apollo's manifest; `None` if the members are not those of one.
fn apollo_operations(members: &[(String, Value)]) -> Result<Option<Vec<(String, String)>>, String> {
    let operations = members.iter().find(|(name, _)| name == "operations");
    let Some((_, operations @ Value::Array(_))) = operations else { return Ok(None) };
    let operations = Vec::<ApolloOperation>::deserialize(operations)
        .map_err(|_| "each of its `operations` needs an `id` and a `body`".to_owned())?;
    Ok(Some(operations.into_iter().map(|operation| (operation.id, operation.body)).collect()))
}

/// # Errors
/// If two documents have one id: which of them the client means is unknown.
fn by_id(documents: Vec<(String, String)>) -> Result<BTreeMap<String, String>, String> {
    let mut by_id = BTreeMap::new();
    for (id, document) in documents {
        match by_id.entry(id) {
            Entry::Vacant(entry) => entry.insert(document),
            Entry::Occupied(entry) => {
                return Err(format!(
                    "it has `{}` twice: an id is that of one document",
                    entry.key()
                ));
            }
        };
    }
    Ok(by_id)
}

fn document((id, document): (String, Value)) -> Result<(String, String), String> {
    match document {
        Value::String(document) if !id.is_empty() => Ok((id, document)),
        _ => Err(format!("`{id}` is not the hash of a document")),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn manifests_of_build_tools_are_read() {
        let cases = [
            (r#"{"3b9f": "query Q { me { id } }"}"#, Ok(1)),
            (
                r#"{"format": "apollo-persisted-query-manifest", "version": 1,
                    "operations": [{"id": "a", "name": "Q", "type": "query", "body": "query Q { me { id } }"}]}"#,
                Ok(1),
            ),
            ("\u{feff}{\"3b9f\": \"query Q { me { id } }\"}", Ok(1)),
            (r#"{"operations": "{ me { id } }"}"#, Ok(1)),
            (r#"{"a": "{ me { id } }", "b": "{ me { id } }"}"#, Ok(2)),
            (r#"{"a": "{ me { id } }", "a": "{ me { name } }"}"#, Err("`a` twice")),
            (
                r#"{"operations": [{"id": "b", "body": "{ me }"}, {"id": "b", "body": "{ me }"}]}"#,
                Err("`b` twice"),
            ),
            ("\u{feff}\u{feff}{}", Err("line 1, column 1")),
            ("{}", Err("no documents")),
            ("[]", Err("not a JSON object")),
            ("1", Err("not a JSON object")),
            ("{", Err("line 1, column 1")),
            (r#"{"a": 1}"#, Err("`a`")),
            (r#"{"": "{ me { id } }"}"#, Err("``")),
            (r#"{"operations": [{"id": "a"}]}"#, Err("`body`")),
        ];
        for (json, expected) in cases {
            match (parse(json.as_bytes()), expected) {
                (Ok(documents), Ok(count)) => assert_eq!(documents.len(), count, "{json}"),
                (Err(error), Err(words)) => assert!(error.contains(words), "{json}: {error}"),
                (parsed, _) => panic!("{json}: {parsed:?}"),
            }
        }
    }
}
