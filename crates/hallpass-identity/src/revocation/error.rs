//! Why a webhook message is rejected.

/// Why a message is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Its headers or body are malformed.
    #[error("{0}")]
    Malformed(&'static str),
    /// Its signature does not match.
    #[error("the signature does not match: compare REVOCATION_SECRET with the auth server's")]
    Signature,
    /// It is too old, or from the future.
    #[error("the message's timestamp differs from this server's clock by more than five minutes")]
    TimestampOutOfRange,
}
