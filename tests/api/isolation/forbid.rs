//! A server that distinguishes forbidden from missing rows (`OWNERSHIP_DENIAL=forbid`).

use hallpass::graphql::encode_id;
use serde_json::json;
use uuid::Uuid;

use super::attacker_knowledge;
use super::fixture::Fixture;
use super::generator::{Case, generate};
use super::sdl::{Sdl, named};
use super::seeds::tables;
use super::table::Part;
use crate::support::app::{Backend, GraphQlResponse};
use crate::support::callers::{alice, bob};

/// Whether the field is about one row, named by `id` or `ids`.
fn is_about_rows(sdl: &Sdl, case: &Case) -> bool {
    let (root, name) = case.field.split_once('.').unwrap();
    let Some(field) = sdl.field(root, name) else { return false };
    let kind = named(&field.node.ty.node);
    let gives_nodes = kind == "Node" || sdl.possible("Node").contains(&kind);
    let takes_id =
        field.node.arguments.iter().any(|a| ["id", "ids"].contains(&a.node.name.node.as_str()));
    takes_id && (gives_nodes || root == "Mutation")
}

async fn ask(fixture: &Fixture, document: &str) -> GraphQlResponse {
    fixture.app.by_jwt(&bob()).send(&json!({ "query": document })).await
}

#[tokio::test]
async fn forbid_mode_distinguishes_foreign_rows() {
    let fixture =
        Fixture::build(Backend::Sqlite, true, &["--ownership-denial", "forbid"], false).await;
    let sdl = Sdl::of_unprivileged();
    let before = fixture.alices().await;
    let keys =
        tables().iter().find(|table| table.node() == Some("Task")).unwrap().keys(Part::Alices);
    let (alices, nonexistent) =
        (encode_id("Task", keys[0]).0, encode_id("Task", Uuid::from_u128(7)).0);
    let cases = generate(&sdl, &sdl, &attacker_knowledge::knowledge(&sdl)).cases;
    let mut requests = 0;
    for of_field in cases.chunk_by(|one, next| one.field == next.field) {
        let about_alices = of_field.iter().find(|case| case.document().contains(&alices));
        let Some(case) = about_alices.filter(|case| is_about_rows(&sdl, case)) else { continue };
        let forbidden = ask(&fixture, case.document()).await;
        assert_eq!(forbidden.codes(), ["FORBIDDEN"], "{}: {}", case.field, forbidden.body);
        assert_eq!(forbidden.error()["extensions"]["rule"], "OWNER", "{}", case.field);
        let absent = ask(&fixture, &case.document().replace(&alices, &nonexistent)).await;
        let expected: &[&str] = if case.field.starts_with("Query") { &[] } else { &["NOT_FOUND"] };
        assert_eq!(absent.codes(), expected, "{}: {}", case.field, absent.body);
        requests += 1;
    }
    assert!(requests >= 8, "only {requests} fields");
    assert_eq!(fixture.alices().await, before, "{} keeps her rows", alice().id());
}
