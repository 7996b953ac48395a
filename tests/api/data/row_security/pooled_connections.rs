//! A connection serves one caller after another, and keeps none of them.

use hallpass_data::trusted::VerifiedSubject as _;
use hallpass_data::{Database, Error, Options, Scope, Set, UserId};
use hallpass_entity::{task, task_tag};
use sea_orm::{ConnectionTrait as _, EntityTrait as _, Statement};

use super::{create, with_row_security};
use crate::support::app::App;
use crate::support::callers::alice;
use crate::support::postgres;

/// A database with row-level security, with two tasks of Alice, and one connection to it.
async fn one_connection() -> (App, Database) {
    let url = postgres::plain_database();
    let app = super::on(&url, &["--row-security", "on"]).await;
    create(&app, &alice(), "one", false).await;
    create(&app, &alice(), "two", false).await;
    let options = Options { row_security: true, ..Options::at(url) };
    let database = Database::connect(options).await.unwrap();
    (app, database)
}

#[expect(clippy::disallowed_methods, reason = "tests act as the server here")]
fn alices_scope(database: &Database) -> Scope {
    database.scope(Some(UserId::from_verified_subject(alice().id().to_owned())))
}

/// Checks that the connection has no caller, and reads no private rows.
async fn assert_no_caller(database: &Database) {
    let conn = database.system("tests read a connection's state").connection();
    assert_eq!(task::Entity::find().all(conn).await.unwrap(), []);
    for setting in ["hallpass.caller", "hallpass.door"] {
        let sql = format!("SELECT coalesce(current_setting('{setting}', true), '') AS v");
        let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql));
        let value: String = rows.await.unwrap()[0].try_get("", "v").unwrap();
        assert_eq!(value, "", "{setting}");
    }
}

#[tokio::test]
async fn caller_is_reset_after_each_statement() {
    let (_app, database) = one_connection().await;
    let alice = alices_scope(&database);
    let mine = alice.owned::<task::Entity>().unwrap();
    assert_eq!(mine.count().await.unwrap(), 2);
    assert_no_caller(&database).await;
    assert!(!database.system("tests").is_empty::<task::Entity>().await.unwrap());
    assert_no_caller(&database).await;
    assert_eq!(mine.delete().await.unwrap(), 2);
    assert_no_caller(&database).await;
}

#[tokio::test]
async fn caller_is_reset_after_a_failed_statement() {
    let (_app, database) = one_connection().await;
    let orphan = task_tag::ActiveModel { tag: Set("no task".to_owned()), ..Default::default() };
    let failed = alices_scope(&database).insert::<task_tag::Entity>(orphan).await;
    assert!(matches!(failed, Err(Error::Internal(_))));
    assert_no_caller(&database).await;
}

#[tokio::test]
async fn caller_is_reset_after_a_transaction() {
    let (_app, database) = one_connection().await;
    let alice = alices_scope(&database);
    let given_up = alice.begin().await.unwrap();
    assert_eq!(given_up.owned::<task::Entity>().unwrap().delete().await.unwrap(), 2);
    drop(given_up);
    assert_no_caller(&database).await;
    let finished = alice.begin().await.unwrap();
    assert_eq!(finished.owned::<task::Entity>().unwrap().count().await.unwrap(), 2);
    finished.commit().await.unwrap();
    assert_no_caller(&database).await;
}

#[tokio::test]
async fn public_reads_skip_the_transaction() {
    let app = with_row_security(&[]).await.with_courses().await;
    let shows =
        |statements: &[String]| statements.iter().filter(|sql| sql.contains("set_config")).count();
    let everyones = "{ publicTasks { nodes { id } } courses { nodes { title } } }";
    let (_, statements) = app.statements_of(app.by_jwt(&alice()).data(everyones)).await;
    assert_eq!((statements.len(), shows(&statements)), (2, 0), "{statements:?}");
    let own = "{ tasks { nodes { id } } }";
    let (_, statements) = app.statements_of(app.by_jwt(&alice()).data(own)).await;
    assert_eq!((statements.len(), shows(&statements)), (2, 1), "{statements:?}");
}
