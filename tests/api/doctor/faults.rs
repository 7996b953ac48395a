//! Every kind of fault in a set-up, planted one at a time: a line of the doctor names the setting and the fix.

use std::collections::BTreeSet;

use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hallpass_entity::now;
use serde_json::{Value, json};

use super::Shown::{self, ApiKey, Cookie, Nothing, Token};
use super::set_up::well;
use super::{AUTH_SECRET, SECRET, claims, doctor, said, signed_with, somebody, unsigned};
use crate::auth_server::{Account, AuthServer};
use crate::issuer::{Issuer, Key, serve};
use crate::postgres;

const AWAY: &str = "http://127.0.0.1:9";
const OTHER_SECRET: &str = "another-secret-than-the-auth-server-has-01";
/// Beside a credential the doctor does not try the rate limit, which takes 101 questions.
const QUICKLY: Shown<'static> = Token("undefined");

/// The faults that were planted, and those of which something was not said.
#[derive(Default)]
struct Named {
    planted: BTreeSet<&'static str>,
    missed: Vec<String>,
}

impl Named {
    /// That lines of the doctor, other than those about what is good, hold every one of `words`.
    fn is(
        &mut self,
        fault: &'static str,
        settings: &[(&str, &str)],
        shown: Shown<'_>,
        words: &[&str],
    ) {
        let (text, _) = said(settings, shown, &[]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("good ")).collect();
        let told = lines.join("\n");
        for word in words.iter().filter(|word| !told.contains(**word)) {
            self.missed.push(format!("{fault}: {word} was expected: {told}"));
        }
        assert!(self.planted.insert(fault), "{fault} stands here twice");
    }

    /// That so many were planted, and of each everything was said.
    #[track_caller]
    fn all(self, count: usize) {
        assert!(self.missed.is_empty(), "{}", self.missed.join("\n\n"));
        assert_eq!(self.planted.len(), count, "{:#?}", self.planted);
    }
}

#[tokio::test]
async fn set_up_faults_are_named_with_their_fix() {
    let mut named = Named::default();
    addresses(&mut named).await;
    settings(&mut named);
    keys(&mut named).await;
    named.all(28);
}

#[tokio::test]
async fn token_faults_are_named_with_their_fix() {
    let mut named = Named::default();
    tokens(&mut named).await;
    provider(&mut named).await;
    forms(&mut named).await;
    named.all(41);
}

#[tokio::test]
async fn session_faults_are_named_with_their_fix() {
    let mut named = Named::default();
    cookies(&mut named).await;
    sessions(&mut named).await;
    caches(&mut named).await;
    shapes(&mut named).await;
    named.all(28);
}

#[tokio::test]
async fn api_key_faults_are_named_with_their_fix() {
    let mut named = Named::default();
    api_keys(&mut named).await;
    named.all(13);
}

async fn addresses(named: &mut Named) {
    let url = AuthServer::shared().url.as_str();
    let base = ("BETTER_AUTH_URL", url);
    named.is(
        "no auth server",
        &[("BETTER_AUTH_URL", AWAY)],
        QUICKLY,
        &["BETTER_AUTH_URL", "start the auth server"],
    );
    named.is(
        "unknown host",
        &[("BETTER_AUTH_URL", "http://auth.invalid")],
        QUICKLY,
        &["correct the host in BETTER_AUTH_URL"],
    );
    named.is(
        "another basePath",
        &[base, ("BETTER_AUTH_BASE_PATH", "/auth")],
        QUICKLY,
        &["set BETTER_AUTH_BASE_PATH=/api/auth"],
    );
    let itself = serve(axum::Router::new());
    let port = itself.rsplit(':').next().unwrap();
    named.is(
        "the server itself",
        &[("BETTER_AUTH_URL", &itself), ("API_PORT", port)],
        QUICKLY,
        &["this server itself", "set BETTER_AUTH_URL"],
    );
    let server = AuthServer::start(&json!({}));
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    server.set_mode("html").await;
    named.is("a web page", &[base], QUICKLY, &["a web page answers", "BETTER_AUTH_URL"]);
    server.set_mode("error500").await;
    named.is("failing auth server", &[base], QUICKLY, &["fails (500)", "auth server's own log"]);
    server.set_mode("hang").await;
    let hurried = [base, ("AUTH_TIMEOUT", "200ms")];
    named.is("slow auth server", &hurried, QUICKLY, &["it took too long", "raise AUTH_TIMEOUT"]);
}

