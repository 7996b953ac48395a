//! Comparisons for filters of domains, each on a nullable column.

use chrono::TimeDelta;
use hallpass_data::{Comparison, Filter, Timestamp, now};
use hallpass_entity::task;
use serde_json::json;

use crate::on_both_databases;
use crate::support::app::App;
use crate::support::callers::alice;

async fn titles(app: &App, filter: Filter<task::Entity>) -> String {
    let mine = app.scope_of(&alice()).owned::<task::Entity>().unwrap();
    let mut rows = mine.filter(filter).all().await.unwrap();
    rows.sort_by(|one, other| one.title.cmp(&other.title));
    rows.into_iter().map(|row| row.title).collect()
}

on_both_databases! {
    async fn comparisons_select_their_rows(app: App) {
        use task::Column::{DueAt, Priority, Title};

        let first: Timestamp = now();
        let (second, third) = (first + TimeDelta::days(1), first + TimeDelta::days(2));
        let make = "mutation($title: String!, $due: DateTime, $priority: TaskPriority!) {
            createTask(input: {title: $title, dueAt: $due, priority: $priority}) { task { id } } }";
        for (title, due, priority) in [
            ("a", Some(first), "LOW"),
            ("b", Some(second), "HIGH"),
            ("c", Some(third), "HIGH"),
            ("d", None, "LOW"),
        ] {
            let due = due.map(|due| due.to_rfc3339());
            let variables = json!({"title": title, "due": due, "priority": priority});
            app.by_jwt(&alice()).data_with(make, variables).await;
        }
        let none: Option<Timestamp> = None;
        for (expected, filter) in [
            ("d", Comparison::is(DueAt, none)),
            ("b", Comparison::is(DueAt, second)),
            ("b", Comparison::is(DueAt, Some(second))),
            ("abc", Comparison::is_not(DueAt, none)),
            ("acd", Comparison::is_not(DueAt, second)),
            ("bcd", Comparison::is_not(Title, "a")),
            ("d", Comparison::is_null(DueAt)),
            ("abc", Comparison::is_not_null(DueAt)),
            ("a", DueAt.less_than(second)),
            ("ab", DueAt.at_most(second)),
            ("bc", DueAt.at_least(second)),
            ("c", DueAt.greater_than(second)),
            ("bc", Priority.at_least(task::Priority::High)),
            ("ad", Comparison::is_not(Priority, task::Priority::High)),
            ("ad", DueAt.one_of([Some(first), None])),
            ("ac", DueAt.one_of([first, third])),
            ("", DueAt.one_of(std::iter::empty::<Timestamp>())),
            ("c", Comparison::is_not(DueAt, none).and(Comparison::is_not(DueAt, first)).and(DueAt.greater_than(second))),
        ] {
            assert_eq!(titles(&app, filter).await, expected);
        }
    }
}
