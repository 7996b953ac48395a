//! Rules: requirements, denials, and the part of the schema that each caller sees.

use async_graphql::registry::{MetaField, MetaType};
use hallpass::access::{Policy, ResourceAttributes, Rule, SchemaView, Subject, prune};
use serde_json::{Value, json};

use crate::cli::commands::hallpass;
use crate::support::app::{App, Backend, Client};
use crate::support::callers::{alice, bob};

const VARIANTS: &str = "{ chapter(slug: \"sense-think-act\") { variants { level } } }";

#[tokio::test]
async fn role_inheritance_follows_the_setting() {
    let ordinary = App::start(Backend::Sqlite).await.with_courses().await;
    let alone = App::with(Backend::Sqlite, &["--role-inherits", ""]).await.with_courses().await;
    let other = App::with(Backend::Sqlite, &["--role-inherits", "owner>chief>editor, chief>user"]);
    let other = other.await.with_courses().await;
    for (role, app, may) in [
        ("editor", &ordinary, true),
        ("admin", &ordinary, true),
        ("user", &ordinary, false),
        ("editor", &alone, true),
        ("admin", &alone, false),
        ("owner", &other, true),
        ("chief", &other, true),
        ("admin", &other, false),
        ("user", &other, false),
        ("editors", &ordinary, false),
        ("ADMIN", &ordinary, false),
    ] {
        let answer = app.by_jwt(&alice().role(role)).ask(VARIANTS).await;
        assert_eq!(answer.codes().is_empty(), may, "{role}: {}", answer.body);
    }
}

#[test]
fn circular_role_inheritance_is_rejected() {
    for (reported, fix) in [
        ("admin>editor>admin", "a role cannot imply itself"),
        ("a>b,b>c,c>a", "a role cannot imply itself"),
        ("admin", "write chains of roles, such as admin>editor>user"),
        ("admin>>user", "write chains of roles, such as admin>editor>user"),
    ] {
        let output = hallpass(&["--role-inherits", reported, "access"]);
        assert_eq!(output.code, 2, "{reported}");
        assert!(output.stderr.contains("ROLE_INHERITS"), "{}", output.stderr);
        assert!(output.stderr.contains(fix), "{}", output.stderr);
    }
}

#[tokio::test]
async fn denial_reports_rule_missing_and_decision_id() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let read = "{ chapter(slug: \"feedback-control\") { personalized { level } } }";
    let answer = app.by_jwt(&alice()).ask(read).await;
    let reported = answer.error()["extensions"].as_object().unwrap();
    assert_eq!(reported["code"], "FORBIDDEN");
    assert_eq!(reported["rule"], "MIN_TIER(requiredTier) and FRESH_FOR_TOP_TIER(900s)");
    assert_eq!(reported["missing"], json!(["TIER(premium)"]));
    let id = reported["decisionId"].as_str().unwrap();
    assert_eq!(id.len(), 36, "{id}");
    let mut names = reported.keys().collect::<Vec<_>>();
    names.sort();
    assert_eq!(names, ["code", "decisionId", "missing", "rule"], "no more, in production");
    let again = app.by_jwt(&alice()).ask(read).await;
    assert_ne!(again.error()["extensions"]["decisionId"], id);
}

#[tokio::test]
async fn development_denial_includes_the_caller() {
    let app = App::configured(Backend::Sqlite, &[]).await;
    let cards = app.anonymous().request(reqwest::Method::GET, "/dev/personas").send().await;
    let cards: Value = cards.unwrap().json().await.unwrap();
    let free = cards.as_array().unwrap().iter().find(|card| card["name"] == "free").unwrap();
    let answer = app
        .by_bearer(free["token"].as_str().unwrap())
        .ask("{ chapter(slug: \"feedback-control\") { personalized { level } } }")
        .await;
    let side = &answer.error()["extensions"]["caller"];
    assert_eq!(side["roles"], json!(["user"]));
    assert_eq!(side["tier"], "free");
    assert_eq!(side["method"], "JWT");
    assert_eq!(side["kind"], "user");
    let guest = app.anonymous().ask("{ me { id } }").await;
    assert!(guest.error()["extensions"].get("caller").is_none(), "{}", guest.body);
}

