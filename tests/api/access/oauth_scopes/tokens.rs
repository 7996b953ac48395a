//! The kinds of access token, from a real provider: each has the scopes that its user granted, and no more.

use serde_json::{Value, json};

use super::{missing, server, token};
use crate::identity::oauth::provider;
use crate::support::app::{App, Client};
use crate::support::auth_server::{Account, AuthServer, OauthClient};
use crate::support::callers::alice;

const CREATE: &str = "mutation { createTask(input: {title: \"x\"}) { task { id } } }";
const LIST: &str = "{ tasks { totalCount } }";
const VIEWER: &str = "{ viewer { id clientId scopes } }";

/// The scopes that a client with `scope` lacks, for a query and for a mutation.
async fn missing_scopes_of(who: &Client<'_>) -> [Vec<String>; 2] {
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
/// The scopes granted to a client, and those that it lacks then.
const GRANTS: [(&str, &[&str], &[&str]); 4] = [
    ("openid", &READ, &WRITE),
    ("openid tasks:read", &[], &WRITE),
    ("openid tasks:write", &READ, &[]),
    ("openid tasks:read tasks:write", &[], &[]),
];

/// Each grant, at a server with a third-party client, and at one with a full-access client.
async fn check_each_grant(
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
        assert_eq!(
            token.contains('.'),
            flags[0] == "--oauth-resource",
            "the token has the intended format"
        );
        let owned =
            |missing: &[&str]| missing.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let wanted = [owned(query), owned(mutation)];
        assert_eq!(missing_scopes_of(&app.by_bearer(&token)).await, wanted, "{scope}");
        let viewer = app.by_bearer(&token).data(VIEWER).await["viewer"].clone();
        let scopes = scope.split(' ').collect::<Vec<_>>();
        assert_eq!(viewer, json!({"id": account.id, "clientId": client.id, "scopes": scopes}));
        assert_eq!(
            missing_scopes_of(&own.by_bearer(&token)).await,
            [vec![], vec![]] as [Vec<String>; 2]
        );
    }
}

#[tokio::test]
async fn jwt_access_token_has_its_granted_scopes() {
    let resource = "https://api.example.test/granted";
    let server = provider();
    let client = server.oauth_client(json!({ "resource": resource })).await;
    check_each_grant(server, &["--oauth-resource", resource], &client, Some(resource)).await;
}

#[tokio::test]
async fn introspected_token_has_its_granted_scopes() {
    let server = provider();
    let client = server.oauth_client(json!({})).await;
    let flags =
        ["--introspection-client-id", &client.id, "--introspection-client-secret", &client.secret];
    check_each_grant(server, &flags, &client, None).await;
}

#[tokio::test]
async fn userinfo_grants_no_resource_scopes() {
    let server = provider();
    let client = server.oauth_client(json!({})).await;
    let account = server.sign_up("Vouched", json!({})).await;
    let token =
        access(server, (&account, &client), "openid email tasks:read tasks:write", None).await;
    let trusted = ["--userinfo", "trust"];
    let named = [&trusted[..], &["--oauth-full-clients", &client.id]].concat();
    for flags in [&trusted[..], &named] {
        let app = server.app(flags).await;
        let rejected = missing_scopes_of(&app.by_bearer(&token)).await;
        assert_eq!(rejected, [READ.map(str::to_owned), WRITE.map(str::to_owned)], "{flags:?}");
        let viewer =
            app.by_bearer(&token).data("{ viewer { id clientId scopes name email } }").await;
        let known = json!({"id": account.id, "clientId": null, "scopes": ["email", "openid"],
            "name": null, "email": account.email.to_lowercase()});
        assert_eq!(viewer["viewer"], known, "{flags:?}");
    }
    let every = server.app(&[&trusted[..], &["--oauth-full-clients", "*"]].concat()).await;
    assert_eq!(
        missing_scopes_of(&every.by_bearer(&token)).await,
        [vec![], vec![]] as [Vec<String>; 2]
    );
}

#[tokio::test]
async fn credentials_without_client_need_no_scope() {
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
async fn claims_beyond_the_scopes_are_ignored() {
    let app = server().await;
    let caller = alice().role("admin,editor").tier("enterprise");
    let read = "{ viewer { name email emailVerified } }";
    let none = Value::Null;
    for (scopes, name, email) in [
        (&["openid"][..], none.clone(), none.clone()),
        (&["openid", "profile"], json!("alice"), none.clone()),
        (&["openid", "email"], none, json!("alice@example.test")),
    ] {
        let viewer = app.by_bearer(&token(&caller, "third", scopes)).data(read).await;
        let known = json!({"name": name, "email": email, "emailVerified": !email.is_null()});
        assert_eq!(viewer["viewer"], known, "{scopes:?}");
    }
    let own = app.by_bearer(&token(&caller, "own", &["openid"])).data(read).await;
    assert_eq!(own["viewer"]["email"], "alice@example.test");
}

#[tokio::test]
async fn verdict_cache_is_per_client() {
    let app: App = server().await;
    let granted = app.by_bearer(&token(&alice(), "third", &["tasks:write"]));
    let other = app.by_bearer(&token(&alice(), "fourth", &["tasks:read"]));
    for _ in 0..3 {
        assert_eq!(missing_scopes_of(&granted).await, [READ.map(str::to_owned).to_vec(), vec![]]);
        assert_eq!(missing_scopes_of(&other).await, [vec![], WRITE.map(str::to_owned).to_vec()]);
    }
}
