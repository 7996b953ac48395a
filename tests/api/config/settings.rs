//! Settings as an operator writes them: names, empty values, files of secrets, and `.env`.

use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cli::commands::{Output, Process, command, hallpass_with};

const AUTH: (&str, &str) = ("BETTER_AUTH_URL", "http://127.0.0.1:9");
/// A command that exits once the settings are read.
const ENDS: [&str; 1] = ["access"];

/// A command that is rejected if an authentication method is configured.
const TOKEN: [&str; 3] = ["token", "--as", "free"];

fn run_in(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let output = command(directory, arguments, variables).stdin(Stdio::null()).output().unwrap();
    Output {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap_or(-1),
    }
}

fn with_env_file(text: &str, variables: &[(&str, &str)]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(".env"), text).unwrap();
    run_in(directory.path(), &ENDS, variables)
}

#[track_caller]
fn assert_rejected(output: &Output, names: &[&str]) {
    assert_eq!(output.code, 2, "{}", output.stderr);
    assert_eq!(output.stdout, "");
    for name in names {
        assert!(output.stderr.contains(name), "{name} was expected: {}", output.stderr);
    }
    assert!(!output.stderr.contains("geheim"), "a secret is printed: {}", output.stderr);
}

#[test]
fn stranded_identity_setting_is_rejected() {
    let secret = ("BETTER_AUTH_SECRET", "geheim geheim geheim geheim geheim");
    let seeds = ["BETTER_AUTH_URL", "JWT_SECRET"];
    for (variables, names) in [
        (vec![secret], &seeds[..]),
        (vec![("BETTER_AUTH_SECRETS", "1:geheim geheim geheim")], &seeds),
        (vec![secret, ("JWT_ALGORITHM", "HS256")], &seeds),
        (vec![("JWT_ALGORITHM", "HS256")], &seeds),
        (vec![secret, ("HALLPASS_ENV", "development")], &seeds),
        (vec![("JWT_ISSUER", "x")], &["JWT_ISSUER", "BETTER_AUTH_URL"]),
        (vec![("JWT_AUDIENCE", "x")], &["JWT_AUDIENCE", "BETTER_AUTH_URL"]),
        (vec![AUTH, ("JWT_SECRET_ISSUER", "x")], &["JWT_SECRET"]),
        (vec![("OIDC_JWKS_URL", "http://127.0.0.1:9/jwks")], &["OIDC_ISSUER"]),
    ] {
        assert_rejected(&hallpass_with(&[], &variables), names);
    }
}

#[test]
fn misspelled_setting_is_reported() {
    for name in ["BETTER_AUTH_ULR", "BETTER_AUTH_UR", "BETTER_AUTH_URLL", "better_auth_url"] {
        let output = hallpass_with(&[], &[(name, "http://127.0.0.1:9")]);
        assert_rejected(&output, &[name, "write BETTER_AUTH_URL"]);
        let output = with_env_file(&format!("{name}=http://127.0.0.1:9"), &[]);
        assert_rejected(&output, &[name, "write BETTER_AUTH_URL"]);
    }
    assert_rejected(&hallpass_with(&[], &[("JWT_SECERT", "geheim")]), &["write JWT_SECRET"]);
    assert_rejected(&with_env_file("APP_PORT=3000", &[]), &["APP_PORT", "write API_PORT"]);
    let warned = hallpass_with(&ENDS, &[("APP_PORT", "3000")]);
    assert_eq!(warned.code, 0, "{}", warned.stderr);
    assert!(warned.stderr.contains("warning: APP_PORT is not a setting"), "{}", warned.stderr);
    let warned = with_env_file("APP_PORT=3000\nAPI_PORT=8000", &[]);
    assert_eq!(warned.code, 0, "{}", warned.stderr);
    assert!(warned.stderr.contains("APP_PORT"), "{}", warned.stderr);
    let foreign = with_env_file("VERSION=1.2\nHELP=me\nCOMMAND=x\nNODE_ENV=production", &[]);
    assert_eq!((foreign.code, foreign.stderr.as_str()), (0, ""));
    let quiet = hallpass_with(&ENDS, &[("NEXT_PUBLIC_API_URL", "x"), ("PATH", "/bin")]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
}

#[test]
fn prefixed_name_of_a_setting_is_explained() {
    let output = hallpass_with(&[], &[("HALLPASS_RATE_LIMIT", "60/min")]);
    assert_rejected(&output, &["HALLPASS_RATE_LIMIT is not a setting: write RATE_LIMIT"]);
}

#[test]
fn warnings_have_the_format_of_the_log() {
    // The server stops: the directory of its socket does not exist.
    let socket = ("API_SOCKET", "/nonexistent/hallpass.sock");
    let variables = [("LOG_FORMAT", "json"), ("APP_PORT", "3000"), socket];
    let lines = hallpass_with(&["serve", "--no-migrate"], &variables).stderr;
    let warning: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&warning["level"], &warning["target"]),
        (&"WARN".into(), &"hallpass::config".into())
    );
    assert!(warning["message"].as_str().unwrap().contains("did you mean API_PORT"), "{warning}");
    let lines = hallpass_with(&ENDS, &variables).stderr;
    assert!(lines.contains("warning: APP_PORT"), "{lines}");
}