#[tokio::test]
async fn hidden_fields_look_nonexistent() {
    let app = App::with(Backend::Sqlite, &["--introspection", "true"]).await.with_courses().await;
    for who in [app.by_jwt(&bob()), app.anonymous(), app.by_jwt(&alice().role("editor"))] {
        for (hidden, nonexistent) in [
            ("{ user(id: \"x\") { id } }", "{ usar(id: \"x\") { id } }"),
            (
                "query($id: ID!) { user(id: $id) { id } }",
                "query($id: ID!) { usar(id: $id) { id } }",
            ),
            ("{ me { id } user(id: 5) { id } }", "{ me { id } usar(id: 5) { id } }"),
            (
                "{ node(id: \"x\") { ... on User { id } } }",
                "{ node(id: \"x\") { ... on Usar { id } } }",
            ),
            ("fragment F on User { id } { me { id } }", "fragment F on Usar { id } { me { id } }"),
            ("query($u: User) { me { id } }", "query($u: Usar) { me { id } }"),
        ] {
            let variables = json!({"id": "x", "u": {}});
            let hidden = who.ask_with(hidden, variables.clone()).await;
            let nonexistent = who.ask_with(nonexistent, variables).await;
            assert_eq!(hidden.status, nonexistent.status);
            let same = hidden.body.to_string().replace("user", "usar").replace("User", "Usar");
            assert_eq!(same, nonexistent.body.to_string());
            assert!(!hidden.codes().is_empty(), "{}", hidden.body);
        }
    }
}

#[tokio::test]
async fn introspection_is_filtered_per_caller() {
    let app = App::with(Backend::Sqlite, &["--introspection", "true"]).await;
    let names = "{ __schema { types { name } queryType { fields { name } } }
        __type(name: \"User\") { name } }";
    for (caller, sees_users, sees_variants) in [
        (alice(), false, false),
        (alice().role("editor"), false, true),
        (alice().with("permissions", "content:write"), false, true),
        (alice().role("admin"), true, true),
    ] {
        let seen = app.by_jwt(&caller).data(names).await;
        let text = seen.to_string();
        assert_eq!(text.contains("\"User\""), sees_users, "{text}");
        assert_eq!(text.contains("\"user\""), sees_users, "{text}");
        assert_eq!(seen["__type"].is_null(), !sees_users);
        assert_eq!(text.contains("\"ChapterVariant\""), sees_variants, "{text}");
        assert!(text.contains("\"tasks\""), "{text}");
    }
    let guest = app.anonymous().data(names).await.to_string();
    assert!(guest.contains("\"tasks\"") && !guest.contains("\"User\""), "{guest}");
}

#[test]
fn schema_command_is_filtered_per_persona() {
    let (whole, free) = (hallpass(&["schema"]), hallpass(&["schema", "--as", "free"]));
    let admin = hallpass(&["schema", "--as", "admin"]);
    assert_eq!(admin.stdout, whole.stdout);
    assert!(whole.stdout.contains("type User "));
    assert!(!free.stdout.contains("type User "), "{}", free.stdout);
    assert!(!free.stdout.contains("ROLE("), "{}", free.stdout);
    assert!(free.stdout.contains("tasks("));
}

#[test]
fn explain_reports_each_field() {
    let document =
        "query A { me { id } user(id: \"x\") { name } publicTasks { nodes { ...T } } nope
        chapter(slug: \"x\") { text: personalized { body } } }
        query B { tasks { totalCount } } fragment T on Task { title tags }";
    let explained = hallpass(&["explain", "--as", "free", document]);
    assert_eq!(explained.code, 0, "{}", explained.stderr);
    for line in [
        "as user by jwt; roles: user; tier: free; permissions: none",
        "me: allowed by SIGNED_IN",
        "me.id: allowed without a rule",
        "user: hidden by ROLE(admin): the field is not in the schema that this caller sees",
        "publicTasks.nodes.tags: depends on the row, by OWNER; own row: allowed; another user's row: denied, FORBIDDEN, missing OWNER",
        "nope: unknown: Query.nope does not exist",
        "tasks: allowed by SIGNED_IN",
        "the document would be rejected: a field is not in the schema of this caller",
    ] {
        assert!(
            explained.stdout.lines().any(|reported| reported == line),
            "{line}: {}",
            explained.stdout
        );
    }
    let editor =
        hallpass(&["explain", "--as", "admin", "{ chapter(slug: \"x\") { variants { level } } }"]);
    let line = "chapter.variants: allowed by ROLE(editor) or PERMISSION(content:write), met by ROLE(editor)";
    assert!(editor.stdout.lines().any(|reported| reported == line), "{}", editor.stdout);
    let tiers = explained.stdout.lines().find(|line| line.starts_with("chapter.text:")).unwrap();
    assert!(tiers.contains("requiredTier free: allowed; requiredTier premium: denied"), "{tiers}");
    let guest = hallpass(&["explain", "--as", "guest", "{ me { id } }"]);
    assert!(
        guest.stdout.contains("as an anonymous caller\nme: denied by SIGNED_IN: UNAUTHENTICATED")
    );
    assert_eq!(hallpass(&["explain", "--as", "free", "{ me {"]).code, 2);
    assert_eq!(hallpass(&["explain", "{ me { id } }"]).code, 2, "without a persona");
    assert_eq!(hallpass(&["explain", "--token", "rubbish", "{ me { id } }"]).code, 1);
}

#[tokio::test]
async fn me_reports_impersonation() {
    let app = hallpass::testing::App::start(crate::support::app::application()).await;
    let me = app.by_persona("impersonated").data("{ me { id impersonatedBy } }").await;
    assert_eq!(me["me"], json!({"id": "persona-free", "impersonatedBy": "persona-admin"}));
}

/// The result of the diff against an earlier table, which `change` makes different.
pub fn diff(change: impl FnOnce(&mut Value)) -> (i32, Vec<String>) {
    let kept = hallpass(&["access", "--json"]).stdout;
    let mut table: Value = serde_json::from_str(&kept).unwrap();
    change(&mut table);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), table.to_string()).unwrap();
    let output = hallpass(&["access", "--diff", file.path().to_str().unwrap()]);
    (output.code, output.stdout.lines().map(str::to_owned).collect())
}

