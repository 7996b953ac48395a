//! Faults of tokens, of the OpenID provider, and of a credential's format.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hallpass_data::now;
use serde_json::{Value, json};

use super::{Faults, NO_RATE_LIMIT_PROBE, OTHER_SECRET};
use crate::cli::doctor::PresentedAs;
use crate::cli::doctor::PresentedAs::{ApiKey, Cookie, Token};
use crate::cli::doctor::{SECRET, claims, signed_up_account, signed_with};
use crate::support::auth_server::AuthServer;
use crate::support::issuer::Issuer;

pub(super) async fn tokens(faults: &mut Faults) {
    let (server, account) = signed_up_account().await;
    let (base, jwt) = (("BETTER_AUTH_URL", server.url.as_str()), server.jwt(&account).await);
    let by_name = server.url.replace("127.0.0.1", "localhost");
    faults.check(
        "issuer by another name",
        &[("BETTER_AUTH_URL", &by_name)],
        Token(&jwt),
        &["localhost and 127.0.0.1", "set JWT_ISSUER="],
    );
    let slash = format!("{}/", server.url);
    faults.check(
        "issuer with a slash",
        &[base, ("JWT_ISSUER", &slash)],
        Token(&jwt),
        &["a slash at the end", "set JWT_ISSUER="],
    );
    faults.check(
        "wrong audience",
        &[base, ("JWT_AUDIENCE", "api")],
        Token(&jwt),
        &["JWT_AUDIENCE accepts \"api\"", "set JWT_AUDIENCE="],
    );
    shared_secrets(faults, base);
    token_claims(faults);
    let link = json!({"email": account.email});
    let link = server.operate("verification-token", link).await["token"].clone();
    faults.check(
        "an e-mail link as a token",
        &[("BETTER_AUTH_URL", &server.url)],
        Token(link.as_str().unwrap()),
        &["a link that Better Auth mails", "/api/auth/token"],
    );
    let banned = server.sign_up("Banned", json!({})).await;
    server.set_user(&banned, json!({"banned": true})).await;
    let base = [("BETTER_AUTH_URL", server.url.as_str())];
    let jwt = server.jwt(&banned).await;
    faults.check("a banned user", &base, Token(&jwt), &["is banned", "unban-user"]);
}

/// Faults of JWT_SECRET. `base` is the address of an auth server.
fn shared_secrets(faults: &mut Faults, base: (&str, &str)) {
    let shared = signed_with(SECRET, &claims());
    faults.check(
        "no JWT_SECRET",
        &[base],
        Token(&shared),
        &["JWT_SECRET is not set", "set JWT_SECRET"],
    );
    let other = [("JWT_SECRET", OTHER_SECRET)];
    faults.check(
        "another JWT_SECRET",
        &other,
        Token(&shared),
        &["copy JWT_SECRET from the signer"],
    );
    let quoted = format!("\"{SECRET}\"");
    let quoted = [("JWT_SECRET", quoted.as_str())];
    faults.check(
        "JWT_SECRET in quotes",
        &quoted,
        Token(&shared),
        &["quotes around it", "JWT_SECRET"],
    );
    let mut from = claims();
    from["iss"] = "better-auth".into();
    faults.check(
        "issuer of a shared secret",
        &[("JWT_SECRET", SECRET), ("JWT_SECRET_ISSUER", "another")],
        Token(&signed_with(SECRET, &from)),
        &["set JWT_SECRET_ISSUER=better-auth"],
    );
}

