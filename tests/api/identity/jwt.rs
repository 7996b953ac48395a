//! Valid and invalid JWTs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_data::now;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::app::{App, Backend, GraphQlResponse};
use crate::support::callers::{Learner as _, alice, user};
use crate::support::issuer::{Issuer, Key};

const SECRET: &str = "a shared secret of more than thirty-two bytes";

pub async fn ask(app: &App, token: &str) -> GraphQlResponse {
    app.by_bearer(token).ask("{ viewer { id } }").await
}

#[track_caller]
pub fn assert_rejected(answer: &GraphQlResponse, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.body);
    assert_eq!(answer.codes(), ["UNAUTHENTICATED"], "{what}");
    assert_eq!(answer.headers["www-authenticate"], "Bearer error=\"invalid_token\"", "{what}");
    assert!(answer.body.get("data").is_none(), "{what}: nothing ran");
}

fn hs256(claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

#[tokio::test]
async fn every_supported_algorithm_is_accepted() {
    let app = App::start(Backend::Sqlite).await;
    let issuer = Issuer::shared();
    let claims = issuer.full(&alice().claims());
    for key in [&issuer.ed25519, &issuer.p256, &issuer.rs256, &issuer.ps256] {
        let answer = ask(&app, &key.sign(&claims)).await;
        assert_eq!(answer.body["data"]["viewer"]["id"], "user-alice", "{:?}", key.algorithm);
    }
}

#[tokio::test]
async fn unusual_valid_tokens_are_accepted() {
    let app = App::start(Backend::Sqlite).await;
    let issuer = Issuer::shared();
    let (url, present) = (issuer.url(), now().timestamp());
    let header = json!({"alg": "EdDSA", "kid": "ed", "typ": "JWT"});
    for claims in [
        json!({"sub": "odd", "aud": ["other", url], "exp": present + 60}),
        json!({"sub": "odd", "exp": (present + 60) as f64 + 0.5}),
        json!({"sub": "odd", "exp": present - 5}),
        json!({"sub": "odd", "nbf": present + 5, "iat": present + 5}),
        json!({"sub": "odd", "exp": 1e15, "banned": false, "role": null, "tier": null}),
        json!({"sub": "odd", "banned": true, "banExpires": "2020-01-01T00:00:00.000Z"}),
    ] {
        let payload = format!(" {:#} ", issuer.full(&claims));
        let answer = ask(&app, &issuer.ed25519.sign_raw(&header, &payload)).await;
        assert_eq!(answer.body["data"]["viewer"]["id"], "odd", "{claims}");
    }
}

#[tokio::test]
async fn invalid_claims_are_rejected() {
    let app = App::start(Backend::Sqlite).await;
    let issuer = Issuer::shared();
    let url = issuer.url();
    let present = now().timestamp();
    let long = "x".repeat(256);
    let wrong = [
        ("iss", json!(null)),
        ("iss", json!(format!("{url}/"))),
        ("iss", json!([url])),
        ("iss", json!(url.to_uppercase())),
        ("iss", json!("")),
        ("iss", json!(5)),
        ("aud", json!(null)),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("aud", json!(5)),
        ("aud", json!([url, 5])),
        ("aud", json!({ "a": url })),
        ("aud", json!(&url[..url.len() - 1])),
        ("aud", json!("better-auth:session-cache")),
        ("sub", json!(null)),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("sub", json!(long)),
        ("sub", json!("a\u{0}")),
        ("sub", json!("a\nb")),
        ("sub", json!(["a"])),
        ("exp", json!(null)),
        ("exp", json!("9999999999")),
        ("exp", json!(present - 11)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(true)),
        ("exp", json!([present + 60])),
        ("nbf", json!(present + 60)),
        ("nbf", json!("soon")),
        ("iat", json!(present + 60)),
        ("client_id", json!("user-alice")),
        ("events", json!({})),
        ("cnf", json!({"jkt": "x"})),
        ("banned", json!(true)),
        ("banned", json!("true")),
        ("banned", json!(1)),
    ];
    for (claim, value) in wrong {
        let mut claims = issuer.full(&alice().claims());
        match &value {
            Value::Null => claims.as_object_mut().unwrap().remove(claim),
            value => claims.as_object_mut().unwrap().insert(claim.to_owned(), value.clone()),
        };
        let answer = ask(&app, &issuer.ed25519.sign(&claims)).await;
        assert_rejected(&answer, &format!("{claim}: {value}"));
    }
    let future = json!({"banned": true, "banExpires": "2999-01-01T00:00:00Z"});
    assert_rejected(&app.by_jwt(&banned(future)).ask("{ viewer { id } }").await, "a ban to come");
}

fn banned(ban: Value) -> crate::support::callers::User {
    user("banned")
        .with("banned", ban["banned"].clone())
        .with("banExpires", ban["banExpires"].clone())
}

#[tokio::test]
async fn invalid_headers_are_rejected() {
    let app = App::start(Backend::Sqlite).await;
    let issuer = Issuer::shared();
    let payload = issuer.full(&alice().claims()).to_string();
    let attacker = Key::ed25519("ed");
    let embedded = attacker.public.clone();
    for header in [
        json!({"kid": "ed"}),
        json!({"alg": null, "kid": "ed"}),
        json!({"alg": "none", "kid": "ed"}),
        json!({"alg": "None", "kid": "ed"}),
        json!({"alg": "eddsa", "kid": "ed"}),
        json!({"alg": ["EdDSA"], "kid": "ed"}),
        json!({"alg": "ES256", "kid": "ed"}),
        json!({"alg": "RS256", "kid": "ed"}),
        json!({"alg": "HS256", "kid": "ed"}),
        json!({"alg": "ES512", "kid": "ed"}),
        json!({"alg": "EdDSA"}),
        json!({"alg": "EdDSA", "kid": ""}),
        json!({"alg": "EdDSA", "kid": 1}),
        json!({"alg": "EdDSA", "kid": ["ed"]}),
        json!({"alg": "EdDSA", "kid": "../../dev/null"}),
        json!({"alg": "EdDSA", "kid": "x' UNION SELECT '1"}),
        json!({"alg": "EdDSA", "kid": "p256"}),
        json!({"alg": "EdDSA", "kid": "k".repeat(257)}),
        json!({"alg": "EdDSA", "kid": "ed", "crit": ["exp"], "exp": 1}),
        json!({"alg": "EdDSA", "kid": "ed", "crit": []}),
        json!({"alg": "EdDSA", "kid": "ed", "b64": false}),
        json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"}),
        json!({"alg": "EdDSA", "kid": "ed", "typ": 1}),
        json!({"alg": "EdDSA", "kid": "ed", "typ": "better-auth.session-cache+jwt"}),
        json!({"alg": "EdDSA", "kid": "ed", "typ": "logout+jwt"}),
    ] {
        let answer = ask(&app, &issuer.ed25519.sign_raw(&header, &payload)).await;
        assert_rejected(&answer, &header.to_string());
    }
    for header in [
        json!({"alg": "EdDSA", "kid": "ed", "jwk": embedded}),
        json!({"alg": "EdDSA", "kid": "ed", "jku": "http://127.0.0.1:9/jwks"}),
        json!({"alg": "EdDSA", "kid": "ed"}),
    ] {
        let answer = ask(&app, &attacker.sign_raw(&header, &payload)).await;
        assert_rejected(&answer, &format!("signed with another key: {header}"));
    }
}

#[tokio::test]
async fn tampered_or_malformed_token_is_rejected() {
    let app = App::start(Backend::Sqlite).await;
    let issuer = Issuer::shared();
    for key in [&issuer.ed25519, &issuer.p256, &issuer.rs256, &issuer.ps256] {
        let token = key.sign(&issuer.full(&alice().claims()));
        let (message, signature) = token.rsplit_once('.').unwrap();
        let (header, payload) = message.split_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let zeros = URL_SAFE_NO_PAD.encode(vec![0; bytes.len()]);
        bytes[7] ^= 1;
        let flipped = URL_SAFE_NO_PAD.encode(&bytes);
        let other = URL_SAFE_NO_PAD.encode(issuer.full(&user("mallory").claims()).to_string());
        let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "kid": key.kid()}).to_string());
        for bad in [
            format!("{message}."),
            format!("{message}.{flipped}"),
            format!("{message}.{zeros}"),
            format!("{header}.{other}.{signature}"),
            format!("{none}.{payload}."),
            format!("{none}.{payload}.{signature}"),
            format!("{message}.{signature}="),
            format!("{message}.{signature}.x.y"),
            format!(".{payload}.{signature}"),
            format!("{header}..{signature}"),
            format!("{message}.{}", &signature[1..]),
            format!("{message}.{signature}AAAA"),
            "..".to_owned(),
            "a.b.c".to_owned(),
        ] {
            assert_rejected(&ask(&app, &bad).await, &bad);
        }
    }
    let header = json!({"alg": "EdDSA", "kid": "ed"});
    for payload in ["", "null", "[]", "\"x\"", "{", "{}", "{\"sub\":\"a\"}"] {
        let answer = ask(&app, &issuer.ed25519.sign_raw(&header, payload)).await;
        assert_rejected(&answer, payload);
    }
}

