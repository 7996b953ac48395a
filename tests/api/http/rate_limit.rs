//! Rate limits: query cost per caller and time, and failed credentials per address.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderMap};
use serde_json::{Value, json};

use super::observability::{metric, wait_for_metric};
use crate::streaming::graphql_ws::token;
use crate::support::app::{App, Backend, Client, GraphQlResponse};
use crate::support::auth_server::{Account, AuthServer, SECRET};
use crate::support::callers::{alice, bob, user};
use crate::support::cookie_cache_builder::CacheFormat;
use crate::support::redis::{self, RedisServer};
use crate::support::socket::Socket;

/// One point.
const POINT: &str = "{ __typename }";

async fn limited(rates: &str, flags: &[&str]) -> App {
    App::with(Backend::Sqlite, &[&["--rate-limit", rates], flags].concat()).await
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).unwrap_or_else(|| panic!("{name}: {headers:?}")).to_str().unwrap()
}

/// The number of operations of a point until the limit.
async fn allowed(who: &Client<'_>) -> usize {
    let mut allowed = 0;
    while who.ask(POINT).await.codes().is_empty() {
        allowed += 1;
        assert!(allowed < 1_000, "there is no limit");
    }
    allowed
}

#[tokio::test]
async fn caller_is_limited_by_cost() {
    let app = limited("100/h", &[]).await;
    let alice = app.by_jwt(&alice());
    // A page of five tasks, their connection, and five times two fields.
    let page = "{ tasks(first: 5) { nodes { id title } } }";
    let with_budget = json!({"query": page, "extensions": {"budget": true}});
    let answer = alice.send(&with_budget).await;
    let budget = &answer.body["extensions"]["budget"];
    let cost = budget["cost"].as_u64().unwrap();
    assert_eq!(budget["limit"], 100, "{}", answer.body);
    assert_eq!(budget["remaining"], 100 - cost);
    assert!(budget["resetSeconds"].as_u64().unwrap() <= 36 * cost);
    assert_eq!(header(&answer.headers, "ratelimit-policy"), "\"free\";q=100;w=3600");
    let left = format!("\"free\";r={};t=", 100 - cost);
    assert!(header(&answer.headers, "ratelimit").starts_with(&left), "{:?}", answer.headers);
    assert!(alice.ask(POINT).await.body.get("extensions").is_none(), "only when requested");
    let rest = allowed(&alice).await;
    assert_eq!(u64::try_from(rest).unwrap(), 100 - cost - 1);
    let (refused, statements) = app.statements_of(alice.ask(page)).await;
    assert!(statements.is_empty(), "{statements:?}");
    assert_eq!(refused.status, 429);
    assert_eq!(refused.codes(), ["RATE_LIMITED"]);
    let seconds = refused.error()["extensions"]["retryAfterSeconds"].as_u64().unwrap();
    assert!((1..=36 * cost).contains(&seconds), "{}", refused.body);
    assert_eq!(header(&refused.headers, "retry-after"), seconds.to_string());
    assert!(header(&refused.headers, "ratelimit").starts_with("\"free\";r=0;t="));
    assert_eq!(allowed(&app.by_jwt(&bob())).await, 100, "another user");
    assert_eq!(allowed(&app.anonymous()).await, 100, "an anonymous caller");
}

#[tokio::test]
async fn refusal_says_what_is_left() {
    let page = "{ tasks(first: 5) { nodes { id title } } }";
    let with_budget = json!({"query": page, "extensions": {"budget": true}});
    for flags in [&[][..], &["--redis-url", redis::url()]] {
        let app = limited("100/h", flags).await;
        let who = app.by_jwt(&user(&format!("refused-{}", uuid::Uuid::now_v7().simple())));
        let mut last = who.send(&with_budget).await.body;
        while last["errors"].is_null() {
            last = who.send(&with_budget).await.body;
        }
        let refused = who.send(&with_budget).await;
        assert_eq!(refused.status, 429);
        let seconds = header(&refused.headers, "retry-after");
        let budget = &refused.body["extensions"]["budget"];
        let (cost, left) =
            (budget["cost"].as_u64().unwrap(), budget["remaining"].as_u64().unwrap());
        assert!((1..cost).contains(&left), "{budget}");
        assert_eq!(budget["resetSeconds"].to_string(), seconds);
        let expected = format!("\"free\";r={left};t={seconds}");
        assert_eq!(header(&refused.headers, "ratelimit"), expected);
        assert_eq!(u64::try_from(allowed(&who).await).unwrap(), left, "it can be spent");
    }
}

