//! The types of settings: each reads its own text, and says how to write it right.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::num::IntErrorKind;
use std::time::Duration;

use axum::http::HeaderName;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use bytesize::ByteSize;
use ipnet::{IpNet, Ipv4Net};
use reqwest::Url;

/// A port.
pub(super) fn port(text: &str) -> Result<u16, &'static str> {
    text.trim().parse().map_err(|_| "write a port, a number from 0 to 65535, such as 8000")
}

/// A whole number. The message about another text is completed with the default of the setting.
pub(super) fn number<T: TryFrom<u64>>(text: &str) -> Result<T, &'static str> {
    const TOO_LARGE: &str = "it is too large: write a smaller number";
    match text.trim().parse::<u64>() {
        Ok(number) => T::try_from(number).map_err(|_| TOO_LARGE),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err(TOO_LARGE),
        Err(_) => Err("write a whole number in digits"),
    }
}

/// A number of bytes, with a unit or without.
pub(super) fn size(text: &str) -> Result<ByteSize, &'static str> {
    text.trim()
        .parse()
        .map_err(|_| "write a number of bytes, or a size with its unit, such as 256KiB")
}

/// An address to listen on.
pub(super) fn host(text: &str) -> Result<IpAddr, &'static str> {
    text.trim().parse().map_err(|_| "write an IP address, such as 127.0.0.1")
}

/// An address and a port to listen on.
pub(super) fn host_and_port(text: &str) -> Result<SocketAddr, &'static str> {
    text.trim().parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:9464")
}

/// A word that is not empty.
#[derive(Clone, Debug)]
pub struct Word(pub String);

impl std::str::FromStr for Word {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty: give a value, or remove the setting");
        }
        Ok(Self(text.to_owned()))
    }
}

/// A cookie's name, or its start (RFC 6265 section 4.1.1: a token). `__Secure-` is no part of it: both
/// names are looked for.
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

/// The name of the header in which API keys come.
#[derive(Clone, Debug)]
pub struct ApiKeyHeader(pub HeaderName);

impl std::str::FromStr for ApiKeyHeader {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim().parse::<HeaderName>();
        let name = name.map_err(|_| "write the name of a header, such as x-api-key")?;
        if [AUTHORIZATION, COOKIE, HOST, ORIGIN].contains(&name) {
            return Err(
                "that header carries something else: give API keys one of their own, such as x-api-key",
            );
        }
        Ok(Self(name))
    }
}

/// A length of time, as `10s`, `5m` or `1h`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub Duration);

impl std::str::FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        humantime::parse_duration(text)
            .map(Self)
            .map_err(|_| "write a length of time with its unit, such as 10s, 5m or 1h")
    }
}

/// The network of a proxy: in CIDR notation, or one address.
#[derive(Clone, Copy, Debug)]
pub struct ProxyNetwork(pub IpNet);

impl std::str::FromStr for ProxyNetwork {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        match network {
            // Peers are compared in IPv4 form.
            Ok(IpNet::V6(network)) if network.prefix_len() >= MAPPED => {
                let mapped = network.addr().to_ipv4_mapped();
                let mapped =
                    mapped.and_then(|it| Ipv4Net::new(it, network.prefix_len() - MAPPED).ok());
                Ok(Self(mapped.map_or(IpNet::V6(network), IpNet::V4)))
            }
            Ok(network) => Ok(Self(network)),
            Err(_) => Err("write addresses or networks, such as 10.0.0.1 or 10.0.0.0/8"),
        }
    }
}

/// The prefix of IPv4 addresses in IPv6 form.
const MAPPED: u8 = 96;

/// How long something is kept: a length of time, or `off` for ever.
#[derive(Clone, Copy, Debug)]
pub struct Retention(pub Option<Duration>);

impl std::str::FromStr for Retention {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(None));
        }
        match humantime::parse_duration(text) {
            Ok(span) if !span.is_zero() => Ok(Self(Some(span))),
            _ => Err("write a length of time above 0, such as 90d, or `off` to keep everything"),
        }
    }
}

/// How many there may be: a number, or `off` for any number.
#[derive(Clone, Copy, Debug)]
pub struct AtMost(pub Option<u64>);

