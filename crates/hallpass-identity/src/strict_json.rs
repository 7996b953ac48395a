//! JSON without duplicate members: two parsers could use different ones (RFC 8259 section 4; RFC 7519 section 4 lets a
//! verifier reject them).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Value};

/// Longer names are cut in messages.
const MAX_NAME_CHARS: usize = 40;

/// JSON in which no object has a member twice.
pub struct StrictJson(Value);

impl StrictJson {
    /// Parses `text`.
    ///
    /// # Errors
    /// When it is not JSON, or, in the category of data, has a duplicate member, which the message names.
    pub fn parse(text: &[u8]) -> serde_json::Result<Value> {
        serde_json::from_slice::<Self>(text).map(|value| value.0)
    }

    /// The same; none when it fails.
    pub(crate) fn read(text: &[u8]) -> Option<Value> {
        Self::parse(text).ok()
    }

    /// The same, for a JSON object.
    pub(crate) fn object(text: &[u8]) -> Option<Map<String, Value>> {
        match Self::read(text)? {
            Value::Object(claims) => Some(claims),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for StrictJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictJsonVisitor).map(Self)
    }
}

struct StrictJsonVisitor;

impl<'de> Visitor<'de> for StrictJsonVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(StrictJson(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, StrictJson(value))) = members.next_entry()? {
            match object.entry::<String>(name) {
                Entry::Vacant(entry) => entry.insert(value),
                Entry::Occupied(entry) => return Err(A::Error::custom(repeated(entry.key()))),
            };
        }
        Ok(object.into())
    }
}

fn repeated(name: &str) -> String {
    let shown: String = name.chars().take(MAX_NAME_CHARS).collect();
    format!("`{shown}` is repeated")
}
