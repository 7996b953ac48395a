//! Rows are reached through their owner's scope.

use hallpass_data::trusted::VerifiedSubject as _;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use hallpass::config::SqliteSynchronous;
use hallpass_data::{
    Comparison as _, Database, Error, Filter, Options, Scope, Set, SortKey, Term, Update, UserId,
    now,
};
use hallpass_entity::{TaskId, TaskTagId, chapter, task, task_tag};
use sea_orm::{ConnectionTrait as _, DbBackend, EntityTrait as _, Statement};

use crate::on_both_databases;
use crate::support::app::{App, Backend};
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;
use crate::support::postgres;

fn row(title: &str) -> task::ActiveModel {
    task::ActiveModel {
        id: Set(TaskId::generate()),
        title: Set(title.to_owned()),
        completed: Set(false),
        priority: Set(task::Priority::Medium),
        is_public: Set(false),
        version: Set(1),
        created_at: Set(now()),
        updated_at: Set(now()),
        ..Default::default()
    }
}

fn tag(task_id: TaskId, word: &str) -> task_tag::ActiveModel {
    task_tag::ActiveModel {
        id: Set(TaskTagId::generate()),
        task_id: Set(task_id),
        tag: Set(word.to_owned()),
        ordinal: Set(0),
        ..Default::default()
    }
}

async fn titles(scope: &Scope) -> Vec<String> {
    let rows = scope.owned::<task::Entity>().unwrap().all_by(task::Column::Title).await.unwrap();
    rows.into_iter().map(|row| row.title).collect()
}

#[expect(clippy::disallowed_methods, reason = "a forger would do the same")]
fn forged(id: &str) -> UserId {
    UserId::from_verified_subject(id.to_owned())
}

on_both_databases! {
    async fn insert_overrides_owner(app: App) {
        let (alice, bob) = (app.scope_of(&alice()), app.scope_of(&bob()));
        let lie = task::ActiveModel { owner_id: Set(forged("user-bob")), ..row("mine") };
        let written = alice.insert::<task::Entity>(lie.clone()).await.unwrap();
        assert_eq!(Some(&written.owner_id), alice.owner());
        let again = task::ActiveModel { id: Set(TaskId::generate()), ..lie };
        alice.insert_all::<task::Entity>(vec![again]).await.unwrap();
        assert_eq!(titles(&bob).await, [] as [&str; 0]);
        assert_eq!(titles(&alice).await.len(), 2);
    }

    async fn filters_never_widen_a_scope(app: App) {
        let (alice, bob) = (app.scope_of(&alice()), app.scope_of(&bob()));
        alice.insert::<task::Entity>(row("hers")).await.unwrap();
        let everything = || Filter::<task::Entity>::all()
            .or(task::Column::OwnerId.is(forged("user-alice")))
            .or(task::Column::TitleSearch.contains(&Term::new("hers").unwrap()));
        let rows = || bob.owned::<task::Entity>().unwrap().filter(everything());
        assert_eq!(rows().all().await.unwrap(), []);
        assert_eq!(rows().count().await.unwrap(), 0);
        assert_eq!(rows().delete().await.unwrap(), 0);
        let change = Update::set(task::ActiveModel { title: Set("his".to_owned()), ..Default::default() });
        assert_eq!(rows().update(change).await.unwrap(), []);
        assert_eq!(bob.public::<task::Entity>().filter(everything()).all().await.unwrap(), []);
        assert_eq!(titles(&alice).await, ["hers"]);
    }

    async fn update_keeps_owner_and_id(app: App) {
        let (alice, bob) = (app.scope_of(&alice()), app.scope_of(&bob()));
        let before = alice.insert::<task::Entity>(row("hers")).await.unwrap();
        let gift = task::ActiveModel {
            id: Set(TaskId::generate()),
            owner_id: Set(forged("user-bob")),
            title: Set("changed".to_owned()),
            ..Default::default()
        };
        let mine = alice.owned::<task::Entity>().unwrap();
        let after = mine.update(Update::set(gift).increment(task::Column::Version)).await.unwrap();
        assert_eq!(after[0], task::Model {
            title: "changed".to_owned(), title_key: SortKey::of("changed"), version: 2, ..before
        });
        assert_eq!(titles(&bob).await, [] as [&str; 0]);
    }

    async fn foreign_key_rejects_child_of_foreign_parent(app: App) {
        let (alice, bob) = (app.scope_of(&alice()), app.scope_of(&bob()));
        let alices = alice.insert::<task::Entity>(row("hers")).await.unwrap();
        assert!(bob.insert::<task_tag::Entity>(tag(alices.id, "his")).await.is_err());
        alice.insert::<task_tag::Entity>(tag(alices.id, "her own")).await.unwrap();
        let lie = task_tag::ActiveModel { owner_id: Set(forged("user-bob")), ..tag(alices.id, "lie") };
        let system = app.database.system("tests write what no scope would");
        let around = task_tag::Entity::insert(lie).exec_without_returning(system.connection()).await;
        assert!(around.is_err(), "even without a scope");
        assert_eq!(alice.owned::<task::Entity>().unwrap().delete().await.unwrap(), 1);
        assert_eq!(alice.owned::<task_tag::Entity>().unwrap().count().await.unwrap(), 0, "deleted with it");
    }

    async fn child_filter_matches_same_owner_only(app: App) {
        let (alice, bob) = (app.scope_of(&alice()), app.scope_of(&bob()));
        let alices = alice.insert::<task::Entity>(row("hers")).await.unwrap();
        bob.insert::<task::Entity>(row("his")).await.unwrap();
        alice.insert::<task_tag::Entity>(tag(alices.id, "word")).await.unwrap();
        let tagged = || Filter::has(task_tag::Column::Tag.is("word"));
        let count = async |scope: &Scope| {
            scope.owned::<task::Entity>().unwrap().filter(tagged()).count().await.unwrap()
        };
        assert_eq!((count(&alice).await, count(&bob).await), (1, 0));
    }

    async fn upsert_never_changes_foreign_rows(app: App) {
        let (alice, bob) = (app.scope_of(&alice()), app.scope_of(&bob()));
        let alices = alice.insert::<task::Entity>(row("hers")).await.unwrap();
        let same = |title: &str| task::ActiveModel { id: Set(alices.id), ..row(title) };
        let columns = [task::Column::Title, task::Column::OwnerId];
        assert!(bob.upsert::<task::Entity>(same("his"), columns).await.is_err());
        assert_eq!(titles(&alice).await, ["hers"]);
        assert_eq!(titles(&bob).await, [] as [&str; 0]);
        let again = alice.upsert::<task::Entity>(same("hers again"), columns).await.unwrap();
        assert_eq!(again, task::Model { title: "hers again".to_owned(), ..alices });
    }

    async fn anonymous_scope_has_no_rows_and_no_writes(app: App) {
        let anonymous = app.anonymous_scope();
        assert!(matches!(anonymous.owned::<task::Entity>().err(), Some(Error::Unauthenticated)));
        assert!(matches!(anonymous.insert::<task::Entity>(row("x")).await, Err(Error::Unauthenticated)));
        assert!(matches!(anonymous.insert_all::<task::Entity>(vec![row("x")]).await, Err(Error::Unauthenticated)));
        assert!(matches!(anonymous.upsert::<task::Entity>(row("x"), []).await, Err(Error::Unauthenticated)));
        assert_eq!(anonymous.readable::<task::Entity>().count().await.unwrap(), 0);
        assert_eq!(anonymous.shared::<chapter::Entity>().count().await.unwrap(), 0);
    }

    async fn dropped_transaction_is_rolled_back(app: App) {
        let alice = app.scope_of(&alice());
        let together = alice.begin().await.unwrap();
        together.insert::<task::Entity>(row("gone")).await.unwrap();
        drop(together);
        let together = alice.begin().await.unwrap();
        together.insert::<task::Entity>(row("kept")).await.unwrap();
        together.commit().await.unwrap();
        assert_eq!(titles(&alice).await, ["kept"]);
    }
}

