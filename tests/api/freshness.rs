//! What costs most is for callers whom the auth server confirmed lately: asked again where the credential
//! allows it, else told to sign in anew.

use chrono::TimeDelta;
use hallpass_data::now;
use serde_json::{Value, json};

use crate::app::{App, Backend, Client};
use crate::auth_server::{Account, AuthServer, GET_SESSION, SECRET};
use crate::forge::{Form, content};
use crate::people::alice;

/// A chapter of the highest tier.
const TOP: &str = "{ chapter(slug: \"learning-to-act\") { title personalized { level } } }";
/// A chapter of the tier below.
const BELOW: &str = "{ chapter(slug: \"feedback-control\") { personalized { level } } }";

async fn code_of(who: &Client<'_>, query: &str) -> Value {
    let answer = who.ask(query).await;
    answer.codes().first().map_or(Value::Null, |code| json!(code))
}

#[tokio::test]
async fn a_signed_token_is_good_for_the_highest_tier_while_it_is_young() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let issued = |minutes: i64| (now() - TimeDelta::minutes(minutes)).timestamp();
    let expires = (now() + TimeDelta::hours(1)).timestamp();
    let aged =
        |minutes| alice().tier("enterprise").with("iat", issued(minutes)).with("exp", expires);
    assert_eq!(code_of(&app.by_jwt(&aged(10)), TOP).await, Value::Null);
    let old = app.by_jwt(&aged(20));
    assert_eq!(code_of(&old, BELOW).await, Value::Null, "any age does for other chapters");
    let answer = old.ask(TOP).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["data"]["chapter"]["title"], "Learning to act", "the rest is answered");
    let refusal = &answer.error()["extensions"];
    assert_eq!(refusal["code"], "REAUTHENTICATION_REQUIRED");
    assert_eq!(refusal["missing"], json!(["FRESH_FOR_TOP_TIER(900s)"]));
    let poor = app.by_jwt(&aged(20).tier("premium"));
    assert_eq!(code_of(&poor, TOP).await, "FORBIDDEN", "to sign in anew would not help");
}

/// Somebody whose browser holds a cookie cache of twenty minutes ago, when they had the highest tier.
async fn remembered(server: &AuthServer) -> (Account, App, String) {
    let account = server.sign_up("Fresh", json!({})).await;
    let mut cached = content(&account.session_token);
    cached["session"]["userId"] = account.id.as_str().into();
    cached["user"]["id"] = account.id.as_str().into();
    cached["updatedAt"] = (now() - TimeDelta::minutes(20)).timestamp_millis().into();
    let data = Form::Compact.bake(&cached, 600);
    let token = account.cookie_value("session_token");
    let cookie = format!("better-auth.session_token={token}; better-auth.session_data={data}");
    (account, trusting(server).await, cookie)
}

/// A server that has asked about nobody yet.
async fn trusting(server: &AuthServer) -> App {
    let flags = ["--cookie-cache", "trust", "--better-auth-secret", SECRET];
    server.app(&flags).await.with_courses().await
}

#[tokio::test]
async fn a_session_is_asked_about_again_where_it_has_to_be_fresh() {
    let server = Form::Compact.start();
    let (account, app, cookie) = remembered(&server).await;
    let who = app.by_cookie(&cookie);
    let before = server.asked(GET_SESSION).await;
    assert_eq!(code_of(&who, BELOW).await, Value::Null, "the cookie is believed");
    assert_eq!(server.asked(GET_SESSION).await, before);
    assert_eq!(code_of(&who, TOP).await, "FORBIDDEN", "in truth the tier is free by now");
    assert_eq!(server.asked(GET_SESSION).await, before + 1);
    server.set_user(&account, json!({"tier": "enterprise"})).await;
    let app = trusting(&server).await;
    let who = app.by_cookie(&cookie);
    assert_eq!(code_of(&who, TOP).await, Value::Null);
    let asked = server.asked(GET_SESSION).await;
    assert_eq!(code_of(&who, TOP).await, Value::Null);
    assert_eq!(server.asked(GET_SESSION).await, asked, "it was confirmed just now");
    server.sign_out(&account).await;
    let app = trusting(&server).await;
    let answer = app.by_cookie(&cookie).ask(TOP).await;
    assert_eq!(answer.codes(), ["REAUTHENTICATION_REQUIRED"]);
}

