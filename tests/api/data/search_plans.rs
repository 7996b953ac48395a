//! Every list, in each order and with each filter, uses an index, and so does its total.

use hallpass::testing::User;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement, TransactionTrait as _};
use serde_json::Value;

use crate::streaming::overdue_events::{Events, create, due_in, reads_due_times};
use crate::support::app::{App, Backend};
use crate::support::callers::{alice, user};

/// A list, its caller, and the indexes of which its page and its total have to use one.
struct Case {
    who: &'static str,
    list: String,
    page: &'static [&'static str],
    total: &'static [&'static str],
}

fn case(
    who: &'static str,
    list: impl Into<String>,
    page: &'static [&'static str],
    total: &'static [&'static str],
) -> Case {
    Case { who, list: list.into(), page, total }
}

/// The index of each order of the caller's tasks.
const OWN: [(&str, &[&str]); 5] = [
    ("CREATED_AT", &["task_own_created"]),
    ("UPDATED_AT", &["task_own_updated"]),
    ("DUE_AT", &["task_own_due"]),
    ("PRIORITY", &["task_own_priority"]),
    ("TITLE", &["task_own_title"]),
];
/// For a filter, or a count, any of them, or that of tags.
const ANY_OWN: &[&str] = &[
    "task_own_created",
    "task_own_updated",
    "task_own_due",
    "task_own_priority",
    "task_own_title",
    "task_tag_owner_tag",
];
const TRIGRAMS: &[&str] = &["public_task_search_trigrams", "public_task_fts"];

fn own_tasks() -> Vec<Case> {
    let filters = [
        "",
        "completed: true",
        "priority: HIGH",
        "text: \"abc\"",
        "text: \"a\"",
        "dueBefore: \"2030-01-01T00:00:00Z\"",
        "dueAfter: \"2030-01-01T00:00:00Z\"",
        "tag: \"t\"",
    ];
    let each = OWN.iter().flat_map(|order| filters.iter().map(move |filter| (order, filter)));
    each.map(|((order, indexes), filter)| {
        let list = format!("tasks(orderBy: {{field: {order}}}, filter: {{{filter}}})");
        case("alice", list, if filter.is_empty() { indexes } else { ANY_OWN }, ANY_OWN)
    })
    .collect()
}

fn public_tasks() -> Vec<Case> {
    let orders: [(&str, &'static [&'static str], &'static [&'static str]); 3] = [
        ("CREATED_AT", &["task_shown_created"], &["task_shown_completed_created"]),
        ("UPDATED_AT", &["task_shown_updated"], &["task_shown_completed_updated"]),
        ("TITLE", &["task_shown_title"], &["task_shown_completed_title"]),
    ];
    let directions =
        orders.iter().flat_map(|order| ["ASC", "DESC"].map(|direction| (order, direction)));
    directions.flat_map(|(&(field, plain, completed), direction)| {
        let list = move |filter: &str| {
            format!("publicTasks(orderBy: {{field: {field}, direction: {direction}}}, filter: {{{filter}}})")
        };
        [
            case("", list(""), plain, &["task_shown_"]),
            case("", list("completed: true"), completed, &["task_shown_completed_"]),
            case("", list("text: \"abc\""), TRIGRAMS, TRIGRAMS),
            case("", list("text: \"a\""), TRIGRAMS, TRIGRAMS),
            case("", list("text: \"abc\", completed: false"), TRIGRAMS, TRIGRAMS),
        ]
    })
    .collect()
}

fn courses_and_users(course: &str) -> Vec<Case> {
    const PUBLISHED: &[&str] = &["chapter_published_created"];
    const OF_TIER: &[&str] = &["chapter_tier_created"];
    /// Few rows, which PostgreSQL may count to 10,000 in any way.
    const BOUNDED: &[&str] = &["Limit", "COVERING INDEX"];
    const TITLES: &[&str] = &["course_published_title"];
    const AREAS: &[&str] = &["chapter_search_trigrams", "chapter_fts"];
    const USERS: &[&str] = &["known_user_search_trigrams", "known_user_fts"];
    let of_course = format!("course: \"{course}\"");
    vec![
        case("", "chapters(first: 20)", PUBLISHED, BOUNDED),
        case("", "chapters(filter: {requiredTier: \"gold\"})", OF_TIER, OF_TIER),
        case("", "chapters(filter: {interestArea: \"rare\"})", AREAS, AREAS),
        case("", format!("chapters({of_course})"), &["chapter_place"], &["chapter_place"]),
        case("editor", "chapters(filter: {published: true})", PUBLISHED, BOUNDED),
        case("editor", "chapters(filter: {requiredTier: \"gold\"})", OF_TIER, OF_TIER),
        case("editor", "chapters(filter: {published: false})", &["chapter_draft_created"], BOUNDED),
        case("editor", format!("chapters({of_course})"), &["chapter_place"], &["chapter_place"]),
        case("", "courses(first: 20)", TITLES, BOUNDED),
        case("editor", "courses(filter: {published: true})", TITLES, BOUNDED),
        case("admin", "users(first: 20)", &["known_user_first_seen"], &["known_user"]),
        case("admin", "users(filter: {text: \"abc\"})", USERS, USERS),
        case("admin", "users(filter: {text: \"a\"})", USERS, USERS),
    ]
}