#[tokio::test]
async fn sqlite_enables_foreign_keys_and_wal() {
    let default = crate::support::app::config(&["--better-auth-url", "https://auth.example.test"]);
    assert_eq!(default.sqlite_synchronous, SqliteSynchronous::Full);
    let app = App::start(Backend::Sqlite).await;
    let system = app.database.system("tests read how the database is set up");
    for (pragma, expected) in [
        ("foreign_keys", "1"),
        ("journal_mode", "wal"),
        ("busy_timeout", "5000"),
        // The server writes the log to the disk itself.
        ("synchronous", "1"),
    ] {
        let sql = format!("SELECT CAST({pragma} AS TEXT) AS v FROM pragma_{pragma}");
        let sql = sql.replace("busy_timeout AS", "timeout AS");
        let rows = system
            .connection()
            .query_all_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, sql));
        let value: String = rows.await.unwrap()[0].try_get("", "v").unwrap();
        assert_eq!(value, expected, "{pragma}");
    }
}

/// Drops a transaction that begins after this number of polls; false if it began before.
async fn is_given_up(scope: &Scope, after: usize) -> bool {
    let mut begin = pin!(scope.begin());
    let mut looks = 0;
    poll_fn(|cx| {
        looks += 1;
        match begin.as_mut().poll(cx) {
            Poll::Pending if looks > after => Poll::Ready(true),
            Poll::Pending => Poll::Pending,
            Poll::Ready(begun) => {
                begun.unwrap();
                Poll::Ready(false)
            }
        }
    })
    .await
}

/// Waits until no session of `database` is idle in a transaction.
async fn until_none_is_open(database: &Database) {
    let sql = "SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    let ask = Statement::from_string(DbBackend::Postgres, sql);
    let system = database.system("tests look at the sessions");
    let began = Instant::now();
    while !system.connection().query_all_raw(ask.clone()).await.unwrap().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(10), "a transaction stays open");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn cancelled_begin_is_rolled_back() {
    let (url, files) = (postgres::database(), tempfile::tempdir().unwrap());
    let app = App::on(&url, files, &["--better-auth-url", Issuer::shared().url()]).await;
    let options = Options::at(url);
    let beside = Database::connect(options).await.unwrap();
    let (scope, mut given_up) = (app.scope_of(&alice()), 0);
    for after in (0..3).cycle().take(150) {
        given_up += usize::from(is_given_up(&scope, after).await);
        until_none_is_open(&beside).await;
    }
    assert!(given_up > 0, "{given_up} of 150 were given up");
}