fn settings(named: &mut Named) {
    let base = ("BETTER_AUTH_URL", AuthServer::shared().url.as_str());
    named.is("no trusted proxy", &[base], QUICKLY, &["set TRUSTED_PROXIES to the network"]);
    named.is(
        "every proxy trusted",
        &[base, ("TRUSTED_PROXIES", "0.0.0.0/0")],
        QUICKLY,
        &["any client can claim any address", "TRUSTED_PROXIES"],
    );
    named.is("no allowed origin", &[base], QUICKLY, &["set ALLOWED_ORIGINS to the exact origin"]);
    named.is(
        "sessions never believed",
        &[base, ("SESSION_CACHE_TTL", "0s")],
        QUICKLY,
        &["set SESSION_CACHE_TTL=30s"],
    );
    named.is(
        "metrics on the same port",
        &[base, ("METRICS_ADDR", "127.0.0.1:8000")],
        QUICKLY,
        &["give METRICS_ADDR another port"],
    );
    named.is(
        "wrong Redis",
        &[base, ("REDIS_URL", "redis://127.0.0.1:9")],
        QUICKLY,
        &["REDIS_URL does not answer", "correct REDIS_URL"],
    );
    let nowhere = ("DATABASE_URL", "sqlite:///no/such/place/x.db?mode=rwc");
    named.is("no database", &[base, nowhere], QUICKLY, &["DATABASE_URL", "/no/such/place"]);
    let empty = postgres::empty_database();
    let empty = ("DATABASE_URL", empty.as_str());
    named.is("no migrations", &[base, empty], QUICKLY, &["waiting", "hallpass migrate up"]);
    named.is(
        "one secret for two",
        &[base, ("JWT_SECRET", AUTH_SECRET), ("BETTER_AUTH_SECRET", AUTH_SECRET)],
        QUICKLY,
        &["JWT_SECRET is BETTER_AUTH_SECRET", "remove JWT_SECRET"],
    );
    named.is(
        "userinfo without a provider",
        &[base, ("USERINFO", "trust")],
        QUICKLY,
        &["USERINFO", "add @better-auth/oauth-provider"],
    );
    let shared = AuthServer::start(&json!({"rateLimit": true, "ipAddressHeaders": ["x-real-ip"]}));
    named.is(
        "one rate limit for all",
        &[("BETTER_AUTH_URL", &shared.url)],
        Nothing,
        &["customRules {\"/get-session\": false}", "ipAddressHeaders"],
    );
}

