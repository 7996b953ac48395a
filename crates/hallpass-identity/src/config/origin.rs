//! Origins of web pages and apps.

use reqwest::Url;

/// Schemes that are not those of an app: they have pages of others, or no origin.
const NOT_OF_APPS: [&str; 10] =
    ["about", "blob", "data", "file", "ftp", "javascript", "mailto", "view-source", "ws", "wss"];

/// An origin (RFC 6454): of pages, `https://app.example.com`; of an app, `capacitor://localhost`; or of pages at each
/// name one label below a name of one's own, `https://*.preview.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    text: String,
    /// What precedes and what follows the label that varies, if one does.
    around: Option<(String, String)>,
}

impl Origin {
    /// The origin as text, as browsers send it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a page with the origin `given` is of this origin.
    #[must_use]
    pub fn matches(&self, given: &str) -> bool {
        let Some((before, after)) = &self.around else { return self.text == given };
        let label = given.strip_prefix(before.as_str()).and_then(|rest| rest.strip_suffix(after));
        label.is_some_and(is_label)
    }
}

impl std::str::FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        match text.split_once("://") {
            Some((scheme, "*" | "*/")) if !scheme.contains('*') => Err(ANY),
            Some((scheme, rest)) if rest.starts_with("*.") => of_subdomains(scheme, &rest[2..]),
            _ if text.contains('*') => Err(ANY),
            Some(_) => Ok(Self { text: serialized(text)?, around: None }),
            None => Err("write origins such as https://app.example.com"),
        }
    }
}

const ANY: &str = "`*` would let any page act for the user who visits it: list exact origins, such as \
     https://app.example.com, or https://*.preview.example.com for one label below a name of your own";

/// The origin in the form that browsers send: lower case, without the default port.
fn serialized(text: &str) -> Result<String, &'static str> {
    let url = Url::parse(text).map_err(|_| "write origins such as https://app.example.com")?;
    let is_bare = matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let host = url.host_str().filter(|host| !host.is_empty());
    let (true, Some(host)) = (is_bare, host) else {
        return Err("write the origin alone, without a path, such as https://app.example.com");
    };
    match url.scheme() {
        "http" | "https" => Ok(url.origin().ascii_serialization()),
        other if NOT_OF_APPS.contains(&other) => Err(
            "write origins such as https://app.example.com, or of an app, such as capacitor://localhost",
        ),
        app => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            Ok(format!("{app}://{}{port}", host.to_ascii_lowercase()))
        }
    }
}

/// The origins `scheme://LABEL.parent`.
fn of_subdomains(scheme: &str, parent: &str) -> Result<Origin, &'static str> {
    if parent.contains('*') {
        return Err("write one `*`, as the first label, such as https://*.preview.example.com");
    }
    let text = serialized(&format!("{scheme}://{parent}"))?;
    let Some((scheme, parent)) = text.split_once("://") else { return Err(ANY) };
    if !matches!(scheme, "http" | "https") {
        return Err(
            "write `*` in origins of https pages only, such as https://*.preview.example.com",
        );
    }
    let name = parent.split_once(':').map_or(parent, |(name, _)| name);
    let is_address = Url::parse(&text).is_ok_and(|url| url.domain().is_none());
    // A registrable domain or a name below one. All customers of a public suffix, such as vercel.app, share it.
    if is_address || psl::domain(name.as_bytes()).is_none() {
        return Err(
            "put `*` below a domain of your own: others have names below this one, which is a public suffix",
        );
    }
    Ok(Origin {
        text: format!("{scheme}://*.{parent}"),
        around: Some((format!("{scheme}://"), format!(".{parent}"))),
    })
}

/// Whether `text` is one label of a host name, as browsers send it.
fn is_label(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    matches!(bytes, [first, ..] if is_letter(*first))
        && bytes.last().is_some_and(|last| is_letter(*last))
        && bytes.iter().all(|byte| is_letter(*byte) || *byte == b'-')
        && bytes.len() <= 63
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_normalized_or_rejected() {
        for (given, expected) in [
            ("https://app.example.com", Some("https://app.example.com")),
            ("HTTPS://App.Example.com:443", Some("https://app.example.com")),
            (" https://app.example.com/ ", Some("https://app.example.com")),
            ("http://localhost:5173", Some("http://localhost:5173")),
            ("https://b\u{fc}cher.example", Some("https://xn--bcher-kva.example")),
            ("capacitor://localhost", Some("capacitor://localhost")),
            ("tauri://localhost", Some("tauri://localhost")),
            ("chrome-extension://abcdefgh", Some("chrome-extension://abcdefgh")),
            ("https://*.preview.example.com", Some("https://*.preview.example.com")),
            ("https://*.Example.com:443", Some("https://*.example.com")),
            ("https://*.example.com:8443", Some("https://*.example.com:8443")),
            ("*", None),
            ("https://*", None),
            ("https://*.com", None),
            ("https://*.co.uk", None),
            ("https://*.vercel.app", None),
            ("https://*.localhost", None),
            ("https://*.192.0.2.1", None),
            ("https://*.*.example.com", None),
            ("https://a*.example.com", None),
            ("https://a.*.example.com", None),
            ("capacitor://*.example.com", None),
            ("https://app.example.com/path", None),
            ("https://user@app.example.com", None),
            ("https://app.example.com?x", None),
            ("file://host", None),
            ("javascript://host", None),
            ("app.example.com", None),
            ("null", None),
            ("", None),
        ] {
            let origin = given.parse::<Origin>().ok();
            assert_eq!(origin.as_ref().map(Origin::as_str), expected, "{given}");
        }
    }

    #[test]
    fn wildcard_matches_one_label() {
        let origin: Origin = "https://*.preview.example.com".parse().unwrap();
        for (given, expected) in [
            ("https://pr-12.preview.example.com", true),
            ("https://preview.example.com", false),
            ("https://.preview.example.com", false),
            ("https://a.b.preview.example.com", false),
            ("http://pr-12.preview.example.com", false),
            ("https://pr-12.preview.example.com:8443", false),
            ("https://pr-12.preview.example.com.evil.example", false),
            ("https://evil.example/.preview.example.com", false),
            ("https://evil.example#.preview.example.com", false),
            ("https://user@x.preview.example.com", false),
            ("https://-.preview.example.com", false),
            ("https://*.preview.example.com", false),
        ] {
            assert_eq!(origin.matches(given), expected, "{given}");
        }
    }
}
