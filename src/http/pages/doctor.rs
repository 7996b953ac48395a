//! The doctor page, in development: checks of the setup, and a form that explains a pasted credential. It works
//! without scripts, and shows nothing of the credential but the doctor's report.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use serde_json::Value;

use crate::http::graphql::request;
use crate::http::graphql::response::{MediaType, Rejection, RequestId};
use crate::http::{HttpState, RunDoctor, middleware};
use hallpass_identity::CredentialLocation;

const PAGE: &str = include_str!("doctor/index.html");
const STYLE: &str = include_str!("doctor/doctor.css");

/// Content Security Policy: no scripts and no resources; forms are sent to this origin only. The stylesheet is
/// allowed by its hash.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("a hash in base64 is visible ASCII")
});

/// `GET /doctor`: checks the setup.
pub(crate) async fn page(State(shared): State<Arc<HttpState>>) -> Response<Body> {
    match &shared.deps.doctor {
        Some(run_doctor) => render(run_doctor, None).await,
        None => middleware::not_found().await,
    }
}

/// `POST /doctor`: checks the setup, and explains the pasted credential.
pub(crate) async fn explain(
    State(shared): State<Arc<HttpState>>,
    Extension(id): Extension<RequestId>,
    request: Request<Body>,
) -> Response<Body> {
    let Some(run_doctor) = &shared.deps.doctor else { return middleware::not_found().await };
    let (head, body) = request.into_parts();
    if !is_same_origin(&head.headers) {
        let rejection = Rejection::cross_site("the form was sent by a page of another origin");
        return rejection.into_response(MediaType::Json, &id);
    }
    match request::read_json_body(body, &shared.deps.limits).await {
        Ok(body) => render(run_doctor, pasted(&body)).await,
        Err(rejection) => rejection.into_response(MediaType::Json, &id),
    }
}

/// Whether the form was sent by this origin's page. Browsers send `Origin`; other clients are not subject to CSRF.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match (headers.get(ORIGIN), text(HOST)) {
        (None, _) => headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin"),
        (Some(origin), Some(host)) => *origin == format!("http://{host}"),
        (Some(_), None) => false,
    }
}

fn pasted(form: &[u8]) -> Option<(CredentialLocation, String)> {
    let form = std::str::from_utf8(form).ok()?;
    let url = Url::parse(&format!("form:?{form}")).ok()?;
    let field = |name: &str| Some(url.query_pairs().find(|(other, _)| other == name)?.1);
    let location = match &*field("place")? {
        "cookie" => CredentialLocation::Cookie,
        "api-key" => CredentialLocation::ApiKey,
        _ => CredentialLocation::Authorization,
    };
    let credential = field("credential").filter(|text| !text.trim().is_empty())?;
    Some((location, credential.into_owned()))
}

async fn render(
    run_doctor: &RunDoctor,
    pasted: Option<(CredentialLocation, String)>,
) -> Response<Body> {
    let report = run_doctor(pasted).await;
    let page = PAGE
        .replace("{style}", STYLE)
        .replace("{credential}", &credential(&report["credential"]))
        .replace("{setup}", &findings(&report["setup"]));
    let mut response = (StatusCode::OK, page).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    response
}

// Writing to a string cannot fail.
fn findings(setup: &Value) -> String {
    let mut html = String::new();
    for finding in setup.as_array().into_iter().flatten() {
        let text = |name: &str| escaped(finding[name].as_str().unwrap_or_default());
        let (level, name, message) = (text("level"), text("name"), text("message"));
        let _ = writeln!(
            html,
            "<li class=\"{level}\"><b>{level}</b> <i>{name}</i> <span>{message}{}</span></li>",
            fix(finding)
        );
    }
    html
}

fn credential(explanation: &Value) -> String {
    if explanation.is_null() {
        return String::new();
    }
    let text = |name: &str| escaped(explanation[name].as_str().unwrap_or_default());
    let verdict = text("verdict");
    let mut html = format!(
        "<section class=\"credential {verdict}\" aria-label=\"The credential\">\n\
         <h2>{verdict}: {}</h2>\n<p>{}{}</p>\n<ol class=\"checks\">\n",
        text("kind"),
        text("reason"),
        fix(explanation)
    );
    for step in explanation["checks"].as_array().into_iter().flatten() {
        let text = |name: &str| escaped(step[name].as_str().unwrap_or_default());
        let (check, outcome) = (text("check"), text("outcome"));
        let _ = writeln!(html, "<li class=\"{outcome}\"><b>{check}</b> {outcome}</li>");
    }
    html += "</ol>\n";
    for name in ["header", "claims"] {
        if explanation[name].is_object() {
            let json = escaped(&format!("{:#}", explanation[name]));
            let _ = writeln!(html, "<h3>{name}</h3>\n<pre>{json}</pre>");
        }
    }
    html + "</section>\n"
}

fn fix(of: &Value) -> String {
    let fix = of["fix"].as_str().map(escaped);
    fix.map_or_else(String::new, |fix| format!("<em>fix: {fix}</em>"))
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html += "&amp;",
            '<' => html += "&lt;",
            '>' => html += "&gt;",
            '"' => html += "&quot;",
            '\'' => html += "&#39;",
            // The template has placeholders in braces.
            '{' => html += "&#123;",
            _ => html.push(character),
        }
    }
    html
}
