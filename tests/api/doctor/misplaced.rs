//! What is no credential, or is shown where it does not belong: the doctor says what it is.

use serde_json::json;

use super::Shown::{Cookie, Token};
use super::{doctor, somebody};
use crate::auth_server::AuthServer;

#[tokio::test]
async fn a_cookie_pasted_as_a_token_is_recognized_and_a_token_pasted_as_a_cookie() {
    let (server, account) = somebody().await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str())];
    let told = doctor(&settings, Token(&account.cookie));
    told.is_refused_by("form", &["it is a session cookie", "--cookie", "/api/auth/token"]);
    let jwt = server.jwt(&account).await;
    for pasted in [jwt.clone(), format!("Bearer {jwt}")] {
        let told = doctor(&settings, Cookie(&pasted));
        told.comes_out_as("absent", &["a first-party JWT", "Authorization: Bearer", "--token"]);
        assert_eq!(told.report["credential"]["claims"]["sub"], account.id.as_str());
    }
    let value = account.cookie.split(';').next().unwrap().split_once('=').unwrap().1;
    let told = doctor(&settings, Cookie(value));
    told.comes_out_as("absent", &["without the cookie's name", "better-auth.session_token=VALUE"]);
}

#[test]
fn what_a_front_end_sends_by_mistake_is_recognized() {
    let url = AuthServer::shared().url.as_str();
    let told = |pasted: &str| doctor(&[("BETTER_AUTH_URL", url)], Token(pasted));
    let bearer = "Authorization: Bearer <token>";
    for nothing in ["", "Bearer", "Authorization: Bearer "] {
        told(nothing).is_refused_by("form", &["empty", bearer]);
    }
    told("Bearer undefined").comes_out_as("refused", &["a word, not a token", bearer]);
    told("[object Object]").comes_out_as("refused", &["a word, not a token", bearer]);
    for other in ["Authorization: Token abc", "Basic dXNlcjpwYXNz"] {
        told(other).comes_out_as("absent", &["does not start with `Bearer`", bearer]);
    }
    told("eyJhbGciOiJFZERTQSJ9.eyJzdWI.x")
        .is_refused_by("form", &["damaged", "copy it completely", bearer]);
    told("a.b.c.d.e").is_refused_by("form", &["encrypted token", "COOKIE_CACHE=trust"]);
    let key = "auNFigUPabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZyAzN";
    assert_eq!(key.len(), 64);
    told(key).comes_out_as("refused", &["API key", "x-api-key", "API_KEY_VERIFY_URL"]);
    told("0123456789abcdef0123456789abcdef")
        .is_refused_by("known", &["opaque", "if a JWT was intended", "OAUTH_RESOURCE"]);
}

#[test]
fn an_opaque_token_without_an_auth_server_is_told() {
    let settings = [("JWT_SECRET", super::SECRET)];
    let told = doctor(&settings, Token("0123456789abcdef0123456789abcdef"));
    told.is_refused_by("kind", &["it is opaque", "set BETTER_AUTH_URL", "if a JWT was intended"]);
}

#[test]
fn a_token_that_shows_nobody_is_told() {
    let claims = json!({"exp": super::claims()["exp"]});
    let token = super::signed_with(super::SECRET, &claims);
    let told = doctor(&[("JWT_SECRET", super::SECRET)], Token(&token));
    told.is_refused_by("subject", &["`sub` is missing"]);
}
