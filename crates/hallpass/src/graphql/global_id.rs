//! Global IDs: opaque, unique across types (Relay's Global Object Identification).

use std::borrow::Cow;
use std::fmt;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{
    ContextSelectionSet, ID, InputType, InputValueError, InputValueResult, OutputType, Positioned,
    ServerResult, Value,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use uuid::fmt::Simple;

use super::error::{ApiError, Result};
use super::json::write_text;

/// A type of objects with global IDs. Implemented by `#[guarded(Note, id = NoteId)]`.
pub trait HasId: 'static {
    /// Type of the keys of its rows.
    type Key: Copy + From<Uuid> + Into<Uuid> + Send + Sync + 'static;
    /// Name of the GraphQL type, which global IDs contain.
    const TYPE: &'static str;
    /// The type in error messages, such as `note`.
    const WORD: &'static str;
}

/// Global ID of an object of type `T`: of the GraphQL type `ID`, as an argument and as a field. An argument is decoded
/// once. One that is not the ID of such an object is accepted, and treated like that of a deleted row: see
/// [`Id::key`].
pub struct Id<T: HasId>(std::result::Result<T::Key, ID>);

impl<T: HasId> Id<T> {
    /// The ID of the object with this key.
    pub fn new(key: T::Key) -> Self {
        Self(Ok(key))
    }

    /// The ID as text.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.0 {
            Ok(key) => encode_id(T::TYPE, *key).0,
            Err(text) => text.0.clone(),
        }
    }

    /// Writes the ID as a JSON string. Its text has no character that is escaped.
    pub fn write(&self, json: &mut Vec<u8>) {
        let Ok(key) = &self.0 else { return write_text(&self.text(), json) };
        let plain = plain_id(T::TYPE, *key);
        json.push(b'"');
        let start = json.len();
        json.resize(start + plain.len() * 2, b'"');
        let length = URL_SAFE_NO_PAD.encode_slice(plain, &mut json[start..]);
        json.truncate(start + length.unwrap_or_default() + 1);
    }

    /// The key.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], for a text that is not the global ID of an object of this type.
    pub fn key(&self) -> Result<T::Key> {
        self.0.as_ref().copied().map_err(|_| ApiError::NotFound(T::WORD))
    }
}

impl<T: HasId> From<ID> for Id<T> {
    fn from(id: ID) -> Self {
        match decode_id(&id) {
            Some((kind, key)) if kind == T::TYPE => Self(Ok(key.into())),
            _ => Self(Err(id)),
        }
    }
}

impl<T: HasId> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl<T: HasId> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Id").field(&self.to_string()).finish()
    }
}

impl<T: HasId> Clone for Id<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: HasId> InputType for Id<T> {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        <ID as InputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <ID as InputType>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        <ID as InputType>::parse(value).map(Self::from).map_err(InputValueError::propagate)
    }

    fn to_value(&self) -> Value {
        Value::String(self.text())
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

impl<T: HasId> OutputType for Id<T> {
    fn type_name() -> Cow<'static, str> {
        <ID as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <ID as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::String(self.text()))
    }
}

/// Encodes the global ID of the `type_name` with this key.
pub fn encode_id(type_name: &str, key: impl Into<Uuid>) -> ID {
    ID(URL_SAFE_NO_PAD.encode(plain_id(type_name, key)))
}

/// What the global ID of the `type_name` with this key encodes.
fn plain_id(type_name: &str, key: impl Into<Uuid>) -> Vec<u8> {
    let mut text = Vec::with_capacity(type_name.len() + 1 + Simple::LENGTH);
    text.extend_from_slice(type_name.as_bytes());
    text.push(b':');
    text.extend_from_slice(key.into().simple().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
    text
}

/// Decodes a global ID to its type and key. None for any other text, which callers treat like the ID of a deleted
/// row; also for a non-canonical encoding, because external caches and rate limits may rely on one spelling.
#[must_use]
pub fn decode_id(id: &ID) -> Option<(String, Uuid)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id.as_bytes()).ok()?).ok()?;
    let (type_name, key) = text.split_once(':')?;
    let key = Uuid::try_parse(key).ok()?;
    (encode_id(type_name, key) == *id).then(|| (type_name.to_owned(), key))
}

/// Encodes the global ID of the `type_name` with this key, a text such as a user ID of the auth server.
pub fn encode_text_id(type_name: &str, key: &str) -> ID {
    ID(URL_SAFE_NO_PAD.encode(format!("{type_name}:{key}")))
}

/// The text of a global ID of the `type_name`. None for any other ID.
#[must_use]
pub fn decode_text_id(type_name: &str, id: &ID) -> Option<String> {
    let (kind, key) = decode_text(id)?;
    (kind == type_name).then_some(key)
}

fn decode_text(id: &ID) -> Option<(String, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id.as_bytes()).ok()?).ok()?;
    let (kind, key) = text.split_once(':')?;
    (encode_text_id(kind, key) == *id).then(|| (kind.to_owned(), key.to_owned()))
}

/// The key in an ID of `node`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKey {
    /// Of a row with a UUID.
    Uuid(Uuid),
    /// A text.
    Text(String),
}

/// The type and the key of an ID of `node`. An ID in no other form is that of the caller, `Me`: their user ID at the
/// auth server.
pub(crate) fn decode_node(id: &ID) -> (String, NodeKey) {
    if let Some((kind, key)) = decode_id(id) {
        return (kind, NodeKey::Uuid(key));
    }
    match decode_text(id) {
        Some((kind, key)) => (kind, NodeKey::Text(key)),
        None => (ME.to_owned(), NodeKey::Text(id.0.clone())),
    }
}

/// Name of the type of the caller.
pub(crate) const ME: &str = "Me";

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE;

    use super::*;

    #[test]
    fn global_id_has_one_spelling() {
        let key = Uuid::from_u128(0x0199_feed_beef_7abc_8def_0123_4567_89ab);
        let id = encode_id("Note", key);
        assert_eq!(decode_id(&id), Some(("Note".to_owned(), key)));
        let spelled = |text: String| URL_SAFE_NO_PAD.encode(text);
        let other_last = match id.as_bytes().last() {
            Some(b'g') => 'h',
            _ => 'g',
        };
        for other in [
            URL_SAFE.encode(format!("Note:{}", key.simple())),
            format!("{}=", *id),
            format!("{}\n", *id),
            format!(" {}", *id),
            format!("{}{other_last}", &id[..id.len() - 1]),
            spelled(format!("Note:{}", key.hyphenated())),
            spelled(format!("Note:{}", key.braced())),
            spelled(format!("Note:{}", key.urn())),
            spelled(format!("Note:{}", key.simple()).replace("feed", "FEED")),
            spelled(format!("Note: {}", key.simple())),
            spelled(format!("Note:{}\0", key.simple())),
        ] {
            assert_eq!(decode_id(&ID(other.clone())), None, "{other}");
        }
    }
}
