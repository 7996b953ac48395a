//! An OAuth client has the access of its user, within its scopes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::access::matrix::{document, first_event, table, write};
use crate::support::app::{App, Backend, Client, GraphQlResponse};
use crate::support::callers::{User, alice};
use crate::support::issuer::Issuer;
use crate::support::socket::Socket;

mod reach;
mod tokens;
mod views;

/// The scopes that each field requires. A new field fails here by its name: list its scopes.
const REQUIRED_SCOPES: [(&str, &str); 72] = [
    ("Analytics.topChapters", "courses:read"),
    ("Chapter.bookmarked", "progress:read"),
    ("Chapter.personalized", "courses:read profile:read"),
    ("Chapter.progress", "progress:read"),
    ("ChapterProgress.chapter", "courses:read"),
    ("Course.currentChapter", "progress:read"),
    ("Course.progress", "progress:read"),
    ("CourseProgress.nextChapter", "courses:read"),
    ("CompleteTaskPayload.taskStats", "tasks:read"),
    ("CompleteTasksPayload.taskStats", "tasks:read"),
    ("CreateTaskPayload.taskStats", "tasks:read"),
    ("CreateTasksPayload.taskStats", "tasks:read"),
    ("DeleteTaskPayload.taskStats", "tasks:read"),
    ("DeleteTasksPayload.taskStats", "tasks:read"),
    ("Me.contentLevel", "profile:read"),
    ("Me.contentLevelValue", "profile:read"),
    ("Me.profile", "profile:read"),
    ("Mutation.bookmarkChapter", "courses:read progress:write"),
    ("Mutation.completeTask", "tasks:write"),
    ("Mutation.completeTasks", "tasks:write"),
    ("Mutation.createChapter", "courses:write"),
    ("Mutation.createCourse", "courses:write"),
    ("Mutation.createTask", "tasks:write"),
    ("Mutation.createTasks", "tasks:write"),
    ("Mutation.deleteChapter", "courses:write"),
    ("Mutation.deleteCourse", "courses:write"),
    ("Mutation.deleteTask", "tasks:write"),
    ("Mutation.deleteTasks", "tasks:write"),
    ("Mutation.eraseUser", "users:write"),
    ("Mutation.publishChapter", "courses:write"),
    ("Mutation.publishCourse", "courses:write"),
    ("Mutation.recordProgress", "progress:write"),
    ("Mutation.reopenTask", "tasks:write"),
    ("Mutation.saveChapterVariant", "courses:write"),
    ("Mutation.updateChapter", "courses:write"),
    ("Mutation.updateCourse", "courses:write"),
    ("Mutation.updateLearnerProfile", "profile:write"),
    ("Mutation.updateTask", "tasks:write"),
    ("Mutation.updateTasks", "tasks:write"),
    ("Query.analytics", "analytics:read"),
    ("Query.auditEvents", "audit:read"),
    ("Query.can", "{action}"),
    ("Query.chapter", "courses:read"),
    ("Query.chapters", "courses:read"),
    ("Query.course", "courses:read"),
    ("Query.courses", "courses:read"),
    ("Query.currentChapter", "courses:read progress:read"),
    ("Query.me", "openid"),
    ("Query.node", "{type}:read"),
    ("Query.nodes", "{type}:read"),
    ("Query.publicTasks", "tasks:read"),
    ("Query.recommendations", "courses:read profile:read progress:read"),
    ("Query.task", "tasks:read"),
    ("Query.taskStats", "tasks:read"),
    ("Query.taskTags", "tasks:read"),
    ("Query.tasks", "tasks:read"),
    ("Query.user", "users:read"),
    ("Query.users", "users:read"),
    ("Query.viewer", "openid"),
    ("RecordProgressPayload.chapter", "courses:read"),
    ("ReopenTaskPayload.taskStats", "tasks:read"),
    ("SaveChapterVariantPayload.chapter", "courses:read"),
    ("Subscription.chapterPublished", "courses:read"),
    ("Subscription.events", "progress:read tasks:read"),
    ("Subscription.progressEvents", "progress:read"),
    ("Subscription.taskEvents", "tasks:read"),
    ("UpdateTaskPayload.taskStats", "tasks:read"),
    ("UpdateTasksPayload.taskStats", "tasks:read"),
    ("Chapter.variants", ""),
    ("Task.description", ""),
    ("Task.dueAt", ""),
    ("Task.dueOn", ""),
];
/// Fields that require no scope besides that of the field that leads to them.
const UNSCOPED_FIELDS: [&str; 2] = ["Task.priority", "Task.tags"];

/// Settings of a server that is the audience of the tokens.
const OAUTH_FLAGS: [&str; 4] = ["--oauth-resource", "here", "--oauth-full-clients", "own"];

fn required_scopes() -> BTreeMap<&'static str, &'static str> {
    REQUIRED_SCOPES.into_iter().chain(UNSCOPED_FIELDS.map(|field| (field, ""))).collect()
}

