//! URLs with passwords: the error of an invalid URL contains no part of it.

use percent_encoding::percent_decode_str;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::{ConfigError, invalid};

/// The expected form of a URL.
struct Form {
    setting: &'static str,
    schemes: &'static [&'static str],
    example: &'static str,
}

const POSTGRES: Form = Form {
    setting: "DATABASE_URL",
    schemes: &["postgres://", "postgresql://"],
    example: "postgres://USER:PASSWORD@HOST:PORT/NAME",
};
const DIRECT: Form = Form { setting: "DATABASE_DIRECT_URL", ..POSTGRES };
const REDIS: Form = Form {
    setting: "REDIS_URL",
    schemes: &["redis://", "rediss://"],
    example: "redis://USER:PASSWORD@HOST:PORT",
};

/// How to percent-encode a password.
const ENCODE: &str = "the password has a character that must be percent-encoded: write # as %23, / as %2F, \
                      ? as %3F, @ as %40, : as %3A, % as %25, [ as %5B, ] as %5D and a blank as %20";

/// Checks the URL of the database.
pub(super) fn database_url(url: SecretString) -> Result<SecretString, ConfigError> {
    let text = url.expose_secret();
    if let Some(path) = text.strip_prefix("sqlite:") {
        sqlite(path)?;
    } else if POSTGRES.schemes.iter().any(|scheme| text.starts_with(scheme)) {
        return postgres(&POSTGRES, text);
    } else if is_file_name(text) {
        return invalid(format!(
            "DATABASE_URL is a file name, not a URL: write sqlite://{text}?mode=rwc"
        ));
    } else {
        return invalid(
            "DATABASE_URL is not a supported database URL: write sqlite://hallpass.db?mode=rwc, or \
             postgres://USER:PASSWORD@HOST:PORT/NAME",
        );
    }
    Ok(url)
}

/// Checks the URL of the database without a pooler.
pub(super) fn direct_url(
    url: Option<SecretString>,
    database_url: &SecretString,
) -> Result<Option<SecretString>, ConfigError> {
    let Some(url) = url else { return Ok(None) };
    let text = url.expose_secret();
    if !DIRECT.schemes.iter().any(|scheme| text.starts_with(scheme)) {
        return invalid(
            "DATABASE_DIRECT_URL is not a URL of PostgreSQL: write postgres://USER:PASSWORD@HOST:PORT/NAME",
        );
    }
    if database_url.expose_secret().starts_with("sqlite:") {
        return invalid(
            "DATABASE_DIRECT_URL is set, and SQLite has no pooler: remove it, or give the URL of a PostgreSQL \
             database as DATABASE_URL",
        );
    }
    postgres(&DIRECT, text).map(Some)
}

/// Whether `text` is the name of an SQLite file, by its extension. Only then may the error repeat it.
fn is_file_name(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./".contains(letter);
    [".db", ".db3", ".sqlite", ".sqlite3"].iter().any(|end| text.ends_with(end))
        && text.chars().all(is_plain)
}

/// Checks the URL of the Redis server.
pub(super) fn redis_url(url: Option<SecretString>) -> Result<Option<SecretString>, ConfigError> {
    if let Some(url) = &url {
        let text = url.expose_secret();
        if !REDIS.schemes.iter().any(|scheme| text.starts_with(scheme)) {
            return invalid(
                "REDIS_URL is not a Redis URL: write redis://HOST:PORT, such as \
                 redis://localhost:6379, or rediss:// for TLS",
            );
        }
        REDIS.check(text)?;
    }
    Ok(url)
}

impl Form {
    fn check(&self, text: &str) -> Result<Url, ConfigError> {
        let Self { setting, example, .. } = self;
        if text.contains(char::is_control) {
            return invalid(format!(
                "{setting} has a line break or another control character: write {example} on one line"
            ));
        }
        let (_, rest) = text.split_once("://").unwrap_or_default();
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // A password that ends early leaves its rest, and the `@` after it, behind the host.
        if tail.contains(['@', '#']) {
            return invalid(format!("{setting} cannot be read: {ENCODE}"));
        }
        match Url::parse(text).ok().filter(is_text) {
            Some(url) => Ok(url),
            None if authority.contains('@') => invalid(format!(
                "{setting} cannot be read: write {example}; if that is so, {ENCODE}"
            )),
            None => invalid(format!("{setting} cannot be read: write {example}")),
        }
    }
}

/// Parameters that are passed to PostgreSQL; the driver would log others.
const PARAMETERS: [&str; 17] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];
/// Parameters of other programs, which are removed.
const OF_OTHERS: [&str; 14] = [
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "connection_limit",
    "gssencmode",
    "keepalives",
    "pgbouncer",
    "pool_timeout",
    "prepareThreshold",
    "schema",
    "socket_timeout",
    "sslaccept",
    "statement_cache_size",
    "target_session_attrs",
];

