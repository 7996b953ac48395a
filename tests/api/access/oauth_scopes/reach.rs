//! No path leads from one domain's fields into another's without the other's scope.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::Value;
use async_graphql::parser::types::FieldDefinition;
use serde_json::json;

use hallpass::testing::{Sdl, named};

use super::{all_scopes, full_access_user, missing, server, token};
use crate::access::audit::flush_audit;
use crate::domains::activity::wait_for_activity;
use crate::support::app::application;
use hallpass::access::SchemaView;

/// Types that belong to no domain: pages, decisions, the caller (its other fields require more), and the queries in the
/// payload of a mutation, which require their own.
const SHARED_TYPES: [&str; 4] = ["PageInfo", "Decision", "Me", "Query"];
/// The scope of each type that a global id may name.
const NODE_SCOPES: [(&str, &str); 7] = [
    ("AuditEvent", "audit:read"),
    ("Chapter", "courses:read"),
    ("ChapterVariant", "courses:read"),
    ("Course", "courses:read"),
    ("Me", "openid"),
    ("Task", "tasks:read"),
    ("User", "users:read"),
];

/// The domains of the scopes that a field states.
fn domains(field: &FieldDefinition) -> BTreeSet<String> {
    let stated = field.directives.iter().find(|it| it.node.name.node == "access");
    let stated = stated.and_then(|it| it.node.get_argument("scope"));
    let Some(Value::String(scope)) = stated.map(|it| &it.node) else { return BTreeSet::new() };
    scope
        .split(' ')
        .filter_map(|it| it.split_once(':'))
        .map(|(domain, _)| domain.to_owned())
        .collect()
}

/// For each object type, the domains that every path to it requires; and a path that requires none of them.
fn crossings(sdl: &Sdl) -> Vec<String> {
    let mut reached: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut found = Vec::new();
    let mut paths = Vec::new();
    for root in ["Query", "Mutation", "Subscription"] {
        paths.extend(
            sdl.fields(root)
                .iter()
                .map(|it| (format!("{root}.{}", it.node.name.node), BTreeSet::new(), it)),
        );
    }
    let mut seen = BTreeSet::new();
    while let Some((path, before, field)) = paths.pop() {
        let mut required_scopes = before;
        required_scopes.extend(domains(&field.node));
        let kind = named(&field.node.ty.node);
        let is_by_type = required_scopes.iter().any(|domain| domain.starts_with('{'));
        if SHARED_TYPES.contains(&kind) || sdl.fields(kind).is_empty() || is_by_type {
            continue;
        }
        let known = reached.entry(kind.to_owned()).or_insert_with(|| required_scopes.clone());
        *known = known.intersection(&required_scopes).cloned().collect();
        if known.is_empty() {
            found.push(format!("{path} leads to {kind}"));
        }
        if seen.insert((kind.to_owned(), required_scopes.clone())) {
            paths.extend(
                sdl.fields(kind).iter().map(|it| {
                    (format!("{kind}.{}", it.node.name.node), required_scopes.clone(), it)
                }),
            );
        }
    }
    found
}

#[test]
fn no_path_enters_a_domain_without_its_scope() {
    let whole = crate::support::app::application().schema().build(SchemaView::FULL, true).sdl();
    assert_eq!(crossings(&Sdl::full(application())), Vec::<String>::new());
    for (stated, without) in [
        (", scope: \"courses:read progress:write\"", ", scope: \"progress:write\""),
        (
            "topChapters: [ChapterCount!] @access(rule: \"PUBLIC\", scope: \"courses:read\")",
            "topChapters: [ChapterCount!]",
        ),
    ] {
        assert!(whole.contains(stated), "{stated}");
        let other = Sdl::read(&whole.replace(stated, without));
        assert!(!crossings(&other).is_empty(), "the test sees nothing of {stated}");
    }
}

