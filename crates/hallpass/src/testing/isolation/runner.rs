//! Sends every case as each attacker, and collects the leaks.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_data::testing::TableRows;
use serde_json::Value;

use super::Suite;
use super::attacker::Attacker;
use super::fixture::{FixturePair, Observation};
use super::generator::{Case, Generated, Sample, generate};
use super::knowledge::{cursors, knowledge};
use super::normalize::secret_text;
use super::normalize::{plain, strings};
use super::seeds::Seeds;
use crate::testing::sdl::Sdl;

/// The number of attempts with two servers that respond differently.
const MAX_ATTEMPTS: usize = 10;
/// The same, if only their statements differ: under load, the batches of fetched rows vary.
const MAX_ATTEMPTS_OF_BATCHES: usize = 40;

/// Data that an attacker learned or changed.
#[derive(Debug)]
pub(super) struct Leak {
    /// The root field.
    pub field: String,
    /// The request and the difference.
    pub description: String,
    /// The tables of the affected rows, as far as they can be determined.
    pub tables: BTreeSet<String>,
}

/// One run of the suite: its cases and results.
pub(super) struct IsolationRun {
    pub generated: Generated,
    pub leaks: Vec<Leak>,
    /// The root fields that returned data to an authenticated attacker.
    pub answered: BTreeSet<String>,
    /// Documents that the server did not run, though attackers see the field.
    pub rejected: Vec<String>,
    /// The number of the victim's cursors.
    pub cursors: usize,
    /// The victim's distinctive values, with their tables.
    secrets: Vec<(&'static str, String)>,
}

impl IsolationRun {
    /// Sends the cases of `sample` as each of `attackers`.
    pub(super) async fn execute(
        suite: &Suite,
        seeds: &Seeds,
        pair: &FixturePair,
        sample: Sample,
        attackers: &[Attacker],
    ) -> Self {
        let (full, seen) = (Sdl::full(&suite.application), Sdl::unprivileged(&suite.application));
        let mut knowledge = knowledge(suite, seeds, &full);
        knowledge.cursors = cursors(&pair.with_alices, &seen, &knowledge).await;
        let mut generated = generate(&full, &seen, &knowledge);
        generated.thin_out(sample);
        let mut run = Self {
            generated,
            leaks: Vec::new(),
            answered: BTreeSet::new(),
            rejected: Vec::new(),
            cursors: knowledge.cursors.values().flatten().count(),
            secrets: seeds.secrets().map(|(table, it)| (table, secret_text(&it))).collect(),
        };
        for who in attackers {
            run.as_attacker(suite, pair, *who, &seen).await;
        }
        run
    }

    async fn as_attacker(&mut self, suite: &Suite, pair: &FixturePair, who: Attacker, seen: &Sdl) {
        let cases = self.generated.cases.clone();
        for of_field in cases.chunk_by(|one, next| one.field == next.field) {
            let field = &of_field[0].field;
            let (root, name) = field.split_once('.').expect("a field has a type");
            let before = pair.with_alices.alices().await;
            for case in of_field {
                let (with_alices, without) = match root {
                    "Query" => compare_until_alike(pair, who, case).await,
                    _ => self.compare_after_reset(pair, who, case, &before).await,
                };
                if seen.field(root, name).is_some() && !suite.exempt.contains(field) {
                    self.note(case, &without[0], who.is_authenticated());
                }
                self.leaks.extend(self.compared(case, &with_alices, &without));
            }
            if root == "Mutation" {
                let after = pair.with_alices.alices().await;
                self.leaks.extend(changed(field, &before, &after));
                pair.reset().await;
            }
        }
    }

    /// The same for mutations: if the two servers differ, the request is repeated from the initial state,
    /// after Alice's rows were checked.
    async fn compare_after_reset(
        &mut self,
        pair: &FixturePair,
        who: Attacker,
        case: &Case,
        before: &[TableRows],
    ) -> (Vec<Observation>, Vec<Observation>) {
        let observed = pair.observe(who, case).await;
        let (mut with_alices, mut without) = (vec![observed.0], vec![observed.1]);
        if !are_alike(&with_alices, &without) {
            let after = pair.with_alices.alices().await;
            self.leaks.extend(changed(&case.field, before, &after));
        }
        while !are_alike(&with_alices, &without)
            && with_alices.len() < max_attempts(&with_alices, &without)
        {
            pair.reset().await;
            let observed = pair.observe(who, case).await;
            with_alices.push(observed.0);
            without.push(observed.1);
        }
        (with_alices, without)
    }

