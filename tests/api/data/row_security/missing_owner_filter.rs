//! Statements with a bug: on the server's own connections, for a caller, and without a condition on the
//! owner.

use hallpass_data::trusted::ProvedPrivilege as _;
use hallpass_data::trusted::VerifiedSubject as _;
use hallpass_data::{Privilege, Set, UserId, now};
use hallpass_entity::{TaskId, progress, task, task_tag};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, Statement,
    TransactionTrait as _,
};

use super::{create, read_half, with_row_security};
use crate::support::app::App;
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;
use crate::support::postgres;

/// Alice has two tasks, one of them public, and progress; Bob has a task.
async fn seeded() -> App {
    let app = with_row_security(&[]).await.with_courses().await;
    create(&app, &alice(), "hers", false).await;
    create(&app, &alice(), "hers, for all", true).await;
    create(&app, &bob(), "his", false).await;
    read_half(&app.scope_of(&alice())).await;
    app
}

/// A transaction in which `setting` is `value`, and no statement names an owner.
async fn with_setting(app: &App, setting: &str, value: &str) -> DatabaseTransaction {
    let system = app.database.system("tests send statements that forgot the owner");
    let transaction = system.connection().begin().await.unwrap();
    let values = [setting.into(), value.into()];
    let show = "SELECT set_config($1, $2, true)";
    let show = Statement::from_sql_and_values(DbBackend::Postgres, show, values);
    transaction.execute_raw(show).await.unwrap();
    transaction
}

async fn as_bob(app: &App) -> DatabaseTransaction {
    with_setting(app, "hallpass.caller", bob().id()).await
}

async fn titles(conn: &impl ConnectionTrait) -> Vec<String> {
    let rows = task::Entity::find().all(conn).await.unwrap();
    let mut titles: Vec<_> = rows.into_iter().map(|row| row.title).collect();
    titles.sort();
    titles
}

/// The number of tasks, tags and progress rows that a statement without a condition reads.
async fn counts(conn: &impl ConnectionTrait) -> [usize; 3] {
    [
        titles(conn).await.len(),
        task_tag::Entity::find().all(conn).await.unwrap().len(),
        progress::Entity::find().all(conn).await.unwrap().len(),
    ]
}

/// Renames every task, and returns the number of rows reached.
async fn rename(conn: &impl ConnectionTrait) -> u64 {
    let all = task::Entity::update_many().col_expr(task::Column::Title, "taken".into());
    all.exec(conn).await.unwrap().rows_affected
}

/// Deletes every row, and returns the number of rows reached.
async fn wipe(conn: &impl ConnectionTrait) -> u64 {
    let tags = task_tag::Entity::delete_many().exec(conn).await.unwrap().rows_affected;
    let read = progress::Entity::delete_many().exec(conn).await.unwrap().rows_affected;
    tags + read + task::Entity::delete_many().exec(conn).await.unwrap().rows_affected
}

#[expect(clippy::disallowed_methods, reason = "a forger would do the same")]
async fn write_for(owner: &str, conn: &impl ConnectionTrait) -> Result<u64, DbErr> {
    let row = task::ActiveModel {
        id: Set(TaskId::generate()),
        owner_id: Set(UserId::from_verified_subject(owner.to_owned())),
        title: Set("planted".to_owned()),
        completed: Set(false),
        priority: Set(task::Priority::Medium),
        is_public: Set(true),
        version: Set(1),
        created_at: Set(now()),
        updated_at: Set(now()),
        ..Default::default()
    };
    task::Entity::insert(row).exec_without_returning(conn).await
}

#[track_caller]
fn is_rejected(written: Result<u64, DbErr>) {
    let error = written.expect_err("the policies reject it").to_string();
    assert!(error.contains("row-level security policy"), "{error}");
}

#[tokio::test]
async fn missing_filter_reads_own_and_public_rows() {
    let app = seeded().await;
    let bug = as_bob(&app).await;
    assert_eq!(titles(&bug).await, ["hers, for all", "his"]);
    assert_eq!(counts(&bug).await, [2, 1, 0]);
}

