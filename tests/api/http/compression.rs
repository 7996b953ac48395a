//! Compression of responses, and for whom there is none (BREACH).

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use crate::cli::commands::Process;
use crate::streaming::graphql_sse::TASKS;
use crate::support::app::{App, Backend, Client, client};
use crate::support::auth_server::AuthServer;
use crate::support::callers::alice;

/// A response of more than 1 KiB.
const LONG: &str =
    "{ courses { nodes { id slug title description } } chapters { nodes { id slug title } } }";
const ALL: &str = "gzip, deflate, br, zstd";

async fn post(who: &Client<'_>, query: &str, headers: &[(&str, &str)]) -> Response {
    let mut request =
        who.request(Method::POST, "/graphql").header(CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(json!({ "query": query }).to_string()).send().await.unwrap()
}

/// The coding of a response, `None` if it is not compressed.
fn coding(response: &Response) -> Option<&str> {
    response.headers().get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap())
}

async fn decoded(response: Response) -> Value {
    let coding = coding(&response).unwrap().to_owned();
    let bytes = response.bytes().await.unwrap();
    let mut text = String::new();
    match coding.as_str() {
        "gzip" => GzipDecoder::new(&bytes[..]).read_to_string(&mut text).await,
        "br" => BrotliDecoder::new(&bytes[..]).read_to_string(&mut text).await,
        "zstd" => ZstdDecoder::new(&bytes[..]).read_to_string(&mut text).await,
        other => panic!("an unknown coding: {other}"),
    }
    .unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn long_response_has_the_accepted_coding() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let plain = app.anonymous().ask(LONG).await;
    assert!(plain.body.to_string().len() > 1024);
    for accepted in ["gzip", "br", "zstd"] {
        let response = post(&app.anonymous(), LONG, &[("accept-encoding", accepted)]).await;
        assert_eq!(coding(&response), Some(accepted));
        let vary = response.headers().get_all(VARY).iter();
        assert!(vary.map(|value| value.to_str().unwrap()).any(|it| it.contains("Accept-Encoding")));
        assert!(response.content_length().is_none_or(|length| length < 1024), "it is shorter");
        assert_eq!(decoded(response).await, plain.body);
    }
    for accepted in ["deflate", "identity", "identity;q=0", "gzip;q=0, br;q=0"] {
        let response = post(&app.anonymous(), LONG, &[("accept-encoding", accepted)]).await;
        assert_eq!((response.status().as_u16(), coding(&response)), (200, None), "{accepted}");
    }
    let by_token = post(&app.by_jwt(&alice()), LONG, &[("accept-encoding", ALL)]).await;
    assert_eq!(coding(&by_token), Some("br"), "a page of another site has no token");
}

#[tokio::test]
async fn short_responses_are_not_compressed() {
    let app = App::start(Backend::Sqlite).await;
    for query in ["{ __typename }", "{ nothing }", "{"] {
        let response = post(&app.anonymous(), query, &[("accept-encoding", ALL)]).await;
        assert_eq!(coding(&response), None, "{query}");
    }
}

#[tokio::test]
async fn streams_are_not_compressed() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let who = app.by_jwt(&alice());
    for accept in ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0"] {
        for query in [LONG, TASKS] {
            let headers = [("accept-encoding", ALL), ("accept", accept)];
            let stream = post(&who, query, &headers).await;
            let (media, _) = accept.split_once(';').unwrap_or((accept, ""));
            assert!(stream.headers()[CONTENT_TYPE].to_str().unwrap().starts_with(media));
            assert_eq!(coding(&stream), None, "{accept}: {query}");
        }
    }
}

#[tokio::test]
async fn cookie_is_compressed_for_its_own_site_only() {
    let server = AuthServer::shared();
    let app = server.app(&["--allowed-origins", "https://app.example"]).await.with_courses().await;
    let account = server.sign_up("Compressed", json!({})).await;
    let origin = ("origin", "https://app.example");
    for cookie in [account.cookie.as_str(), "theme=dark"] {
        let who = app.by_cookie(cookie);
        for (site, expected) in [
            (Some("same-origin"), Some("br")),
            (Some("same-site"), Some("br")),
            (Some("cross-site"), None),
            (Some("none"), None),
            (None, None),
        ] {
            let mut headers = vec![("accept-encoding", ALL), origin];
            headers.extend(site.map(|site| ("sec-fetch-site", site)));
            let response = post(&who, LONG, &headers).await;
            assert_eq!(response.status(), 200, "{site:?}");
            assert_eq!(coding(&response), expected, "{site:?}");
        }
    }
    let other = [("accept-encoding", ALL), ("origin", "https://evil.example")];
    let rejected = post(&app.by_cookie(&account.cookie), LONG, &other).await;
    assert_eq!((rejected.status().as_u16(), coding(&rejected)), (403, None), "nothing is read");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_personas_are_not_compressed() {
    let server = Process::start(&[]);
    let get = |path: &str, accept: &str| {
        let request = client().get(format!("{}{path}", server.url)).header(ACCEPT, accept);
        request.header(ACCEPT_ENCODING, ALL).send()
    };
    let personas = get("/dev/personas", "application/json").await.unwrap();
    assert_eq!(coding(&personas), None);
    let personas = personas.text().await.unwrap();
    assert!(personas.len() > 1024 && personas.contains("eyJ"), "they are long, and have tokens");
    assert_eq!(coding(&get("/doctor", "text/html").await.unwrap()), None);
    assert_eq!(coding(&get("/schema.graphql", "*/*").await.unwrap()), Some("br"));
}

/// No field returns what authenticates a caller: a compressed response has no such secret.
#[test]
fn schema_has_no_field_of_credentials() {
    let sdl = include_str!("../../../schema.graphql");
    let mut fields =
        sdl.lines().filter_map(|line| line.strip_prefix("  ")?.split(['(', ':']).next());
    let names = ["token", "secret", "password", "cookie", "apikey", "csrf"];
    let secret = fields.find(|field| {
        field.starts_with(|first: char| first.is_ascii_lowercase())
            && names.iter().any(|name| field.to_lowercase().contains(name))
            && !field.contains(' ')
    });
    assert_eq!(secret, None);
}
