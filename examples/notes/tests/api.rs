//! What the framework checks of this application, and what its own rules do.

use hallpass::data::Set;
use hallpass::testing::isolation::Suite;
use hallpass::testing::{App, access_table_is_current, schema_is_current, user};
use notes::{application, note, note_tag};
use serde_json::json;

fn suite() -> Suite {
    Suite::new(application()).seed(|user| async move {
        for number in 0..2 {
            let note = note::ActiveModel {
                id: Set(user.id(number)),
                text: Set(user.text("note")),
                created_at: Set(user.timestamp(number)),
                ..Default::default()
            };
            user.insert::<note::Entity>(note).await?;
            let tag = note_tag::ActiveModel {
                id: Set(user.id(10 + number)),
                note_id: Set(user.id(number)),
                tag: Set(user.text("tag")),
                ..Default::default()
            };
            user.insert::<note_tag::Entity>(tag).await?;
        }
        Ok(())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_of_another_user_is_reachable() {
    suite().run().await;
}

#[tokio::test]
async fn an_erased_user_has_no_rows() {
    suite().check_erasure().await;
}

#[test]
fn access_table_and_schema_are_current() {
    access_table_is_current(&application(), include_str!("../access.md"));
    schema_is_current(&application(), include_str!("../schema.graphql"));
}

#[tokio::test]
async fn notes_are_created_by_users_with_a_verified_address() {
    let app = App::start(&application()).await;
    let create = "mutation { createNote(text: \" Mine \", tags: [\"a\"]) { text tags } }";
    let created = app.by_jwt(&user("alice")).data(create).await;
    assert_eq!(created["createNote"], json!({"text": "Mine", "tags": ["a"]}));
    let unverified = app.by_jwt(&user("bob").with("emailVerified", false)).ask(create).await;
    assert_eq!(unverified.error()["extensions"]["rule"], "VERIFIED_EMAIL");
    assert_eq!(app.anonymous().ask("{ notes { totalCount } }").await.codes(), ["UNAUTHENTICATED"]);
}