/// Every variable that a setting is read from.
fn variables() -> Vec<String> {
    let command = hallpass::cli::command(crate::support::app::application());
    let names = command.get_arguments().filter_map(|it| it.get_env()?.to_str());
    names.map(str::to_owned).collect()
}

#[test]
fn empty_variable_is_unset() {
    let narrowing = ["JWT_SECRET_ISSUER", "JWT_SECRET_AUDIENCE", "COOKIE_CACHE_VERSION"];
    let sources =
        ["BETTER_AUTH_URL", "AUTH_SERVICE_URL", "AUTH_SERVER_URL", "JWKS_URL", "JWT_SECRET"];
    let more = ["OIDC_ISSUER", "API_KEY_VERIFY_URL"];
    let all = variables();
    assert!(all.len() > 50, "only {} settings", all.len());
    let others: Vec<_> = all.iter().filter(|name| !narrowing.contains(&name.as_str())).collect();
    let mut set: Vec<_> = others.iter().map(|name| (name.as_str(), "")).collect();
    set.push(("HALLPASS_ENV", "development"));
    let output = hallpass_with(&ENDS, &set);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "all at the same time");
    let mut text: String = others.iter().map(|name| format!("{name}=\n")).collect();
    text.push_str("HALLPASS_ENV=development\n");
    assert_eq!(with_env_file(&text, &[]).code, 0, "in the file as well");
    for name in narrowing {
        assert_rejected(&hallpass_with(&ENDS, &[(name, "")]), &[name, "empty"]);
        assert_rejected(&with_env_file(&format!("{name}="), &[]), &[name, "empty"]);
    }
    for name in sources.into_iter().chain(more) {
        for empty in ["", " "] {
            let output = hallpass_with(&ENDS, &[(name, empty)]);
            assert_rejected(&output, &[name, "empty", "HALLPASS_ENV=development"]);
        }
        assert_rejected(&with_env_file(&format!("{name}="), &[]), &[name, "empty"]);
        let auth = if name == AUTH.0 { ("AUTH_SERVICE_URL", AUTH.1) } else { AUTH };
        let beside = hallpass_with(&TOKEN, &[(name, ""), auth]);
        assert!(
            beside.stderr.contains("development tokens are not available"),
            "{name}: {}",
            beside.stderr
        );
    }
}

/// Invalid values of each kind of setting, with the text that names valid ones.
const UNREADABLE: [(&str, &str, &str); 29] = [
    ("API_PORT", "abc", "a number from 0 to 65535, such as 8000"),
    ("API_PORT", "70000", "a number from 0 to 65535, such as 8000"),
    ("PORT", "-1", "a number from 0 to 65535, such as 8000"),
    ("DATABASE_CONNECTIONS", "many", "a whole number in digits, such as 8"),
    ("MAX_DEPTH", "1.5", "a whole number in digits, such as 12"),
    ("MAX_DEPTH", "5000000000", "too large: write a smaller number, such as 12"),
    ("MAX_COST", "99999999999999999999", "too large: write a smaller number, such as 1000"),
    ("MAX_ALIASES", "-3", "a whole number in digits, such as 30"),
    ("MAX_CONCURRENT", "x", "a whole number in digits, such as 16"),
    ("ROWS_PER_OWNER", "0", "a number above 0, such as 100000, or `off`"),
    ("MAX_BODY", "12xx", "a size with its unit, such as 256KiB"),
    ("MAX_ANSWER", "-4MiB", "a size with its unit, such as 256KiB"),
    ("KEEP_ALIVE", "75", "a duration with its unit, such as 10s, 5m or 1h"),
    ("JWKS_TTL", "1 fortnight", "a duration with its unit, such as 10s, 5m or 1h"),
    ("AUDIT_RETENTION", "0d", "a duration above 0, such as 90d, or `off`"),
    ("INTROSPECTION", "yes", "use one of true, false"),
    ("HALLPASS_ENV", "staging", "use one of development, production"),
    ("COOKIE_CACHE", "on", "use one of off, trust"),
    ("JWT_SUBJECT", "email", "use one of id, sub"),
    ("API_HOST", "localhost:80", "an IP address, such as 127.0.0.1"),
    ("METRICS_ADDR", "127.0.0.1", "an IP address and a port, such as 127.0.0.1:9464"),
    ("TRUSTED_PROXIES", "10.0.0.0/99", "addresses or networks, such as 10.0.0.1 or 10.0.0.0/8"),
    ("TIERS", "free=gratis", "a number, such as paid=12"),
    ("COOKIE_PREFIX", "a b", "letters, digits, hyphens, dots and underscores, such as better-auth"),
    ("API_KEY_HEADER", "x key", "the name of a header, such as x-api-key"),
    ("RUST_LOG", "debgu", "`debgu` is no level: write off, error, warn, info, debug or trace"),
    ("RUST_LOG", "info,hallpass=wran", "info, debug or trace after the `=` of `hallpass=wran`"),
    ("RUST_LOG", "hallpas=debug", "write hallpass"),
    ("BETTER_AUTH_BASE_PATH", "api", "start it with a slash, such as /api/auth"),
];

