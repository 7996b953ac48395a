//! Advice on rejected API keys, by the error of the auth server.

use std::time::Duration;

use humantime::format_duration;

use super::{Advice, Case};
use crate::config::Environment;
use hallpass_identity::{
    Check, CredentialRejected, KEY_DISABLED, KEY_EXPIRED, KEY_UNKNOWN, KEY_USED_UP,
    KEY_WITHOUT_USER, NO_SESSION, Unavailable,
};

/// Advice for a rejected API key.
pub(super) fn rejected(case: &Case<'_>, rejection: CredentialRejected) -> Advice {
    if rejection.check == Check::Kind {
        return not_configured(case);
    }
    let is_verified_elsewhere = case.doctor.config.identity.api_key_url.is_some();
    match rejection.reason {
        KEY_EXPIRED => Advice::new(
            "the API key has expired (KEY_EXPIRED)",
            "create a new key at the auth server; `expiresIn` of the key, or keyExpiration of its api-key plugin, \
             sets its lifetime",
        ),
        KEY_DISABLED => Advice::new(
            "the API key is disabled (KEY_DISABLED)",
            "enable this one at the auth server (api-key/update with `enabled: true`), or create a new key",
        ),
        KEY_USED_UP => Advice::new(
            "the API key has no uses left (USAGE_EXCEEDED): its `remaining` is 0",
            "create a new key at the auth server, with more `remaining`, or with `refillAmount` and \
             `refillInterval`",
        ),
        KEY_WITHOUT_USER => Advice::new(
            "the API key belongs to an organization, or to a deleted user \
             (INVALID_REFERENCE_ID_FROM_API_KEY)",
            "set API_KEY_VERIFY_URL to an endpoint that verifies keys: through it, a key of an organization is \
             accepted as a service",
        ),
        KEY_UNKNOWN if is_verified_elsewhere => Advice::new(
            "API_KEY_VERIFY_URL does not know the API key (INVALID_API_KEY): it was deleted, or is of another auth \
             server or another configuration (configId)",
            "create a new key at the auth server, or correct API_KEY_VERIFY_URL if it verifies the keys of another \
             one",
        ),
        KEY_UNKNOWN => Advice::new(
            "the auth server does not know the API key (INVALID_API_KEY): it was deleted, is of another auth server, \
             or is of another configuration (configId) of the api-key plugin than the one that reads this \
             header",
            "create a new key at the auth server of BETTER_AUTH_URL; for keys of another configuration, set \
             API_KEY_HEADER to its apiKeyHeaders, or API_KEY_VERIFY_URL to an endpoint that verifies all keys",
        ),
        NO_SESSION => Advice::new(
            "the auth server creates no session for the API key: `get-session` returns `null`",
            "set enableSessionForAPIKeys in its api-key plugin, or API_KEY_VERIFY_URL to an endpoint that \
             verifies keys; if its apiKeyHeaders names another header than x-api-key, set API_KEY_HEADER to \
             that",
        ),
        reason => Advice::new(
            reason,
            "create a new key at the auth server, or correct API_KEY_VERIFY_URL if it verifies the keys of \
             another one",
        ),
    }
}

/// Advice where no setting makes the server verify API keys.
fn not_configured(case: &Case<'_>) -> Advice {
    let persona = match case.doctor.config.environment {
        Environment::Development => format!(
            "; in development without one, send a development token, that of `{} token --as PERSONA`, as \
             `Authorization: Bearer`",
            case.doctor.config.program
        ),
        Environment::Production => String::new(),
    };
    Advice::new(
        "no auth server or endpoint is configured that verifies API keys",
        format!(
            "set BETTER_AUTH_URL to the auth server that issued the key, with enableSessionForAPIKeys in \
             its api-key plugin, or API_KEY_VERIFY_URL to an endpoint that verifies keys{persona}"
        ),
    )
}

/// Advice for an API key over its own rate limit.
pub(super) fn over_limit(failure: Unavailable) -> Advice {
    let wait = Duration::from_secs(failure.retry_after.as_secs().max(1));
    Advice::new(
        format!(
            "the API key is over its own rate limit (RATE_LIMITED): requests with it fail with 429, for another \
             {}",
            format_duration(wait)
        ),
        "raise rateLimitMax or rateLimitTimeWindow of the key (rateLimit.maxRequests and timeWindow of the \
         api-key plugin), or let the client wait for Retry-After; SESSION_CACHE_TTL is how long a \
         verification is cached",
    )
}