#[tokio::test]
async fn rs256_key_as_hs256_secret_is_rejected() {
    let issuer = Issuer::shared();
    let claims = issuer.full(&alice().claims());
    let without = App::start(Backend::Sqlite).await;
    let with = App::with(Backend::Sqlite, &["--jwt-secret", SECRET]).await;
    for app in [&without, &with] {
        for key in [&issuer.ed25519, &issuer.p256, &issuer.rs256] {
            for secret in [key.public.to_string(), key.public["x"].to_string(), String::new()] {
                assert_rejected(
                    &ask(app, &hs256(&claims, &secret)).await,
                    "signed with what is public",
                );
            }
        }
    }
    assert_rejected(&ask(&without, &hs256(&claims, SECRET)).await, "no secret is configured");
}

#[tokio::test]
async fn shared_secret_accepts_application_tokens() {
    let old = "the secret before: more than thirty-two bytes";
    let flags = ["--jwt-secret", &format!("{SECRET},{old}")];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let exp = now().timestamp() + 60;
    for (claims, id) in [
        (json!({"sub": "s", "exp": exp}), "s"),
        (json!({"id": "i", "exp": exp}), "i"),
        (json!({"sub": "s", "id": "i", "iss": "anyone", "exp": exp}), "s"),
    ] {
        for secret in [SECRET, old] {
            let answer = ask(&app, &hs256(&claims, secret)).await;
            assert_eq!(answer.body["data"]["viewer"]["id"], id, "{claims}");
        }
    }
    for claims in [
        json!({"email": "x@example.test", "exp": exp}),
        json!({"sub": null, "email": "x@example.test", "exp": exp}),
        json!({"session": {"userId": "u"}, "user": {"id": "u"}, "exp": exp}),
        json!({"id": "u", "session": {"userId": "u"}, "user": {"id": "u"}, "exp": exp}),
        json!({"sub": "s", "aud": "another-audience", "exp": exp}),
        json!({"sub": "s"}),
        json!({"sub": "s", "exp": exp - 120}),
    ] {
        assert_rejected(&ask(&app, &hs256(&claims, SECRET)).await, &claims.to_string());
    }
    let foreign =
        hs256(&json!({"sub": "s", "exp": exp}), "another secret of thirty-two bytes or more");
    assert_rejected(&ask(&app, &foreign).await, "another secret");
}

