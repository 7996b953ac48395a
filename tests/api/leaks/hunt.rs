//! Sends every case as each of several strangers, and tells what leaked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::Value;

use super::cases::{Case, Generated, generate};
use super::known;
use super::mask::{plain, strings};
use super::sdl::Sdl;
use super::seeds::tables;
use super::table::Kept;
use super::visitor::Visitor;
use super::world::{Heard, Worlds};

/// How often two servers are asked that do not answer alike.
const TRIES: usize = 10;

/// Something that a stranger learned or changed.
#[derive(Debug)]
pub struct Leak {
    /// The root field.
    pub field: String,
    /// What was sent, and what came of it.
    pub story: String,
    /// The tables whose rows it is about, as far as that can be told.
    pub tables: BTreeSet<String>,
}

/// What was sent and what came of it.
pub struct Hunt {
    pub generated: Generated,
    pub leaks: Vec<Leak>,
    /// The root fields that answered somebody something.
    pub answered: BTreeSet<String>,
    /// Documents that the server did not run at all, though strangers see the field.
    pub rejected: Vec<String>,
}

impl Hunt {
    /// Sends everything as each of `strangers`; or, of the variations, only one in `step`.
    pub async fn through(worlds: &Worlds, step: usize, strangers: &[Visitor]) -> Self {
        let (whole, seen) = (Sdl::whole(), Sdl::of_strangers());
        let mut known = known::known(&whole);
        known.cursors = known::cursors(&worlds.with_hers, &seen, &known).await;
        let mut generated = generate(&whole, &seen, &known);
        generated.thin_out(step);
        let mut hunt =
            Self { generated, leaks: Vec::new(), answered: BTreeSet::new(), rejected: Vec::new() };
        for who in strangers {
            hunt.as_somebody(worlds, who, &seen).await;
        }
        hunt
    }

    async fn as_somebody(&mut self, worlds: &Worlds, who: &Visitor, seen: &Sdl) {
        let cases = self.generated.cases.clone();
        for of_field in cases.chunk_by(|one, next| one.field == next.field) {
            let field = &of_field[0].field;
            let (root, name) = field.split_once('.').unwrap();
            let before = worlds.with_hers.hers().await;
            for case in of_field {
                let (with_hers, without) = match root {
                    "Query" => listen(worlds, who, case, TRIES).await,
                    _ => self.listen_anew(worlds, who, case, &before).await,
                };
                if seen.field(root, name).is_some() {
                    self.note(case, &without[0], who.is_somebody());
                }
                self.leaks.extend(compared(case, &with_hers, &without));
            }
            if root == "Mutation" {
                let after = worlds.with_hers.hers().await;
                self.leaks.extend(changed(field, before, after));
                worlds.reset().await;
            }
        }
    }

    /// The same for what changes rows: where the two are not alike, it is asked again from the beginning,
    /// when what became of hers was looked at.
    async fn listen_anew(
        &mut self,
        worlds: &Worlds,
        who: &Visitor,
        case: &Case,
        before: &Rows,
    ) -> (Vec<Heard>, Vec<Heard>) {
        let (mut with_hers, mut without) = listen(worlds, who, case, 1).await;
        if !are_alike(&with_hers, &without) {
            let after = worlds.with_hers.hers().await;
            self.leaks.extend(changed(&case.field, before.clone(), after));
        }
        while !are_alike(&with_hers, &without) && with_hers.len() < TRIES {
            worlds.reset().await;
            let heard = listen(worlds, who, case, 1).await;
            with_hers.extend(heard.0);
            without.extend(heard.1);
        }
        (with_hers, without)
    }

    fn note(&mut self, case: &Case, heard: &Heard, is_somebody: bool) {
        let answer: Value = serde_json::from_str(&heard.body).unwrap();
        let refused = ["GRAPHQL_VALIDATION_FAILED", "QUERY_REJECTED", "INTERNAL", "UNAVAILABLE"];
        if refused.iter().any(|code| heard.body.contains(&format!("\"code\":\"{code}\""))) {
            self.rejected.push(format!("{}\n{}", case.body, heard.body));
        }
        let data = answer["data"].as_object().into_iter().flat_map(|data| data.values());
        if is_somebody && data.into_iter().any(|value| !value.is_null()) {
            self.answered.insert(case.field.clone());
        }
    }

    /// How many leaks are about each table.
    pub fn by_table(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for table in self.leaks.iter().flat_map(|leak| &leak.tables) {
            *counts.entry(table.clone()).or_default() += 1;
        }
        counts
    }
}

/// What is heard of each server. Fields of a query run side by side, so how rows
/// are fetched together may differ from time to time: where the two are not alike, they are asked
/// again, to see whether they have an answer in common.
async fn listen(
    worlds: &Worlds,
    who: &Visitor,
    case: &Case,
    tries: usize,
) -> (Vec<Heard>, Vec<Heard>) {
    let (mut with_hers, mut without) = (Vec::new(), Vec::new());
    for _ in 0..tries {
        let heard = worlds.hear(who, case).await;
        with_hers.push(heard.0);
        without.push(heard.1);
        if are_alike(&with_hers, &without) {
            break;
        }
    }
    (with_hers, without)
}

fn are_alike(with_hers: &[Heard], without: &[Heard]) -> bool {
    with_hers.iter().any(|heard| without.contains(heard))
}

/// What the answers tell of alice: any difference that stays does.
fn compared(case: &Case, with_hers: &[Heard], without: &[Heard]) -> Option<Leak> {
    if are_alike(with_hers, without) {
        return None;
    }
    let (with_hers, without) = (&with_hers[0], &without[0]);
    let shown = &secrets_in(&with_hers.body) - &secrets_in(&without.body);
    let asked = secrets_in(&case.body.to_string());
    let story = format!("{}\n  with hers: {with_hers:?}\n  without:   {without:?}", case.body);
    let about = if shown.is_empty() { asked } else { shown };
    Some(Leak {
        field: case.field.clone(),
        story,
        tables: about.into_iter().map(|(table, _)| table).collect(),
    })
}

/// The secrets that stand in a text of JSON, with their tables.
fn secrets_in(body: &str) -> BTreeSet<(String, String)> {
    let parsed = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
    let words = |text: &str| text.split('"').map(plain).collect::<Vec<_>>().join("\n");
    let text: String = strings(&parsed).into_iter().map(words).collect::<Vec<_>>().join("\n");
    SECRETS.iter().filter(|(_, secret)| text.contains(secret)).cloned().collect()
}

/// Every secret, with its table.
static SECRETS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let of_table = |table: Box<dyn Kept>| {
        let secrets = table.secrets().into_iter();
        secrets.map(|secret| (table.name().to_owned(), secret)).collect::<Vec<_>>()
    };
    tables().into_iter().flat_map(of_table).collect()
});

type Rows = Vec<(String, Vec<String>)>;

/// Alice's tables that are not as they were.
fn changed(field: &str, before: Rows, after: Rows) -> Vec<Leak> {
    let pairs = before.into_iter().zip(after).filter(|(before, after)| before != after);
    pairs
        .map(|(before, after)| Leak {
            field: field.to_owned(),
            story: format!("{field} changed her rows:\n  {before:?}\n  {after:?}"),
            tables: BTreeSet::from([after.0]),
        })
        .collect()
}
