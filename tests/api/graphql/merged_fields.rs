//! Fields of one response key are merged (section 5.3.2 of the GraphQL specification), however objects are written.

use serde_json::json;

use crate::support::app::{App, Backend};
use crate::support::callers::alice;

#[tokio::test]
async fn repeated_fields_are_merged() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    let create = "mutation { createTask(input: {title: \"One\", tags: [\"a\"]}) { task { id } } }";
    alice.data(create).await;
    let plain = alice.data("{ tasks { nodes { title tags viewer { canDelete } version } } }").await;
    let node = &plain["tasks"]["nodes"][0];
    assert_eq!(
        (&node["title"], &node["tags"], &node["version"]),
        (&json!("One"), &json!(["a"]), &json!(1))
    );
    for document in [
        "{ tasks { nodes { title } nodes { tags viewer { canDelete } version } } }",
        "{ tasks { nodes { title tags } } tasks { nodes { viewer { canDelete } version } } }",
        "{ tasks { nodes { title title tags viewer { canDelete } tags version title } } }",
        "{ tasks { nodes { title ...A ...B } } }
         fragment A on Task { title tags } fragment B on Task { tags viewer { canDelete } version }",
        "{ tasks { ...C nodes { viewer { canDelete } version } } }
         fragment C on TaskConnection { nodes { title tags } }",
        "{ tasks { nodes { title ... on Task { tags viewer { canDelete } } ... { viewer { canDelete } version } } } }",
        "{ tasks { nodes { ...A ...A viewer { canDelete } version } } } fragment A on Task { title tags }",
        "{ tasks { nodes { title tags viewer { canDelete } version @include(if: true) tags @skip(if: true) } } }",
    ] {
        assert_eq!(alice.data(document).await, plain, "{document}");
    }
}
