//! A pooler between the server and PostgreSQL: one that shares sessions is refused unless it is configured;
//! then nothing of a session is relied on.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use hallpass::testing::user;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use serde_json::json;

use crate::app::{App, Client};
use crate::command_line::{Output, hallpass_with};
use crate::issuer::Issuer;
use crate::people::{alice, bob};
use crate::pgbouncer::{self, PgBouncer};
use crate::postgres;

fn run(arguments: &[&str], url: &str, more: &[(&str, &str)]) -> Output {
    let auth = ("BETTER_AUTH_URL", "http://127.0.0.1:9");
    hallpass_with(arguments, &[&[auth, ("DATABASE_URL", url)], more].concat())
}

/// Lets `pooler` have so many sessions at rest.
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
fn shared_sessions_are_refused_at_the_start() {
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
            let refused = run(arguments, &pooler.address(&url), &[]);
            assert_eq!(refused.code, 2, "{settings}, {at_rest}: {}", refused.stderr);
            let told = refused.stderr.contains("set DATABASE_POOLER=transaction");
            assert!(told, "{settings}: {}", refused.stderr);
        }
        let doctor = run(&["doctor"], &pooler.address(&url), &[]);
        assert_eq!(doctor.code, 1);
        assert!(doctor.stdout.contains("set DATABASE_POOLER=transaction"), "{}", doctor.stdout);
    }
}

#[test]
fn transaction_pooler_is_refused_on_sqlite() {
    let refused = run(&["serve"], "sqlite://x.db?mode=rwc", &[("DATABASE_POOLER", "transaction")]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("DATABASE_POOLER is transaction, and SQLite"));
}

async fn on(url: &str, flags: &[&str]) -> App {
    let all = [&["--better-auth-url", Issuer::shared().url()], flags].concat();
    App::on(url, tempfile::tempdir().unwrap(), &all).await
}

const CREATE: &str = "mutation($t: String!) { createTask(input: {title: $t, tags: [$t]}) { id } }";

#[tokio::test]
async fn a_pooler_in_session_mode_is_accepted() {
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

async fn text(app: &App, sql: &str) -> String {
    let sql = Statement::from_string(DbBackend::Postgres, sql);
    let system = app.database.system("tests read how the database is set up");
    let rows = system.read(async |conn| conn.query_all_raw(sql).await).await.unwrap();
    rows[0].try_get("", "v").unwrap()
}

#[tokio::test]
async fn sessions_that_become_shared_are_refused() {
    let mut pooler = PgBouncer::start("pool_mode = session");
    let url = postgres::database();
    let app = on(&pooler.address(&url), &[]).await;
    let alice = app.by_jwt(&alice());
    alice.data_with(CREATE, json!({"t": "a"})).await;
    pooler.restart("pool_mode = transaction");
    for _ in 0..3 {
        // The connections of before are gone, and no new one is used.
        assert_eq!(alice.ask("{ tasks { totalCount } }").await.codes(), ["UNAVAILABLE"]);
    }
    pooler.restart("pool_mode = session");
    let began = Instant::now();
    while !alice.ask("{ tasks { totalCount } }").await.codes().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "its own session is refused");
    }
}

const POOLED: [&str; 2] = ["--database-pooler", "transaction"];

/// What one client does to its own tasks: every statement is its own, and answers what it asked.
async fn work(who: &Client<'_>, title: &str) {
    let variables = json!({"t": title});
    let id = who.data_with(CREATE, variables).await["createTask"]["id"].clone();
    let list = "{ tasks(first: 50) { totalCount nodes { id title tags completed } } }";
    let seen = who.data(list).await;
    let expected = json!({"id": id, "title": title, "tags": [title], "completed": false});
    assert_eq!(seen["tasks"], json!({"totalCount": 1, "nodes": [expected]}));
    let update = "mutation($id: ID!) { completeTask(id: $id) { id completed } }";
    let done = who.data_with(update, json!({ "id": id })).await;
    assert_eq!(done["completeTask"], json!({"id": id, "completed": true}));
    let delete = "mutation($id: ID!) { deleteTask(id: $id) }";
    assert_eq!(who.data_with(delete, json!({ "id": id })).await["deleteTask"], id);
    assert_eq!(who.data("{ tasks { totalCount } }").await["tasks"]["totalCount"], 0);
}

