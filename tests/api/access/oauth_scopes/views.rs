//! `can`, `explain`, the access diff and the audit log agree with a client's scopes.

use std::time::{Duration, Instant};

use hallpass_data::audit::{Column, Entity};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use super::{OAUTH_FLAGS, full_access_user, missing, server, token};
use crate::cli::commands::hallpass;
use crate::support::app::{App, Backend};
use crate::support::callers::alice;
use crate::support::issuer::Issuer;

#[tokio::test]
async fn can_agrees_with_scopes() {
    let app = server().await;
    let made = app
        .by_jwt(&full_access_user())
        .data("mutation { createTask(input: {title: \"x\"}) { task { id } } }")
        .await;
    let (task, nonexistent) = (
        &made["createTask"]["task"]["id"],
        hallpass::graphql::encode_id("Task", uuid::Uuid::now_v7()),
    );
    let reading =
        app.by_bearer(&token(&full_access_user(), "third", &["tasks:read", "courses:read"]));
    let can = format!(
        "{{ can(action: DELETE_TASK, id: {task}) {{ allowed code missing }}
        nobodys: can(action: DELETE_TASK, id: \"{}\") {{ allowed code missing }}
        task(id: {task}) {{ viewer {{ canUpdate canDelete canPublish }} }}
        chapter(slug: \"sense-think-act\") {{ viewer {{ canRead canEdit }} }} }}",
        *nonexistent
    );
    let answer = reading.data(&can).await;
    let no = json!({"allowed": false, "code": "FORBIDDEN", "missing": ["SCOPE(tasks:write)"]});
    assert_eq!(
        (&answer["can"], &answer["nobodys"]),
        (&no, &no),
        "the answer is the same for every row"
    );
    let viewer = json!({"canUpdate": false, "canDelete": false, "canPublish": false});
    assert_eq!(answer["task"]["viewer"], viewer);
    let viewer = json!({"canRead": false, "canEdit": false});
    assert_eq!(answer["chapter"]["viewer"], viewer);
    let all = ["tasks:read", "tasks:write", "courses:read", "courses:write", "profile:read"];
    let answer = app.by_bearer(&token(&full_access_user(), "third", &all)).data(&can).await;
    assert_eq!(answer["can"]["allowed"], true);
    assert_eq!(answer["nobodys"]["code"], "NOT_FOUND");
    assert_eq!(answer["chapter"]["viewer"], json!({"canRead": true, "canEdit": true}));
    let draft = "{ can(action: READ_CHAPTER, id: \"x\") { code missing } }";
    let blind = app.by_bearer(&token(&full_access_user(), "third", &["openid"])).data(draft).await;
    let missing = blind["can"]["missing"].as_array().unwrap();
    assert!(missing.contains(&json!("SCOPE(courses:read)")), "{blind}");
}

#[test]
fn explain_reports_the_missing_scope() {
    let explained = |client: &str, document: &str| {
        let token = token(&alice(), client, &["tasks:read"]);
        let mut flags = vec!["--better-auth-url", Issuer::shared().url()];
        flags.extend(OAUTH_FLAGS);
        flags.extend(["explain", "--token", &token, document]);
        let output = hallpass(&flags);
        assert_eq!(output.code, 0, "{}", output.stderr);
        output.stdout
    };
    let third = explained("third", "{ tasks { totalCount } node(id: \"x\") { id } }");
    assert!(third.contains("client: third; scopes: tasks:read"), "{third}");
    assert!(third.contains("tasks: allowed by SIGNED_IN"), "{third}");
    assert!(third.contains("the scope depends on the requested object: {type}:read"), "{third}");
    let create = "mutation { createTask(input: {title: \"x\"}) { task { id } } }";
    let rejected = "createTask: denied by SIGNED_IN: FORBIDDEN, missing SCOPE(tasks:write)";
    assert!(explained("third", create).contains(rejected));
    assert!(explained("own", create).contains("createTask: allowed by SIGNED_IN"));
}

#[test]
fn dropped_scope_is_a_widening() {
    let kept = hallpass(&["access", "--json"]).stdout;
    let diff = |field: &str, scope: Option<&str>| {
        let mut old: Value = serde_json::from_str(&kept).unwrap();
        let rows = old["rows"].as_array_mut().unwrap();
        let row = rows.iter_mut().find(|row| row["field"] == field).unwrap();
        match scope {
            Some(scope) => row["scope"] = scope.into(),
            None => drop(row.as_object_mut().unwrap().remove("scope")),
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), old.to_string()).unwrap();
        let output = hallpass(&["access", "--diff", file.path().to_str().unwrap()]);
        (output.code, output.stdout.trim().to_owned())
    };
    for (field, before, code, message) in [
        (
            "Query.tasks",
            Some("tasks:admin"),
            1,
            "widened  Query.tasks, the scope: tasks:admin -> tasks:read; allowed now: \
             `hallpass explain --caller user --client client-1 --scope tasks:read Query.tasks`",
        ),
        (
            "Task.tags",
            Some("tasks:tags"),
            1,
            "widened  Task.tags, the scope: tasks:tags -> no scope; allowed now: \
             `hallpass explain --caller user --client client-1 Task.tags`, own row",
        ),
        (
            "Query.tasks",
            Some("tasks:read x"),
            1,
            "widened  Query.tasks, the scope: tasks:read x -> tasks:read; allowed now: \
             `hallpass explain --caller user --client client-1 --scope tasks:read Query.tasks`",
        ),
        ("Query.tasks", None, 0, "narrowed Query.tasks, the scope: no scope -> tasks:read"),
        ("Query.tasks", Some("tasks:read"), 0, ""),
    ] {
        assert_eq!(diff(field, before), (code, message.to_owned()));
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &kept).unwrap();
    let with = ["--oauth-full-clients", "own", "access", "--diff", file.path().to_str().unwrap()];
    let output = hallpass(&with);
    assert_eq!(output.code, 1, "{}", output.stdout);
    assert!(output.stdout.contains("widened  OAUTH_FULL_CLIENTS"), "{}", output.stdout);
}

#[tokio::test]
async fn audit_has_client_and_scopes() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let app = App::with(backend, &OAUTH_FLAGS).await;
        let who = app.by_bearer(&token(&alice(), "third", &["tasks:read", "openid"]));
        let rejected =
            who.ask("mutation { createTask(input: {title: \"x\"}) { task { id } } }").await;
        assert_eq!(missing(&rejected.body), ["SCOPE(tasks:write)"]);
        let message = &rejected.error()["extensions"];
        assert_eq!(message["rule"], "SIGNED_IN");
        let id: uuid::Uuid = message["decisionId"].as_str().unwrap().parse().unwrap();
        let began = Instant::now();
        let line = loop {
            let system = app.database.system("tests read the audit");
            let found = Entity::find().filter(Column::DecisionId.eq(id));
            if let Some(line) = found.one(system.connection()).await.unwrap() {
                break line;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "it is not audited");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(line.client_id.as_deref(), Some("third"));
        assert_eq!(line.scopes.as_deref(), Some("openid tasks:read"));
        assert_eq!(line.rule, "SIGNED_IN and SCOPE(tasks:write)");
        assert_eq!(line.outcome, "FORBIDDEN");
        let admin = app.by_jwt(&full_access_user());
        let events = "{ auditEvents(filter: {clientId: \"third\"}) { nodes { clientId scopes } } }";
        let known = json!([{"clientId": "third", "scopes": ["openid", "tasks:read"]}]);
        assert_eq!(admin.data(events).await["auditEvents"]["nodes"], known);
    }
}
