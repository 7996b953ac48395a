//! Parses a pasted credential without trusting it, to explain why it is not accepted. Only
//! [`Authenticator`] decides whether it is valid.

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::secret_hint;
use super::secret_hint::SecretHint;
use crate::claims::{Claims, first_of};
use crate::config::IdentityConfig;
use crate::credential::cookies;
use crate::credential::cookies::mark_sensitive;
use crate::credential::extract;
use crate::credential::extract::Credential;
use crate::error::{Check, CredentialRejected};
use crate::schemes::cookie_cache::CacheFlaw;
use crate::schemes::jwt::{is_id_token, names_one_of};
use crate::{Authentication, Authenticator};

/// Replaces a value that is left out.
const REDACTED: &str = "(not shown)";

/// Substrings of the names of members that hold secrets, which are redacted.
const SECRET_NAMES: [&str; 8] =
    ["token", "secret", "password", "apikey", "api_key", "signature", "cookie", "authorization"];

/// The header that a credential is sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialLocation {
    /// In `Authorization`.
    Authorization,
    /// In `Cookie`.
    Cookie,
    /// In the header that carries API keys.
    ApiKey,
}

/// The kind of a credential, judged by its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialShape {
    /// Nothing.
    Nothing,
    /// A word such as `undefined`, which a client without a token sends.
    Word,
    /// An `Authorization` header of another scheme than `Bearer`.
    OtherScheme,
    /// The JWT of Better Auth's jwt plugin.
    Jwt,
    /// A JWT signed with a shared secret.
    SharedSecret,
    /// An OAuth access token.
    AccessToken,
    /// An OpenID Connect id token.
    IdToken,
    /// Better Auth's cookie cache, as a JWT.
    CookieCache,
    /// The token in the links that Better Auth mails.
    MailLink,
    /// A JWT of another kind.
    OtherJwt,
    /// A JWT that cannot be read.
    DamagedJwt,
    /// An encrypted token.
    Encrypted,
    /// A session token with its signature.
    SignedSessionToken,
    /// 32 letters and digits: a session token, or an access token.
    OpaqueToken,
    /// An API key.
    ApiKey,
    /// A session cookie, or several.
    SessionCookie,
    /// Cookies without a session.
    OtherCookies,
    /// Something else.
    Unknown,
}

impl CredentialShape {
    /// Its name, with an article.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Word => "a word, not a token",
            Self::OtherScheme => "an Authorization header of another scheme",
            Self::Jwt => "a first-party JWT",
            Self::SharedSecret => "a JWT signed with a shared secret",
            Self::AccessToken => "an OAuth access token",
            Self::IdToken => "an OpenID Connect id token",
            Self::CookieCache => "a cookie cache",
            Self::MailLink => "the token of an e-mail link",
            Self::OtherJwt => "a JWT of another kind",
            Self::DamagedJwt => "a damaged JWT",
            Self::Encrypted => "an encrypted token",
            Self::SignedSessionToken => "a signed session token",
            Self::OpaqueToken => "an opaque token",
            Self::ApiKey => "an API key",
            Self::SessionCookie => "a session cookie",
            Self::OtherCookies => "cookies without a session",
            Self::Unknown => "not a Better Auth credential",
        }
    }

    /// Whether an OpenID provider issues it.
    #[must_use]
    pub fn is_of_provider(self) -> bool {
        matches!(self, Self::AccessToken | Self::IdToken)
    }

    /// Whether it is a JSON Web Token.
    #[must_use]
    pub fn is_jwt(self) -> bool {
        match self {
            Self::Jwt
            | Self::SharedSecret
            | Self::AccessToken
            | Self::IdToken
            | Self::CookieCache
            | Self::MailLink
            | Self::OtherJwt
            | Self::DamagedJwt => true,
            Self::Nothing
            | Self::Word
            | Self::OtherScheme
            | Self::Encrypted
            | Self::SignedSessionToken
            | Self::OpaqueToken
            | Self::ApiKey
            | Self::SessionCookie
            | Self::OtherCookies
            | Self::Unknown => false,
        }
    }
}

