//! Text search ignores case, accents and script variants, and works the same on both databases.

use hallpass_entity::task;
use hallpass_migration::MigratorTraitSelf as _;
use sea_orm::{ConnectionTrait as _, Statement, TransactionTrait as _};
use serde_json::{Value, json};

use crate::domains::activity::wait_for_activity;
use crate::on_both_databases;
use crate::support::app::{App, Backend, Client};
use crate::support::callers::{alice, bob, user};
use crate::support::issuer::Issuer;
use crate::support::postgres;

/// The stored text, the search term, and whether the term matches.
const PAIRS: [(&str, &str, bool); 40] = [
    ("Über Wasser", "über", true),
    ("Über Wasser", "uber", true),
    ("uber wasser", "ÜBER", true),
    ("u\u{308}ber", "über", true),
    ("Äpfel", "ÄPF", true),
    ("Äpfel", "äpf", true),
    ("Äpfel", "apf", true),
    ("Straße", "STRASSE", true),
    ("STRASSE", "straße", true),
    ("Crème brûlée", "creme brulee", true),
    ("ΣΊΣΥΦΟΣ", "σίσυφος", true),
    ("ПРИВЕТ", "привет", true),
    ("İstanbul", "istanbul", true),
    ("Łódź", "lodz", true),
    ("ﬁle", "file", true),
    ("Ｆｕｌｌ ｗｉｄｔｈ", "full width", true),
    ("日本語の本", "本語", true),
    ("日本語の本", "の", true),
    ("日本語の本", "語日", false),
    ("한국어", "국어", false),
    ("한국어", "한국", true),
    ("party 🎉🎂", "🎉", true),
    ("party 🎉🎂", "🎉🎂", true),
    ("party 🎉", "🎂", false),
    ("plain text", "ain te", true),
    ("plain text", "te", true),
    ("plain text", "la", false),
    ("plain text", "p", true),
    ("plain text", "plaintext", false),
    ("100% sure", "100%", true),
    ("100% sure", "%", true),
    ("1000 sure", "100%", false),
    ("a_b", "a_b", true),
    ("axb", "a_b", false),
    ("back\\slash", "\\", true),
    ("say \"hi\" now", "\"hi\"", true),
    ("say hi now", "\"hi\"", false),
    ("star * here", "st* OR here", false),
    ("it's NOT me", "it's not", true),
    ("title: x", "title:", true),
];

async fn create(who: &Client<'_>, input: Value) -> String {
    let document =
        "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }";
    let made = who.data_with(document, json!({ "input": input })).await;
    made["createTask"]["task"]["id"].as_str().unwrap().to_owned()
}

async fn found(who: &Client<'_>, list: &str, text: &str) -> Vec<String> {
    let document = match list {
        "tasks" => {
            "query($text: String!) { found: tasks(filter: {text: $text}) { nodes { title } } }"
        }
        _ => {
            "query($text: String!) { found: publicTasks(filter: {text: $text}) { nodes { title } } }"
        }
    };
    let data = who.data_with(document, json!({ "text": text })).await;
    let nodes = data["found"]["nodes"].as_array().unwrap().iter();
    nodes.map(|node| node["title"].as_str().unwrap().to_owned()).collect()
}

