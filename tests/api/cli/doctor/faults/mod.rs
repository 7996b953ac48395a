//! Every kind of fault in a set-up, one at a time: a finding of the doctor names the setting and the fix.

mod sessions;
mod setup;
mod tokens;

use std::collections::BTreeSet;

use sessions::{api_keys, caches, cookies, response_shapes, sessions, stateless_sessions};
use setup::{addresses, keys, settings};
use tokens::{malformed, provider, tokens};

use super::PresentedAs::{self, Token};
use super::run_doctor;

const UNREACHABLE: &str = "http://127.0.0.1:9";
const OTHER_SECRET: &str = "another-secret-than-the-auth-server-has-01";
/// With a credential, the doctor does not probe the rate limit, which takes 101 requests.
const NO_RATE_LIMIT_PROBE: PresentedAs<'static> = Token("undefined");

/// The faults that were tested, and those with missing text in the report.
#[derive(Default)]
struct Faults {
    planted: BTreeSet<&'static str>,
    missed: Vec<String>,
}

impl Faults {
    /// Checks that the doctor's findings, except those that are good, contain every one of `words`.
    fn check(
        &mut self,
        fault: &'static str,
        settings: &[(&str, &str)],
        presented: PresentedAs<'_>,
        words: &[&str],
    ) {
        let (text, _) = run_doctor(settings, presented, &[]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("good ")).collect();
        let run = lines.join("\n");
        for word in words.iter().filter(|word| !run.contains(**word)) {
            self.missed.push(format!("{fault}: {word} was expected: {run}"));
        }
        assert!(self.planted.insert(fault), "{fault} is listed twice");
    }

    /// Checks that `count` faults were tested, and that no text is missing.
    #[track_caller]
    fn assert_all(self, count: usize) {
        assert!(self.missed.is_empty(), "{}", self.missed.join("\n\n"));
        assert_eq!(self.planted.len(), count, "{:#?}", self.planted);
    }
}

#[tokio::test]
async fn setup_faults_are_reported_with_fix() {
    let mut faults = Faults::default();
    addresses(&mut faults).await;
    settings(&mut faults);
    keys(&mut faults).await;
    faults.assert_all(28);
}

#[tokio::test]
async fn token_faults_are_reported_with_fix() {
    let mut faults = Faults::default();
    tokens(&mut faults).await;
    provider(&mut faults).await;
    malformed(&mut faults).await;
    faults.assert_all(41);
}

#[tokio::test]
async fn session_faults_are_reported_with_fix() {
    let mut faults = Faults::default();
    cookies(&mut faults).await;
    sessions(&mut faults).await;
    caches(&mut faults).await;
    stateless_sessions(&mut faults).await;
    response_shapes(&mut faults).await;
    faults.assert_all(28);
}

#[tokio::test]
async fn api_key_faults_are_reported_with_fix() {
    let mut faults = Faults::default();
    api_keys(&mut faults).await;
    faults.assert_all(13);
}