#[tokio::test]
async fn node_requires_the_scope_of_the_ids_type() {
    let app = server().await;
    let caller = full_access_user();
    let who = app.by_jwt(&caller);
    let made = who.data("mutation { createTask(input: {title: \"x\"}) { task { id } } }").await;
    flush_audit(&app).await;
    wait_for_activity(&app, "written", 1).await;
    let read = "{ course(slug: \"rust-apis\") { id } chapter(slug: \"sense-think-act\") { id variants { id } }
        users(last: 1) { nodes { id } } auditEvents(last: 1) { nodes { id } } me { id } }";
    let found = who.data(read).await;
    let ids = BTreeMap::from([
        ("AuditEvent", found["auditEvents"]["nodes"][0]["id"].clone()),
        ("Chapter", found["chapter"]["id"].clone()),
        ("ChapterVariant", found["chapter"]["variants"][0]["id"].clone()),
        ("Course", found["course"]["id"].clone()),
        ("Me", found["me"]["id"].clone()),
        ("Task", made["createTask"]["task"]["id"].clone()),
        ("User", found["users"]["nodes"][0]["id"].clone()),
    ]);
    let scopes = BTreeMap::from(NODE_SCOPES);
    for kind in Sdl::full(application()).possible("Node") {
        let scope = scopes.get(kind).unwrap_or_else(|| panic!("list the scope of {kind} here"));
        let id = &ids[kind];
        let nonexistent = match kind {
            "Me" => None,
            "User" => Some(hallpass::graphql::encode_text_id(kind, "no-such-user")),
            _ => Some(hallpass::graphql::encode_id(kind, uuid::Uuid::now_v7())),
        };
        let nonexistent = nonexistent.map(|id| json!(*id));
        let others = all_scopes().into_iter().filter(|it| it != scope).collect::<Vec<_>>();
        let (with, without) = (token(&caller, "third", &[scope]), token(&caller, "third", &others));
        let ask = |id: &serde_json::Value| format!("{{ node(id: {id}) {{ id }} }}");
        assert_eq!(app.by_bearer(&with).data(&ask(id)).await["node"]["id"], *id, "{kind}");
        for id in [Some(id), nonexistent.as_ref()].into_iter().flatten() {
            let rejected = app.by_bearer(&without).ask(&ask(id)).await;
            assert_eq!(missing(&rejected.body), [format!("SCOPE({scope})")], "{kind}");
            assert!(rejected.headers["www-authenticate"].to_str().unwrap().contains(scope));
            let mut socket = crate::support::socket::Socket::by_bearer(&app, &without).await;
            socket.execute("1", &ask(id)).await;
            let message = socket.next_message().await;
            assert_eq!(
                missing(&message["payload"]),
                [format!("SCOPE({scope})")],
                "{kind}: {message}"
            );
        }
    }
}

#[tokio::test]
async fn mutation_payload_requires_its_domains_scopes() {
    let app = server().await;
    let chapter = app.anonymous().data("{ chapter(slug: \"sense-think-act\") { id } }").await;
    let id = &chapter["chapter"]["id"];
    let note = format!(
        "mutation {{ recordProgress(chapterId: {id}, percent: 5) {{ progress {{ percent chapter {{ title }} }} }} }}"
    );
    let noting = app.by_bearer(&token(&full_access_user(), "third", &["progress:write"]));
    let answer = noting.ask(&note).await;
    assert_eq!(missing(&answer.body), ["SCOPE(courses:read)"]);
    assert_eq!(
        answer.body["data"]["recordProgress"]["progress"],
        json!({"percent": 5, "chapter": null})
    );
    let both =
        app.by_bearer(&token(&full_access_user(), "third", &["progress:write", "courses:read"]));
    assert!(both.data(&note).await["recordProgress"]["progress"]["chapter"]["title"].is_string());
}

/// Which chapters match would tell the progress of the user.
#[tokio::test]
async fn progress_filter_requires_the_progress_scope() {
    let app = server().await;
    let reader = app.by_bearer(&token(&full_access_user(), "third", &["courses:read"]));
    let both =
        app.by_bearer(&token(&full_access_user(), "third", &["courses:read", "progress:read"]));
    let filters = ["bookmarked", "started", "completed"].into_iter();
    for filter in filters.flat_map(|name| [true, false].map(|wanted| format!("{name}: {wanted}"))) {
        let chapters = format!("chapters(filter: {{{filter}}}) {{ totalCount }}");
        let courses = "{ courses(filter: {started: true}) { totalCount } }".to_owned();
        for document in [
            courses,
            format!("{{ {chapters} }}"),
            format!("{{ course(slug: \"rust-apis\") {{ {chapters} }} }}"),
        ] {
            let rejected = reader.ask(&document).await;
            assert_eq!(missing(&rejected.body), ["SCOPE(progress:read)"], "{document}");
            both.data(&document).await;
        }
    }
}

#[tokio::test]
async fn missing_scope_is_the_only_unmet_requirement() {
    let app = server().await;
    let reader = app.by_bearer(&token(&full_access_user(), "third", &["courses:read"]));
    let read = "{ chapter(slug: \"feedback-control\") { id } }";
    let id = reader.data(read).await["chapter"]["id"].clone();
    let can =
        format!("{{ can(action: READ_CHAPTER, id: {id}) {{ missing unmet {{ rule value }} }} }}");
    let decision = reader.data(&can).await["can"].clone();
    assert_eq!(
        decision["missing"],
        json!(["SCOPE(profile:read)"]),
        "not a tier, which the user has"
    );
    assert_eq!(decision["unmet"], json!([{"rule": "SCOPE", "value": "profile:read"}]));
}
