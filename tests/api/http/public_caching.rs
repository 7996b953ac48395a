//! Responses that HTTP caches may store, and all others.

use reqwest::header::{CACHE_CONTROL, CONTENT_LENGTH, ETAG, IF_NONE_MATCH, VARY};
use reqwest::{Method, Response, Url};
use serde_json::{Value, json};

use crate::support::app::{App, Backend, Client, application};
use crate::support::auth_server::AuthServer;
use crate::support::callers::alice;

const COURSES: &str = "{ courses { nodes { id title } } chapter(slug: \"none\") { id } }";
const CACHED: &str = "public, max-age=30, stale-while-revalidate=30";

async fn get(who: &Client<'_>, query: &str, headers: &[(&str, &str)]) -> Response {
    let mut url = Url::parse("http://a/graphql").unwrap();
    url.query_pairs_mut().append_pair("query", query);
    let mut request = who.request(Method::GET, &format!("/graphql?{}", url.query().unwrap()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

fn cache_control(response: &Response) -> &str {
    response.headers()[CACHE_CONTROL].to_str().unwrap()
}

#[tokio::test]
async fn shared_rows_are_cached_and_revalidated() {
    let flags = ["--rate-limit", "10000/min"];
    let app = App::with(Backend::Sqlite, &flags).await.with_courses().await;
    let guest = app.anonymous();
    let first = get(&guest, COURSES, &[]).await;
    assert_eq!(cache_control(&first), CACHED);
    assert!(!first.headers().contains_key("ratelimit"), "a budget is that of one address");
    let vary: Vec<_> = first
        .headers()
        .get_all(VARY)
        .iter()
        .map(|it| it.to_str().unwrap().to_lowercase())
        .collect();
    let vary = vary.join(",");
    for name in ["accept", "accept-encoding", "authorization", "cookie", "origin", "x-api-key"] {
        assert!(vary.split(',').any(|it| it.trim() == name), "{name}: {vary}");
    }
    let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    for accepted in [None, Some("gzip")] {
        let mut headers = vec![("if-none-match", tag.as_str())];
        headers.extend(accepted.map(|coding| ("accept-encoding", coding)));
        let again = get(&guest, COURSES, &headers).await;
        assert_eq!(again.status(), 304);
        assert_eq!(
            (cache_control(&again), &again.headers()[ETAG]),
            (CACHED, &first.headers()[ETAG])
        );
        assert!(
            again.headers().get_all(VARY).iter().any(|it| it.to_str().unwrap().contains("Cookie"))
        );
        assert_eq!(again.text().await.unwrap(), "");
    }
    let graphql = get(&guest, COURSES, &[("accept", "application/graphql-response+json")]).await;
    assert_ne!(graphql.headers()[ETAG], first.headers()[ETAG], "another media type");
    app.unpublish("physical-ai").await;
    let changed = get(&guest, COURSES, &[(IF_NONE_MATCH.as_str(), &tag)]).await;
    assert_eq!((changed.status().as_u16(), cache_control(&changed)), (200, CACHED));
    assert_ne!(changed.headers()[CONTENT_LENGTH], "0");
}

#[tokio::test]
async fn other_responses_are_never_stored() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let guest = app.anonymous();
    for query in [
        "{ publicTasks { nodes { id } } }",
        "{ courses { nodes { id } } viewer { id } }",
        "{ courses { nodes { id } } publicTasks { nodes { id } } }",
        "{ ...A } fragment A on Query { courses { nodes { id } } can(action: EDIT_CHAPTER, id: \"x\") { allowed } }",
        "{ courses(first: 1000) { nodes { id } } }",
        "{ courses { nothing } }",
        "{ __typename }",
        "{",
    ] {
        let response = get(&guest, query, &[(IF_NONE_MATCH.as_str(), "*")]).await;
        assert_eq!(cache_control(&response), "no-store", "{query}");
        assert_ne!(response.status(), 304, "{query}");
        assert!(!response.headers().contains_key(ETAG), "{query}");
    }
    let posted = guest.ask(COURSES).await;
    assert_eq!(posted.headers["cache-control"], "no-store", "a POST");
    let budget = format!("/graphql?query={COURSES}&extensions={}", json!({"budget": true}));
    let budget = guest.request(Method::GET, &budget).send().await.unwrap();
    assert_eq!(cache_control(&budget), "no-store", "the budget of an address");
}

#[tokio::test]
async fn credentials_prevent_caching() {
    let server = AuthServer::start(&json!({"apiKeys": {}}));
    let app = server.app(&[]).await.with_courses().await;
    let account = server.sign_up("uncached", json!({})).await;
    let key = server.api_key(&account, json!({})).await;
    let preflight = ("graphql-require-preflight", "1");
    let bearer = format!("Bearer {}", server.jwt(&account).await);
    for (name, header) in [
        ("authorization", bearer.as_str()),
        ("x-api-key", key.as_str()),
        ("cookie", account.cookie.as_str()),
        ("authorization", "Bearer forged"),
    ] {
        let response = get(&app.anonymous(), COURSES, &[(name, header), preflight]).await;
        assert_eq!(cache_control(&response), "no-store", "{name}");
        assert!(!response.headers().contains_key(ETAG), "{name}");
    }
    let other = get(&app.by_cookie("theme=dark"), COURSES, &[]).await;
    assert_eq!(cache_control(&other), CACHED, "no credential");
}

/// What caches reuse is what every anonymous caller sees, so its rule is PUBLIC.
#[test]
fn cached_fields_are_public() {
    let sdl = include_str!("../../../schema.graphql");
    let (_, query) = sdl.split_once("\ntype Query {").unwrap();
    let (query, _) = query.split_once("\n}").unwrap();
    let names: Vec<_> = application().public_caching().map(|(name, _)| name).collect();
    assert_eq!(names, ["courses", "course", "chapters", "chapter"]);
    for name in names {
        let field = query.lines().find(|line| {
            let rest = line.trim().strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['(', ':']))
        });
        assert!(field.unwrap().contains("@access(rule: \"PUBLIC\""), "{name}");
    }
}

/// A signed-in caller's response is the same with and without caching hints.
#[tokio::test]
async fn cached_response_equals_that_of_a_post() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let cached: Value = get(&app.anonymous(), COURSES, &[]).await.json().await.unwrap();
    assert_eq!(cached, app.anonymous().ask(COURSES).await.body);
    let (own, posted) = (app.by_jwt(&alice()), app.by_jwt(&alice()).ask(COURSES).await.body);
    assert_eq!(get(&own, COURSES, &[]).await.json::<Value>().await.unwrap(), posted);
}