#[test]
fn invalid_value_is_reported_with_an_example() {
    for (name, value, accepted) in UNREADABLE {
        let output = hallpass_with(&ENDS, &[(name, value)]);
        assert_rejected(&output, &[&format!("{name} is `{value}`: "), accepted]);
        assert_eq!(output.stderr.trim().lines().count(), 1, "{}", output.stderr);
    }
    for (name, value, accepted) in [
        ("BETTER_AUTH_URL", "u:geheim@app.example.com", "such as https://app.example.com"),
        ("ALLOWED_ORIGINS", "https://a.example/geheim", "such as https://app.example.com"),
        ("DATABASE_URL", "geheim", "sqlite://hallpass.db?mode=rwc"),
        ("DATABASE_DIRECT_URL", "geheim", "postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("REDIS_URL", "geheim:6379", "redis://localhost:6379"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "geheim:4318", "such as http://localhost:4318"),
    ] {
        assert_rejected(&hallpass_with(&ENDS, &[(name, value)]), &[name, accepted]);
    }
    let output = hallpass_with(&ENDS, &[("DATABASE_URL", "hallpass.db")]);
    assert_rejected(&output, &["DATABASE_URL", "write sqlite://hallpass.db?mode=rwc"]);
}

#[test]
fn setting_errors_have_no_library_text() {
    let no_text = std::ffi::OsStr::from_bytes(b"\xff");
    for name in variables() {
        let output = hallpass_with(&ENDS, &[(&name, "§ /")]);
        assert!([0, 2].contains(&output.code), "{name}: {}", output.stderr);
        for library in ["invalid", "parse", "syntax", "digit found"] {
            assert!(!output.stderr.contains(library), "{name}: {}", output.stderr);
        }
        let directory = tempfile::tempdir().unwrap();
        let mut command = command(directory.path(), &ENDS, &[]);
        let output = command.env(&name, no_text).stdin(Stdio::null()).output().unwrap();
        let reported = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(reported.contains(&format!("{name} is not valid UTF-8")), "{reported}");
    }
}

#[test]
fn empty_role_inheritance_means_none() {
    for variables in [vec![("ROLE_INHERITS", "")], vec![]] {
        let table = hallpass_with(&["access", "--json"], &variables).stdout;
        let table: Value = serde_json::from_str(&table).unwrap();
        assert_eq!(table.to_string().contains("admin > editor"), variables.is_empty());
    }
}

#[test]
fn secret_is_read_from_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let secret = "geheim geheim geheim geheim geheim";
    std::fs::write(path("good"), format!("{secret}\r\n")).unwrap();
    std::fs::write(path("short"), "geheim\n").unwrap();
    std::fs::write(path("empty"), "\n").unwrap();
    std::fs::write(path("large"), "geheim".repeat(20_000)).unwrap();
    std::fs::write(path("binary"), [0xff, 0xfe]).unwrap();
    let run = |variables: &[(&str, &str)]| run_in(directory.path(), &TOKEN, variables);
    let good = run(&[("JWT_SECRET_FILE", &path("good"))]);
    assert!(
        good.stderr.contains("development tokens are not available"),
        "it is an authentication method: {}",
        good.stderr
    );
    let flag = format!("--jwt-secret-file={}", path("short"));
    let by_flag = run_in(directory.path(), &["token", "--as", "free", &flag], &[]);
    assert_rejected(&by_flag, &["JWT_SECRET", "32 bytes"]);
    for (name, expected) in [
        ("short", "32 bytes"),
        ("empty", "empty"),
        ("large", "64 KiB"),
        ("binary", "cannot be read"),
        ("missing", "cannot be read"),
        (".", "cannot be read"),
    ] {
        assert_rejected(&run(&[("JWT_SECRET_FILE", &path(name))]), &["JWT_SECRET", expected]);
    }
    let both = [("JWT_SECRET_FILE", &*path("good")), ("JWT_SECRET", secret)];
    assert_rejected(&run(&both), &["JWT_SECRET", "JWT_SECRET_FILE", "both"]);
    let beside_empty = [("JWT_SECRET_FILE", &*path("good")), ("JWT_SECRET", "")];
    assert!(run(&beside_empty).stderr.contains("development tokens are not available"));
    for name in variables().iter().filter_map(|name| name.strip_suffix("_FILE")) {
        let setting = format!("{name}_FILE");
        let rejected = run(&[(&setting, &path("missing"))]);
        assert_rejected(&rejected, &[&setting, "missing", "cannot be read"]);
    }
}

