//! Service callers: tokens that a client gets for itself. They are authenticated, and not users.

use serde_json::{Value, json};

use crate::domains::activity::{users, wait_for_activity};
use crate::identity::oauth::{VIEWER, provider};
use crate::support::app::{App, Backend, Client};
use crate::support::callers::alice;
use crate::support::issuer::Issuer;

/// Operations for users only.
const USER_OPERATIONS: [&str; 10] = [
    "{ me { id } }",
    "{ tasks { nodes { id } } }",
    "{ taskStats { total } }",
    "mutation { createTask(input: {title: \"By a machine\"}) { task { id } } }",
    "mutation { deleteTasks(ids: [\"x\"]) { deletedTaskIds } }",
    "{ me { id kind method permissions } }",
    "{ tasks { totalCount } }",
    "mutation { updateLearnerProfile(input: {}) { me { id } } }",
    "mutation { recordProgress(chapterId: \"x\", percent: 1) { progress { percent } } }",
    "mutation { bookmarkChapter(chapterId: \"x\", bookmarked: true) { chapter { id } } }",
];
/// Operations for administrators, who are users.
const ADMIN_OPERATIONS: [&str; 3] = [
    "mutation { eraseUser(id: \"x\") { report { total } } }",
    "{ users { totalCount } }",
    "{ analytics { totalUsers } }",
];

pub async fn assert_is_service(who: &Client<'_>, id: &str, method: &str, permissions: &[&str]) {
    let viewer = who.data(VIEWER).await["viewer"].clone();
    let known = json!({"id": id, "kind": "SERVICE", "method": method, "permissions": permissions});
    assert_eq!(viewer, known);
    for document in USER_OPERATIONS {
        let answer = who.ask(document).await;
        assert_eq!(answer.status, 200, "{document}: it is signed in");
        assert_eq!(answer.codes(), ["FORBIDDEN"], "{document}: {}", answer.body);
    }
    for document in ADMIN_OPERATIONS {
        let answer = who.ask(document).await;
        assert_eq!(answer.codes(), ["GRAPHQL_VALIDATION_FAILED"], "{document}: {}", answer.body);
    }
    who.data("{ publicTasks { nodes { id isOwner } } }").await;
}

#[tokio::test]
async fn service_caller_cannot_use_user_operations() {
    let resource = "https://api.example.test/machines";
    let server = provider();
    let client = server.oauth_client(json!({ "resource": resource })).await;
    let token = server.service_token(&client, Some(resource)).await;
    let app = server.app(&["--oauth-resource", resource]).await;
    let who = app.by_bearer(&token);
    assert_is_service(&who, &client.id, "ACCESS_TOKEN", &["scope:read:tasks"]).await;
    let statements = app.statements_of(who.ask(USER_OPERATIONS[3])).await.1;
    assert!(!statements.iter().any(|it| it.contains("INSERT INTO \"task\"")), "{statements:?}");
    let caller = server.sign_up("Paula", json!({})).await;
    app.by_cookie(&caller.cookie).data("{ me { id } }").await;
    wait_for_activity(&app, "written", 2).await;
    let known = users(&app.database).await;
    assert_eq!(known.len(), 1, "a service is not a user");
    assert_eq!(known[0].user_id.as_str(), caller.id);
}

#[tokio::test]
async fn service_caller_with_user_id_owns_no_rows() {
    let app = App::with(Backend::Sqlite, &["--oauth-resource", "here"]).await.with_courses().await;
    let caller = app.by_jwt(&alice());
    let create = "mutation { private: createTask(input: {title: \"Private\"}) { task { id } }
        public: createTask(input: {title: \"Public\", isPublic: true}) { task { id } } }";
    let made = caller.data(create).await;
    let issuer = Issuer::shared();
    let mut claims = issuer.full(&alice().with("role", "admin,editor").tier("enterprise").claims());
    claims["iss"] = format!("{}/api/auth", issuer.url()).into();
    claims["aud"] = "here".into();
    claims["client_id"] = claims["sub"].clone();
    claims["permissions"] = json!(["content:write"]);
    let header = json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"});
    let service = app.by_bearer(&issuer.ed25519.sign_raw(&header, &claims.to_string()));
    assert_is_service(&service, alice().id(), "ACCESS_TOKEN", &[]).await;
    let find = "query($id: ID!) { task(id: $id) { title isOwner } node(id: $id) { id } }";
    let private = service.data_with(find, json!({"id": made["private"]["task"]["id"]})).await;
    assert_eq!(private, json!({"task": null, "node": null}));
    let public = service.data_with(find, json!({"id": made["public"]["task"]["id"]})).await;
    assert_eq!(public["task"], json!({"title": "Public", "isOwner": false}));
    let chapter =
        |field| format!("{{ chapter(slug: \"feedback-control\") {{ {field} {{ level }} }} }}");
    let editing = service.ask(&chapter("variants")).await;
    assert_eq!(editing.codes(), ["GRAPHQL_VALIDATION_FAILED"], "roles are for users");
    let reading = service.ask(&chapter("personalized")).await;
    assert_eq!(reading.codes(), ["FORBIDDEN"], "tiers are for users");
    let reading = "{ chapter(slug: \"sense-think-act\") { bookmarked progress { percent } } }";
    let read = service.data(reading).await["chapter"].clone();
    assert_eq!(read, json!({"bookmarked": false, "progress": null}), "it has no rows");
    let held = service.data("{ viewer { roles tier email } }").await["viewer"].clone();
    assert_eq!(held, json!({"roles": [], "tier": "free", "email": Value::Null}));
}
