//! The kinds of access token, by a real provider: each carries what its user granted, and no more.

use serde_json::{Value, json};

use super::{missing, server, token};
use crate::app::{App, Client};
use crate::auth_server::{Account, AuthServer, OauthClient};
use crate::oauth::provider;
use crate::people::alice;

const CREATE: &str = "mutation { createTask(input: {title: \"x\"}) { id } }";
const LIST: &str = "{ tasks { totalCount } }";
const WHO: &str = "{ viewer { id clientId scopes } }";

/// What a client that got `scope` for somebody is refused, at a query and at a mutation.
async fn refused(who: &Client<'_>) -> [Vec<String>; 2] {
    [missing(&who.ask(LIST).await.body), missing(&who.ask(CREATE).await.body)]
}

async fn access(
    server: &AuthServer,
    (account, client): (&Account, &OauthClient),
    scope: &str,
    resource: Option<&str>,
) -> String {
    let mut wanted = json!({ "scope": scope });
    if let Some(resource) = resource {
        wanted["resource"] = resource.into();
    }
    let tokens = server.oauth_login(account, client, wanted).await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

const READ: [&str; 1] = ["SCOPE(tasks:read)"];
const WRITE: [&str; 1] = ["SCOPE(tasks:write)"];
/// What a client gets granted, and what it is then refused.
const GRANTS: [(&str, &[&str], &[&str]); 4] = [
    ("openid", &READ, &WRITE),
    ("openid tasks:read", &[], &WRITE),
    ("openid tasks:write", &READ, &[]),
    ("openid tasks:read tasks:write", &[], &[]),
];

/// Each grant, at a server where the client is a stranger, and at one where it is our own.
async fn each_grant_counts(
    server: &AuthServer,
    flags: &[&str],
    client: &OauthClient,
    resource: Option<&str>,
) {
    let account = server.sign_up("Grant", json!({})).await;
    server.set_user(&account, json!({"role": "admin", "tier": "enterprise"})).await;
    let app = server.app(flags).await;
    let own = server.app(&[flags, &["--oauth-full-clients", &client.id]].concat()).await;
    for (scope, query, mutation) in GRANTS {
        let token = access(server, (&account, client), scope, resource).await;
        assert_eq!(token.contains('.'), flags[0] == "--oauth-resource", "the token is as meant");
        let owned =
            |missing: &[&str]| missing.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let wanted = [owned(query), owned(mutation)];
        assert_eq!(refused(&app.by_bearer(&token)).await, wanted, "{scope}");
        let viewer = app.by_bearer(&token).data(WHO).await["viewer"].clone();
        let scopes = scope.split(' ').collect::<Vec<_>>();
        assert_eq!(viewer, json!({"id": account.id, "clientId": client.id, "scopes": scopes}));
        assert_eq!(refused(&own.by_bearer(&token)).await, [vec![], vec![]] as [Vec<String>; 2]);
    }
}

#[tokio::test]
async fn a_jwt_access_token_carries_its_grant() {
    let resource = "https://api.example.test/granted";
    let server = provider();
    let client = server.oauth_client(json!({ "resource": resource })).await;
    each_grant_counts(server, &["--oauth-resource", resource], &client, Some(resource)).await;
}

#[tokio::test]
async fn an_introspected_token_carries_its_grant() {
    let server = provider();
    let client = server.oauth_client(json!({})).await;
    let flags =
        ["--introspection-client-id", &client.id, "--introspection-client-secret", &client.secret];
    each_grant_counts(server, &flags, &client, None).await;
}

#[tokio::test]
async fn userinfo_vouches_for_no_scope_of_ours() {
    let server = provider();
    let client = server.oauth_client(json!({})).await;
    let account = server.sign_up("Vouched", json!({})).await;
    let token =
        access(server, (&account, &client), "openid email tasks:read tasks:write", None).await;
    let trusted = ["--userinfo", "trust"];
    let named = [&trusted[..], &["--oauth-full-clients", &client.id]].concat();
    for flags in [&trusted[..], &named] {
        let app = server.app(flags).await;
        let refused = refused(&app.by_bearer(&token)).await;
        assert_eq!(refused, [READ.map(str::to_owned), WRITE.map(str::to_owned)], "{flags:?}");
        let viewer =
            app.by_bearer(&token).data("{ viewer { id clientId scopes name email } }").await;
        let known = json!({"id": account.id, "clientId": null, "scopes": ["email", "openid"],
            "name": null, "email": account.email.to_lowercase()});
        assert_eq!(viewer["viewer"], known, "{flags:?}");
    }
    let every = server.app(&[&trusted[..], &["--oauth-full-clients", "*"]].concat()).await;
    assert_eq!(refused(&every.by_bearer(&token)).await, [vec![], vec![]] as [Vec<String>; 2]);
}

#[tokio::test]
async fn credentials_without_a_client_ask_for_no_scope() {
    let resource = "https://api.example.test/unscoped";
    let server = AuthServer::start(&json!({"oauth": true, "apiKeys": {}}));
    let account = server.sign_up("Whole", json!({})).await;
    let client = server.oauth_client(json!({ "resource": resource })).await;
    let wanted = json!({"scope": "openid", "resource": resource, "nonce": "n"});
    let tokens = server.oauth_login(&account, &client, wanted).await;
    let (jwt, key) = (server.jwt(&account).await, server.api_key(&account, json!({})).await);
    let flags = ["--oauth-resource", resource, "--sso-client-id", &client.id];
    let app = server.app(&flags).await;
    for (name, who) in [
        ("session cookie", app.by_cookie(&account.cookie)),
        ("session token", app.by_bearer(&account.session_token)),
        ("first-party JWT", app.by_bearer(&jwt)),
        ("id token", app.by_bearer(tokens["id_token"].as_str().unwrap())),
        ("API key", app.anonymous().with_header("x-api-key", &key)),
    ] {
        who.data(CREATE).await;
        let viewer = who.data("{ viewer { clientId scopes } }").await["viewer"].clone();
        assert_eq!(viewer, json!({"clientId": null, "scopes": null}), "{name}");
    }
    let access = app.by_bearer(tokens["access_token"].as_str().unwrap());
    assert_eq!(missing(&access.ask(CREATE).await.body), WRITE, "and the access token does");
}

#[tokio::test]
async fn what_a_token_says_beyond_its_scopes_is_not_read() {
    let app = server().await;
    let person = alice().role("admin,editor").tier("enterprise");
    let read = "{ viewer { name email emailVerified } }";
    let none = Value::Null;
    for (scopes, name, email) in [
        (&["openid"][..], none.clone(), none.clone()),
        (&["openid", "profile"], json!("alice"), none.clone()),
        (&["openid", "email"], none, json!("alice@example.test")),
    ] {
        let viewer = app.by_bearer(&token(&person, "third", scopes)).data(read).await;
        let known = json!({"name": name, "email": email, "emailVerified": !email.is_null()});
        assert_eq!(viewer["viewer"], known, "{scopes:?}");
    }
    let own = app.by_bearer(&token(&person, "own", &["openid"])).data(read).await;
    assert_eq!(own["viewer"]["email"], "alice@example.test");
}

#[tokio::test]
async fn a_verdict_is_one_clients_alone() {
    let app: App = server().await;
    let granted = app.by_bearer(&token(&alice(), "third", &["tasks:write"]));
    let other = app.by_bearer(&token(&alice(), "fourth", &["tasks:read"]));
    for _ in 0..3 {
        assert_eq!(refused(&granted).await, [READ.map(str::to_owned).to_vec(), vec![]]);
        assert_eq!(refused(&other).await, [vec![], WRITE.map(str::to_owned).to_vec()]);
    }
}
