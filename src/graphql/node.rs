//! Global ids: opaque, unique over all types (Relay's object identification).

use async_graphql::ID;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// The global id of the `type_name` with this key.
pub fn encode_id(type_name: &str, key: impl Into<Uuid>) -> ID {
    ID(URL_SAFE_NO_PAD.encode(format!("{type_name}:{}", key.into().simple())))
}

/// The type and key that a global id stands for. What is no id of ours is the id of nothing: it
/// reads like one that was deleted.
#[must_use]
pub fn decode_id(id: &ID) -> Option<(String, Uuid)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id.as_bytes()).ok()?).ok()?;
    let (type_name, key) = text.split_once(':')?;
    Some((type_name.to_owned(), Uuid::try_parse(key).ok()?))
}
