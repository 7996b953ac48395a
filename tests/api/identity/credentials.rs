//! Which credential of a request is used, and what is not a credential, against a real auth server.

use reqwest::Method;
use serde_json::{Value, json};

use crate::identity::cookies::signed;
use crate::identity::jwt::assert_rejected;
use crate::support::app::{App, Backend, GraphQlResponse};
use crate::support::auth_server::{Account, AuthServer, GET_SESSION, SECRET};
use crate::support::socket::{ReceivedEvent, Socket};

const VIEWER: &str = "{ viewer { id method } }";
/// The header that names the user whom the client shows.
const USER: &str = "hallpass-user";

/// A request with these headers, and no other credentials.
async fn with_headers(app: &App, headers: &[(&str, &str)]) -> GraphQlResponse {
    let mut request = app.anonymous().request(Method::POST, "/graphql");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    GraphQlResponse::read(request.json(&json!({ "query": VIEWER })).send().await.unwrap()).await
}

fn method(answer: &GraphQlResponse) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["data"]["viewer"]["method"].clone()
}

/// Values of `Authorization` that are not credentials of Better Auth.
const OTHER_SCHEMES: [&str; 14] = [
    "",
    " ",
    "\t ",
    "Basic dXNlcjpwYXNz",
    "basic dXNlcjpwYXNz",
    "Basic",
    "Digest username=\"u\", realm=\"r\", nonce=\"n\", response=\"x\"",
    "Negotiate YIIJvwYGKwYBBQUCoIIJszCCCa",
    "Negotiate",
    "NTLM TlRMTVNTUAABAAAA",
    "AWS4-HMAC-SHA256 Credential=AKIA/20261128/us-east-1/s3/aws4_request, Signature=x",
    "Token 0123456789abcdef",
    "ApiKey abc",
    "GNAP x",
];

#[tokio::test]
async fn other_authorization_schemes_are_ignored() {
    let server = AuthServer::shared();
    let app = server.app(&[]).await;
    let account = server.sign_up("Scheme", json!({})).await;
    let jwt = format!("Bearer {}", server.jwt(&account).await);
    crate::support::secret_log::forbid_in_log(&account.cookie);
    for value in OTHER_SCHEMES {
        let header = ("authorization", value);
        assert_eq!(method(&with_headers(&app, &[header]).await), Value::Null, "{value:?}");
        let beside = with_headers(&app, &[header, ("cookie", &account.cookie)]).await;
        assert_eq!(method(&beside), "SESSION_COOKIE", "{value:?}");
        for both in [[header, ("authorization", &jwt)], [("authorization", &jwt), header]] {
            assert_eq!(method(&with_headers(&app, &both).await), "JWT", "{value:?}");
        }
        let bad = with_headers(&app, &[header, ("authorization", "Bearer forged")]).await;
        assert_rejected(&bad, value);
    }
}

#[tokio::test]
async fn invalid_bearer_beside_cookie_is_rejected() {
    let server = AuthServer::shared();
    let app = server.app(&[]).await;
    let account = server.sign_up("Beside", json!({})).await;
    let jwt = server.jwt(&account).await;
    let twice = format!("Bearer {jwt}, Bearer {jwt}");
    let quoted = format!("\"Bearer {jwt}\"");
    for value in [
        "Bearer",
        "Bearer ",
        "bearer",
        "Bearer undefined",
        "Bearer null",
        "Bearer [object Object]",
        "Bearer a.b.c",
        "Bearer: x",
        "Bearer=x",
        jwt.as_str(),
        twice.as_str(),
        quoted.as_str(),
    ] {
        let headers = [("authorization", value), ("cookie", account.cookie.as_str())];
        assert_rejected(&with_headers(&app, &headers).await, value);
    }
    let bearer = format!("Bearer {jwt}");
    let headers = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    assert_rejected(&with_headers(&app, &headers).await, "two bearer tokens");
}

#[tokio::test]
async fn empty_api_key_is_ignored() {
    let server = AuthServer::shared();
    let app = server.app(&[]).await;
    let account = server.sign_up("Empty", json!({})).await;
    for value in ["", " ", "\t"] {
        let header = ("x-api-key", value);
        assert_eq!(method(&with_headers(&app, &[header]).await), Value::Null, "{value:?}");
        let beside = with_headers(&app, &[header, ("cookie", &account.cookie)]).await;
        assert_eq!(method(&beside), "SESSION_COOKIE", "{value:?}");
    }
    for headers in
        [[("x-api-key", "x"), ("x-api-key", "x")], [("x-api-key", ""), ("x-api-key", "x")]]
    {
        assert_rejected(&with_headers(&app, &headers).await, "a nonexistent key");
    }
}

