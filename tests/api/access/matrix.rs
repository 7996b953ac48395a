//! The access table matches the running server, field by field and caller by caller.

use std::collections::{BTreeSet, HashMap};

use hallpass::access::SchemaView;
use hallpass::graphql::OwnershipDenial;
use serde_json::{Value, json};

use crate::cli::commands::hallpass;
use crate::support::app::{App, Backend, Client, GraphQlResponse};

/// Codes with which a rule denies access.
const DENIALS: [&str; 3] = ["UNAUTHENTICATED", "FORBIDDEN", "REAUTHENTICATION_REQUIRED"];

/// A server in development, and its persona tokens.
struct PersonaServer {
    app: App,
    tokens: HashMap<String, Option<String>>,
}

impl PersonaServer {
    async fn start() -> Self {
        let app = App::configured(Backend::Sqlite, &[]).await;
        let cards = app.anonymous().request(reqwest::Method::GET, "/dev/personas").send().await;
        let cards: Value = cards.unwrap().json().await.unwrap();
        let card = |card: &Value| {
            (card["name"].as_str().unwrap().to_owned(), card["token"].as_str().map(str::to_owned))
        };
        let tokens = cards.as_array().unwrap().iter().map(card).collect();
        Self { app, tokens }
    }

    fn client_as(&self, name: &str) -> Client<'_> {
        match &self.tokens[name] {
            Some(token) => self.app.by_bearer(token),
            None => self.app.anonymous(),
        }
    }

    /// A public task of `name`.
    async fn task_of(&self, name: &str) -> String {
        let made = self
            .client_as(name)
            .data("mutation { createTask(input: {title: \"x\", isPublic: true}) { task { id } } }")
            .await;
        made["createTask"]["task"]["id"].as_str().unwrap().to_owned()
    }

    /// Uses `field` as `caller`, on a row of the kind of the table's entry.
    async fn use_field(
        &self,
        field: &str,
        caller: &str,
        tier: Option<&str>,
    ) -> (GraphQlResponse, Value) {
        let (who, owner) = match caller {
            "owner" => ("free", "free"),
            // The impersonated user is `free`, by `admin`.
            "free" | "impersonated" => (caller, "admin"),
            other => (other, "free"),
        };
        let (document, path) = document(field, &self.task_of(owner).await, tier);
        let who = self.client_as(who);
        let answer = match field {
            "Subscription.chapterPublished" => {
                first_event(&who, &self.client_as("editor"), &document).await
            }
            _ if field.starts_with("Subscription.") => first_event(&who, &who, &document).await,
            _ => who.ask(&document).await,
        };
        (answer, path)
    }
}

/// The first response to a subscription to rows that `writer` writes until there is one.
pub async fn first_event(who: &Client<'_>, writer: &Client<'_>, document: &str) -> GraphQlResponse {
    let request = who.request(reqwest::Method::POST, "/graphql");
    let request = request.header("content-type", "application/json");
    let request = request.header("accept", "text/event-stream");
    let body = json!({ "query": document }).to_string();
    let mut response = request.body(body).send().await.unwrap();
    let began = std::time::Instant::now();
    let first = loop {
        assert!(began.elapsed().as_secs() < 20, "no event arrives: {document}");
        write(writer).await;
        let interval = std::time::Duration::from_millis(100);
        if let Ok(chunk) = tokio::time::timeout(interval, response.chunk()).await {
            break chunk.unwrap().unwrap();
        }
    };
    let first = std::str::from_utf8(&first).unwrap();
    let json = first.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    GraphQlResponse { status, headers, body: serde_json::from_str(json).unwrap() }
}

/// Creates a task, records progress, and publishes a chapter, as far as the caller may.
pub async fn write(who: &Client<'_>) {
    let chapter = who.data("{ chapter(slug: \"sense-think-act\") { id } }").await;
    let chapter = &chapter["chapter"]["id"];
    who.ask("mutation { createTask(input: {title: \"x\"}) { task { id } } }").await;
    who.ask(&format!(
        "mutation {{ recordProgress(chapterId: {chapter}, percent: 1) {{ progress {{ percent }} }} }}"
    ))
    .await;
    for published in [false, true] {
        let publish = format!("publishChapter(id: {chapter}, published: {published})");
        who.ask(&format!("mutation {{ {publish} {{ chapter {{ id }} }} }}")).await;
    }
}

