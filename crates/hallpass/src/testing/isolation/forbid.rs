//! A server that distinguishes forbidden from missing rows (`OWNERSHIP_DENIAL=forbid`).

use serde_json::json;
use uuid::Uuid;

use super::Suite;
use super::database::Backend;
use super::fixture::Fixture;
use super::generator::{Case, generate};
use super::knowledge::knowledge;
use super::seeds::Part;
use super::server::Options;
use crate::graphql::encode_id;
use crate::testing::{GraphQlResponse, Sdl, User};

/// The number of documents of a field to find one with.
const MAX_ATTEMPTS: usize = 8;

async fn ask(fixture: &Fixture, who: &User, document: &str) -> GraphQlResponse {
    let body = json!({ "query": document });
    let response = fixture.server.client(who).send(&body).await;
    if document.starts_with("mutation") {
        fixture.reset().await;
    }
    response
}

fn finds_row(response: &GraphQlResponse) -> bool {
    let data = response.body["data"].as_object().into_iter().flat_map(|data| data.values());
    data.into_iter().any(|value| !value.is_null()) && response.codes().is_empty()
}

impl Suite {
    /// Sends documents about the victim's rows to a server with `OWNERSHIP_DENIAL=forbid`: to the other user, a row of
    /// the victim is forbidden by the rule `OWNER`, and a missing row is missing. Returns the root fields with such a
    /// document.
    ///
    /// # Panics
    /// If it is not, or a row changes.
    pub async fn check_denials(&self) -> Vec<String> {
        let seeds = self.seeds().await;
        let flags = ["--ownership-denial", "forbid"];
        let options = Options { flags: &flags, ..Options::on(Backend::Sqlite) };
        let fixture = Fixture::build(self, &seeds, &options, Part::Alices).await;
        let sdl = Sdl::unprivileged(&self.application);
        let mut knowledge = knowledge(self, &seeds, &sdl);
        let before = fixture.alices().await;
        let mut fields = Vec::new();
        for kind in std::mem::take(&mut knowledge.owned_types) {
            knowledge.owned_types = vec![kind.clone()];
            let node = seeds.nodes.iter().find(|(other, _, _)| *other == kind);
            let Some((_, key, _)) = node else { continue };
            // A row of another tenant is missing, whatever the setting.
            let tenants = fixture.server.app.database.owned_tables().tenant_names();
            let mut rows = before.iter().filter(|rows| rows.keys().contains(key));
            if rows.any(|rows| tenants.contains(&rows.table)) {
                continue;
            }
            let alices = encode_id(&kind, *key).0;
            let nonexistent = encode_id(&kind, Uuid::from_u128(7)).0;
            let cases = generate(&sdl, &sdl, &knowledge).cases;
            for of_field in cases.chunk_by(|one, next| one.field == next.field) {
                let is_tested = !self.exempt.contains(&of_field[0].field)
                    && check_field(&fixture, of_field, &alices, &nonexistent).await;
                if is_tested {
                    fields.push(of_field[0].field.clone());
                }
            }
        }
        assert_eq!(fixture.alices().await, before, "the victim keeps their rows");
        fields
    }
}

/// Whether there is a document that finds the row for its owner, and no other one.
async fn check_field(fixture: &Fixture, cases: &[Case], alices: &str, nonexistent: &str) -> bool {
    let users = &fixture.server.users;
    let documents = cases.iter().map(Case::document).filter(|text| text.contains(alices));
    // Variables are in another part of the body.
    for document in documents.filter(|text| !text.contains('$')).take(MAX_ATTEMPTS) {
        let without = document.replace(alices, nonexistent);
        let absent = ask(fixture, &users.alice, &without).await;
        if finds_row(&absent) || !finds_row(&ask(fixture, &users.alice, document).await) {
            continue;
        }
        let field = &cases[0].field;
        let forbidden = ask(fixture, &users.bob, document).await;
        assert_eq!(forbidden.codes(), ["FORBIDDEN"], "{field}: {}", forbidden.body);
        assert_eq!(forbidden.error()["extensions"]["rule"], "OWNER", "{field}");
        let missing = ask(fixture, &users.bob, &without).await;
        let expected: &[&str] = if field.starts_with("Query") { &[] } else { &["NOT_FOUND"] };
        assert_eq!(missing.codes(), expected, "{field}: {}", missing.body);
        return true;
    }
    false
}
