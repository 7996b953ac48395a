//! OAuth access tokens and OpenID Connect id tokens that are JWTs: from a real provider, with the settings
//! that enable each kind, and with one kind presented as another.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::routing::get;
use hallpass_data::now;
use serde_json::{Value, json};

use crate::identity::jwt::{ask, assert_rejected};
use crate::support::app::{App, Backend};
use crate::support::auth_server::AuthServer;
use crate::support::issuer::{Issuer, serve};

pub const VIEWER: &str = "{ viewer { id kind method permissions } }";

/// A Better Auth server with an OAuth provider. Tests must not change its mode.
pub fn provider() -> &'static AuthServer {
    static SHARED: OnceLock<AuthServer> = OnceLock::new();
    SHARED.get_or_init(|| AuthServer::start(&json!({"oauth": true})))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn access_token_reaches_the_users_own_rows() {
    let resource = "https://api.example.test/own-rows";
    let server = provider();
    let account = server.sign_up("Oa", json!({})).await;
    let client = server.oauth_client(json!({ "resource": resource })).await;
    let wanted = json!({"scope": "openid read:tasks", "resource": resource});
    let tokens = server.oauth_login(&account, &client, wanted).await;
    let resources = format!("https://else.test,{resource}");
    let flags = ["--oauth-resource", &resources, "--oauth-full-clients", &client.id];
    let app = server.app(&flags).await;
    let who = app.by_bearer(text(&tokens["access_token"]));
    let me = who.data("{ me { id kind method permissions roles tier email sessionId } }").await;
    let known = json!({"id": account.id, "kind": "USER", "method": "ACCESS_TOKEN", "roles": [],
        "permissions": ["scope:openid", "scope:read:tasks"], "tier": "free", "email": null});
    for (name, value) in known.as_object().unwrap() {
        assert_eq!(me["me"][name], *value, "{name}");
    }
    who.data("mutation { createTask(input: {title: \"By token\"}) { task { id } } }").await;
    for who in [who, app.by_cookie(&account.cookie)] {
        let tasks = who.data("{ tasks { nodes { title isOwner } } }").await;
        assert_eq!(tasks["tasks"]["nodes"], json!([{"title": "By token", "isOwner": true}]));
    }
}

/// Tokens of every kind from one provider, for this server and for others: each is accepted only if the
/// settings enable its kind.
async fn token_types_follow_settings(server: &AuthServer, flags: &[&str]) {
    let (ours, theirs) = ("https://api.example.test/kinds", "https://other.example.test/kinds");
    let account = server.sign_up("Kind", json!({})).await;
    let client = server.oauth_client(json!({ "resource": ours })).await;
    let foreign = server.oauth_client(json!({ "resource": theirs })).await;
    let wanted = |resource: &str| json!({"scope": "openid email read:tasks", "resource": resource, "nonce": "n"});
    let tokens = server.oauth_login(&account, &client, wanted(ours)).await;
    let strange = server.oauth_login(&account, &foreign, wanted(theirs)).await;
    let service = server.service_token(&client, Some(ours)).await;
    let foreign_service = server.service_token(&foreign, Some(theirs)).await;
    let jwt = server.jwt(&account).await;
    let (access, id) = (text(&tokens["access_token"]), text(&tokens["id_token"]));
    for (lets_access_in, lets_id_in) in [(false, false), (true, false), (false, true), (true, true)]
    {
        let mut all = flags.to_vec();
        all.extend(lets_access_in.then_some(["--oauth-resource", ours]).into_iter().flatten());
        all.extend(lets_id_in.then_some(["--sso-client-id", &client.id]).into_iter().flatten());
        let app = server.app(&all).await;
        let user = account.id.as_str();
        for (name, token, is_let_in, method, subject) in [
            ("first-party", jwt.as_str(), true, "JWT", user),
            ("access", access, lets_access_in, "ACCESS_TOKEN", user),
            ("machine", &service, lets_access_in, "ACCESS_TOKEN", &client.id),
            ("id", id, lets_id_in, "ID_TOKEN", user),
            ("another resource's", text(&strange["access_token"]), false, "", ""),
            ("another service's", &foreign_service, false, "", ""),
            ("another client's id", text(&strange["id_token"]), false, "", ""),
        ] {
            let answer = ask(&app, token).await;
            let what = format!("{name} token, access {lets_access_in}, id {lets_id_in}");
            if !is_let_in {
                assert_rejected(&answer, &what);
                continue;
            }
            let viewer = app.by_bearer(token).data(VIEWER).await["viewer"].clone();
            assert_eq!(viewer["method"], method, "{what}");
            assert_eq!(viewer["id"], subject, "{what}");
            assert_eq!(viewer["kind"] == "SERVICE", name == "machine", "{what}");
        }
    }
}

