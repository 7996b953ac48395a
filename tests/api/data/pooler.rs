//! A connection pooler between the server and PostgreSQL: transaction pooling is rejected unless it is
//! configured; then the server relies on no session state.

use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use hallpass::testing::user;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use serde_json::json;

use crate::cli::commands::{Output, Process, hallpass_with};
use crate::support::app::{App, Client};
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;
use crate::support::pgbouncer::{self, PgBouncer};
use crate::support::postgres;

fn run(arguments: &[&str], url: &str, more: &[(&str, &str)]) -> Output {
    let auth = ("BETTER_AUTH_URL", "http://127.0.0.1:9");
    hallpass_with(arguments, &[&[auth, ("DATABASE_URL", url)], more].concat())
}

/// Opens this number of sessions of `pooler`, and leaves them idle.
fn warm_up(pooler: &PgBouncer, url: &str, sessions: usize) {
    let run = |_| {
        let address = pooler.address(url);
        std::thread::spawn(move || postgres::query(&address, "SELECT pg_sleep(0.3)"))
    };
    let running: Vec<_> = (0..sessions).map(run).collect();
    running.into_iter().for_each(|one| {
        one.join().unwrap();
    });
}

#[test]
fn transaction_pooling_is_rejected_at_start() {
    let mut cases = vec![
        ("pool_mode = transaction", 0),
        ("pool_mode = transaction\nignore_startup_parameters = options,extra_float_digits", 2),
        ("pool_mode = transaction\ndefault_pool_size = 1", 1),
        ("pool_mode = transaction\nserver_round_robin = 1", 1),
        ("pool_mode = transaction\nserver_round_robin = 1", 2),
        ("pool_mode = transaction\nserver_round_robin = 1", 3),
        ("pool_mode = statement", 1),
    ];
    if pgbouncer::tracks_statements() {
        cases.push(("pool_mode = transaction\nmax_prepared_statements = 200", 1));
    }
    for (settings, at_rest) in cases {
        let (pooler, url) = (PgBouncer::start(settings), postgres::database());
        warm_up(&pooler, &url, at_rest);
        for arguments in [&["serve", "--api-port", "0"][..], &["migrate", "up"]] {
            let rejected = run(arguments, &pooler.address(&url), &[]);
            assert_eq!(rejected.code, 2, "{settings}, {at_rest}: {}", rejected.stderr);
            let report = rejected.stderr.contains("set DATABASE_POOLER=transaction");
            assert!(report, "{settings}: {}", rejected.stderr);
        }
        let doctor = run(&["doctor"], &pooler.address(&url), &[]);
        assert_eq!(doctor.code, 1);
        assert!(doctor.stdout.contains("set DATABASE_POOLER=transaction"), "{}", doctor.stdout);
    }
}

#[test]
fn transaction_pooler_is_rejected_on_sqlite() {
    let rejected = run(&["serve"], "sqlite://x.db?mode=rwc", &[("DATABASE_POOLER", "transaction")]);
    assert_eq!(rejected.code, 2);
    assert!(rejected.stderr.contains("DATABASE_POOLER is transaction, and SQLite"));
}

async fn on(url: &str, flags: &[&str]) -> App {
    let all = [&["--better-auth-url", Issuer::shared().url()], flags].concat();
    App::on(url, tempfile::tempdir().unwrap(), &all).await
}

const CREATE: &str =
    "mutation($t: String!) { createTask(input: {title: $t, tags: [$t]}) { task { id } } }";

#[tokio::test]
async fn session_pooling_is_accepted() {
    for settings in
        ["pool_mode = session", "pool_mode = session\nignore_startup_parameters = options"]
    {
        let pooler = PgBouncer::start(settings);
        let app = on(&pooler.address(&postgres::database()), &[]).await;
        app.by_jwt(&alice()).data_with(CREATE, json!({"t": "a"})).await;
        let limits = "SELECT current_setting('statement_timeout') || ' ' || \
                      current_setting('lock_timeout') AS v";
        assert_eq!(text(&app, limits).await, "10s 2s");
    }
}