fn cell<'a>(table: &'a mut Value, field: &str, caller: &str) -> &'a mut Value {
    let rows = table["rows"].as_array_mut().unwrap();
    let row = rows.iter_mut().find(|row| row["field"] == field).unwrap();
    let cells = row["cells"].as_array_mut().unwrap();
    &mut cells.iter_mut().find(|cell| cell["caller"] == caller).unwrap()["answer"]
}

fn without_row(table: &mut Value, field: &str) {
    table["rows"].as_array_mut().unwrap().retain(|row| row["field"] != field);
}

#[test]
fn widened_access_fails_the_diff() {
    assert_eq!(diff(|_| {}), (0, vec![]));
    let narrowed = diff(|old| *cell(old, "Query.user", "free") = "allowed".into());
    let line = "narrowed Query.user, as free: allowed -> GRAPHQL_VALIDATION_FAILED";
    assert_eq!(narrowed, (0, vec![line.to_owned()]));
    let widened = diff(|old| *cell(old, "Query.tasks", "free") = "FORBIDDEN".into());
    let line = "widened  Query.tasks, as free: FORBIDDEN -> allowed";
    assert_eq!(widened, (1, vec![line.to_owned()]));
    let changed_code = diff(|old| *cell(old, "Query.user", "free") = "FORBIDDEN".into());
    let line = "changed  Query.user, as free: FORBIDDEN -> GRAPHQL_VALIDATION_FAILED";
    assert_eq!(changed_code, (0, vec![line.to_owned()]));
    let new_field = diff(|old| without_row(old, "Query.user"));
    assert_eq!(new_field.0, 1);
    let line = "widened  Query.user, as admin: no such field -> allowed";
    assert!(new_field.1.contains(&line.to_owned()), "{new_field:?}");
    let lost_its_rule = diff(|old| {
        let open = old["open"]["Task"].as_array_mut().unwrap();
        open.retain(|field| field != "title");
        let rows = old["rows"].as_array_mut().unwrap();
        let mut row = rows.iter().find(|row| row["field"] == "Task.tags").unwrap().clone();
        row["field"] = "Task.title".into();
        rows.push(row);
    });
    assert_eq!(lost_its_rule.0, 1);
    assert!(lost_its_rule.1.contains(&"widened  Task.title, as free: FORBIDDEN -> allowed".into()));
    assert!(!lost_its_rule.1.iter().any(|line| line.contains("as owner")), "{lost_its_rule:?}");
    let got_a_rule = diff(|old| {
        without_row(old, "Task.tags");
        old["open"]["Task"].as_array_mut().unwrap().push("tags".into());
    });
    assert_eq!(got_a_rule.0, 0, "{got_a_rule:?}");
    assert!(got_a_rule.1.contains(&"narrowed Task.tags, as free: allowed -> FORBIDDEN".into()));
}