#[tokio::test]
async fn shared_secret_issuer_and_audience_are_checked() {
    let flags = ["--jwt-secret", SECRET, "--jwt-secret-issuer", "mine,ours"];
    let flags = [&flags[..], &["--jwt-secret-audience", "here,there"]].concat();
    let app = App::with(Backend::Sqlite, &flags).await;
    let exp = now().timestamp() + 60;
    let good = json!({"sub": "s", "iss": "mine", "aud": "there", "exp": exp});
    assert_eq!(ask(&app, &hs256(&good, SECRET)).await.status, 200);
    let issuer = Issuer::shared().url();
    for (claim, value) in [
        ("iss", json!("yours")),
        ("iss", json!(issuer)),
        ("aud", json!("elsewhere")),
        ("aud", json!(issuer)),
    ] {
        let mut claims = good.clone();
        claims[claim] = value;
        assert_rejected(&ask(&app, &hs256(&claims, SECRET)).await, claim);
        claims.as_object_mut().unwrap().remove(claim);
        assert_rejected(&ask(&app, &hs256(&claims, SECRET)).await, claim);
    }
}

#[tokio::test]
async fn claims_map_to_the_caller() {
    let app =
        App::with(Backend::Sqlite, &["--role-claim", "roles", "--organization-claim", "org"]).await;
    let user = user("claims")
        .with("roles", json!(["editor", " admin ", 5, ""]))
        .with("permissions", "content:write tasks:read")
        .with("org", "acme")
        .tier("enterprise")
        .background("advanced", "INTERMEDIATE", "AI");
    let me = app
        .by_jwt(&user)
        .data(
            "{ me { id email emailVerified name roles tier permissions organizationId kind method
            contentLevel profile { softwareBackground hardwareBackground interestArea } } }",
        )
        .await;
    assert_eq!(
        me["me"],
        json!({
            "id": "user-claims", "email": "claims@example.test", "emailVerified": true, "name": "claims",
            "roles": ["admin", "editor"], "tier": "enterprise",
            "permissions": ["content:write", "tasks:read"], "organizationId": "acme", "kind": "USER",
            "method": "JWT", "contentLevel": "intermediate",
            "profile": {"softwareBackground": "ADVANCED", "hardwareBackground": "INTERMEDIATE", "interestArea": "AI"},
        })
    );
}