/// A parsed credential that is not verified.
pub struct Inspection {
    /// The header it is sent in.
    pub location: CredentialLocation,
    /// Its kind, judged by its shape.
    pub shape: CredentialShape,
    /// The header of a JWT.
    pub header: Option<Claims>,
    /// The claims of a JWT, without secrets.
    pub claims: Option<Claims>,
    /// The names of the cookies.
    pub cookies: Vec<String>,
    /// How many distinct values of the session cookie there are.
    pub session_values: usize,
    /// What is wrong with its format, if that can be detected.
    pub flaw: Option<&'static str>,
    /// Which secret signed it, if known.
    pub hint: Option<SecretHint>,
    shown: Option<HeaderValue>,
}

impl Authenticator {
    /// Parses a pasted credential, to be sent in `location`.
    #[must_use]
    pub fn inspect(&self, location: CredentialLocation, pasted: &str) -> Inspection {
        Inspection::read(location, pasted, self.schemes.jwt.rules())
    }

    /// Authenticates it like the credential of a request.
    pub async fn authenticate_inspected(&self, inspection: &Inspection) -> Authentication {
        let Some(headers) = inspection.headers(self.api_key_header()) else {
            let reason = "it is not a valid header value";
            return Authentication::Rejected(CredentialRejected { check: Check::Form, reason });
        };
        self.authenticate(&Method::POST, &headers, crate::diagnostics::address::PROBE_ADDRESS).await
    }

    /// Why the cookie cache sent with a session cookie is not trusted; none when it is, or when
    /// COOKIE_CACHE is off.
    pub async fn cache_flaw(&self, inspection: &Inspection) -> Option<CacheFlaw> {
        let headers = inspection.headers(self.api_key_header())?;
        match extract::extract(&headers, &self.names, &self.schemes.secrets) {
            Credential::Cookies(cookies) => self.schemes.cache_flaw(&cookies).await,
            _ => None,
        }
    }

    /// The settings, with those of development mode.
    #[must_use]
    pub fn rules(&self) -> &IdentityConfig {
        self.schemes.jwt.rules()
    }

    /// The ids and algorithms of the keys that may sign a token of this kind.
    #[must_use]
    pub fn keys_for(&self, shape: CredentialShape) -> Vec<(String, &'static str)> {
        let keys = &self.schemes.keys;
        let set = if shape.is_of_provider() { &keys.provider } else { &keys.first_party };
        set.as_ref().map(crate::jwks::JwksCache::ids).unwrap_or_default()
    }
}

impl Inspection {
    /// The headers of a request with the credential; none when it is not a valid header value.
    pub(crate) fn headers(&self, api_key: &HeaderName) -> Option<HeaderMap> {
        let name = match self.location {
            CredentialLocation::Authorization => AUTHORIZATION,
            CredentialLocation::Cookie => COOKIE,
            CredentialLocation::ApiKey => api_key.clone(),
        };
        Some(HeaderMap::from_iter([(name, self.shown.clone()?)]))
    }

    /// Whether a JWT has the first of these claims, or any of the others.
    #[must_use]
    pub fn has_claim(&self, names: &[String]) -> bool {
        self.claims.as_ref().is_some_and(|claims| first_of(claims, names).is_some())
    }

    fn read(location: CredentialLocation, pasted: &str, rules: &IdentityConfig) -> Self {
        let text = strip_quotes(pasted.trim());
        match location {
            CredentialLocation::Authorization => Self::of_token(text, rules),
            CredentialLocation::Cookie => Self::of_cookies(text, rules),
            CredentialLocation::ApiKey => Self::of_api_key(text, rules),
        }
    }

    fn of_token(text: &str, rules: &IdentityConfig) -> Self {
        let header = without_prefix(text, "authorization:");
        let text = header.unwrap_or(text);
        let bearer = match text.eq_ignore_ascii_case("bearer") {
            true => Some(""),
            false => without_prefix(text, "bearer "),
        };
        let is_token = header.is_none()
            && (!text.contains(' ') || opaque_shape(text) == CredentialShape::Word);
        let Some(token) = bearer.or(is_token.then_some(text)) else {
            let inspection = Self::new(
                CredentialLocation::Authorization,
                CredentialShape::OtherScheme,
                mark_sensitive(text),
            );
            let flaw = without_prefix(text, "dpop ").map(|_| "its scheme is DPoP (RFC 9449)");
            return Self { flaw, ..inspection };
        };
        let shown = mark_sensitive(&format!("Bearer {token}"));
        Self::new(CredentialLocation::Authorization, CredentialShape::Unknown, shown)
            .described(token, rules)
    }