#[tokio::test]
async fn empty_credential_is_none() {
    const NAME: &str = "better-auth.session_token";
    let server = AuthServer::shared();
    let account = server.sign_up("Nothing", json!({})).await;
    let cookies = ["", " ", "\"\""].map(|value| format!("{NAME}={value}"));
    let secure = format!("theme=dark; __Secure-{NAME}=; {NAME}=\"\"");
    let mut cases = vec![("cookie", secure.as_str())];
    cases.extend(cookies.iter().map(|cookie| ("cookie", cookie.as_str())));
    for name in ["authorization", "x-api-key"] {
        cases.extend(["", " ", "\t"].map(|value| (name, value)));
    }
    for flags in [&[][..], &["--better-auth-secret", SECRET]] {
        let app = server.app(flags).await;
        for &case in &cases {
            assert_eq!(method(&with_headers(&app, &[case]).await), Value::Null, "{case:?}");
            let beside = with_headers(&app, &[case, ("cookie", &account.cookie)]).await;
            assert_eq!(method(&beside), "SESSION_COOKIE", "{case:?}");
        }
        for malformed in ["?", "\" \"", "%", "a.b", "a,b"] {
            let cookie = format!("{NAME}={malformed}");
            let request = app.anonymous().request(Method::POST, "/graphql");
            let request = request.header("cookie", &cookie).json(&json!({"query": VIEWER}));
            let status = request.send().await.unwrap().status();
            assert_eq!(status, 401, "{malformed:?}");
        }
    }
}

#[tokio::test]
async fn empty_payload_credential_is_ignored() {
    let server = AuthServer::shared();
    let app = server.app(&[]).await;
    let account = server.sign_up("Payload", json!({})).await;
    for payload in [
        json!({"authorization": ""}),
        json!({"Authorization": "  "}),
        json!({"authorization": null}),
        json!({"authorization": "Basic dXNlcjpwYXNz"}),
        json!({"x-api-key": ""}),
        json!({"x-api-key": null, "authorization": ""}),
    ] {
        for (handshake, name) in
            [(vec![], Value::Null), (vec![("cookie", account.cookie.as_str())], json!("Payload"))]
        {
            let mut socket = Socket::open(&app, &handshake).await.unwrap();
            let received = socket.connection_init(payload.clone()).await;
            assert!(received.is_ack(), "{payload}: {received:?}");
            socket.execute("1", "{ viewer { name } }").await;
            let reported = socket.next_message().await["payload"]["data"]["viewer"]["name"].clone();
            assert_eq!(reported, name, "{payload}");
        }
    }
    for payload in [json!({"authorization": false}), json!({"x-api-key": 5})] {
        let mut socket = Socket::open(&app, &[("cookie", account.cookie.as_str())]).await.unwrap();
        let received = socket.connection_init(payload.clone()).await;
        assert!(matches!(received, ReceivedEvent::Closed(4401, _)), "{payload}: {received:?}");
    }
}

fn pair(account: &Account) -> String {
    format!("better-auth.session_token={}", account.cookie_value("session_token"))
}

/// The user that the auth server's own `get-session` returns for a cookie.
async fn at_auth_server(server: &AuthServer, cookie: &str) -> Value {
    let url = format!("{}/api/auth/get-session", server.url);
    let answer =
        crate::support::app::client().get(url).header("cookie", cookie).send().await.unwrap();
    answer.json::<Value>().await.unwrap()["user"]["id"].clone()
}

