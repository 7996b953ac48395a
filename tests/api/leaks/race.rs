//! Whose a row is, is asked in the statement that changes it: between a check and a change there would be
//! room for it to change hands.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{join, join_all};
use hallpass::graphql::encode_id;
use hallpass_data::{Set, UserId, now};
use hallpass_entity::{TaskId, task};
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::app::{App, GraphQlResponse};
use crate::on_both_databases;
use crate::people::{User, alice, bob};

/// Requests that each of the two has under way at a time.
const HANDS: usize = 3;
/// How often each must have changed the row, and been refused.
const ENOUGH: usize = 12;
/// Rather a failed test than one that never ends.
const MOST_PASSES: usize = 4_000;

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

/// Gives a task to somebody, and counts its version up, as every change does. Answers the version; none
/// when the task is gone.
async fn hand_to(app: &App, id: TaskId, owner: &UserId) -> Option<i32> {
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

/// What one of the two did to the task.
#[derive(Default)]
struct Tally {
    /// The versions that they were told of, as they made them or as what stood in their way.
    versions: Vec<i32>,
    changes: usize,
    refusals: usize,
}

impl Tally {
    fn count(&mut self, answer: &GraphQlResponse) {
        if let Some(version) = answer.body["data"]["done"]["version"].as_i64() {
            self.changes += 1;
            return self.versions.push(i32::try_from(version).unwrap());
        }
        self.refusals += 1;
        if answer.codes() == ["CONFLICT"] {
            // It came to them just after they were refused.
            let version = answer.error()["extensions"]["currentVersion"].as_i64().unwrap();
            return self.versions.push(i32::try_from(version).unwrap());
        }
        assert_eq!(answer.codes(), ["NOT_FOUND"], "{}", answer.body);
    }
}

/// Changes the task again and again.
async fn change(app: &App, user: &User, id: &str, tally: &Mutex<Tally>, done: &AtomicBool) {
    let ways = ["updateTask(input: {title: \"mine\"}, ", "completeTask(", "reopenTask("];
    let caller = app.by_jwt(user);
    for way in ways.iter().cycle() {
        if done.load(Ordering::Relaxed) {
            return;
        }
        let document = format!("mutation {{ done: {way}id: \"{id}\") {{ version }} }}");
        let answer = caller.ask(&document).await;
        tally.lock().unwrap().count(&answer);
    }
}

on_both_databases! {
    async fn a_change_takes_effect_for_nobody_but_the_owner_of_that_moment(app: App) {
        let people = [alice(), bob()];
        let owners = people.each_ref().map(|p| app.scope_of(p).owner().unwrap().clone());
        let row = task_of(&app, &people[0]).await;
        let id = encode_id("Task", row.id).0;
        let tallies = [Mutex::new(Tally::default()), Mutex::new(Tally::default())];
        let (done, handed) = (AtomicBool::new(false), Mutex::new(vec![(row.version, 0)]));
        let is_enough = || tallies.iter().all(|tally| {
            let tally = tally.lock().unwrap();
            tally.changes >= ENOUGH && tally.refusals >= ENOUGH
        });
        let hands = (0..2 * HANDS)
            .map(|hand| change(&app, &people[hand % 2], &id, &tallies[hand % 2], &done));
        let passing = async {
            for to in (0..MOST_PASSES).map(|pass| (pass + 1) % 2) {
                if is_enough() {
                    break;
                }
                let version = hand_to(&app, row.id, &owners[to]).await.unwrap();
                handed.lock().unwrap().push((version, to));
            }
            done.store(true, Ordering::Relaxed);
        };
        join(join_all(hands), passing).await;
        assert!(is_enough(), "both were at it");
        let handed = handed.into_inner().unwrap();
        for (who, tally) in tallies.into_iter().enumerate() {
            for version in tally.into_inner().unwrap().versions {
                let (_, owner) = handed.iter().rev().find(|(from, _)| *from <= version).unwrap();
                assert_eq!(*owner, who, "version {version} was made by who did not own the task");
            }
        }
    }

    async fn a_task_that_was_given_away_is_not_deleted_by_who_had_it(app: App) {
        let (alice, to) = (alice(), app.scope_of(&bob()).owner().unwrap().clone());
        for nth in 0..24 {
            let row = task_of(&app, &alice).await;
            let id = encode_id("Task", row.id).0;
            let document = match nth % 2 {
                0 => format!("mutation {{ done: deleteTask(id: \"{id}\") }}"),
                _ => format!("mutation {{ done: deleteTasks(ids: [\"{id}\"]) }}"),
            };
            let (ended, before) = (AtomicBool::new(false), app.statements_so_far());
            let delete = async {
                let answer = app.by_jwt(&alice).ask(&document).await;
                ended.store(true, Ordering::Relaxed);
                !answer.body["data"]["done"].is_null()
            };
            // Right after the first statement of the request: if that only looked, the next one is late.
            let give_away = async {
                while app.statements_so_far() == before && !ended.load(Ordering::Relaxed) {
                    tokio::task::yield_now().await;
                }
                hand_to(&app, row.id, &to).await
            };
            let (deleted, handed) = join(delete, give_away).await;
            assert_ne!(deleted, handed.is_some(), "either it was given away, or it was deleted");
        }
    }
}