async fn keys(named: &mut Named) {
    let (server, account) = somebody().await;
    let (base, jwt) = (("BETTER_AUTH_URL", server.url.as_str()), server.jwt(&account).await);
    let elsewhere = format!("{}/.well-known/jwks.json", server.url);
    named.is(
        "another JWKS path",
        &[base, ("JWKS_URL", &elsewhere)],
        Token(&jwt),
        &["there is no key set at", "set JWKS_URL to its jwksPath"],
    );
    named.is(
        "unreachable key set",
        &[base, ("JWKS_URL", "http://127.0.0.1:9/jwks")],
        Token(&jwt),
        &["JWKS_URL: http://127.0.0.1:9/jwks does not answer", "correct JWKS_URL"],
    );
    let odd = json!({"kty": "EC", "crv": "secp256k1", "kid": "odd", "x": "AA", "y": "AA"});
    let (one, two) = (Key::ed25519("twice"), Key::ed25519("twice"));
    let keys = json!({"keys": [one.public, two.public, odd]}).to_string();
    let faulty = serve(well().route("/api/auth/jwks", get(async move || keys)));
    let faulty = [("BETTER_AUTH_URL", faulty.as_str())];
    named.is("a key of no use", &faulty, QUICKLY, &["\"odd\"", "set keyPairConfig.alg"]);
    named.is("one kid twice", &faulty, QUICKLY, &["\"twice\"", "remove the surplus rows"]);
    let stranger = Issuer::shared().token(&json!({"sub": "s"}));
    let fix = format!("set BETTER_AUTH_URL={} (or JWKS_URL)", Issuer::shared().url());
    named.is("key of another server", &[base], Token(&stranger), &["is not in the key set", &fix]);
    let own = AuthServer::start(&json!({}));
    let old = own.jwt(&own.sign_up("Old", json!({})).await).await;
    own.operate("rotate-keys", json!({})).await;
    own.jwt(&own.sign_up("New", json!({})).await).await;
    own.operate("withdraw-keys", json!({})).await;
    named.is(
        "a key that was withdrawn",
        &[("BETTER_AUTH_URL", &own.url)],
        Token(&old),
        &["take a new one", "was withdrawn"],
    );
    let forged = Key::ed25519("ed").sign(&Issuer::shared().full(&json!({"sub": "s"})));
    named.is(
        "another key of the same id",
        &[("BETTER_AUTH_URL", Issuer::shared().url()), ("JWKS_COOLDOWN", "0s")],
        Token(&forged),
        &["does not fit the key", "JWKS_URL must be the signer's"],
    );
    let other = unsigned(&json!({"alg": "RS384", "kid": "a"}), &claims());
    named.is("an algorithm not accepted", &[base], Token(&other), &["set keyPairConfig.alg"]);
    let plain = unsigned(&json!({"alg": "none"}), &claims());
    named.is("no signature", &[base], Token(&plain), &["nobody signed this one"]);
    named.is(
        "only a shared secret",
        &[("JWT_SECRET", SECRET)],
        Token(&jwt),
        &["EdDSA", "set BETTER_AUTH_URL="],
    );
}

async fn tokens(named: &mut Named) {
    let (server, account) = somebody().await;
    let (base, jwt) = (("BETTER_AUTH_URL", server.url.as_str()), server.jwt(&account).await);
    let by_name = server.url.replace("127.0.0.1", "localhost");
    named.is(
        "issuer by another name",
        &[("BETTER_AUTH_URL", &by_name)],
        Token(&jwt),
        &["localhost and 127.0.0.1", "set JWT_ISSUER="],
    );
    let slash = format!("{}/", server.url);
    named.is(
        "issuer with a slash",
        &[base, ("JWT_ISSUER", &slash)],
        Token(&jwt),
        &["a slash at the end", "set JWT_ISSUER="],
    );
    named.is(
        "wrong audience",
        &[base, ("JWT_AUDIENCE", "api")],
        Token(&jwt),
        &["JWT_AUDIENCE accepts \"api\"", "set JWT_AUDIENCE="],
    );
    let shared = signed_with(SECRET, &claims());
    named.is(
        "no JWT_SECRET",
        &[base],
        Token(&shared),
        &["JWT_SECRET is not set", "set JWT_SECRET"],
    );
    let other = [("JWT_SECRET", OTHER_SECRET)];
    named.is("another JWT_SECRET", &other, Token(&shared), &["copy JWT_SECRET from where"]);
    let quoted = format!("\"{SECRET}\"");
    let quoted = [("JWT_SECRET", quoted.as_str())];
    named.is("JWT_SECRET in quotes", &quoted, Token(&shared), &["quotes around it", "JWT_SECRET"]);
    let mut from = claims();
    from["iss"] = "better-auth".into();
    named.is(
        "issuer of a shared secret",
        &[("JWT_SECRET", SECRET), ("JWT_SECRET_ISSUER", "another")],
        Token(&signed_with(SECRET, &from)),
        &["set JWT_SECRET_ISSUER=better-auth"],
    );
    let issuer = Issuer::shared();
    let base = [("BETTER_AUTH_URL", issuer.url())];
    let present = now().timestamp();
    let token = |more: Value| issuer.token(&more);
    let old = token(json!({"sub": "s", "exp": present - 60}));
    named.is("an expired token", &base, Token(&old), &["it expired 1 min", "take a new one"]);
    let ahead = token(json!({"sub": "s", "iat": present + 60}));
    named.is("clocks that differ", &base, Token(&ahead), &["by NTP", "set JWT_LEEWAY="]);
    let long = token(json!({"sub": "s", "exp": present * 1000}));
    named.is("exp in milliseconds", &base, Token(&long), &["Math.floor(Date.now() / 1000)"]);
    let endless =
        issuer.ed25519.sign(&json!({"iss": issuer.url(), "aud": issuer.url(), "sub": "s"}));
    named.is("no exp", &base, Token(&endless), &["would never expire", "write `exp`"]);
    let nameless = token(json!({}));
    named.is("no subject", &base, Token(&nameless), &["`sub` is missing", "getSubject"]);
    let lean = token(json!({"sub": "s"}));
    named.is("claims that never came", &base, Token(&lean), &["ROLE_CLAIM, TIER_CLAIM"]);
    let by_address = token(json!({"sub": "ada@example.test"}));
    named.is(
        "getSubject is the e-mail address",
        &base,
        Token(&by_address),
        &["getSubject of the jwt plugin was changed", "JWT_SUBJECT=id"],
    );
    let link = json!({"email": account.email});
    let link = server.operate("verification-token", link).await["token"].clone();
    named.is(
        "an e-mail link as a token",
        &[("BETTER_AUTH_URL", &server.url)],
        Token(link.as_str().unwrap()),
        &["a link that Better Auth mails", "/api/auth/token"],
    );
    let banned = server.sign_up("Banned", json!({})).await;
    server.set_user(&banned, json!({"banned": true})).await;
    let base = [("BETTER_AUTH_URL", server.url.as_str())];
    let jwt = server.jwt(&banned).await;
    named.is("a banned user", &base, Token(&jwt), &["is banned", "unban-user"]);
}

