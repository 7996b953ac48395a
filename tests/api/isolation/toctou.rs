//! Time of check to time of use: the statement that changes a row checks its owner. Between a separate check
//! and the change, the row could change owners.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{join, join_all};
use hallpass::graphql::encode_id;
use hallpass_data::{Set, UserId, now};
use hallpass_entity::{TaskId, task};
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::on_both_databases;
use crate::support::app::{App, GraphQlResponse};
use crate::support::callers::{User, alice, bob};

/// Concurrent requests of each of the two users.
const CONCURRENCY: usize = 3;
/// Minimum number of changes, and of rejections, of each user.
const MIN_OUTCOMES: usize = 12;
/// Upper bound of transfers, so that the test ends.
const MAX_TRANSFERS: usize = 4_000;

async fn task_of(app: &App, user: &User) -> task::Model {
    let row = task::ActiveModel {
        id: Set(TaskId::generate()),
        title: Set("handed about".to_owned()),
        completed: Set(false),
        priority: Set(task::Priority::Low),
        is_public: Set(false),
        version: Set(1),
        created_at: Set(now()),
        updated_at: Set(now()),
        ..Default::default()
    };
    app.scope_of(user).insert::<task::Entity>(row).await.unwrap()
}

/// Transfers a task to another owner, and increments its version, as every change does. Returns the version;
/// none if the task is deleted.
async fn transfer_to(app: &App, id: TaskId, owner: &UserId) -> Option<i32> {
    let passed = task::Entity::update_many()
        .col_expr(task::Column::OwnerId, Expr::val(owner.clone()))
        .col_expr(task::Column::Version, one_more(task::Column::Version))
        .filter(task::Column::Id.eq(id));
    let system = app.database.system("tests hand rows about");
    let rows = passed.exec_with_returning(system.connection()).await.unwrap();
    rows.first().map(|row| row.version)
}

fn one_more(column: task::Column) -> SimpleExpr {
    sea_orm::sea_query::ExprTrait::add(Expr::col(column), 1)
}

/// What one of the two users did to the task.
#[derive(Default)]
struct Counts {
    /// The versions in their responses, of their own changes or of conflicts.
    versions: Vec<i32>,
    changes: usize,
    rejections: usize,
}

impl Counts {
    fn count(&mut self, answer: &GraphQlResponse) {
        if let Some(version) = answer.body["data"]["done"]["task"]["version"].as_i64() {
            self.changes += 1;
            return self.versions.push(i32::try_from(version).unwrap());
        }
        self.rejections += 1;
        if answer.codes() == ["CONFLICT"] {
            // They became the owner just after the rejection.
            let version = answer.error()["extensions"]["currentVersion"].as_i64().unwrap();
            return self.versions.push(i32::try_from(version).unwrap());
        }
        assert_eq!(answer.codes(), ["NOT_FOUND"], "{}", answer.body);
    }
}

/// Changes the task repeatedly.
async fn change(app: &App, user: &User, id: &str, counts: &Mutex<Counts>, done: &AtomicBool) {
    let ways = ["updateTask(input: {title: \"mine\"}, ", "completeTask(", "reopenTask("];
    let caller = app.by_jwt(user);
    for way in ways.iter().cycle() {
        if done.load(Ordering::Relaxed) {
            return;
        }
        let document = format!("mutation {{ done: {way}id: \"{id}\") {{ task {{ version }} }} }}");
        let answer = caller.ask(&document).await;
        counts.lock().unwrap().count(&answer);
    }
}

on_both_databases! {
    async fn update_rechecks_ownership_atomically(app: App) {
        let callers = [alice(), bob()];
        let owners = callers.each_ref().map(|p| app.scope_of(p).owner().unwrap().clone());
        let row = task_of(&app, &callers[0]).await;
        let id = encode_id("Task", row.id).0;
        let all_counts = [Mutex::new(Counts::default()), Mutex::new(Counts::default())];
        let (done, transfers) = (AtomicBool::new(false), Mutex::new(vec![(row.version, 0)]));
        let is_enough = || all_counts.iter().all(|counts| {
            let counts = counts.lock().unwrap();
            counts.changes >= MIN_OUTCOMES && counts.rejections >= MIN_OUTCOMES
        });
        let hands = (0..2 * CONCURRENCY)
            .map(|hand| change(&app, &callers[hand % 2], &id, &all_counts[hand % 2], &done));
        let passing = async {
            for to in (0..MAX_TRANSFERS).map(|pass| (pass + 1) % 2) {
                if is_enough() {
                    break;
                }
                let version = transfer_to(&app, row.id, &owners[to]).await.unwrap();
                transfers.lock().unwrap().push((version, to));
            }
            done.store(true, Ordering::Relaxed);
        };
        join(join_all(hands), passing).await;
        assert!(is_enough(), "both users changed the row");
        let transfers = transfers.into_inner().unwrap();
        for (who, counts) in all_counts.into_iter().enumerate() {
            for version in counts.into_inner().unwrap().versions {
                let (_, owner) = transfers.iter().rev().find(|(from, _)| *from <= version).unwrap();
                assert_eq!(*owner, who, "version {version} was made by who did not own the task");
            }
        }
    }

    async fn delete_rechecks_ownership_atomically(app: App) {
        let (alice, to) = (alice(), app.scope_of(&bob()).owner().unwrap().clone());
        for nth in 0..24 {
            let row = task_of(&app, &alice).await;
            let id = encode_id("Task", row.id).0;
            let document = match nth % 2 {
                0 => format!("mutation {{ done: deleteTask(id: \"{id}\") {{ deletedTaskId }} }}"),
                _ => format!("mutation {{ done: deleteTasks(ids: [\"{id}\"]) {{ deletedTaskIds }} }}"),
            };
            let (ended, before) = (AtomicBool::new(false), app.statements_so_far());
            let delete = async {
                let answer = app.by_jwt(&alice).ask(&document).await;
                ended.store(true, Ordering::Relaxed);
                !answer.body["data"]["done"].is_null()
            };
            // Right after the first statement of the request: if that only reads, the next one is late.
            let give_away = async {
                while app.statements_so_far() == before && !ended.load(Ordering::Relaxed) {
                    tokio::task::yield_now().await;
                }
                transfer_to(&app, row.id, &to).await
            };
            let (deleted, transfers) = join(delete, give_away).await;
            assert_ne!(deleted, transfers.is_some(), "it was either transferred or deleted");
        }
    }
}
