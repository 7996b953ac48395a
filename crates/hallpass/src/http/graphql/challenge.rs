//! The challenge in `WWW-Authenticate` for an OAuth client without a scope.

use std::collections::BTreeSet;

use async_graphql::{ServerError, Value};
use axum::http::HeaderValue;

/// The challenge (RFC 6750 section 3.1) with the scopes that denied fields require, if only scopes are missing.
pub(super) fn insufficient_scope(errors: &[ServerError]) -> Option<HeaderValue> {
    let mut scopes = BTreeSet::new();
    for error in errors {
        let missing = error.extensions.as_ref().and_then(|it| it.get("missing"));
        let Some(Value::List(missing)) = missing else { continue };
        let named = missing.iter().map(|it| match it {
            Value::String(missing) => missing.strip_prefix("SCOPE(")?.strip_suffix(')'),
            _ => None,
        });
        scopes.extend(named.collect::<Option<Vec<_>>>().unwrap_or_default());
    }
    let scopes = scopes.into_iter().collect::<Vec<_>>().join(" ");
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scopes}\"");
    (!scopes.is_empty()).then(|| HeaderValue::from_str(&challenge).ok()).flatten()
}