/// A document that uses `field`, and the field's path in the response. A new field without one fails the
/// test: write one.
pub fn document(field: &str, task: &str, tier: Option<&str>) -> (String, Value) {
    let (parent, name) = field.split_once('.').unwrap();
    let written = match parent {
        "Query" => query_selection(name, task)
            .map(|selection| (format!("{{ {selection} }}"), json!([name]))),
        "Mutation" => mutation_selection(name, task)
            .map(|selection| (format!("mutation {{ {selection} }}"), json!([name]))),
        "Subscription" => subscription_selection(name)
            .map(|selection| (format!("subscription {{ {selection} }}"), json!([name]))),
        _ => object_document(parent, name, task, tier),
    };
    written.unwrap_or_else(|| panic!("write a document that uses {field}"))
}

/// The selection of the field `name` of `Query`, if one is written here.
fn query_selection(name: &str, task: &str) -> Option<String> {
    let selection = match name {
        "me" | "viewer" => format!("{name} {{ id }}"),
        "can" => format!("can(action: UPDATE_TASK, id: \"{task}\") {{ allowed }}"),
        "node" => format!("node(id: \"{task}\") {{ id }}"),
        "task" => format!("task(id: \"{task}\") {{ id }}"),
        "tasks" | "publicTasks" | "courses" | "chapters" | "users" | "auditEvents" => {
            format!("{name} {{ totalCount }}")
        }
        "user" => "user(id: \"some-user\") { id }".to_owned(),
        "analytics" => "analytics { totalUsers }".to_owned(),
        "nodes" => format!("nodes(ids: [\"{task}\"]) {{ id }}"),
        "taskStats" => "taskStats { total }".to_owned(),
        "currentChapter" => "currentChapter { slug }".to_owned(),
        "taskTags" => "taskTags { tag }".to_owned(),
        "course" | "chapter" => format!("{name}(slug: \"x\") {{ id }}"),
        "recommendations" => "recommendations { because }".to_owned(),
        _ => return None,
    };
    Some(selection)
}

/// The selection of the field `name` of `Mutation`, if one is written here.
fn mutation_selection(name: &str, task: &str) -> Option<String> {
    let selection = match name {
        "createTask" => "createTask(input: {title: \"x\"}) { task { id } }".to_owned(),
        "updateTask" => format!("updateTask(id: \"{task}\", input: {{}}) {{ task {{ id }} }}"),
        "completeTask" | "reopenTask" => format!("{name}(id: \"{task}\") {{ task {{ id }} }}"),
        "createTasks" => "createTasks(inputs: [{title: \"x\"}]) { tasks { id } }".to_owned(),
        "updateTasks" => {
            format!("updateTasks(ids: [\"{task}\"], input: {{}}) {{ tasks {{ id }} }}")
        }
        "deleteTask" => format!("deleteTask(id: \"{task}\") {{ deletedTaskId }}"),
        "completeTasks" => format!("completeTasks(ids: [\"{task}\"]) {{ tasks {{ id }} }}"),
        "deleteTasks" => format!("deleteTasks(ids: [\"{task}\"]) {{ deletedTaskIds }}"),
        "createCourse" => {
            "createCourse(input: {slug: \"x\", title: \"x\"}) { course { id } }".to_owned()
        }
        "createChapter" => {
            let input = "{slug: \"x\", title: \"x\", requiredTier: \"free\"}";
            format!("createChapter(courseId: \"x\", input: {input}) {{ chapter {{ id }} }}")
        }
        "updateCourse" | "updateChapter" => {
            format!("{name}(id: \"x\", input: {{}}) {{ __typename }}")
        }
        "publishCourse" | "publishChapter" | "deleteCourse" | "deleteChapter" => {
            format!("{name}(id: \"x\") {{ __typename }}")
        }
        "saveChapterVariant" => {
            let input = "{level: BEGINNER, hardware: BEGINNER, body: \"x\"}";
            format!("saveChapterVariant(chapterId: \"x\", input: {input}) {{ variant {{ id }} }}")
        }
        "updateLearnerProfile" => "updateLearnerProfile(input: {}) { me { id } }".to_owned(),
        "recordProgress" => {
            "recordProgress(chapterId: \"x\", percent: 1) { progress { percent } }".to_owned()
        }
        "bookmarkChapter" => {
            "bookmarkChapter(chapterId: \"x\", bookmarked: true) { chapter { id } }".to_owned()
        }
        "eraseUser" => "eraseUser(id: \"unknown\") { report { total } }".to_owned(),
        _ => return None,
    };
    Some(selection)
}