#[tokio::test]
async fn what_asks_again_at_its_door_is_done_behind_it() {
    let server = Form::Compact.start();
    let (account, _, cookie) = remembered(&server).await;
    let analytics = "{ analytics { totalUsers } }";
    let erase = "mutation { eraseUser(id: \"nobody\") { total } }";
    for document in [analytics, erase] {
        let app = trusting(&server).await;
        let answer = app.by_cookie(&cookie).ask(document).await;
        assert_eq!(answer.codes(), ["FORBIDDEN"], "in truth they are no administrator: {document}");
    }
    server.set_user(&account, json!({"role": "admin"})).await;
    for document in [analytics, erase] {
        let app = trusting(&server).await;
        let before = server.asked(GET_SESSION).await;
        app.by_cookie(&cookie).data(document).await;
        assert_eq!(server.asked(GET_SESSION).await, before + 1, "once is enough: {document}");
    }
}

#[tokio::test]
async fn while_the_auth_server_is_away_nobody_is_confirmed_and_nobody_is_refused() {
    let server = Form::Compact.start();
    let (_, app, cookie) = remembered(&server).await;
    let who = app.by_cookie(&cookie);
    server.set_mode("error500").await;
    assert_eq!(code_of(&who, BELOW).await, Value::Null);
    let answer = who.ask(TOP).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"]);
}

#[tokio::test]
async fn whoever_turns_out_to_be_somebody_else_is_not_confirmed() {
    let server = Form::Compact.start();
    let account = server.sign_up("Other", json!({})).await;
    server.set_user(&account, json!({"tier": "enterprise"})).await;
    let mut cached = content(&account.session_token);
    cached["updatedAt"] = (now() - TimeDelta::minutes(20)).timestamp_millis().into();
    let data = Form::Compact.bake(&cached, 600);
    let token = account.cookie_value("session_token");
    let cookie = format!("better-auth.session_token={token}; better-auth.session_data={data}");
    let app = trusting(&server).await;
    let who = app.by_cookie(&cookie);
    assert_eq!(who.data("{ viewer { id } }").await["viewer"]["id"], "cached-user");
    assert_eq!(code_of(&who, TOP).await, "REAUTHENTICATION_REQUIRED");
    assert_eq!(server.asked(GET_SESSION).await, 1, "it was asked, and said another name");
}

/// The chapter of the highest tier, ten times.
fn ten_times() -> String {
    let chapters = (0..10).map(|nth| {
        format!("c{nth}: chapter(slug: \"learning-to-act\") {{ personalized {{ level }} }} ")
    });
    format!("{{ {} }}", chapters.collect::<String>())
}

#[tokio::test]
async fn however_many_fields_want_to_know_the_auth_server_is_asked_once_whatever_it_says() {
    let server = Form::Compact.start();
    let (account, app, cookie) = remembered(&server).await;
    server.set_user(&account, json!({"tier": "enterprise"})).await;
    let before = server.asked(GET_SESSION).await;
    app.by_cookie(&cookie).data(&ten_times()).await;
    assert_eq!(server.asked(GET_SESSION).await, before + 1);
    server.sign_out(&account).await;
    let app = trusting(&server).await;
    let answer = app.by_cookie(&cookie).ask(&ten_times()).await;
    assert_eq!(answer.codes(), ["REAUTHENTICATION_REQUIRED"; 10]);
    assert_eq!(server.asked(GET_SESSION).await, before + 2);
    server.set_mode("error500").await;
    let app = trusting(&server).await;
    let answer = app.by_cookie(&cookie).ask(&ten_times()).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"; 10]);
    assert_eq!(server.asked(GET_SESSION).await, before + 3);
}

#[tokio::test]
async fn whoever_asks_beforehand_is_told_what_the_deed_would_tell() {
    let server = Form::Compact.start();
    let (account, app, cookie) = remembered(&server).await;
    let beforehand = "{ chapter(slug: \"learning-to-act\") { viewer { canRead } } }";
    let can_read = async |app: &App| {
        let data = app.by_cookie(&cookie).data(beforehand).await;
        data["chapter"]["viewer"]["canRead"].clone()
    };
    assert_eq!(can_read(&app).await, false, "in truth the tier is free by now");
    server.set_user(&account, json!({"tier": "enterprise"})).await;
    assert_eq!(can_read(&trusting(&server).await).await, true);
    server.set_mode("error500").await;
    let answer = trusting(&server).await.by_cookie(&cookie).ask(beforehand).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"]);
}
