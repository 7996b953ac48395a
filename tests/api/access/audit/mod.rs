//! What is audited, under which caller, and what is never in the audit log.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hallpass_data::audit::{Column, Entity, Model};
use reqwest::Method;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    TransactionTrait as _,
};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::app::{App, Backend, GraphQlResponse};
use crate::support::callers::{User, alice, bob, user};
use crate::support::socket::Socket;

mod flood;
mod writer;

/// A marker in every text that a caller writes here.
const MARKER: &str = "marker-of-a-secret-plan";

fn ada() -> User {
    user("ada").role("admin")
}

/// Every event, oldest first.
async fn all(app: &App) -> Vec<Model> {
    let system = app.database.system("tests read the audit");
    Entity::find().order_by_asc(Column::Id).all(system.connection()).await.unwrap()
}

fn request_id(answer: &GraphQlResponse) -> &str {
    answer.headers["x-request-id"].to_str().unwrap()
}

/// The audit events of the request of `answer`, once there are `count`.
async fn audit_events(app: &App, answer: &GraphQlResponse, count: usize) -> Vec<Model> {
    let began = Instant::now();
    loop {
        let mut events = all(app).await;
        events.retain(|event| event.request_id == request_id(answer));
        if events.len() >= count {
            assert_eq!(events.len(), count, "{events:?}");
            return events;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "only {events:?} after {answer:?}");
        tokio::task::yield_now().await;
    }
}

/// The only audit event of the request of `answer`.
async fn event_of(app: &App, answer: &GraphQlResponse) -> Model {
    audit_events(app, answer, 1).await.remove(0)
}

/// Waits until pending entries are written: the last entry is written last.
pub async fn flush_audit(app: &App) {
    event_of(
        app,
        &app.by_jwt(&alice()).ask("mutation { deleteTask(id: \"none\") { deletedTaskId } }").await,
    )
    .await;
}

fn summary(event: &Model) -> (&str, &str, &str) {
    (&event.field, &event.rule, &event.outcome)
}