/// Faults of the claims that the auth server writes.
fn token_claims(faults: &mut Faults) {
    let issuer = Issuer::shared();
    let base = [("BETTER_AUTH_URL", issuer.url())];
    let present = now().timestamp();
    let token = |more: Value| issuer.token(&more);
    let old = token(json!({"sub": "s", "exp": present - 60}));
    faults.check("an expired token", &base, Token(&old), &["it expired 1 min", "take a new one"]);
    let ahead = token(json!({"sub": "s", "iat": present + 60}));
    faults.check("clocks that differ", &base, Token(&ahead), &["with NTP", "set JWT_LEEWAY="]);
    let long = token(json!({"sub": "s", "exp": present * 1000}));
    faults.check("exp in milliseconds", &base, Token(&long), &["Math.floor(Date.now() / 1000)"]);
    let endless =
        issuer.ed25519.sign(&json!({"iss": issuer.url(), "aud": issuer.url(), "sub": "s"}));
    faults.check("no exp", &base, Token(&endless), &["would never expire", "write `exp`"]);
    let nameless = token(json!({}));
    faults.check("no subject", &base, Token(&nameless), &["`sub` is missing", "getSubject"]);
    let lean = token(json!({"sub": "s"}));
    faults.check("claims that never came", &base, Token(&lean), &["ROLE_CLAIM, TIER_CLAIM"]);
    let by_address = token(json!({"sub": "ada@example.test"}));
    faults.check(
        "getSubject is the e-mail address",
        &base,
        Token(&by_address),
        &["getSubject of the jwt plugin is customized", "JWT_SUBJECT=id"],
    );
}

pub(super) async fn provider(faults: &mut Faults) {
    id_tokens(faults);
    access_tokens(faults);
    let server = AuthServer::start(&json!({"oauth": true}));
    let account = server.sign_up("Client", json!({})).await;
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    let slash = format!("{}/api/auth/", server.url);
    let fix = format!("set OIDC_ISSUER={}/api/auth", server.url);
    let differs = [base, ("SSO_CLIENT_ID", "app"), ("OIDC_ISSUER", &slash)];
    faults.check("another OIDC_ISSUER", &differs, NO_RATE_LIMIT_PROBE, &[&fix]);
    let client = server.oauth_client(json!({})).await;
    let introspecting_as = |secret| {
        [
            base,
            ("INTROSPECTION_CLIENT_ID", client.id.as_str()),
            ("INTROSPECTION_CLIENT_SECRET", secret),
        ]
    };
    faults.check(
        "a client that may not introspect",
        &introspecting_as("another"),
        NO_RATE_LIMIT_PROBE,
        &["introspection rejects INTROSPECTION_CLIENT_ID", "confidential client"],
    );
    let theirs = server.oauth_client(json!({})).await;
    let login = json!({"scope": "openid"});
    let token = server.oauth_login(&account, &theirs, login).await["access_token"].clone();
    let token = token.as_str().unwrap();
    faults.check(
        "an opaque token, not validated",
        &[base],
        Token(token),
        &["set INTROSPECTION_CLIENT_ID"],
    );
    faults.check(
        "an opaque token of another client",
        &introspecting_as(&client.secret),
        Token(token),
        &["another client's tokens", "INTROSPECTION_CLIENT_ID"],
    );
}

/// Faults of id tokens of the OpenID provider.
fn id_tokens(faults: &mut Faults) {
    let issuer = Issuer::shared();
    let base = ("BETTER_AUTH_URL", issuer.url());
    let by_provider = format!("{}/api/auth", issuer.url());
    let id = issuer.token(&json!({"iss": by_provider, "sub": "s", "aud": "app-1", "nonce": "n"}));
    faults.check("no SSO_CLIENT_ID", &[base], Token(&id), &["set SSO_CLIENT_ID=app-1"]);
    let other = [base, ("SSO_CLIENT_ID", "app-2")];
    faults.check("id token of another client", &other, Token(&id), &["set SSO_CLIENT_ID=app-1"]);
    let pairwise = STANDARD.encode([7; 32]);
    let pairwise =
        issuer.token(&json!({"iss": by_provider, "sub": pairwise, "aud": "app-1", "nonce": "n"}));
    let ours = [base, ("SSO_CLIENT_ID", "app-1")];
    faults.check("a pairwise subject", &ours, Token(&pairwise), &["pairwise", "subject_type"]);
}