#[tokio::test]
async fn stream_beyond_the_rate_gets_429() {
    let app = limited("1/h", &[]).await;
    let alice = app.by_jwt(&alice());
    alice.data(POINT).await;
    for (accept, document) in [
        ("text/event-stream", POINT),
        ("text/event-stream", "subscription { taskEvents { kind } }"),
        ("multipart/mixed;subscriptionSpec=1.0", "subscription { taskEvents { kind } }"),
    ] {
        let request = alice.request(Method::POST, "/graphql").header(ACCEPT, accept);
        let refused = request.json(&json!({"query": document})).send().await.unwrap();
        assert_eq!(refused.status(), 429, "{accept}: {document}");
        let seconds = header(refused.headers(), "retry-after").to_owned();
        let left = header(refused.headers(), "ratelimit");
        assert_eq!(left, format!("\"free\";r=0;t={seconds}"), "{accept}: {document}");
    }
}

#[tokio::test]
async fn rejected_documents_cost_a_point() {
    let app = limited("4/h", &[]).await;
    for (number, document) in
        ["{", "{ nothing }", "{ task }", "{ node(id: 1.5) { id } }"].iter().enumerate()
    {
        let who = user(&format!("of-{number}"));
        let who = app.by_jwt(&who);
        for _ in 0..4 {
            assert_ne!(who.ask(document).await.codes(), ["RATE_LIMITED"], "{document}");
        }
        assert_eq!(who.ask(document).await.codes(), ["RATE_LIMITED"], "{document}");
        assert_eq!(who.ask(POINT).await.status, 429, "{document}");
    }
}

#[tokio::test]
async fn rates_differ_by_tier() {
    let rates = "anonymous=2/h,free=3/h,premium=5/h,service=4/h";
    let app = limited(rates, &[]).await;
    assert_eq!(allowed(&app.anonymous()).await, 2);
    for (tier, points) in [("free", 3), ("premium", 5), ("enterprise", 5), ("unknown", 3)] {
        let who = user(&format!("of-{tier}")).with("tier", tier);
        assert_eq!(allowed(&app.by_jwt(&who)).await, points, "{tier}");
    }
}

#[tokio::test]
async fn each_api_key_has_its_own_budget() {
    let server = AuthServer::start(&json!({"apiKeys": true}));
    let account = server.sign_up("Keys", json!({})).await;
    let verify = format!("{}/api/verify-api-key", server.url);
    for flags in [&[][..], &["--api-key-verify-url", &verify]] {
        let app = server.app(&[&["--rate-limit", "3/h"], flags].concat()).await;
        for _ in 0..2 {
            let key = server.api_key(&account, json!({})).await;
            let by_key = app.anonymous().with_header("x-api-key", &key);
            assert_eq!(allowed(&by_key).await, 3, "{flags:?}");
        }
        assert_eq!(allowed(&app.by_cookie(&account.cookie)).await, 3, "the user's own budget");
    }
}

#[tokio::test]
async fn budget_is_replenished() {
    let app = limited("20/s", &[]).await;
    let alice = app.by_jwt(&alice());
    let allowed = allowed(&alice).await;
    assert!(allowed >= 20, "{allowed}");
    let began = Instant::now();
    while !alice.ask(POINT).await.codes().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5), "it is not replenished");
    }
}

#[tokio::test]
async fn spoofed_addresses_buy_nothing() {
    let app = limited("anonymous=3/h", &[]).await;
    let mut refused = 0;
    for number in 0..30 {
        let spoofed = format!("203.0.113.{number}");
        let who = app.anonymous().with_header("x-forwarded-for", &spoofed);
        refused += usize::from(who.ask(POINT).await.status == 429);
    }
    assert_eq!(refused, 27);
    let behind = limited("anonymous=1/h", &["--trusted-proxies", "127.0.0.1/32"]).await;
    let from = |address: &str| behind.anonymous().with_header("x-forwarded-for", address);
    for (address, status) in [
        ("203.0.113.1", 200),
        ("203.0.113.1", 429),
        ("203.0.113.2", 200),
        ("2001:db8:0:1::1", 200),
        ("2001:db8:0:1::2", 429),
        ("2001:db8:0:2::1", 200),
    ] {
        assert_eq!(from(address).ask(POINT).await.status, status, "{address}");
    }
}

