//! Callers share the database connections: a caller with many requests, or one that waits for a lock, leaves
//! connections to others.

use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use hallpass_data::{Database, Options};
use sea_orm::{DatabaseTransaction, TransactionTrait as _};
use serde_json::json;

use crate::support::app::{App, Backend, Client};
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;
use crate::support::postgres;

const TASKS: &str = "{ tasks { totalCount } }";
const COURSES: &str = "{ courses { totalCount } }";

/// A server, the address of its database, and another connection to it.
async fn shared(flags: &[&str]) -> (App, String, Database) {
    let (url, files) = (postgres::database(), tempfile::tempdir().unwrap());
    let all = [&["--better-auth-url", Issuer::shared().url()], flags].concat();
    let app = App::on(&url, files, &all).await;
    let other = Database::connect(Options::at(&url)).await.unwrap();
    (app, url, other)
}

/// Locks the tasks until the transaction is dropped.
async fn lock_tasks(other: &Database) -> DatabaseTransaction {
    use sea_orm::ConnectionTrait as _;

    let system = other.system("tests hold a lock");
    let holding = system.connection().begin().await.unwrap();
    holding.execute_unprepared("LOCK TABLE task IN ACCESS EXCLUSIVE MODE").await.unwrap();
    holding
}

/// The number of sessions that wait for a lock.
fn waiting(url: &str) -> usize {
    let sql = "SELECT count(*) FROM pg_stat_activity \
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    postgres::query(url, sql).parse().unwrap()
}

