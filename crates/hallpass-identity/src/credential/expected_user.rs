//! The user whose page sends a request, as the client names it.
//!
//! A browser sends the cookie of its current session, also with a request of a page that shows another user: from the
//! sign-in in one tab until the other tabs know of it.

use axum::http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode;

use crate::caller::Caller;

/// The header that names the user by its ID at the auth server, percent-encoded. Empty: no user is signed in.
pub const EXPECTED_USER: HeaderName = HeaderName::from_static("hallpass-user");

/// Whether the caller is the user that the client names. True if it names none.
pub(crate) fn is_expected(headers: &HeaderMap, caller: Option<&Caller>) -> bool {
    let mut named = headers.get_all(EXPECTED_USER).iter();
    let Some(only) = named.next() else { return true };
    let caller = caller.map_or("", |caller| caller.id().as_str());
    named.next().is_none() && percent_decode(only.as_bytes()).eq(caller.bytes())
}
