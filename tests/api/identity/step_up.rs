//! Step-up authentication: the most sensitive fields need a caller whom the auth server confirmed recently.
//! The session is validated again if possible; otherwise the user has to sign in again.

use chrono::TimeDelta;
use hallpass_data::now;
use serde_json::{Value, json};

use crate::support::app::{App, Backend, Client};
use crate::support::auth_server::{Account, AuthServer, GET_SESSION, SECRET};
use crate::support::callers::alice;
use crate::support::cookie_cache_builder::{CacheFormat, content};

/// A chapter of the highest tier.
const TOP: &str = "{ chapter(slug: \"learning-to-act\") { title personalized { level } } }";
/// A chapter of the tier below.
const BELOW: &str = "{ chapter(slug: \"feedback-control\") { personalized { level } } }";

async fn code_of(who: &Client<'_>, query: &str) -> Value {
    let answer = who.ask(query).await;
    answer.codes().first().map_or(Value::Null, |code| json!(code))
}

#[tokio::test]
async fn token_age_limits_top_tier_access() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let issued = |minutes: i64| (now() - TimeDelta::minutes(minutes)).timestamp();
    let expires = (now() + TimeDelta::hours(1)).timestamp();
    let aged =
        |minutes| alice().tier("enterprise").with("iat", issued(minutes)).with("exp", expires);
    assert_eq!(code_of(&app.by_jwt(&aged(10)), TOP).await, Value::Null);
    let old = app.by_jwt(&aged(20));
    assert_eq!(code_of(&old, BELOW).await, Value::Null, "any age is accepted for other chapters");
    let answer = old.ask(TOP).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["data"]["chapter"]["title"], "Learning to act", "the rest is resolved");
    let rejection = &answer.error()["extensions"];
    assert_eq!(rejection["code"], "REAUTHENTICATION_REQUIRED");
    assert_eq!(rejection["missing"], json!(["FRESH_FOR_TOP_TIER(900s)"]));
    let poor = app.by_jwt(&aged(20).tier("premium"));
    assert_eq!(code_of(&poor, TOP).await, "FORBIDDEN", "signing in again would not help");
}

/// An account with a cookie cache of twenty minutes ago, when it had the highest tier.
async fn with_stale_cache(server: &AuthServer) -> (Account, App, String) {
    let account = server.sign_up("Fresh", json!({})).await;
    let mut cached = content(&account.session_token);
    cached["session"]["userId"] = account.id.as_str().into();
    cached["user"]["id"] = account.id.as_str().into();
    cached["updatedAt"] = (now() - TimeDelta::minutes(20)).timestamp_millis().into();
    let data = CacheFormat::Compact.encode(&cached, 600);
    let token = account.cookie_value("session_token");
    let cookie = format!("better-auth.session_token={token}; better-auth.session_data={data}");
    (account, trusting(server).await, cookie)
}

/// A server with an empty session cache.
async fn trusting(server: &AuthServer) -> App {
    let flags = ["--cookie-cache", "trust", "--better-auth-secret", SECRET];
    server.app(&flags).await.with_courses().await
}

#[tokio::test]
async fn stale_session_is_revalidated_for_step_up() {
    let server = CacheFormat::Compact.start();
    let (account, app, cookie) = with_stale_cache(&server).await;
    let who = app.by_cookie(&cookie);
    let before = server.request_count(GET_SESSION).await;
    assert_eq!(code_of(&who, BELOW).await, Value::Null, "the cookie cache is trusted");
    assert_eq!(server.request_count(GET_SESSION).await, before);
    assert_eq!(code_of(&who, TOP).await, "FORBIDDEN", "the current tier is free");
    assert_eq!(server.request_count(GET_SESSION).await, before + 1);
    server.set_user(&account, json!({"tier": "enterprise"})).await;
    let app = trusting(&server).await;
    let who = app.by_cookie(&cookie);
    assert_eq!(code_of(&who, TOP).await, Value::Null);
    let requests = server.request_count(GET_SESSION).await;
    assert_eq!(code_of(&who, TOP).await, Value::Null);
    assert_eq!(server.request_count(GET_SESSION).await, requests, "it was confirmed just now");
    server.sign_out(&account).await;
    let app = trusting(&server).await;
    let answer = app.by_cookie(&cookie).ask(TOP).await;
    assert_eq!(answer.codes(), ["REAUTHENTICATION_REQUIRED"]);
}

