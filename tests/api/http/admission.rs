//! Under overload, operations are refused before they queue for the database.

use std::time::{Duration, Instant};

use futures_util::future::{join, join_all, select_all};
use hallpass_data::{Database, Options};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use super::observability::metric;
use crate::support::app::{App, Client, GraphQlResponse};
use crate::support::callers::{alice, user};
use crate::support::issuer::Issuer;
use crate::support::postgres;

const COURSES: &str = "{ courses { totalCount } }";

fn from<'a>(app: &'a App, address: &str) -> Client<'a> {
    app.anonymous().with_header("x-forwarded-for", address)
}

/// The refused operations of a class.
async fn refusals(app: &App, class: &str) -> u64 {
    let name = format!("hallpass_refused_operations_total{{class=\"{class}\"}}");
    metric(&app.url, &name).await.parse().unwrap()
}

/// The answer to the first operation that is refused.
async fn until_refused(who: &Client<'_>, query: &str) -> GraphQlResponse {
    let began = Instant::now();
    loop {
        let answer = who.ask(query).await;
        if answer.body.to_string().contains("overloaded") {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(15), "none is refused: {}", answer.body);
    }
}

#[tokio::test]
async fn anonymous_callers_are_refused_first() {
    let (url, files) = (postgres::database(), tempfile::tempdir().unwrap());
    let issuer = Issuer::shared().url();
    let flags = ["--better-auth-url", issuer, "--trusted-proxies", "127.0.0.0/8"];
    let flags = [&flags[..], &["--database-connections", "2"]].concat();
    let app = App::on(&url, files, &flags).await;
    let other = Database::connect(Options::at(&url)).await.unwrap();
    let holding = other.system("tests hold a lock").connection().begin().await.unwrap();
    holding.execute_unprepared("LOCK TABLE task IN ACCESS EXCLUSIVE MODE").await.unwrap();
    // Each holds the connection of anonymous callers until the wait for the lock ends, and the others wait.
    let refused = (0..12).map(|number| {
        let who = from(&app, &format!("203.0.113.{number}"));
        Box::pin(async move { until_refused(&who, "{ publicTasks { totalCount } }").await })
    });
    let (refused, _, others) = select_all(refused).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.codes(), ["UNAVAILABLE"]);
    let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..60).contains(&seconds), "{seconds}");
    let began = Instant::now();
    app.by_jwt(&alice()).data(COURSES).await;
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    drop(others);
    holding.rollback().await.unwrap();
    from(&app, "198.51.100.1").data(COURSES).await;
    assert!(refusals(&app, "anonymous").await > 0);
    assert_eq!(refusals(&app, "free").await, 0, "no signed-in caller was refused");
}

#[tokio::test]
async fn other_tables_are_served_during_a_lock() {
    let (url, files) = (postgres::database(), tempfile::tempdir().unwrap());
    let flags = ["--better-auth-url", Issuer::shared().url(), "--trusted-proxies", "127.0.0.0/8"];
    let flags = [&flags[..], &["--database-connections", "10"]].concat();
    let app = App::on(&url, files, &flags).await;
    let other = Database::connect(Options::at(&url)).await.unwrap();
    let holding = other.system("tests hold a lock").connection().begin().await.unwrap();
    holding.execute_unprepared("LOCK TABLE task IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let until = Instant::now() + Duration::from_secs(14);
    let locked = (0..16).map(async |number| {
        let who = from(&app, &format!("203.0.113.{number}"));
        while Instant::now() < until {
            let answer = who.ask("{ publicTasks { totalCount } }").await;
            assert_eq!(answer.status, 503, "{}", answer.body);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let others = (0..4).map(async |number| {
        let who = from(&app, &format!("198.51.100.{number}"));
        let mut answers = Vec::new();
        while Instant::now() < until {
            answers.push(who.ask(COURSES).await.status == 200);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        answers
    });
    let (_, others) = join(join_all(locked), join_all(others)).await;
    let refused = others.iter().flatten().filter(|is_served| !**is_served).count();
    // The estimate is of all tables: on a busy machine it is too high for a moment.
    let all = others.iter().flatten().count();
    assert!(all > 0 && refused * 20 <= all, "{refused} of {all}");
    holding.rollback().await.unwrap();
    from(&app, "203.0.113.1").data("{ publicTasks { totalCount } }").await;
}

/// Far below the time that is left for a request, but the queue does not get shorter.
#[tokio::test]
async fn queue_of_users_that_stays_long_is_kept_short() {
    let (url, files) = (postgres::database(), tempfile::tempdir().unwrap());
    let flags = ["--better-auth-url", Issuer::shared().url(), "--database-connections", "3"];
    let app = App::on(&url, files, &flags).await;
    let users: Vec<_> = (0..24).map(|number| app.by_jwt(&user(&format!("u{number}")))).collect();
    let mut updates = Vec::new();
    for user in &users {
        let made =
            user.data("mutation { createTask(input: {title: \"a\"}) { task { id } } }").await;
        let id = &made["createTask"]["task"]["id"];
        updates.push(format!(
            "mutation {{ updateTask(id: {id}, input: {{title: \"b\"}}) {{ task {{ title }} }} }}"
        ));
    }
    let other = Database::connect(Options::at(&url)).await.unwrap();
    let system = other.system("tests make a statement slow");
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
                $$ BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END $$; \
                CREATE TRIGGER slow BEFORE UPDATE ON task EXECUTE FUNCTION slow()";
    system.connection().execute_unprepared(slow).await.unwrap();
    let refused = users.iter().zip(&updates);
    let refused = refused.map(|(user, update)| Box::pin(until_refused(user, update)));
    let (refused, _, others) = select_all(refused).await;
    assert_eq!((refused.status.as_u16(), refused.codes()), (503, vec!["UNAVAILABLE"]));
    drop(others);
    assert!(refusals(&app, "free").await > 0);
    system.connection().execute_unprepared("DROP TRIGGER slow ON task").await.unwrap();
    users[0].data(&updates[0]).await;
}
