//! Text that is not a credential, or that is presented in the wrong place: the doctor recognizes it.

use serde_json::json;

use super::PresentedAs::{Cookie, Token};
use super::{doctor, signed_up_account};
use crate::support::auth_server::AuthServer;

#[tokio::test]
async fn swapped_cookie_and_token_are_recognized() {
    let (server, account) = signed_up_account().await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str())];
    let run = doctor(&settings, Token(&account.cookie));
    run.is_rejected_by("form", &["it is a session cookie", "--cookie", "/api/auth/token"]);
    let jwt = server.jwt(&account).await;
    for pasted in [jwt.clone(), format!("Bearer {jwt}")] {
        let run = doctor(&settings, Cookie(&pasted));
        run.has_verdict("absent", &["a first-party JWT", "Authorization: Bearer", "--token"]);
        assert_eq!(run.report["credential"]["claims"]["sub"], account.id.as_str());
    }
    let value = account.cookie.split(';').next().unwrap().split_once('=').unwrap().1;
    let run = doctor(&settings, Cookie(value));
    run.has_verdict("absent", &["without the cookie's name", "better-auth.session_token=VALUE"]);
}

#[test]
fn malformed_headers_are_recognized() {
    let url = AuthServer::shared().url.as_str();
    let run = |pasted: &str| doctor(&[("BETTER_AUTH_URL", url)], Token(pasted));
    let bearer = "Authorization: Bearer <token>";
    for nothing in ["", "Bearer", "Authorization: Bearer "] {
        run(nothing).is_rejected_by("form", &["empty", bearer]);
    }
    run("Bearer undefined").has_verdict("rejected", &["a word, not a token", bearer]);
    run("[object Object]").has_verdict("rejected", &["a word, not a token", bearer]);
    for other in ["Authorization: Token abc", "Basic dXNlcjpwYXNz"] {
        run(other).has_verdict("absent", &["does not start with `Bearer`", bearer]);
    }
    run("eyJhbGciOiJFZERTQSJ9.eyJzdWI.x")
        .is_rejected_by("form", &["damaged", "copy it completely", bearer]);
    run("a.b.c.d.e").is_rejected_by("form", &["encrypted token", "COOKIE_CACHE=trust"]);
    let key = "auNFigUPabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZyAzN";
    assert_eq!(key.len(), 64);
    run(key).has_verdict("rejected", &["API key", "x-api-key", "API_KEY_VERIFY_URL"]);
    run("0123456789abcdef0123456789abcdef")
        .is_rejected_by("known", &["opaque", "if a JWT was intended", "OAUTH_RESOURCE"]);
}

#[test]
fn opaque_token_without_auth_server_is_reported() {
    let settings = [("JWT_SECRET", super::SECRET)];
    let run = doctor(&settings, Token("0123456789abcdef0123456789abcdef"));
    run.is_rejected_by("kind", &["it is opaque", "set BETTER_AUTH_URL", "if a JWT was intended"]);
}

#[test]
fn token_without_subject_is_reported() {
    let claims = json!({"exp": super::claims()["exp"]});
    let token = super::signed_with(super::SECRET, &claims);
    let run = doctor(&[("JWT_SECRET", super::SECRET)], Token(&token));
    run.is_rejected_by("subject", &["`sub` is missing"]);
}