    fn of_cookies(text: &str, rules: &IdentityConfig) -> Self {
        let text = without_prefix(text, "set-cookie:").unwrap_or(text);
        let text = without_prefix(text, "cookie:").unwrap_or(text);
        let inspection = Self::new(
            CredentialLocation::Cookie,
            CredentialShape::OtherCookies,
            mark_sensitive(text),
        );
        let pairs = pairs(text);
        if pairs.is_empty() {
            return inspection.described(without_prefix(text, "bearer ").unwrap_or(text), rules);
        }
        inspection.with_cookies(&pairs, rules)
    }

    fn of_api_key(text: &str, rules: &IdentityConfig) -> Self {
        let prefix = format!("{}:", rules.api_key_header);
        let text = without_prefix(text, &prefix).unwrap_or(text);
        let inspection =
            Self::new(CredentialLocation::ApiKey, CredentialShape::Unknown, mark_sensitive(text));
        let inspection = inspection.described(text, rules);
        match inspection.shape {
            // Keys can have any format: `customKeyGenerator`.
            CredentialShape::Unknown
            | CredentialShape::OpaqueToken
            | CredentialShape::SignedSessionToken => {
                Self { shape: CredentialShape::ApiKey, flaw: None, hint: None, ..inspection }
            }
            _ => inspection,
        }
    }

    fn new(
        location: CredentialLocation,
        shape: CredentialShape,
        shown: Option<HeaderValue>,
    ) -> Self {
        let (header, claims, cookies) = (None, None, Vec::new());
        let (flaw, hint, session_values) = (None, None, 0);
        Self { location, shape, header, claims, cookies, session_values, flaw, hint, shown }
    }

    /// With the parsed content of `token`.
    fn described(self, token: &str, rules: &IdentityConfig) -> Self {
        let pairs = pairs(token);
        if pairs.iter().any(|(name, _)| is_session_name(name, rules)) {
            return self.with_cookies(&pairs, rules);
        }
        let Some((header, claims)) = decode_parts(token) else {
            let shape = opaque_shape(token);
            let is_session = shape == CredentialShape::SignedSessionToken;
            let hint = is_session.then(|| secret_hint::of_session_token(token, rules)).flatten();
            let flaw = if without_prefix(token, "bearer ").is_some() {
                Some("the word Bearer appears twice before it")
            } else if token.contains(',') {
                Some("there are two values in it, with a comma between: one header has one token")
            } else {
                let text = "there is a space or a line break in it: copy it whole, in one piece";
                token.contains(char::is_whitespace).then_some(text)
            };
            return Self { shape, hint, flaw, ..self };
        };
        let shape = jwt_shape(&header, &claims, rules);
        let hint = (header.get("alg").is_some_and(|alg| alg == "HS256"))
            .then(|| secret_hint::of_jwt(token, rules))
            .flatten();
        let hide = shape == CredentialShape::CookieCache;
        let (header, claims) = (Some(redact(header, false)), Some(redact(claims, hide)));
        Self { shape, header, claims, hint, ..self }
    }

    fn with_cookies(self, pairs: &[(&str, &str)], rules: &IdentityConfig) -> Self {
        let cookies = pairs.iter().map(|(name, _)| (*name).to_owned()).collect();
        let mut sessions = pairs.iter().filter(|(name, _)| is_session_name(name, rules));
        let session = sessions.next();
        let mut values: Vec<_> = session
            .into_iter()
            .chain(sessions.filter(|(name, _)| session.is_some_and(|(first, _)| first == name)))
            .map(|(_, value)| *value)
            .collect();
        values.sort_unstable();
        values.dedup();
        let shape = match session {
            Some(_) => CredentialShape::SessionCookie,
            None => CredentialShape::OtherCookies,
        };
        let value = session.map(|(_, value)| strip_quotes(value));
        let flaw = value.and_then(session_token_problem);
        let hint = value.and_then(|value| secret_hint::of_session_token(value, rules));
        Self { shape, cookies, session_values: values.len(), flaw, hint, ..self }
    }
}

/// Without surrounding quotes, which a shell or a file may leave.
fn strip_quotes(text: &str) -> &str {
    let inside = |quote| text.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}

fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| rest.trim())
}

/// Names and values. The padding of base64 does not end a name.
fn pairs(text: &str) -> Vec<(&str, &str)> {
    let pairs = text.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, value)| !name.is_empty() && !value.trim_matches('=').is_empty()).collect()
}