/// The index of each filter of audit events.
const EVENTS: [(&str, &[&str]); 10] = [
    ("", &["audit_event_at"]),
    ("callerId: \"a\"", &["audit_event_caller"]),
    ("impersonatedBy: \"a\"", &["audit_event_impersonator_at"]),
    ("clientId: \"a\"", &["audit_event_client"]),
    ("field: \"a\"", &["audit_event_field_at"]),
    ("rule: \"a\"", &["audit_event_rule"]),
    ("outcome: \"a\"", &["audit_event_outcome_at"]),
    ("rowId: \"a\"", &["audit_event_row"]),
    ("requestId: \"a\"", &["audit_event_request"]),
    ("decisionId: \"01900000-0000-7000-8000-000000000000\"", &["audit_event_decision"]),
];

fn events() -> Vec<Case> {
    const BOUNDED: &[&str] = &["Limit", "COVERING INDEX"];
    let list = |filter: &str| format!("auditEvents(filter: {{{filter}}})");
    let each = EVENTS.iter();
    each.map(|&(filter, index)| {
        case("admin", list(filter), index, if filter.is_empty() { BOUNDED } else { index })
    })
    .collect()
}

fn named(name: &str) -> User {
    match name {
        "alice" => alice(),
        role => user(role).role(role),
    }
}

/// The statements of a list: its page, then its total.
async fn statements(app: &App, Case { who, list, .. }: &Case) -> [String; 2] {
    let caller = if who.is_empty() { app.anonymous() } else { app.by_jwt(&named(who)) };
    let page = format!("{{ {list} {{ totalCount nodes {{ id }} }} }}");
    let (answer, statements) = app.statements_of(caller.ask(&page)).await;
    assert!(answer.body["errors"].is_null(), "{page}: {}", answer.body);
    statements.try_into().unwrap_or_else(|all| panic!("a page and its total of {list}: {all:#?}"))
}

/// The database's plan of a statement. All texts are one that hardly any row has.
async fn plan(app: &App, sql: &str) -> String {
    let together = app.database.system("tests ask for plans").connection().begin().await.unwrap();
    let backend = together.get_database_backend();
    let ask = async |sql: String| {
        together.query_all_raw(Statement::from_string(backend, sql)).await.unwrap()
    };
    if backend == DbBackend::Sqlite {
        let steps = ask(format!("EXPLAIN QUERY PLAN {sql}")).await;
        return steps
            .iter()
            .map(|row| row.try_get::<String>("", "detail").unwrap() + "\n")
            .collect();
    }
    together.execute_unprepared(&format!("PREPARE asked AS {sql}")).await.unwrap();
    let types = "SELECT unnest(parameter_types)::text AS v FROM pg_prepared_statements WHERE name = 'asked'";
    let types = ask(types.to_owned()).await;
    let values = types.iter().map(|row| match row.try_get::<String>("", "v").unwrap().as_str() {
        "bigint" => "21".to_owned(),
        "smallint" => "2".to_owned(),
        "uuid" => "'01900000-0000-7000-8000-000000000000'".to_owned(),
        "timestamp with time zone" => "now()".to_owned(),
        _ => format!("'{}'", alice().id()),
    });
    let values = values.collect::<Vec<_>>().join(", ");
    let values = if values.is_empty() { values } else { format!("({values})") };
    let steps = ask(format!("EXPLAIN (COSTS OFF) EXECUTE asked{values}")).await;
    let text =
        steps.iter().map(|row| row.try_get::<String>("", "QUERY PLAN").unwrap() + "\n").collect();
    together.execute_unprepared("DEALLOCATE asked").await.unwrap();
    text
}

/// SQL that numbers rows: the rows, and an id for each.
fn numbered(backend: DbBackend, count: u32) -> (String, &'static str) {
    match backend {
        DbBackend::Sqlite => (
            format!(
                "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n) AS n"
            ),
            "randomblob(16)",
        ),
        _ => (format!("generate_series(1, {count}) AS n(i)"), "gen_random_uuid()"),
    }
}

