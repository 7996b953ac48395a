//! A task that becomes overdue is an event, without a change.

use chrono::TimeDelta;
use hallpass::testing::User;
use hallpass_data::{now, step_clock};
use serde_json::{Value, json};

use crate::data::row_security::with_row_security;
use crate::on_both_databases;
use crate::support::app::{App, Backend, Client};
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;
use crate::support::socket::{ReceivedEvent, Socket};

/// A time in the future, or in the past.
pub fn due_in(milliseconds: i64) -> Value {
    (now() + TimeDelta::milliseconds(milliseconds)).to_rfc3339().into()
}

/// Creates a task with this due time, and returns its id.
pub async fn create(who: &Client<'_>, title: &str, due: &Value) -> Value {
    let document =
        "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }";
    let input = json!({"title": title, "dueAt": due, "isPublic": true});
    who.data_with(document, json!({ "input": input })).await["createTask"]["task"]["id"].clone()
}

async fn run(who: &Client<'_>, mutation: &str) {
    who.data(&format!("mutation {{ {mutation} {{ __typename }} }}")).await;
}

/// The task events of `who`, subscribed.
pub struct Events(Socket);

impl Events {
    pub async fn of(app: &App, who: &User, since: &Value) -> Self {
        let valid = who.clone().with("exp", now().timestamp() + 900);
        let mut socket = Socket::by_bearer(app, &Issuer::shared().token(&valid.claims())).await;
        let query = format!(
            "subscription {{ taskEvents(since: {since}) {{ kind sequence task {{ title completed }} }} }}"
        );
        socket.execute("1", &query).await;
        Self(socket)
    }

    pub async fn next(&mut self) -> Value {
        self.0.next_message().await["payload"]["data"]["taskEvents"].clone()
    }

    /// Receives the creation of the task with this title, and these overdue tasks, before or after it. Other changes
    /// are skipped.
    async fn expect(&mut self, created: &str, overdue: &[&str]) {
        let (mut is_created, mut received) = (false, Vec::new());
        while !is_created || received.len() < overdue.len() {
            let event = self.next().await;
            let title = event["task"]["title"].as_str().unwrap_or_default().to_owned();
            match event["kind"].as_str().unwrap() {
                "OVERDUE" => {
                    assert_eq!(event["task"]["completed"], false, "{event}");
                    received.push(title);
                }
                "CREATED" => is_created |= title == created,
                _ => {}
            }
        }
        assert_eq!(received, overdue, "beside {created}");
    }
}

on_both_databases! {
    async fn task_becomes_overdue_once(app: App) {
        let (alices, bobs) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let mut events = Events::of(&app, &alice(), &json!("")).await;
        let mut of_bob = Events::of(&app, &bob(), &json!("")).await;
        let same = due_in(60_000);
        for (who, title, due) in [
            (&bobs, "of bob", due_in(30_000)),
            (&alices, "one", same.clone()),
            (&alices, "other", same),
            (&alices, "overdue already", due_in(-60_000)),
            (&alices, "much later", due_in(600_000)),
            (&alices, "without due time", Value::Null),
        ] {
            create(who, title, &due).await;
        }
        for (title, change) in [
            ("done", "completeTask(id: ID)".to_owned()),
            ("moved", format!("updateTask(id: ID, input: {{dueAt: {}}})", due_in(90_000))),
            ("without due time again", "updateTask(id: ID, input: {dueAt: null})".to_owned()),
            ("gone", "deleteTask(id: ID)".to_owned()),
        ] {
            let id = create(&alices, title, &due_in(50_000)).await;
            run(&alices, &change.replace("ID", &id.to_string())).await;
        }
        // A change wakes the subscription, whose timer does not see that the clock was stepped.
        for (step, title, overdue) in [
            (0, "before", &[][..]),
            (70, "later", &["one", "other"]),
            (30, "last", &["moved"]),
            (0, "end", &[]),
        ] {
            step_clock(TimeDelta::seconds(step));
            create(&alices, title, &Value::Null).await;
            events.expect(title, overdue).await;
        }
        create(&bobs, "later", &Value::Null).await;
        of_bob.expect("later", &["of bob"]).await;
        create(&bobs, "end", &Value::Null).await;
        of_bob.expect("end", &[]).await;
    }

    async fn overdue_event_has_the_place_before_it(app: App) {
        let who = app.by_jwt(&alice());
        create(&who, "first", &due_in(2_000)).await;
        let mut events = Events::of(&app, &alice(), &Value::Null).await;
        let first = events.next().await;
        assert_eq!((&first["kind"], &first["task"]["title"]), (&json!("OVERDUE"), &json!("first")));
        drop(events);
        create(&who, "second", &due_in(2_000)).await;
        let mut events = Events::of(&app, &alice(), &first["sequence"]).await;
        let created = events.next().await;
        assert_eq!((&created["kind"], &created["task"]["title"]), (&json!("CREATED"), &json!("second")));
        let second = events.next().await;
        assert_eq!((&second["kind"], &second["sequence"]), (&json!("OVERDUE"), &created["sequence"]));
        drop(events);
        create(&who, "third", &Value::Null).await;
        let mut events = Events::of(&app, &alice(), &second["sequence"]).await;
        let third = events.next().await;
        assert_eq!(third["task"]["title"], "third", "neither an old event nor a resync");
    }
}

#[tokio::test]
async fn overdue_works_with_row_security() {
    task_becomes_overdue_once::case(with_row_security(&[]).await).await;
}

#[tokio::test]
async fn due_times_are_read_after_events_only() {
    let app = App::start(Backend::Sqlite).await;
    let who = app.by_jwt(&alice());
    let mut events = Events::of(&app, &alice(), &json!("")).await;
    assert_eq!(events.next().await["kind"], "RESYNC");
    let work = async {
        for title in ["one", "two", "three"] {
            create(&who, title, &Value::Null).await;
            assert_eq!(events.next().await["kind"], "CREATED");
        }
        create(&who, "due", &due_in(1_000)).await;
        for kind in ["CREATED", "OVERDUE"] {
            assert_eq!(events.next().await["kind"], kind);
        }
    };
    let (_, statements) = app.statements_of(work).await;
    let reads = statements.iter().filter(|it| reads_due_times(it)).count();
    assert!((2..=7).contains(&reads), "{reads} in {statements:#?}");
}

/// Whether a statement reads which task becomes overdue next.
pub fn reads_due_times(sql: &str) -> bool {
    sql.starts_with("SELECT") && sql.contains("\"updated_at\" < \"task\".\"due_at\"")
}

#[tokio::test]
async fn overdue_is_not_sent_after_the_token_expired() {
    let app = App::start(Backend::Sqlite).await;
    let fresh = || alice().with("exp", now().timestamp() + 900);
    create(&app.by_jwt(&fresh()), "late", &due_in(600_000)).await;
    let mut events = Events::of(&app, &alice(), &json!("")).await;
    assert_eq!(events.next().await["kind"], "RESYNC");
    step_clock(TimeDelta::minutes(16));
    create(&app.by_jwt(&fresh()), "wakes the subscription", &Value::Null).await;
    let received = events.0.recv().await;
    assert!(matches!(received, ReceivedEvent::Closed(4403, _)), "{received:?}");
}
