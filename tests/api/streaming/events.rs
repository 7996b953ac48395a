//! Events, as they are published and received inside the server.

use hallpass_data::trusted::VerifiedSubject as _;
use std::time::Duration;

use hallpass::events::{Change, Event, EventKind, Events, Lagged, Listener};
use hallpass_data::UserId;
use hallpass_entity::TaskId;

#[expect(clippy::disallowed_methods, reason = "no caller is authenticated here")]
pub fn owner(name: &str) -> UserId {
    UserId::from_verified_subject(name.to_owned())
}

fn event() -> Event {
    EventKind::new("task").event(Change::Created, TaskId::generate())
}

async fn next_event(listener: &mut Listener) -> Result<Event, Lagged> {
    listener.next().await.map(|delivered| delivered.event.clone())
}

#[tokio::test]
async fn events_arrive_in_order_per_owner() {
    let events = Events::default();
    let (alice, bob) = (owner("alice"), owner("bob"));
    let mut alices = [events.listen(&alice), events.listen(&alice)];
    let mut bobs = events.listen(&bob);
    let (first, second, other) = (event(), event(), event());
    events.publish(&bob, other.clone());
    events.publish(&alice, first.clone());
    events.publish(&alice, second.clone());
    for listener in &mut alices {
        assert_eq!(next_event(listener).await, Ok(first.clone()));
        assert_eq!(next_event(listener).await, Ok(second.clone()));
    }
    assert_eq!(next_event(&mut bobs).await, Ok(other));
    let no_event = tokio::time::timeout(Duration::ZERO, bobs.next()).await;
    assert!(no_event.is_err(), "bob received {no_event:?}");
}

#[tokio::test]
async fn lagging_subscriber_gets_lagged() {
    let events = Events::default();
    let alice = owner("alice");
    let (mut slow, mut quick) = (events.listen(&alice), events.listen(&alice));
    for _ in 0..1000 {
        let event = event();
        events.publish(&alice, event.clone());
        assert_eq!(next_event(&mut quick).await, Ok(event));
    }
    assert_eq!(next_event(&mut slow).await, Err(Lagged));
}

#[test]
fn channel_is_dropped_with_its_last_subscriber() {
    let events = Events::default();
    let alice = owner("alice");
    events.publish(&alice, event());
    assert_eq!(events.owners(), 0, "without subscribers nothing is kept");
    let (one, other) = (events.listen(&alice), events.listen(&alice));
    drop(one);
    assert_eq!(events.owners(), 1);
    drop(other);
    assert_eq!(events.owners(), 0);
}
