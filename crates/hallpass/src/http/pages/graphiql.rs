//! GraphiQL and its assets, embedded in the binary, so that it works without network access; the SDL at
//! `/schema.graphql`, and the personas of development.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use axum::response::IntoResponse as _;
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::ValueEnum as _;
use reqwest::Url;
use serde::Serialize;

use crate::http::HttpState;
use crate::http::client_ip::PeerAddr;
use crate::http::graphql::authenticate::RequestIdentity;
use crate::http::graphql::rejection::Rejection;
use crate::http::graphql::response::{MediaType, RequestId};
use crate::schema::Nullability;

/// A persona in the page's persona menu.
#[derive(Serialize)]
pub struct PersonaCard {
    /// The name in `hallpass token --as`.
    pub name: &'static str,
    /// The display name.
    pub title: &'static str,
    /// A short description.
    pub about: &'static str,
    /// A fresh token; `None` for an anonymous persona.
    pub token: Option<String>,
    /// The query that the page shows first to the persona.
    pub example: &'static str,
}

const PAGE: &str = include_str!("graphiql/index.html");

/// Content Security Policy: scripts and requests of this origin only. The editor needs inline styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

struct Asset {
    name: &'static str,
    content_type: &'static str,
    gzipped: bool,
    bytes: &'static [u8],
}

const fn script(name: &'static str, bytes: &'static [u8]) -> Asset {
    Asset { name, content_type: "text/javascript; charset=utf-8", gzipped: false, bytes }
}

const fn style(name: &'static str, bytes: &'static [u8]) -> Asset {
    Asset { name, content_type: "text/css; charset=utf-8", gzipped: false, bytes }
}

impl Asset {
    /// A file that is stored compressed.
    const fn gzipped(self) -> Self {
        Self { gzipped: true, ..self }
    }
}

const ASSETS: [Asset; 31] = [
    script("accessibility.js", include_bytes!("graphiql/scripts/accessibility.js")),
    script("answers.js", include_bytes!("graphiql/scripts/answers.js")),
    script("client-snippet.js", include_bytes!("graphiql/scripts/client-snippet.js")),
    script("dom.js", include_bytes!("graphiql/scripts/dom.js")),
    script("editors.js", include_bytes!("graphiql/scripts/editors.js")),
    script("events.js", include_bytes!("graphiql/scripts/events.js")),
    script("examples.js", include_bytes!("graphiql/scripts/examples.js")),
    script("explain.js", include_bytes!("graphiql/scripts/explain.js")),
    script("hallpass.js", include_bytes!("graphiql/scripts/hallpass.js")),
    script("http.js", include_bytes!("graphiql/scripts/http.js")),
    script("identity.js", include_bytes!("graphiql/scripts/identity.js")),
    script("keyboard.js", include_bytes!("graphiql/scripts/keyboard.js")),
    script("operation.js", include_bytes!("graphiql/scripts/operation.js")),
    script("panels.js", include_bytes!("graphiql/scripts/panels.js")),
    script("requests.js", include_bytes!("graphiql/scripts/requests.js")),
    script("schema.js", include_bytes!("graphiql/scripts/schema.js")),
    script("snippets.js", include_bytes!("graphiql/scripts/snippets.js")),
    script("store.js", include_bytes!("graphiql/scripts/store.js")),
    script("stream.js", include_bytes!("graphiql/scripts/stream.js")),
    script("toolbar.js", include_bytes!("graphiql/scripts/toolbar.js")),
    script("viewer.js", include_bytes!("graphiql/scripts/viewer.js")),
    style("contrast.css", include_bytes!("graphiql/styles/contrast.css")),
    style("hallpass.css", include_bytes!("graphiql/styles/hallpass.css")),
    style("narrow.css", include_bytes!("graphiql/styles/narrow.css")),
    style("panels.css", include_bytes!("graphiql/styles/panels.css")),
    script("react.js", include_bytes!("graphiql/vendor/react.js.gz")).gzipped(),
    script("react-dom.js", include_bytes!("graphiql/vendor/react-dom.js.gz")).gzipped(),
    script("graphiql.js", include_bytes!("graphiql/vendor/graphiql.js.gz")).gzipped(),
    style("graphiql.css", include_bytes!("graphiql/vendor/graphiql.css.gz")).gzipped(),
    script("explorer.js", include_bytes!("graphiql/vendor/explorer.js.gz")).gzipped(),
    style("explorer.css", include_bytes!("graphiql/vendor/explorer.css.gz")).gzipped(),
];