#[tokio::test]
async fn first_of_two_cookies_wins_as_in_better_auth() {
    let server = AuthServer::start(&json!({}));
    let (live, other) =
        (server.sign_up("Live", json!({})).await, server.sign_up("Other", json!({})).await);
    let dead = server.sign_up("Dead", json!({})).await;
    server.sign_out(&dead).await;
    let (live, other, dead) = ((pair(&live), live.id), (pair(&other), other.id), pair(&dead));
    for flags in [&["--session-cache-ttl", "0s"][..], &["--better-auth-secret", SECRET]] {
        let app = server.app(flags).await;
        for (cookie, id) in [
            (format!("{0}; {0}", live.0), Some(&live.1)),
            (format!("{}; theme=dark; {}", live.0, dead), Some(&live.1)),
            (format!("{}; {}", dead, live.0), None),
            (format!("{}; {}", live.0, other.0), Some(&live.1)),
            (format!("{}; {}", other.0, live.0), Some(&other.1)),
            (format!("{}; better-auth.session_token=", live.0), Some(&live.1)),
        ] {
            let expected = id.map_or(Value::Null, |id| json!(id));
            assert_eq!(at_auth_server(&server, &cookie).await, expected, "{cookie}");
            let answer = app.by_cookie(&cookie).ask(VIEWER).await;
            match id {
                Some(id) => {
                    let known = json!({"id": id, "method": "SESSION_COOKIE"});
                    assert_eq!(answer.data()["viewer"], known, "{cookie}");
                }
                None => assert_rejected(&answer, "the first is dead"),
            }
        }
        let apart = app.by_cookie(&live.0).with_header("cookie", &dead).ask(VIEWER).await;
        assert_eq!(apart.data()["viewer"]["id"], live.1.as_str(), "two headers are one list");
    }
}

#[tokio::test]
async fn secret_selects_the_signed_of_two_cookies() {
    let server = AuthServer::start(&json!({}));
    let account = server.sign_up("Signed", json!({})).await;
    let forged = signed(&account.session_token, "another secret, unknown to this server");
    let forged = format!("better-auth.session_token={}", forged.replace('=', "%3D"));
    let malformed = "better-auth.session_token=";
    let app = server.app(&["--better-auth-secret", SECRET]).await;
    for before in [forged.as_str(), malformed, "better-auth.session_token=a.b"] {
        let cookie = format!("{before}; {}", pair(&account));
        let answer = app.by_cookie(&cookie).ask(VIEWER).await;
        assert_eq!(answer.data()["viewer"]["id"], account.id.as_str(), "{before}");
    }
    let eight: Vec<_> = (0..8).map(|n| format!("better-auth.session_token=a{n}.b")).collect();
    let ninth = format!("{}; {}", eight.join("; "), pair(&account));
    assert_rejected(&app.by_cookie(&ninth).ask(VIEWER).await, "eight values are looked at");
    let requests = server.request_count(GET_SESSION).await;
    let both = format!("{forged}; {malformed}");
    assert_rejected(&app.by_cookie(&both).ask(VIEWER).await, "none of them is signed");
    let without = server.app(&[]).await;
    let first = format!("{forged}; {}", pair(&account));
    assert_rejected(&without.by_cookie(&first).ask(VIEWER).await, "the first is used");
    assert_eq!(
        server.request_count(GET_SESSION).await,
        requests + 1,
        "the secret spares a question"
    );
}

#[tokio::test]
async fn custom_cookie_name_is_accepted() {
    for is_secure in [false, true] {
        let settings = json!({"sessionCookie": "sid", "secureCookies": is_secure});
        let server = AuthServer::start(&settings);
        let account = server.sign_up("Named", json!({})).await;
        let name = if is_secure { "__Secure-sid" } else { "sid" };
        assert!(account.cookie.starts_with(&format!("{name}=")), "{}", account.cookie);
        for given in ["sid", "__Secure-sid"] {
            let app = server.app(&["--session-cookie", given]).await;
            assert_eq!(method(&app.by_cookie(&account.cookie).ask(VIEWER).await), "SESSION_COOKIE");
        }
        let ordinary = server.app(&[]).await;
        assert_eq!(method(&ordinary.by_cookie(&account.cookie).ask(VIEWER).await), Value::Null);
    }
}

/// Headers of a credential, and of tools for traces and versions.
const HEADERS: &str = "x-shop-key,traceparent,baggage,sentry-trace,apollographql-client-name";

