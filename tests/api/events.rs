//! Events, as they are published and heard inside the server.

use std::time::Duration;

use hallpass::events::{Change, Event, Events, Lagged, Listener, Row};
use hallpass_data::UserId;
use hallpass_entity::TaskId;

#[expect(clippy::disallowed_methods, reason = "nobody is let in here")]
fn owner(name: &str) -> UserId {
    UserId::from_verified_subject(name.to_owned())
}

fn event() -> Event {
    Event { change: Change::Created, row: Row::Task(TaskId::generate()) }
}

async fn heard(listener: &mut Listener) -> Result<Event, Lagged> {
    listener.next().await.map(|delivered| delivered.event)
}

#[tokio::test]
async fn each_listener_hears_its_owners_events_in_order_and_nobody_elses() {
    let events = Events::default();
    let (alice, bob) = (owner("alice"), owner("bob"));
    let mut hers = [events.listen(&alice), events.listen(&alice)];
    let mut his = events.listen(&bob);
    let (first, second, other) = (event(), event(), event());
    events.publish(&bob, other);
    events.publish(&alice, first);
    events.publish(&alice, second);
    for listener in &mut hers {
        assert_eq!(heard(listener).await, Ok(first));
        assert_eq!(heard(listener).await, Ok(second));
    }
    assert_eq!(heard(&mut his).await, Ok(other));
    let silence = tokio::time::timeout(Duration::ZERO, his.next()).await;
    assert!(silence.is_err(), "bob heard {silence:?}");
}

#[tokio::test]
async fn a_listener_that_falls_behind_is_told_and_holds_nobody_up() {
    let events = Events::default();
    let alice = owner("alice");
    let (mut slow, mut quick) = (events.listen(&alice), events.listen(&alice));
    for _ in 0..1000 {
        let event = event();
        events.publish(&alice, event);
        assert_eq!(heard(&mut quick).await, Ok(event));
    }
    assert_eq!(heard(&mut slow).await, Err(Lagged));
}

#[test]
fn a_channel_is_gone_with_its_last_listener() {
    let events = Events::default();
    let alice = owner("alice");
    events.publish(&alice, event());
    assert_eq!(events.owners(), 0, "nobody listens, nothing is kept");
    let (one, other) = (events.listen(&alice), events.listen(&alice));
    drop(one);
    assert_eq!(events.owners(), 1);
    drop(other);
    assert_eq!(events.owners(), 0);
}
