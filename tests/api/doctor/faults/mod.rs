//! Every kind of fault in a set-up, planted one at a time: a line of the doctor names the setting and the fix.

mod sessions;
mod set_up;
mod tokens;

use std::collections::BTreeSet;

use sessions::{api_keys, caches, cookies, sessions, shapes};
use set_up::{addresses, keys, settings};
use tokens::{forms, provider, tokens};

use super::Shown::{self, Token};
use super::said;

const AWAY: &str = "http://127.0.0.1:9";
const OTHER_SECRET: &str = "another-secret-than-the-auth-server-has-01";
/// Beside a credential the doctor does not try the rate limit, which takes 101 questions.
const QUICKLY: Shown<'static> = Token("undefined");

/// The faults that were planted, and those of which something was not said.
#[derive(Default)]
struct Named {
    planted: BTreeSet<&'static str>,
    missed: Vec<String>,
}

impl Named {
    /// That lines of the doctor, other than those about what is good, hold every one of `words`.
    fn is(
        &mut self,
        fault: &'static str,
        settings: &[(&str, &str)],
        shown: Shown<'_>,
        words: &[&str],
    ) {
        let (text, _) = said(settings, shown, &[]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("good ")).collect();
        let told = lines.join("\n");
        for word in words.iter().filter(|word| !told.contains(**word)) {
            self.missed.push(format!("{fault}: {word} was expected: {told}"));
        }
        assert!(self.planted.insert(fault), "{fault} stands here twice");
    }

    /// That so many were planted, and of each everything was said.
    #[track_caller]
    fn all(self, count: usize) {
        assert!(self.missed.is_empty(), "{}", self.missed.join("\n\n"));
        assert_eq!(self.planted.len(), count, "{:#?}", self.planted);
    }
}

#[tokio::test]
async fn set_up_faults_are_named_with_their_fix() {
    let mut named = Named::default();
    addresses(&mut named).await;
    settings(&mut named);
    keys(&mut named).await;
    named.all(28);
}

#[tokio::test]
async fn token_faults_are_named_with_their_fix() {
    let mut named = Named::default();
    tokens(&mut named).await;
    provider(&mut named).await;
    forms(&mut named).await;
    named.all(41);
}

#[tokio::test]
async fn session_faults_are_named_with_their_fix() {
    let mut named = Named::default();
    cookies(&mut named).await;
    sessions(&mut named).await;
    caches(&mut named).await;
    shapes(&mut named).await;
    named.all(28);
}

#[tokio::test]
async fn api_key_faults_are_named_with_their_fix() {
    let mut named = Named::default();
    api_keys(&mut named).await;
    named.all(13);
}