#[tokio::test]
async fn missing_filter_changes_only_own_rows() {
    let app = seeded().await;
    let bug = as_bob(&app).await;
    assert_eq!(rename(&bug).await, 1);
    assert_eq!(wipe(&bug).await, 2, "Bob's task and its tag");
    bug.commit().await.unwrap();
    let alices = with_setting(&app, "hallpass.caller", alice().id()).await;
    assert_eq!(titles(&alices).await, ["hers", "hers, for all"]);
    assert_eq!(counts(&alices).await, [2, 2, 1]);
}

#[tokio::test]
async fn missing_filter_writes_no_other_owners_rows() {
    let app = seeded().await;
    is_rejected(write_for(alice().id(), &as_bob(&app).await).await);
    let given = task::Entity::update_many().col_expr(task::Column::OwnerId, alice().id().into());
    let given = given.exec(&as_bob(&app).await).await;
    is_rejected(given.map(|given| given.rows_affected));
    assert_eq!(write_for(bob().id(), &as_bob(&app).await).await.unwrap(), 1);
}

#[tokio::test]
async fn no_caller_reads_only_public_rows() {
    let app = seeded().await;
    let bare = app.database.system("tests send statements without a caller").connection();
    assert_eq!(titles(bare).await, ["hers, for all"]);
    assert_eq!(counts(bare).await, [1, 0, 0]);
    assert_eq!((rename(bare).await, wipe(bare).await), (0, 0));
    is_rejected(write_for(alice().id(), bare).await);
    is_rejected(write_for("", bare).await);
}

#[tokio::test]
async fn odd_caller_ids_reach_no_other_rows() {
    let app = seeded().await;
    for id in ["", "everyones", "server", "off", "%", "' OR true --"] {
        let odd = with_setting(&app, "hallpass.caller", id).await;
        assert_eq!(counts(&odd).await, [1, 0, 0], "{id:?}");
        assert_eq!((rename(&odd).await, wipe(&odd).await), (0, 0), "{id:?}");
    }
    is_rejected(write_for("", &with_setting(&app, "hallpass.caller", "").await).await);
}

#[tokio::test]
async fn read_all_privilege_does_not_allow_writes() {
    let app = seeded().await;
    let bob = app.scope_of(&bob());
    let everyones = |scope: &hallpass_data::Scope| scope.all::<task::Entity>(proof());
    assert_eq!(everyones(&bob).count().await.unwrap(), 3);
    let together = bob.begin().await.unwrap();
    assert_eq!(everyones(&together).count().await.unwrap(), 3);
    assert_eq!(together.owned::<task::Entity>().unwrap().delete().await.unwrap(), 1);
    together.commit().await.unwrap();
    assert_eq!(everyones(&bob).count().await.unwrap(), 2);
    let reader = with_setting(&app, "hallpass.door", "everyones").await;
    assert_eq!(counts(&reader).await, [2, 2, 1]);
    assert_eq!((rename(&reader).await, wipe(&reader).await), (0, 0));
    is_rejected(write_for(alice().id(), &reader).await);
}

#[tokio::test]
async fn system_work_reaches_every_row() {
    let app = seeded().await;
    let system = app.database.system("tests do the server's own work");
    assert!(!system.is_empty::<progress::Entity>().await.unwrap());
    let server = with_setting(&app, "hallpass.door", "server").await;
    assert_eq!(counts(&server).await, [3, 3, 1]);
    assert_eq!(wipe(&server).await, 7);
}

#[tokio::test]
async fn system_work_in_transaction_does_not_widen_it() {
    let flags = ["--better-auth-url", Issuer::shared().url(), "--row-security", "on"];
    let (url, files) = (postgres::plain_database(), tempfile::tempdir().unwrap());
    let app = App::prepared(&url, files, &flags, |database| database.without_owner_filter()).await;
    create(&app, &alice(), "hers", false).await;
    create(&app, &bob(), "his", false).await;
    let together = app.scope_of(&bob()).begin().await.unwrap();
    let seen = async || together.owned::<task::Entity>().unwrap().count().await.unwrap();
    assert_eq!(seen().await, 1, "no statement names an owner, and row-level security applies");
    together.erase("unknown", proof()).await.unwrap();
    assert_eq!(seen().await, 1);
}

#[expect(clippy::disallowed_methods, reason = "tests act as a rule here")]
fn proof() -> Privilege {
    Privilege::proved()
}