/// Every scope that a field requires.
fn all_scopes() -> BTreeSet<&'static str> {
    let scopes = REQUIRED_SCOPES.iter().flat_map(|(_, scope)| scope.split_whitespace());
    scopes.filter(|scope| !scope.starts_with('{')).collect()
}

/// An access token of `client` for `user`, with these scopes.
fn token(user: &User, client: &str, scopes: &[&str]) -> String {
    let issuer = Issuer::shared();
    let mut claims = issuer.full(&user.claims());
    claims["iss"] = format!("{}/api/auth", issuer.url()).into();
    claims["aud"] = "here".into();
    claims["client_id"] = client.into();
    claims["scope"] = scopes.join(" ").into();
    let header = json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"});
    issuer.ed25519.sign_raw(&header, &claims.to_string())
}

/// A user with access to every field.
fn full_access_user() -> User {
    alice().role("admin").tier("enterprise")
}

async fn server() -> App {
    App::with(Backend::Sqlite, &OAUTH_FLAGS).await.with_courses().await
}

/// The missing scopes that a denial reports; none if it is not such a denial.
fn missing(answer: &Value) -> Vec<String> {
    let errors = answer["errors"].as_array().into_iter().flatten();
    let rejected = errors.filter(|error| error["extensions"]["code"] == "FORBIDDEN");
    let missing = rejected.flat_map(|error| error["extensions"]["missing"].as_array());
    missing.flatten().map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// A client of both entry points: HTTP and WebSocket.
struct ScopedClient<'a> {
    http: Client<'a>,
    socket: Socket,
    /// Writes the rows whose events subscriptions receive.
    writer: Client<'a>,
}

impl<'a> ScopedClient<'a> {
    async fn with_token(app: &'a App, token: &str) -> Self {
        let writer = app.by_jwt(&full_access_user());
        Self { http: app.by_bearer(token), socket: Socket::by_bearer(app, token).await, writer }
    }

    async fn by_http(&self, document: &str) -> GraphQlResponse {
        match document.starts_with("subscription") {
            true => first_event(&self.http, &self.writer, document).await,
            false => self.http.ask(document).await,
        }
    }

    /// The first response over the socket.
    async fn by_socket(&mut self, id: &str, document: &str) -> Value {
        self.socket.execute(id, document).await;
        let began = Instant::now();
        let mut first = None;
        loop {
            assert!(began.elapsed() < Duration::from_secs(20), "no event arrives: {document}");
            if document.starts_with("subscription") && first.is_none() {
                write(&self.writer).await;
            }
            let interval = Duration::from_millis(100);
            let Ok(message) = tokio::time::timeout(interval, self.socket.next_message()).await
            else {
                continue;
            };
            let is_this = message["id"] == id;
            match message["type"].as_str() {
                Some("next") if is_this && first.is_none() => {
                    first = Some(message["payload"].clone());
                    if document.starts_with("subscription") {
                        self.socket.send_json(&json!({"id": id, "type": "complete"})).await;
                        return first.unwrap();
                    }
                }
                Some("error") if is_this => return json!({"errors": message["payload"]}),
                Some("complete") if is_this => return first.expect("there is an answer"),
                _ => {}
            }
        }
    }
}

/// The scopes that a client with `granted` lacks for `field`, by the fields that lead to it.
fn missing_scopes(field: &str, path: &Value, granted: &BTreeSet<&str>) -> Vec<String> {
    let required_scopes = required_scopes();
    let (parent, _) = field.split_once('.').unwrap();
    let root = match parent {
        "Query" | "Mutation" | "Subscription" => field.to_owned(),
        payload if payload.ends_with("Payload") => {
            format!("Mutation.{}", path[0].as_str().unwrap())
        }
        _ => format!("Query.{}", path[0].as_str().unwrap()),
    };
    let between = match parent {
        "ChapterProgress" => "Chapter.progress",
        "CourseProgress" => "Course.progress",
        _ => field,
    };
    // The row that `document` names is a task.
    let of_task = |scope| if scope == "{type}:read" { "tasks:read" } else { scope };
    let steps = [root.as_str(), between, field].map(|step| of_task(required_scopes[step]));
    let lacks = |step: &&&str| {
        step.split_whitespace().any(|scope| !scope.starts_with('{') && !granted.contains(scope))
    };
    let first = steps.iter().find(lacks).copied().unwrap_or_default();
    let lacks = first.split_whitespace().filter(|scope| !granted.contains(scope));
    lacks.map(|scope| format!("SCOPE({scope})")).collect()
}

#[test]
fn every_field_requires_its_listed_scope() {
    let stated = table().into_iter().map(|row| {
        let scope = row["scope"].as_str().unwrap_or_default().to_owned();
        (row["field"].as_str().unwrap().to_owned(), scope)
    });
    let stated = stated.collect::<BTreeMap<_, _>>();
    let listed = required_scopes();
    for (field, scope) in &stated {
        let listed = listed.get(field.as_str()).unwrap_or_else(|| panic!("list {field} here"));
        assert_eq!(scope, listed, "{field}");
    }
    assert_eq!(stated.len(), listed.len(), "a field is listed that is not there");
}

