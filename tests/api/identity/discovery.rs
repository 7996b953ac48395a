//! An OpenID provider besides the auth server: discovered by its metadata, with keys of its own.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::get;
use serde_json::{Value, json};

use crate::identity::jwt::{ask, assert_rejected};
use crate::support::app::{App, Backend};
use crate::support::callers::alice;
use crate::support::issuer::{Issuer, Key, serve};

/// A provider at `{url}/realms/one`, with metadata that a test changes.
struct Provider {
    key: Key,
    url: String,
    metadata: Metadata,
}

type Metadata = Arc<Mutex<(StatusCode, String)>>;

impl Provider {
    fn start() -> Self {
        let key = Key::ed25519("provider");
        let metadata = Metadata::default();
        let document = json!({ "keys": [key.public] }).to_string();
        let keys = move || std::future::ready(document.clone());
        let router = Router::new()
            .route("/realms/one/.well-known/openid-configuration", get(answer))
            .route("/keys/of/one", get(keys))
            .with_state(Arc::clone(&metadata));
        let url = serve(router);
        let provider = Self { key, url, metadata };
        provider.set_metadata(&provider.valid_metadata());
        provider
    }

    fn issuer(&self) -> String {
        format!("{}/realms/one", self.url)
    }

    fn valid_metadata(&self) -> Value {
        json!({"issuer": self.issuer(), "jwks_uri": format!("{}/keys/of/one", self.url)})
    }

    fn set_metadata(&self, document: &Value) {
        *self.metadata.lock().unwrap() = (StatusCode::OK, document.to_string());
    }

    /// An access token for a user, signed by this key.
    fn token(&self, key: &Key) -> String {
        let claims = json!({"sub": "u", "iss": self.issuer(), "aud": "here", "client_id": "c",
            "scope": "openid"});
        let claims = Issuer::shared().full(&claims);
        let header = json!({"alg": "EdDSA", "kid": key.kid(), "typ": "at+jwt"});
        key.sign_raw(&header, &claims.to_string())
    }

    async fn app(&self) -> App {
        let flags = ["--oidc-issuer", &self.issuer(), "--oauth-resource", "here"];
        App::with(Backend::Sqlite, &[&flags[..], &["--jwks-cooldown", "0s"]].concat()).await
    }
}

async fn answer(State(metadata): State<Metadata>) -> axum::response::Response {
    metadata.lock().unwrap().clone().into_response()
}

#[tokio::test]
async fn provider_keys_come_from_its_metadata() {
    let provider = Provider::start();
    let app = provider.app().await;
    let viewer =
        app.by_bearer(&provider.token(&provider.key)).data("{ viewer { id method } }").await;
    assert_eq!(viewer["viewer"], json!({"id": "u", "method": "ACCESS_TOKEN"}));
    app.by_jwt(&alice()).data("{ me { id } }").await;
    let flags = ["--oidc-issuer", &provider.issuer(), "--oauth-resource", "here"];
    let alone = App::configured(Backend::Sqlite, &flags).await;
    assert_eq!(ask(&alone, &provider.token(&provider.key)).await.status, 200, "no auth server");
}

#[tokio::test]
async fn keys_are_not_shared_between_issuers() {
    let provider = Provider::start();
    let app = provider.app().await;
    let issuer = Issuer::shared();
    assert_eq!(ask(&app, &provider.token(&provider.key)).await.status, 200);
    assert_rejected(&ask(&app, &provider.token(&issuer.ed25519)).await, "by the auth server's key");
    let same_id = Key::ed25519("provider");
    assert_rejected(&ask(&app, &provider.token(&same_id)).await, "by a key of the same id");
    let first_party = provider.key.sign(&issuer.full(&alice().claims()));
    assert_rejected(&ask(&app, &first_party).await, "a first-party JWT by the provider's key");
    let mut claims = issuer.full(&alice().claims());
    claims["iss"] = provider.issuer().into();
    assert_rejected(
        &ask(&app, &issuer.ed25519.sign(&claims)).await,
        "a provider is not first-party",
    );
    assert_rejected(&ask(&app, &provider.key.sign(&claims)).await, "not by its own key either");
}

