//! The doctor page, in development: checks of the setup, and a form that explains a pasted credential. It works
//! without scripts, and shows nothing of the credential but the doctor's report.

mod template;

use std::net::Ipv4Addr;
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

use crate::http::graphql::rejection::Rejection;
use crate::http::graphql::request;
use crate::http::graphql::response::{MediaType, RequestId};
use crate::http::{HttpState, middleware};
use hallpass_identity::CredentialLocation;

/// Content Security Policy: no scripts and no resources; forms are sent to this origin only. The stylesheet is
/// allowed by its hash.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, template::STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("a hash in base64 is visible ASCII")
});

/// `GET /doctor`: checks the setup.
pub(crate) async fn page(State(shared): State<Arc<HttpState>>) -> Response<Body> {
    render(&shared, None).await
}

/// `POST /doctor`: checks the setup, and explains the pasted credential.
pub(crate) async fn explain(
    State(shared): State<Arc<HttpState>>,
    Extension(id): Extension<RequestId>,
    request: Request<Body>,
) -> Response<Body> {
    if !shared.deps.options.is_development {
        return middleware::not_found().await;
    }
    let (head, body) = request.into_parts();
    if !is_same_origin(&head.headers) {
        let rejection = Rejection::cross_site("the form was sent by a page of another origin");
        return rejection.into_response(MediaType::Json, &id);
    }
    // In development, all clients are on this machine.
    let body = shared.bodies.count(body, Ipv4Addr::LOCALHOST.into(), true);
    match request::read_json_body(body, &shared.deps.options.limits).await {
        Ok(body) => render(&shared, pasted(&body)).await,
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
    shared: &HttpState,
    pasted: Option<(CredentialLocation, String)>,
) -> Response<Body> {
    let Some(report) = shared.deps.backend.examine(pasted) else {
        return middleware::not_found().await;
    };
    let report = report.await;
    let page = template::page(&report, shared.deps.application.name()).into_string();
    let mut response = (StatusCode::OK, page).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    response
}
