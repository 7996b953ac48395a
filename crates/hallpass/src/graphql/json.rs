//! Values as JSON.

use async_graphql::Value;

/// Writes `value` as JSON. A binary value is an object that is JSON already: see [`resolve_object`](super::resolve_object).
pub(crate) fn write_json(value: &Value, json: &mut Vec<u8>) {
    match value {
        Value::Null => json.extend_from_slice(b"null"),
        Value::Boolean(true) => json.extend_from_slice(b"true"),
        Value::Boolean(false) => json.extend_from_slice(b"false"),
        Value::Number(number) => {
            serde_json::to_writer(json, number).expect("a number is JSON");
        }
        Value::String(text) => write_text(text, json),
        Value::Enum(name) => write_text(name, json),
        Value::Binary(object) => json.extend_from_slice(object),
        Value::List(items) => {
            json.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    json.push(b',');
                }
                write_json(item, json);
            }
            json.push(b']');
        }
        Value::Object(members) => {
            json.push(b'{');
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 {
                    json.push(b',');
                }
                write_key(key, json);
                write_json(member, json);
            }
            json.push(b'}');
        }
    }
}

/// Writes a response key and its colon. Names are ASCII letters, digits and underscores (section 2.1.9 of the GraphQL
/// specification).
pub(crate) fn write_key(key: &str, json: &mut Vec<u8>) {
    json.push(b'"');
    json.extend_from_slice(key.as_bytes());
    json.extend_from_slice(b"\":");
}

/// The length of the parts of a text that are searched for escaped bytes, then copied.
const BLOCK_BYTES: usize = 64;

/// Writes a JSON string (section 7 of RFC 8259). Blocks of a text without escaped bytes are copied as they are: most of
/// a response is text.
pub(crate) fn write_text(text: &str, json: &mut Vec<u8>) {
    json.push(b'"');
    for block in text.as_bytes().chunks(BLOCK_BYTES) {
        // Without an early exit, the compiler compares many bytes at once.
        match block.iter().fold(false, |any, byte| any | is_escaped(*byte)) {
            true => block.iter().for_each(|byte| write_byte(*byte, json)),
            false => json.extend_from_slice(block),
        }
    }
    json.push(b'"');
}

fn is_escaped(byte: u8) -> bool {
    (byte < b' ') | (byte == b'"') | (byte == b'\\')
}

/// Writes a byte of a text, escaped if it must be.
fn write_byte(byte: u8, json: &mut Vec<u8>) {
    let escape = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        0..=0x1f => return json.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        _ => return json.push(byte),
    };
    json.extend_from_slice(&[b'\\', escape]);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_by_serde() {
        let values = json!({
            "text": "a \"quoted\" word, \u{1F389}\u{7}\n\\", "none": null, "yes": true, "no": false, "empty": {},
            "numbers": [0, -7, 1.5, u64::MAX], "nested": [[], [{"key": "value"}]],
        });
        let mut json = Vec::new();
        write_json(&Value::from_json(values.clone()).unwrap(), &mut json);
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&json).unwrap(), values);
        let value = Value::Binary(json.clone().into());
        let mut again = Vec::new();
        write_json(&value, &mut again);
        assert_eq!(again, json, "an object that is JSON already");
    }

    #[test]
    fn texts_are_escaped_as_by_serde() {
        let all: String = (0..0x180).filter_map(char::from_u32).collect();
        for text in
            ["", "plain", "a\u{1F389}", &"x".repeat(200), &format!("{}\n", "é".repeat(70)), &all]
        {
            let mut json = Vec::new();
            write_text(text, &mut json);
            assert_eq!(String::from_utf8(json).unwrap(), serde_json::to_string(text).unwrap());
        }
    }
}