#[tokio::test]
async fn token_types_are_enabled_separately() {
    token_types_follow_settings(provider(), &[]).await;
}

#[tokio::test]
async fn token_types_with_one_issuer_are_separate() {
    let key_set: Arc<OnceLock<String>> = Arc::default();
    let issuer: Arc<OnceLock<String>> = Arc::default();
    let (published_keys, published_issuer) = (Arc::clone(&key_set), Arc::clone(&issuer));
    let metadata = move || {
        let document = json!({"issuer": published_issuer.get(), "jwks_uri": published_keys.get()});
        std::future::ready(document.to_string())
    };
    let url = serve(Router::new().route("/.well-known/openid-configuration", get(metadata)));
    issuer.set(url.clone()).unwrap();
    let server = AuthServer::start(&json!({"oauth": true, "issuer": url}));
    key_set.set(format!("{}/api/auth/jwks", server.url)).unwrap();
    let flags = ["--jwt-issuer", url.as_str(), "--oidc-issuer", &url];
    token_types_follow_settings(&server, &flags).await;
}

#[tokio::test]
async fn id_token_with_many_audiences_needs_azp() {
    let app = App::with(Backend::Sqlite, &["--sso-client-id", "web,app"]).await;
    let issuer = Issuer::shared();
    let provider = format!("{}/api/auth", issuer.url());
    let token = |claims: Value| {
        let mut full = issuer.full(&json!({"sub": "u", "iss": provider, "nonce": "n"}));
        for (name, value) in claims.as_object().unwrap() {
            full[name] = value.clone();
        }
        issuer.ed25519.sign(&full)
    };
    for claims in [
        json!({"aud": "web"}),
        json!({"aud": ["app"]}),
        json!({"aud": "web", "azp": "web"}),
        json!({"aud": ["web", "other"], "azp": "web"}),
        json!({"aud": ["web", "other"], "azp": "app"}),
    ] {
        let viewer = app.by_bearer(&token(claims.clone())).data(VIEWER).await["viewer"].clone();
        assert_eq!(viewer["method"], "ID_TOKEN", "{claims}");
    }
    let present = now().timestamp();
    for claims in [
        json!({"aud": "other"}),
        json!({"aud": "WEB"}),
        json!({"aud": "web,app"}),
        json!({"aud": []}),
        json!({"aud": ["web", "app"]}),
        json!({"aud": ["web", "other"]}),
        json!({"aud": ["web", issuer.url()]}),
        json!({"aud": ["web", "other"], "azp": "other"}),
        json!({"aud": "web", "azp": "other"}),
        json!({"aud": "web", "azp": null}),
        json!({"aud": ["web", "other"], "azp": ["other", "web"]}),
        json!({"aud": "other", "azp": "web"}),
        json!({"aud": issuer.url()}),
        json!({"aud": "web", "iss": issuer.url()}),
        json!({"aud": "web", "iss": format!("{provider}/")}),
        json!({"aud": "web", "iat": "now"}),
        json!({"aud": "web", "exp": present - 60}),
        json!({"aud": "web", "sub": ""}),
        json!({"aud": "web", "client_id": "web"}),
        json!({"aud": "web", "events": {}}),
    ] {
        assert_rejected(&ask(&app, &token(claims.clone())).await, &claims.to_string());
    }
    let undated = json!({"sub": "u", "iss": provider, "aud": "web", "exp": present + 60});
    assert_rejected(&ask(&app, &issuer.ed25519.sign(&undated)).await, "it has no iat");
}

/// An access token for the resource `here`, with this `typ`. `claims` replace its own; null removes one.
fn access_token(typ: &str, claims: &Value) -> String {
    let issuer = Issuer::shared();
    let provider = format!("{}/api/auth", issuer.url());
    let good = json!({"sub": "u", "iss": provider, "aud": "here", "client_id": "c", "scope": "a"});
    let mut full = issuer.full(&good);
    for (name, value) in claims.as_object().unwrap() {
        full[name] = value.clone();
    }
    full.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let header = json!({"alg": "EdDSA", "kid": "ed", "typ": typ});
    issuer.ed25519.sign_raw(&header, &full.to_string())
}

