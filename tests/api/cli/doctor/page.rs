//! The doctor's page, in development.

use reqwest::StatusCode;

use crate::cli::commands::{Process, command};
use crate::support::auth_server::AuthServer;

async fn explained(server: &Process, place: &str, credential: &str) -> String {
    let form = format!("place={place}&credential={}", encoded(credential));
    let request = crate::support::app::client().post(format!("{}/doctor", server.url));
    let request = request.header("origin", &server.url).body(form);
    let answer =
        request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn page_shows_setup_and_explains_credential() {
    let server = Process::start(&[]);
    let answer =
        crate::support::app::client().get(format!("{}/doctor", server.url)).send().await.unwrap();
    let headers = answer.headers().clone();
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("form-action 'self'") && !policy.contains("unsafe"), "{policy}");
    let page = answer.text().await.unwrap();
    assert!(page.contains(" are applied") && page.contains("<form method=\"post\""), "{page}");
    assert!(!page.contains("<script") && !page.contains("src=\"http"), "nothing runs or is loaded");

    let token = command(server.directory.path(), &["token", "--as", "premium"], &[]);
    let token = { token }.output().unwrap();
    let token = String::from_utf8(token.stdout).unwrap();
    let page = explained(&server, "token", token.trim()).await;
    assert!(page.contains("accepted: a first-party JWT") && page.contains("persona-premium"));
    assert!(!page.contains(token.trim().rsplit('.').next().unwrap()), "the signature is not shown");
    let page = explained(&server, "cookie", token.trim()).await;
    assert!(
        page.contains("no credential: a first-party JWT") && page.contains("Authorization: Bearer")
    );
    let page = explained(&server, "token", "").await;
    assert!(!page.contains("class=\"credential"), "no report for an empty credential");
}

#[tokio::test]
async fn pasted_text_is_escaped() {
    let server = Process::start(&[]);
    let header = serde_json::json!({"alg": "EdDSA", "kid": "<script>{setup}"});
    let claims = serde_json::json!({"<img src=x>": "</pre><b>'\"&"});
    let page = explained(&server, "token", &super::unsigned(&header, &claims)).await;
    assert!(page.contains("&lt;script&gt;{setup}"), "{page}");
    assert!(page.contains("&lt;img src=x&gt;"), "{page}");
    assert!(!page.contains("<script>") && !page.contains("<img") && !page.contains("</pre><b>"));
    let page = explained(&server, "cookie", "<b>evil</b>.session_token=x.y").await;
    assert!(!page.contains("<b>evil"), "{page}");
}

#[tokio::test]
async fn doctor_form_requires_same_origin() {
    let server = Process::start(&[]);
    let post = |name: &'static str, value: &str| {
        let request = crate::support::app::client().post(format!("{}/doctor", server.url));
        request.header(name, value).body("place=token&credential=x").send()
    };
    for (name, value) in
        [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
    {
        assert_eq!(post(name, value).await.unwrap().status(), StatusCode::FORBIDDEN, "{value}");
    }
    assert_eq!(post("sec-fetch-site", "same-origin").await.unwrap().status(), StatusCode::OK);
    let own = server.url.clone();
    assert_eq!(post("host", "rebound.example").await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(post("origin", &own).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn doctor_page_is_absent_in_production() {
    let auth = AuthServer::shared();
    let server = Process::start(&[("BETTER_AUTH_URL", &auth.url)]);
    let client = crate::support::app::client();
    let address = format!("{}/doctor", server.url);
    assert_eq!(client.get(&address).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(
        client.post(&address).body("x").send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
}
