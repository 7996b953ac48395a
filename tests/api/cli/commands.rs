//! The `hallpass` command, as an operator runs it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::auth_server::AuthServer;
use crate::support::postgres;

/// Output and exit code of a command.
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

/// A command in this directory, with these variables and no others.
pub fn command(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallpass"));
    command.args(arguments).current_dir(directory).env_clear();
    command.envs(variables.iter().copied());
    command
}

/// Runs a command in an empty directory and environment.
pub fn hallpass(arguments: &[&str]) -> Output {
    hallpass_with(arguments, &[])
}

/// The same, with these variables.
pub fn hallpass_with(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    run(&mut command(directory.path(), arguments, variables))
}

pub fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Output {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap_or(-1),
    }
}

/// A server as its own process.
pub struct Process {
    pub url: String,
    pub child: Child,
    pub directory: tempfile::TempDir,
    /// Output during startup.
    startup_output: String,
    /// The lines of its log, once a test waits for one.
    log: Option<mpsc::Receiver<String>>,
}

impl Process {
    /// Starts it on a free port, and waits until it prints its address.
    pub fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), variables)
    }

    pub fn start_in(directory: tempfile::TempDir, variables: &[(&str, &str)]) -> Self {
        let mut command = command(directory.path(), &["--api-port", "0"], variables);
        // In production metrics have a fixed address, which only one server at a time can have.
        let has = |name: &str| variables.iter().any(|(other, _)| *other == name);
        if has("BETTER_AUTH_URL") && !has("METRICS_ADDR") {
            command.env("METRICS_ADDR", "127.0.0.1:0");
        }
        if has("BETTER_AUTH_URL") && !has("DRAIN_DELAY") {
            command.env("DRAIN_DELAY", "0s");
        }
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut server =
            Self { url: String::new(), child, directory, startup_output: String::new(), log: None };
        let mut stdout = BufReader::new(server.child.stdout.take().unwrap());
        while server.url.is_empty() {
            server.read_line(&mut stdout);
        }
        server.child.stdout = Some(stdout.into_inner());
        server
    }

    fn read_line(&mut self, stdout: &mut BufReader<std::process::ChildStdout>) {
        let mut line = String::new();
        if stdout.read_line(&mut line).unwrap() == 0 {
            let mut message = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
            panic!("the server did not start: {message}");
        }
        if let Some(at) = line.find("http://") {
            let address = line[at..].split_whitespace().next().unwrap();
            address.trim_end_matches("/graphql").clone_into(&mut self.url);
        }
        self.startup_output.push_str(&line);
    }

    /// Waits until a line of its log has these `words`, and returns it.
    pub fn wait_for_log(&mut self, words: &str) -> String {
        let stderr = &mut self.child.stderr;
        let log = self.log.get_or_insert_with(|| lines_of(stderr.take().unwrap()));
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            match log.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(words) => return line,
                Ok(_) => {}
                Err(_) => panic!("the log has no line with {words}"),
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }
}

