//! Checks of the key set (JWKS) and of the OpenID provider's metadata.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use humantime::format_duration;
use reqwest::Url;
use serde_json::Value;

use super::render::{list, printable, quoted};
use super::setup::origin_of;
use super::{Doctor, Finding};
use hallpass_identity::{
    CredentialShape, KeyEntry, KeysStatus, ProbeResponse, ProbeResult, STORED_KEYS_LIFETIME,
    key_entries,
};

pub(super) const KEY_SET: &str = "key set";
pub(super) const DISCOVERY: &str = "discovery";

/// Key ids in a message.
const MAX_SHOWN_IDS: usize = 5;

pub(super) async fn check(doctor: &Doctor, findings: &mut Vec<Finding>) {
    if let Some(url) = &doctor.config.identity.jwks_url {
        let result = doctor.probe.get(url.as_str()).await;
        findings.extend(key_set(doctor, &without_password(url), result).await);
    }
    let identity = &doctor.config.identity;
    let wanted = !identity.client_ids.is_empty() || !identity.oauth_resources.is_empty();
    if let Some(issuer) = &identity.oidc_issuer
        && (wanted || identity.foreign_provider.is_some())
    {
        findings.push(match &identity.oidc_jwks_url {
            Some(url) => provider_keys(doctor, url).await,
            None => discovery(doctor, issuer).await,
        });
    }
}

/// Checks the key set of a provider without discovery.
async fn provider_keys(doctor: &Doctor, url: &Url) -> Finding {
    let shown = without_password(url);
    let result = doctor.probe.get(url.as_str()).await;
    let why = match result {
        Err(reason) => reason.to_owned(),
        Ok(reply) => match reply.body.as_ref().and_then(key_entries) {
            Some(entries) if entries.iter().any(|entry| entry.flaw.is_none()) => {
                return Finding::good(DISCOVERY, format!("the provider's keys are at {shown}"));
            }
            _ => format!("the response is {}, not a key set", reply.status.as_u16()),
        },
    };
    Finding::wrong(
        DISCOVERY,
        format!("OIDC_JWKS_URL: {shown} has no usable keys: {why}"),
        "set OIDC_JWKS_URL to the jwks_uri of the provider, as seen from this machine",
    )
}

/// The URL without user information, for display.
fn without_password(url: &Url) -> String {
    let mut url = url.clone();
    // Fails only for URLs that cannot have user information.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.to_string()
}

async fn key_set(doctor: &Doctor, url: &str, result: ProbeResult) -> Vec<Finding> {
    let reply = match result {
        Ok(reply) => reply,
        Err(reason) => {
            let stored = stored(doctor).await;
            return vec![Finding::wrong(
                KEY_SET,
                format!("JWKS_URL: {url} does not respond: {reason}{stored}"),
                "start the auth server, or correct JWKS_URL (its default follows BETTER_AUTH_URL)",
            )];
        }
    };
    match reply.body.as_ref().filter(|_| reply.status == StatusCode::OK).and_then(key_entries) {
        Some(entries) => check_keys(doctor, url, &entries).await,
        None => vec![not_a_key_set(doctor, url, &reply)],
    }
}

/// The stored copy of a key set whose endpoint is unavailable.
async fn stored(doctor: &Doctor) -> String {
    doctor.authenticator.ready().await;
    match doctor.authenticator.status().keys {
        Some(KeysStatus { keys, age: Some(age), is_stored: true, .. }) if keys > 0 => format!(
            "; {keys} stored keys are used meanwhile, {} old, up to an age of {}",
            format_duration(Duration::from_secs(age.as_secs())),
            format_duration(STORED_KEYS_LIFETIME)
        ),
        _ => String::new(),
    }
}

fn not_a_key_set(doctor: &Doctor, url: &str, reply: &ProbeResponse) -> Finding {
    if reply.status == StatusCode::NOT_FOUND {
        let message =
            format!("JWKS_URL: there is no key set at {url} (404): JWTs cannot be verified");
        let fix = "add the jwt plugin to the auth server, or set JWKS_URL to its jwksPath; not needed if only \
                   sessions are used";
        // An explicitly configured key set must exist.
        let derived = doctor.config.identity.auth_server.as_ref();
        return match derived.is_some_and(|server| url == format!("{}/jwks", server.base)) {
            true => Finding::warning(KEY_SET, message, fix),
            false => Finding::wrong(KEY_SET, message, fix),
        };
    }
    let what = if reply.is_page { "a web page" } else { "not a key set" };
    Finding::wrong(
        KEY_SET,
        format!("JWKS_URL: the response of {url} is {what} ({})", reply.status.as_u16()),
        "correct JWKS_URL: Better Auth serves its key set, as JSON, at {url}{base path}/jwks",
    )
}