#[tokio::test]
async fn client_reaches_what_its_scopes_cover() {
    let app = server().await;
    let all = all_scopes();
    let ending = |end: &str| {
        let of = all.iter().copied().filter(|scope| scope.ends_with(end));
        of.chain(["openid"]).collect::<BTreeSet<_>>()
    };
    let mut clients = vec![
        ("own", "own", BTreeSet::from(["openid"])),
        ("read only", "third", ending(":read")),
        ("write only", "third", ending(":write")),
        ("openid only", "third", BTreeSet::from(["openid"])),
        ("nothing", "third", BTreeSet::new()),
    ];
    for scope in all.iter().copied().filter(|scope| scope.contains(':')) {
        clients.push((
            "all but one",
            "third",
            all.iter().copied().filter(|it| *it != scope).collect(),
        ));
    }
    let task = app
        .by_jwt(&full_access_user())
        .data("mutation { createTask(input: {title: \"x\"}) { task { id } } }")
        .await;
    let task = task["createTask"]["task"]["id"].as_str().unwrap();
    let mut rejections = 0;
    for (name, client, granted) in &clients {
        let scopes = granted.iter().copied().collect::<Vec<_>>();
        let mut shown =
            ScopedClient::with_token(&app, &token(&full_access_user(), client, &scopes)).await;
        for (number, field) in required_scopes().into_keys().enumerate() {
            // Of the other payloads, the mutations in the documents find no row.
            let (parent, _) = field.split_once('.').unwrap();
            if parent.ends_with("Payload") && !parent.starts_with("CreateTask") {
                continue;
            }
            let tier = (field == "Chapter.personalized").then_some("free");
            let (document, path) = document(field, task, tier);
            let wanted = match *client == "own" {
                true => Vec::new(),
                false => missing_scopes(field, &path, granted),
            };
            // An allowed subscription needs an event: one client of each outcome is enough.
            if field.starts_with("Subscription.") && *name == "all but one" && wanted.is_empty() {
                continue;
            }
            let what = format!("{name} ({scopes:?}) at {field}");
            let answer = shown.by_http(&document).await;
            assert_eq!(missing(&answer.body), wanted, "{what}: {}", answer.body);
            let challenge = answer.headers.get("www-authenticate").map(|it| it.to_str().unwrap());
            if !field.starts_with("Subscription.") {
                assert_eq!(challenge, challenge_for(&wanted).as_deref(), "{what}");
            }
            let by_socket = shown.by_socket(&number.to_string(), &document).await;
            assert_eq!(missing(&by_socket), wanted, "{what}, by socket: {by_socket}");
            rejections += usize::from(!wanted.is_empty());
        }
    }
    assert!(rejections > 100, "only {rejections} rejections");
}

fn challenge_for(missing: &[String]) -> Option<String> {
    let mut scopes = missing.iter().map(|it| &it[6..it.len() - 1]).collect::<Vec<_>>();
    scopes.sort_unstable();
    let scopes = scopes.join(" ");
    (!missing.is_empty())
        .then(|| format!("Bearer error=\"insufficient_scope\", scope=\"{scopes}\""))
}

#[tokio::test]
async fn service_without_scopes_equals_anonymous() {
    let app = server().await;
    let service = alice().with("sub", "third").role("admin").tier("enterprise");
    let mut service = ScopedClient::with_token(&app, &token(&service, "third", &[])).await;
    let anyone = app.anonymous();
    let task = app.by_jwt(&full_access_user());
    let task = task
        .data("mutation { createTask(input: {title: \"x\", isPublic: true}) { task { id } } }")
        .await;
    let task = task["createTask"]["task"]["id"].as_str().unwrap();
    for (number, field) in required_scopes().into_keys().enumerate() {
        let (document, _) = document(field, task, Some("free"));
        let shown = service.by_http(&document).await;
        let other = match field.starts_with("Subscription.") {
            true => first_event(&anyone, &service.writer, &document).await,
            false => anyone.ask(&document).await,
        };
        let expected = other.codes().join(" ").replace("UNAUTHENTICATED", "FORBIDDEN");
        assert_eq!(shown.codes().join(" "), expected, "{field}: {}", shown.body);
        if other.codes().is_empty() && !document.starts_with("{ viewer") {
            assert_eq!(shown.body["data"], other.body["data"], "{field}");
        }
        let by_socket = service.by_socket(&number.to_string(), &document).await;
        let is_rejected = !by_socket["errors"].is_null();
        let is_rejected_elsewhere = !service.by_http(&document).await.codes().is_empty();
        assert_eq!(is_rejected, is_rejected_elsewhere, "{field}, by socket: {by_socket}");
    }
}
