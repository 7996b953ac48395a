//! What is kept of a subscription while no event arrives.

use std::sync::Arc;

use async_graphql::{Request, Response, Value, value};
use futures_util::StreamExt as _;
use hallpass::access::{Policy, RequestAuth, SchemaView};
use hallpass::events::{Change, Event, EventKind, Events, Lagged};
use hallpass::graphql::{Subscription, SubscriptionSlot, execute_event, subscribe};
use hallpass_data::Scope;
use hallpass_entity::{ChapterId, TaskId};
use hallpass_identity::Caller;
use uuid::Uuid;

use crate::access::guards::caller;
use crate::support::app::{App, Backend, application};
use crate::support::callers::alice;

/// The limit of the values that each subscription keeps for its executions. Most of them are scopes.
const MAX_DATA_BYTES: usize = 2048;

fn request(caller: Option<Arc<Caller>>, scope: Scope, events: &Events) -> Request {
    let policy = Policy { tiers: "free".parse().unwrap(), roles: "".parse().unwrap() };
    let auth = RequestAuth::without_audit(caller, policy);
    let request = Request::new("subscription { taskEvents { kind } }").data(events.clone());
    application().scoped(request, auth, scope)
}

/// All responses of an execution, which must end.
async fn responses(request: Request) -> Vec<Response> {
    let schema = application().schema().build(SchemaView::FULL, true);
    schema.execute_stream(request, Arc::default()).collect().await
}

async fn subscription(request: Request) -> Result<Subscription, Vec<Response>> {
    let slot = SubscriptionSlot::default();
    let responses = responses(subscribe(request, slot.clone())).await;
    slot.take().ok_or(responses)
}

fn created(kind: &'static str, id: impl Into<Uuid>) -> Event {
    EventKind::new(kind).event(Change::Created, id)
}

#[tokio::test]
async fn execution_ends_once_the_field_has_subscribed() {
    let app = App::start(Backend::Sqlite).await;
    let (scope, events) = (app.scope_of(&alice()), Events::default());
    let owner = scope.owner().unwrap().clone();
    let caller = caller(&alice()).await;
    let request = || request(Some(Arc::clone(&caller)), scope.clone(), &events);
    let mut subscription = subscription(request()).await.unwrap_or_else(|it| panic!("{it:?}"));
    events.publish(&owner, created("progress", ChapterId::generate()));
    let task = created("task", TaskId::generate());
    events.publish(&owner, task.clone());
    let delivered = subscription.next().await.unwrap();
    assert_eq!(delivered.event, task, "the field does not select other events");
    let of_event = responses(execute_event(request(), Ok(delivered))).await;
    let [response] = of_event.as_slice() else { panic!("{of_event:?}") };
    assert_eq!(response.data, value!({"taskEvents": {"kind": "CREATED"}}));
    let of_gap = responses(execute_event(request(), Err(Lagged))).await;
    assert_eq!(of_gap.len(), 1);
    assert!(of_gap[0].is_err(), "{of_gap:?}");
    assert_eq!(events.owners(), 1);
    drop(subscription);
    assert_eq!(events.owners(), 0);
}

#[tokio::test]
async fn guard_runs_when_subscribing_and_not_per_event() {
    let app = App::start(Backend::Sqlite).await;
    let events = Events::default();
    let request = || request(None, app.anonymous_scope(), &events);
    let Err(denied) = subscription(request()).await else { panic!("a guest subscribed") };
    let [response] = denied.as_slice() else { panic!("{denied:?}") };
    assert_eq!(response.data, Value::Null);
    assert!(response.errors[0].message.starts_with("Sign in"), "{response:?}");
    let alice = app.scope_of(&alice());
    let mut listener = events.listen(alice.owner().unwrap());
    events.publish(alice.owner().unwrap(), created("task", TaskId::generate()));
    let delivered = listener.next().await.unwrap();
    let of_event = responses(execute_event(request(), Ok(delivered))).await;
    assert!(of_event[0].is_ok(), "{of_event:?}");
}

#[tokio::test]
async fn data_of_an_idle_subscription_is_small() {
    let app = App::start(Backend::Sqlite).await;
    let caller = caller(&alice()).await;
    let request = request(Some(caller), app.scope_of(&alice()), &Events::default());
    let bytes: usize = request.data.values().map(|value| size_of_val(&**value)).sum();
    assert!(bytes <= MAX_DATA_BYTES, "{bytes} bytes");
}