async fn task_of(app: &App, owner: &User, visible: bool) -> String {
    let make = format!(
        "mutation {{ createTask(input: {{title: \"{MARKER}\", isPublic: {visible}}}) {{ task {{ id }} }} }}"
    );
    app.by_jwt(owner).data(&make).await["createTask"]["task"]["id"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn denied_read_is_audited_with_its_decision_id(app: App) {
        let answer = app.anonymous().ask("{ tasks { totalCount } }").await;
        let event = event_of(&app, &answer).await;
        assert_eq!(summary(&event), ("Query.tasks", "SIGNED_IN", "UNAUTHENTICATED"));
        assert_eq!(answer.error()["extensions"]["decisionId"], event.decision_id.to_string());
        assert_eq!((event.caller_id, event.method, event.times), (None, None, 1));

        let task = task_of(&app, &alice(), true).await;
        let read = format!("{{ a: task(id: \"{task}\") {{ description }} b: task(id: \"{task}\") {{ description }} }}");
        let answer = app.by_jwt(&bob()).ask(&read).await;
        let event = event_of(&app, &answer).await;
        assert_eq!(summary(&event), ("Task.description", "OWNER", "FORBIDDEN"));
        assert_eq!(event.caller_id.as_deref(), Some("user-bob"));
        assert_eq!(event.method.as_deref(), Some("JWT"));
        assert_eq!(event.row_id, Some(task));
        assert_eq!(event.times, 2, "the same twice in a request is one decision");
        for error in answer.body["errors"].as_array().unwrap() {
            assert_eq!(error["extensions"]["decisionId"], event.decision_id.to_string());
        }
    }

    async fn privileged_reads_are_audited(app: App) {
        let mine = app.by_jwt(&alice()).ask("{ me { id } tasks { totalCount } }").await;
        let answer = app.by_jwt(&ada()).ask("{ auditEvents { totalCount } me { id } }").await;
        let event = event_of(&app, &answer).await;
        assert_eq!(summary(&event), ("Query.auditEvents", "ROLE(admin)", "ALLOWED"));
        assert_eq!(event.caller_id.as_deref(), Some("user-ada"));
        audit_events(&app, &mine, 0).await;
    }

    async fn mutations_are_audited_with_outcome_and_rows(app: App) {
        let (alices, bobs) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let made = alices.ask("mutation { createTask(input: {title: \"x\"}) { task { id } } }").await;
        let task = made.body["data"]["createTask"]["task"]["id"].as_str().unwrap().to_owned();
        let event = event_of(&app, &made).await;
        assert_eq!(summary(&event), ("Mutation.createTask", "SIGNED_IN", "ALLOWED"));
        assert_eq!(event.row_id.as_deref(), Some(task.as_str()), "what was made");

        let complete = format!("mutation {{ completeTask(id: \"{task}\") {{ task {{ id }} }} }}");
        let old = format!("mutation {{ updateTask(id: \"{task}\", input: {{}}, expectedVersion: 9) {{ task {{ id }} }} }}");
        let wrong = format!("mutation {{ updateTask(id: \"{task}\", input: {{title: \"\"}}) {{ task {{ id }} }} }}");
        for (who, document, end) in [
            (&alices, &complete, "ALLOWED"),
            (&bobs, &complete, "NOT_FOUND"),
            (&alices, &old, "CONFLICT"),
            (&alices, &wrong, "BAD_USER_INPUT"),
            (&app.anonymous(), &complete, "UNAUTHENTICATED"),
        ] {
            let event = event_of(&app, &who.ask(document).await).await;
            let field = document["mutation { ".len()..].split('(').next().unwrap();
            assert_eq!(summary(&event), (&*format!("Mutation.{field}"), "OWNER", end));
            assert_eq!(event.row_id.as_ref(), Some(&task), "{end}");
        }
        let both = format!("mutation {{ deleteTasks(ids: [\"{task}\", \"{}\"]) {{ deletedTaskIds }} }}", task_of(&app, &alice(), false).await);
        let events = audit_events(&app, &alices.ask(&both).await, 2).await;
        assert_eq!(events[0].decision_id, events[1].decision_id, "one decision about two rows");
        assert!(events.iter().all(|event| summary(event) == ("Mutation.deleteTasks", "OWNER", "ALLOWED")));
        assert_ne!(events[0].row_id, events[1].row_id);
    }

    async fn rejected_credential_is_audited_with_check(app: App) {
        let token = "not.a.token-of-ours";
        let answer = app.by_bearer(token).ask("{ me { id } }").await;
        assert_eq!(answer.status, 401);
        let event = event_of(&app, &answer).await;
        assert_eq!((event.field.as_str(), event.outcome.as_str()), ("authentication", "UNAUTHENTICATED"));
        assert!(hallpass_identity::CHECKS.iter().any(|check| check.name() == event.rule));
        assert_eq!((event.caller_id, event.method, event.row_id), (None, None, None));

        let elsewhere = app.by_cookie("better-auth.session_token=a.b").with_header("origin", "https://elsewhere.test");
        let event = event_of(&app, &elsewhere.ask("{ me { id } }").await).await;
        assert_eq!(summary(&event), ("authentication", "same site", "FORBIDDEN"));
    }

    async fn hidden_field_is_audited_nonexistent_is_not(app: App) {
        let nonexistent = app.by_jwt(&alice()).ask("{ madeUp { id } }").await;
        let hidden = app.by_jwt(&alice()).ask("{ auditEvents { totalCount } also: auditEvents { totalCount } }").await;
        assert_eq!(hidden.codes(), ["GRAPHQL_VALIDATION_FAILED"; 2]);
        let event = event_of(&app, &hidden).await;
        assert_eq!(summary(&event), ("Query.auditEvents", "ROLE(admin)", "GRAPHQL_VALIDATION_FAILED"));
        assert_eq!((event.caller_id.as_deref(), event.times), (Some("user-alice"), 2));
        let inner = "{ chapters { nodes { variants { body } } } }";
        let anonymous = app.anonymous().ask(inner).await;
        assert_eq!(event_of(&app, &anonymous).await.field, "Chapter.variants");
        audit_events(&app, &nonexistent, 0).await;
    }

    async fn impersonation_is_audited_with_both_users(app: App) {
        let acting = alice().with("impersonatedBy", "user-ada");
        let answer = app.by_jwt(&acting).ask("mutation { createTask(input: {title: \"x\"}) { task { id } } }").await;
        let event = event_of(&app, &answer).await;
        assert_eq!(event.caller_id.as_deref(), Some("user-alice"));
        assert_eq!(event.impersonated_by.as_deref(), Some("user-ada"));
    }

    async fn audit_has_no_user_text_or_credentials(app: App) {
        use base64::Engine as _;
        let like_an_id = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .encode(format!("{MARKER}:{}", uuid::Uuid::now_v7().simple()));
        let task = task_of(&app, &alice(), true).await;
        let alices = app.by_jwt(&alice());
        for document in [
            format!("mutation {{ updateTask(id: \"{task}\", input: {{title: \"{MARKER}\", tags: [\"{MARKER}\"]}}) {{ task {{ id }} }} }}"),
            format!("mutation {{ updateTask(id: \"{task}\", input: {{title: \"\", description: \"{MARKER}\"}}) {{ task {{ id }} }} }}"),
            format!("mutation {{ deleteTask(id: \"{MARKER}\") {{ deletedTaskId }} }}"),
            format!("mutation {{ deleteTask(id: \"{like_an_id}\") {{ deletedTaskId }} }}"),
            format!("mutation {{ deleteTasks(ids: [\"{MARKER}\", \"{like_an_id}\", \"\\u0000\"]) {{ deletedTaskIds }} }}"),
            format!("mutation {{ {MARKER_ALIAS}: deleteTask(id: \"{task}\") {{ deletedTaskId }} }}"),
            format!("{{ node(id: \"{MARKER}\") {{ id }} }}"),
            format!("{{ auditEvents(filter: {{field: \"{MARKER}\"}}) {{ totalCount }} }}"),
        ] {
            alices.ask(&document).await;
        }
        app.by_bearer(&format!("{MARKER}.{MARKER}.{MARKER}")).ask("{ me { id } }").await;
        let read = format!("{{ auditEvents(filter: {{field: \"{MARKER}\"}}) {{ totalCount }} }}");
        app.by_jwt(&ada()).data(&read).await;
        flush_audit(&app).await;
        let events = all(&app).await;
        assert!(events.len() >= 9, "{events:?}");
        let text = format!("{events:?}");
        for secret in [MARKER, MARKER_ALIAS, &like_an_id, "marker", "@example.test"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }

    async fn admins_filter_and_page_audit_events(app: App) {
        let (alices, admin) = (app.by_jwt(&alice()), app.by_jwt(&ada()));
        for _ in 0..3 {
            alices.ask("mutation { deleteTask(id: \"none\") { deletedTaskId } }").await;
        }
        let rejected = app.anonymous().ask("{ tasks { totalCount } }").await;
        let acting = bob().with("impersonatedBy", "user-ada");
        let made = app.by_jwt(&acting).ask("mutation { createTask(input: {title: \"x\"}) { task { id } } }").await;
        flush_audit(&app).await;
        let decision = rejected.error()["extensions"]["decisionId"].as_str().unwrap();
        let task = made.body["data"]["createTask"]["task"]["id"].as_str().unwrap();
        let read = "query($filter: AuditFilter) { auditEvents(filter: $filter) { totalCount } }";
        let count = async |filter: Value| {
            let found = admin.data_with(read, json!({ "filter": filter })).await;
            found["auditEvents"]["totalCount"].as_i64().unwrap()
        };
        let first = all(&app).await.remove(0).at;
        let moment = |at: hallpass_data::Timestamp| at.to_rfc3339();
        assert_eq!(count(json!({ "callerId": "user-alice" })).await, 4);
        assert_eq!(count(json!({ "callerId": "user-alice", "outcome": "ALLOWED" })).await, 0);
        assert_eq!(count(json!({ "impersonatedBy": "user-ada" })).await, 1);
        assert_eq!(count(json!({ "field": "Mutation.createTask" })).await, 1);
        assert_eq!(count(json!({ "rule": "SIGNED_IN" })).await, 2);
        assert_eq!(count(json!({ "outcome": "NOT_FOUND" })).await, 4);
        assert_eq!(count(json!({ "rowId": task })).await, 1);
        assert_eq!(count(json!({ "decisionId": decision })).await, 1);
        assert_eq!(count(json!({ "requestId": request_id(&rejected) })).await, 1);
        assert_eq!(count(json!({ "until": moment(first) })).await, 0);
        assert_eq!(count(json!({ "until": moment(first + chrono::TimeDelta::microseconds(1)) })).await, 1);
        assert_eq!(count(json!({ "callerId": "user-alice", "since": moment(first) })).await, 4);
        let wrong = admin.ask_with(read, json!({ "filter": { "decisionId": "x", "field": "\0" } })).await;
        assert_eq!(wrong.error()["extensions"]["fields"].as_object().unwrap().len(), 2);
        assert!(wrong.first_error("filter.decisionId").contains("extensions.decisionId"));

        let page = "query($after: String) { auditEvents(first: 2, after: $after, filter: {callerId: \"user-alice\"}) {
            nodes { id at decisionId requestId callerId impersonatedBy method field rule outcome rowId times }
            pageInfo { endCursor hasNextPage } } }";
        let (mut seen, mut after) = (Vec::new(), Value::Null);
        loop {
            let events = &admin.data_with(page, json!({ "after": after })).await["auditEvents"];
            seen.extend(events["nodes"].as_array().unwrap().clone());
            after = events["pageInfo"]["endCursor"].clone();
            if events["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        let mut expected = all(&app).await;
        expected.retain(|event| event.caller_id.as_deref() == Some("user-alice"));
        expected.sort_by_key(|event| std::cmp::Reverse((event.at, event.id)));
        let requests = expected.iter().map(|event| event.request_id.as_str()).collect::<Vec<_>>();
        assert_eq!(seen.iter().map(|node| node["requestId"].as_str().unwrap()).collect::<Vec<_>>(), requests);
        assert_eq!(seen[0]["decisionId"], expected[0].decision_id.to_string());
        assert_eq!(seen[0]["method"], "JWT");
    }
}

/// `MARKER` as a GraphQL name.
const MARKER_ALIAS: &str = "marker_of_a_secret_plan";

#[tokio::test]
async fn shutdown_flushes_audit() {
    let mut server = crate::cli::commands::Process::start(&[]);
    let ask = crate::support::app::client().post(format!("{}/graphql", server.url));
    let answer = ask.json(&json!({ "query": "{ tasks { totalCount } }" })).send().await.unwrap();
    server.signal("TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let url = format!("sqlite://{}/hallpass.db", server.directory.path().display());
    let options = hallpass_data::Options::at(url);
    let database = hallpass_data::Database::connect(options).await.unwrap();
    let system = database.system("tests read the audit");
    let id = answer.headers()["x-request-id"].to_str().unwrap();
    let kept =
        Entity::find().filter(Column::RequestId.eq(id)).all(system.connection()).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(summary(&kept[0]), ("Query.tasks", "SIGNED_IN", "UNAUTHENTICATED"));
}

#[tokio::test]
async fn forged_revocation_is_audited() {
    let secret = "a secret of twenty-four bytes";
    let app = App::with(Backend::Sqlite, &["--revocation-secret", secret]).await;
    let message = app.anonymous().request(Method::POST, "/revocations").body("{}");
    let message = message.header("webhook-id", "msg_1").header("webhook-signature", "v1,AAAA");
    let message = message.header("webhook-timestamp", hallpass_data::now().timestamp());
    let answer = GraphQlResponse::read(message.send().await.unwrap()).await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        summary(&event_of(&app, &answer).await),
        ("revocations", "signature", "UNAUTHENTICATED")
    );
}

/// The mutation is executed: a denial among the queries of its payload is not one of it.
#[tokio::test]
async fn denied_query_of_a_payload_is_its_own_event() {
    let app = App::with(Backend::Sqlite, &["--ownership-denial", "forbid"]).await;
    let theirs = task_of(&app, &bob(), false).await;
    let document = format!(
        "mutation {{ createTask(input: {{title: \"x\"}}) {{ task {{ id }} query {{ task(id: \"{theirs}\") {{ id }} }} }} }}"
    );
    let answer = app.by_jwt(&alice()).ask(&document).await;
    assert_eq!(answer.body["data"]["createTask"]["query"]["task"], Value::Null);
    let events = audit_events(&app, &answer, 2).await;
    assert_eq!(
        events.iter().map(summary).collect::<Vec<_>>(),
        [("Mutation.createTask", "SIGNED_IN", "ALLOWED"), ("Query.task", "OWNER", "FORBIDDEN")]
    );
    let made = &answer.body["data"]["createTask"]["task"]["id"];
    assert_eq!(json!(events[0].row_id), *made);
    assert_eq!(answer.error()["extensions"]["decisionId"], events[1].decision_id.to_string());
}

#[tokio::test]
async fn denied_chapter_mutation_audits_the_chapter() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let find = "{ chapter(slug: \"feedback-control\") { id } }";
    let chapter = app.anonymous().data(find).await["chapter"]["id"].as_str().unwrap().to_owned();
    let alices = app.by_jwt(&alice());
    let note = format!(
        "mutation {{ recordProgress(chapterId: \"{chapter}\", percent: 5) {{ progress {{ percent }} }} }}"
    );
    let answer = alices.ask(&note).await;
    let event = event_of(&app, &answer).await;
    let rule = "MIN_TIER(requiredTier) and FRESH_FOR_TOP_TIER(900s)";
    assert_eq!(summary(&event), ("Mutation.recordProgress", rule, "FORBIDDEN"));
    assert_eq!(event.row_id.as_deref(), Some(chapter.as_str()));
    assert_eq!(answer.error()["extensions"]["decisionId"], event.decision_id.to_string());

    let mark = format!(
        "mutation {{ bookmarkChapter(chapterId: \"{chapter}\", bookmarked: true) {{ chapter {{ id }} }} }}"
    );
    let event = event_of(&app, &alices.ask(&mark).await).await;
    assert_eq!(summary(&event), ("Mutation.bookmarkChapter", "SIGNED_IN", "ALLOWED"));
    assert_eq!(event.row_id, Some(chapter));
}

#[tokio::test]
async fn hidden_field_in_any_fragment_is_audited() {
    let app = App::start(Backend::Sqlite).await;
    for document in [
        "{ ... on Query { auditEvents { totalCount } } }",
        "{ ... { auditEvents { totalCount } } }",
        "{ ...F } fragment F on Query { auditEvents { totalCount } }",
    ] {
        let event = event_of(&app, &app.by_jwt(&bob()).ask(document).await).await;
        let expected = ("Query.auditEvents", "ROLE(admin)", "GRAPHQL_VALIDATION_FAILED");
        assert_eq!(summary(&event), expected, "{document}");
    }
}

#[tokio::test]
async fn each_denied_row_is_audited() {
    let app = App::start(Backend::Sqlite).await;
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(task_of(&app, &alice(), true).await);
    }
    let answer = app.by_jwt(&bob()).ask("{ publicTasks { nodes { description } } }").await;
    let events = audit_events(&app, &answer, 3).await;
    let mut rows = events.iter().filter_map(|event| event.row_id.clone()).collect::<Vec<_>>();
    rows.sort();
    tasks.sort();
    assert_eq!(rows, tasks);
}