#[test]
fn wider_setting_is_widening() {
    let kept = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kept.path(), hallpass(&["access", "--json"]).stdout).unwrap();
    let diff = ["access", "--diff", kept.path().to_str().unwrap()];
    let with = |flags: [&str; 2]| {
        let output = hallpass(&[&flags, &diff[..]].concat());
        (output.code, output.stdout)
    };
    let (code, output) = with(["--role-inherits", "admin>editor>user,support>editor"]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("widened  ROLE_INHERITS, the setting: nothing -> support > editor"));
    let field = "widened  Mutation.createCourse, the rule under the settings: ";
    let line = output.lines().find(|line| line.starts_with(field)).unwrap();
    let caller = "; allowed now: `hallpass explain --role support Mutation.createCourse`";
    assert!(line.ends_with(caller), "{line}");
    assert!(
        output.contains("widened  ROLE_INHERITS, the setting: nothing -> support > user"),
        "{output}"
    );
    let (code, output) = with(["--ownership-denial", "forbid"]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("widened  OWNERSHIP_DENIAL"), "{output}");
    let (code, output) = with(["--tiers", "free,premium,enterprise,staff"]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("widened  TIERS, the setting: nothing -> staff > premium"), "{output}");
    let (code, output) = with(["--role-inherits", "admin>editor,admin>user"]);
    assert_eq!(code, 0, "{output}");
    assert!(
        output.contains("narrowed ROLE_INHERITS, the setting: editor > user -> nothing"),
        "{output}"
    );
}

#[test]
fn tables_of_other_callers_are_not_compared() {
    for change in [
        |callers: &mut serde_json::Map<String, Value>| drop(callers.remove("guest")),
        |callers: &mut serde_json::Map<String, Value>| {
            callers.insert("free".to_owned(), json!("roles: editor"));
        },
    ] {
        let kept = hallpass(&["access", "--json"]).stdout;
        let mut table: Value = serde_json::from_str(&kept).unwrap();
        change(table["callers"].as_object_mut().unwrap());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), table.to_string()).unwrap();
        let output = hallpass(&["access", "--diff", file.path().to_str().unwrap()]);
        assert_eq!(output.code, 2, "{}", output.stderr);
        assert!(output.stderr.contains("has other kinds of callers"), "{}", output.stderr);
    }
}

#[test]
fn explain_bounds_recursive_documents() {
    let endless = "{ ...F } fragment F on Query { me { id } ...F }";
    let explained = hallpass(&["explain", "--as", "free", endless]);
    assert_eq!(explained.stdout.lines().count(), 3, "{}", explained.stdout);
    let mut laughs = String::from("{ ...F0 } fragment F30 on Query { me { id } }");
    for at in 0..30 {
        laughs += &format!(" fragment F{at} on Query {{ ...F{0} ...F{0} }}", at + 1);
    }
    let explained = hallpass(&["explain", "--as", "free", &laughs]);
    assert_eq!(explained.code, 0, "{}", explained.stderr);
    assert!(explained.stdout.lines().count() <= 2_002);
    // Fields without a line of output are counted too.
    let silent = laughs.replace("me { id }", "__typename");
    assert_eq!(hallpass(&["explain", "--as", "free", &silent]).stdout.lines().count(), 1);
    let change = "mutation { deleteTask(id: \"x\") { deletedTaskId } }";
    let explained = hallpass(&["explain", "--as", "free", change]);
    assert!(explained.stdout.contains("another user's row: denied by the statement, NOT_FOUND"));
    let forbid = ["--ownership-denial", "forbid", "explain", "--as", "free", change];
    let explained = hallpass(&forbid);
    assert!(explained.stdout.contains("another user's row: denied by the statement, FORBIDDEN"));
}