/// The session cookie of the settings, or Better Auth's `PREFIX.session_token`, whatever the prefix.
fn is_session_name(name: &str, rules: &IdentityConfig) -> bool {
    let bare = name.strip_prefix("__Secure-").unwrap_or(name);
    bare == rules.session_cookie || name.ends_with("session_token")
}

/// The first two parts of a JWS, parsed leniently.
pub(crate) fn decode_parts(token: &str) -> Option<(Claims, Claims)> {
    let [header, claims, _] = token.split('.').collect::<Vec<_>>()[..] else { return None };
    let read = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
        serde_json::from_slice::<Claims>(&bytes).ok()
    };
    Some((read(header)?, read(claims)?))
}

fn jwt_shape(header: &Claims, claims: &Claims, rules: &IdentityConfig) -> CredentialShape {
    let typ = header.get("typ").and_then(Value::as_str).unwrap_or("JWT").to_ascii_lowercase();
    let has = |claim: &str| claims.contains_key(claim);
    let is_shared = header.get("alg").is_some_and(|alg| alg == "HS256");
    match typ.strip_prefix("application/").unwrap_or(&typ) {
        "at+jwt" => CredentialShape::AccessToken,
        "jwt" if has("session") && has("user") => CredentialShape::CookieCache,
        "jwt" if is_shared && has("email") && !has("sub") && !has("id") => {
            CredentialShape::MailLink
        }
        "jwt" if is_shared => CredentialShape::SharedSecret,
        "jwt" if is_id_token(claims) || names_one_of(claims.get("aud"), &rules.client_ids) => {
            CredentialShape::IdToken
        }
        "jwt" if has("events") => CredentialShape::OtherJwt,
        "jwt" => CredentialShape::Jwt,
        "better-auth.session-cache+jwt" => CredentialShape::CookieCache,
        _ => CredentialShape::OtherJwt,
    }
}

fn opaque_shape(token: &str) -> CredentialShape {
    let decoded = cookies::decoded(token).unwrap_or_default();
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric());
    let key = token.rsplit_once('_').map_or(token, |(_, key)| key);
    match decoded.split('.').collect::<Vec<_>>()[..] {
        [""] => CredentialShape::Nothing,
        ["undefined" | "null" | "none" | "None" | "NaN" | "true" | "false"] => {
            CredentialShape::Word
        }
        _ if token.contains("[object") || token.contains('{') => CredentialShape::Word,
        [_] if key.len() == 64 && key.bytes().all(|it| it.is_ascii_alphabetic()) => {
            CredentialShape::ApiKey
        }
        [one] if plain(one) => CredentialShape::OpaqueToken,
        [token, signature] if plain(token) && !signature.is_empty() => {
            CredentialShape::SignedSessionToken
        }
        [_, _, _] => CredentialShape::DamagedJwt,
        [_, _, _, _, _] => CredentialShape::Encrypted,
        _ => CredentialShape::Unknown,
    }
}

/// What is wrong with the value of a session cookie: the format is 32 letters and digits, a dot, and 44
/// characters of base64, percent-encoded once.
fn session_token_problem(value: &str) -> Option<&'static str> {
    let decoded = cookies::decoded(value).unwrap_or_default();
    let Some((_, signature)) = decoded.split_once('.') else {
        return Some("it has no signature: its value is a token without a dot and what follows it");
    };
    if signature.contains('%') {
        return Some("it is percent-encoded twice: copy it as the browser sends it");
    }
    if signature.contains(['-', '_']) {
        return Some("its signature is base64url, and Better Auth writes base64");
    }
    (signature.len() != 44)
        .then_some("its signature is not 44 characters long: copy the whole value of the cookie")
}

/// Replaces secrets: session tokens, and every value that is a token itself.
fn redact(claims: Claims, hides_session: bool) -> Claims {
    let show = |(name, value): (String, Value)| {
        let lower = name.to_ascii_lowercase();
        let secret = SECRET_NAMES.iter().any(|part| lower.contains(part))
            || (hides_session && lower == "sid");
        let value = if secret { REDACTED.into() } else { redact_value(value, hides_session) };
        (name, value)
    };
    claims.into_iter().map(show).collect()
}

fn redact_value(value: Value, hides_session: bool) -> Value {
    match value {
        Value::Object(object) => Value::Object(redact(object, hides_session)),
        Value::Array(list) => {
            list.into_iter().map(|value| redact_value(value, hides_session)).collect()
        }
        Value::String(text) if text.starts_with("eyJ") && text.contains('.') => REDACTED.into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}
