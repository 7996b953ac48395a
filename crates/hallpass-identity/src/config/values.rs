//! Value types of settings: each parses its text, and its error states the expected format.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::HeaderName;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use reqwest::Url;

/// A non-empty string.
#[derive(Clone, Debug)]
pub struct NonEmptyString(pub String);

impl std::str::FromStr for NonEmptyString {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty: give a value, or remove the setting");
        }
        Ok(Self(text.to_owned()))
    }
}

/// A cookie name, or its prefix (RFC 6265 section 4.1.1: a token), without `__Secure-`: cookies with and
/// without that prefix are read.
#[derive(Clone, Debug)]
pub struct CookieName(pub String);

impl std::str::FromStr for CookieName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let name = text.strip_prefix("__Secure-").unwrap_or(text);
        let part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || !name.bytes().all(part) {
            return Err("use letters, digits, hyphens, dots and underscores, such as better-auth");
        }
        Ok(Self(name.to_owned()))
    }
}

/// The name of the header that carries API keys.
#[derive(Clone, Debug)]
pub struct ApiKeyHeader(pub HeaderName);

impl std::str::FromStr for ApiKeyHeader {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim().parse::<HeaderName>();
        let name = name.map_err(|_| "write the name of a header, such as x-api-key")?;
        if [AUTHORIZATION, COOKIE, HOST, ORIGIN].contains(&name) {
            return Err(
                "that header has another use: choose a separate header for API keys, such as x-api-key",
            );
        }
        Ok(Self(name))
    }
}

/// A duration, such as `10s`, `5m` or `1h`.
#[derive(Clone, Copy, Debug)]
pub struct HumanDuration(pub Duration);

impl std::str::FromStr for HumanDuration {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        humantime::parse_duration(text)
            .map(Self)
            .map_err(|_| "write a duration with its unit, such as 10s, 5m or 1h")
    }
}

/// An absolute http or https URL.
#[derive(Clone, Debug)]
pub struct HttpUrl(pub Url);

impl std::str::FromStr for HttpUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Url::parse(text.trim()) {
            // Logs and errors would contain the password.
            _ if text.contains(['@', '#']) => Err(
                "remove the user, the password and the fragment (an @ in a path is %40), such as \
                     https://app.example.com",
            ),
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(Self(url)),
            _ => Err("write an absolute URL, such as https://app.example.com"),
        }
    }
}

/// An absolute http or https URL, kept as written: issuers are compared byte for byte.
#[derive(Clone, Debug)]
pub struct RawHttpUrl(pub String);

impl std::str::FromStr for RawHttpUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<HttpUrl>().map(|_| Self(text.trim().to_owned()))
    }
}

/// A URL with `{id}` in it.
#[derive(Clone, Debug)]
pub struct UserLookupUrl(pub String);

impl std::str::FromStr for UserLookupUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.contains("{id}") {
            return Err("write {id} where the user's id belongs, such as \
                        https://app.example.com/api/admin/users/{id}");
        }
        text.parse::<RawHttpUrl>().map(|url| Self(url.0))
    }
}

/// A path that starts with a slash and does not end with one.
#[derive(Clone, Debug)]
pub struct BasePath(pub String);

impl std::str::FromStr for BasePath {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().trim_end_matches('/');
        if !text.is_empty() && !text.starts_with('/') {
            return Err("start it with a slash, such as /api/auth");
        }
        Ok(Self(text.to_owned()))
    }
}

/// The tiers, lowest first.
#[derive(Clone, Debug)]
pub struct Tiers {
    names: Vec<String>,
    prices: Vec<f64>,
}

/// The maximum price.
const MAX_PRICE: f64 = 1e9;

impl Tiers {
    /// Whether the tier `held` includes the tier `required`. A held tier that is not configured is treated as
    /// the lowest; a required tier that is not configured is never reached.
    #[must_use]
    pub fn reach(&self, held: &str, required: &str) -> bool {
        self.rank(required).is_some_and(|required| self.rank(held).unwrap_or(0) >= required)
    }

    fn rank(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|tier| tier == name)
    }

    /// The configured tier that `held` is treated as.
    #[must_use]
    pub fn counted_as(&self, held: &str) -> &str {
        &self.names[self.rank(held).unwrap_or(0)]
    }

    /// The monthly price of `held`.
    #[must_use]
    pub fn price(&self, held: &str) -> f64 {
        self.prices[self.rank(held).unwrap_or(0)]
    }

    /// The names, lowest first.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether `tier` is the highest of several.
    #[must_use]
    pub fn is_top(&self, tier: &str) -> bool {
        self.names.len() > 1 && self.names.last().is_some_and(|highest| highest == tier)
    }

    /// The tier of users without one.
    #[must_use]
    pub fn lowest(&self) -> &str {
        &self.names[0]
    }
}

impl std::str::FromStr for Tiers {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut names, mut prices) = (Vec::new(), Vec::new());
        for part in text.split(',') {
            let (name, price) = part.split_once('=').unwrap_or((part, "0"));
            match price.trim().parse() {
                Ok(price) if (0.0..=MAX_PRICE).contains(&price) => prices.push(price),
                _ => return Err("a tier's price is a number, such as paid=12"),
            }
            names.push(name.trim().to_owned());
        }
        let repeated = names.iter().enumerate().any(|(at, name)| names[..at].contains(name));
        if names.iter().any(String::is_empty) || repeated {
            return Err("list different names from the lowest to the highest, such as free,paid");
        }
        Ok(Self { names, prices })
    }
}

/// Whether an optional kind of credential is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TrustMode {
    /// Not trusted.
    Off,
    /// Trusted.
    Trust,
}

/// Which claim of first-party JWTs holds the user's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum JwtSubject {
    /// `id`, the user's id at the auth server, if present; else `sub`.
    Id,
    /// `sub`.
    Sub,
}

/// Role inheritance.
#[derive(Clone, Debug, Default)]
pub struct RoleInheritance(Vec<(String, String)>);

impl RoleInheritance {
    /// Whether a caller with the role `held` meets the requirement `required`.
    #[must_use]
    pub fn implies(&self, held: &str, required: &str) -> bool {
        held == required
            || self.0.iter().any(|(above, below)| above == held && self.implies(below, required))
    }

    /// Every role with each role that it implies.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        let above = self.0.iter().map(|(above, _)| above.as_str()).collect::<BTreeSet<_>>();
        let below = self.0.iter().map(|(_, below)| below.as_str()).collect::<BTreeSet<_>>();
        let of =
            |held| below.iter().filter(move |it| self.implies(held, it)).map(move |it| (held, *it));
        above.into_iter().flat_map(of).filter(|(above, below)| above != below).collect()
    }
}

impl std::str::FromStr for RoleInheritance {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut steps = Vec::new();
        for chain in text.split(',').filter(|chain| !chain.trim().is_empty()) {
            let roles: Vec<_> = chain.split('>').map(str::trim).collect();
            if roles.len() < 2 || roles.iter().any(|role| role.is_empty()) {
                return Err("write chains of roles, such as admin>editor>user");
            }
            for pair in roles.windows(2) {
                // A cycle would not terminate.
                let known = Self(std::mem::take(&mut steps));
                if known.implies(pair[1], pair[0]) {
                    return Err(
                        "a role cannot imply itself: write each role once in a chain, such as admin>editor>user",
                    );
                }
                steps = known.0;
                steps.push((pair[0].to_owned(), pair[1].to_owned()));
            }
        }
        Ok(Self(steps))
    }
}
