//! Each line of the usual troubleshooting advice for Better Auth credentials, and the doctor's finding that
//! covers it.

use serde_json::{Value, json};

use super::PresentedAs::{self, Cookie, Nothing, Token};
use super::{
    AUTH_SECRET, SECRET, claims, doctor, run_doctor, signed_up_account, signed_with, unsigned,
};
use crate::support::auth_server::AuthServer;
use crate::support::issuer::Issuer;

/// One line of advice, a set-up that needs it, and the text that the doctor reports.
struct AdviceCase<'a> {
    advice: &'a str,
    settings: Vec<(&'a str, &'a str)>,
    presented: PresentedAs<'a>,
    reports: &'a [&'a str],
}

#[track_caller]
fn check(cases: &[AdviceCase<'_>]) {
    for AdviceCase { advice, settings, presented, reports } in cases {
        let (text, _) = run_doctor(settings, *presented, &[]);
        for word in *reports {
            assert!(text.contains(word), "{advice}: {word} was expected: {text}");
        }
    }
}

const UNREACHABLE: &str = "http://127.0.0.1:9";
const OTHER_SECRET: &str = "another-secret-than-the-auth-server-has-01";

#[tokio::test]
async fn session_validation_advice_is_reported() {
    let (server, account) = signed_up_account().await;
    let url = server.url.as_str();
    let cookie = account.cookie.as_str();
    let renamed = cookie.replace("better-auth.", "session.");
    check(&[
        AdviceCase {
            advice: "Verify AUTH_SERVICE_URL points to running auth service",
            settings: vec![("AUTH_SERVICE_URL", UNREACHABLE)],
            presented: Cookie(cookie),
            reports: &["wrong    auth server", "BETTER_AUTH_URL", "start the auth server"],
        },
        AdviceCase {
            advice: "Check auth service is accessible from the backend",
            settings: vec![("AUTH_SERVICE_URL", "http://auth.invalid")],
            presented: Cookie(cookie),
            reports: &["no server of that name is known", "correct the host in BETTER_AUTH_URL"],
        },
        AdviceCase {
            advice: "Ensure cookie name is `better-auth.session_token`",
            settings: vec![("BETTER_AUTH_URL", url)],
            presented: Cookie(&renamed),
            reports: &[
                "\"session.session_token\"",
                "\"better-auth.session_token\"",
                "set COOKIE_PREFIX=",
            ],
        },
        AdviceCase {
            advice: "Verify CORS allows credentials",
            settings: vec![("BETTER_AUTH_URL", url)],
            presented: Cookie(cookie),
            reports: &["warning  origins", "ALLOWED_ORIGINS is empty", "CORS"],
        },
    ]);
}

#[tokio::test]
async fn jwt_verification_advice_is_reported() {
    let url = AuthServer::shared().url.as_str();
    let good = signed_with(SECRET, &claims());
    let mut old = claims();
    old["exp"] = json!(old["iat"].as_i64().unwrap() - 60);
    let old = signed_with(SECRET, &old);
    let mut from = claims();
    from["iss"] = "better-auth".into();
    let from = signed_with(SECRET, &from);
    let (server, account) = signed_up_account().await;
    let jwt = server.jwt(&account).await;
    check(&[
        AdviceCase {
            advice: "Ensure JWT_SECRET matches auth service exactly",
            settings: vec![("JWT_SECRET", OTHER_SECRET)],
            presented: Token(&good),
            reports: &["FAILED       signature", "copy JWT_SECRET from the signer of the token"],
        },
        AdviceCase {
            advice: "Check token hasn't expired (default: 7 days)",
            settings: vec![("JWT_SECRET", SECRET)],
            presented: Token(&old),
            reports: &["FAILED       times", "it expired 1 min"],
        },
        AdviceCase {
            advice: "Verify issuer is \"better-auth\"",
            settings: vec![("JWT_SECRET", SECRET), ("JWT_SECRET_ISSUER", url)],
            presented: Token(&from),
            reports: &[
                "FAILED       issuer",
                "its issuer is \"better-auth\"",
                "set JWT_SECRET_ISSUER=better-auth",
            ],
        },
        AdviceCase {
            advice: "Check algorithm is HS256",
            settings: vec![("JWT_SECRET", SECRET)],
            presented: Token(&jwt),
            reports: &["alg: \"EdDSA\"", "JWT_SECRET verifies HS256 only", "set BETTER_AUTH_URL="],
        },
    ]);
}

#[test]
fn cors_error_advice_is_reported() {
    let url = AuthServer::shared().url.as_str();
    let allowed = vec![("BETTER_AUTH_URL", url), ("ALLOWED_ORIGINS", "http://127.0.0.1:3000")];
    let empty = vec![("BETTER_AUTH_URL", url)];
    let page = "`credentials: \"include\"`";
    check(&[
        AdviceCase {
            advice: "Set `allow_credentials=True` for session auth / Allow credentials if using cookies",
            settings: allowed.clone(),
            presented: Nothing,
            reports: &["good     origins", "may send cookies"],
        },
        AdviceCase {
            advice: "Cannot use `allow_origins=[\"*\"]` with credentials",
            settings: vec![("BETTER_AUTH_URL", url), ("ALLOWED_ORIGINS", "*")],
            presented: Nothing,
            reports: &["ALLOWED_ORIGINS", "list exact origins"],
        },
        AdviceCase {
            advice: "Specify exact allowed origins / Configure CORS middleware properly",
            settings: vec![
                ("BETTER_AUTH_URL", url),
                ("ALLOWED_ORIGINS", "http://127.0.0.1:3000/app"),
            ],
            presented: Nothing,
            reports: &["ALLOWED_ORIGINS", "write the origin alone"],
        },
        AdviceCase {
            advice: "Check frontend uses `credentials: \"include\"`",
            settings: allowed,
            presented: Nothing,
            reports: &[page],
        },
        AdviceCase {
            advice: "Check origin is in allowed list / Add SSO URL to CORS origins",
            settings: empty,
            presented: Nothing,
            reports: &[
                "set ALLOWED_ORIGINS to the exact origin of your pages (such as http://127.0.0.1:",
            ],
        },
    ]);
}

#[tokio::test]
async fn user_data_advice_is_reported() {
    let server = AuthServer::shared();
    let bare = server.sign_up("Bare", json!({})).await;
    let settings = vec![("BETTER_AUTH_URL", server.url.as_str())];
    let jwt = server.jwt(&bare).await;
    server.set_user(&bare, json!({"tier": "premium"})).await;
    let issuer = Issuer::shared();
    let lean = issuer.token(&json!({"sub": "s"}));
    let missing: &[&str] = &["no value for softwareBackground, hardwareBackground, interestArea"];
    check(&[
        AdviceCase {
            advice: "Check custom fields are configured in auth service",
            settings: settings.clone(),
            presented: Cookie(&bare.cookie),
            reports: &[missing[0], "declare these fields in user.additionalFields"],
        },
        AdviceCase {
            advice: "Verify fields are passed during signup",
            settings: settings.clone(),
            presented: Cookie(&bare.cookie),
            reports: &[missing[0], "set them at sign-up"],
        },
        AdviceCase {
            advice: "Ensure session is fresh (not stale)",
            settings: settings.clone(),
            presented: Token(&jwt),
            reports: &["tier free", "a JWT has the values of when it was signed"],
        },
        AdviceCase {
            advice: "the claims that the settings name are not in the token",
            settings: vec![("BETTER_AUTH_URL", issuer.url())],
            presented: Token(&lean),
            reports: &["ROLE_CLAIM, TIER_CLAIM", "definePayload"],
        },
    ]);
    // The session itself is validated again each time.
    doctor(&settings, Cookie(&bare.cookie)).has_verdict("accepted", &["tier premium"]);
}

#[test]
fn jwks_fetch_advice_is_reported() {
    let url = AuthServer::shared().url.as_str();
    let nowhere = format!("{url}/.well-known/jwks.json");
    check(&[
        AdviceCase {
            advice: "Ensure Better Auth server is running",
            settings: vec![("BETTER_AUTH_URL", UNREACHABLE)],
            presented: Nothing,
            reports: &["wrong    auth server", "wrong    key set", "start the auth server"],
        },
        AdviceCase {
            advice: "Check JWKS endpoint is accessible",
            settings: vec![("BETTER_AUTH_URL", url), ("JWKS_URL", &nowhere)],
            presented: Nothing,
            reports: &["there is no key set at", "(404)", "JWKS_URL"],
        },
        AdviceCase {
            advice: "Verify network connectivity",
            settings: vec![("BETTER_AUTH_URL", url), ("JWKS_URL", "http://keys.invalid/jwks")],
            presented: Nothing,
            reports: &[
                "JWKS_URL: http://keys.invalid/jwks does not respond: no server of that name",
            ],
        },
    ]);
}

#[tokio::test]
async fn token_validation_advice_is_reported() {
    let (server, account) = signed_up_account().await;
    let url = server.url.as_str();
    let jwt = server.jwt(&account).await;
    let issuer = Issuer::shared();
    let odd = unsigned(&json!({"alg": "RS384", "kid": "a"}), &claims());
    let old = json!({"sub": "s", "exp": claims()["iat"].as_i64().unwrap() - 60});
    let old = issuer.token(&old);
    let slash = format!("{url}/");
    check(&[
        AdviceCase {
            advice: "Check issuer/audience match exactly (issuer)",
            settings: vec![("BETTER_AUTH_URL", url), ("JWT_ISSUER", &slash)],
            presented: Token(&jwt),
            reports: &["they differ by a slash at the end", "set JWT_ISSUER="],
        },
        AdviceCase {
            advice: "Check issuer/audience match exactly (audience)",
            settings: vec![("BETTER_AUTH_URL", url), ("JWT_AUDIENCE", "api")],
            presented: Token(&jwt),
            reports: &["FAILED       audience", "set JWT_AUDIENCE="],
        },
        AdviceCase {
            advice: "Verify token hasn't expired",
            settings: vec![("BETTER_AUTH_URL", issuer.url())],
            presented: Token(&old),
            reports: &["FAILED       times", "it expired 1 min", "take a new one"],
        },
        AdviceCase {
            advice: "Check algorithm compatibility (RS256)",
            settings: vec![("BETTER_AUTH_URL", url)],
            presented: Token(&odd),
            reports: &["FAILED       algorithm", "\"RS384\" is not accepted", "keyPairConfig.alg"],
        },
    ]);
}

#[tokio::test]
async fn signature_and_clock_advice_is_reported() {
    let (server, account) = signed_up_account().await;
    let url = server.url.as_str();
    let issuer = Issuer::shared();
    let ahead = claims()["iat"].as_i64().unwrap() + 60;
    let ahead = issuer.token(&json!({"sub": "s", "iat": ahead}));
    let jwt = server.jwt(&account).await;
    let bare = format!("Authorization: {jwt}");
    check(&[
        AdviceCase {
            advice: "BETTER_AUTH_SECRET does not match the secret used by Better Auth",
            settings: vec![("BETTER_AUTH_URL", url), ("BETTER_AUTH_SECRET", OTHER_SECRET)],
            presented: Cookie(&account.cookie),
            reports: &["FAILED       signature", "copy BETTER_AUTH_SECRET", "wrong    secret"],
        },
        AdviceCase {
            advice: "401 Unauthorized (Clock Skew): allow for a few seconds of difference",
            settings: vec![("BETTER_AUTH_URL", issuer.url())],
            presented: Token(&ahead),
            reports: &["FAILED       times", "clock is", "set JWT_LEEWAY="],
        },
        AdviceCase {
            advice: "Token Format Error: send the Authorization: Bearer <token> header format",
            settings: vec![("BETTER_AUTH_URL", url)],
            presented: Token(&bare),
            reports: &[
                "FAILED       form",
                "does not start with `Bearer`",
                "Authorization: Bearer <token>",
            ],
        },
    ]);
}

#[tokio::test]
async fn single_sign_on_advice_is_reported() {
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
        AdviceCase {
            advice: "Invalid signature: JWKS cache stale after key rotation",
            settings: settings.clone(),
            presented: Token(&stale),
            reports: &[
                "kid \"rotated\" is not in the key set, which is 0 s old and has \"ed\"",
                "JWKS_URL",
            ],
        },
        AdviceCase {
            advice: "Token expired: implement token refresh on 401",
            settings,
            presented: Token(&old),
            reports: &["it expired 1 min", "take a new one", "as a front end does on 401"],
        },
        AdviceCase {
            advice: "Audience mismatch: verify SSO_CLIENT_ID matches token's aud claim",
            settings: client,
            presented: Token(&id),
            reports: &["its audience is \"app-1\"", "set SSO_CLIENT_ID=app-1"],
        },
    ]);
}

#[tokio::test]
async fn rejection_advice_is_reported() {
    let (server, account) = signed_up_account().await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str()), ("BETTER_AUTH_SECRET", AUTH_SECRET)];
    let missing = doctor(&settings, Cookie("theme=dark"));
    missing.has_verdict("absent", &["COOKIE_PREFIX"]);
    let mut altered: Vec<_> = server.jwt(&account).await.split('.').map(str::to_owned).collect();
    altered[1] = {
        use base64::Engine as _;
        let encoding = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let text = encoding.decode(&altered[1]).unwrap();
        let mut claims: Value = serde_json::from_slice(&text).unwrap();
        claims["role"] = "admin".into();
        encoding.encode(claims.to_string())
    };
    let run = doctor(&settings, Token(&altered.join(".")));
    run.is_rejected_by("signature", &["it was modified in transit", "JWKS_URL"]);
}
