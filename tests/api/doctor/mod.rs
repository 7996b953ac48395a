//! What `hallpass doctor` says to somebody who set one thing wrong: the setting, and the fix.

mod auth_servers;
mod credentials;
mod faults;
mod misplaced;
mod own_names;
mod page;
mod set_up;
mod troubleshooting;

use std::io::Write as _;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_data::now;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::auth_server::{Account, AuthServer};
use crate::command_line::command;

/// The secret of the Better Auth server that the tests start.
const AUTH_SECRET: &str = "hallpass-better-auth-test-secret-0123456789";
const SECRET: &str = "a-secret-of-the-applications-own-signer-0123";

/// What the doctor said.
struct Told {
    report: Value,
    code: i32,
}

/// What somebody shows the doctor.
#[derive(Clone, Copy)]
enum Shown<'a> {
    Nothing,
    Token(&'a str),
    Cookie(&'a str),
    ApiKey(&'a str),
}

/// Runs the doctor with these settings and no others, where nothing else is.
fn doctor(settings: &[(&str, &str)], shown: Shown<'_>) -> Told {
    let (output, code) = said(settings, shown, &["--json"]);
    let report = serde_json::from_str(&output).unwrap_or_else(|_| panic!("no report: {output}"));
    Told { report, code }
}

/// What it prints, and how it ends. What is shown comes from stdin: it stands in no list of processes.
fn said(settings: &[(&str, &str)], shown: Shown<'_>, more: &[&str]) -> (String, i32) {
    let directory = tempfile::tempdir().unwrap();
    let (arguments, input) = match shown {
        Shown::Nothing => (vec!["doctor"], ""),
        Shown::Token(token) => (vec!["doctor", "--token", "-"], token),
        Shown::Cookie(cookie) => (vec!["doctor", "--cookie", "-"], cookie),
        Shown::ApiKey(key) => (vec!["doctor", "--api-key", "-"], key),
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

impl Told {
    /// The findings about `name`.
    #[track_caller]
    fn about(&self, name: &str) -> Vec<&Value> {
        let setup = self.report["setup"].as_array().unwrap();
        let found: Vec<_> = setup.iter().filter(|finding| finding["name"] == name).collect();
        assert!(!found.is_empty(), "nothing is said of {name}: {:#}", self.report);
        found
    }

    /// That something about `name` is at this level, and that every one of `words` is said with it.
    #[track_caller]
    fn says(&self, level: &str, name: &str, words: &[&str]) -> &Self {
        let fits = |finding: &&Value| {
            let text = format!("{} fix: {}", text(&finding["message"]), text(&finding["fix"]));
            finding["level"] == level && words.iter().all(|word| text.contains(word))
        };
        let found = self.about(name);
        assert!(found.iter().any(fits), "{level} {name} {words:?} was expected: {found:#?}");
        self
    }

    /// That it is wrong, and ends so.
    #[track_caller]
    fn is_wrong(&self, name: &str, words: &[&str]) {
        self.says("wrong", name, words);
        assert_eq!(self.code, 1);
    }

    /// That the credential was refused by `check`, the ones before it held, and `words` are said.
    #[track_caller]
    fn is_refused_by(&self, check: &str, words: &[&str]) {
        self.comes_out_as("refused", words);
        let checks = self.report["credential"]["checks"].as_array().unwrap();
        assert_eq!(checks.len(), 13, "every check is listed");
        let of = |outcome: &str| -> Vec<&str> {
            let those = checks.iter().filter(|step| step["outcome"] == outcome);
            those.map(|step| step["check"].as_str().unwrap()).collect()
        };
        assert_eq!(of("failed"), [check], "{checks:#?}");
        assert!(!of("held").contains(&check) && !of("unreached").contains(&check));
    }

    /// That this came of the credential, and that every one of `words` is said with it.
    #[track_caller]
    fn comes_out_as(&self, verdict: &str, words: &[&str]) {
        let credential = &self.report["credential"];
        assert_eq!(credential["verdict"], verdict, "{credential:#}");
        let said = format!("{} fix: {}", text(&credential["reason"]), text(&credential["fix"]));
        for word in words {
            assert!(said.contains(word), "{word} was expected: {said}");
        }
        assert_eq!(self.code, i32::from(verdict != "accepted" || self.has_wrong()));
    }

    fn has_wrong(&self) -> bool {
        let setup = self.report["setup"].as_array().unwrap();
        setup.iter().any(|finding| finding["level"] == "wrong")
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Somebody who signed up at the server that the tests share.
async fn somebody() -> (&'static AuthServer, Account) {
    let server = AuthServer::shared();
    let profile = json!({"softwareBackground": "Advanced", "hardwareBackground": "Beginner",
        "interestArea": "Robotics"});
    (server, server.sign_up("Dora", profile).await)
}

/// A token of the application's own, signed with a shared secret.
fn signed_with(secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

/// Claims of somebody, for a quarter of an hour.
fn claims() -> Value {
    let issued = now().timestamp();
    json!({"sub": "somebody", "iat": issued, "exp": issued + 900})
}

/// A token that nobody signed.
fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmF0dXJl", part(header), part(claims))
}
