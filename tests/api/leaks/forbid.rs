//! A server that is set to tell "forbidden" from "not there" (`OWNERSHIP_DENIAL=forbid`).

use hallpass::graphql::encode_id;
use serde_json::json;
use uuid::Uuid;

use super::cases::{Case, generate};
use super::known;
use super::sdl::{Sdl, named};
use super::seeds::tables;
use super::table::Part;
use super::world::World;
use crate::app::{Backend, GraphQlResponse};
use crate::people::{alice, bob};

/// Whether the field is about one row, which `id` or `ids` name.
fn is_about_rows(sdl: &Sdl, case: &Case) -> bool {
    let (root, name) = case.field.split_once('.').unwrap();
    let Some(field) = sdl.field(root, name) else { return false };
    let kind = named(&field.node.ty.node);
    let gives_nodes = kind == "Node" || sdl.possible("Node").contains(&kind);
    let takes_id =
        field.node.arguments.iter().any(|a| ["id", "ids"].contains(&a.node.name.node.as_str()));
    takes_id && (gives_nodes || root == "Mutation")
}

async fn ask(world: &World, document: &str) -> GraphQlResponse {
    world.app.by_jwt(&bob()).send(&json!({ "query": document })).await
}

#[tokio::test]
async fn a_server_may_tell_that_a_row_is_somebody_elses() {
    let world = World::build(Backend::Sqlite, true, &["--ownership-denial", "forbid"], false).await;
    let sdl = Sdl::of_strangers();
    let before = world.hers().await;
    let keys = tables().iter().find(|table| table.node() == Some("Task")).unwrap().keys(Part::Hers);
    let (hers, nobodys) = (encode_id("Task", keys[0]).0, encode_id("Task", Uuid::from_u128(7)).0);
    let cases = generate(&sdl, &sdl, &known::known(&sdl)).cases;
    let mut asked = 0;
    for of_field in cases.chunk_by(|one, next| one.field == next.field) {
        let about_hers = of_field.iter().find(|case| case.document().contains(&hers));
        let Some(case) = about_hers.filter(|case| is_about_rows(&sdl, case)) else { continue };
        let forbidden = ask(&world, case.document()).await;
        assert_eq!(forbidden.codes(), ["FORBIDDEN"], "{}: {}", case.field, forbidden.body);
        assert_eq!(forbidden.error()["extensions"]["rule"], "OWNER", "{}", case.field);
        let absent = ask(&world, &case.document().replace(&hers, &nobodys)).await;
        let expected: &[&str] = if case.field.starts_with("Query") { &[] } else { &["NOT_FOUND"] };
        assert_eq!(absent.codes(), expected, "{}: {}", case.field, absent.body);
        asked += 1;
    }
    assert!(asked >= 8, "only {asked} fields");
    assert_eq!(world.hers().await, before, "{} keeps her rows", alice().id());
}