#[test]
fn unreadable_access_table_is_reported() {
    let output = hallpass(&["access", "--diff", "missing.json"]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("missing.json cannot be read"), "{}", output.stderr);
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = hallpass(&["access", "--diff", file.path().to_str().unwrap()]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("hallpass access --json"), "{}", output.stderr);
}

#[test]
fn root_field_without_rule_is_hidden() {
    let policy = Policy { tiers: "free".parse().unwrap(), roles: "".parse().unwrap() };
    let view = SchemaView::of(Subject { caller: None, policy: &policy });
    let mut types = crate::support::app::application().schema().types(SchemaView::FULL);
    for root in ["Query", "Mutation", "Subscription"] {
        let Some(MetaType::Object { fields, .. }) = types.types.get_mut(root) else { panic!() };
        fields.insert("silent".to_owned(), MetaField::new("silent", "Int"));
        let mut unheard =
            fields.values().find(|it| !it.directive_invocations.is_empty()).unwrap().clone();
        for stated in &mut unheard.directive_invocations {
            stated.args.insert("rule".to_owned(), "UNHEARD_OF".into());
        }
        fields.insert("unheard".to_owned(), unheard);
        view.build(|| ());
        prune(&mut types, root);
        assert!(
            types.types[root].field_by_name("silent").is_some(),
            "without a view nothing is hidden"
        );
        view.build(|| prune(&mut types, root));
        for field in ["silent", "unheard"] {
            assert!(types.types[root].field_by_name(field).is_none(), "{root}.{field}");
        }
    }
    assert!(
        types.types["Query"].field_by_name("tasks").is_some(),
        "an anonymous caller may sign in"
    );
    assert!(types.types["Task"].field_by_name("title").is_some());
}

#[tokio::test]
async fn every_impersonation_claim_is_honoured() {
    let app = App::start(Backend::Sqlite).await;
    let mut read = Vec::new();
    for (claim, value) in [
        ("impersonatedBy", json!("root")),
        ("impersonatedBy", json!(true)),
        ("impersonatedBy", json!({"id": "root"})),
        ("act", json!({"sub": "root"})),
        ("act", json!({"client_id": "desk"})),
    ] {
        let acting = app.by_jwt(&alice().with(claim, value));
        let rejected =
            acting.ask("mutation { updateLearnerProfile(input: {}) { me { id } } }").await;
        assert_eq!(
            rejected.error()["extensions"]["missing"],
            json!(["NOT_IMPERSONATED"]),
            "{claim}"
        );
        read.push(acting.data("{ me { impersonatedBy } }").await["me"]["impersonatedBy"].clone());
    }
    assert_eq!(json!(read), json!(["root", "unknown", "unknown", "root", "unknown"]));
    for absent in [Value::Null, json!(false), json!("")] {
        let own = app.by_jwt(&alice().with("impersonatedBy", absent).with("act", Value::Null));
        own.data("mutation { updateLearnerProfile(input: {}) { me { id } } }").await;
    }
}

#[tokio::test]
async fn schema_endpoint_is_filtered_per_caller() {
    let flags = ["--introspection", "true"];
    let app = App::with(Backend::Sqlite, &flags).await;
    let read = async |who: Client<'_>| {
        let answer = who.request(reqwest::Method::GET, "/schema.graphql").send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        answer.text().await.unwrap()
    };
    let (visitor, admin) =
        (read(app.anonymous()).await, read(app.by_jwt(&alice().role("admin"))).await);
    assert!(visitor.contains("tasks(") && !visitor.contains("eraseUser"), "{visitor}");
    assert!(admin.contains("eraseUser"), "{admin}");
    let forged = app.by_bearer("no.such.token");
    let answer = forged.request(reqwest::Method::GET, "/schema.graphql").send().await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[test]
fn row_rules_fail_without_row_attributes() {
    let policy = Policy { tiers: "free".parse().unwrap(), roles: "".parse().unwrap() };
    let visitor = Subject { caller: None, policy: &policy };
    for rule in [Rule::RowTier, Rule::FreshForTopTier(900), Rule::Owner] {
        assert!(rule.decide(visitor, ResourceAttributes::default()).is_err(), "{rule}");
    }
    let lowest =
        ResourceAttributes { required_tier: Some("free"), ..ResourceAttributes::default() };
    assert!(Rule::RowTier.decide(visitor, lowest).is_ok());
}