/// The URL of a PostgreSQL database, without the parameters of other programs.
fn postgres(form: &Form, text: &str) -> Result<SecretString, ConfigError> {
    let mut url = form.check(text)?;
    let all: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let counts = |name: &str| PARAMETERS.contains(&name) || name.starts_with("options");
    if !all.iter().all(|(name, _)| counts(name) || OF_OTHERS.contains(&name.as_str())) {
        return invalid(format!(
            "{} has an unknown parameter: remove it; a ? or & in the password is written %3F or %26",
            form.setting
        ));
    }
    let kept: Vec<_> = all.iter().filter(|(name, _)| counts(name)).collect();
    if kept.len() < all.len() {
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
    Ok(String::from(url).into())
}

/// Whether percent-encoded bytes are UTF-8.
fn is_text(url: &Url) -> bool {
    let parts = [url.username(), url.password().unwrap_or_default(), url.path()];
    parts.into_iter().all(|part| percent_decode_str(part).decode_utf8().is_ok())
}

/// Checks what follows `sqlite:`. A database in memory would be separate for each connection, and empty for
/// each command.
fn sqlite(rest: &str) -> Result<(), ConfigError> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (file, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let file = percent_decode_str(file).decode_utf8_lossy();
    let parameters: Vec<_> = parameters.split('&').collect();
    let in_memory = file.is_empty()
        || file == ":memory:"
        || file.starts_with("file:")
        || parameters.iter().any(|parameter| ["mode=memory", "vfs=memdb"].contains(parameter));
    if in_memory {
        return invalid(
            "DATABASE_URL has no file name, and a database in memory is empty after each restart and for \
             each command: write sqlite://FILE?mode=rwc",
        );
    }
    let known = |parameter: &str| match parameter.split_once('=') {
        Some(("mode", mode)) => ["ro", "rw", "rwc"].contains(&mode),
        Some((name, _)) => ["cache", "immutable", "vfs"].contains(&name),
        None => parameter.is_empty(),
    };
    if !parameters.iter().all(|parameter| known(parameter)) {
        return invalid(
            "DATABASE_URL has an unknown parameter: write sqlite://FILE?mode=rwc, or \
             mode=rw or mode=ro; a ? in the name of the file is %3F",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::{database_url, redis_url};

    fn said(url: &str) -> String {
        database_url(url.into()).map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn memory_database_is_rejected() {
        for url in [
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite://%3Amemory%3A",
            "sqlite:",
            "sqlite://",
            "sqlite://?mode=memory",
            "sqlite://test.db?mode=memory",
            "sqlite://test.db?cache=private&mode=memory",
            "sqlite:file::memory:",
            "sqlite:file:test.db%3Fmode=memory",
            "sqlite://test.db?vfs=memdb",
            "sqlite::memory:?cache=shared",
        ] {
            assert!(said(url).contains("in memory"), "{url}: {}", said(url));
        }
        for url in ["sqlite://a.db", "sqlite:a.db?mode=rwc", "sqlite:///a/b.db?mode=ro"] {
            assert_eq!(said(url), "", "{url}");
        }
    }

    #[test]
    fn bare_file_name_is_answered_with_its_address() {
        for name in ["hallpass.db", "./data/app.sqlite3", "/var/lib/hallpass/hallpass.db"] {
            assert!(
                said(name).contains(&format!("write sqlite://{name}?mode=rwc")),
                "{}",
                said(name)
            );
        }
        for other in ["hallpass", "u:geheim@h/x.db", "file:geheim.db", "C:\\geheim.db", "geheim"] {
            assert!(said(other).contains("sqlite://hallpass.db?mode=rwc"), "{}", said(other));
            assert!(!said(other).contains("geheim"), "{}", said(other));
        }
    }

    #[test]
    fn unencoded_password_is_named_and_not_shown() {
        for password in ["sup3r#s3cret", "sup3r/s3cret", "sup3r?s3cret", "12#34", "12/34", "12?34"]
        {
            for url in [
                format!("postgres://hp:{password}@db.example:5432/hp"),
                format!("postgresql://hp:{password}@db.example/hp?sslmode=require"),
            ] {
                assert!(said(&url).contains("must be percent-encoded"), "{url}: {}", said(&url));
                assert!(!said(&url).contains(&password[..2]), "{}", said(&url));
            }
            let redis = redis_url(Some(format!("redis://:{password}@db.example:6379").into()));
            assert!(redis.unwrap_err().to_string().contains("must be percent-encoded"));
        }
    }

    #[test]
    fn readable_addresses_are_taken() {
        for url in [
            "postgres://localhost/db",
            "postgres://u:p%40ss@localhost:5432/db?sslmode=require",
            "postgres://u@localhost/db?host=/var/run/postgresql",
            "postgresql://u:a@b@localhost/db",
            "postgres://u:100%@localhost/db",
            "postgres://u:p@localhost/db?pgbouncer=true&sslmode=require",
            "postgres:///db?host=/tmp&options=-c%20a=b",
        ] {
            assert_eq!(said(url), "", "{url}");
        }
        let url = "postgres://u:p@localhost/db?pgbouncer=true&sslmode=require";
        let taken = database_url(url.to_owned().into()).unwrap();
        assert_eq!(taken.expose_secret(), "postgres://u:p@localhost/db?sslmode=require");
        assert!(said("postgres://u:%ff@localhost/db").contains("percent-encoded"));
        assert!(said("postgres://u:p\n@localhost/db").contains("control character"));
        assert!(redis_url(Some("rediss://:p@localhost:6379/0".to_owned().into())).is_ok());
    }
}
