//! Two servers that differ in one thing: on one, Alice has rows.
//!
//! An attacker who cannot distinguish them learns nothing about her rows, whatever the request. No expected
//! response is needed, and indirect channels (counts, orders, cursors, errors) are covered too.

use futures_util::future::join;
use hallpass_data::testing::TableRows;
use hallpass_data::{KnownUserId, SearchText, known_user, now};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, DATE, HeaderMap};

use super::Suite;
use super::attacker::{Attacker, Response};
use super::generator::Case;
use super::normalize::Normalizer;
use super::seeds::{Part, Seeds, rows_of, user_id};
use super::server::{Options, Server};

/// One of the two servers.
pub(super) struct Fixture {
    pub(super) server: Server,
    rows: Vec<TableRows>,
}

/// All that an attacker can observe of a response, including the statements.
#[derive(Debug, PartialEq)]
pub(super) struct Observation {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    pub(super) statements: Vec<String>,
}

impl Fixture {
    pub(super) async fn build(
        suite: &Suite,
        seeds: &Seeds,
        options: &Options<'_>,
        alices: Part,
    ) -> Self {
        let server = Server::start(suite, options).await;
        let rows = [seeds.rows(alices), seeds.rows(Part::Bobs)].concat();
        let fixture = Self { server, rows };
        fixture.reset().await;
        fixture.make_users_known().await;
        fixture
    }

    /// Both servers know both users: the display name of a user is not one of their rows.
    async fn make_users_known(&self) {
        let users = &self.server.users;
        let known = [&users.alice, &users.bob].map(|user| known_user::Model {
            id: KnownUserId::generate(),
            user_id: user_id(user),
            user_id_search: SearchText::default(),
            email: None,
            email_search: SearchText::default(),
            name: user.claims()["name"].as_str().map(str::to_owned),
            name_search: SearchText::default(),
            tier: "free".to_owned(),
            first_seen: now(),
            last_seen: now(),
        });
        let written = self.server.app.database.make_known(known.to_vec()).await;
        written.expect("the users can be written");
    }

    /// Restores the initial rows.
    pub(super) async fn reset(&self) {
        let reset = self.server.app.database.replace_rows(&self.rows).await;
        reset.expect("the rows of the seeds can be written");
    }

    /// Alice's current rows of each table.
    pub(super) async fn alices(&self) -> Vec<TableRows> {
        rows_of(&self.server.app.database, &self.server.users.alice).await
    }

    /// Sends a case as `who`.
    pub(super) async fn observe(&self, who: Attacker, case: &Case) -> Observation {
        self.observe_response(who.ask(&self.server, &case.body)).await
    }

    pub(super) async fn observe_response(
        &self,
        response: impl Future<Output = Response>,
    ) -> Observation {
        let ((status, mut headers, body), statements) = self.server.statements_of(response).await;
        for changing in [DATE.as_str(), "x-request-id", CONTENT_LENGTH.as_str()] {
            headers.remove(changing);
        }
        Observation { status, headers, body, statements }
    }
}

/// The two servers.
pub(super) struct FixturePair {
    pub(super) with_alices: Fixture,
    pub(super) without: Fixture,
    normalizer: Normalizer,
}

impl FixturePair {
    pub(super) async fn build(suite: &Suite, seeds: &Seeds, options: &Options<'_>) -> Self {
        let (with_alices, without) = join(
            Fixture::build(suite, seeds, options, Part::Alices),
            Fixture::build(suite, seeds, options, Part::AlicesAsPublic),
        )
        .await;
        Self { with_alices, without, normalizer: Normalizer::new(suite, seeds) }
    }

    /// The observations on each server, with generated values normalized.
    pub(super) async fn observe(&self, who: Attacker, case: &Case) -> (Observation, Observation) {
        let observed =
            join(self.with_alices.observe(who, case), self.without.observe(who, case)).await;
        let masked = |observed: Observation| Observation {
            body: self.normalizer.normalize(&observed.body),
            ..observed
        };
        (masked(observed.0), masked(observed.1))
    }

    pub(super) async fn reset(&self) {
        join(self.with_alices.reset(), self.without.reset()).await;
    }
}