async fn wait_until(url: &str, reached: impl Fn(usize) -> bool) -> usize {
    let began = Instant::now();
    loop {
        let sessions = waiting(url);
        if reached(sessions) {
            return sessions;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{sessions} sessions wait");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn from<'a>(app: &'a App, address: &str) -> Client<'a> {
    app.anonymous().with_header("x-forwarded-for", address)
}

/// Runs `query` and checks that the response is prompt.
async fn assert_prompt(who: Client<'_>, query: &str) {
    let began = Instant::now();
    let answer = who.ask(query).await;
    assert_eq!(answer.codes(), [] as [&str; 0], "{query}");
    assert!(began.elapsed() < Duration::from_millis(1500), "{query}: {:?}", began.elapsed());
}

#[tokio::test]
async fn sessions_have_the_name_of_the_application() {
    for (application, expected) in [(None, "hallpass"), (Some("api"), "api")] {
        let url = postgres::database();
        let at = application.map_or(url.clone(), |name| postgres::as_application(name, &url));
        let flags = ["--better-auth-url", Issuer::shared().url()];
        let app = App::on(&at, tempfile::tempdir().unwrap(), &flags).await;
        app.by_jwt(&alice()).data(TASKS).await;
        let names = "SELECT DISTINCT application_name FROM pg_stat_activity \
                     WHERE datname = current_database() AND application_name LIKE '%' || $$NAME$$";
        let named = postgres::query(&url, &names.replace("NAME", expected));
        assert_eq!(named, expected);
    }
}

#[tokio::test]
async fn locked_table_does_not_block_other_work() {
    let (app, _, other) = shared(&["--trusted-proxies", "127.0.0.0/8"]).await;
    let app = app.with_courses().await;
    let holding = lock_tasks(&other).await;
    let callers: Vec<_> = (0..12).map(|n| hallpass::testing::user(&format!("p{n}"))).collect();
    let signed_in = callers.iter().map(|caller| app.by_jwt(caller));
    let signed_in = signed_in.flat_map(|who| [who.clone(), who]);
    let blocked = signed_in.map(|who| async move { who.ask(TASKS).await });
    let anonymous = (0..12).map(|n| from(&app, &format!("203.0.113.{n}")));
    let public =
        anonymous.map(|who| async move { who.ask("{ publicTasks { totalCount } }").await });
    let blocked = join(join_all(blocked), join_all(public));
    let others = async {
        for caller in &callers[..8] {
            assert_prompt(app.by_jwt(&alice()), COURSES).await;
            assert_prompt(app.by_jwt(caller), COURSES).await;
            assert_prompt(from(&app, "203.0.113.1"), COURSES).await;
            assert_prompt(from(&app, "198.51.100.1"), COURSES).await;
            let ready = app.anonymous().request(reqwest::Method::GET, "/ready").send().await;
            assert_eq!(ready.unwrap().status(), 200);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let began = Instant::now();
    let ((signed_in, public), ()) = join(blocked, others).await;
    for answer in signed_in.iter().chain(&public) {
        assert_eq!(answer.codes(), ["UNAVAILABLE"]);
    }
    assert!(began.elapsed() < Duration::from_secs(8), "waiting for a lock ends");
    holding.rollback().await.unwrap();
    assert_prompt(app.by_jwt(&alice()), TASKS).await;
}

#[tokio::test]
async fn one_request_holds_at_most_two_connections() {
    let (app, url, other) = shared(&[]).await;
    let holding = lock_tasks(&other).await;
    let aliases: String = (0..20).map(|n| format!("a{n}: tasks {{ totalCount }} ")).collect();
    let (who, query) = (app.by_jwt(&alice()), format!("{{ {aliases} }}"));
    let requests = who.ask(&query);
    let look = async {
        wait_until(&url, |sessions| sessions == 2).await;
        for _ in 0..10 {
            assert!(waiting(&url) <= 2);
        }
        holding.rollback().await.unwrap();
    };
    let (answer, ()) = join(requests, look).await;
    assert_eq!(answer.codes(), [] as [&str; 0]);
}

#[tokio::test]
async fn abandoned_statements_keep_their_permits() {
    let (app, url, other) = shared(&[]).await;
    let holding = lock_tasks(&other).await;
    let who = app.by_jwt(&alice());
    for _ in 0..4 {
        let given_up =
            (0..4).map(|_| tokio::time::timeout(Duration::from_millis(300), who.ask(TASKS)));
        join_all(given_up).await;
    }
    assert!(wait_until(&url, |sessions| sessions > 0).await <= 3);
    assert_prompt(app.by_jwt(&bob()), "{ courses { totalCount } }").await;
    holding.rollback().await.unwrap();
    assert_prompt(app.by_jwt(&alice()), TASKS).await;
}

#[tokio::test]
async fn anonymous_load_does_not_block_signed_in_users() {
    let (app, url, other) = shared(&["--trusted-proxies", "127.0.0.0/8"]).await;
    let holding = lock_tasks(&other).await;
    let aliases: String = (0..20).map(|n| format!("a{n}: publicTasks {{ totalCount }} ")).collect();
    let query = format!("{{ {aliases} }}");
    let anonymous_load = (0..6).map(|n| from(&app, &format!("2001:db8:0:{n}::1")));
    let anonymous_load = join_all(anonymous_load.map(|who| {
        let query = &query;
        async move { who.ask(query).await }
    }));
    let look = async {
        let sessions = wait_until(&url, |sessions| sessions >= 3).await;
        assert_eq!(sessions, 3, "of eight");
        let who = app.by_jwt(&alice());
        let mut requests = Box::pin(who.ask(TASKS));
        tokio::select! {
            _ = &mut requests => panic!("the table is locked"),
            _ = wait_until(&url, |sessions| sessions == 4) => {}
        }
        holding.rollback().await.unwrap();
        assert_eq!(requests.await.codes(), [] as [&str; 0]);
    };
    join(anonymous_load, look).await;
}

#[tokio::test]
async fn addresses_of_one_64_prefix_share_a_limit() {
    let flags = ["--trusted-proxies", "127.0.0.0/8", "--max-concurrent", "1"];
    let (app, url, other) = shared(&flags).await;
    let holding = lock_tasks(&other).await;
    let public = "{ publicTasks { totalCount } }";
    let requests = (0..8).map(|n| from(&app, &format!("2001:db8::{n}")));
    let requests = join_all(requests.map(|who| async move { who.ask(public).await }));
    let look = async {
        wait_until(&url, |sessions| sessions == 1).await;
        assert_prompt(from(&app, "2001:db8:0:1::1"), COURSES).await;
        assert_prompt(app.by_jwt(&alice()), COURSES).await;
    };
    let (answers, ()) = join(requests, look).await;
    let limited: Vec<_> = answers.iter().filter(|it| it.codes() == ["RATE_LIMITED"]).collect();
    assert!(limited.len() >= 3, "one runs and four wait: {limited:?}");
    assert!(limited.iter().all(|answer| answer.status == 429));
    holding.rollback().await.unwrap();
}

#[tokio::test]
async fn operations_of_one_caller_wait_for_each_other() {
    let (app, url, other) = shared(&["--max-concurrent", "2"]).await;
    let holding = lock_tasks(&other).await;
    let who = app.by_jwt(&alice());
    let requests = join_all((0..6).map(|_| who.ask(TASKS)));
    let look = async {
        wait_until(&url, |sessions| sessions == 2).await;
        assert_prompt(app.by_jwt(&bob()), COURSES).await;
        holding.rollback().await.unwrap();
    };
    let (answers, ()) = join(requests, look).await;
    assert!(answers.iter().all(|answer| answer.codes().is_empty()));
}

#[tokio::test]
async fn readers_of_sqlite_do_not_wait_for_writers() {
    let files = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let flags = ["--better-auth-url", Issuer::shared().url()];
    let app = App::on(&url, files, &flags).await;
    let other = Database::connect(Options::at(&url)).await.unwrap();
    let writing = other.exclusively(Duration::from_secs(1)).await.unwrap();
    let callers: Vec<_> = (0..12).map(|n| hallpass::testing::user(&format!("p{n}"))).collect();
    let create = "mutation { createTask(input: {title: \"a\"}) { task { id } } }";
    let writers = callers.iter().map(|caller| app.by_jwt(caller));
    let writers = join_all(writers.map(|who| async move { who.ask(create).await }));
    let readers = async {
        for caller in callers.iter().chain([&alice()]) {
            assert_prompt(app.by_jwt(caller), TASKS).await;
            assert_prompt(app.anonymous(), COURSES).await;
        }
        writing.commit().await.unwrap();
    };
    let (written, ()) = join(writers, readers).await;
    assert!(written.iter().all(|answer| answer.codes().is_empty()), "{written:?}");
}

#[tokio::test]
async fn transaction_holder_gets_second_connection() {
    let flags = ["--database-connections", "2", "--ownership-denial", "forbid"];
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let app = App::with(backend, &flags).await;
        let create = "mutation { createTask(input: {title: \"a\"}) { task { id } } }";
        let id = app.by_jwt(&alice()).data(create).await["createTask"]["task"]["id"].clone();
        let update =
            "mutation($id: ID!) { updateTask(id: $id, input: {title: \"b\"}) { task { id } } }";
        let callers: Vec<_> = (0..8).map(|n| hallpass::testing::user(&format!("p{n}"))).collect();
        let scopes: Vec<_> = callers.iter().map(|caller| app.scope_of(caller)).collect();
        let both = scopes.iter().map(|scope| async {
            let together = scope.begin().await?;
            let beside = scope.owned::<hallpass_entity::task::Entity>()?.count().await?;
            together.commit().await?;
            Ok::<_, hallpass_data::Error>(beside)
        });
        for done in join_all(both).await {
            assert_eq!(done.unwrap(), 0);
        }
        let requests = callers.iter().map(|caller| app.by_jwt(caller));
        let variables = json!({ "id": id });
        let requests = requests.map(|who| {
            let variables = variables.clone();
            async move { who.ask_with(update, variables).await }
        });
        for answer in join_all(requests).await {
            assert_eq!(answer.codes(), ["FORBIDDEN"]);
        }
    }
}