/// The GraphiQL page, if introspection is enabled: it needs the schema.
pub(crate) fn page(shared: &HttpState) -> Response<Body> {
    if !shared.deps.options.introspection {
        let message = "GraphiQL is disabled: it requires INTROSPECTION=true.\n";
        return (StatusCode::NOT_FOUND, message).into_response();
    }
    let mut response = Response::new(Body::from(PAGE));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// Entity tags of [`ASSETS`]: hashes of their content, so that a new binary invalidates cached files.
static TAGS: LazyLock<[String; ASSETS.len()]> = LazyLock::new(|| {
    let tag = |asset: Asset| {
        let hash = digest::digest(&digest::SHA256, asset.bytes);
        format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash))
    };
    ASSETS.map(tag)
});

/// The name of the application's example query.
const EXAMPLE: &str = "example.graphql";

/// `GET /graphiql/{asset}`
pub(crate) async fn asset(
    State(shared): State<Arc<HttpState>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    if name == EXAMPLE && shared.deps.options.introspection {
        return shared.deps.application.example().into_response();
    }
    let found = ASSETS.iter().zip(TAGS.iter()).find(|(asset, _)| asset.name == name);
    let Some((asset, tag)) = found.filter(|_| shared.deps.options.introspection) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let fresh = headers.get(IF_NONE_MATCH).is_some_and(|known| known == tag.as_str());
    let mut response = match fresh {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Response::new(Body::from(asset.bytes)),
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, HeaderValue::from_static(tag.as_str()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    if asset.gzipped && !fresh {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// The form that the path names, as `/schema.strict.graphql` does, or the parameter `nullability` of `/schema.graphql`.
fn nullability(uri: &Uri) -> Result<Nullability, &'static str> {
    let form = uri.path().strip_prefix("/schema.").and_then(|path| path.strip_suffix(".graphql"));
    if let Some(form) = form.and_then(|form| Nullability::from_str(form, false).ok()) {
        return Ok(form);
    }
    let query = Url::parse(&format!("query:?{}", uri.query().unwrap_or_default()));
    let given = query.ok().and_then(|query| {
        let mut given = query.query_pairs().filter(|(name, _)| name == "nullability");
        Some(given.next()?.1.into_owned())
    });
    let Some(given) = given else { return Ok(Nullability::default()) };
    Nullability::from_str(&given, false).map_err(|_| "nullability: use semantic, strict or none")
}

/// `GET /schema.graphql` or `/schema.strict.graphql`: the SDL of the schema that the caller sees, if introspection is
/// enabled.
pub(crate) async fn sdl(
    State(shared): State<Arc<HttpState>>,
    Extension(id): Extension<RequestId>,
    Extension(peer): Extension<PeerAddr>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    if !shared.deps.options.introspection {
        return StatusCode::NOT_FOUND.into_response();
    }
    let nullability = match nullability(&uri) {
        Ok(nullability) => nullability,
        Err(message) => return (StatusCode::BAD_REQUEST, message).into_response(),
    };
    let identity = RequestIdentity::new(&shared.deps, peer, Method::GET, headers);
    match identity.caller(&shared.deps, &id).await {
        Ok(caller) => {
            let visible = shared.deps.backend.schema_for(caller.as_deref());
            ([(CACHE_CONTROL, "no-store")], nullability.apply(visible.schema.sdl())).into_response()
        }
        Err(failed) => Rejection::from(failed).into_response(MediaType::Json, &id),
    }
}

/// `GET /dev/personas`: the personas with their tokens, in development.
pub(crate) async fn personas(State(shared): State<Arc<HttpState>>) -> Response<Body> {
    match shared.deps.backend.personas() {
        Some(personas) => Json(personas).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
