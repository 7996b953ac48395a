//! The user of a token whose subject is not the user's id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::identity::jwt::{ask, assert_rejected};
use crate::support::app::{App, Backend};
use crate::support::auth_server::AuthServer;
use crate::support::callers::alice;
use crate::support::issuer::Issuer;

const VIEWER: &str = "{ me { id } }";

#[tokio::test]
async fn cookie_and_jwt_name_one_user() {
    let server = AuthServer::start(&json!({"jwtSubject": "email"}));
    let account = server.sign_up("Subject", json!({})).await;
    let jwt = server.jwt(&account).await;
    let app = server.app(&[]).await;
    for who in [app.by_cookie(&account.cookie), app.by_bearer(&jwt)] {
        assert_eq!(who.data(VIEWER).await["me"]["id"], account.id.as_str());
    }
    let by_subject = server.app(&["--jwt-subject", "sub"]).await;
    let id = by_subject.by_bearer(&jwt).data(VIEWER).await["me"]["id"].clone();
    assert_eq!(id, account.email.to_lowercase());
}

#[tokio::test]
async fn id_claim_is_used_in_first_party_jwts_only() {
    let flags = ["--oauth-resource", "here", "--sso-client-id", "web"];
    let app = App::with(Backend::Sqlite, &flags).await;
    let issuer = Issuer::shared();
    let other = |id: Value| alice().with("id", id);
    for (id, known) in [
        (json!("another"), "another"),
        (Value::Null, "user-alice"),
        (json!(5), "user-alice"),
        (json!(""), "user-alice"),
    ] {
        let me = app.by_jwt(&other(id.clone())).data(VIEWER).await["me"]["id"].clone();
        assert_eq!(me, known, "{id}");
    }
    let control = issuer.token(&other(json!("a\nb")).claims());
    assert_rejected(&ask(&app, &control).await, "an id with a control character");
    let mut claims = issuer.full(&other(json!("another")).claims());
    claims["iss"] = format!("{}/api/auth", issuer.url()).into();
    let id_token = |claims: &Value| {
        let mut claims = claims.clone();
        claims["aud"] = "web".into();
        issuer.ed25519.sign(&claims)
    };
    let me = app.by_bearer(&id_token(&claims)).data(VIEWER).await["me"]["id"].clone();
    assert_eq!(me, "user-alice", "an id token goes by `sub`");
    claims["sub"] = STANDARD.encode([7; 32]).into();
    assert_rejected(&ask(&app, &id_token(&claims)).await, "a pairwise subject");
    claims["sub"] = STANDARD.encode([7; 24]).into();
    assert_eq!(ask(&app, &id_token(&claims)).await.status, 200, "an id that is base64 by chance");
}
