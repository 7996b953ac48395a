//! Limits of one caller's audit entries: nonexistent ids are merged, and one caller cannot displace others.
//! And drafts, which editors read by their role.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ada, audit_events, event_of, flush_audit, summary};
use crate::domains::course_drafts::{Drafts, create_drafts};
use crate::domains::course_editing::editor;
use crate::on_both_databases;
use crate::support::app::{App, Backend};
use crate::support::callers::{alice, bob, user};

/// Ids of nonexistent tasks.
fn nonexistent_ids(count: u128) -> Vec<String> {
    let ids =
        (0..count).map(|nth| hallpass::graphql::encode_id("Task", uuid::Uuid::from_u128(nth)).0);
    ids.collect()
}

#[tokio::test]
async fn bulk_mutation_over_the_limit_is_one_entry() {
    let app = App::start(Backend::Sqlite).await;
    let document = "mutation($ids: [ID!]!) { deleteTasks(ids: $ids) { deletedTaskIds } }";
    let ids = json!({ "ids": nonexistent_ids(150) });
    for (who, end) in
        [(app.by_jwt(&alice()), "BAD_USER_INPUT"), (app.anonymous(), "UNAUTHENTICATED")]
    {
        let answer = who.ask_with(document, ids.clone()).await;
        assert_eq!(answer.codes(), [end]);
        let event = event_of(&app, &answer).await;
        assert_eq!((event.outcome.as_str(), event.row_id, event.times), (end, None, 150));
    }
}

/// One request that names 800 nonexistent tasks: the cost of more is too high.
fn flood() -> Value {
    let aliases = (0..8).map(|nth| format!("a{nth}: deleteTasks(ids: $ids) {{ deletedTaskIds }} "));
    let query = format!("mutation($ids: [ID!]!) {{ {} }}", aliases.collect::<String>());
    json!({ "query": query, "variables": { "ids": nonexistent_ids(100) } })
}

on_both_databases! {
    async fn nonexistent_ids_are_one_entry_with_count(app: App) {
        let answer = app.by_jwt(&bob()).send(&flood()).await;
        assert_eq!(answer.codes(), ["NOT_FOUND"; 8]);
        let events = audit_events(&app, &answer, 8).await;
        for event in events {
            assert_eq!(summary(&event), ("Mutation.deleteTasks", "OWNER", "NOT_FOUND"));
            assert_eq!((event.row_id, event.times), (None, 100));
        }
    }

    async fn draft_read_by_editor_is_audited(app: App) {
        let edda = app.by_jwt(&editor());
        let Drafts { course, inside, chapter, open, .. } = create_drafts(&edda).await;
        for (document, field, row) in [
            ("{ course(slug: \"hidden-course\") { id } }", "Query.course", &course),
            ("{ courses(filter: {published: false}) { nodes { id } } }", "Query.courses", &course),
            ("{ chapter(slug: \"hidden-chapter\") { id } }", "Query.chapter", &chapter),
            ("{ chapter(slug: \"hidden-inside\") { id } }", "Query.chapter", &inside),
            ("{ chapters(filter: {published: false}) { nodes { id } } }", "Query.chapters", &chapter),
            (&format!("{{ node(id: {course}) {{ id }} }}"), "Query.node", &course),
            (&format!("{{ node(id: {chapter}) {{ id }} }}"), "Query.node", &chapter),
            (&format!("{{ node(id: {inside}) {{ id }} }}"), "Query.node", &inside),
        ] {
            let event = event_of(&app, &edda.ask(document).await).await;
            assert_eq!((event.field.as_str(), event.outcome.as_str()), (field, "ALLOWED"), "{document}");
            assert!(event.rule.contains("editor"), "{}", event.rule);
            assert_eq!(event.row_id.as_deref(), row.as_str(), "{document}");
            assert_eq!(event.caller_id.as_deref(), Some("user-edda"));
        }
        let inside = "{ chapters(filter: {published: true}) { nodes { course { id } } } }";
        let event = event_of(&app, &edda.ask(inside).await).await;
        assert_eq!((event.field.as_str(), event.row_id.as_deref()), ("Chapter.course", course.as_str()));
        let published = edda.ask(&format!("{{ node(id: {open}) {{ id }} }}")).await;
        let as_reader = app.by_jwt(&alice()).ask("{ chapter(slug: \"hidden-inside\") { id } }").await;
        flush_audit(&app).await;
        audit_events(&app, &published, 0).await;
        audit_events(&app, &as_reader, 0).await;
    }

    async fn flooding_caller_does_not_displace_others(app: App) {
        let (mallory, ada) = (app.by_jwt(&user("mallory")), app.by_jwt(&ada()));
        let body = flood();
        let flooding = async {
            loop {
                let requests = (0..4).map(|_| mallory.send(&body));
                futures_util::future::join_all(requests).await;
            }
        };
        let others = async {
            for number in 0..10 {
                let read = ada.ask("{ auditEvents(first: 1) { nodes { id } } }").await;
                let made = app.by_jwt(&alice()).ask("mutation { createTask(input: {title: \"x\"}) { task { id } } }").await;
                let anonymous_read = app.anonymous().ask("{ tasks { totalCount } }").await;
                for (answer, field) in [(&read, "Query.auditEvents"), (&made, "Mutation.createTask"), (&anonymous_read, "Query.tasks")] {
                    assert_eq!(event_of(&app, answer).await.field, field, "round {number}");
                }
            }
        };
        tokio::select! {
            () = flooding => {}
            () = others => {}
        }
        let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        assert!(metrics.contains("hallpass_audit_events_total{outcome=\"dropped\"} 0\n"), "{metrics}");
    }
}
