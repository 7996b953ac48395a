//! The files of trusted documents that build tools write.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The largest file.
pub(crate) const MAX_BYTES: u64 = 32 * 1024 * 1024;

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
    let value: Value = serde_json::from_slice(json).map_err(|error| {
        format!("it is not JSON (line {}, column {})", error.line(), error.column())
    })?;
    let Value::Object(mut members) = value else {
        return Err("it is not a JSON object of documents by hash".to_owned());
    };
    let documents = match members.remove("operations") {
        Some(operations @ Value::Array(_)) => {
            let operations: Vec<ApolloOperation> = serde_json::from_value(operations)
                .map_err(|_| "each of its `operations` needs an `id` and a `body`".to_owned())?;
            operations.into_iter().map(|operation| (operation.id, operation.body)).collect()
        }
        _ => members.into_iter().map(document).collect::<Result<BTreeMap<_, _>, _>>()?,
    };
    match documents.is_empty() {
        true => Err("it has no documents".to_owned()),
        false => Ok(documents),
    }
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
            ("{}", Err("no documents")),
            ("[]", Err("not a JSON object")),
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
