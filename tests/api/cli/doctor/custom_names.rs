//! Credentials under custom names, and in rare formats: the doctor recognizes them.

use super::PresentedAs::{Cookie, Nothing, Token};
use super::{doctor, signed_up_account};

#[tokio::test]
async fn two_session_cookies_are_reported() {
    let (server, account) = signed_up_account().await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str())];
    let other = "better-auth.session_token=abc.def";
    let first = doctor(&settings, Cookie(&format!("{}; {other}", account.cookie)));
    first.has_verdict("accepted", &["2 different values", "the first is used", "crossSubDomain"]);
    let last = doctor(&settings, Cookie(&format!("{other}; {}", account.cookie)));
    last.has_verdict("rejected", &["2 different values", "delete the cookies"]);
}

#[tokio::test]
async fn missing_claim_is_reported() {
    let (server, account) = signed_up_account().await;
    let jwt = server.jwt(&account).await;
    let settings = [
        ("BETTER_AUTH_URL", server.url.as_str()),
        ("ROLE_CLAIM", "https://example.com/roles,realm_access.roles"),
        ("ORGANIZATION_CLAIM", "o.id"),
    ];
    for presented in [Token(&jwt), Cookie(&account.cookie)] {
        doctor(&settings, presented)
            .has_verdict("accepted", &["no value for", "ROLE_CLAIM", "ORGANIZATION_CLAIM"]);
    }
}

#[tokio::test]
async fn oidc_jwks_url_is_probed() {
    let (server, _) = signed_up_account().await;
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
    with(&keys).reports("good", "discovery", &["the provider's keys are at", &keys]);
    with("http://127.0.0.1:9/jwks").is_error("discovery", &["OIDC_JWKS_URL"]);
}