on_both_databases! {
    async fn search_matches_every_spelling(app: App) {
        let (alice, anyone) = (app.by_jwt(&alice()), app.anonymous());
        for (text, ..) in PAIRS {
            create(&alice, json!({"title": text, "isPublic": true})).await;
            create(&alice, json!({"title": "-", "description": text})).await;
        }
        for (text, term, expected) in PAIRS {
            let is_in = |titles: Vec<String>| titles.iter().any(|title| title == text);
            assert_eq!(is_in(found(&anyone, "publicTasks", term).await), expected, "{text} {term}");
            assert_eq!(is_in(found(&alice, "tasks", term).await), expected, "{text} {term}");
            let own = found(&alice, "tasks", term).await;
            assert_eq!(own.iter().any(|title| title == "-"), own.iter().any(|title| title != "-"), "{term}");
        }
        for blank in ["", "  ", "\u{301}", "\u{200B}"] {
            assert_eq!(found(&anyone, "publicTasks", blank).await.len(), 20, "{blank:?} asks for nothing");
        }
    }

    async fn public_search_matches_titles_only(app: App) {
        let (alice, anyone) = (app.by_jwt(&alice()), app.anonymous());
        create(&alice, json!({"title": "shown", "description": "hidden words", "isPublic": true})).await;
        create(&alice, json!({"title": "hidden words"})).await;
        assert_eq!(found(&anyone, "publicTasks", "hidden").await, [] as [&str; 0]);
        assert_eq!(found(&anyone, "publicTasks", "shown").await, ["shown"]);
        assert_eq!(found(&alice, "tasks", "hidden").await.len(), 2);
        assert_eq!(found(&app.by_jwt(&bob()), "tasks", "hidden").await, [] as [&str; 0]);
    }

    async fn index_follows_row_changes(app: App) {
        let (alice, anyone) = (app.by_jwt(&alice()), app.anonymous());
        let id = create(&alice, json!({"title": "first name", "isPublic": true})).await;
        let update = async |input: Value| {
            let document = "mutation($id: ID!, $input: UpdateTaskInput!) { updateTask(id: $id, input: $input) { task { id } } }";
            alice.data_with(document, json!({"id": id, "input": input})).await;
        };
        let hits = async |text: &str| found(&anyone, "publicTasks", text).await.len();
        assert_eq!((hits("first").await, hits("second").await), (1, 0));
        update(json!({"title": "second name"})).await;
        assert_eq!((hits("first").await, hits("second").await), (0, 1));
        update(json!({"isPublic": false})).await;
        assert_eq!(hits("second").await, 0);
        update(json!({"isPublic": true, "description": "again"})).await;
        assert_eq!(hits("second").await, 1);
        alice.data_with("mutation($id: ID!) { deleteTask(id: $id) { deletedTaskId } }", json!({ "id": id })).await;
        assert_eq!(hits("second").await, 0);
        assert_eq!(rows(&app, "public_task_search").await, 0);
        create(&alice, json!({"title": "erased name", "isPublic": true})).await;
        let admin = app.by_jwt(&user("ada").role("admin"));
        admin.data(&format!("mutation {{ eraseUser(id: \"{}\") {{ report {{ total }} }} }}", crate::support::callers::alice().id())).await;
        assert_eq!((hits("erased").await, rows(&app, "public_task_search").await), (0, 0));
    }

    async fn concurrently_created_tasks_are_found(app: App) {
        let callers = (0..16).map(|number| app.by_jwt(&user(&format!("writer{number}")))).collect::<Vec<_>>();
        let task = || json!({"title": "made at once", "isPublic": true, "tags": ["a", "b"]});
        let made = callers.iter().map(|who| create(who, task()));
        assert_eq!(futures_util::future::join_all(made).await.len(), 16);
        assert_eq!(found(&app.anonymous(), "publicTasks", "at once").await.len(), 16);
    }

    async fn search_text_is_bounded_and_has_no_nul(app: App) {
        let (alice, anyone) = (app.by_jwt(&alice()), app.anonymous());
        let document = "query($text: String!) { publicTasks(filter: {text: $text}) { totalCount } }";
        let own = "query($text: String!) { tasks(filter: {text: $text}) { totalCount } }";
        for (text, message) in [
            ("a\0b".to_owned(), "remove the NUL character"),
            ("x".repeat(10_000), "use at most 200 characters: this text has 10000"),
        ] {
            let rejected = anyone.ask_with(document, json!({ "text": text })).await;
            assert_eq!(rejected.first_error("filter.text"), message);
            let rejected = alice.ask_with(own, json!({ "text": text })).await;
            assert_eq!(rejected.first_error("filter.text"), message);
        }
        for text in ["\"".repeat(200), "*".repeat(200), "\u{FDFA}".repeat(200), "\u{1}\u{1}".to_owned()] {
            assert_eq!(anyone.ask_with(document, json!({ "text": text })).await.data()["publicTasks"]["totalCount"], 0);
        }
    }

    async fn user_search_matches_every_spelling(app: App) {
        let admin = app.by_jwt(&user("ada").role("admin"));
        app.by_jwt(&alice().with("name", "Zoë Weiß").with("email", "zoe@example.test")).data("{ viewer { id } }").await;
        admin.data("{ viewer { id } }").await;
        wait_for_activity(&app, "written", 2).await;
        for (text, hits) in [("zoe w", 1), ("WEISS", 1), ("weiß", 1), ("oe@exam", 1), ("USER-ALICE", 1), ("zo", 1), ("eiss", 1), ("iss", 1), ("is", 0), ("zoe@example.test zoe", 0)] {
            let data = admin.data_with("query($text: String!) { users(filter: {text: $text}) { totalCount } }", json!({ "text": text })).await;
            assert_eq!(data["users"]["totalCount"], hits, "{text}");
        }
    }

    async fn area_filter_matches_every_spelling(app: App) {
        let app = app.with_courses().await;
        for (area, hits) in [("web", true), ("WEB", true), ("Wéb", true), ("We", false), ("|", false), ("%", false), ("e", false)] {
            let data = app.anonymous().data_with(
                "query($area: String!) { chapters(filter: {interestArea: $area}) { totalCount } }", json!({ "area": area }),
            ).await;
            assert_eq!(data["chapters"]["totalCount"].as_i64() > Some(0), hits, "{area}");
        }
    }

    async fn older_rows_are_found_after_migrating(app: App) {
        older_rows_are_found(app).await;
    }
}

