//! Administrators list known users.

use serde_json::{Value, json};

use crate::domains::activity::wait_for_activity;
use crate::on_both_databases;
use crate::support::app::{App, Backend, Client};
use crate::support::callers::{User, alice, bob, user};

const VIEWER: &str = "{ viewer { id } }";
const NAMES: &str = "{ users { totalCount nodes { name } } }";

fn admin() -> User {
    user("ada").role("admin")
}

async fn names(who: &Client<'_>, arguments: &str) -> Vec<String> {
    let data = who.data(&format!("{{ users{arguments} {{ nodes {{ name }} }} }}")).await;
    let nodes = data["users"]["nodes"].as_array().unwrap();
    nodes.iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect()
}

/// Requests of these users, one after another, and then of the administrator.
async fn record_visits<'a>(app: &'a App, callers: &[User]) -> Client<'a> {
    let admin = app.by_jwt(&admin());
    for (caller, count) in callers.iter().zip(1..) {
        app.by_jwt(caller).data(VIEWER).await;
        wait_for_activity(app, "written", count).await;
    }
    admin.data(VIEWER).await;
    wait_for_activity(app, "written", callers.len() as u64 + 1).await;
    admin
}

on_both_databases! {
    async fn admin_pages_through_known_users(app: App) {
        let admin = record_visits(&app, &[alice().tier("premium"), bob(), user("carol")]).await;
        assert_eq!(names(&admin, "").await, ["ada", "carol", "bob", "alice"]);
        let page = "{ users(first: 2) { totalCount edges { node { name } }
            pageInfo { hasNextPage hasPreviousPage endCursor } } }";
        let page = admin.data(page).await["users"].clone();
        assert_eq!(page["totalCount"], 4);
        assert_eq!(page["edges"], json!([{"node": {"name": "ada"}}, {"node": {"name": "carol"}}]));
        assert_eq!(page["pageInfo"]["hasNextPage"], true);
        let rest = names(&admin, &format!("(first: 2, after: {})", page["pageInfo"]["endCursor"])).await;
        assert_eq!(rest, ["bob", "alice"]);
        assert_eq!(names(&admin, "(last: 1)").await, ["alice"]);
        let whole = "{ users(last: 1) { nodes { authId email name tier firstSeen lastSeen roles emailVerified banned } } }";
        let user = admin.data(whole).await["users"]["nodes"][0].clone();
        assert_eq!(user["firstSeen"], user["lastSeen"]);
        assert!(user["firstSeen"].is_string());
        for (field, value) in [
            ("authId", json!(alice().id())), ("email", json!("alice@example.test")), ("name", json!("alice")),
            ("tier", json!("premium")), ("roles", Value::Null), ("emailVerified", Value::Null), ("banned", Value::Null),
        ] {
            assert_eq!(user[field], value, "{field}");
        }
    }

    async fn text_filter_matches_id_email_and_name(app: App) {
        let callers = [
            alice().with("email", "al@one.test"), bob().with("name", "Robert 100%"), user("carol"),
        ];
        let admin = record_visits(&app, &callers).await;
        for (text, found) in [
            ("user-ALICE", vec!["alice"]), ("one.test", vec!["alice"]), ("robert", vec!["Robert 100%"]),
            ("100%", vec!["Robert 100%"]), ("user_bob", vec![]), ("%", vec!["Robert 100%"]), ("dave", vec![]),
            (" ", vec!["ada", "carol", "Robert 100%", "alice"]),
        ] {
            let arguments = format!("(filter: {{text: {}}})", Value::from(text));
            assert_eq!(names(&admin, &arguments).await, found, "{text}");
        }
        let nul = admin.ask("{ users(filter: {text: \"a\\u0000\"}) { totalCount } }").await;
        assert_eq!(nul.first_error("filter.text"), "remove the NUL character");
    }
}

#[tokio::test]
async fn known_users_require_admin() {
    let app = App::start(Backend::Sqlite).await;
    let admin = record_visits(&app, &[alice()]).await;
    let editor = user("eve").role("editor").tier("enterprise").with("permissions", json!(["*"]));
    for who in [alice(), editor] {
        let answer = app.by_jwt(&who).ask(NAMES).await;
        assert_eq!(
            answer.codes(),
            ["GRAPHQL_VALIDATION_FAILED"],
            "the field does not exist for them"
        );
    }
    assert_eq!(app.anonymous().ask(NAMES).await.codes(), ["GRAPHQL_VALIDATION_FAILED"]);
    assert!(admin.data(NAMES).await["users"]["totalCount"].as_i64().unwrap() >= 2);
}