async fn provider(named: &mut Named) {
    let issuer = Issuer::shared();
    let base = ("BETTER_AUTH_URL", issuer.url());
    let by_provider = format!("{}/api/auth", issuer.url());
    let id = issuer.token(&json!({"iss": by_provider, "sub": "s", "aud": "app-1", "nonce": "n"}));
    named.is("no SSO_CLIENT_ID", &[base], Token(&id), &["set SSO_CLIENT_ID=app-1"]);
    let other = [base, ("SSO_CLIENT_ID", "app-2")];
    named.is("id token of another client", &other, Token(&id), &["set SSO_CLIENT_ID=app-1"]);
    let pairwise = STANDARD.encode([7; 32]);
    let pairwise =
        issuer.token(&json!({"iss": by_provider, "sub": pairwise, "aud": "app-1", "nonce": "n"}));
    let ours = [base, ("SSO_CLIENT_ID", "app-1")];
    named.is("a pairwise subject", &ours, Token(&pairwise), &["pairwise", "subject_type"]);
    let header = json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"});
    let access = |more: Value| {
        let mut claims = issuer.full(&json!({"iss": by_provider, "sub": "s", "client_id": "c",
            "aud": "https://api.example.com", "scope": "openid read:tasks"}));
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        issuer.ed25519.sign_raw(&header, &claims.to_string())
    };
    let token = access(json!({}));
    let fix = "set OAUTH_RESOURCE=https://api.example.com";
    named.is("no OAUTH_RESOURCE", &[base], Token(&token), &["OAUTH_RESOURCE is not set", fix]);
    let other = [base, ("OAUTH_RESOURCE", "https://other.example")];
    named.is("another OAUTH_RESOURCE", &other, Token(&token), &["OAUTH_RESOURCE accepts", fix]);
    let ours = [base, ("OAUTH_RESOURCE", "https://api.example.com")];
    named.is(
        "scopes that cover nothing",
        &ours,
        Token(&token),
        &["`tasks:read`", "OAUTH_FULL_CLIENTS"],
    );
    let bound = access(json!({"cnf": {"jkt": "thumbprint"}}));
    named.is("a token bound by DPoP", &ours, Token(&bound), &["DPoP is not supported"]);
    let away = [ours[0], ours[1], ("OIDC_ISSUER", "http://127.0.0.1:9/realms/one")];
    named.is(
        "unreachable OIDC_ISSUER",
        &away,
        Token(&access(json!({"iss": "http://127.0.0.1:9/realms/one"}))),
        &["OIDC_ISSUER: http://127.0.0.1:9/realms/one", "set OIDC_JWKS_URL"],
    );
    let away = [ours[0], ours[1], ("OIDC_JWKS_URL", "http://127.0.0.1:9/jwks")];
    named.is("unreachable OIDC_JWKS_URL", &away, QUICKLY, &["set OIDC_JWKS_URL to the jwks_uri"]);

    let server = AuthServer::start(&json!({"oauth": true}));
    let account = server.sign_up("Client", json!({})).await;
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    let slash = format!("{}/api/auth/", server.url);
    let fix = format!("set OIDC_ISSUER={}/api/auth", server.url);
    let differs = [base, ("SSO_CLIENT_ID", "app"), ("OIDC_ISSUER", &slash)];
    named.is("another OIDC_ISSUER", &differs, QUICKLY, &[&fix]);
    let client = server.oauth_client(json!({})).await;
    let asking = |secret| {
        [
            base,
            ("INTROSPECTION_CLIENT_ID", client.id.as_str()),
            ("INTROSPECTION_CLIENT_SECRET", secret),
        ]
    };
    named.is(
        "a client that may not introspect",
        &asking("another"),
        QUICKLY,
        &["introspection refuses INTROSPECTION_CLIENT_ID", "confidential client"],
    );
    let theirs = server.oauth_client(json!({})).await;
    let login = json!({"scope": "openid"});
    let token = server.oauth_login(&account, &theirs, login).await["access_token"].clone();
    let token = token.as_str().unwrap();
    named.is(
        "an opaque token, not asked about",
        &[base],
        Token(token),
        &["set INTROSPECTION_CLIENT_ID"],
    );
    named.is(
        "an opaque token of another client",
        &asking(&client.secret),
        Token(token),
        &["another client's tokens", "INTROSPECTION_CLIENT_ID"],
    );
}