#[tokio::test]
async fn step_up_result_is_reused_in_resolver() {
    let server = CacheFormat::Compact.start();
    let (account, _, cookie) = with_stale_cache(&server).await;
    let analytics = "{ analytics { totalUsers } }";
    let erase = "mutation { eraseUser(id: \"unknown\") { report { total } } }";
    for document in [analytics, erase] {
        let app = trusting(&server).await;
        let answer = app.by_cookie(&cookie).ask(document).await;
        assert_eq!(answer.codes(), ["FORBIDDEN"], "the current role is not admin: {document}");
    }
    server.set_user(&account, json!({"role": "admin"})).await;
    for document in [analytics, erase] {
        let app = trusting(&server).await;
        let before = server.request_count(GET_SESSION).await;
        app.by_cookie(&cookie).data(document).await;
        assert_eq!(
            server.request_count(GET_SESSION).await,
            before + 1,
            "one validation: {document}"
        );
    }
}

#[tokio::test]
async fn step_up_unavailable_is_not_denied() {
    let server = CacheFormat::Compact.start();
    let (_, app, cookie) = with_stale_cache(&server).await;
    let who = app.by_cookie(&cookie);
    server.set_mode("error500").await;
    assert_eq!(code_of(&who, BELOW).await, Value::Null);
    let answer = who.ask(TOP).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"]);
}

#[tokio::test]
async fn step_up_rejects_a_different_user() {
    let server = CacheFormat::Compact.start();
    let account = server.sign_up("Other", json!({})).await;
    server.set_user(&account, json!({"tier": "enterprise"})).await;
    let mut cached = content(&account.session_token);
    cached["updatedAt"] = (now() - TimeDelta::minutes(20)).timestamp_millis().into();
    let data = CacheFormat::Compact.encode(&cached, 600);
    let token = account.cookie_value("session_token");
    let cookie = format!("better-auth.session_token={token}; better-auth.session_data={data}");
    let app = trusting(&server).await;
    let who = app.by_cookie(&cookie);
    assert_eq!(who.data("{ viewer { id } }").await["viewer"]["id"], "cached-user");
    assert_eq!(code_of(&who, TOP).await, "REAUTHENTICATION_REQUIRED");
    assert_eq!(server.request_count(GET_SESSION).await, 1, "get-session returned another user");
}

/// The chapter of the highest tier, ten times.
fn top_chapter_ten_times() -> String {
    let chapters = (0..10).map(|nth| {
        format!("c{nth}: chapter(slug: \"learning-to-act\") {{ personalized {{ level }} }} ")
    });
    format!("{{ {} }}", chapters.collect::<String>())
}

#[tokio::test]
async fn step_up_runs_once_per_operation() {
    let server = CacheFormat::Compact.start();
    let (account, app, cookie) = with_stale_cache(&server).await;
    server.set_user(&account, json!({"tier": "enterprise"})).await;
    let before = server.request_count(GET_SESSION).await;
    app.by_cookie(&cookie).data(&top_chapter_ten_times()).await;
    assert_eq!(server.request_count(GET_SESSION).await, before + 1);
    server.sign_out(&account).await;
    let app = trusting(&server).await;
    let answer = app.by_cookie(&cookie).ask(&top_chapter_ten_times()).await;
    assert_eq!(answer.codes(), ["REAUTHENTICATION_REQUIRED"; 10]);
    assert_eq!(server.request_count(GET_SESSION).await, before + 2);
    server.set_mode("error500").await;
    let app = trusting(&server).await;
    let answer = app.by_cookie(&cookie).ask(&top_chapter_ten_times()).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"; 10]);
    assert_eq!(server.request_count(GET_SESSION).await, before + 3);
}

#[tokio::test]
async fn can_predicts_the_read_result() {
    let server = CacheFormat::Compact.start();
    let (account, app, cookie) = with_stale_cache(&server).await;
    let beforehand = "{ chapter(slug: \"learning-to-act\") { viewer { canRead } } }";
    let can_read = async |app: &App| {
        let data = app.by_cookie(&cookie).data(beforehand).await;
        data["chapter"]["viewer"]["canRead"].clone()
    };
    assert_eq!(can_read(&app).await, false, "the current tier is free");
    server.set_user(&account, json!({"tier": "enterprise"})).await;
    assert_eq!(can_read(&trusting(&server).await).await, true);
    server.set_mode("error500").await;
    let answer = trusting(&server).await.by_cookie(&cookie).ask(beforehand).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"]);
}
