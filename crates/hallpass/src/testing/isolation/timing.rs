//! A foreign row takes as long to reject as a missing one. `runner` shows that the same statements run for
//! both; this measures time, and tolerates a busy machine.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::Suite;
use super::database::Backend;
use super::fixture::Fixture;
use super::generator::smallest;
use super::knowledge::knowledge;
use super::seeds::Part;
use super::server::Options;
use crate::graphql::encode_id;
use crate::testing::{Client, Sdl};

/// Pairs of requests, alternating, so that a slowdown affects both kinds.
const PAIRS: usize = 31;
/// Maximum ratio of the medians.
const FACTOR: u32 = 2;
/// Maximum number of measurements.
const MAX_ATTEMPTS: usize = 5;

async fn time(who: &Client<'_>, document: &str) -> Duration {
    let began = Instant::now();
    who.ask(document).await;
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// A document about one of the victim's rows.
struct AboutRow {
    document: String,
    kind: String,
    id: String,
}

impl AboutRow {
    async fn medians(&self, who: &Client<'_>) -> (Duration, Duration) {
        let (mut alices, mut nonexistent) = (Vec::new(), Vec::new());
        for pair in 0..PAIRS {
            alices.push(time(who, &self.document).await);
            let id = encode_id(&self.kind, Uuid::from_u128(pair as u128)).0;
            nonexistent.push(time(who, &self.document.replace(&self.id, &id)).await);
        }
        (median(alices), median(nonexistent))
    }
}

impl Suite {
    /// Measures fields with the argument `id`: for the other user, a row of the victim takes as long to reject as a
    /// missing one. Returns the documents.
    ///
    /// # Panics
    /// If the medians differ by a factor of more than two, in each of five measurements.
    pub async fn check_timing(&self) -> Vec<String> {
        let seeds = self.seeds().await;
        let options = Options::on(Backend::Sqlite);
        let fixture = Fixture::build(self, &seeds, &options, Part::Alices).await;
        let bob = fixture.server.client(&fixture.server.users.bob);
        let mut measured = Vec::new();
        for about in self.documents_about_rows(&seeds) {
            let mut seen = Vec::new();
            for _ in 0..MAX_ATTEMPTS {
                let (alices, nonexistent) = about.medians(&bob).await;
                seen.push((alices, nonexistent));
                if alices < nonexistent * FACTOR && nonexistent < alices * FACTOR {
                    seen.clear();
                    break;
                }
            }
            let document = about.document;
            assert!(
                seen.is_empty(),
                "{document} takes different times for foreign and missing rows: {seen:?}"
            );
            measured.push(document);
        }
        measured
    }

    fn documents_about_rows(&self, seeds: &super::seeds::Seeds) -> Vec<AboutRow> {
        let sdl = Sdl::unprivileged(&self.application);
        let knowledge = knowledge(self, seeds, &sdl);
        let mut found = Vec::new();
        for root in ["Query", "Mutation"] {
            for field in sdl.fields(root) {
                let takes_id = field.node.arguments.iter().any(|it| it.node.name.node == "id");
                let name = format!("{root}.{}", field.node.name.node);
                let document = smallest(&sdl, &knowledge, root, field).unwrap_or_default();
                let alices = seeds.nodes.iter().find_map(|(kind, key, part)| {
                    let id = encode_id(kind, *key).0;
                    let is_one = matches!(part, Some(Part::Alices)) && document.contains(&id);
                    is_one.then(|| (kind.clone(), id))
                });
                let Some((kind, id)) = alices.filter(|_| takes_id && !self.exempt.contains(&name))
                else {
                    continue;
                };
                found.push(AboutRow { document, kind, id });
            }
        }
        found
    }
}
