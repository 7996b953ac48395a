//! What goes on the record, in whose name, and what never does.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hallpass_data::audit::{Column, Entity, Model};
use reqwest::Method;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    TransactionTrait as _,
};
use serde_json::{Value, json};

use crate::app::{App, Backend, GraphQlResponse};
use crate::on_both_databases;
use crate::people::{User, alice, bob, user};
use crate::socket::Socket;

mod flood;
mod writer;

/// What stands in every text that a caller writes here.
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

/// What is on the record of the request of `answer`, once `count` events are.
async fn recorded(app: &App, answer: &GraphQlResponse, count: usize) -> Vec<Model> {
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

/// The one event on the record of the request of `answer`.
async fn event_of(app: &App, answer: &GraphQlResponse) -> Model {
    recorded(app, answer, 1).await.remove(0)
}

/// Waits until all that was on its way is written: what comes last is written last.
async fn settled(app: &App) {
    event_of(app, &app.by_jwt(&alice()).ask("mutation { deleteTask(id: \"none\") }").await).await;
}

fn said(event: &Model) -> (&str, &str, &str) {
    (&event.field, &event.rule, &event.outcome)
}

async fn task_of(app: &App, owner: &User, visible: bool) -> String {
    let make = format!(
        "mutation {{ createTask(input: {{title: \"{MARKER}\", isPublic: {visible}}}) {{ id }} }}"
    );
    app.by_jwt(owner).data(&make).await["createTask"]["id"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn a_refused_read_is_on_the_record_under_the_ids_that_the_caller_was_told(app: App) {
        let answer = app.anonymous().ask("{ tasks { totalCount } }").await;
        let event = event_of(&app, &answer).await;
        assert_eq!(said(&event), ("Query.tasks", "SIGNED_IN", "UNAUTHENTICATED"));
        assert_eq!(answer.error()["extensions"]["decisionId"], event.decision_id.to_string());
        assert_eq!((event.caller_id, event.method, event.times), (None, None, 1));

        let task = task_of(&app, &alice(), true).await;
        let read = format!("{{ a: task(id: \"{task}\") {{ description }} b: task(id: \"{task}\") {{ description }} }}");
        let answer = app.by_jwt(&bob()).ask(&read).await;
        let event = event_of(&app, &answer).await;
        assert_eq!(said(&event), ("Task.description", "OWNER", "FORBIDDEN"));
        assert_eq!(event.caller_id.as_deref(), Some("user-bob"));
        assert_eq!(event.method.as_deref(), Some("JWT"));
        assert_eq!(event.row_id, Some(task));
        assert_eq!(event.times, 2, "the same twice in a request is one decision");
        for error in answer.body["errors"].as_array().unwrap() {
            assert_eq!(error["extensions"]["decisionId"], event.decision_id.to_string());
        }
    }

    async fn what_administrators_read_is_on_the_record_and_what_others_read_is_not(app: App) {
        let mine = app.by_jwt(&alice()).ask("{ me { id } tasks { totalCount } }").await;
        let answer = app.by_jwt(&ada()).ask("{ auditEvents { totalCount } me { id } }").await;
        let event = event_of(&app, &answer).await;
        assert_eq!(said(&event), ("Query.auditEvents", "ROLE(admin)", "ALLOWED"));
        assert_eq!(event.caller_id.as_deref(), Some("user-ada"));
        recorded(&app, &mine, 0).await;
    }

    async fn every_mutation_is_on_the_record_with_its_end_and_its_rows(app: App) {
        let (hers, his) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let made = hers.ask("mutation { createTask(input: {title: \"x\"}) { id } }").await;
        let task = made.body["data"]["createTask"]["id"].as_str().unwrap().to_owned();
        let event = event_of(&app, &made).await;
        assert_eq!(said(&event), ("Mutation.createTask", "SIGNED_IN", "ALLOWED"));
        assert_eq!(event.row_id.as_deref(), Some(task.as_str()), "what was made");

        let complete = format!("mutation {{ completeTask(id: \"{task}\") {{ id }} }}");
        let old = format!("mutation {{ updateTask(id: \"{task}\", input: {{}}, expectedVersion: 9) {{ id }} }}");
        let wrong = format!("mutation {{ updateTask(id: \"{task}\", input: {{title: \"\"}}) {{ id }} }}");
        for (who, document, end) in [
            (&hers, &complete, "ALLOWED"),
            (&his, &complete, "NOT_FOUND"),
            (&hers, &old, "CONFLICT"),
            (&hers, &wrong, "BAD_USER_INPUT"),
            (&app.anonymous(), &complete, "UNAUTHENTICATED"),
        ] {
            let event = event_of(&app, &who.ask(document).await).await;
            let field = document["mutation { ".len()..].split('(').next().unwrap();
            assert_eq!(said(&event), (&*format!("Mutation.{field}"), "OWNER", end));
            assert_eq!(event.row_id.as_ref(), Some(&task), "{end}");
        }
        let both = format!("mutation {{ deleteTasks(ids: [\"{task}\", \"{}\"]) }}", task_of(&app, &alice(), false).await);
        let events = recorded(&app, &hers.ask(&both).await, 2).await;
        assert_eq!(events[0].decision_id, events[1].decision_id, "one decision about two rows");
        assert!(events.iter().all(|event| said(event) == ("Mutation.deleteTasks", "OWNER", "ALLOWED")));
        assert_ne!(events[0].row_id, events[1].row_id);
    }

    async fn a_credential_that_is_refused_is_on_the_record_with_the_check_that_failed(app: App) {
        let token = "not.a.token-of-ours";
        let answer = app.by_bearer(token).ask("{ me { id } }").await;
        assert_eq!(answer.status, 401);
        let event = event_of(&app, &answer).await;
        assert_eq!((event.field.as_str(), event.outcome.as_str()), ("authentication", "UNAUTHENTICATED"));
        assert!(hallpass_identity::CHECKS.iter().any(|check| check.name() == event.rule));
        assert_eq!((event.caller_id, event.method, event.row_id), (None, None, None));

        let elsewhere = app.by_cookie("better-auth.session_token=a.b").with_header("origin", "https://elsewhere.test");
        let event = event_of(&app, &elsewhere.ask("{ me { id } }").await).await;
        assert_eq!(said(&event), ("authentication", "same site", "FORBIDDEN"));
    }

    async fn a_field_that_is_hidden_from_the_caller_is_on_the_record_and_a_made_up_one_is_not(app: App) {
        let made_up = app.by_jwt(&alice()).ask("{ madeUp { id } }").await;
        let hidden = app.by_jwt(&alice()).ask("{ auditEvents { totalCount } also: auditEvents { totalCount } }").await;
        assert_eq!(hidden.codes(), ["GRAPHQL_VALIDATION_FAILED"; 2]);
        let event = event_of(&app, &hidden).await;
        assert_eq!(said(&event), ("Query.auditEvents", "ROLE(admin)", "GRAPHQL_VALIDATION_FAILED"));
        assert_eq!((event.caller_id.as_deref(), event.times), (Some("user-alice"), 2));
        let inner = "{ chapters { nodes { variants { body } } } }";
        let nobody = app.anonymous().ask(inner).await;
        assert_eq!(event_of(&app, &nobody).await.field, "Chapter.variants");
        recorded(&app, &made_up, 0).await;
    }

    async fn who_acts_in_anothers_name_is_on_the_record_with_both_names(app: App) {
        let acting = alice().with("impersonatedBy", "user-ada");
        let answer = app.by_jwt(&acting).ask("mutation { createTask(input: {title: \"x\"}) { id } }").await;
        let event = event_of(&app, &answer).await;
        assert_eq!(event.caller_id.as_deref(), Some("user-alice"));
        assert_eq!(event.impersonated_by.as_deref(), Some("user-ada"));
    }

    async fn nothing_that_callers_write_and_no_credential_is_in_the_audit(app: App) {
        use base64::Engine as _;
        let like_an_id = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .encode(format!("{MARKER}:{}", uuid::Uuid::now_v7().simple()));
        let task = task_of(&app, &alice(), true).await;
        let hers = app.by_jwt(&alice());
        for document in [
            format!("mutation {{ updateTask(id: \"{task}\", input: {{title: \"{MARKER}\", tags: [\"{MARKER}\"]}}) {{ id }} }}"),
            format!("mutation {{ updateTask(id: \"{task}\", input: {{title: \"\", description: \"{MARKER}\"}}) {{ id }} }}"),
            format!("mutation {{ deleteTask(id: \"{MARKER}\") }}"),
            format!("mutation {{ deleteTask(id: \"{like_an_id}\") }}"),
            format!("mutation {{ deleteTasks(ids: [\"{MARKER}\", \"{like_an_id}\", \"\\u0000\"]) }}"),
            format!("mutation {{ {MARKER_ALIAS}: deleteTask(id: \"{task}\") }}"),
            format!("{{ node(id: \"{MARKER}\") {{ id }} }}"),
            format!("{{ auditEvents(filter: {{field: \"{MARKER}\"}}) {{ totalCount }} }}"),
        ] {
            hers.ask(&document).await;
        }
        app.by_bearer(&format!("{MARKER}.{MARKER}.{MARKER}")).ask("{ me { id } }").await;
        let read = format!("{{ auditEvents(filter: {{field: \"{MARKER}\"}}) {{ totalCount }} }}");
        app.by_jwt(&ada()).data(&read).await;
        settled(&app).await;
        let events = all(&app).await;
        assert!(events.len() >= 9, "{events:?}");
        let text = format!("{events:?}");
        for secret in [MARKER, MARKER_ALIAS, &like_an_id, "marker", "@example.test"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }

    async fn administrators_find_what_they_look_for_page_by_page(app: App) {
        let (hers, admin) = (app.by_jwt(&alice()), app.by_jwt(&ada()));
        for _ in 0..3 {
            hers.ask("mutation { deleteTask(id: \"none\") }").await;
        }
        let refused = app.anonymous().ask("{ tasks { totalCount } }").await;
        let acting = bob().with("impersonatedBy", "user-ada");
        let made = app.by_jwt(&acting).ask("mutation { createTask(input: {title: \"x\"}) { id } }").await;
        settled(&app).await;
        let decision = refused.error()["extensions"]["decisionId"].as_str().unwrap();
        let task = made.body["data"]["createTask"]["id"].as_str().unwrap();
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
        assert_eq!(count(json!({ "requestId": request_id(&refused) })).await, 1);
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

/// As `MARKER`, where a name is wanted.
const MARKER_ALIAS: &str = "marker_of_a_secret_plan";

#[tokio::test]
async fn what_an_app_did_last_is_written_before_it_ends() {
    let mut server = crate::command_line::Process::start(&[]);
    let ask = crate::app::client().post(format!("{}/graphql", server.url));
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
    assert_eq!(said(&kept[0]), ("Query.tasks", "SIGNED_IN", "UNAUTHENTICATED"));
}

#[tokio::test]
async fn a_message_of_revocation_that_nobody_signed_is_on_the_record() {
    let secret = "a secret of twenty-four bytes";
    let app = App::with(Backend::Sqlite, &["--revocation-secret", secret]).await;
    let message = app.anonymous().request(Method::POST, "/revocations").body("{}");
    let message = message.header("webhook-id", "msg_1").header("webhook-signature", "v1,AAAA");
    let message = message.header("webhook-timestamp", hallpass_data::now().timestamp());
    let answer = GraphQlResponse::read(message.send().await.unwrap()).await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        said(&event_of(&app, &answer).await),
        ("revocations", "signature", "UNAUTHENTICATED")
    );
}

#[tokio::test]
async fn a_mutation_that_its_chapter_refuses_is_one_event_about_the_chapter() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let find = "{ chapter(slug: \"feedback-control\") { id } }";
    let chapter = app.anonymous().data(find).await["chapter"]["id"].as_str().unwrap().to_owned();
    let hers = app.by_jwt(&alice());
    let note = format!(
        "mutation {{ recordProgress(chapterId: \"{chapter}\", percent: 5) {{ percent }} }}"
    );
    let answer = hers.ask(&note).await;
    let event = event_of(&app, &answer).await;
    let rule = "MIN_TIER(requiredTier) and FRESH_FOR_TOP_TIER(900s)";
    assert_eq!(said(&event), ("Mutation.recordProgress", rule, "FORBIDDEN"));
    assert_eq!(event.row_id.as_deref(), Some(chapter.as_str()));
    assert_eq!(answer.error()["extensions"]["decisionId"], event.decision_id.to_string());

    let mark = format!(
        "mutation {{ bookmarkChapter(chapterId: \"{chapter}\", bookmarked: true) {{ id }} }}"
    );
    let event = event_of(&app, &hers.ask(&mark).await).await;
    assert_eq!(said(&event), ("Mutation.bookmarkChapter", "SIGNED_IN", "ALLOWED"));
    assert_eq!(event.row_id, Some(chapter));
}

#[tokio::test]
async fn a_field_that_is_hidden_is_found_in_every_kind_of_fragment() {
    let app = App::start(Backend::Sqlite).await;
    for document in [
        "{ ... on Query { auditEvents { totalCount } } }",
        "{ ... { auditEvents { totalCount } } }",
        "{ ...F } fragment F on Query { auditEvents { totalCount } }",
    ] {
        let event = event_of(&app, &app.by_jwt(&bob()).ask(document).await).await;
        let expected = ("Query.auditEvents", "ROLE(admin)", "GRAPHQL_VALIDATION_FAILED");
        assert_eq!(said(&event), expected, "{document}");
    }
}

#[tokio::test]
async fn of_many_rows_that_one_request_is_refused_each_is_on_the_record() {
    let app = App::start(Backend::Sqlite).await;
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(task_of(&app, &alice(), true).await);
    }
    let answer = app.by_jwt(&bob()).ask("{ publicTasks { nodes { description } } }").await;
    let events = recorded(&app, &answer, 3).await;
    let mut rows = events.iter().filter_map(|event| event.row_id.clone()).collect::<Vec<_>>();
    rows.sort();
    tasks.sort();
    assert_eq!(rows, tasks);
}

/// More than what is kept of one request with its row.
const MANY: usize = 70;

#[tokio::test]
async fn many_refusals_leave_room_for_what_else_the_request_reads() {
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
    let told: BTreeSet<_> =
        errors.iter().map(|it| it["extensions"]["decisionId"].as_str().unwrap()).collect();
    settled(&app).await;
    let id = request_id(&answer);
    let events = all(&app).await.into_iter().filter(|event| event.request_id == id);
    let events = events.collect::<Vec<_>>();
    assert!(events.iter().any(|event| said(event).0 == "Chapter.variants"), "{events:?}");
    assert!(events.iter().any(|event| said(event).0 == "Task.dueAt"), "{events:?}");
    assert!(events.len() <= 68, "{} lines of one request", events.len());
    let kept: BTreeSet<_> = events.iter().map(|event| event.decision_id.to_string()).collect();
    assert!(told.iter().all(|id| kept.contains(*id)), "each id that was told is on the record");
    let times = events.iter().filter(|event| event.outcome == "FORBIDDEN").map(|event| event.times);
    assert_eq!(times.sum::<i32>(), 2 * i32::try_from(MANY).unwrap());
}

#[tokio::test]
async fn whom_an_administrator_looked_at_is_on_the_record() {
    let app = App::start(Backend::Sqlite).await;
    let answer = app.by_jwt(&ada()).ask("{ user(id: \"somebody\") { id } }").await;
    assert_eq!(answer.codes(), ["NOT_CONFIGURED"]);
    assert_eq!(event_of(&app, &answer).await.row_id.as_deref(), Some("user:somebody"));
}

#[tokio::test]
async fn whoever_erases_the_id_of_a_row_renames_no_row() {
    let app = App::start(Backend::Sqlite).await;
    let task = task_of(&app, &alice(), false).await;
    let complete = format!("mutation {{ completeTask(id: \"{task}\") {{ id }} }}");
    let completed = app.by_jwt(&alice()).ask(&complete).await;
    event_of(&app, &completed).await;
    app.by_jwt(&ada()).data(&format!("mutation {{ eraseUser(id: \"{task}\") {{ total }} }}")).await;
    assert_eq!(event_of(&app, &completed).await.row_id, Some(task));
}

#[tokio::test]
async fn a_hidden_field_is_on_the_record_whatever_else_is_wrong_with_the_document() {
    let app = App::start(Backend::Sqlite).await;
    let probe = "query($n: Int) { users(first: $n) { totalCount } }";
    let answer = app.by_jwt(&bob()).ask_with(probe, json!({"n": "many"})).await;
    let event = event_of(&app, &answer).await;
    assert_eq!(said(&event), ("Query.users", "ROLE(admin)", "GRAPHQL_VALIDATION_FAILED"));
}

#[tokio::test]
async fn a_socket_that_another_site_opens_is_on_the_record() {
    let app = App::start(Backend::Sqlite).await;
    let origin = [("origin", "https://elsewhere.test")];
    assert_eq!(Socket::open(&app, &origin).await.err(), Some(403));
    settled(&app).await;
    let events = all(&app).await;
    assert_eq!(said(&events[0]), ("authentication", "same site", "FORBIDDEN"));
}

#[tokio::test]
async fn a_mutation_that_is_cut_off_is_on_the_record_as_unfinished() {
    let app = App::with(Backend::Sqlite, &["--request-timeout", "1s"]).await;
    let task = task_of(&app, &alice(), false).await;
    let system = app.database.system("tests hold the one writer");
    let held = system.connection().begin().await.unwrap();
    held.execute_unprepared("UPDATE task SET version = version").await.unwrap();
    let complete = format!("mutation {{ completeTask(id: \"{task}\") {{ id }} }}");
    let answer = app.by_jwt(&alice()).ask(&complete).await;
    assert_eq!(answer.codes(), ["TIMEOUT"]);
    held.rollback().await.unwrap();
    let event = event_of(&app, &answer).await;
    assert_eq!(said(&event), ("Mutation.completeTask", "OWNER", "UNFINISHED"));
    assert_eq!(event.row_id, Some(task));
}