/// The selection of the field `name` of `Subscription`, if one is written here.
fn subscription_selection(name: &str) -> Option<&'static str> {
    match name {
        "events" => Some("events { __typename }"),
        "taskEvents" => Some("taskEvents { kind }"),
        "progressEvents" => Some("progressEvents { percent }"),
        "chapterPublished" => Some("chapterPublished { slug }"),
        _ => None,
    }
}

/// The document that uses the field `name` of the type `parent`, and the field's path, if one is written here.
fn object_document(
    parent: &str,
    name: &str,
    task: &str,
    tier: Option<&str>,
) -> Option<(String, Value)> {
    let of_chapter =
        |slug: &str, selection: &str| format!("{{ chapter(slug: \"{slug}\") {{ {selection} }} }}");
    let written = match (parent, name) {
        ("Task", name) => {
            (format!("{{ task(id: \"{task}\") {{ {name} }} }}"), json!(["task", name]))
        }
        ("Me", name) => {
            let within = if name == "profile" { " { interestArea }" } else { "" };
            (format!("{{ viewer {{ {name}{within} }} }}"), json!(["viewer", name]))
        }
        ("Chapter", name @ ("progress" | "bookmarked")) => {
            let within = if name == "progress" { " { percent }" } else { "" };
            let field = format!("{name}{within}");
            (of_chapter("sense-think-act", &field), json!(["chapter", name]))
        }
        ("Chapter", "variants") => {
            (of_chapter("sense-think-act", "variants { level }"), json!(["chapter", "variants"]))
        }
        ("Chapter", "personalized") => {
            let slug = match tier {
                Some("premium") => "feedback-control",
                Some("enterprise") => "learning-to-act",
                _ => "sense-think-act",
            };
            (of_chapter(slug, "personalized { level }"), json!(["chapter", "personalized"]))
        }
        ("ChapterProgress", "chapter") => (
            of_chapter("sense-think-act", "progress { chapter { id } }"),
            json!(["chapter", "progress", "chapter"]),
        ),
        ("Course", "currentChapter") => (
            "{ course(slug: \"rust-apis\") { currentChapter { id } } }".to_owned(),
            json!(["course", "currentChapter"]),
        ),
        ("Course", "progress") => (
            "{ course(slug: \"rust-apis\") { progress { percent } } }".to_owned(),
            json!(["course", "progress"]),
        ),
        ("CourseProgress", "nextChapter") => (
            "{ course(slug: \"rust-apis\") { progress { nextChapter { id } } } }".to_owned(),
            json!(["course", "progress", "nextChapter"]),
        ),
        (payload, name) if payload.ends_with("Payload") => payload_document(payload, name, task)?,
        ("Analytics", "topChapters") => (
            "{ analytics { topChapters { completions } } }".to_owned(),
            json!(["analytics", "topChapters"]),
        ),
        _ => return None,
    };
    Some(written)
}

/// The document that uses the field `name` of a payload, and the field's path.
fn payload_document(payload: &str, name: &str, task: &str) -> Option<(String, Value)> {
    let mutation = payload.strip_suffix("Payload")?;
    let mutation = mutation[..1].to_lowercase() + &mutation[1..];
    let selection = mutation_selection(&mutation, task)?;
    let (call, _) = selection.rsplit_once(") {")?;
    let within = if name == "taskStats" { "total" } else { "id" };
    let document = format!("mutation {{ {call}) {{ {name} {{ {within} }} }} }}");
    Some((document, json!([mutation, name])))
}

pub fn table() -> Vec<Value> {
    let output = hallpass(&["access", "--json"]);
    let table: Value = serde_json::from_str(&output.stdout).unwrap();
    table["rows"].as_array().unwrap().clone()
}

