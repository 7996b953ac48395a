//! The OAuth client that an access token was issued to, and what its user granted it.

use std::collections::BTreeSet;

use crate::claims::{Claims, string_claim, string_list_claim};

/// Matches every client of the auth server in `OAUTH_FULL_CLIENTS`.
const WILDCARD: &str = "*";

/// A client that acts for a user, or for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OAuthClient {
    /// None when the auth server does not state it.
    pub(crate) id: Option<String>,
    /// The scopes of the token (RFC 6749 section 3.3).
    pub(crate) scopes: BTreeSet<String>,
    /// Whether it has all rights of its user, whatever the scopes.
    is_full: bool,
}

/// Why a token of two clients is rejected.
pub(super) const TWO_CLIENTS: &str =
    "the access token names two clients, in `client_id` and in `azp`";

/// Whether the client that an access token was issued to is stated twice, and differs: `client_id` (RFC 9068 section 2.2),
/// which has rights here, and the authorized party (OpenID Connect Core section 2).
pub(super) fn names_two_clients(claims: &Claims) -> bool {
    let party = claims.get("azp").filter(|party| !party.is_null());
    party.is_some_and(|party| Some(party) != claims.get("client_id"))
}

impl OAuthClient {
    /// The client that an access token, or its introspection, names. `full` are the clients with all rights
    /// of their users.
    pub(crate) fn named_by(claims: &Claims, full: &[String]) -> Self {
        Self::new(
            string_claim(claims, "client_id"),
            string_list_claim(claims.get("scope"), &[' ']),
            full,
        )
    }

    /// Whether it has all rights of its user.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// The client of a userinfo response, which names neither it nor its scopes. The endpoint requires
    /// `openid` (OpenID Connect Core section 5.3); `profile` and `email` follow from their claims.
    pub(crate) fn from_userinfo(answer: &Claims, full: &[String]) -> Self {
        let shown = [("name", "profile"), ("email", "email")];
        let shown = shown.into_iter().filter(|(claim, _)| answer.contains_key(*claim));
        let scopes = shown.map(|(_, scope)| scope).chain(["openid"]);
        Self::new(None, scopes.map(str::to_owned).collect(), full)
    }

    fn new(id: Option<String>, scopes: BTreeSet<String>, full: &[String]) -> Self {
        let is_full = full.iter().any(|full| full == WILDCARD || Some(full) == id.as_ref());
        Self { id, scopes, is_full }
    }

    /// Whether it was granted `scope`.
    pub(crate) fn is_granted(&self, scope: &str) -> bool {
        self.is_full || self.scopes.contains(scope)
    }

    /// The scopes, as permissions.
    pub(crate) fn permissions(&self) -> impl Iterator<Item = String> {
        self.scopes.iter().map(|scope| format!("scope:{scope}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn client(claims: &Value, full: &[&str]) -> OAuthClient {
        let full = full.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        OAuthClient::named_by(claims.as_object().expect("claims are an object"), &full)
    }

    #[test]
    fn contradicting_authorized_party_is_noticed() {
        for (claims, contradicts) in [
            (json!({"client_id": "app"}), false),
            (json!({"client_id": "app", "azp": "app"}), false),
            (json!({"client_id": "app", "azp": "APP"}), true),
            (json!({"client_id": "app", "azp": ["app"]}), true),
            (json!({"client_id": "app", "azp": null}), false),
            (json!({"azp": "app"}), true),
        ] {
            let claims = claims.as_object().expect("claims are an object");
            assert_eq!(names_two_clients(claims), contradicts, "{claims:?}");
        }
    }

    #[test]
    fn a_client_is_granted_what_its_token_names() {
        let token = json!({"client_id": "app", "scope": "notes:read openid"});
        for (full, scope, is_granted) in [
            (&[][..], "notes:read", true),
            (&[][..], "notes:write", false),
            (&[][..], "notes", false),
            (&[][..], "notes:read openid", false),
            (&["other", "APP", "app "][..], "notes:write", false),
            (&["other", "app"][..], "notes:write", true),
            (&["*"][..], "notes:write", true),
        ] {
            assert_eq!(client(&token, full).is_granted(scope), is_granted, "{full:?} {scope}");
        }
        for unnamed in [json!({}), json!({"client_id": null}), json!({"client_id": ["app"]})] {
            assert!(!client(&unnamed, &["app"]).is_granted("openid"), "{unnamed}");
        }
        assert!(!client(&json!({"client_id": "*"}), &["app"]).is_granted("openid"));
    }
}
