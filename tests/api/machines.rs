//! Machines: tokens that a client gets for itself. They are somebody, and no person.

use serde_json::{Value, json};

use crate::app::{App, Backend, Client};
use crate::attendance::{noted, users};
use crate::issuer::Issuer;
use crate::oauth::{WHO, provider};
use crate::people::alice;

/// What only a person may do.
const OF_PEOPLE: [&str; 10] = [
    "{ me { id } }",
    "{ tasks { nodes { id } } }",
    "{ taskStats { total } }",
    "mutation { createTask(input: {title: \"By a machine\"}) { id } }",
    "mutation { deleteTasks(ids: [\"x\"]) }",
    "{ me { id kind method permissions } }",
    "{ tasks { totalCount } }",
    "mutation { updateLearnerProfile(input: {}) { id } }",
    "mutation { recordProgress(chapterId: \"x\", percent: 1) { percent } }",
    "mutation { bookmarkChapter(chapterId: \"x\", bookmarked: true) { id } }",
];
/// Everything that is for administrators, who are people.
const OF_ADMINISTRATORS: [&str; 3] = [
    "mutation { eraseUser(id: \"x\") { total } }",
    "{ users { totalCount } }",
    "{ analytics { totalUsers } }",
];

pub async fn is_a_machine(who: &Client<'_>, id: &str, method: &str, permissions: &[&str]) {
    let viewer = who.data(WHO).await["viewer"].clone();
    let known = json!({"id": id, "kind": "SERVICE", "method": method, "permissions": permissions});
    assert_eq!(viewer, known);
    for document in OF_PEOPLE {
        let answer = who.ask(document).await;
        assert_eq!(answer.status, 200, "{document}: it is signed in");
        assert_eq!(answer.codes(), ["FORBIDDEN"], "{document}: {}", answer.body);
    }
    for document in OF_ADMINISTRATORS {
        let answer = who.ask(document).await;
        assert_eq!(answer.codes(), ["GRAPHQL_VALIDATION_FAILED"], "{document}: {}", answer.body);
    }
    who.data("{ publicTasks { nodes { id isOwner } } }").await;
}

#[tokio::test]
async fn a_machine_is_somebody_who_may_do_nothing_that_is_for_people() {
    let resource = "https://api.example.test/machines";
    let server = provider();
    let client = server.oauth_client(json!({ "resource": resource })).await;
    let token = server.machine_token(&client, Some(resource)).await;
    let app = server.app(&["--oauth-resource", resource]).await;
    let who = app.by_bearer(&token);
    is_a_machine(&who, &client.id, "ACCESS_TOKEN", &["scope:read:tasks"]).await;
    let statements = app.statements_of(who.ask(OF_PEOPLE[3])).await.1;
    assert!(!statements.iter().any(|it| it.contains("INSERT INTO \"task\"")), "{statements:?}");
    let person = server.sign_up("Paula", json!({})).await;
    app.by_cookie(&person.cookie).data("{ me { id } }").await;
    noted(&app, "written", 2).await;
    let known = users(&app.database).await;
    assert_eq!(known.len(), 1, "a machine is no user");
    assert_eq!(known[0].user_id.as_str(), person.id);
}

#[tokio::test]
async fn a_machine_that_bears_the_name_of_a_person_owns_nothing_of_theirs() {
    let app = App::with(Backend::Sqlite, &["--oauth-resource", "here"]).await.with_courses().await;
    let person = app.by_jwt(&alice());
    let create = "mutation { private: createTask(input: {title: \"Private\"}) { id }
        public: createTask(input: {title: \"Public\", isPublic: true}) { id } }";
    let made = person.data(create).await;
    let issuer = Issuer::shared();
    let mut claims = issuer.full(&alice().with("role", "admin,editor").tier("enterprise").claims());
    claims["iss"] = format!("{}/api/auth", issuer.url()).into();
    claims["aud"] = "here".into();
    claims["client_id"] = claims["sub"].clone();
    claims["permissions"] = json!(["content:write"]);
    let header = json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"});
    let machine = app.by_bearer(&issuer.ed25519.sign_raw(&header, &claims.to_string()));
    is_a_machine(&machine, alice().id(), "ACCESS_TOKEN", &[]).await;
    let find = "query($id: ID!) { task(id: $id) { title isOwner } node(id: $id) { id } }";
    let private = machine.data_with(find, json!({"id": made["private"]["id"]})).await;
    assert_eq!(private, json!({"task": null, "node": null}));
    let public = machine.data_with(find, json!({"id": made["public"]["id"]})).await;
    assert_eq!(public["task"], json!({"title": "Public", "isOwner": false}));
    let chapter =
        |field| format!("{{ chapter(slug: \"feedback-control\") {{ {field} {{ level }} }} }}");
    let editing = machine.ask(&chapter("variants")).await;
    assert_eq!(editing.codes(), ["GRAPHQL_VALIDATION_FAILED"], "roles are a person's");
    let reading = machine.ask(&chapter("personalized")).await;
    assert_eq!(reading.codes(), ["FORBIDDEN"], "tiers are a person's");
    let reading = "{ chapter(slug: \"sense-think-act\") { bookmarked progress { percent } } }";
    let read = machine.data(reading).await["chapter"].clone();
    assert_eq!(
        read,
        json!({"bookmarked": false, "progress": null}),
        "it reads nothing as a person"
    );
    let held = machine.data("{ viewer { roles tier email } }").await["viewer"].clone();
    assert_eq!(held, json!({"roles": [], "tier": "free", "email": Value::Null}));
}
