//! What the stranger knows: everything about alice's rows, by which they could be named or reached.

use std::collections::BTreeMap;

use async_graphql::Value;
use hallpass::graphql::encode_id;
use serde_json::json;
use uuid::Uuid;

use super::cases::{Case, orders};
use super::sdl::{Sdl, named};
use super::seeds::{id, tables};
use super::shelf::{self, CHAPTERS, COURSE};
use super::table::{Kept, Part};
use super::values::{Known, Values};
use super::visitor::{Door, Visitor};
use super::world::World;
use crate::people::alice;

/// Without cursors, which have to be asked for.
pub fn known(sdl: &Sdl) -> Known {
    let tables = tables();
    let global = |part| tables.iter().flat_map(move |table| global_ids(table.as_ref(), part));
    let (hers, his) = (global(Part::Hers), global(Part::His));
    let mut ids: Vec<(String, String)> = hers.clone().take(1).chain(his).collect();
    ids.extend(hers.clone().skip(1));
    ids.extend(
        CHAPTERS.map(|number| ("Chapter".to_owned(), encode_id("Chapter", id::<Uuid>(number)).0)),
    );
    ids.push(("Course".to_owned(), encode_id("Course", id::<Uuid>(COURSE)).0));
    // The right key under a wrong name, and bare.
    for key in tables.iter().filter_map(|table| table.keys(Part::Hers).first().copied()) {
        ids.extend(sdl.possible("Node").iter().map(|kind| (String::new(), encode_id(kind, key).0)));
        ids.push((String::new(), key.to_string()));
    }
    ids.push((String::new(), alice().id().to_owned()));
    let secrets: Vec<_> = tables.iter().flat_map(|table| table.secrets()).collect();
    let (moments, texts): (Vec<_>, Vec<_>) =
        secrets.into_iter().partition(|text| text.parse::<hallpass_data::Timestamp>().is_ok());
    let texts = texts.into_iter().filter(|text| Uuid::try_parse(text).is_err());
    let words = std::iter::once("word".to_owned()).chain(texts).chain(shelf::slugs());
    let far = ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"].map(str::to_owned);
    Known {
        ids,
        words: words.collect(),
        moments: far.into_iter().chain(moments).collect(),
        cursors: BTreeMap::new(),
    }
}

fn global_ids(table: &dyn Kept, part: Part) -> Vec<(String, String)> {
    let Some(kind) = table.node() else { return Vec::new() };
    let keys = table.keys(part).into_iter();
    keys.map(|key| (kind.to_owned(), encode_id(kind, key).0)).collect()
}

/// The cursors of every list in every order, as alice gets them.
pub async fn cursors(world: &World, sdl: &Sdl, known: &Known) -> BTreeMap<String, Vec<String>> {
    let mut cursors = BTreeMap::<String, Vec<String>>::new();
    let alice = Visitor::person(&alice(), Door::Post);
    for list in sdl.fields("Query") {
        let is_paged = list.node.arguments.iter().any(|a| a.node.name.node == "after");
        if !is_paged || sdl.field(named(&list.node.ty.node), "edges").is_none() {
            continue;
        }
        for order in orders(&Values { sdl, known }, list).unwrap() {
            let name = order.as_ref().map(Value::to_string).unwrap_or_default();
            let given = if name.is_empty() { name.clone() } else { format!("(orderBy: {name})") };
            let list = &list.node.name.node;
            let document = format!("{{ {list}{given} {{ edges {{ cursor }} }} }}");
            let case = Case { field: format!("Query.{list}"), body: json!({ "query": document }) };
            let heard = world.hear(&alice, &case).await;
            let answer: serde_json::Value = serde_json::from_str(&heard.body).unwrap();
            let edges = answer["data"][list.as_str()]["edges"].as_array().cloned();
            let found = edges.into_iter().flatten();
            let found = found.map(|edge| edge["cursor"].as_str().unwrap().to_owned());
            let known = cursors.entry(name).or_default();
            for cursor in found {
                if !known.contains(&cursor) {
                    known.push(cursor);
                }
            }
        }
    }
    assert!(cursors.values().flatten().count() > 20, "alice has her lists");
    cursors
}