async fn forms(named: &mut Named) {
    let (server, account) = somebody().await;
    let base = [("BETTER_AUTH_URL", server.url.as_str())];
    let jwt = server.jwt(&account).await;
    let bearer = "`Authorization: Bearer <token>`";
    let mut is = |fault, shown: Shown<'_>, words: &[&str]| named.is(fault, &base, shown, words);
    is("a cookie as a token", Token(&account.cookie), &["session cookie", "send it as `Cookie`"]);
    is("a token as a cookie", Cookie(&jwt), &["was shown as a cookie", bearer]);
    is("a token as an API key", ApiKey(&jwt), &["was shown as an API key", bearer]);
    let key = "k".repeat(64);
    is("an API key as a token", Token(&key), &["send it as `x-api-key: KEY`", "API_KEY_HEADER"]);
    let bare = format!("Authorization: {jwt}");
    is("no Bearer", Token(&bare), &["does not start with `Bearer`", bearer]);
    let twice = format!("Authorization: Bearer Bearer {jwt}");
    is("Bearer twice", Token(&twice), &["the word Bearer stands twice", bearer]);
    let two = format!("Bearer {jwt}, {jwt}");
    is("two tokens in one header", Token(&two), &["a comma between", bearer]);
    is("a word for a token", Token("Bearer undefined"), &["a word and no token", bearer]);
    is("no token", Token("Bearer"), &["it is empty", bearer]);
    is("another scheme", Token("Basic dXNlcjpwYXNz"), &["the request is anonymous", bearer]);
    let damaged = "eyJhbGciOiJFZERTQSJ9.eyJzdWI.x";
    is("a damaged token", Token(damaged), &["damaged", "copy it whole"]);
    let mut altered: Vec<_> = jwt.split('.').collect();
    let other = server.sign_up("Other", json!({})).await;
    let other = server.jwt(&other).await;
    altered[1] = other.split('.').nth(1).unwrap();
    let altered = altered.join(".");
    is("a token that was changed", Token(&altered), &["changed on the way", "JWKS_URL"]);
}