#[test]
fn every_secret_has_a_file_setting() {
    let all = variables();
    for name in [
        "DATABASE_URL",
        "DATABASE_DIRECT_URL",
        "REDIS_URL",
        "JWT_SECRET",
        "BETTER_AUTH_SECRET",
        "BETTER_AUTH_SECRETS",
        "INTROSPECTION_CLIENT_SECRET",
        "SSO_API_KEY",
        "REVOCATION_SECRET",
    ] {
        assert!(all.contains(&format!("{name}_FILE")), "{name}");
    }
}

#[test]
fn database_url_of_a_file_is_used() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("url"), "sqlite://of-the-file.db?mode=rwc\n").unwrap();
    let server = Process::start_in(directory, &[("DATABASE_URL_FILE", "url")]);
    assert!(server.directory.path().join("of-the-file.db").exists());
}

#[test]
fn invalid_env_line_is_reported_by_number() {
    let text = "# comment\nMULTI=\"a\nb\"\nJWT_SECRET geheim geheim\n";
    assert_rejected(&with_env_file(text, &[]), &["line 4", ".env", "JWT_SECRET=value"]);
    let foreign = with_env_file("this is no assignment\nOTHER geheim\n", &[]);
    assert_eq!((foreign.code, foreign.stderr.as_str()), (0, ""));
    assert!(foreign.stdout.contains("SIGNED_IN"));
}

/// Lines of `.env`, each a file of its own.
const LINES: [&str; 48] = [
    "A=b",
    "A = b",
    "A= b ",
    "A:b",
    "A: b",
    "A : b",
    "export A=b",
    "export  A = b",
    "exportA=b",
    "export=b",
    "A",
    "A b",
    "=b",
    "A=",
    "A=\nB=c",
    "A=\n'b'",
    "A=b\nA=c",
    "A='b'",
    "A=\"b\"",
    "A=`b`",
    "A='b\"",
    "A=\"b",
    "A=b\"",
    "A='b' c",
    "A='b'c'",
    "A='it\\'s'",
    "A=\"say \\\"b\\\"\"",
    "A=\"b\\nc\\td\\re\"",
    "A='b\\nc'",
    "A=b\\nc",
    "A=\"b\nc\"",
    "A='b\n# c\nd' # e",
    "A=`b\n\"c\" 'd'`",
    "A=b # c",
    "A=b#c",
    "A=#b",
    "A='b # c' # d",
    "A=\"b\"#c",
    "# A=b",
    "  # A=b\n  A=c",
    "A=$B",
    "A=${B:-c}",
    "A=p$ssw0rd!&*()",
    "A=postgres://u:p$w@h:5432/d?sslmode=require&x=y#z",
    "A.b-c_D1=x",
    "1A=b",
    "A={\"json\": [1, \"x\"]}",
    "\u{feff}A=b\r\nC=d\r\n",
];

#[test]
fn env_file_parses_as_in_dotenv() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/better-auth");
    assert!(
        directory.join("node_modules/dotenv").exists(),
        "the tests need dotenv: run `npm ci` in tests/better-auth, or tests/run"
    );
    for text in LINES.iter().map(|line| (*line).to_owned()).chain([LINES.join("\n")]) {
        let mut node = Command::new("node")
            .arg("dotenv.mjs")
            .current_dir(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        node.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let theirs: Value =
            serde_json::from_slice(&node.wait_with_output().unwrap().stdout).unwrap();
        let ours = hallpass::config::EnvFile::parse(&text);
        let ours: serde_json::Map<String, Value> =
            ours.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        assert_eq!(Value::Object(ours), theirs, "{text:?}");
    }
}

#[test]
fn token_command_creates_no_key() {
    let directory = tempfile::tempdir().unwrap();
    let output = run_in(directory.path(), &TOKEN, &[]);
    assert_rejected(&output, &["no development key", "hallpass serve"]);
    let left = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 0, "it makes nothing");
    let server = Process::start(&[]);
    let token = run_in(server.directory.path(), &TOKEN, &[]);
    assert_eq!((token.code, token.stdout.split('.').count()), (0, 3), "{}", token.stderr);
}
