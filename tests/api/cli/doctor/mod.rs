//! `hallpass doctor` reports each wrong setting with its fix.

mod auth_servers;
mod credentials;
mod custom_names;
mod faults;
mod misplaced_credentials;
mod page;
mod setup;
mod troubleshooting;

use std::io::Write as _;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_data::now;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::cli::commands::command;
use crate::support::auth_server::{Account, AuthServer};

/// The secret of the Better Auth server that the tests start.
const AUTH_SECRET: &str = "hallpass-better-auth-test-secret-0123456789";
const SECRET: &str = "a-secret-of-the-applications-own-signer-0123";

/// The doctor's report and exit code.
struct DoctorRun {
    report: Value,
    code: i32,
}

/// The credential that the doctor checks.
#[derive(Clone, Copy)]
enum PresentedAs<'a> {
    Nothing,
    Token(&'a str),
    Cookie(&'a str),
    ApiKey(&'a str),
}

/// Runs the doctor with these settings and no others, in an empty directory.
fn doctor(settings: &[(&str, &str)], presented: PresentedAs<'_>) -> DoctorRun {
    let (output, code) = run_doctor(settings, presented, &["--json"]);
    let report = serde_json::from_str(&output).unwrap_or_else(|_| panic!("no report: {output}"));
    DoctorRun { report, code }
}

/// Its output and exit code. The credential is passed on stdin, so that it is not in the process list.
fn run_doctor(
    settings: &[(&str, &str)],
    presented: PresentedAs<'_>,
    more: &[&str],
) -> (String, i32) {
    let directory = tempfile::tempdir().unwrap();
    let (arguments, input) = match presented {
        PresentedAs::Nothing => (vec!["doctor"], ""),
        PresentedAs::Token(token) => (vec!["doctor", "--token", "-"], token),
        PresentedAs::Cookie(cookie) => (vec!["doctor", "--cookie", "-"], cookie),
        PresentedAs::ApiKey(key) => (vec!["doctor", "--api-key", "-"], key),
    };
    let arguments: Vec<_> = arguments.into_iter().chain(more.iter().copied()).collect();
    let mut child = command(directory.path(), &arguments, settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let texts = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let [stdout, stderr] = texts;
    let text = if stdout.is_empty() { stderr } else { stdout };
    (text, output.status.code().unwrap_or(-1))
}

impl DoctorRun {
    /// The findings about `name`.
    #[track_caller]
    fn findings(&self, name: &str) -> Vec<&Value> {
        let setup = self.report["setup"].as_array().unwrap();
        let found: Vec<_> = setup.iter().filter(|finding| finding["name"] == name).collect();
        assert!(!found.is_empty(), "no finding about {name}: {:#}", self.report);
        found
    }

    /// Checks that a finding of `name` has this level, and contains every one of `words`.
    #[track_caller]
    fn reports(&self, level: &str, name: &str, words: &[&str]) -> &Self {
        let fits = |finding: &&Value| {
            let text = format!("{} fix: {}", text(&finding["message"]), text(&finding["fix"]));
            finding["level"] == level && words.iter().all(|word| text.contains(word))
        };
        let found = self.findings(name);
        assert!(found.iter().any(fits), "{level} {name} {words:?} was expected: {found:#?}");
        self
    }

    /// Checks that a finding of `name` is an error, and that the exit code is 1.
    #[track_caller]
    fn is_error(&self, name: &str, words: &[&str]) {
        self.reports("wrong", name, words);
        assert_eq!(self.code, 1);
    }

    /// Checks that `check` rejected the credential, that the checks before it held, and that the reason
    /// contains `words`.
    #[track_caller]
    fn is_rejected_by(&self, check: &str, words: &[&str]) {
        self.has_verdict("rejected", words);
        let checks = self.report["credential"]["checks"].as_array().unwrap();
        assert_eq!(checks.len(), 13, "every check is listed");
        let of = |outcome: &str| -> Vec<&str> {
            let those = checks.iter().filter(|step| step["outcome"] == outcome);
            those.map(|step| step["check"].as_str().unwrap()).collect()
        };
        assert_eq!(of("failed"), [check], "{checks:#?}");
        assert!(!of("held").contains(&check) && !of("unreached").contains(&check));
    }

    /// Checks the verdict on the credential, and that its reason contains every one of `words`.
    #[track_caller]
    fn has_verdict(&self, verdict: &str, words: &[&str]) {
        let credential = &self.report["credential"];
        assert_eq!(credential["verdict"], verdict, "{credential:#}");
        let reported = format!("{} fix: {}", text(&credential["reason"]), text(&credential["fix"]));
        for word in words {
            assert!(reported.contains(word), "{word} was expected: {reported}");
        }
        assert_eq!(self.code, i32::from(verdict != "accepted" || self.has_error()));
    }

    fn has_error(&self) -> bool {
        let setup = self.report["setup"].as_array().unwrap();
        setup.iter().any(|finding| finding["level"] == "wrong")
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// An account at the server that the tests share.
async fn signed_up_account() -> (&'static AuthServer, Account) {
    let server = AuthServer::shared();
    let profile = json!({"softwareBackground": "Advanced", "hardwareBackground": "Beginner",
        "interestArea": "Robotics"});
    (server, server.sign_up("Dora", profile).await)
}

/// A token of the application's own issuer, signed with a shared secret.
fn signed_with(secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

/// Claims of a user, valid for 15 minutes.
fn claims() -> Value {
    let issued = now().timestamp();
    json!({"sub": "some-user", "iat": issued, "exp": issued + 900})
}

/// An unsigned token.
fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmF0dXJl", part(header), part(claims))
}
