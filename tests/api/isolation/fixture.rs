//! Two servers that differ in one thing: on one, Alice has rows.
//!
//! An attacker who cannot distinguish them learns nothing about her rows, whatever the request. No expected
//! response is needed, and indirect channels (counts, orders, cursors, errors) are covered too.

use futures_util::future::join;
use hallpass_data::UserId;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, DATE, HeaderMap};

use super::client::Attacker;
use super::course_fixture;
use super::generator::Case;
use super::normalize::Normalizer;
use super::owned::policy_tables;
use super::seeds::tables;
use super::table::Part;
use crate::support::app::{App, Backend};
use crate::support::callers::{User, alice, bob};

/// One of the two servers.
pub struct Fixture {
    pub app: App,
    has_alices: bool,
}

/// All that an attacker can observe of a response, including the number of statements.
#[derive(Debug, PartialEq)]
pub struct Observation {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
    /// The texts of the statements, sorted: fields of a query run concurrently.
    pub statements: Vec<String>,
}

impl Fixture {
    /// `disables_owner_filter` turns on the switch that removes the owner from the scopes.
    pub async fn build(
        backend: Backend,
        has_alices: bool,
        flags: &[&str],
        disables_owner_filter: bool,
    ) -> Self {
        let app = App::with_owner_filter(backend, flags, disables_owner_filter).await;
        course_fixture::fill(&app.database).await;
        let fixture = Self { app, has_alices };
        fixture.reset().await;
        fixture
    }

    /// Restores the initial rows.
    pub async fn reset(&self) {
        let database = &self.app.database;
        for table in tables().iter().rev() {
            table.clear(database).await;
        }
        let part = if self.has_alices { Part::Alices } else { Part::AlicesAsPublic };
        for table in tables() {
            table.fill(database, part, &self.id_of(&alice())).await;
            table.fill(database, Part::Bobs, &self.id_of(&bob())).await;
        }
    }

    fn id_of(&self, user: &User) -> UserId {
        self.app.scope_of(user).owner().unwrap().clone()
    }

    /// Alice's current rows of each table.
    pub async fn alices(&self) -> Vec<(String, Vec<String>)> {
        let mut alices = Vec::new();
        for table in tables() {
            let rows = table.rows(&self.app.database, &self.id_of(&alice())).await;
            alices.push((table.name().to_owned(), rows));
        }
        alices
    }

    /// Sends a case as `who`.
    pub async fn observe(&self, who: &Attacker, case: &Case) -> Observation {
        let send = who.ask(&self.app, &case.body);
        let ((status, mut headers, body), mut statements) = self.app.statements_of(send).await;
        let tables = policy_tables();
        statements.retain(|sql| tables.iter().any(|table| sql.contains(&format!("\"{table}\""))));
        statements.sort();
        for changing in [DATE.as_str(), "x-request-id", CONTENT_LENGTH.as_str()] {
            headers.remove(changing);
        }
        Observation { status, headers, body, statements }
    }
}

/// The two servers.
pub struct FixturePair {
    pub with_alices: Fixture,
    pub without: Fixture,
    normalizer: Normalizer,
}

impl FixturePair {
    pub async fn build(backend: Backend, flags: &[&str], disables_owner_filter: bool) -> Self {
        let (with_alices, without) = join(
            Fixture::build(backend, true, flags, disables_owner_filter),
            Fixture::build(backend, false, flags, disables_owner_filter),
        )
        .await;
        Self { with_alices, without, normalizer: Normalizer::new() }
    }

    /// The observations on each server, with generated values normalized.
    pub async fn observe(&self, who: &Attacker, case: &Case) -> (Observation, Observation) {
        let observed =
            join(self.with_alices.observe(who, case), self.without.observe(who, case)).await;
        let masked = |observed: Observation| Observation {
            body: self.normalizer.normalize(&observed.body),
            ..observed
        };
        (masked(observed.0), masked(observed.1))
    }

    pub async fn reset(&self) {
        join(self.with_alices.reset(), self.without.reset()).await;
    }
}
