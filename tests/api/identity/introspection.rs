//! Opaque access tokens, validated at the auth server: by introspection or by userinfo.

use axum::Router;
use axum::routing::{get, post};
use hallpass_data::now;
use serde_json::{Value, json};

use crate::identity::jwt::{ask, assert_rejected};
use crate::identity::oauth::{VIEWER, provider};
use crate::identity::service_callers::assert_is_service;
use crate::support::app::{App, Backend};
use crate::support::auth_server::{Account, AuthServer, OauthClient};
use crate::support::issuer::serve;

const INTROSPECT: &str = "POST /api/auth/oauth2/introspect";
const SCOPE: &str = "openid email offline_access read:tasks";

fn introspecting(client: &OauthClient) -> [&str; 4] {
    ["--introspection-client-id", &client.id, "--introspection-client-secret", &client.secret]
}

/// The tokens of `client` for a user: an access token, and a refresh token.
async fn tokens(
    server: &AuthServer,
    account: &Account,
    client: &OauthClient,
    resource: Option<&str>,
) -> (String, String) {
    let mut wanted = json!({ "scope": SCOPE });
    if let Some(resource) = resource {
        wanted["resource"] = resource.into();
    }
    let answer = server.oauth_login(account, client, wanted).await;
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

#[tokio::test]
async fn introspection_accepts_both_auth_methods() {
    let server = provider();
    for way in ["client_secret_basic", "client_secret_post"] {
        let account = server.sign_up("Opaque", json!({})).await;
        let client = server.oauth_client(json!({ "authMethod": way })).await;
        let (access, refresh) = tokens(server, &account, &client, None).await;
        assert!(!access.contains('.'), "the token has the intended format");
        let ours = ["--oauth-full-clients", &client.id];
        let app = server.app(&[&introspecting(&client)[..], &ours].concat()).await;
        let who = app.by_bearer(&access);
        let viewer = who.data(VIEWER).await["viewer"].clone();
        let scopes = ["email", "offline_access", "openid", "read:tasks"];
        let permissions = scopes.map(|scope| format!("scope:{scope}"));
        let known = json!({"id": account.id, "kind": "USER", "method": "ACCESS_TOKEN",
            "permissions": permissions});
        assert_eq!(viewer, known, "{way}");
        who.data("mutation { createTask(input: {title: \"By token\"}) { task { id } } }").await;
        let tasks = app.by_cookie(&account.cookie).data("{ tasks { totalCount } }").await;
        assert_eq!(tasks["tasks"]["totalCount"], 1);
        assert_rejected(&ask(&app, &refresh).await, "a refresh token");
        assert_rejected(&ask(&app, &"a".repeat(32)).await, "a nonexistent token");
        assert_rejected(&ask(&server.app(&[]).await, &access).await, "opaque tokens are disabled");
    }
}

#[tokio::test]
async fn working_client_auth_method_is_reused() {
    let server = AuthServer::start(&json!({"oauth": true}));
    let client = server.oauth_client(json!({"authMethod": "client_secret_post"})).await;
    let account = server.sign_up("Ways", json!({})).await;
    let (first, _) = tokens(&server, &account, &client, None).await;
    let (second, _) = tokens(&server, &account, &client, None).await;
    let app = server.app(&introspecting(&client)).await;
    app.by_bearer(&first).data(VIEWER).await;
    assert_eq!(server.request_count(INTROSPECT).await, 2, "one method, then the other");
    app.by_bearer(&second).data(VIEWER).await;
    app.by_bearer(&second).data(VIEWER).await;
    assert_eq!(server.request_count(INTROSPECT).await, 3);
}

#[tokio::test]
async fn opaque_token_of_other_audience_is_rejected() {
    let server = AuthServer::start(&json!({"oauth": {"disableJwtPlugin": true}}));
    let (ours, theirs) = ("https://api.example.test/opaque", "https://else.example.test/opaque");
    let account = server.sign_up("Audience", json!({})).await;
    let client = server.oauth_client(json!({ "resource": ours })).await;
    let linked = server.oauth_client(json!({ "resource": ours })).await;
    let both = server.oauth_client(json!({ "resource": theirs })).await;
    let foreign = server.oauth_client(json!({})).await;
    let (by_linked, _) = tokens(&server, &account, &linked, Some(ours)).await;
    let (own_with, _) = tokens(&server, &account, &client, Some(ours)).await;
    let (own_without, _) = tokens(&server, &account, &client, None).await;
    let (strange, _) = tokens(&server, &account, &foreign, None).await;
    let (elsewhere, _) = tokens(&server, &account, &both, Some(theirs)).await;
    let app =
        server.app(&[&introspecting(&client)[..], &["--oauth-resource", ours]].concat()).await;
    for token in [&by_linked, &own_with, &own_without] {
        assert_eq!(app.by_bearer(token).data(VIEWER).await["viewer"]["id"], account.id.as_str());
    }
    for (what, token) in [("another client's", &strange), ("for another resource", &elsewhere)] {
        assert_rejected(&ask(&app, token).await, what);
    }
    let unset = server.app(&introspecting(&client)).await;
    for token in [&by_linked, &own_with] {
        assert_rejected(&ask(&unset, token).await, "no resource is configured");
    }
    let theirs = server.app(&introspecting(&both)).await;
    assert_rejected(&ask(&theirs, &elsewhere).await, "another client's, for another resource");
}

#[tokio::test]
async fn client_credentials_token_is_a_service_caller() {
    let server = provider();
    let client = server.oauth_client(json!({})).await;
    let token = server.service_token(&client, None).await;
    assert!(!token.contains('.'), "the token has the intended format");
    let app = server.app(&introspecting(&client)).await;
    assert_is_service(&app.by_bearer(&token), &client.id, "ACCESS_TOKEN", &["scope:read:tasks"])
        .await;
    let by_userinfo = server.app(&["--userinfo", "trust"]).await;
    assert_rejected(&ask(&by_userinfo, &token).await, "userinfo is about users");
}

#[tokio::test]
async fn userinfo_mode_accepts_token() {
    let server = provider();
    let account = server.sign_up("Info", json!({})).await;
    let client = server.oauth_client(json!({})).await;
    let (access, refresh) = tokens(server, &account, &client, None).await;
    let app = server.app(&["--userinfo", "trust"]).await;
    let me = app.by_bearer(&access).data("{ me { id kind method permissions email } }").await;
    let known = json!({"id": account.id, "kind": "USER", "method": "ACCESS_TOKEN",
        "permissions": ["scope:email", "scope:openid"], "email": account.email.to_lowercase()});
    assert_eq!(me["me"], known);
    assert_rejected(&ask(&app, &refresh).await, "a refresh token");
    assert_rejected(&ask(&app, &"a".repeat(32)).await, "a nonexistent token");
    let wanted = json!({"scope": "email read:tasks"});
    let narrow = server.oauth_login(&account, &client, wanted).await;
    let narrow = narrow["access_token"].as_str().unwrap();
    assert_rejected(&ask(&app, narrow).await, "without the scope `openid`");
}

#[tokio::test]
async fn uncached_opaque_token_ends_with_session() {
    let server = provider();
    let client = server.oauth_client(json!({})).await;
    let introspecting = introspecting(&client);
    for flags in [&introspecting[..], &["--userinfo", "trust"]] {
        let account = server.sign_up("Ended", json!({})).await;
        let (access, _) = tokens(server, &account, &client, None).await;
        let app = server.app(&[flags, &["--session-cache-ttl", "0s"]].concat()).await;
        assert_eq!(ask(&app, &access).await.status, 200, "{flags:?}");
        server.sign_out(&account).await;
        assert_rejected(&ask(&app, &access).await, "signed out");
    }
}

#[tokio::test]
async fn auth_server_down_opaque_token_is_unavailable() {
    let server = AuthServer::start(&json!({"oauth": true}));
    let client = server.oauth_client(json!({})).await;
    let account = server.sign_up("Trouble", json!({})).await;
    let (access, _) = tokens(&server, &account, &client, None).await;
    let introspecting = introspecting(&client);
    for flags in [&introspecting[..], &["--userinfo", "trust"]] {
        let rest = ["--session-cache-ttl", "0s", "--auth-timeout", "1s"];
        let app = server.app(&[flags, &rest].concat()).await;
        for mode in ["error500", "hang", "rate-limited", "html"] {
            server.set_mode(mode).await;
            let answer = ask(&app, &access).await;
            assert_eq!(answer.status, 503, "{mode}");
            assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"], "{mode}");
            assert!(answer.headers.contains_key("retry-after"), "{mode}");
        }
        server.set_mode("normal").await;
        assert_eq!(ask(&app, &access).await.status, 200, "{flags:?}");
    }
    let wrong =
        ["--introspection-client-id", "unknown", "--introspection-client-secret", "nothing"];
    let app = server.app(&wrong).await;
    assert_eq!(ask(&app, &access).await.status, 503, "the client is rejected, not the token");
}

/// An auth server without sessions, which returns `answer` for every access token.
fn auth_server_answering(status: u16, answer: &str) -> String {
    let status = axum::http::StatusCode::from_u16(status).unwrap();
    let answer = (status, answer.to_owned());
    let (introspected, vouched) = (answer.clone(), answer);
    let router = Router::new()
        .route("/api/auth/get-session", get(|| std::future::ready("null")))
        .route("/api/auth/oauth2/introspect", post(move || std::future::ready(introspected)))
        .route("/api/auth/oauth2/userinfo", get(move || std::future::ready(vouched)));
    serve(router)
}

async fn ask_at(url: &str, flags: &[&str]) -> crate::support::app::GraphQlResponse {
    let mut all = vec!["--better-auth-url", url];
    all.extend(flags);
    ask(&App::configured(Backend::Sqlite, &all).await, "opaque").await
}

const CLIENT: [&str; 6] = [
    "--introspection-client-id",
    "ours",
    "--introspection-client-secret",
    "secret",
    "--oauth-resource",
    "here",
];

#[tokio::test]
async fn incomplete_introspection_is_rejected() {
    let present = now().timestamp();
    let good = json!({"active": true, "sub": "u", "client_id": "ours", "exp": present + 60});
    let by_name = json!({"active": true, "sub": "u", "client_id": "ours", "azp": "ours"});
    for good in [&good, &by_name] {
        let url = auth_server_answering(200, &good.to_string());
        assert_eq!(ask_at(&url, &CLIENT).await.status, 200, "{good}");
    }
    for members in [
        json!({"active": false}),
        json!({"active": "true"}),
        json!({"active": 1}),
        json!({"active": null}),
        json!({"cnf": {"jkt": "x"}}),
        json!({"azp": "theirs"}),
        json!({"azp": ["ours"]}),
        json!({"exp": present - 1}),
        json!({"nbf": present + 3600}),
        json!({"iat": present + 3600}),
        json!({"token_type": "DPoP"}),
        json!({"token_type": "refresh_token"}),
        json!({"exp": "later"}),
        json!({"iss": "https://elsewhere.example"}),
        json!({"client_id": "theirs"}),
        json!({"client_id": null}),
        json!({"aud": "elsewhere"}),
        json!({"aud": []}),
        json!({"aud": 5}),
        json!({"aud": "elsewhere", "client_id": "ours"}),
        json!({"sub": ""}),
        json!({"sub": 5}),
        json!({"sub": "a\nb"}),
        json!({"banned": true}),
    ] {
        let mut answer = good.clone();
        for (name, value) in members.as_object().unwrap() {
            answer[name] = value.clone();
        }
        assert_rejected(
            &ask_at(&auth_server_answering(200, &answer.to_string()), &CLIENT).await,
            &members.to_string(),
        );
    }
    for (status, answer) in [
        (200, "null"),
        (200, "[]"),
        (200, "<html>"),
        (404, ""),
        (403, "{}"),
        (302, "{}"),
        (429, "{}"),
    ] {
        let what = format!("{status} {answer}");
        assert_eq!(
            ask_at(&auth_server_answering(status, answer), &CLIENT).await.status,
            503,
            "{what}"
        );
    }
}

#[tokio::test]
async fn userinfo_without_sub_is_rejected() {
    let trust = ["--userinfo", "trust"];
    let good = json!({"sub": "u", "email": "u@example.test"});
    assert_eq!(ask_at(&auth_server_answering(200, &good.to_string()), &trust).await.status, 200);
    for answer in [
        json!({}),
        json!({"id": "u", "email": "u@example.test"}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": ["u"]}),
        json!({"sub": "u", "banned": true}),
    ] {
        let what = answer.to_string();
        assert_rejected(&ask_at(&auth_server_answering(200, &what), &trust).await, &what);
    }
    for (status, answer) in
        [(200, Value::Null), (404, json!({})), (500, json!({})), (302, json!({}))]
    {
        let answered = ask_at(&auth_server_answering(status, &answer.to_string()), &trust).await;
        assert_eq!(answered.status, 503, "{status} {answer}");
    }
}
