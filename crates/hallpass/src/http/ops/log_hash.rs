//! Hashes for the log, so that it names no user and no address, and still shows which requests belong together.

use aws_lc_rs::hmac;

use crate::http::client_ip::ClientNetwork;
use hallpass_identity::Caller;

/// Digits of a hash: enough to distinguish callers, clients and documents.
const HASH_DIGITS: usize = 16;

/// Hashes the ids of callers and the networks of clients.
pub(crate) struct LogHash(hmac::Key);

impl LogHash {
    /// With this key.
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// That of a caller's id.
    pub(super) fn of_caller(&self, caller: &Caller) -> String {
        self.of(caller.id().as_str())
    }

    /// That of the text of a network's first address.
    pub(super) fn of_client(&self, client: &ClientNetwork) -> String {
        self.of(&client.to_string())
    }

    /// The first digits of HMAC-SHA256 (RFC 2104) of the text, in hexadecimal.
    fn of(&self, text: &str) -> String {
        let tag = hmac::sign(&self.0, text.as_bytes());
        digits(tag.as_ref())
    }
}

/// The first digits of a hash, in hexadecimal.
pub(super) fn digits(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    let mut text = String::with_capacity(HASH_DIGITS);
    for byte in bytes.iter().take(HASH_DIGITS / 2) {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_hash_depends_on_key_and_text() {
        let hash = LogHash::new(b"key");
        assert_eq!(hash.of("The quick brown fox jumps over the lazy dog"), "f7bc83f430538424");
        assert_ne!(hash.of("a"), hash.of("b"));
        assert_ne!(hash.of("a"), LogHash::new(b"other").of("a"));
    }

    #[test]
    fn addresses_of_one_network_have_one_hash() {
        let hash = LogHash::new(b"key");
        let of = |address: &str| hash.of_client(&ClientNetwork::of(address.parse().unwrap()));
        assert_eq!(of("203.0.113.7"), hash.of("203.0.113.7"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.7"));
        assert_ne!(of("203.0.113.7"), of("203.0.113.8"));
        assert_eq!(of("2001:db8:1:2:3::4"), hash.of("2001:db8:1:2::"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
    }
}