/// More than the number of entries that one request keeps with their row.
const MANY: usize = 70;

#[tokio::test]
async fn many_denials_do_not_crowd_out_other_entries() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    for _ in 0..MANY {
        task_of(&app, &alice(), true).await;
    }
    let document = format!(
        "{{ publicTasks(first: {MANY}) {{ nodes {{ description }} }}
            again: publicTasks(first: {MANY}) {{ nodes {{ dueAt }} }}
            recommendations(first: 1) {{ chapter {{ variants {{ level }} }} }} }}"
    );
    let answer = app.by_jwt(&user("ed").role("editor")).ask(&document).await;
    let errors = answer.body["errors"].as_array().unwrap();
    let decision_ids: BTreeSet<_> =
        errors.iter().map(|it| it["extensions"]["decisionId"].as_str().unwrap()).collect();
    flush_audit(&app).await;
    let id = request_id(&answer);
    let events = all(&app).await.into_iter().filter(|event| event.request_id == id);
    let events = events.collect::<Vec<_>>();
    assert!(events.iter().any(|event| summary(event).0 == "Chapter.variants"), "{events:?}");
    assert!(events.iter().any(|event| summary(event).0 == "Task.dueAt"), "{events:?}");
    assert!(events.len() <= 68, "{} lines of one request", events.len());
    let kept: BTreeSet<_> = events.iter().map(|event| event.decision_id.to_string()).collect();
    assert!(decision_ids.iter().all(|id| kept.contains(*id)), "each reported id is audited");
    let times = events.iter().filter(|event| event.outcome == "FORBIDDEN").map(|event| event.times);
    assert_eq!(times.sum::<i32>(), 2 * i32::try_from(MANY).unwrap());
}

