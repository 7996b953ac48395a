//! Usage statistics, for administrators only.

use chrono::{DateTime, TimeDelta, Utc};
use hallpass_data::{known_user, now, seen_session};
use hallpass_entity::task;
use sea_orm::{EntityTrait as _, Set};
use serde_json::json;

use crate::domains::activity::wait_for_activity;
use crate::on_both_databases;
use crate::support::app::{App, Backend};
use crate::support::callers::{User, alice, bob, user};

const ALL: &str = "{ analytics { totalUsers activeSessions activeUsers revenue usersByTier { tier users }
    tasksCreated tasksCompleted chapterCompletions topChapters { completions chapter { slug course { slug } } } } }";

fn admin() -> User {
    user("ada").role("admin").with("sid", "ada's")
}

/// Moves all activity and tasks this far into the past.
async fn age(app: &App, by: TimeDelta) {
    let then: DateTime<Utc> = now() - by;
    let system = app.database.system("tests turn the clock back");
    let users = known_user::ActiveModel { last_seen: Set(then), ..Default::default() };
    let sessions = seen_session::ActiveModel { last_seen: Set(then), ..Default::default() };
    let tasks = task::ActiveModel { created_at: Set(then), ..Default::default() };
    known_user::Entity::update_many().set(users).exec(system.connection()).await.unwrap();
    seen_session::Entity::update_many().set(sessions).exec(system.connection()).await.unwrap();
    task::Entity::update_many().set(tasks).exec(system.connection()).await.unwrap();
}

async fn finish(app: &App, who: &User, slug: &str, percent: i32) {
    let who = app.by_jwt(who);
    let chapter = "query($slug: String!) { chapter(slug: $slug) { id } }";
    let id = who.data_with(chapter, json!({ "slug": slug })).await["chapter"]["id"].clone();
    let record = "mutation($id: ID!, $percent: Int!) {
        recordProgress(chapterId: $id, percent: $percent) { progress { percent } } }";
    who.data_with(record, json!({"id": id, "percent": percent})).await;
}

async fn populated(backend: Backend) -> App {
    let tiers = ["--tiers", "free=0,premium=9.99,enterprise=49"];
    let app = App::with(backend, &tiers).await.with_courses().await;
    let (alice, bob) = (alice().tier("premium").with("sid", "a"), bob().tier("premium"));
    let (carol, dave) = (user("carol").tier("enterprise"), user("dave").tier("unheard-of"));
    for who in [&alice, &alice.clone().with("sid", "b"), &bob, &carol, &dave, &admin()] {
        app.by_jwt(who).data("{ viewer { id } }").await;
    }
    app.by_jwt(&user("erin").tier("premium"))
        .data(
            "mutation { a: createTask(input: {title: \"A\"}) { task { id } }
        b: createTask(input: {title: \"B\"}) { task { id } } }",
        )
        .await;
    let made = app
        .by_jwt(&alice)
        .data("mutation { createTask(input: {title: \"C\"}) { task { id } } }")
        .await;
    let complete = "mutation($id: ID!) { completeTask(id: $id) { task { id } } }";
    app.by_jwt(&alice).data_with(complete, json!({"id": made["createTask"]["task"]["id"]})).await;
    for (who, slug, percent) in [
        (&alice, "sense-think-act", 100),
        (&bob, "sense-think-act", 100),
        (&dave, "sense-think-act", 99),
        (&alice, "feedback-control", 100),
    ] {
        finish(&app, who, slug, percent).await;
    }
    // Six users and three sessions.
    wait_for_activity(&app, "written", 9).await;
    app
}

async fn analytics_counts(backend: Backend) {
    let app = populated(backend).await;
    let admin = app.by_jwt(&admin());
    let (data, statements) = app.statements_of(admin.data(ALL)).await;
    let chapter = |slug: &str| json!({"slug": slug, "course": {"slug": "physical-ai"}});
    assert_eq!(
        data["analytics"],
        json!({
            "totalUsers": 6, "activeSessions": 3, "activeUsers": 6, "revenue": 78.97,
            "usersByTier": [{"tier": "free", "users": 2}, {"tier": "premium", "users": 3}, {"tier": "enterprise", "users": 1}],
            "tasksCreated": 3, "tasksCompleted": 1, "chapterCompletions": 3,
            "topChapters": [
                {"completions": 2, "chapter": chapter("sense-think-act")},
                {"completions": 1, "chapter": chapter("feedback-control")},
            ],
        })
    );
    // One each for tiers, active users, sessions, tasks created and completed, chapters completed, and, of
    // the top ones, their rows and their courses.
    assert_eq!(statements.len(), 8, "{statements:#?}");
}

async fn old_rows_count(backend: Backend) {
    let app = populated(backend).await;
    let admin = app.by_jwt(&admin());
    age(&app, TimeDelta::minutes(20)).await;
    let ask =
        "query($since: DateTime) { analytics(since: $since) { totalUsers activeSessions activeUsers
        tasksCreated tasksCompleted chapterCompletions } }";
    let since = async |minutes: i64| {
        let moment = (now() - TimeDelta::minutes(minutes)).to_rfc3339();
        admin.data_with(ask, json!({ "since": moment })).await["analytics"].clone()
    };
    let counts = |active: i64, created: i64| {
        json!({"totalUsers": 6, "activeSessions": 0, "activeUsers": active,
        "tasksCreated": created, "tasksCompleted": 1, "chapterCompletions": 3})
    };
    assert_eq!(since(60).await, counts(6, 3));
    assert_eq!(since(10).await, counts(0, 0));
    let none = json!({"totalUsers": 6, "activeSessions": 0, "activeUsers": 0, "tasksCreated": 0,
        "tasksCompleted": 0, "chapterCompletions": 0});
    assert_eq!(since(-10).await, none);
    age(&app, TimeDelta::days(31)).await;
    let ever = admin.data_with(ask, json!({})).await["analytics"].clone();
    assert_eq!(ever, counts(0, 3), "a user is active in the last 30 days");
}