/// The warnings that a server logs when it starts.
fn warnings_at_start(variables: &[(&str, &str)]) -> Vec<String> {
    let auth = ("BETTER_AUTH_URL", "http://127.0.0.1:9");
    let mut server = Process::start(&[&[auth], variables].concat());
    let log = server.child.stderr.take().unwrap();
    server.signal("TERM");
    server.child.wait().unwrap();
    let log = std::io::read_to_string(log).unwrap();
    log.lines().filter(|line| line.contains("LISTEN")).map(str::to_owned).collect()
}

#[test]
fn missing_listener_is_reported_once() {
    let direct = postgres::database();
    let pooled = pgbouncer::shared().address(&direct);
    let pooler = ("DATABASE_POOLER", "transaction");
    let (on_pooler, on_direct) = (("DATABASE_URL", &*pooled), ("DATABASE_URL", &*direct));
    let warnings = warnings_at_start(&[on_pooler, pooler]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("DATABASE_DIRECT_URL or REDIS_URL"), "{warnings:?}");
    let with_direct = ("DATABASE_DIRECT_URL", &*direct);
    assert_eq!(warnings_at_start(&[on_pooler, pooler, with_direct]), [""; 0]);
    assert_eq!(warnings_at_start(&[on_direct]), [""; 0]);
    // A direct URL that leads through the pooler is not used.
    let not_direct = ("DATABASE_DIRECT_URL", &*pooled);
    let warnings = warnings_at_start(&[on_pooler, pooler, not_direct]);
    assert!(warnings[0].contains("a transaction pooler shares sessions"), "{warnings:?}");
    for (more, level, words) in [
        (vec![pooler], "warning", "set DATABASE_DIRECT_URL"),
        (vec![pooler, with_direct], "good", "through PostgreSQL"),
        (vec![pooler, not_direct], "wrong", "a transaction pooler shares sessions"),
    ] {
        let report = run(&["doctor", "--json"], &pooled, &more).stdout;
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let nodes = report["setup"].as_array().unwrap().iter().find(|it| it["name"] == "nodes");
        let nodes = nodes.unwrap_or_else(|| panic!("{report}"));
        assert_eq!(nodes["level"], level, "{nodes}");
        assert!(nodes.to_string().contains(words), "{nodes}");
    }
}

async fn text(app: &App, sql: &str) -> String {
    let sql = Statement::from_string(DbBackend::Postgres, sql);
    let system = app.database.system("tests read how the database is set up");
    let rows = system.read(async |conn| conn.query_all_raw(sql).await).await.unwrap();
    rows[0].try_get("", "v").unwrap()
}

#[tokio::test]
async fn sessions_that_become_shared_are_rejected() {
    let mut pooler = PgBouncer::start("pool_mode = session");
    let url = postgres::database();
    let app = on(&pooler.address(&url), &[]).await;
    let alice = app.by_jwt(&alice());
    alice.data_with(CREATE, json!({"t": "a"})).await;
    pooler.restart("pool_mode = transaction");
    for _ in 0..3 {
        // The earlier connections are gone, and no new one is used.
        assert_eq!(alice.ask("{ tasks { totalCount } }").await.codes(), ["UNAVAILABLE"]);
    }
    pooler.restart("pool_mode = session");
    let began = Instant::now();
    while !alice.ask("{ tasks { totalCount } }").await.codes().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "its own session is rejected");
    }
}

async fn readiness(app: &App) -> (u16, String) {
    let ready = app.anonymous().request(reqwest::Method::GET, "/ready").send().await.unwrap();
    (ready.status().as_u16(), ready.text().await.unwrap())
}