/// Faults of OAuth access tokens that are JWTs, and of addresses of their provider.
fn access_tokens(faults: &mut Faults) {
    let issuer = Issuer::shared();
    let base = ("BETTER_AUTH_URL", issuer.url());
    let by_provider = format!("{}/api/auth", issuer.url());
    let header = json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"});
    let access = |more: Value| {
        let mut claims = issuer.full(&json!({"iss": by_provider, "sub": "s", "client_id": "c",
            "aud": "https://api.example.com", "scope": "openid read:tasks"}));
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        issuer.ed25519.sign_raw(&header, &claims.to_string())
    };
    let token = access(json!({}));
    let fix = "set OAUTH_RESOURCE=https://api.example.com";
    faults.check("no OAUTH_RESOURCE", &[base], Token(&token), &["OAUTH_RESOURCE is not set", fix]);
    let other = [base, ("OAUTH_RESOURCE", "https://other.example")];
    faults.check("another OAUTH_RESOURCE", &other, Token(&token), &["OAUTH_RESOURCE accepts", fix]);
    let ours = [base, ("OAUTH_RESOURCE", "https://api.example.com")];
    faults.check(
        "scopes that cover nothing",
        &ours,
        Token(&token),
        &["`DOMAIN:read`", "OAUTH_FULL_CLIENTS"],
    );
    let bound = access(json!({"cnf": {"jkt": "thumbprint"}}));
    faults.check("a token bound by DPoP", &ours, Token(&bound), &["DPoP is not supported"]);
    let away = [ours[0], ours[1], ("OIDC_ISSUER", "http://127.0.0.1:9/realms/one")];
    faults.check(
        "unreachable OIDC_ISSUER",
        &away,
        Token(&access(json!({"iss": "http://127.0.0.1:9/realms/one"}))),
        &["OIDC_ISSUER: http://127.0.0.1:9/realms/one", "set OIDC_JWKS_URL"],
    );
    let away = [ours[0], ours[1], ("OIDC_JWKS_URL", "http://127.0.0.1:9/jwks")];
    faults.check(
        "unreachable OIDC_JWKS_URL",
        &away,
        NO_RATE_LIMIT_PROBE,
        &["set OIDC_JWKS_URL to the jwks_uri"],
    );
}

pub(super) async fn malformed(faults: &mut Faults) {
    let (server, account) = signed_up_account().await;
    let base = [("BETTER_AUTH_URL", server.url.as_str())];
    let jwt = server.jwt(&account).await;
    let bearer = "`Authorization: Bearer <token>`";
    let mut check = |fault, presented: PresentedAs<'_>, words: &[&str]| {
        faults.check(fault, &base, presented, words)
    };
    check(
        "a cookie as a token",
        Token(&account.cookie),
        &["session cookie", "send it as `Cookie`"],
    );
    check("a token as a cookie", Cookie(&jwt), &["was sent as a cookie", bearer]);
    check("a token as an API key", ApiKey(&jwt), &["was sent as an API key", bearer]);
    let key = "k".repeat(64);
    check("an API key as a token", Token(&key), &["send it as `x-api-key: KEY`", "API_KEY_HEADER"]);
    let bare = format!("Authorization: {jwt}");
    check("no Bearer", Token(&bare), &["does not start with `Bearer`", bearer]);
    let twice = format!("Authorization: Bearer Bearer {jwt}");
    check("Bearer twice", Token(&twice), &["the word Bearer appears twice", bearer]);
    let two = format!("Bearer {jwt}, {jwt}");
    check("two tokens in one header", Token(&two), &["a comma between", bearer]);
    check("a word for a token", Token("Bearer undefined"), &["a word, not a token", bearer]);
    check("no token", Token("Bearer"), &["it is empty", bearer]);
    check("another scheme", Token("Basic dXNlcjpwYXNz"), &["the request is anonymous", bearer]);
    let damaged = "eyJhbGciOiJFZERTQSJ9.eyJzdWI.x";
    check("a damaged token", Token(damaged), &["damaged", "copy it completely"]);
    let mut altered: Vec<_> = jwt.split('.').collect();
    let other = server.sign_up("Other", json!({})).await;
    let other = server.jwt(&other).await;
    altered[1] = other.split('.').nth(1).unwrap();
    let altered = altered.join(".");
    check("a token that was changed", Token(&altered), &["modified in transit", "JWKS_URL"]);
}
