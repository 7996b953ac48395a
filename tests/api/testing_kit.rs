//! The testing kit, as a team uses it for its own domains.

use hallpass::testing::{App, Client, user};

use crate::support::app::application;

#[tokio::test]
async fn callers_are_authenticated_as_in_production() {
    let app = App::start(application()).await;
    let (alice, bob) = (user("alice").role("editor").tier("premium"), user("bob"));
    let made = app.by_jwt(&alice);
    made.data("mutation { createTask(input: {title: \"Mine\"}) { task { id } } }").await;
    let me = made.data("{ me { id roles tier method } tasks { totalCount } }").await;
    assert_eq!(me["me"]["id"], alice.id());
    assert_eq!(me["me"]["roles"], serde_json::json!(["editor"]));
    assert_eq!(me["me"]["tier"], "premium");
    assert_eq!(me["me"]["method"], "JWT");
    assert_eq!(me["tasks"]["totalCount"], 1);
    assert_eq!(app.by_jwt(&bob).data("{ tasks { totalCount } }").await["tasks"]["totalCount"], 0);
    assert_eq!(app.anonymous().ask("{ tasks { totalCount } }").await.codes(), ["UNAUTHENTICATED"]);
    let another = App::start(application()).await;
    let token = "the.other.app";
    assert_eq!(another.by_bearer(token).ask("{ viewer { id } }").await.status, 401);
}

async fn viewer(who: Client<'_>) -> serde_json::Value {
    who.data("{ viewer { contentLevel roles } }").await["viewer"].clone()
}

#[tokio::test]
async fn development_personas_are_available() {
    let app = App::start(application()).await;
    let editor = viewer(app.by_persona("editor")).await;
    assert_eq!(editor["roles"], serde_json::json!(["editor"]));
    assert_eq!(viewer(app.by_persona("premium")).await["contentLevel"], "advanced-robotics");
    assert!(viewer(app.by_persona("guest")).await.is_null());
}

#[tokio::test]
async fn test_server_takes_settings() {
    let app = App::with(application(), &["--tiers", "basic,gold"]).await;
    let me = app.by_jwt(&user("tia").tier("gold")).data("{ me { tier } }").await;
    assert_eq!(me["me"]["tier"], "gold");
}

#[tokio::test]
async fn committed_files_are_compared() {
    let file = |name| std::fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR")));
    hallpass::testing::access_table_is_current(application(), &file("access.md").unwrap());
    hallpass::testing::schema_is_current(application(), &file("schema.graphql").unwrap());
}

#[test]
#[should_panic(expected = "schema.graphql is out of date:\n- type Removed\n")]
fn outdated_file_is_reported_with_its_lines() {
    hallpass::testing::schema_is_current(application(), "type Removed");
}

#[tokio::test]
async fn socket_has_the_credentials_of_its_client() {
    let app = App::start(application()).await;
    let alice = user("alice");
    let mut socket = app.by_jwt(&alice).socket().await;
    socket.execute("1", "{ viewer { id } }").await;
    let answer = socket.next_message().await;
    assert_eq!(answer["payload"]["data"]["viewer"]["id"], alice.id());
    let mut anonymous = app.anonymous().socket().await;
    anonymous.execute("1", "{ viewer { id } }").await;
    assert!(anonymous.next_message().await["payload"]["data"]["viewer"].is_null());
}
