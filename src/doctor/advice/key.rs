//! API keys that are not accepted: what the auth server says of them, and which of its settings that is about.

use std::time::Duration;

use humantime::format_duration;

use super::{Advice, Case};
use crate::config::Environment;
use crate::identity::{
    Check, CredentialRejected, KEY_DISABLED, KEY_EXPIRED, KEY_OF_NO_USER, KEY_UNKNOWN, KEY_USED_UP,
    NO_SESSION, Unavailable,
};

/// An API key that is refused.
pub(super) fn refused(case: &Case<'_>, refusal: CredentialRejected) -> Advice {
    if refusal.check == Check::Kind {
        let persona = match case.doctor.config.environment {
            Environment::Development => {
                "; in development without one, send a development token, that of `hallpass token --as \
                 PERSONA`, as `Authorization: Bearer`"
            }
            Environment::Production => "",
        };
        return Advice::new(
            "no auth server and no endpoint is set that could verify an API key",
            format!(
                "set BETTER_AUTH_URL to the auth server that made the key, with enableSessionForAPIKeys in \
                 its api-key plugin, or API_KEY_VERIFY_URL to an endpoint that verifies keys{persona}"
            ),
        );
    }
    let is_verified_elsewhere = case.doctor.config.identity.api_key_url.is_some();
    match refusal.reason {
        KEY_EXPIRED => Advice::new(
            "the API key has expired (KEY_EXPIRED)",
            "make a new key at the auth server: `expiresIn` of the key, or keyExpiration of its api-key plugin, \
             says how long it lasts",
        ),
        KEY_DISABLED => Advice::new(
            "the API key is disabled (KEY_DISABLED)",
            "enable this one at the auth server (api-key/update with `enabled: true`), or make a new key",
        ),
        KEY_USED_UP => Advice::new(
            "the API key was used as often as it may be (USAGE_EXCEEDED): its `remaining` is 0",
            "make a new key at the auth server, with more `remaining`, or with `refillAmount` and \
             `refillInterval`",
        ),
        KEY_OF_NO_USER => Advice::new(
            "the API key belongs to an organization, or to a user who is deleted \
             (INVALID_REFERENCE_ID_FROM_API_KEY)",
            "set API_KEY_VERIFY_URL to an endpoint that verifies keys: through it, a key of an organization is \
             let in as a service",
        ),
        KEY_UNKNOWN if is_verified_elsewhere => Advice::new(
            "API_KEY_VERIFY_URL knows no such API key (INVALID_API_KEY): it was deleted, or is of another auth \
             server or another configuration (configId)",
            "make a new key at the auth server, or correct API_KEY_VERIFY_URL if it verifies the keys of another \
             one",
        ),
        KEY_UNKNOWN => Advice::new(
            "the auth server knows no such API key (INVALID_API_KEY): it was deleted, is of another auth server, \
             or is of another configuration (configId) of the api-key plugin than the one that reads this \
             header",
            "make a new key at the auth server that BETTER_AUTH_URL names; for keys of another configuration, set \
             API_KEY_HEADER to its apiKeyHeaders, or API_KEY_VERIFY_URL to an endpoint that verifies all keys",
        ),
        NO_SESSION => Advice::new(
            "the auth server makes no session for the API key: `get-session` answers `null`",
            "set enableSessionForAPIKeys in its api-key plugin, or API_KEY_VERIFY_URL to an endpoint that \
             verifies keys; if its apiKeyHeaders names another header than x-api-key, set API_KEY_HEADER to \
             that",
        ),
        reason => Advice::new(
            reason,
            "make a new key at the auth server, or correct API_KEY_VERIFY_URL if it verifies the keys of \
             another one",
        ),
    }
}

/// An API key that was used more often than its own limit allows.
pub(super) fn over_limit(outage: Unavailable) -> Advice {
    let wait = Duration::from_secs(outage.retry_after.as_secs().max(1));
    Advice::new(
        format!(
            "the API key was used more often than its own rate limit allows (RATE_LIMITED): a request with it is \
             answered 429, and it counts again in {}",
            format_duration(wait)
        ),
        "raise rateLimitMax or rateLimitTimeWindow of the key (rateLimit.maxRequests and timeWindow of the \
         api-key plugin), or let the client wait for Retry-After; SESSION_CACHE_TTL is how long one answer \
         serves",
    )
}