/// The lines that a process writes, as it writes them.
fn lines_of(stderr: ChildStderr) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let written = BufReader::new(stderr).lines().map_while(Result::ok);
        written.map(|line| sender.send(line)).take_while(Result::is_ok).for_each(drop);
    });
    lines
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn ask(url: &str, token: Option<&str>, query: &str) -> Value {
    let mut request = crate::support::app::client()
        .post(format!("{url}/graphql"))
        .json(&json!({ "query": query }));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn default_start_serves_demo_content() {
    let mut server = Process::start(&[]);
    let guest =
        ask(&server.url, None, "{ viewer { id } chapters { totalCount } tasks { totalCount } }")
            .await;
    assert_eq!(guest["data"]["viewer"], Value::Null);
    assert!(guest["data"]["chapters"]["totalCount"].as_i64().unwrap() >= 6);
    assert_eq!(guest["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    for (persona, level) in [
        ("free", "beginner-friendly"),
        ("premium", "advanced-robotics"),
        ("editor", "intermediate"),
        ("admin", "intermediate"),
    ] {
        let token = run(&mut command(server.directory.path(), &["token", "--as", persona], &[]));
        let mine = ask(
            &server.url,
            Some(token.stdout.trim()),
            "{ me { contentLevel tier roles } tasks { totalCount } }",
        )
        .await;
        assert_eq!(mine["data"]["me"]["contentLevel"], level, "{persona}");
        assert!(mine["data"]["tasks"]["totalCount"].as_i64().unwrap() > 2, "{persona}");
    }
    assert!(server.startup_output.contains("development mode"), "{}", server.startup_output);
    server.signal("TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn restart_keeps_dev_key_and_demo_rows() {
    let first = Process::start(&[]);
    let token = run(&mut command(first.directory.path(), &["token", "--as", "free"], &[])).stdout;
    let query = "{ tasks { totalCount } chapters { totalCount } }";
    let before = ask(&first.url, Some(token.trim()), query).await;
    let mut first = first;
    first.signal("TERM");
    first.child.wait().unwrap();
    let directory = std::mem::replace(&mut first.directory, tempfile::tempdir().unwrap());
    let second = Process::start_in(directory, &[]);
    assert_eq!(ask(&second.url, Some(token.trim()), query).await, before);
}

/// The least that a server with an auth server needs.
const AUTH: (&str, &str) = ("BETTER_AUTH_URL", "http://127.0.0.1:9");
/// The least that a server with a shared secret needs.
const JWT: (&str, &str) = ("JWT_SECRET", "geheim geheim geheim geheim geheim");

/// Settings with an error, and the setting that the message names. Secret values contain `geheim`.
const INVALID_SETTINGS: &[(&[(&str, &str)], &str)] = &[
    (&[("API_PORT", "abc")], "API_PORT"),
    (&[("API_HOST", "0.0.0.0")], "API_HOST"),
    (&[("API_HOST", "nowhere")], "API_HOST"),
    (&[("HALLPASS_ENV", "staging")], "HALLPASS_ENV"),
    (&[("HALLPASS_ENV", "production")], "HALLPASS_ENV"),
    (&[("HALLPASS_ENV", "development"), AUTH], "HALLPASS_ENV"),
    (&[("HALLPASS_ENVIRONMENT", "x")], "HALLPASS_ENVIRONMENT"),
    (&[("DATABASE_URL", "mysql://u:geheim@h/d")], "DATABASE_URL"),
    (&[("BETTER_AUTH_URL", "app.example.com")], "BETTER_AUTH_URL"),
    (&[("BETTER_AUTH_URL", "https://app.example.com/api/auth")], "BETTER_AUTH_URL"),
    (&[("BETTER_AUTH_URL", "")], "BETTER_AUTH_URL"),
    (&[AUTH, ("AUTH_SERVICE_URL", "http://other.example")], "AUTH_SERVICE_URL"),
    (&[AUTH, ("BETTER_AUTH_BASE_PATH", "api")], "BETTER_AUTH_BASE_PATH"),
    (&[("JWKS_URL", "http://127.0.0.1:9/jwks")], "JWT_ISSUER"),
    (&[("JWKS_URL", "http://127.0.0.1:9/jwks"), ("JWT_ISSUER", "x")], "JWT_AUDIENCE"),
    (&[("JWT_SECRET", "kurzgeheim")], "JWT_SECRET"),
    (&[("JWT_SECRET", "-----BEGIN PUBLIC KEY----- geheim geheim geheim")], "JWT_SECRET"),
    (&[AUTH, ("JWT_LEEWAY", "10")], "JWT_LEEWAY"),
    (&[AUTH, ("SSO_CLIENT_ID", "http://127.0.0.1:9")], "SSO_CLIENT_ID"),
    (&[JWT, ("OAUTH_RESOURCE", "https://api.example")], "OAUTH_RESOURCE"),
    (&[AUTH, ("OIDC_ISSUER", "example")], "OIDC_ISSUER"),
    (&[AUTH, ("COOKIE_CACHE", "maybe")], "COOKIE_CACHE"),
    (&[JWT, ("COOKIE_CACHE", "trust")], "COOKIE_CACHE"),
    (&[AUTH, ("COOKIE_CACHE", "trust"), ("BETTER_AUTH_SECRET", "geheim")], "BETTER_AUTH_SECRET"),
    (&[AUTH, ("BETTER_AUTH_SECRETS", "1:")], "BETTER_AUTH_SECRET"),
    (&[AUTH, ("INTROSPECTION_CLIENT_ID", "us")], "INTROSPECTION_CLIENT_SECRET"),
    (&[AUTH, ("INTROSPECTION_CLIENT_SECRET", "geheim")], "INTROSPECTION_CLIENT_ID"),
    (
        &[AUTH, ("INTROSPECTION_CLIENT_ID", "us"), ("INTROSPECTION_CLIENT_SECRET", "")],
        "INTROSPECTION_CLIENT_SECRET",
    ),
    (&[JWT, ("USERINFO", "trust")], "USERINFO"),
    (&[AUTH, ("API_KEY_VERIFY_URL", "/api/verify")], "API_KEY_VERIFY_URL"),
    (&[AUTH, ("SESSION_COOKIE", "a b")], "SESSION_COOKIE"),
    (&[AUTH, ("API_KEY_HEADER", "authorization")], "API_KEY_HEADER"),
    (&[AUTH, ("API_KEY_HEADER", "x key")], "API_KEY_HEADER"),
    (&[AUTH, ("ROLE_CLAIM", "role,,x")], "ROLE_CLAIM"),
    (&[AUTH, ("OIDC_JWKS_URL", "jwks")], "OIDC_JWKS_URL"),
    (&[AUTH, ("USER_LOOKUP_URL", "https://a.example/users")], "USER_LOOKUP_URL"),
    (&[AUTH, ("USER_LOOKUP_URL", "https://a.example/users/{id}")], "SSO_API_KEY"),
    (&[AUTH, ("REVOCATION_SECRET", "geheim")], "REVOCATION_SECRET"),
    (&[AUTH, ("REVOCATION_SECRET", "whsec_geheim!")], "REVOCATION_SECRET"),
    (&[AUTH, ("DATABASE_DIRECT_URL", "postgres://h/d")], "DATABASE_DIRECT_URL"),
    (&[AUTH, ("REDIS_URL", "localhost:6379")], "REDIS_URL"),
    (&[AUTH, ("METRICS_ADDR", "9090")], "METRICS_ADDR"),
    (&[AUTH, ("KEEP_ALIVE", "0s")], "KEEP_ALIVE"),
    (&[AUTH, ("DRAIN_DELAY", "5")], "DRAIN_DELAY"),
    (&[("PORT", "http")], "PORT"),
    (&[AUTH, ("TRUSTED_PROXIES", "10.0.0.1, proxy.example.com")], "TRUSTED_PROXIES"),
    (&[AUTH, ("AUTH_TIMEOUT", "0s")], "AUTH_TIMEOUT"),
    (&[AUTH, ("SESSION_CACHE_TTL", "25h")], "SESSION_CACHE_TTL"),
    (&[AUTH, ("TIERS", "free,free")], "TIERS"),
    (&[AUTH, ("TIERS", "free=gratis")], "TIERS"),
    (&[AUTH, ("ALLOWED_ORIGINS", "*")], "ALLOWED_ORIGINS"),
    (&[AUTH, ("ALLOWED_ORIGINS", "https://a.example/path")], "ALLOWED_ORIGINS"),
    (&[AUTH, ("TRUSTED_PROXIES", "10.0.0.0/99")], "TRUSTED_PROXIES"),
    (&[AUTH, ("OWNERSHIP_DENIAL", "maybe")], "OWNERSHIP_DENIAL"),
    (&[AUTH, ("MAX_BODY", "much")], "MAX_BODY"),
    (&[AUTH, ("MAX_COST", "0")], "MAX_COST"),
    (&[AUTH, ("REQUEST_TIMEOUT", "-1s")], "REQUEST_TIMEOUT"),
    (&[AUTH, ("INTROSPECTION", "perhaps")], "INTROSPECTION"),
];

#[test]
fn invalid_setting_exits_2_and_is_named() {
    for (variables, name) in INVALID_SETTINGS {
        let output = hallpass_with(&[], variables);
        assert_eq!(output.code, 2, "{variables:?}: {}", output.stderr);
        assert!(output.stderr.contains(name), "{variables:?}: {}", output.stderr);
        assert_eq!(output.stderr.trim().lines().count(), 1, "{variables:?}: {}", output.stderr);
        assert!(!output.stderr.contains("geheim"), "a secret is printed: {}", output.stderr);
    }
}

#[test]
fn sqlite_start_logs_no_warning() {
    let mut server = Process::start(&[]);
    server.signal("TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    server.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(!log.contains("WARN") && !log.contains("sqlx"), "{log}");
    let absent = hallpass_with(&[], &[("DATABASE_URL", "sqlite://absent/x.db?mode=rwc")]);
    assert!(absent.stderr.contains("the directory absent does not exist"), "{}", absent.stderr);
    assert!(!absent.stderr.contains("sqlx"), "{}", absent.stderr);
}

#[test]
fn invalid_command_line_names_the_fix() {
    let secret = ["--jwt-secret", "geheim", "geheim2"];
    for (arguments, expected) in [
        (&["token"][..], "`hallpass token` needs --as PERSONA: see `hallpass token --help`"),
        (&["token", "--as"], "--as has no value: use one of guest, free"),
        (&["token", "--as", "unknown"], "--as is `unknown`: use one of guest, free"),
        (&["explain"], "--permission PERMISSION or --tier TIER, and QUERY: see"),
        (
            &["explain", "{ me { id } }"],
            "`hallpass explain` needs --as PERSONA or --token T or --caller KIND or --role ROLE",
        ),
        (&["explain", "--as", "free"], "`hallpass explain` needs QUERY: see"),
        (&["explain", "--as", "free", "--token", "x", "{ a }"], "cannot be used with"),
        (&["explain", "--as", "free", "--role", "admin", "{ a }"], "cannot be used with"),
        (&["explain", "--token", "x", "--impersonated", "{ a }"], "cannot be used with"),
        (&["explain", "--role", "x", "--scope", "x", "{ a }"], "needs --client ID"),
        (
            &["explain", "--caller", "unknown", "{ a }"],
            "use one of anonymous, user, guest-user, service",
        ),
        (&["explain", "--role", "x", "--confirmed-ago", "9", "{ a }"], "a duration with its unit"),
        (&["explain", "--caller", "service", "--role", "x", "{ a }"], "a service has no role"),
        (&["sevre"], "`sevre` is not a command: use one of serve, migrate, schema"),
        (&["--api-port", "0", "sevre"], "`sevre` is not a command"),
        (&["migrate"], "`hallpass migrate` needs a command: up, down, status"),
        (&["migrate", "left"], "`left` is not a command: use one of up, down, status"),
        (&["--api-port"], "API_PORT has no value"),
        (&["--nothing"], "--nothing is not an option"),
        (&secret, "unexpected word, which is not a command"),
    ] {
        let output = hallpass(arguments);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(output.stderr.contains(expected), "{arguments:?}: {}", output.stderr);
        assert_eq!(output.stderr.trim().lines().count(), 1, "{arguments:?}: {}", output.stderr);
        assert!(!output.stderr.contains("geheim"), "a secret is printed: {}", output.stderr);
    }
}

#[test]
fn port_in_use_is_reported() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = hallpass_with(&[], &[("API_PORT", &port)]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("API_PORT"), "{}", output.stderr);
}

#[test]
fn flags_override_environment_and_file() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(".env"), "API_PORT=first\nAPI_HOST=::1\n").unwrap();
    let expected = |arguments: &[&str], variables: &[(&str, &str)]| {
        run(&mut command(directory.path(), arguments, variables)).stderr
    };
    assert!(expected(&["token", "--as", "free"], &[]).contains("`first`"));
    assert!(expected(&["token", "--as", "free"], &[("API_PORT", "second")]).contains("`second`"));
    assert!(
        expected(&["token", "--as", "free", "--api-port", "third"], &[("API_PORT", "second")])
            .contains("`third`")
    );
}

#[test]
fn identity_source_disables_dev_tokens() {
    let output =
        hallpass_with(&["token", "--as", "admin"], &[("BETTER_AUTH_URL", "http://127.0.0.1:9")]);
    assert_eq!((output.code, output.stdout.as_str()), (2, ""));
    assert!(output.stderr.contains("BETTER_AUTH_URL"), "{}", output.stderr);
    let guest = hallpass(&["token", "--as", "guest"]);
    assert_eq!((guest.code, guest.stdout.as_str()), (2, ""));
}

#[test]
fn check_exits_1_when_file_is_out_of_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for check in ["schema", "access"] {
        assert_eq!(run(&mut command(root, &[check, "--check"], &[])).code, 0, "{check}");
        let elsewhere = hallpass(&[check, "--check"]);
        assert_eq!(elsewhere.code, 1);
        assert!(elsewhere.stderr.contains(check), "{}", elsewhere.stderr);
    }
}

