//! A connection serves one caller after another, and remembers none.

use hallpass_data::{Database, Error, Options, Scope, Set, UserId};
use hallpass_entity::{task, task_tag};
use sea_orm::{ConnectionTrait as _, EntityTrait as _, Statement};

use super::{create, walled};
use crate::app::App;
use crate::people::alice;
use crate::postgres;

/// A database behind the wall, with two tasks of Alice's, and one connection to it.
async fn one_connection() -> (App, Database) {
    let url = postgres::plain_database();
    let app = super::on(&url, &["--row-security", "on"]).await;
    create(&app, &alice(), "one", false).await;
    create(&app, &alice(), "two", false).await;
    let options = Options { row_security: true, ..Options::at(url) };
    let database = Database::connect(options).await.unwrap();
    (app, database)
}

#[expect(clippy::disallowed_methods, reason = "tests stand in for the server here")]
fn alices(database: &Database) -> Scope {
    database.scope(Some(UserId::from_verified_subject(alice().id().to_owned())))
}

/// That the connection knows nobody, and shows nobody's rows.
async fn knows_nobody(database: &Database) {
    let conn = database.system("tests look at what a connection remembers").connection();
    assert_eq!(task::Entity::find().all(conn).await.unwrap(), []);
    for setting in ["hallpass.caller", "hallpass.door"] {
        let sql = format!("SELECT coalesce(current_setting('{setting}', true), '') AS v");
        let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql));
        let value: String = rows.await.unwrap()[0].try_get("", "v").unwrap();
        assert_eq!(value, "", "{setting}");
    }
}

#[tokio::test]
async fn a_connection_forgets_the_caller_after_each_statement() {
    let (_app, database) = one_connection().await;
    let alice = alices(&database);
    let mine = alice.owned::<task::Entity>().unwrap();
    assert_eq!(mine.count().await.unwrap(), 2);
    knows_nobody(&database).await;
    assert!(!database.system("tests").is_empty::<task::Entity>().await.unwrap());
    knows_nobody(&database).await;
    assert_eq!(mine.delete().await.unwrap(), 2);
    knows_nobody(&database).await;
}

#[tokio::test]
async fn a_connection_forgets_the_caller_of_a_statement_that_failed() {
    let (_app, database) = one_connection().await;
    let orphan = task_tag::ActiveModel { tag: Set("no task".to_owned()), ..Default::default() };
    let failed = alices(&database).insert::<task_tag::Entity>(orphan).await;
    assert!(matches!(failed, Err(Error::Internal(_))));
    knows_nobody(&database).await;
}

#[tokio::test]
async fn a_connection_forgets_the_caller_of_a_transaction_however_it_ends() {
    let (_app, database) = one_connection().await;
    let alice = alices(&database);
    let given_up = alice.begin().await.unwrap();
    assert_eq!(given_up.owned::<task::Entity>().unwrap().delete().await.unwrap(), 2);
    drop(given_up);
    knows_nobody(&database).await;
    let finished = alice.begin().await.unwrap();
    assert_eq!(finished.owned::<task::Entity>().unwrap().count().await.unwrap(), 2);
    finished.commit().await.unwrap();
    knows_nobody(&database).await;
}

#[tokio::test]
async fn only_what_is_not_everyones_costs_a_transaction() {
    let app = walled(&[]).await.with_courses().await;
    let shows =
        |statements: &[String]| statements.iter().filter(|sql| sql.contains("set_config")).count();
    let everyones = "{ publicTasks { nodes { id } } courses { nodes { title } } }";
    let (_, statements) = app.statements_of(app.by_jwt(&alice()).data(everyones)).await;
    assert_eq!((statements.len(), shows(&statements)), (2, 0), "{statements:?}");
    let own = "{ tasks { nodes { id } } }";
    let (_, statements) = app.statements_of(app.by_jwt(&alice()).data(own)).await;
    assert_eq!((statements.len(), shows(&statements)), (2, 1), "{statements:?}");
}
