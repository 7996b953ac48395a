//! What the attacker knows: everything about Alice's rows that names or reaches them.

use std::collections::BTreeMap;

use async_graphql::Value;
use hallpass_data::testing::Distinctive;
use serde_json::json;
use uuid::Uuid;

use super::Suite;
use super::attacker::{Transport, ask};
use super::fixture::Fixture;
use super::generator::orders;
use super::seeds::{Part, Seeds};
use super::server::Server;
use super::values::{Knowledge, Values};
use crate::graphql::encode_id;
use crate::testing::sdl::{Sdl, named};

/// The types whose objects may have global IDs: those that `node` finds, or else those with an `id`.
fn node_types(sdl: &Sdl) -> Vec<&str> {
    let nodes = sdl.possible("Node");
    let has_id =
        |kind: &&str| sdl.field(kind, "id").is_some_and(|field| named(&field.node.ty.node) == "ID");
    if nodes.is_empty() { sdl.objects().filter(has_id).collect() } else { nodes }
}

/// The objects with the keys of `seeds` and of the fixtures, as `node` finds them. Without `node`, every key is tried
/// with every type.
pub(super) async fn nodes(
    suite: &Suite,
    server: &Server,
    seeds: &Seeds,
) -> Vec<(String, Uuid, Option<Part>)> {
    let sdl = Sdl::full(&suite.application);
    let finds_nodes = sdl.field("Query", "node").is_some();
    let users = &server.users;
    let keys = seeds.keys(Part::Alices).map(|key| (key, Some(Part::Alices)));
    let keys = keys.chain(seeds.keys(Part::Bobs).map(|key| (key, Some(Part::Bobs))));
    let keys = keys.chain(suite.keys.iter().map(|key| (*key, None)));
    let mut found = Vec::new();
    for (key, part) in keys {
        let owner = if matches!(part, Some(Part::Bobs)) { &users.bob } else { &users.alice };
        for kind in node_types(&sdl) {
            let is_one = !finds_nodes || {
                let id = encode_id(kind, key).0;
                let query = format!("{{ node(id: \"{id}\") {{ __typename }} }}");
                server.client(owner).ask(&query).await.body["data"]["node"]["__typename"] == kind
            };
            if is_one {
                found.push((kind.to_owned(), key, part));
            }
        }
    }
    found
}

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

/// A value as a response contains it.
pub(super) fn secret_text(secret: &Distinctive) -> String {
    match secret {
        Distinctive::Text(text) => text.clone(),
        Distinctive::Timestamp(moment) => {
            moment.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
        }
        Distinctive::Key(key) => key.simple().to_string(),
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
