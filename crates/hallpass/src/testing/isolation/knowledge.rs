//! What the attacker knows: everything about Alice's rows that names or reaches them.

use std::collections::BTreeMap;

use async_graphql::Value;
use hallpass_data::testing::Distinctive;
use serde_json::json;

use super::Suite;
use super::attacker::{Transport, ask};
use super::fixture::Fixture;
use super::generator::orders;
use super::nodes::node_types;
use super::normalize::secret_text;
use super::seeds::{Part, Seeds};
use super::values::{Knowledge, Values};
use crate::graphql::encode_id;
use crate::testing::sdl::{Sdl, named};

/// Without cursors, which need requests.
pub(super) fn knowledge(suite: &Suite, seeds: &Seeds, sdl: &Sdl) -> Knowledge {
    let global = |wanted: fn(Option<Part>) -> bool| {
        let nodes = seeds.nodes.iter().filter(move |(_, _, part)| wanted(*part));
        nodes.map(|(kind, key, _)| (kind.clone(), encode_id(kind, *key).0)).collect::<Vec<_>>()
    };
    let alices = global(|part| matches!(part, Some(Part::Alices)));
    let mut owned_types: Vec<_> = alices.iter().map(|(kind, _)| kind.clone()).collect();
    owned_types.dedup();
    // One of Alice's of each type.
    let first = |kind: &String| alices.iter().find(|(other, _)| other == kind).cloned();
    let mut ids: Vec<_> = owned_types.iter().filter_map(first).collect();
    let rest: Vec<_> = alices.into_iter().filter(|id| !ids.contains(id)).collect();
    ids.extend(global(|part| matches!(part, Some(Part::Bobs))));
    ids.extend(rest);
    ids.extend(global(|part| part.is_none()));
    // The right key under a wrong type name, and without one.
    for key in seeds.rows(Part::Alices).iter().filter_map(|rows| rows.keys().first().copied()) {
        ids.extend(node_types(sdl).into_iter().map(|kind| (String::new(), encode_id(kind, key).0)));
        ids.push((String::new(), key.to_string()));
    }
    ids.push((String::new(), suite.users.alice.id().to_owned()));
    let mut words = vec!["word".to_owned()];
    let mut timestamps =
        ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"].map(str::to_owned).to_vec();
    for (_, secret) in seeds.secrets() {
        match secret {
            Distinctive::Text(text) => words.push(text),
            Distinctive::Timestamp(_) => timestamps.push(secret_text(&secret)),
            Distinctive::Key(_) => {}
        }
    }
    words.extend(suite.words.iter().cloned());
    Knowledge {
        ids,
        owned_types,
        words,
        timestamps,
        cursors: BTreeMap::new(),
        scalars: suite.scalars.clone(),
        arguments: suite.arguments.clone(),
    }
}

/// The cursors of every list in every order, as Alice gets them.
pub(super) async fn cursors(
    fixture: &Fixture,
    sdl: &Sdl,
    knowledge: &Knowledge,
) -> BTreeMap<String, Vec<String>> {
    let mut cursors = BTreeMap::<String, Vec<String>>::new();
    let alice = fixture.server.client(&fixture.server.users.alice);
    for list in sdl.fields("Query") {
        let is_paged = list.node.arguments.iter().any(|a| a.node.name.node == "after");
        if !is_paged || sdl.field(named(&list.node.ty.node), "edges").is_none() {
            continue;
        }
        // The generator reports a list without values.
        for order in orders(&Values::of_field(sdl, knowledge, list), list).unwrap_or_default() {
            let name = order.as_ref().map(Value::to_string).unwrap_or_default();
            let given = if name.is_empty() { name.clone() } else { format!("(orderBy: {name})") };
            let list = &list.node.name.node;
            let document = format!("{{ {list}{given} {{ edges {{ cursor }} }} }}");
            let (_, _, body) = ask(&alice, Transport::Post, &json!({ "query": document })).await;
            let answer: serde_json::Value =
                serde_json::from_str(&body).expect("the response is JSON");
            let edges = answer["data"][list.as_str()]["edges"].as_array().cloned();
            let found = edges.into_iter().flatten();
            let known = cursors.entry(name).or_default();
            for edge in found {
                let cursor = edge["cursor"].as_str().expect("a cursor is a text").to_owned();
                if !known.contains(&cursor) {
                    known.push(cursor);
                }
            }
        }
    }
    cursors
}