#[tokio::test]
async fn access_token_needs_typ_audience_and_no_cnf() {
    let app = App::with(Backend::Sqlite, &["--oauth-resource", "here,there"]).await;
    let issuer = Issuer::shared();
    let provider = format!("{}/api/auth", issuer.url());
    for (typ, claims) in [
        ("at+jwt", json!({})),
        ("AT+JWT", json!({})),
        ("application/at+jwt", json!({"aud": ["elsewhere", "there"]})),
        ("at+jwt", json!({"scope": null})),
    ] {
        assert_eq!(ask(&app, &access_token(typ, &claims)).await.status, 200, "{typ} {claims}");
    }
    for claims in [
        json!({"cnf": {"jkt": "x"}}),
        json!({"cnf": {}}),
        json!({"client_id": null}),
        json!({"client_id": ""}),
        json!({"client_id": 5}),
        json!({"aud": null}),
        json!({"aud": "elsewhere"}),
        json!({"aud": [["here"]]}),
        json!({"aud": issuer.url()}),
        json!({"iss": issuer.url()}),
        json!({"iss": null}),
        json!({"iat": null}),
        json!({"exp": null}),
        json!({"exp": now().timestamp() - 60}),
        json!({"sub": null}),
        json!({"banned": true}),
    ] {
        assert_rejected(&ask(&app, &access_token("at+jwt", &claims)).await, &claims.to_string());
    }
    for typ in ["JWT", "at+jwt ", "at", "dpop+jwt", "logout+jwt", ""] {
        assert_rejected(&ask(&app, &access_token(typ, &json!({}))).await, typ);
    }
    let secret = "a shared secret of more than thirty-two bytes";
    let claims = json!({"sub": "u", "iss": provider, "aud": "here", "client_id": "c",
        "iat": now().timestamp(), "exp": now().timestamp() + 60});
    let with = ["--oauth-resource", "here", "--jwt-secret", secret];
    let app = App::with(Backend::Sqlite, &with).await;
    let header = r#"{"alg":"HS256","typ":"at+jwt","kid":"ed"}"#;
    let by_secret =
        crate::support::cookie_cache_builder::hs256(header, &claims.to_string(), secret);
    assert_rejected(&ask(&app, &by_secret).await, "a shared secret is not the provider's key");
    let shown = app
        .anonymous()
        .with_header("authorization", &format!("DPoP {}", access_token("at+jwt", &json!({}))));
    assert_eq!(
        shown.data(VIEWER).await["viewer"],
        Value::Null,
        "another scheme is not a credential"
    );
}

#[tokio::test]
async fn token_of_another_authorized_party_fails() {
    let secret = "a shared secret of more than thirty-two bytes";
    let flags = ["--oauth-resource", "here", "--oauth-full-clients", "c", "--jwt-secret", secret];
    let app = App::with(Backend::Sqlite, &[&flags[..], &["--sso-client-id", "web"]].concat()).await;
    let at_jwt = |claims: &Value| access_token("at+jwt", claims);
    let by_secret = |claims: &Value| {
        let present = now().timestamp();
        let mut full = json!({"sub": "u", "iat": present, "exp": present + 60});
        full.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let header = r#"{"alg":"HS256","typ":"JWT"}"#;
        crate::support::cookie_cache_builder::hs256(header, &full.to_string(), secret)
    };
    for (token, what) in [
        (at_jwt(&json!({"azp": "c"})), "access"),
        (at_jwt(&json!({"azp": "d", "client_id": "d"})), "access, of another client"),
        (by_secret(&json!({})), "shared secret"),
        (by_secret(&json!({"azp": "web"})), "shared secret, of the own client"),
    ] {
        assert_eq!(ask(&app, &token).await.status, 200, "{what}");
    }
    for (token, what) in [
        (at_jwt(&json!({"azp": "d"})), "access"),
        (at_jwt(&json!({"azp": "C"})), "access, in another case"),
        (at_jwt(&json!({"azp": ["c"]})), "access, a list"),
        (at_jwt(&json!({"azp": "d", "aud": ["here", "c"]})), "access, the client in the audience"),
        (by_secret(&json!({"azp": "d"})), "shared secret"),
        (by_secret(&json!({"azp": ["web"]})), "shared secret, a list"),
    ] {
        assert_rejected(&ask(&app, &token).await, what);
    }
}