#[tokio::test]
async fn access_table_matches_the_server() {
    let personas = PersonaServer::start().await;
    let mut cells = 0;
    for row in table() {
        let field = row["field"].as_str().unwrap();
        for cell in row["cells"].as_array().unwrap() {
            let caller = cell["caller"].as_str().unwrap();
            if field.starts_with("Analytics.") && caller != "admin" {
                continue; // No other caller reaches the object.
            }
            if field.starts_with("SaveChapterVariantPayload.")
                && !["admin", "editor"].contains(&caller)
            {
                continue;
            }
            let (answer, path) =
                personas.use_field(field, caller, row["required_tier"].as_str()).await;
            let rejection = answer.body["errors"].as_array().into_iter().flatten().find(|error| {
                let code = error["extensions"]["code"].as_str().unwrap();
                let is_absent = code == "NOT_FOUND" && row["rule"] == "OWNER";
                let is_rejection = (is_absent || DENIALS.contains(&code)) && error["path"] == path;
                is_rejection || code == "GRAPHQL_VALIDATION_FAILED"
            });
            let code =
                rejection.map_or("allowed", |error| error["extensions"]["code"].as_str().unwrap());
            assert_eq!(code, cell["answer"], "{field} as {caller}: {}", answer.body);
            if let Some(rejection) = rejection.filter(|_| DENIALS.contains(&code)) {
                assert_eq!(rejection["extensions"]["rule"], row["rule"], "{field} as {caller}");
                let missing = rejection["extensions"]["missing"].as_array().unwrap();
                assert!(!missing.is_empty(), "{field} as {caller}");
            }
            cells += 1;
        }
    }
    assert!(cells >= 150, "only {cells} cells");
}

#[test]
fn every_root_field_has_a_rule() {
    let rows = table();
    let stated: BTreeSet<_> =
        rows.iter().map(|row| row["field"].as_str().unwrap().to_owned()).collect();
    let sdl = crate::support::app::application().schema().build(SchemaView::FULL, true).sdl();
    let mut roots = 0;
    for definition in async_graphql::parser::parse_schema(&sdl).unwrap().definitions {
        use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
        let TypeSystemDefinition::Type(kind) = definition else { continue };
        let name = kind.node.name.node.to_string();
        let TypeKind::Object(object) = kind.node.kind else { continue };
        if !["Query", "Mutation", "Subscription"].contains(&name.as_str()) {
            continue;
        }
        for field in object.fields {
            let field_name = format!("{name}.{}", field.node.name.node);
            assert!(stated.contains(&field_name), "{field_name} states no rule");
            assert!(field.node.ty.node.nullable, "{field_name} has a rule, so it must be nullable");
            roots += 1;
        }
    }
    assert!(roots >= 20, "only {roots} root fields");
}

#[test]
fn root_field_without_rule_is_an_error() {
    use async_graphql::registry::{MetaField, MetaType};
    use hallpass::access::Policy;
    use hallpass::access_report::Table;
    let policy =
        Policy { tiers: "free,premium".parse().unwrap(), roles: "admin>user".parse().unwrap() };
    let mut types = crate::support::app::application().schema().types(SchemaView::FULL);
    let Some(MetaType::Object { fields, .. }) = types.types.get_mut("Query") else { panic!() };
    fields.insert("silent".to_owned(), MetaField::new("silent", "Int"));
    let silent = Table::of(&types, &[], &policy, OwnershipDenial::Hide).unwrap_err();
    assert_eq!(silent.to_string(), "Query.silent has no rule: add one, such as `Public`");

    let mut types = crate::support::app::application().schema().types(SchemaView::FULL);
    let Some(MetaType::Object { fields, .. }) = types.types.get_mut("Query") else { panic!() };
    for stated in &mut fields["tasks"].directive_invocations {
        stated.args.insert("rule".to_owned(), "MAYBE".into());
    }
    let unknown = Table::of(&types, &[], &policy, OwnershipDenial::Hide).unwrap_err();
    assert!(unknown.to_string().contains("Query.tasks has the rule MAYBE"), "{unknown}");
}