#[tokio::test]
async fn mismatched_metadata_is_unavailable() {
    let provider = Provider::start();
    let valid_metadata = provider.valid_metadata();
    let with = |name: &str, value: Value| {
        let mut document = valid_metadata.clone();
        document[name] = value;
        document
    };
    let keys = valid_metadata["jwks_uri"].as_str().unwrap();
    let app = provider.app().await;
    for document in [
        with("issuer", json!(format!("{}/", provider.issuer()))),
        with("issuer", json!(provider.url)),
        with("issuer", json!("https://accounts.example.test")),
        with("issuer", json!([provider.issuer()])),
        with("issuer", Value::Null),
        with("jwks_uri", json!(keys.replace("http:", "file:"))),
        with("jwks_uri", json!("/keys/of/one")),
        with("jwks_uri", json!([keys])),
        with("jwks_uri", Value::Null),
        with("jwks_uri", json!(format!("{keys}/nothing"))),
        with("jwks_uri", json!("http://127.0.0.1:9/keys")),
        json!([]),
        json!({ "keys": [provider.key.public] }),
    ] {
        provider.set_metadata(&document);
        let answer = ask(&app, &provider.token(&provider.key)).await;
        assert_eq!(answer.status, 503, "{document}");
        assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"], "{document}");
        assert!(answer.headers.contains_key("retry-after"), "{document}");
        app.by_jwt(&alice()).data("{ me { id } }").await;
    }
    for status in [StatusCode::FOUND, StatusCode::NOT_FOUND, StatusCode::INTERNAL_SERVER_ERROR] {
        *provider.metadata.lock().unwrap() = (status, valid_metadata.to_string());
        assert_eq!(ask(&app, &provider.token(&provider.key)).await.status, 503, "{status}");
    }
    provider.set_metadata(&valid_metadata);
    assert_eq!(ask(&app, &provider.token(&provider.key)).await.status, 200, "restored");
}

#[tokio::test]
async fn unreachable_provider_is_unavailable() {
    let provider = Provider::start();
    let flags = ["--oidc-issuer", "http://127.0.0.1:9/realms/one", "--oauth-resource", "here"];
    let app = App::with(Backend::Sqlite, &flags).await;
    let claims = json!({"sub": "u", "iss": flags[1], "aud": "here", "client_id": "c"});
    let header = json!({"alg": "EdDSA", "kid": "provider", "typ": "at+jwt"});
    let claims = Issuer::shared().full(&claims).to_string();
    let answer = ask(&app, &provider.key.sign_raw(&header, &claims)).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"]);
    app.by_jwt(&alice()).data("{ me { id } }").await;
}

#[tokio::test]
async fn provider_keys_are_read_from_oidc_jwks_url() {
    let provider = Provider::start();
    let keys = format!("{}/keys/of/one", provider.url);
    // The issuer's public name is unreachable from here.
    let issuer = "http://127.0.0.1:9/realms/one";
    let flags = ["--oidc-issuer", issuer, "--oauth-resource", "here", "--oidc-jwks-url", &keys];
    let app = App::with(Backend::Sqlite, &flags).await;
    let token = |key: &Key, issuer: &str| {
        let claims = json!({"sub": "u", "iss": issuer, "aud": "here", "client_id": "c"});
        let header = json!({"alg": "EdDSA", "kid": key.kid(), "typ": "at+jwt"});
        key.sign_raw(&header, &Issuer::shared().full(&claims).to_string())
    };
    assert_eq!(ask(&app, &token(&provider.key, issuer)).await.status, 200);
    assert_rejected(&ask(&app, &token(&provider.key, &provider.issuer())).await, "another issuer");
    assert_rejected(&ask(&app, &token(&Key::ed25519("provider"), issuer)).await, "another key");
    let own_key = ask(&app, &token(&Issuer::shared().ed25519, issuer)).await;
    assert_ne!(own_key.status, 200, "the auth server does not sign for the provider");
    let ready = app.anonymous().request(reqwest::Method::GET, "/ready").send().await.unwrap();
    assert_eq!(ready.status(), 200);
    app.by_jwt(&alice()).data("{ me { id } }").await;
}