#[tokio::test]
async fn row_security_rows_are_found_after_migrating() {
    let flags = ["--better-auth-url", Issuer::shared().url(), "--row-security", "on"];
    let url = postgres::plain_database();
    older_rows_are_found(App::on(&url, tempfile::tempdir().unwrap(), &flags).await).await;
}

async fn older_rows_are_found(app: App) {
    let app = app.with_courses().await;
    let (alice, anyone) = (app.by_jwt(&alice()), app.anonymous());
    for number in 0..3 {
        let title = format!("Ältere {number}");
        let task = json!({"title": title, "isPublic": number > 0, "description": "Größe"});
        create(&alice, task).await;
    }
    let conn = app.database.system("tests go back to an older version").connection();
    let newer = newer_migrations(&app).await;
    // In one transaction, as a server migrates: other connections may know the indexes that are dropped.
    let transaction = conn.begin().await.unwrap();
    let migrator = crate::support::app::application().migrator();
    migrator.down(&transaction, Some(newer)).await.unwrap();
    migrator.up(&transaction, None).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(found(&anyone, "publicTasks", "altere").await.len(), 2);
    assert_eq!(found(&alice, "tasks", "grosse").await.len(), 3);
    let lists =
        "{ tasks(orderBy: {field: TITLE}) { nodes { title } } courses { nodes { title } } }";
    let lists = alice.data(lists).await;
    assert_eq!(lists["tasks"]["nodes"][0]["title"], "Ältere 0");
    assert_eq!(lists["courses"]["nodes"].as_array().unwrap().len(), 2);
    let chapters = "{ chapters(filter: {interestArea: \"web\"}) { totalCount } }";
    assert_eq!(anyone.data(chapters).await["chapters"]["totalCount"], 3);
}

/// The number of migrations from that of search on.
async fn newer_migrations(app: &App) -> u32 {
    let system = app.database.system("tests read which migrations there are");
    let all =
        crate::support::app::application().migrator().status(system.connection()).await.unwrap();
    let newer = all.known.iter().skip_while(|(name, _)| !name.ends_with("_search"));
    u32::try_from(newer.count()).unwrap()
}

async fn rows(app: &App, table: &str) -> i64 {
    let system = app.database.system("tests count the rows of an index");
    let backend = system.connection().get_database_backend();
    let sql = Statement::from_string(backend, format!("SELECT COUNT(*) AS n FROM {table}"));
    system.connection().query_all_raw(sql).await.unwrap()[0].try_get("", "n").unwrap()
}

#[tokio::test]
async fn search_reads_a_bounded_number_of_rows() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    create(&alice, json!({"title": "the oldest", "isPublic": true})).await;
    let system = app.database.system("tests write many rows");
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10005) \
        INSERT INTO task (id, owner_id, title, title_key, title_search, completed, priority, is_public, version, created_at, updated_at) \
        SELECT randomblob(16), owner_id, title, title_key, title_search, completed, priority, is_public, version, created_at, updated_at FROM task, n";
    system.connection().execute_unprepared(many).await.unwrap();
    let data = app.anonymous().data("{ all: publicTasks { totalCount } found: publicTasks(filter: {text: \"the\"}) { totalCount } }").await;
    assert_eq!(
        json!([data["all"]["totalCount"], data["found"]["totalCount"]]),
        json!([10_000, 10_000])
    );
    let public = app.anonymous_scope().public::<task::Entity>();
    assert_eq!(public.count().await.unwrap(), 10_006);
}
