//! A GraphQL response as JSON: `errors`, `data` and `extensions` (section 7.1 of the GraphQL specification).

use async_graphql::ServerError;
use serde::Serialize;

use super::budget::BudgetExtension;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Extensions {
    /// What is left of the caller's budget, if the client requested it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) budget: Option<BudgetExtension>,
}

/// Writes a response, whose `data` is JSON.
pub(super) fn write_envelope(
    errors: &[ServerError],
    data: Option<&[u8]>,
    extensions: Option<&Extensions>,
    json: &mut Vec<u8>,
) {
    json.push(b'{');
    if !errors.is_empty() {
        begin_member("errors", json);
        write(errors, json);
    }
    if let Some(data) = data {
        begin_member("data", json);
        json.extend_from_slice(data);
    }
    if let Some(extensions) = extensions {
        begin_member("extensions", json);
        write(extensions, json);
    }
    json.push(b'}');
}

fn begin_member(name: &str, json: &mut Vec<u8>) {
    if json.len() > 1 {
        json.push(b',');
    }
    write(name, json);
    json.push(b':');
}

fn write(value: &(impl Serialize + ?Sized), json: &mut Vec<u8>) {
    serde_json::to_writer(json, value).expect("errors and extensions are plain JSON");
}

/// The length of errors as JSON, in bytes.
pub(super) fn length_of(errors: &[ServerError]) -> usize {
    errors.iter().map(|error| serde_json::to_string(error).map_or(0, |json| json.len() + 1)).sum()
}