async fn cookies(named: &mut Named) {
    let (server, account) = somebody().await;
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    let shop = AuthServer::start(&json!({"cookiePrefix": "shop", "secureCookies": true}));
    let there = ("BETTER_AUTH_URL", shop.url.as_str());
    named.is("another cookie prefix", &[there], QUICKLY, &["set COOKIE_PREFIX=shop"]);
    let prefix = ("COOKIE_PREFIX", "shop");
    named.is(
        "secure cookies at http",
        &[there, prefix],
        QUICKLY,
        &["__Secure-shop.session_token", "set BETTER_AUTH_URL"],
    );
    named.is(
        "a cookie of another prefix",
        &[base, prefix],
        Cookie(&account.cookie),
        &["set COOKIE_PREFIX=better-auth"],
    );
    let secure = account.cookie.replace("better-auth.", "__Secure-better-auth.");
    named.is(
        "a secure cookie of another server",
        &[base],
        Cookie(&secure),
        &["`__Secure-` is the name at https", "set BETTER_AUTH_URL"],
    );
    let named_so = AuthServer::start(&json!({"sessionCookie": "sid"}));
    let ada = named_so.sign_up("Ada", json!({})).await;
    let there = [("BETTER_AUTH_URL", named_so.url.as_str())];
    named.is("a session cookie of another name", &there, QUICKLY, &["set SESSION_COOKIE=sid"]);
    named.is(
        "a cookie of another name",
        &there,
        Cookie(&ada.cookie),
        &["its session cookie is called \"sid\"", "set SESSION_COOKIE=sid"],
    );
    named.is(
        "a name that the server has not",
        &[base, ("SESSION_COOKIE", "sid")],
        Cookie(&account.cookie),
        &["set SESSION_COOKIE=better-auth.session_token, or remove it"],
    );
    let two = format!("{}; better-auth.session_token=abc.def", account.cookie);
    named.is(
        "two session cookies",
        &[base],
        Cookie(&two),
        &["2 different", "crossSubDomainCookies"],
    );
    named.is("no session cookie", &[base], Cookie("theme=dark"), &["`credentials: \"include\"`"]);
}

async fn sessions(named: &mut Named) {
    let (server, account) = somebody().await;
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    let secret = |secret| [base, ("BETTER_AUTH_SECRET", secret)];
    let cookie = Cookie(&account.cookie);
    named.is(
        "another BETTER_AUTH_SECRET",
        &secret(OTHER_SECRET),
        cookie,
        &["not signed with BETTER_AUTH_SECRET", "copy BETTER_AUTH_SECRET"],
    );
    let padded = format!(" {AUTH_SECRET}");
    named.is("a secret with a blank", &secret(&padded), cookie, &["white space", "exactly as"]);
    let (name, value) = account.cookie.split_once('=').unwrap();
    let cut = format!("{name}={}", value.split('.').next().unwrap());
    named.is("a cookie without signature", &[base], Cookie(&cut), &["TOKEN.SIGNATURE"]);
    let gone = server.sign_up("Gone", json!({})).await;
    server.sign_out(&gone).await;
    named.is(
        "a session that is over",
        &secret(AUTH_SECRET),
        Cookie(&gone.cookie),
        &["sign in again"],
    );
    let bare = AuthServer::start(&json!({"bearer": false, "jwt": false}));
    let ada = bare.sign_up("Ada", json!({})).await;
    let there = [("BETTER_AUTH_URL", bare.url.as_str())];
    named.is("no bearer plugin", &there, Token(&ada.session_token), &["add bearer()"]);
    let jwt = Issuer::shared().token(&json!({"sub": "s"}));
    named.is("no jwt plugin", &there, Token(&jwt), &["add the jwt plugin to the auth server"]);
    let strict = json!({"bearerRequireSignature": true, "jwtSubject": "email"});
    let strict = AuthServer::start(&strict);
    let ada = strict.sign_up("Ada", json!({})).await;
    let there = ("BETTER_AUTH_URL", strict.url.as_str());
    let signed = [there, ("BETTER_AUTH_SECRET", AUTH_SECRET)];
    named.is("requireSignature", &signed, Token(&ada.session_token), &["remove requireSignature"]);
    let changed = "getSubject of the jwt plugin was changed";
    named.is(
        "getSubject, by the session",
        &[there],
        Cookie(&ada.cookie),
        &[changed, "JWT_SUBJECT=id", "remove getSubject"],
    );
    let jwt = strict.jwt(&ada).await;
    named.is("getSubject, by the JWT", &[there], Token(&jwt), &[changed, "JWT_SUBJECT=id"]);
    named.is(
        "JWT_SUBJECT=sub",
        &[there, ("JWT_SUBJECT", "sub")],
        Token(&jwt),
        &[changed, "are two users", "set JWT_SUBJECT=id"],
    );
}