on_both_databases! {
    async fn empty_database_reports_zero(app: App) {
        let data = app.by_jwt(&admin()).data(ALL).await;
        for zero in ["tasksCreated", "tasksCompleted", "chapterCompletions"] {
            assert_eq!(data["analytics"][zero], 0, "{zero}");
        }
        assert_eq!(data["analytics"]["revenue"], 0.0);
        assert_eq!(data["analytics"]["topChapters"], json!([]));
    }
}

#[tokio::test]
async fn analytics_counts_users_tasks_and_chapters() {
    analytics_counts(Backend::Sqlite).await;
    analytics_counts(Backend::Postgres).await;
}

#[tokio::test]
async fn old_rows_count_when_since_is_omitted() {
    old_rows_count(Backend::Sqlite).await;
    old_rows_count(Backend::Postgres).await;
}

#[tokio::test]
async fn analytics_requires_admin() {
    let app = App::start(Backend::Sqlite).await;
    for who in [alice(), user("eve").role("editor").tier("enterprise")] {
        let answer = app.by_jwt(&who).ask(ALL).await;
        assert_eq!(
            answer.codes(),
            ["GRAPHQL_VALIDATION_FAILED"],
            "the field does not exist for them"
        );
    }
    assert_eq!(app.anonymous().ask(ALL).await.codes(), ["GRAPHQL_VALIDATION_FAILED"]);
    let issued = (now() - TimeDelta::minutes(20)).timestamp();
    let stale_admin = app.by_jwt(&user("ada").role("admin").with("iat", issued));
    assert_eq!(stale_admin.ask(ALL).await.codes(), ["REAUTHENTICATION_REQUIRED"]);
}

#[test]
fn tier_price_must_be_a_finite_number() {
    use hallpass_identity::Tiers;
    let tiers: Tiers = "free, premium = 9.99 ,enterprise=49".parse().unwrap();
    assert_eq!((tiers.price("free"), tiers.price("premium"), tiers.price("odd")), (0.0, 9.99, 0.0));
    assert_eq!((tiers.counted_as("premium"), tiers.counted_as("odd")), ("premium", "free"));
    for wrong in ["free=x", "free=-1", "free=NaN", "free=inf", "free=1e300", "free="] {
        assert!(wrong.parse::<Tiers>().is_err(), "{wrong}");
    }
}