impl std::str::FromStr for AtMost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            _ if text == "off" => Ok(Self(None)),
            Ok(most) if most > 0 => Ok(Self(Some(most))),
            _ => Err("write a number above 0, such as 100000, or `off`"),
        }
    }
}

/// An absolute http or https address.
#[derive(Clone, Debug)]
pub struct HttpUrl(pub Url);

impl std::str::FromStr for HttpUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Url::parse(text.trim()) {
            // A log or an error would show a password in it.
            _ if text.contains(['@', '#']) => Err(
                "remove the user, the password and the fragment (an @ in a path is %40), such as \
                     https://app.example.com",
            ),
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(Self(url)),
            _ => Err("write a whole address, such as https://app.example.com"),
        }
    }
}

/// An absolute http or https address, kept as it was written: issuers are compared byte for byte.
#[derive(Clone, Debug)]
pub struct HttpUrlText(pub String);

impl std::str::FromStr for HttpUrlText {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<HttpUrl>().map(|_| Self(text.trim().to_owned()))
    }
}

/// An address with `{id}` in it.
#[derive(Clone, Debug)]
pub struct UserLookupUrl(pub String);

impl std::str::FromStr for UserLookupUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.contains("{id}") {
            return Err("write {id} where the user's id belongs, such as \
                        https://app.example.com/api/admin/users/{id}");
        }
        text.parse::<HttpUrlText>().map(|url| Self(url.0))
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

/// The origin of a web page: scheme, host and port (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(pub String);

impl std::str::FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.contains('*') {
            return Err(
                "`*` would let any page act for the user who visits it: list exact origins, such as \
                 https://app.example.com",
            );
        }
        let url =
            text.parse::<HttpUrl>().map_err(|_| "write origins such as https://app.example.com")?;
        let origin = url.0.origin().ascii_serialization();
        if origin != text.trim_end_matches('/') {
            return Err("write the origin alone, without a path, such as https://app.example.com");
        }
        Ok(Self(origin))
    }
}

/// The tiers, lowest first.
#[derive(Clone, Debug)]
pub struct Tiers {
    names: Vec<String>,
    prices: Vec<f64>,
}

/// More than any price.
const HIGHEST_PRICE: f64 = 1e9;

impl Tiers {
    /// Whether someone who holds the tier `held` may have what asks for `required`. A held tier that
    /// is not configured counts as the lowest; what asks for one that is not configured stays closed.
    #[must_use]
    pub fn reach(&self, held: &str, required: &str) -> bool {
        self.rank(required).is_some_and(|required| self.rank(held).unwrap_or(0) >= required)
    }

    fn rank(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|tier| tier == name)
    }

    /// The configured tier that someone who holds `held` counts as a holder of.
    #[must_use]
    pub fn counted_as(&self, held: &str) -> &str {
        &self.names[self.rank(held).unwrap_or(0)]
    }

    /// What someone who holds `held` pays in a month.
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

    /// What someone without a tier has.
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
                Ok(price) if (0.0..=HIGHEST_PRICE).contains(&price) => prices.push(price),
                _ => return Err("a tier's price is a number, such as premium=12"),
            }
            names.push(name.trim().to_owned());
        }
        let repeated = names.iter().enumerate().any(|(at, name)| names[..at].contains(name));
        if names.iter().any(String::is_empty) || repeated {
            return Err(
                "list different names from the lowest to the highest, such as free,premium",
            );
        }
        Ok(Self { names, prices })
    }
}

/// Which role implies which.
#[derive(Clone, Debug, Default)]
pub struct RoleInheritance(Vec<(String, String)>);

impl RoleInheritance {
    /// Whether someone who holds the role `held` may do what asks for `required`.
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
                return Err("write what implies what, such as admin>editor>user");
            }
            for pair in roles.windows(2) {
                // One that is implied already adds nothing; one that implies back would never end.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_is_a_network_or_one_address() {
        for (text, network) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            (" 10.0.0.1 ", "10.0.0.1/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::/0", "::/0"),
        ] {
            let read = text.parse::<ProxyNetwork>().unwrap();
            assert_eq!(read.0.to_string(), network, "{text}");
        }
        for text in ["", "10.0.0.0/33", "proxy.example.com", "10.0.0.1:80"] {
            assert!(text.parse::<ProxyNetwork>().is_err(), "{text}");
        }
    }
}
