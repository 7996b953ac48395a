//! Global IDs: opaque, unique across types (Relay's Global Object Identification).

use async_graphql::ID;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// Encodes the global ID of the `type_name` with this key.
pub fn encode_id(type_name: &str, key: impl Into<Uuid>) -> ID {
    ID(URL_SAFE_NO_PAD.encode(format!("{type_name}:{}", key.into().simple())))
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