#[tokio::test]
async fn custom_api_key_header_is_accepted() {
    let server = AuthServer::start(&json!({"apiKeys": {"apiKeyHeaders": "x-shop-key"}}));
    let account = server.sign_up("Header", json!({})).await;
    let key = server.api_key(&account, json!({})).await;
    let origin = "https://app.example.com";
    let flags = ["--api-key-header", "X-Shop-Key", "--allowed-origins", origin];
    let app = server.app(&flags).await;
    assert_eq!(method(&with_headers(&app, &[("x-shop-key", &key)]).await), "API_KEY");
    assert_eq!(method(&with_headers(&app, &[("x-api-key", &key)]).await), Value::Null);
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    let received = socket.connection_init(json!({"X-Shop-Key": key})).await;
    assert!(received.is_ack(), "{received:?}");
    socket.execute("1", VIEWER).await;
    assert_eq!(socket.next_message().await["payload"]["data"]["viewer"]["method"], "API_KEY");
    let request = app.anonymous().request(Method::OPTIONS, "/graphql");
    let preflight = request
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", HEADERS)
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.headers()["access-control-allow-headers"], HEADERS);
    assert_eq!(preflight.headers()["access-control-max-age"], "7200");
}

#[tokio::test]
async fn every_401_has_a_challenge() {
    let flags = ["--revocation-secret", SECRET, "--introspection", "true"];
    let app = App::with(Backend::Sqlite, &flags).await;
    let forged = app.by_bearer("a.forged.token");
    let body = json!({"query": "{ viewer { id } }"}).to_string();
    let post = |accept: &str| {
        let request = forged.request(Method::POST, "/graphql").header("accept", accept);
        request.header("content-type", "application/json").body(body.clone())
    };
    let expected = "Bearer error=\"invalid_token\"";
    for (what, request) in [
        ("JSON", post("application/json")),
        ("a GraphQL response", post("application/graphql-response+json")),
        ("a stream", post("text/event-stream")),
        ("a query by GET", forged.request(Method::GET, "/graphql?query=%7B__typename%7D")),
        ("the schema", forged.request(Method::GET, "/schema.graphql")),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{what}");
        assert_eq!(answer.headers()["www-authenticate"], expected, "{what}");
    }
    for path in ["/revocations", "/identities/link"] {
        let request = app.anonymous().request(Method::POST, path).body("{}");
        let request = request.header("webhook-id", "m").header("webhook-signature", "v1,AAAA");
        let request = request.header("webhook-timestamp", hallpass_data::now().timestamp());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{path}");
        assert_eq!(answer.headers()["www-authenticate"], "Webhook-Signature", "{path}");
    }
    let socket = forged.request(Method::GET, "/graphql/ws").send().await.unwrap();
    assert_eq!(socket.status(), 426, "the upgrade does not validate a credential");
    assert_eq!(socket.headers()["upgrade"], "websocket");
    let shown = [("authorization", "Bearer a.forged.token")];
    let mut socket = Socket::open(&app, &shown).await.unwrap();
    let closed = socket.connection_init(json!({})).await;
    assert!(matches!(closed, ReceivedEvent::Closed(4401, _)), "{closed:?}");
}

#[tokio::test]
async fn caller_must_be_the_user_that_the_client_names() {
    let server = AuthServer::shared();
    let account = server.sign_up("Expected", json!({})).await;
    let app = server.app(&[]).await;
    let (anonymous, signed_in) = (app.anonymous(), app.by_cookie(&account.cookie));
    let id = account.id.as_str();
    let escaped: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let other = server.sign_up("Unexpected", json!({})).await.id;
    for (client, named, is_accepted) in [
        (&signed_in, &[id][..], true),
        (&signed_in, &[&escaped], true),
        (&anonymous, &[""], true),
        (&signed_in, &[&other], false),
        (&signed_in, &[&id[1..]], false),
        (&signed_in, &[""], false),
        (&signed_in, &[id, id], false),
        (&anonymous, &[id], false),
    ] {
        let client =
            named.iter().fold(client.clone(), |client, name| client.with_header(USER, name));
        let response = client.ask(VIEWER).await;
        assert_eq!(response.status == 200, is_accepted, "{named:?}: {}", response.body);
        assert_eq!(response.status == 401, !is_accepted, "{named:?}: {}", response.body);
    }
    for (named, is_accepted) in [(id, true), (&other, false), ("", false)] {
        let mut socket = Socket::open(&app, &[("cookie", account.cookie.as_str())]).await.unwrap();
        let received = socket.connection_init(json!({ USER: named })).await;
        assert_eq!(received.is_ack(), is_accepted, "{named}");
    }
}
