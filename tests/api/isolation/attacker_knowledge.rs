//! What the attacker knows: everything about Alice's rows that names or reaches them.

use std::collections::BTreeMap;

use async_graphql::Value;
use hallpass::graphql::encode_id;
use serde_json::json;
use uuid::Uuid;

use super::client::{Attacker, Transport};
use super::course_fixture::{self, CHAPTERS, COURSE};
use super::fixture::Fixture;
use super::generator::{Case, orders};
use super::sdl::{Sdl, named};
use super::seeds::{id, tables};
use super::table::{Part, SeededTable};
use super::values::{Knowledge, Values};
use crate::support::callers::alice;

/// Without cursors, which need requests.
pub fn knowledge(sdl: &Sdl) -> Knowledge {
    let tables = tables();
    let global = |part| tables.iter().flat_map(move |table| global_ids(table.as_ref(), part));
    let (alices, bobs) = (global(Part::Alices), global(Part::Bobs));
    let mut ids: Vec<(String, String)> = alices.clone().take(1).chain(bobs).collect();
    ids.extend(alices.clone().skip(1));
    ids.extend(
        CHAPTERS.map(|number| ("Chapter".to_owned(), encode_id("Chapter", id::<Uuid>(number)).0)),
    );
    ids.push(("Course".to_owned(), encode_id("Course", id::<Uuid>(COURSE)).0));
    // The right key under a wrong type name, and without one.
    for key in tables.iter().filter_map(|table| table.keys(Part::Alices).first().copied()) {
        ids.extend(sdl.possible("Node").iter().map(|kind| (String::new(), encode_id(kind, key).0)));
        ids.push((String::new(), key.to_string()));
    }
    ids.push((String::new(), alice().id().to_owned()));
    let secrets: Vec<_> = tables.iter().flat_map(|table| table.secrets()).collect();
    let (timestamps, texts): (Vec<_>, Vec<_>) =
        secrets.into_iter().partition(|text| text.parse::<hallpass_data::Timestamp>().is_ok());
    let texts = texts.into_iter().filter(|text| Uuid::try_parse(text).is_err());
    let words = std::iter::once("word".to_owned()).chain(texts).chain(course_fixture::slugs());
    let far = ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"].map(str::to_owned);
    Knowledge {
        ids,
        words: words.collect(),
        timestamps: far.into_iter().chain(timestamps).collect(),
        cursors: BTreeMap::new(),
    }
}

fn global_ids(table: &dyn SeededTable, part: Part) -> Vec<(String, String)> {
    let Some(kind) = table.node() else { return Vec::new() };
    let keys = table.keys(part).into_iter();
    keys.map(|key| (kind.to_owned(), encode_id(kind, key).0)).collect()
}

/// The cursors of every list in every order, as Alice gets them.
pub async fn cursors(
    fixture: &Fixture,
    sdl: &Sdl,
    knowledge: &Knowledge,
) -> BTreeMap<String, Vec<String>> {
    let mut cursors = BTreeMap::<String, Vec<String>>::new();
    let alice = Attacker::user_caller(&alice(), Transport::Post);
    for list in sdl.fields("Query") {
        let is_paged = list.node.arguments.iter().any(|a| a.node.name.node == "after");
        if !is_paged || sdl.field(named(&list.node.ty.node), "edges").is_none() {
            continue;
        }
        for order in orders(&Values { sdl, knowledge }, list).unwrap() {
            let name = order.as_ref().map(Value::to_string).unwrap_or_default();
            let given = if name.is_empty() { name.clone() } else { format!("(orderBy: {name})") };
            let list = &list.node.name.node;
            let document = format!("{{ {list}{given} {{ edges {{ cursor }} }} }}");
            let case = Case { field: format!("Query.{list}"), body: json!({ "query": document }) };
            let observed = fixture.observe(&alice, &case).await;
            let answer: serde_json::Value = serde_json::from_str(&observed.body).unwrap();
            let edges = answer["data"][list.as_str()]["edges"].as_array().cloned();
            let found = edges.into_iter().flatten();
            let found = found.map(|edge| edge["cursor"].as_str().unwrap().to_owned());
            let knowledge = cursors.entry(name).or_default();
            for cursor in found {
                if !knowledge.contains(&cursor) {
                    knowledge.push(cursor);
                }
            }
        }
    }
    assert!(cursors.values().flatten().count() > 20, "alice has rows in her lists");
    cursors
}