#[test]
fn closed_pipe_ends_every_command_quietly() {
    let directory = tempfile::tempdir().unwrap();
    let table = hallpass(&["access", "--json"]).stdout.replace("FORBIDDEN", "UNAUTHENTICATED");
    std::fs::write(directory.path().join("old.json"), table).unwrap();
    for (arguments, code) in [
        (&["access"][..], 0),
        (&["access", "--json"], 0),
        (&["access", "--diff", "old.json"], 0),
        (&["schema"], 0),
        (&["schema", "--as", "free"], 0),
        (&["explain", "--as", "free", "{ me { id } }"], 0),
        (&["migrate", "up"], 0),
        (&["doctor", "--json"], 0),
        (&["--help"], 0),
        (&["token", "--as", "guest"], 2),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = command(directory.path(), arguments, &[]);
        command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
        assert_eq!(command.status().unwrap().code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn migrations_go_up_and_down() {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/x.db?mode=rwc", directory.path().display());
    for url in [sqlite, postgres::empty_database()] {
        let migrate = |direction: &str| {
            let output = hallpass_with(&["migrate", direction], &[("DATABASE_URL", &url)]);
            assert_eq!(output.code, 0, "{}", output.stderr);
            let lines =
                output.stdout.lines().map(|line| line.split(' ').next().unwrap().to_owned());
            lines.collect::<Vec<_>>()
        };
        let count = migrate("status").len();
        assert!(count > 8, "only {count} migrations");
        let (pending, applied) = (vec!["pending"; count], vec!["applied"; count]);
        assert_eq!(migrate("status"), pending);
        assert_eq!(migrate("up"), applied);
        let down = [&applied[1..], &["pending"]].concat();
        assert_eq!(migrate("down"), down);
        assert_eq!(migrate("up"), applied);
        assert_eq!(migrate("status"), applied);
    }
}

#[tokio::test]
async fn shutdown_finishes_request_in_progress() {
    let mut server = Process::start(&[]);
    let host = server.url.trim_start_matches("http://").to_owned();
    let body = "{\"query\": \"{ __typename }\"}";
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut half = std::net::TcpStream::connect(&host).unwrap();
    half.write_all(head.as_bytes()).unwrap();
    half.write_all(&body.as_bytes()[..5]).unwrap();
    // Data that was sent first is read first: once this is answered, the other request is in progress.
    ask(&server.url, None, "{ __typename }").await;
    server.signal("TERM");
    while std::net::TcpStream::connect(&host).is_ok() {
        tokio::task::yield_now().await;
    }
    half.write_all(&body.as_bytes()[5..]).unwrap();
    let mut answer = String::new();
    half.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("{\"data\":{\"__typename\":\"Query\"}}"), "{answer}");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn development_answers_only_loopback_hosts() {
    let server = Process::start(&[]);
    let port = server.url.rsplit(':').next().unwrap();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        ("rebound.example".to_owned(), 403),
        (format!("127.0.0.1.evil.example:{port}"), 403),
    ] {
        let request = crate::support::app::client()
            .get(format!("{}/dev/personas", server.url))
            .header("host", &host);
        assert_eq!(request.send().await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn no_credential_reaches_the_log_at_any_level() {
    let auth = AuthServer::shared();
    let account = auth.sign_up("Logged", json!({})).await;
    let jwt = auth.jwt(&account).await;
    let mut server = Process::start(&[("BETTER_AUTH_URL", &auth.url), ("RUST_LOG", "trace")]);
    let mut log = server.child.stderr.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        text
    });
    let client = crate::support::app::client();
    let garbage = "not-a-token-but-secret-all-the-same";
    for (name, value) in [
        ("authorization", format!("Bearer {jwt}")),
        ("authorization", format!("Bearer {jwt}x")),
        ("authorization", format!("Bearer {}", account.session_token)),
        ("authorization", format!("Bearer {garbage}")),
        ("cookie", account.cookie.clone()),
        ("x-api-key", garbage.to_owned()),
    ] {
        let request = client.post(format!("{}/graphql", server.url)).header(name, value);
        request.json(&json!({"query": "{ me { id } }"})).send().await.unwrap();
    }
    server.signal("TERM");
    server.child.wait().unwrap();
    let log = reading.join().unwrap();
    assert!(
        log.contains("hallpass::request") && log.contains("credential rejected"),
        "the log is written"
    );
    let signature = account.cookie.rsplit('.').next().unwrap();
    let parts = jwt.split('.').skip(1).chain([garbage, account.session_token.as_str(), signature]);
    for secret in parts {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}