#[tokio::test]
async fn reload_to_transaction_mode_stops_statements() {
    let pooler = PgBouncer::start("pool_mode = session");
    let app = on(&pooler.address(&postgres::database()), &[]).await;
    let alice = app.by_jwt(&alice());
    alice.data_with(CREATE, json!({"t": "a"})).await;
    assert_eq!(readiness(&app).await.0, 200);
    // Its open connections stay open.
    pooler.reload("pool_mode = transaction");
    let began = Instant::now();
    let reason = "not ready: database: a transaction pooler shares sessions between clients\n";
    while readiness(&app).await != (503, reason.to_owned()) {
        assert!(began.elapsed() < Duration::from_secs(20), "shared sessions are not noticed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (answer, statements) = app.statements_of(alice.ask("{ tasks { totalCount } }")).await;
    assert_eq!((answer.codes(), statements), (vec!["UNAVAILABLE"], Vec::new()));
    pooler.reload("pool_mode = session");
    while !alice.ask("{ tasks { totalCount } }").await.codes().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "its own sessions are rejected");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(readiness(&app).await.0, 200);
}

const TRANSACTION_POOLING: [&str; 2] = ["--database-pooler", "transaction"];

/// One client's operations on its own tasks: each statement's response is its own.
async fn work(who: &Client<'_>, title: &str) {
    let variables = json!({"t": title});
    let id = who.data_with(CREATE, variables).await["createTask"]["task"]["id"].clone();
    let list = "{ tasks(first: 50) { totalCount nodes { id title tags completed } } }";
    let seen = who.data(list).await;
    let expected = json!({"id": id, "title": title, "tags": [title], "completed": false});
    assert_eq!(seen["tasks"], json!({"totalCount": 1, "nodes": [expected]}));
    let update = "mutation($id: ID!) { completeTask(id: $id) { task { id completed } } }";
    let done = who.data_with(update, json!({ "id": id })).await;
    assert_eq!(done["completeTask"]["task"], json!({"id": id, "completed": true}));
    let delete = "mutation($id: ID!) { deleteTask(id: $id) { deletedTaskId } }";
    assert_eq!(who.data_with(delete, json!({ "id": id })).await["deleteTask"]["deletedTaskId"], id);
    assert_eq!(who.data("{ tasks { totalCount } }").await["tasks"]["totalCount"], 0);
}

#[tokio::test]
async fn pooled_clients_are_isolated() {
    let url = pgbouncer::shared().address(&postgres::database());
    let (one, other) = (on(&url, &TRANSACTION_POOLING).await, on(&url, &TRANSACTION_POOLING).await);
    for caller in [alice(), bob()] {
        one.by_jwt(&caller).data_with(CREATE, json!({"t": "kept"})).await;
    }
    let load = (0..12).map(|number| {
        let app = if number % 2 == 0 { &one } else { &other };
        let who = app.by_jwt(&user(&format!("client-{number}")));
        async move {
            for round in 0..10 {
                work(&who, &format!("{number}-{round}")).await;
            }
        }
    });
    join_all(load).await;
    for caller in [alice(), bob()] {
        let kept = other.by_jwt(&caller).data("{ tasks { nodes { title } } }").await;
        assert_eq!(kept["tasks"]["nodes"], json!([{"title": "kept"}]));
    }
    let left = "SELECT count(*)::text AS v FROM pg_prepared_statements WHERE name <> ''";
    for _ in 0..10 {
        assert_eq!(text(&one, left).await, "0", "a statement was given a name");
    }
    let limits = "SELECT current_setting('statement_timeout') || ' ' || \
                  current_setting('lock_timeout') AS v";
    assert_eq!(text(&one, limits).await, "10s 2s");
    let outside = postgres::query(&url, "SHOW statement_timeout");
    assert_eq!(outside, "0", "a setting was left in the session");
}

#[tokio::test]
async fn concurrent_pooled_starts_succeed() {
    let pooler = PgBouncer::start("pool_mode = transaction\ndefault_pool_size = 2");
    let url = pooler.address(&postgres::empty_database());
    let starts = (0..3).map(|_| {
        let url = url.clone();
        let up = move || run(&["migrate", "up"], &url, &[("DATABASE_POOLER", "transaction")]);
        tokio::task::spawn_blocking(up)
    });
    for started in join_all(starts).await {
        let started = started.unwrap();
        assert_eq!(started.code, 0, "{}", started.stderr);
    }
    let names = "SELECT count(*) FROM pg_prepared_statements";
    for _ in 0..5 {
        assert_eq!(postgres::query(&url, names), "0", "a migration left a named statement");
    }
    let doctor = run(&["doctor"], &url, &[("DATABASE_POOLER", "transaction")]);
    assert!(doctor.stdout.contains("DATABASE_POOLER is transaction"), "{}", doctor.stdout);
    work(&on(&url, &TRANSACTION_POOLING).await.by_jwt(&alice()), "served").await;
}

#[tokio::test]
async fn row_security_holds_through_pooler() {
    let url = pgbouncer::shared().address(&postgres::plain_database());
    let flags = [&TRANSACTION_POOLING[..], &["--row-security", "on"]].concat();
    let all = [&["--better-auth-url", Issuer::shared().url()], &flags[..]].concat();
    let files = tempfile::tempdir().unwrap();
    // Its scopes have no owner filter: only PostgreSQL isolates the rows.
    let app = App::prepared(&url, files, &all, |database| database.without_owner_filter()).await;
    assert_eq!(app.database.check_row_security().await.unwrap(), None);
    app.by_jwt(&alice()).data_with(CREATE, json!({"t": "hers"})).await;
    let count = async |who: Client<'_>| who.data("{ tasks { totalCount } }").await["tasks"].clone();
    let requests = join_all((0..10).map(|_| count(app.by_jwt(&bob())))).await;
    assert!(requests.iter().all(|tasks| tasks["totalCount"] == 0), "{requests:?}");
    assert_eq!(count(app.by_jwt(&alice())).await["totalCount"], 1);
    let bare = text(&app, "SELECT count(*)::text AS v FROM task").await;
    assert_eq!(bare, "0", "a statement that shows nothing sees nothing");
}

/// The suites of these domains, each server of which reaches its database through a pooler in transaction mode, beside
/// another client of the pooler.
#[test]
fn domain_suites_pass_through_pooler() {
    let suites = ["domains::tasks::", "domains::courses::", "domains::progress::"];
    let mut tests = Command::new(std::env::current_exe().unwrap());
    tests.args(suites).args(["--skip", "on_sqlite", "--test-threads", "4"]);
    let output = tests.env(pgbouncer::SUITE_VARIABLE, "transaction").output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
    for suite in suites {
        let passed = |line: &&str| line.contains(suite) && line.ends_with("::on_postgres ... ok");
        assert!(report.lines().filter(passed).count() > 3, "{suite}: {report}");
    }
}

/// Runs `case` on one of two servers that share a database through a pooler, while the other is under load.
async fn run_under_load<T: Future<Output = ()>>(case: impl FnOnce(App) -> T) {
    let url = pgbouncer::shared().address(&postgres::database());
    let (app, other) = (on(&url, &TRANSACTION_POOLING).await, on(&url, &TRANSACTION_POOLING).await);
    let other_user = user("another-user");
    let load = async {
        loop {
            work(&other.by_jwt(&other_user), "beside").await;
        }
    };
    tokio::select! {
        () = case(app) => {}
        () = load => {}
    }
}

macro_rules! through_a_pooler {
    ($($room:ident::$module:ident::$name:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            run_under_load(crate::$room::$module::$name::case).await;
        }
    )*};
}

through_a_pooler! {
    domains::tasks::bulk_mutations_are_atomic,
    data::paging::every_order_lists_each_task_once,
    domains::course_editing::concurrent_slug_claims_have_one_winner,
    domains::course_editing::omitted_fields_stay_and_null_clears,
    domains::learners::profile_overrides_win_over_claims,
}