async fn check_keys(doctor: &Doctor, url: &str, entries: &[KeyEntry]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        if let Some(flaw) = entry.flaw {
            let name = entry.id.as_deref().map_or_else(|| format!("number {}", at + 1), quoted);
            findings.push(Finding::warning(
                KEY_SET,
                format!("key {name} at {url} is not used: {flaw}"),
                "set keyPairConfig.alg of the jwt plugin to EdDSA, ES256, ES512, RS256 or PS256; \
                 tokens signed with this key are rejected",
            ));
        }
    }
    let mut seen = BTreeSet::new();
    let duplicates: BTreeSet<_> =
        entries.iter().filter_map(|it| it.id.as_deref()).filter(|id| !seen.insert(*id)).collect();
    if !duplicates.is_empty() {
        let duplicates: Vec<_> = duplicates.into_iter().map(quoted).collect();
        findings.push(Finding::warning(
            KEY_SET,
            format!(
                "kid {} appears more than once at {url}: the first key is used",
                list(&duplicates)
            ),
            "remove the duplicate rows from the auth server's table `jwks`",
        ));
    }
    // Fetches the key set. The result is ignored: it includes the provider's keys.
    doctor.authenticator.ready().await;
    if doctor.authenticator.status().keys.is_some_and(|status| status.keys > 0) {
        findings.push(Finding::good(KEY_SET, usable_keys(doctor, url)));
    } else {
        findings.push(Finding::wrong(
            KEY_SET,
            format!("JWKS_URL: there is no usable key at {url}"),
            "sign in once at the auth server, which creates its first key, or correct JWKS_URL",
        ));
    }
    findings
}

fn usable_keys(doctor: &Doctor, url: &str) -> String {
    let status = doctor.authenticator.status().keys;
    let (count, algorithms, age) =
        status.map_or((0, Vec::new(), None), |it| (it.keys, it.algorithms, it.age));
    let ids = known_ids(doctor, CredentialShape::Jwt);
    let age = age.map_or(0, |age| age.as_secs());
    let ttl = format_duration(doctor.config.identity.jwks_ttl);
    let keys = if count == 1 { "key" } else { "keys" };
    format!(
        "{count} {keys} ({}) at {url}: {ids}; fetched {age} s ago, and again within {ttl} (JWKS_TTL)",
        list(&algorithms)
    )
}

/// The ids of the keys for tokens of this kind.
pub(super) fn known_ids(doctor: &Doctor, shape: CredentialShape) -> String {
    let ids = doctor.authenticator.keys_for(shape);
    let shown: Vec<_> = ids.iter().take(MAX_SHOWN_IDS).map(|(id, _)| quoted(id)).collect();
    let more = ids.len().saturating_sub(MAX_SHOWN_IDS);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", list(&shown))
}

async fn discovery(doctor: &Doctor, issuer: &str) -> Finding {
    let result = metadata(doctor, issuer).await;
    let is_foreign = doctor.config.identity.foreign_provider.is_some();
    let published = result.as_ref().ok().and_then(|it| it.get("issuer")?.as_str());
    if let Some(published) = published {
        if published == issuer {
            return Finding::good(
                DISCOVERY,
                format!("the provider's issuer is {issuer}, as OIDC_ISSUER"),
            );
        }
        return Finding::wrong(
            DISCOVERY,
            format!(
                "the provider's issuer is {}, but OIDC_ISSUER is {}",
                quoted(published),
                quoted(issuer)
            ),
            format!("set OIDC_ISSUER={}", printable(published)),
        );
    }
    // With a custom issuer, Better Auth publishes its metadata at the root of the origin.
    let root = origin_of(issuer).unwrap_or_default();
    if root != issuer && metadata(doctor, &root).await.is_ok_and(|it| it["issuer"] == root.as_str())
    {
        return Finding::wrong(
            DISCOVERY,
            format!("the provider's issuer is {root}, but OIDC_ISSUER is {}", quoted(issuer)),
            format!("set OIDC_ISSUER={root}"),
        );
    }
    let why = result.err().unwrap_or_else(|| "its response has no issuer".to_owned());
    let message = format!("OIDC_ISSUER: {issuer} has no usable OpenID metadata: {why}");
    let fix = "set OIDC_ISSUER to the `iss` of the provider's tokens; if that host cannot be reached from this \
               machine, set OIDC_JWKS_URL to the address of its keys as seen from here; Better Auth needs \
               @better-auth/oauth-provider";
    if is_foreign {
        Finding::wrong(DISCOVERY, message, fix)
    } else {
        Finding::warning(DISCOVERY, message, fix)
    }
}

async fn metadata(doctor: &Doctor, issuer: &str) -> Result<Value, String> {
    let base = issuer.trim_end_matches('/');
    let reply = doctor.probe.get(&format!("{base}/.well-known/openid-configuration")).await?;
    match reply.body {
        Some(body @ Value::Object(_)) if reply.status == StatusCode::OK => Ok(body),
        _ => Err(format!("the response is {}, not metadata", reply.status.as_u16())),
    }
}
