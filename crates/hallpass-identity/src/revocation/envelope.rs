//! Headers of a webhook message (Standard Webhooks). Anyone can send them, so malformed headers are
//! rejected before a signature is computed, and the number of signatures does not change the cost.

use std::time::Duration;

use aws_lc_rs::{constant_time, hmac};
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use hallpass_types::{Timestamp, now};

use super::error::WebhookError;

/// How old a message may be, or how far in the future: the specification leaves it to the receiver, and
/// its libraries take five minutes.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);
/// The maximum length of `webhook-id`, in bytes.
const MAX_ID: usize = 255;
/// The maximum length of `webhook-timestamp`, in bytes: seconds since 1970.
const MAX_TIMESTAMP: usize = 20;
/// The maximum length of `webhook-signature`, in bytes.
const MAX_SIGNATURES: usize = 1024;
/// How many entries of `webhook-signature` are compared: a sender that rotates its secret sends two.
const MAX_SIGNATURE_ENTRIES: usize = 5;

/// The parsed headers of a message.
pub struct Envelope<'a> {
    /// The id of the message.
    pub(crate) id: &'a str,
    /// The time it was sent, by the sender's clock.
    pub(crate) at: Timestamp,
    timestamp: &'a str,
    /// The entries of `webhook-signature` of version `v1`, decoded.
    tags: Vec<Vec<u8>>,
}

impl<'a> Envelope<'a> {
    /// Reads the headers.
    pub(crate) fn read(headers: &'a HeaderMap) -> Result<Self, WebhookError> {
        let id = header(headers, "webhook-id", MAX_ID)?;
        let timestamp = header(headers, "webhook-timestamp", MAX_TIMESTAMP)?;
        let signatures = header(headers, "webhook-signature", MAX_SIGNATURES)?;
        if id.is_empty() {
            return Err(WebhookError::Malformed("webhook-id is empty"));
        }
        let at = timestamp.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let Some(at) = at else {
            return Err(WebhookError::Malformed("webhook-timestamp is not a time in seconds"));
        };
        if (now() - at).abs().to_std().is_ok_and(|away| away > TOLERANCE) {
            return Err(WebhookError::TimestampOutOfRange);
        }
        Ok(Self { id, at, timestamp, tags: tags(signatures) })
    }

    /// Whether `key` signed this message with this `body`: one HMAC, compared with each tag in constant
    /// time.
    pub(crate) fn is_signed(&self, key: &hmac::Key, body: &[u8]) -> bool {
        if self.tags.is_empty() {
            return false;
        }
        let mut context = hmac::Context::with_key(key);
        for part in [self.id.as_bytes(), b".", self.timestamp.as_bytes(), b".", body] {
            context.update(part);
        }
        let expected = context.sign();
        let fits =
            |tag: &&Vec<u8>| constant_time::verify_slices_are_equal(expected.as_ref(), tag).is_ok();
        self.tags.iter().filter(fits).count() > 0
    }
}

/// The one header of that `name`, of `max` bytes at most.
fn header<'a>(headers: &'a HeaderMap, name: &str, max: usize) -> Result<&'a str, WebhookError> {
    let mut all = headers.get_all(name).iter();
    match (all.next().map(|value| value.to_str()), all.next()) {
        (Some(Ok(value)), None) if value.len() <= max => Ok(value),
        _ => Err(WebhookError::Malformed(
            "send the headers webhook-id (255 bytes at most), webhook-timestamp and \
             webhook-signature (1024 bytes at most), each once",
        )),
    }
}

/// The tags of version `v1` among the first entries.
fn tags(signatures: &str) -> Vec<Vec<u8>> {
    let entries = signatures.split(' ').filter(|entry| !entry.is_empty());
    entries
        .take(MAX_SIGNATURE_ENTRIES)
        .filter_map(|entry| STANDARD.decode(entry.strip_prefix("v1,")?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(signatures: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "msg_1".parse().unwrap());
        headers.insert("webhook-timestamp", now().timestamp().into());
        headers.insert("webhook-signature", signatures.parse().unwrap());
        headers
    }

    #[test]
    fn only_the_first_five_signatures_are_compared() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a secret of more than 24 bytes");
        for (before, accepted) in [(0, true), (4, true), (5, false)] {
            let mut headers = headers("");
            let timestamp = headers["webhook-timestamp"].to_str().unwrap();
            let tag = hmac::sign(&key, format!("msg_1.{timestamp}.body").as_bytes());
            let good = format!("{}v1,{}", "v1,AAAA ".repeat(before), STANDARD.encode(tag));
            headers.insert("webhook-signature", good.parse().unwrap());
            let envelope = Envelope::read(&headers).unwrap();
            assert_eq!(envelope.is_signed(&key, b"body"), accepted, "{before} come before it");
            assert!(!envelope.is_signed(&key, b"another"));
        }
    }

    #[test]
    fn malformed_headers_are_rejected() {
        let with = |name: &'static str, value: &str| {
            let mut headers = headers("v1,AAAA");
            headers.insert(name, value.parse().unwrap());
            headers
        };
        let mut twice = headers("v1,AAAA");
        twice.append("webhook-signature", "v1,BBBB".parse().unwrap());
        let mut missing = headers("v1,AAAA");
        missing.remove("webhook-timestamp");
        for headers in [
            with("webhook-id", ""),
            with("webhook-id", &"m".repeat(256)),
            with("webhook-timestamp", "yesterday"),
            with("webhook-timestamp", &"1".repeat(21)),
            with("webhook-signature", &"v1,AAAA ".repeat(200)),
            twice,
            missing,
        ] {
            let error = Envelope::read(&headers).err();
            assert!(matches!(error, Some(WebhookError::Malformed(_))), "{headers:?}");
        }
        assert!(Envelope::read(&headers("v1,AAAA")).is_ok());
    }
}
