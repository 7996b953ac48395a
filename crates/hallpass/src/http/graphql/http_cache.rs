//! Responses that HTTP caches may store: queries by GET of anonymous callers, of root fields that have the same result
//! for all of them (`Domain::cached_publicly`). Every other response is `no-store`.

use std::collections::HashMap;
use std::time::Duration;

use async_graphql::parser::types::{
    ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
};
use aws_lc_rs::digest;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::response::{MediaType, ResponseBody};
use crate::application::Application;

/// How long caches may reuse the results of root fields of queries.
pub(in crate::http) struct CacheHints(HashMap<&'static str, Duration>);

impl CacheHints {
    /// The hints of the domains of `application`.
    pub(in crate::http) fn of(application: &Application) -> Self {
        Self(application.public_caching().collect())
    }

    /// How long caches may reuse the response to `operation`, whose document is valid: the shortest time of its root
    /// fields. `None` if one of them has no hint.
    pub(super) fn max_age(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
    ) -> Option<Duration> {
        if operation.ty != OperationType::Query {
            return None;
        }
        let age = self.shortest(document, &operation.selection_set.node, Duration::MAX)?;
        (age != Duration::MAX).then_some(age)
    }

    fn shortest(
        &self,
        document: &ExecutableDocument,
        selection: &SelectionSet,
        age: Duration,
    ) -> Option<Duration> {
        selection.items.iter().try_fold(age, |age, item| match &item.node {
            Selection::Field(field) if field.node.name.node == "__typename" => Some(age),
            Selection::Field(field) => {
                self.0.get(field.node.name.node.as_str()).map(|own| age.min(*own))
            }
            Selection::InlineFragment(inline) => {
                self.shortest(document, &inline.node.selection_set.node, age)
            }
            Selection::FragmentSpread(spread) => {
                let fragment = document.fragments.get(&spread.node.fragment_name.node)?;
                self.shortest(document, &fragment.node.selection_set.node, age)
            }
        })
    }
}

/// The response to a query that caches may reuse for `max_age`; 304 without a body if the client has it. `None` if it has
/// errors.
///
/// The entity tag is weak (RFC 9110 section 8.8.1): it names the content, in any content coding. The headers of the
/// budget are left out: they are those of one address.
pub(super) fn respond(
    content: &ResponseBody,
    media: MediaType,
    max_age: Duration,
    request: &HeaderMap,
) -> Option<Response<Body>> {
    if content.is_request_error() || !content.errors.is_empty() {
        return None;
    }
    let json = content.to_json();
    let content_type = HeaderValue::from_static(media.content_type());
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(content_type.as_bytes());
    context.update(&json);
    let tag = format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(context.finish()));
    let is_known = knows(request, &tag);
    let mut response = Response::new(if is_known { Body::empty() } else { Body::from(json) });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    let seconds = max_age.as_secs();
    let control = format!("public, max-age={seconds}, stale-while-revalidate={seconds}");
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::try_from(control).ok()?);
    headers.insert(ETAG, HeaderValue::try_from(tag).ok()?);
    Some(response)
}

/// Whether `If-None-Match` has this weak `tag`, by weak comparison (RFC 9110 section 13.1.2).
fn knows(request: &HeaderMap, tag: &str) -> bool {
    let opaque = tag.trim_start_matches("W/");
    let values = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == opaque)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;
    use crate::http::limits::document_cache::operation;

    #[test]
    fn max_age_is_the_shortest_of_hinted_fields() {
        let hints = [("courses", 30), ("course", 60)];
        let hints = CacheHints(
            hints.map(|(name, age)| (name, Duration::from_secs(age))).into_iter().collect(),
        );
        for (query, seconds) in [
            ("{ course { id } }", Some(60)),
            ("{ a: course { id } courses { me { id } } __typename }", Some(30)),
            ("{ ...A } fragment A on Query { ... on Query { course { id } } }", Some(60)),
            ("{ courses { id } me { id } }", None),
            ("{ courses: me { id } }", None),
            ("{ ...A courses { id } } fragment A on Query { ... { me { id } } }", None),
            ("{ __typename }", None),
            ("{ courses { id } __schema { description } }", None),
            ("mutation { courses { id } }", None),
            ("subscription { courses { id } }", None),
        ] {
            let document = parse_query(query).unwrap();
            let found = hints.max_age(&document, operation(&document, None).unwrap());
            assert_eq!(found.map(|age| age.as_secs()), seconds, "{query}");
        }
    }

    #[test]
    fn entity_tags_are_compared_weakly() {
        for (known, expected) in [
            (&["W/\"a\""][..], true),
            (&["\"a\""], true),
            (&["\"b\", W/\"a\""], true),
            (&["\"b\"", "\"a\""], true),
            (&["*"], true),
            (&["a"], false),
            (&["\"b\""], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in known {
                headers.append(IF_NONE_MATCH, value.parse().unwrap());
            }
            assert_eq!(knows(&headers, "W/\"a\""), expected, "{known:?}");
        }
    }
}
