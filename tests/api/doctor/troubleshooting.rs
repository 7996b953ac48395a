//! What people who verify Better Auth's credentials look up when it does not work, line by line, and the
//! doctor's line that answers it.

use serde_json::{Value, json};

use super::Shown::{self, Cookie, Nothing, Token};
use super::{AUTH_SECRET, SECRET, claims, doctor, said, signed_with, somebody, unsigned};
use crate::auth_server::AuthServer;
use crate::issuer::Issuer;

/// Advice that people are given, a set-up in which they need it, and what the doctor says then.
struct Line<'a> {
    advice: &'a str,
    settings: Vec<(&'a str, &'a str)>,
    shown: Shown<'a>,
    says: &'a [&'a str],
}

#[track_caller]
fn check(lines: &[Line<'_>]) {
    for Line { advice, settings, shown, says } in lines {
        let (text, _) = said(settings, *shown, &[]);
        for word in *says {
            assert!(text.contains(word), "{advice}: {word} was expected: {text}");
        }
    }
}

const AWAY: &str = "http://127.0.0.1:9";
const OTHER_SECRET: &str = "another-secret-than-the-auth-server-has-01";

#[tokio::test]
async fn session_validation_fails() {
    let (server, account) = somebody().await;
    let url = server.url.as_str();
    let cookie = account.cookie.as_str();
    let renamed = cookie.replace("better-auth.", "session.");
    check(&[
        Line {
            advice: "Verify AUTH_SERVICE_URL points to running auth service",
            settings: vec![("AUTH_SERVICE_URL", AWAY)],
            shown: Cookie(cookie),
            says: &["wrong    auth server", "BETTER_AUTH_URL", "start the auth server"],
        },
        Line {
            advice: "Check auth service is accessible from the backend",
            settings: vec![("AUTH_SERVICE_URL", "http://auth.invalid")],
            shown: Cookie(cookie),
            says: &["no server of that name is known", "correct the host in BETTER_AUTH_URL"],
        },
        Line {
            advice: "Ensure cookie name is `better-auth.session_token`",
            settings: vec![("BETTER_AUTH_URL", url)],
            shown: Cookie(&renamed),
            says: &[
                "\"session.session_token\"",
                "\"better-auth.session_token\"",
                "set COOKIE_PREFIX=",
            ],
        },
        Line {
            advice: "Verify CORS allows credentials",
            settings: vec![("BETTER_AUTH_URL", url)],
            shown: Cookie(cookie),
            says: &["warning  origins", "ALLOWED_ORIGINS is empty", "CORS"],
        },
    ]);
}

#[tokio::test]
async fn jwt_verification_fails() {
    let url = AuthServer::shared().url.as_str();
    let good = signed_with(SECRET, &claims());
    let mut old = claims();
    old["exp"] = json!(old["iat"].as_i64().unwrap() - 60);
    let old = signed_with(SECRET, &old);
    let mut from = claims();
    from["iss"] = "better-auth".into();
    let from = signed_with(SECRET, &from);
    let (server, account) = somebody().await;
    let jwt = server.jwt(&account).await;
    check(&[
        Line {
            advice: "Ensure JWT_SECRET matches auth service exactly",
            settings: vec![("JWT_SECRET", OTHER_SECRET)],
            shown: Token(&good),
            says: &["FAILED       signature", "copy JWT_SECRET from the signer of the token"],
        },
        Line {
            advice: "Check token hasn't expired (default: 7 days)",
            settings: vec![("JWT_SECRET", SECRET)],
            shown: Token(&old),
            says: &["FAILED       times", "it expired 1 min"],
        },
        Line {
            advice: "Verify issuer is \"better-auth\"",
            settings: vec![("JWT_SECRET", SECRET), ("JWT_SECRET_ISSUER", url)],
            shown: Token(&from),
            says: &[
                "FAILED       issuer",
                "its issuer is \"better-auth\"",
                "set JWT_SECRET_ISSUER=better-auth",
            ],
        },
        Line {
            advice: "Check algorithm is HS256",
            settings: vec![("JWT_SECRET", SECRET)],
            shown: Token(&jwt),
            says: &["alg: \"EdDSA\"", "JWT_SECRET verifies HS256 only", "set BETTER_AUTH_URL="],
        },
    ]);
}

#[test]
fn cors_errors() {
    let url = AuthServer::shared().url.as_str();
    let allowed = vec![("BETTER_AUTH_URL", url), ("ALLOWED_ORIGINS", "http://127.0.0.1:3000")];
    let empty = vec![("BETTER_AUTH_URL", url)];
    let page = "`credentials: \"include\"`";
    check(&[
        Line {
            advice: "Set `allow_credentials=True` for session auth / Allow credentials if using cookies",
            settings: allowed.clone(),
            shown: Nothing,
            says: &["good     origins", "may send cookies"],
        },
        Line {
            advice: "Cannot use `allow_origins=[\"*\"]` with credentials",
            settings: vec![("BETTER_AUTH_URL", url), ("ALLOWED_ORIGINS", "*")],
            shown: Nothing,
            says: &["ALLOWED_ORIGINS", "list exact origins"],
        },
        Line {
            advice: "Specify exact allowed origins / Configure CORS middleware properly",
            settings: vec![
                ("BETTER_AUTH_URL", url),
                ("ALLOWED_ORIGINS", "http://127.0.0.1:3000/app"),
            ],
            shown: Nothing,
            says: &["ALLOWED_ORIGINS", "write the origin alone"],
        },
        Line {
            advice: "Check frontend uses `credentials: \"include\"`",
            settings: allowed,
            shown: Nothing,
            says: &[page],
        },
        Line {
            advice: "Check origin is in allowed list / Add SSO URL to CORS origins",
            settings: empty,
            shown: Nothing,
            says: &[
                "set ALLOWED_ORIGINS to the exact origin of your pages (such as http://127.0.0.1:",
            ],
        },
    ]);
}

#[tokio::test]
async fn user_data_not_available() {
    let server = AuthServer::shared();
    let bare = server.sign_up("Bare", json!({})).await;
    let settings = vec![("BETTER_AUTH_URL", server.url.as_str())];
    let jwt = server.jwt(&bare).await;
    server.set_user(&bare, json!({"tier": "premium"})).await;
    let issuer = Issuer::shared();
    let lean = issuer.token(&json!({"sub": "s"}));
    let missing: &[&str] = &["no value for softwareBackground, hardwareBackground, interestArea"];
    check(&[
        Line {
            advice: "Check custom fields are configured in auth service",
            settings: settings.clone(),
            shown: Cookie(&bare.cookie),
            says: &[missing[0], "declare these fields in user.additionalFields"],
        },
        Line {
            advice: "Verify fields are passed during signup",
            settings: settings.clone(),
            shown: Cookie(&bare.cookie),
            says: &[missing[0], "set them at sign-up"],
        },
        Line {
            advice: "Ensure session is fresh (not stale)",
            settings: settings.clone(),
            shown: Token(&jwt),
            says: &["tier free", "a JWT has the values of when it was signed"],
        },
        Line {
            advice: "the claims that the settings name are not in the token",
            settings: vec![("BETTER_AUTH_URL", issuer.url())],
            shown: Token(&lean),
            says: &["ROLE_CLAIM, TIER_CLAIM", "definePayload"],
        },
    ]);
    // And the session itself is asked for anew each time.
    doctor(&settings, Cookie(&bare.cookie)).comes_out_as("accepted", &["tier premium"]);
}

#[test]
fn jwks_fetch_fails() {
    let url = AuthServer::shared().url.as_str();
    let nowhere = format!("{url}/.well-known/jwks.json");
    check(&[
        Line {
            advice: "Ensure Better Auth server is running",
            settings: vec![("BETTER_AUTH_URL", AWAY)],
            shown: Nothing,
            says: &["wrong    auth server", "wrong    key set", "start the auth server"],
        },
        Line {
            advice: "Check JWKS endpoint is accessible",
            settings: vec![("BETTER_AUTH_URL", url), ("JWKS_URL", &nowhere)],
            shown: Nothing,
            says: &["there is no key set at", "(404)", "JWKS_URL"],
        },
        Line {
            advice: "Verify network connectivity",
            settings: vec![("BETTER_AUTH_URL", url), ("JWKS_URL", "http://keys.invalid/jwks")],
            shown: Nothing,
            says: &["JWKS_URL: http://keys.invalid/jwks does not respond: no server of that name"],
        },
    ]);
}

#[tokio::test]
async fn token_validation_fails() {
    let (server, account) = somebody().await;
    let url = server.url.as_str();
    let jwt = server.jwt(&account).await;
    let issuer = Issuer::shared();
    let odd = unsigned(&json!({"alg": "RS384", "kid": "a"}), &claims());
    let old = json!({"sub": "s", "exp": claims()["iat"].as_i64().unwrap() - 60});
    let old = issuer.token(&old);
    let slash = format!("{url}/");
    check(&[
        Line {
            advice: "Check issuer/audience match exactly (issuer)",
            settings: vec![("BETTER_AUTH_URL", url), ("JWT_ISSUER", &slash)],
            shown: Token(&jwt),
            says: &["they differ by a slash at the end", "set JWT_ISSUER="],
        },
        Line {
            advice: "Check issuer/audience match exactly (audience)",
            settings: vec![("BETTER_AUTH_URL", url), ("JWT_AUDIENCE", "api")],
            shown: Token(&jwt),
            says: &["FAILED       audience", "set JWT_AUDIENCE="],
        },
        Line {
            advice: "Verify token hasn't expired",
            settings: vec![("BETTER_AUTH_URL", issuer.url())],
            shown: Token(&old),
            says: &["FAILED       times", "it expired 1 min", "take a new one"],
        },
        Line {
            advice: "Check algorithm compatibility (RS256)",
            settings: vec![("BETTER_AUTH_URL", url)],
            shown: Token(&odd),
            says: &["FAILED       algorithm", "\"RS384\" is not accepted", "keyPairConfig.alg"],
        },
    ]);
}

#[tokio::test]
async fn signature_clock_and_form() {
    let (server, account) = somebody().await;
    let url = server.url.as_str();
    let issuer = Issuer::shared();
    let ahead = claims()["iat"].as_i64().unwrap() + 60;
    let ahead = issuer.token(&json!({"sub": "s", "iat": ahead}));
    let jwt = server.jwt(&account).await;
    let bare = format!("Authorization: {jwt}");
    check(&[
        Line {
            advice: "BETTER_AUTH_SECRET does not match the secret used by Better Auth",
            settings: vec![("BETTER_AUTH_URL", url), ("BETTER_AUTH_SECRET", OTHER_SECRET)],
            shown: Cookie(&account.cookie),
            says: &["FAILED       signature", "copy BETTER_AUTH_SECRET", "wrong    secret"],
        },
        Line {
            advice: "401 Unauthorized (Clock Skew): allow for a few seconds of difference",
            settings: vec![("BETTER_AUTH_URL", issuer.url())],
            shown: Token(&ahead),
            says: &["FAILED       times", "clock is", "set JWT_LEEWAY="],
        },
        Line {
            advice: "Token Format Error: send the Authorization: Bearer <token> header format",
            settings: vec![("BETTER_AUTH_URL", url)],
            shown: Token(&bare),
            says: &[
                "FAILED       form",
                "does not start with `Bearer`",
                "Authorization: Bearer <token>",
            ],
        },
    ]);
}

#[tokio::test]
async fn single_sign_on() {
    let issuer = Issuer::shared();
    let provider = format!("{}/api/auth", issuer.url());
    let id = issuer.token(&json!({"iss": provider, "sub": "s", "aud": "app-1", "nonce": "n"}));
    let stale = unsigned(&json!({"alg": "EdDSA", "kid": "rotated"}), &issuer.full(&claims()));
    let old = json!({"sub": "s", "exp": claims()["iat"].as_i64().unwrap() - 60});
    let old = issuer.token(&old);
    let settings = vec![("BETTER_AUTH_URL", issuer.url())];
    let mut client = settings.clone();
    client.push(("SSO_CLIENT_ID", "app-2"));
    check(&[
        Line {
            advice: "Invalid signature: JWKS cache stale after key rotation",
            settings: settings.clone(),
            shown: Token(&stale),
            says: &[
                "kid \"rotated\" is not in the key set, which is 0 s old and has \"ed\"",
                "JWKS_URL",
            ],
        },
        Line {
            advice: "Token expired: implement token refresh on 401",
            settings,
            shown: Token(&old),
            says: &["it expired 1 min", "take a new one", "as a front end does on 401"],
        },
        Line {
            advice: "Audience mismatch: verify SSO_CLIENT_ID matches token's aud claim",
            settings: client,
            shown: Token(&id),
            says: &["its audience is \"app-1\"", "set SSO_CLIENT_ID=app-1"],
        },
    ]);
}

#[tokio::test]
async fn error_responses() {
    let (server, account) = somebody().await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str()), ("BETTER_AUTH_SECRET", AUTH_SECRET)];
    let missing = doctor(&settings, Cookie("theme=dark"));
    missing.comes_out_as("absent", &["COOKIE_PREFIX"]);
    let mut altered: Vec<_> = server.jwt(&account).await.split('.').map(str::to_owned).collect();
    altered[1] = {
        use base64::Engine as _;
        let encoding = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let text = encoding.decode(&altered[1]).unwrap();
        let mut claims: Value = serde_json::from_slice(&text).unwrap();
        claims["role"] = "admin".into();
        encoding.encode(claims.to_string())
    };
    let told = doctor(&settings, Token(&altered.join(".")));
    told.is_refused_by("signature", &["it was modified in transit", "JWKS_URL"]);
}
