//! Credentials under names of an auth server's own, and in forms that few use: the doctor names them.

use super::Shown::{Cookie, Nothing, Token};
use super::{doctor, somebody};

#[tokio::test]
async fn two_session_cookies_are_told() {
    let (server, account) = somebody().await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str())];
    let other = "better-auth.session_token=abc.def";
    let first = doctor(&settings, Cookie(&format!("{}; {other}", account.cookie)));
    first.comes_out_as("accepted", &["2 different values", "the first is used", "crossSubDomain"]);
    let last = doctor(&settings, Cookie(&format!("{other}; {}", account.cookie)));
    last.comes_out_as("refused", &["2 different values", "delete the cookies"]);
}

#[tokio::test]
async fn claim_that_never_came_is_told() {
    let (server, account) = somebody().await;
    let jwt = server.jwt(&account).await;
    let settings = [
        ("BETTER_AUTH_URL", server.url.as_str()),
        ("ROLE_CLAIM", "https://example.com/roles,realm_access.roles"),
        ("ORGANIZATION_CLAIM", "o.id"),
    ];
    for shown in [Token(&jwt), Cookie(&account.cookie)] {
        doctor(&settings, shown)
            .comes_out_as("accepted", &["no value for", "ROLE_CLAIM", "ORGANIZATION_CLAIM"]);
    }
}

#[tokio::test]
async fn address_of_provider_keys_is_tried() {
    let (server, _) = somebody().await;
    let with = |keys: &str| {
        let settings = [
            ("BETTER_AUTH_URL", server.url.as_str()),
            ("OIDC_ISSUER", "http://127.0.0.1:9/realms/one"),
            ("SSO_CLIENT_ID", "client"),
            ("OIDC_JWKS_URL", keys),
        ];
        doctor(&settings, Nothing)
    };
    let keys = format!("{}/api/auth/jwks", server.url);
    with(&keys).says("good", "discovery", &["the provider's keys are at", &keys]);
    with("http://127.0.0.1:9/jwks").is_wrong("discovery", &["OIDC_JWKS_URL"]);
}