#[tokio::test]
async fn admin_reads_are_audited() {
    let app = App::start(Backend::Sqlite).await;
    let answer = app.by_jwt(&ada()).ask("{ user(id: \"some-user\") { id } }").await;
    assert_eq!(answer.codes(), ["NOT_CONFIGURED"]);
    assert_eq!(event_of(&app, &answer).await.row_id.as_deref(), Some("user:some-user"));
}

#[tokio::test]
async fn erasing_a_row_id_renames_nothing() {
    let app = App::start(Backend::Sqlite).await;
    let task = task_of(&app, &alice(), false).await;
    let complete = format!("mutation {{ completeTask(id: \"{task}\") {{ task {{ id }} }} }}");
    let completed = app.by_jwt(&alice()).ask(&complete).await;
    event_of(&app, &completed).await;
    app.by_jwt(&ada())
        .data(&format!("mutation {{ eraseUser(id: \"{task}\") {{ report {{ total }} }} }}"))
        .await;
    assert_eq!(event_of(&app, &completed).await.row_id, Some(task));
}

#[tokio::test]
async fn hidden_field_is_audited_despite_other_errors() {
    let app = App::start(Backend::Sqlite).await;
    let probe = "query($n: Int) { users(first: $n) { totalCount } }";
    let answer = app.by_jwt(&bob()).ask_with(probe, json!({"n": "many"})).await;
    let event = event_of(&app, &answer).await;
    assert_eq!(summary(&event), ("Query.users", "ROLE(admin)", "GRAPHQL_VALIDATION_FAILED"));
}