#[tokio::test]
async fn pooled_clients_never_cross() {
    let url = pgbouncer::shared().address(&postgres::database());
    let (one, other) = (on(&url, &POOLED).await, on(&url, &POOLED).await);
    for person in [alice(), bob()] {
        one.by_jwt(&person).data_with(CREATE, json!({"t": "kept"})).await;
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
    for person in [alice(), bob()] {
        let kept = other.by_jwt(&person).data("{ tasks { nodes { title } } }").await;
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
async fn pooled_servers_start_at_once() {
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
    work(&on(&url, &POOLED).await.by_jwt(&alice()), "served").await;
}

#[tokio::test]
async fn row_security_holds_through_a_pooler() {
    let url = pgbouncer::shared().address(&postgres::plain_database());
    let flags = [&POOLED[..], &["--row-security", "on"]].concat();
    let all = [&["--better-auth-url", Issuer::shared().url()], &flags[..]].concat();
    let files = tempfile::tempdir().unwrap();
    // Its scopes forget the owner: what keeps rows apart is PostgreSQL.
    let app = App::prepared(&url, files, &all, |database| database.without_owner_filter()).await;
    assert_eq!(app.database.check_row_security().await.unwrap(), None);
    app.by_jwt(&alice()).data_with(CREATE, json!({"t": "hers"})).await;
    let count = async |who: Client<'_>| who.data("{ tasks { totalCount } }").await["tasks"].clone();
    let asked = join_all((0..10).map(|_| count(app.by_jwt(&bob())))).await;
    assert!(asked.iter().all(|tasks| tasks["totalCount"] == 0), "{asked:?}");
    assert_eq!(count(app.by_jwt(&alice())).await["totalCount"], 1);
    let bare = text(&app, "SELECT count(*)::text AS v FROM task").await;
    assert_eq!(bare, "0", "a statement that shows nothing sees nothing");
}

/// Runs `story` on one of two servers that share a database through a pooler, beside the work of the other.
async fn beside_another<T: Future<Output = ()>>(story: impl FnOnce(App) -> T) {
    let url = pgbouncer::shared().address(&postgres::database());
    let (app, other) = (on(&url, &POOLED).await, on(&url, &POOLED).await);
    let somebody = user("somebody-else");
    let load = async {
        loop {
            work(&other.by_jwt(&somebody), "beside").await;
        }
    };
    tokio::select! {
        () = story(app) => {}
        () = load => {}
    }
}

macro_rules! through_a_pooler {
    ($($module:ident::$name:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            beside_another(crate::$module::$name::story).await;
        }
    )*};
}

through_a_pooler! {
    tasks::a_new_task_is_read_back_as_it_was_written,
    tasks::another_user_sees_none_of_it,
    tasks::a_public_task_is_seen_by_everyone_and_in_full_by_its_owner_alone,
    tasks::of_two_writers_who_saw_the_same_version_one_gets_a_conflict,
    tasks::many_are_finished_or_deleted_together_or_not_at_all,
    tasks::statistics_count_what_is_done_late_and_pressing,
    tasks::filters_narrow_and_combine,
    tasks_paging::every_order_lists_every_task_once_in_both_directions,
    courses::each_tier_reads_what_it_pays_for_and_is_told_what_is_missing,
    courses::progress_is_ones_own,
    courses::recommendations_are_readable_unfinished_and_of_ones_interest_first,
    course_editing::of_many_who_want_a_slug_at_once_one_gets_it,
    course_editing::what_is_left_out_stays_and_null_removes_what_may_be_removed,
    learners::what_alice_says_of_herself_counts_more_than_what_the_auth_server_says,
}