#[tokio::test]
async fn operations_of_a_socket_are_limited() {
    let app = limited("free=4/h", &[]).await;
    let mut socket = Socket::by_bearer(&app, &token()).await;
    let mut codes = Vec::new();
    for id in 0..6 {
        let id = id.to_string();
        socket.execute(&id, POINT).await;
        codes.push(socket.next_message().await);
        if codes.last().is_some_and(|message| message["type"] == "next") {
            assert_eq!(socket.next_message().await["type"], "complete");
        }
    }
    let limited: Vec<bool> =
        codes.iter().map(|message: &Value| message.to_string().contains("RATE_LIMITED")).collect();
    assert_eq!(limited, [false, false, false, false, true, true], "{codes:?}");
    assert!(codes[5].to_string().contains("retryAfterSeconds"));
}

#[tokio::test]
async fn events_wait_for_their_budget() {
    // Ten times the rate of the subscription: twenty points a second. The other caller is the same user.
    let app = limited("free=2/s,premium=100000/s", &[]).await;
    let writer = app.by_jwt(&alice().with("tier", "premium"));
    let mut socket = Socket::by_bearer(&app, &token()).await;
    socket.subscribe_to_tasks("1", &writer).await;
    let titles: Vec<_> = (0..20).map(|number| format!("task {number}")).collect();
    let inputs: Vec<_> = titles.iter().map(|title| json!({"title": title})).collect();
    let create = "mutation($i: [CreateTaskInput!]!) { createTasks(inputs: $i) { tasks { id } } }";
    writer.data_with(create, json!({ "i": inputs })).await;
    for title in &titles {
        let (_, received) = socket.next_task_event().await;
        assert_eq!(received, **title, "each arrives, in order");
    }
    assert_ne!(metric(&app.url, "hallpass_delayed_events_total").await, "0");
}

/// A rejected credential of a made-up session.
async fn guess(app: &App, number: usize) -> GraphQlResponse {
    app.by_bearer(&format!("made-up-{number}")).ask(POINT).await
}