    fn note(&mut self, case: &Case, observed: &Observation, is_authenticated: bool) {
        let answer: Value = serde_json::from_str(&observed.body).expect("the response is JSON");
        let rejected = ["GRAPHQL_VALIDATION_FAILED", "QUERY_REJECTED", "INTERNAL", "UNAVAILABLE"];
        if rejected.iter().any(|code| observed.body.contains(&format!("\"code\":\"{code}\""))) {
            self.rejected.push(format!("{}\n{}", case.body, observed.body));
        }
        let data = answer["data"].as_object().into_iter().flat_map(|data| data.values());
        if is_authenticated && data.into_iter().any(|value| !value.is_null()) {
            self.answered.insert(case.field.clone());
        }
    }

    /// The leak of a response, if any: a difference that persists.
    fn compared(
        &self,
        case: &Case,
        with_alices: &[Observation],
        without: &[Observation],
    ) -> Option<Leak> {
        if are_alike(with_alices, without) {
            return None;
        }
        let (with_alices, without) = (with_alices.first()?, without.first()?);
        let shown = &self.secrets_in(&with_alices.body) - &self.secrets_in(&without.body);
        let requests = self.secrets_in(&case.body.to_string());
        let description =
            format!("{}\n  with hers: {with_alices:?}\n  without:   {without:?}", case.body);
        let about = if shown.is_empty() { requests } else { shown };
        let tables = about.into_iter().map(|(table, _)| table.to_owned()).collect();
        Some(Leak { field: case.field.clone(), description, tables })
    }

    /// The secrets in a JSON text, with their tables.
    fn secrets_in(&self, body: &str) -> BTreeSet<(&'static str, &str)> {
        let parsed = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
        let words = |text: &str| text.split('"').map(plain).collect::<Vec<_>>().join("\n");
        let text: String = strings(&parsed).into_iter().map(words).collect::<Vec<_>>().join("\n");
        let secrets = self.secrets.iter().map(|(table, secret)| (*table, secret.as_str()));
        secrets.filter(|(_, secret)| text.contains(secret)).collect()
    }

    /// The number of leaks of each table.
    pub(super) fn by_table(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for table in self.leaks.iter().flat_map(|leak| &leak.tables) {
            *counts.entry(table.clone()).or_default() += 1;
        }
        counts
    }
}

/// The observations on each server. Fields of a query run concurrently, so the batches of fetched rows may
/// vary: if the two differ, the request is repeated, to see whether they have an observation in common.
async fn compare_until_alike(
    pair: &FixturePair,
    who: Attacker,
    case: &Case,
) -> (Vec<Observation>, Vec<Observation>) {
    let (mut with_alices, mut without) = (Vec::new(), Vec::new());
    loop {
        let observed = pair.observe(who, case).await;
        with_alices.push(observed.0);
        without.push(observed.1);
        if are_alike(&with_alices, &without)
            || with_alices.len() >= max_attempts(&with_alices, &without)
        {
            return (with_alices, without);
        }
    }
}

fn max_attempts(with_alices: &[Observation], without: &[Observation]) -> usize {
    let are_answered_alike =
        with_alices.iter().any(|one| without.iter().any(|other| one.body == other.body));
    if are_answered_alike { MAX_ATTEMPTS_OF_BATCHES } else { MAX_ATTEMPTS }
}

fn are_alike(with_alices: &[Observation], without: &[Observation]) -> bool {
    with_alices.iter().any(|observed| without.contains(observed))
}

/// Alice's tables with changed rows.
fn changed(field: &str, before: &[TableRows], after: &[TableRows]) -> Vec<Leak> {
    let pairs = before.iter().zip(after).filter(|(before, after)| before != after);
    pairs
        .map(|(before, after)| Leak {
            field: field.to_owned(),
            description: format!("{field} changed her rows:\n  {before:?}\n  {after:?}"),
            tables: BTreeSet::from([after.table.to_owned()]),
        })
        .collect()
}