#[tokio::test]
async fn cross_site_websocket_is_audited() {
    let app = App::start(Backend::Sqlite).await;
    let origin = [("origin", "https://elsewhere.test")];
    assert_eq!(Socket::open(&app, &origin).await.err(), Some(403));
    flush_audit(&app).await;
    let events = all(&app).await;
    assert_eq!(summary(&events[0]), ("authentication", "same site", "FORBIDDEN"));
}

#[tokio::test]
async fn interrupted_mutation_is_audited_as_unfinished() {
    let app = App::with(Backend::Sqlite, &["--request-timeout", "1s"]).await;
    let task = task_of(&app, &alice(), false).await;
    let system = app.database.system("tests hold the one writer");
    let held = system.connection().begin().await.unwrap();
    held.execute_unprepared("UPDATE task SET version = version").await.unwrap();
    let complete = format!("mutation {{ completeTask(id: \"{task}\") {{ task {{ id }} }} }}");
    let answer = app.by_jwt(&alice()).ask(&complete).await;
    assert_eq!(answer.codes(), ["TIMEOUT"]);
    held.rollback().await.unwrap();
    let event = event_of(&app, &answer).await;
    assert_eq!(summary(&event), ("Mutation.completeTask", "OWNER", "UNFINISHED"));
    assert_eq!(event.row_id, Some(task));
}