#[tokio::test]
async fn guessers_are_slowed_down_before_users() {
    let app = limited("anonymous=50/h,free=100/h", &[]).await;
    let known = app.by_jwt(&alice());
    known.data(POINT).await;
    let mut statuses = Vec::new();
    for number in 0..8 {
        statuses.push(guess(&app, number).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    let refused = guess(&app, 9).await;
    assert_eq!(refused.codes(), ["RATE_LIMITED"]);
    assert!(refused.headers.contains_key("retry-after"));
    let message = refused.error()["message"].as_str().unwrap();
    assert!(message.starts_with("Too many credentials"), "{message}");
    known.data(POINT).await;
    assert!(app.anonymous().ask(POINT).await.codes().is_empty(), "without a credential");
}

#[tokio::test]
async fn valid_credentials_are_no_guesses() {
    let mut settings = CacheFormat::Compact.settings();
    settings["apiKeys"] = true.into();
    let server = AuthServer::start(&settings);
    let flags = ["--rate-limit", "anonymous=50/h,free=100/h", "--session-cache-ttl", "1s"];
    let trust = ["--cookie-cache", "trust", "--better-auth-secret", SECRET];
    let app = server.app(&[&flags[..], &trust].concat()).await;
    let (one, new, other, gone) = (
        server.sign_up("One", json!({})).await,
        server.sign_up("New", json!({})).await,
        server.sign_up("Other", json!({})).await,
        server.sign_up("Gone", json!({})).await,
    );
    let cookie = |of: &Account| format!("better-auth.session_token={}", of.cookie_value("token"));
    let (jwt, key) = (server.jwt(&one).await, server.api_key(&one, json!({})).await);
    let used = [
        ("session token", app.by_bearer(&one.session_token)),
        ("session cookie", app.by_cookie(&cookie(&one))),
        ("cookie cache", app.by_cookie(&other.cookie)),
        ("JWT", app.by_bearer(&jwt)),
        ("API key", app.anonymous().with_header("x-api-key", &key)),
        ("session that ends", app.by_bearer(&gone.session_token)),
    ];
    for (what, client) in &used {
        assert_eq!(client.ask(POINT).await.status, 200, "{what}");
    }
    for number in 0..6 {
        guess(&app, number).await;
    }
    server.sign_out(&gone).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let (ended, used) = used.split_last().unwrap();
    for (what, client) in used {
        assert_eq!(client.ask(POINT).await.status, 200, "{what}, after SESSION_CACHE_TTL");
    }
    let renewed = app.by_cookie(&cookie(&other));
    assert_eq!(renewed.ask(POINT).await.status, 200, "the session of the cookie cache");
    let of_new = (server.jwt(&new).await, cookie(&new));
    assert_eq!(app.by_bearer(&of_new.0).ask(POINT).await.status, 200, "a new token");
    assert_eq!(app.by_cookie(&of_new.1).ask(POINT).await.status, 200, "a new session");
    let forged = |text: &str| text.replace(&text[text.len() - 20..text.len() - 10], "AAAAAAAAAA");
    assert_eq!(app.by_bearer(&forged(&of_new.0)).ask(POINT).await.status, 429);
    assert_eq!(app.by_cookie(&forged(&of_new.1)).ask(POINT).await.status, 429);
    assert_eq!(ended.1.ask(POINT).await.status, 401, "it was known until now");
    assert_eq!(ended.1.ask(POINT).await.status, 429, "it is forgotten");
    assert_eq!(app.by_bearer(&other.session_token).ask(POINT).await.status, 429, "never used");
    let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for line in [
        "hallpass_authentications_total{outcome=\"refused\"} 5",
        "hallpass_budget_refusals_total{payer=\"failed_credentials\"} 5",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn expired_tokens_are_no_guesses() {
    let app = limited("anonymous=10/h", &[]).await;
    let expired = alice().with("exp", 1_000_000_000);
    for _ in 0..5 {
        assert_eq!(app.by_jwt(&expired).ask(POINT).await.status, 401);
    }
    app.by_jwt(&bob()).data(POINT).await;
}

#[tokio::test]
async fn unsigned_webhooks_are_limited() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let app = limited("anonymous=20/h", &["--revocation-secret", secret]).await;
    let send = async || {
        let request = app.anonymous().request(Method::POST, "/revocations");
        let request = request
            .header("content-type", "application/json")
            .header("webhook-id", "a")
            .header("webhook-timestamp", hallpass_data::now().timestamp().to_string())
            .header("webhook-signature", "v1,bWFkZSB1cA==");
        request.body("{}").send().await.unwrap().status().as_u16()
    };
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(send().await);
    }
    assert_eq!(statuses, [401, 401, 429, 429, 429]);
}

/// Operations of a point on two nodes in turn, until both are at the limit.
async fn allowed_on(nodes: [&Client<'_>; 2]) -> usize {
    let (mut allowed, mut refused) = (0, [false; 2]);
    while refused != [true; 2] {
        for (who, refused) in nodes.into_iter().zip(&mut refused) {
            let is_allowed = who.ask(POINT).await.codes().is_empty();
            allowed += usize::from(is_allowed);
            *refused = !is_allowed;
        }
        assert!(allowed < 1_000, "there is no limit");
    }
    allowed
}

#[tokio::test]
async fn nodes_share_budgets_in_redis() {
    let flags = ["--redis-url", redis::url()];
    let (one, other) = (limited("200/h", &flags).await, limited("200/h", &flags).await);
    let mut results: Vec<usize> = Vec::new();
    let is_kept = |results: &[usize]| results.iter().any(|it| (170..=200).contains(it));
    // Each node counts for itself while Redis answers late, which a busy machine causes.
    while results.len() < 5 && !is_kept(&results) {
        let shared = user(&format!("of-two-nodes-{}", uuid::Uuid::now_v7().simple()));
        results.push(allowed_on([&one.by_jwt(&shared), &other.by_jwt(&shared)]).await);
    }
    assert!(is_kept(&results), "{results:?} of 200");
}

#[tokio::test]
async fn retry_after_holds_on_every_node() {
    let flags = ["--redis-url", redis::url()];
    let (one, other) = (limited("50/min", &flags).await, limited("50/min", &flags).await);
    let two_points = "{ viewer { id } }";
    for _ in 0..10 {
        let shared = user(&format!("who-waits-{}", uuid::Uuid::now_v7().simple()));
        let (one, other) = (one.by_jwt(&shared), other.by_jwt(&shared));
        // The first node has a point in advance, and the other one spends the rest.
        one.ask(POINT).await;
        allowed(&other).await;
        let refused = one.ask(two_points).await;
        let has_one_left = header(&refused.headers, "ratelimit").contains(";r=1;");
        if refused.codes() != ["RATE_LIMITED"] || !has_one_left {
            // On a busy machine there are two points again, or Redis answers late.
            continue;
        }
        let error = &refused.body["errors"][0]["extensions"];
        let seconds = error["retryAfterSeconds"].as_u64().unwrap();
        assert_eq!(header(&refused.headers, "retry-after"), seconds.to_string());
        assert!(seconds <= 4, "{seconds} s for two points of 1.2 s");
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        other.data(two_points).await;
        return;
    }
    panic!("no operation is refused with a point left");
}

/// The points that ten operations at once spend, again and again, until none is allowed.
async fn spent_at_once(who: &Client<'_>) -> u64 {
    // More than a node takes in advance.
    let page = "{ tasks(first: 5) { nodes { id title } } }";
    let with_budget = json!({"query": page, "extensions": {"budget": true}});
    let cost = who.send(&with_budget).await.body["extensions"]["budget"]["cost"].as_u64().unwrap();
    let mut done = 1;
    loop {
        let answers = join_all((0..10).map(|_| who.ask(page))).await;
        let allowed = answers.iter().filter(|answer| answer.codes().is_empty()).count();
        done += u64::try_from(allowed).unwrap();
        if allowed == 0 {
            return done * cost;
        }
    }
}

#[tokio::test]
async fn concurrent_operations_keep_to_the_budget() {
    let app = limited("200/h", &["--redis-url", redis::url()]).await;
    let mut results: Vec<u64> = Vec::new();
    let is_kept = |results: &[u64]| results.iter().any(|spent| (180..=200).contains(spent));
    // A node has a share only while Redis answers late, which a busy machine causes.
    while results.len() < 5 && !is_kept(&results) {
        let shared = user(&format!("at-once-{}", uuid::Uuid::now_v7().simple()));
        results.push(spent_at_once(&app.by_jwt(&shared)).await);
    }
    assert!(is_kept(&results), "{results:?} of 200");
}

#[tokio::test]
async fn redis_outage_grants_no_new_budget() {
    let server = RedisServer::start();
    let url = server.url();
    let flags = ["--redis-url", url.as_str()];
    let (one, other) = (limited("100/h", &flags).await, limited("100/h", &flags).await);
    wait_for_metric(&one.url, "hallpass_redis_nodes", "2").await;
    wait_for_metric(&other.url, "hallpass_redis_nodes", "2").await;
    let (one, other) = (one.by_jwt(&alice()), other.by_jwt(&alice()));
    let before = allowed_on([&one, &other]).await;
    server.stop();
    let after = allowed_on([&one, &other]).await;
    assert!((95..=110).contains(&(before + after)), "one budget: {before} + {after}");
}

#[tokio::test]
async fn redis_outage_costs_precision_only() {
    let server = RedisServer::start();
    let url = server.url();
    let flags = ["--redis-url", url.as_str()];
    let (one, other) = (limited("100/h", &flags).await, limited("100/h", &flags).await);
    wait_for_metric(&one.url, "hallpass_redis_nodes", "2").await;
    wait_for_metric(&other.url, "hallpass_redis_nodes", "2").await;
    let of_alice = [one.by_jwt(&alice()), other.by_jwt(&alice())];
    for _ in 0..10 {
        of_alice[0].data(POINT).await;
    }
    let port = server.stop();
    let allowed = allowed_on(of_alice.each_ref()).await;
    assert!((85..=100).contains(&allowed), "each node has half of the budget: {allowed}");
    let _server = RedisServer::at(port);
    let began = Instant::now();
    for number in 0.. {
        let user = user(&format!("after-{number}"));
        if allowed_on([&one.by_jwt(&user), &other.by_jwt(&user)]).await <= 100 {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "Redis is not used again");
    }
    // Redis has lost the budgets, and learns what each node granted itself: half of the budget.
    let allowed = allowed_on(of_alice.each_ref()).await;
    assert!(allowed <= 60, "a part of the budget is there again: {allowed}");
}