async fn caches(named: &mut Named) {
    let (server, account) = somebody().await;
    let trust = ("COOKIE_CACHE", "trust");
    let secret = ("BETTER_AUTH_SECRET", AUTH_SECRET);
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    let no_effect = "COOKIE_CACHE=trust has no effect";
    named.is(
        "COOKIE_CACHE without a cache",
        &[base, trust, secret],
        Cookie(&account.cookie),
        &[no_effect, "session.cookieCache.enabled"],
    );
    let cached = AuthServer::start(&json!({"cookieCache": {"version": "2"}}));
    let ada = cached.sign_up("Ada", json!({})).await;
    let base = ("BETTER_AUTH_URL", cached.url.as_str());
    named.is(
        "COOKIE_CACHE without the secret",
        &[base, trust],
        Cookie(&ada.cookie),
        &[no_effect, "set BETTER_AUTH_SECRET"],
    );
    let version = ("COOKIE_CACHE_VERSION", "1");
    named.is(
        "wrong COOKIE_CACHE_VERSION",
        &[base, trust, secret, version],
        Cookie(&ada.cookie),
        &[no_effect, "set COOKIE_CACHE_VERSION=2"],
    );
    let bob = cached.sign_up("Bob", json!({})).await;
    let data = |account: &Account| account.cookie_value("session_data").to_owned();
    let mixed = ada.cookie.replace(&data(&ada), &data(&bob));
    named.is(
        "a cache of another session",
        &[base, trust, secret],
        Cookie(&mixed),
        &[no_effect, "another session", "sign in again"],
    );
    let mangled = ada.cookie.replace(&data(&ada), "eyJzZXNzaW9uIjp7fX0");
    named.is(
        "a cache that was changed",
        &[base, trust, secret],
        Cookie(&mangled),
        &[no_effect, "copy BETTER_AUTH_SECRET"],
    );
    let stateless = AuthServer::start(&json!({"stateless": true, "cookieCache": {"version": "2"}}));
    let ada = stateless.sign_up("Ada", json!({})).await;
    stateless.operate("forget-sessions", json!({})).await;
    let base = ("BETTER_AUTH_URL", stateless.url.as_str());
    named.is(
        "a stateless auth server",
        &[base],
        Cookie(&ada.cookie),
        &["stateless", "set COOKIE_CACHE=trust"],
    );
    named.is(
        "version of a stateless auth server",
        &[base, trust, secret, version],
        Cookie(&ada.cookie),
        &["stateless", no_effect, "set COOKIE_CACHE_VERSION=2"],
    );
}

async fn shapes(named: &mut Named) {
    for (shape, fault) in
        [("other", "customSession without user"), ("partial", "customSession without user.id")]
    {
        let server = AuthServer::start(&json!({"customSession": shape}));
        let account = server.sign_up("Shape", json!({})).await;
        let base = [("BETTER_AUTH_URL", server.url.as_str())];
        let words = ["let customSession return `user` and `session`"];
        named.is(fault, &base, Cookie(&account.cookie), &words);
    }
}

