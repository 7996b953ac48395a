//! GraphiQL, from the binary: it works with no network.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use axum::response::IntoResponse as _;
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::http::HttpState;
use crate::http::client_ip::PeerAddr;
use crate::http::graphql::authenticate::RequestIdentity;
use crate::http::graphql::response::{MediaType, RequestId};
use crate::schema;

/// A persona, as the page offers it.
#[derive(Serialize)]
pub struct PersonaCard {
    /// The name used on the command line.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// What sets it apart.
    pub about: String,
    /// A fresh token; none for the guest.
    pub token: Option<String>,
}

const PAGE: &str = include_str!("graphiql/index.html");

/// Nothing but our own files runs or is asked. The editor sets styles on elements.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

struct Asset {
    name: &'static str,
    content_type: &'static str,
    gzipped: bool,
    bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

const ASSETS: [Asset; 6] = [
    Asset {
        name: "hallpass.js",
        content_type: SCRIPT,
        gzipped: false,
        bytes: include_bytes!("graphiql/hallpass.js"),
    },
    Asset {
        name: "hallpass.css",
        content_type: STYLE,
        gzipped: false,
        bytes: include_bytes!("graphiql/hallpass.css"),
    },
    Asset {
        name: "react.js",
        content_type: SCRIPT,
        gzipped: true,
        bytes: include_bytes!("graphiql/vendor/react.js.gz"),
    },
    Asset {
        name: "react-dom.js",
        content_type: SCRIPT,
        gzipped: true,
        bytes: include_bytes!("graphiql/vendor/react-dom.js.gz"),
    },
    Asset {
        name: "graphiql.js",
        content_type: SCRIPT,
        gzipped: true,
        bytes: include_bytes!("graphiql/vendor/graphiql.js.gz"),
    },
    Asset {
        name: "graphiql.css",
        content_type: STYLE,
        gzipped: true,
        bytes: include_bytes!("graphiql/vendor/graphiql.css.gz"),
    },
];

/// The page, where clients may ask for the schema: without it there is nothing to explore.
pub(crate) fn page(shared: &HttpState) -> Response<Body> {
    if !shared.parts.introspection {
        let message = "GraphiQL is off here: it needs INTROSPECTION=true.\n";
        return (StatusCode::NOT_FOUND, message).into_response();
    }
    let mut response = Response::new(Body::from(PAGE));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// What names each file's content, in the order of [`ASSETS`]: a new binary may bring new files.
static TAGS: LazyLock<[String; ASSETS.len()]> = LazyLock::new(|| {
    let tag = |asset: Asset| {
        let hash = digest::digest(&digest::SHA256, asset.bytes);
        format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash))
    };
    ASSETS.map(tag)
});

/// A file of the page.
pub(crate) async fn asset(
    State(shared): State<Arc<HttpState>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    let found = ASSETS.iter().zip(TAGS.iter()).find(|(asset, _)| asset.name == name);
    let Some((asset, tag)) = found.filter(|_| shared.parts.introspection) else {
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

/// The schema as text, as the caller sees it, where clients may ask for it.
pub(crate) async fn sdl(
    State(shared): State<Arc<HttpState>>,
    Extension(id): Extension<RequestId>,
    Extension(peer): Extension<PeerAddr>,
    headers: HeaderMap,
) -> Response<Body> {
    if !shared.parts.introspection {
        return StatusCode::NOT_FOUND.into_response();
    }
    let asker = RequestIdentity::new(&shared.parts, peer, Method::GET, headers);
    match asker.caller(&shared.parts, &id).await {
        Ok(caller) => {
            let seen = (shared.parts.see)(caller.as_deref());
            ([(CACHE_CONTROL, "no-store")], schema::sdl(&seen.schema)).into_response()
        }
        Err(rejection) => rejection.into_response(MediaType::Json, &id),
    }
}

/// Who can be tried out, in development.
pub(crate) async fn personas(State(shared): State<Arc<HttpState>>) -> Response<Body> {
    match &shared.parts.personas {
        Some(personas) => Json(personas()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