/// 100,000 tasks of a thousand users, one in ten public; chapters, users and audit events beside them.
async fn fill(app: &App) {
    let conn = app.database.system("tests write many rows").connection();
    let backend = conn.get_database_backend();
    let time = "'2026-01-01T00:00:00+00:00'";
    let (numbers, id) = numbered(backend, 10_000);
    let mut statements = Vec::new();
    for part in 0..10 {
        let word = format!("'task {part} ' || n.i");
        statements.push(format!(
            "INSERT INTO task (id, owner_id, title, title_key, title_search, completed, priority, is_public, version, created_at, updated_at)
            SELECT {id}, 'user-' || (n.i % 1000), {word}, {word}, {word}, n.i % 1000 = 0, 1, n.i % 10 = 0, 1, {time}, {time} FROM {numbers}"
        ));
    }
    let word = "'word ' || n.i";
    statements.extend([
        "INSERT INTO task_tag (id, task_id, owner_id, tag, ordinal)
            SELECT id, id, owner_id, 'tag', 0 FROM task LIMIT 20000".to_owned(),
        format!("INSERT INTO course (id, slug, title, title_key, description, interests, published, created_at, updated_at)
            SELECT {id}, {word}, {word}, {word}, '', '|', n.i % 20 <> 0, {time}, {time} FROM {}", numbered(backend, 2_000).0),
        format!("INSERT INTO chapter (id, course_id, slug, title, summary, ordinal, interests, interests_search, required_tier, published, created_at, updated_at)
            SELECT {id}, c.id, c.slug || n.i, '', '', n.i, '|', '|', 'free', n.i = 1, {time}, {time}
            FROM (SELECT id, slug FROM course) AS c, {}", numbered(backend, 10).0),
        format!("INSERT INTO known_user (id, user_id, user_id_search, tier, first_seen, last_seen)
            SELECT {id}, {word}, {word}, 'free', {time}, {time} FROM {numbers}"),
        format!("INSERT INTO audit_event (id, at, decision_id, request_id, caller_id, field, rule, outcome, times)
            SELECT {id}, {time}, {id}, {word}, {word}, 'field ' || (n.i % 20), 'rule ' || (n.i % 8), 'outcome ' || (n.i % 4), 1 FROM {numbers}"),
    ]);
    if backend == DbBackend::Postgres {
        // Autovacuum does this in time; rows whose commit is not written yet do not count as visible for it.
        // SQLite plans without statistics, as on a server.
        statements.push("CHECKPOINT".to_owned());
        let tables =
            ["task", "public_task_search", "course", "chapter", "known_user", "audit_event"];
        statements.extend(tables.map(|table| format!("VACUUM ANALYZE {table}")));
    }
    for sql in statements {
        conn.execute_unprepared(&sql).await.unwrap();
    }
}

/// The statement that reads which task becomes overdue next.
async fn due_times(app: &App) -> String {
    let who = app.by_jwt(&alice());
    let (_, statements) = app
        .statements_of(async {
            create(&who, "late", &due_in(2_000)).await;
            Events::of(app, &alice(), &Value::Null).await.next().await;
        })
        .await;
    statements.into_iter().find(|sql| reads_due_times(sql)).unwrap()
}

async fn every_list_uses_an_index(backend: Backend) {
    // The rows are written in few statements, which may take long.
    let app = App::with(backend, &["--request-timeout", "10m"]).await.with_courses().await;
    let data = app.anonymous().data("{ courses(first: 1) { nodes { id } } }").await;
    let course: &Value = &data["courses"]["nodes"][0]["id"];
    let mut cases = own_tasks();
    cases.extend(public_tasks());
    cases.extend(courses_and_users(course.as_str().unwrap()));
    cases.extend(events());
    let mut all_statements = Vec::new();
    for case in &cases {
        all_statements.push(statements(&app, case).await);
    }
    let due = due_times(&app).await;
    let tags = app.by_jwt(&alice());
    let tags = tags.data("{ taskTags(filter: {overdue: true}) { count } }");
    let (_, tags) = app.statements_of(tags).await;
    fill(&app).await;
    for (sql, indexes) in [(&due, &["task_own_due"][..]), (&tags[0], ANY_OWN)] {
        let plan = plan(&app, sql).await;
        assert!(indexes.iter().any(|index| plan.contains(index)), "{sql}\n{plan}");
    }
    for (Case { list, page, total, .. }, statements) in cases.iter().zip(all_statements) {
        for (sql, indexes) in statements.iter().zip([page, total]) {
            let plan = plan(&app, sql).await;
            assert!(indexes.iter().any(|index| plan.contains(index)), "{list}\n{sql}\n{plan}");
            // The matches are collected once, before any row is read: PostgreSQL must not walk the list, and
            // compare each row with all matches.
            let is_search = sql.contains("hallpass_trigrams");
            assert!(!is_search || plan.contains("InitPlan"), "{list}\n{sql}\n{plan}");
        }
    }
}

#[tokio::test]
async fn every_list_uses_an_index_on_sqlite() {
    every_list_uses_an_index(Backend::Sqlite).await;
}

#[tokio::test]
async fn every_list_uses_an_index_on_postgres() {
    every_list_uses_an_index(Backend::Postgres).await;
}