#[tokio::test]
async fn hs256_token_is_accepted_beside_auth_server() {
    let server = crate::support::auth_server::AuthServer::shared();
    let app = server.app(&["--jwt-secret", SECRET]).await;
    let exp = now().timestamp() + 60;
    for (claims, id) in [
        (json!({"sub": "s", "exp": exp}), "s"),
        (json!({"id": "i", "email": "i@example.test", "exp": exp}), "i"),
        (json!({"sub": "s", "iss": "better-auth", "exp": exp}), "s"),
        (json!({"sub": "s", "iss": server.url, "aud": server.url, "exp": exp}), "s"),
    ] {
        let answer = ask(&app, &hs256(&claims, SECRET)).await;
        assert_eq!(answer.body["data"]["viewer"]["id"], id, "{claims}");
    }
    for claims in [
        json!({"email": "x@example.test", "exp": exp}),
        json!({"sub": "s", "aud": "another", "exp": exp}),
        json!({"sub": "s", "iss": 5, "exp": exp}),
        json!({"sub": "s", "client_id": "c", "exp": exp}),
        json!({"id": "s", "user": {"id": "s"}, "session": {"userId": "s"}, "exp": exp}),
    ] {
        assert_rejected(&ask(&app, &hs256(&claims, SECRET)).await, &claims.to_string());
    }
}

#[tokio::test]
async fn better_auth_hs256_tokens_are_rejected() {
    let settings = json!({"cookieCache": {"strategy": "jwt"}});
    let server = crate::support::auth_server::AuthServer::start(&settings);
    let account = server.sign_up("Own", json!({})).await;
    let mailed = server.operate("verification-token", json!({"email": account.email})).await;
    let secret = crate::support::auth_server::SECRET;
    let app = server.app(&["--jwt-secret", secret, "--better-auth-secret", secret]).await;
    for token in [account.cookie_value("session_data"), mailed["token"].as_str().unwrap()] {
        assert_eq!(token.split('.').count(), 3, "it is a JWT");
        assert_rejected(&ask(&app, token).await, "signed with the auth server's own secret");
    }
}

#[tokio::test]
async fn claim_is_read_from_first_name_or_path() {
    let roles = "role,https://example.com/roles,realm_access.roles";
    let flags = [
        "--role-claim",
        roles,
        "--organization-claim",
        "o.id,org",
        "--tier-claim",
        "app.plan.name",
    ];
    let flags = [&flags[..], &["--permissions-claim", "scp,resource.api.scope"]].concat();
    let app = App::with(Backend::Sqlite, &flags).await;
    let query = "{ me { roles organizationId tier permissions } }";
    for (claims, roles) in [
        (json!({"role": "editor", "realm_access": {"roles": ["admin"]}}), json!(["editor"])),
        (json!({"role": null, "https://example.com/roles": ["a", "b"]}), json!(["a", "b"])),
        (json!({"realm_access": {"roles": ["admin"]}}), json!(["admin"])),
        (
            json!({"realm_access.roles": ["whole"], "realm_access": {"roles": ["x"]}}),
            json!(["whole"]),
        ),
        (json!({"role": [], "realm_access": {"roles": ["admin"]}}), json!([])),
        (json!({"realm_access": "admin", "https://example": {"com/roles": "x"}}), json!(["x"])),
        (json!({"realm_access": ["admin"]}), json!([])),
    ] {
        let mut user = user("paths").with("o", json!({"id": "acme"}));
        user = user.with("app", json!({"plan": {"name": "premium"}}));
        user = user.with("resource", json!({"api": {"scope": "tasks:read"}}));
        user = user.with("role", Value::Null);
        for (name, value) in claims.as_object().unwrap() {
            user = user.with(name, value.clone());
        }
        let me = app.by_jwt(&user).data(query).await["me"].clone();
        let expected = json!({"roles": roles, "organizationId": "acme", "tier": "premium",
            "permissions": ["tasks:read"]});
        assert_eq!(me, expected, "{claims}");
    }
}

#[tokio::test]
async fn ed25519_algorithm_name_is_accepted() {
    let issuer = Issuer::shared();
    let app = App::start(Backend::Sqlite).await;
    let claims = issuer.full(&alice().claims()).to_string();
    let header = |kid: &str| json!({"alg": "Ed25519", "kid": kid});
    let good = issuer.ed25519.sign_raw(&header("ed"), &claims);
    assert_eq!(ask(&app, &good).await.status, 200);
    for kid in ["p256", "rs"] {
        assert_rejected(&ask(&app, &issuer.ed25519.sign_raw(&header(kid), &claims)).await, kid);
    }
    let other = json!({"alg": "Ed448", "kid": "ed"});
    assert_rejected(&ask(&app, &issuer.ed25519.sign_raw(&other, &claims)).await, "another curve");
}