async fn api_keys(named: &mut Named) {
    let limit = json!({"enabled": true, "maxRequests": 1, "timeWindow": 600_000});
    let server =
        AuthServer::start(&json!({"organization": true, "ssoApiKey": "the-key", "apiKeys": [
            {"configId": "default", "rateLimit": limit},
            {"configId": "other", "apiKeyHeaders": "x-other-key"},
            {"configId": "team", "apiKeyHeaders": "x-team-key", "references": "organization"},
        ]}));
    let account = server.sign_up("Key", json!({})).await;
    let organization = server.operate("organization", json!({"email": account.email})).await;
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    let key = async |options: Value| server.api_key(&account, options).await;
    // First, because the others have the server delete keys that are expired.
    let expired = key(json!({"expiresIn": 1})).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    named.is(
        "an API key that has expired",
        &[base],
        ApiKey(&expired),
        &["KEY_EXPIRED", "expiresIn"],
    );
    let disabled = key(json!({"enabled": false})).await;
    named.is("an API key that is disabled", &[base], ApiKey(&disabled), &["enable this one"]);
    let used = key(json!({"remaining": 1, "rateLimitEnabled": false})).await;
    doctor(&[base], ApiKey(&used)).comes_out_as("accepted", &[]);
    named.is(
        "an API key that is used up",
        &[base],
        ApiKey(&used),
        &["USAGE_EXCEEDED", "`remaining`"],
    );
    let often = key(json!({})).await;
    doctor(&[base], ApiKey(&often)).comes_out_as("accepted", &[]);
    named.is(
        "an API key over its limit",
        &[base],
        ApiKey(&often),
        &["its own rate limit", "raise rateLimitMax"],
    );
    let unknown = "x".repeat(64);
    named.is("an unknown API key", &[base], ApiKey(&unknown), &["make a new key"]);
    let other = key(json!({"configId": "other"})).await;
    named.is(
        "an API key of another configuration",
        &[base],
        ApiKey(&other),
        &["configId", "set API_KEY_HEADER", "API_KEY_VERIFY_URL"],
    );
    let of_team = json!({"configId": "team", "organizationId": organization["id"]});
    let of_team = key(of_team).await;
    named.is(
        "an API key of an organization",
        &[base, ("API_KEY_HEADER", "x-team-key")],
        ApiKey(&of_team),
        &["belongs to an organization", "set API_KEY_VERIFY_URL"],
    );
    let verify = format!("{}/api/verify-api-key", server.url);
    let verifying = [base, ("API_KEY_VERIFY_URL", &verify)];
    named.is(
        "an API key that is a service",
        &verifying,
        ApiKey(&key(json!({"configId": "other"})).await),
        &["names no user of this key", "`configurations`"],
    );
    named.is(
        "an unknown API key at the endpoint",
        &verifying,
        ApiKey(&unknown),
        &["API_KEY_VERIFY_URL knows no such API key"],
    );
    named.is(
        "an API key header that differs",
        &[base, ("API_KEY_HEADER", "x-no-such-header")],
        ApiKey(&key(json!({})).await),
        &["set API_KEY_HEADER to that"],
    );
    let nowhere = format!("{}/api/verify", server.url);
    let nowhere = [base, ("API_KEY_VERIFY_URL", &nowhere)];
    named.is("no endpoint for API keys", &nowhere, QUICKLY, &["correct API_KEY_VERIFY_URL"]);
    let machine = [base, ("SSO_API_KEY", "another")];
    named.is("another SSO_API_KEY", &machine, QUICKLY, &["set SSO_API_KEY to the key"]);

    let without = AuthServer::start(&json!({"apiKeys": {"enableSessionForAPIKeys": false}}));
    let account = without.sign_up("Off", json!({})).await;
    let key = without.api_key(&account, json!({})).await;
    let base = [("BETTER_AUTH_URL", without.url.as_str())];
    named.is("no sessions for API keys", &base, ApiKey(&key), &["set enableSessionForAPIKeys"]);
}
