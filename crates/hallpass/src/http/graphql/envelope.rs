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

/// The length of what [`write_envelope`] writes, without a copy of the data.
pub(super) fn envelope_length(
    errors: &[ServerError],
    data: Option<&[u8]>,
    extensions: Option<&Extensions>,
) -> usize {
    let mut rest = Vec::new();
    write_envelope(errors, data.map(|_| b"".as_slice()), extensions, &mut rest);
    rest.len() + data.map_or(0, <[u8]>::len)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_of_envelope_is_that_of_its_json() {
        let errors = ["one", "\"two\"\n"].map(|message| ServerError::new(message, None));
        for errors in [&errors[..], &errors[..1], &[]] {
            for data in [Some(br#"{"a":1}"#.as_slice()), None] {
                for extensions in [Some(Extensions::default()), None] {
                    let mut json = Vec::new();
                    write_envelope(errors, data, extensions.as_ref(), &mut json);
                    assert_eq!(envelope_length(errors, data, extensions.as_ref()), json.len());
                }
            }
        }
    }
}
