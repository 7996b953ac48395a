//! What is kept of a subscription while no event arrives.

use std::sync::Arc;

use async_graphql::{Request, Response, Value, value};
use futures_util::StreamExt as _;
use hallpass::access::{Policy, RequestAuth, SchemaView};
use hallpass::config::OwnSettings;
use hallpass::events::{Change, Event, EventKind, Events, Lagged};
use hallpass::graphql::{
    OwnershipDenial, Services, Subscription, SubscriptionSlot, execute_event, subscribe,
};
use hallpass_data::Scope;
use hallpass_entity::{ChapterId, TaskId};
use hallpass_identity::Caller;
use uuid::Uuid;

use crate::access::guards::caller;
use crate::cli::commands::Process;
use crate::support::app::{App, Backend, application};
use crate::support::callers::{alice, user};
use crate::support::issuer::Issuer;
use crate::support::socket::Socket;

/// The limit of the values that each subscription keeps for its executions. Most of them are scopes.
const MAX_DATA_BYTES: usize = 2048;
/// The limit of what a subscription takes, with its share of the socket that runs it and 30 others.
const MAX_SUBSCRIPTION_BYTES: u64 = 10 * 1024;
/// Callers, the sockets of each, and the operations of each socket.
const CALLERS: u64 = 41;
const SOCKETS: u64 = 8;
const OPERATIONS: u64 = 32;

fn request(caller: Option<Arc<Caller>>, scope: Scope, events: &Events) -> Request {
    let policy = Policy { tiers: "free".parse().unwrap(), roles: "".parse().unwrap() };
    let auth = RequestAuth::without_audit(caller, policy);
    let (settings, denial) = (OwnSettings::default(), OwnershipDenial::Hide);
    let services = Services { events: events.clone(), settings, denial };
    let mut request = Request::new("subscription { taskEvents { kind } }").data(Arc::new(services));
    application().add_data(&mut request.data, auth, scope);
    request
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

/// The resident memory of a process, in bytes.
fn resident(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// The sockets of a caller, with a subscription for each operation that they may run.
async fn subscribed(server: &Process, address: &str) -> Vec<Socket> {
    let token = Issuer::shared().token(&user(address).claims());
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        let headers =
            [("sec-websocket-protocol", "graphql-transport-ws"), ("x-forwarded-for", address)];
        let socket = Socket::open_at_url(&server.url, "/graphql/ws", &headers).await.unwrap();
        let mut socket = socket.signed_in(&token).await;
        for id in 1..OPERATIONS {
            socket.execute(&id.to_string(), "subscription { taskEvents { kind } }").await;
        }
        // Operations begin in order: once it is answered, the others have subscribed.
        socket.execute("last", "{ __typename }").await;
        assert_eq!(socket.next_message().await["type"], "next");
        sockets.push(socket);
    }
    sockets
}

#[tokio::test]
async fn ten_thousand_idle_subscriptions_are_small() {
    let server = Process::start(&[
        ("BETTER_AUTH_URL", Issuer::shared().url()),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("RATE_LIMIT", "off"),
        ("RUST_LOG", "warn"),
    ]);
    let warm = subscribed(&server, "10.1.0.1").await;
    let before = resident(&server);
    let mut open = Vec::new();
    for number in 0..CALLERS {
        open.push(subscribed(&server, &format!("10.0.0.{number}")).await);
    }
    let each = (resident(&server) - before) / (CALLERS * SOCKETS * (OPERATIONS - 1));
    println!("{each} bytes each");
    assert!(each <= MAX_SUBSCRIPTION_BYTES, "{each} bytes each");
    drop((warm, open));
}
