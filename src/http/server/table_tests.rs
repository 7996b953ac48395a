//! Which connections make room, without a network.

use std::future::pending;

use super::*;

const BOUNDS: Bounds =
    Bounds { total: 4, per_client: 2, unsent_per_client: 100, keep_alive: Duration::from_secs(75) };

fn client(address: &str) -> Option<ClientNetwork> {
    Some(ClientNetwork::of(address.parse().unwrap()))
}

/// A connection that is served until it is closed.
fn connect(table: &Arc<Table>, address: &str) -> Result<Connected, Full> {
    let place = table.admit(client(address))?;
    let task = tokio::spawn(pending::<()>());
    place.served_by(task.abort_handle());
    Ok(Connected { place, task })
}

struct Connected {
    place: Arc<ConnectionSlot>,
    task: tokio::task::JoinHandle<()>,
}

impl Connected {
    async fn is_open(&self) -> bool {
        tokio::task::yield_now().await;
        !self.task.is_finished()
    }
}

#[tokio::test]
async fn idlest_connection_of_the_same_client_makes_room() {
    let table = Table::new(BOUNDS);
    let other = connect(&table, "192.0.2.9").unwrap();
    let first = connect(&table, "192.0.2.1").unwrap();
    let second = connect(&table, "192.0.2.1").unwrap();
    drop(first.place.begin());
    let _third = connect(&table, "192.0.2.1").unwrap();
    assert!(first.is_open().await, "it had a request since");
    assert!(!second.is_open().await);
    assert!(other.is_open().await, "another client's");
}

#[tokio::test]
async fn busy_connections_are_never_closed() {
    let table = Table::new(BOUNDS);
    let addresses = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"];
    let all = addresses.map(|address| connect(&table, address).unwrap());
    let mut busy: Vec<_> = all.iter().map(|it| it.place.begin().unwrap()).collect();
    assert_eq!(connect(&table, "192.0.2.1").err(), Some(Full::Client));
    assert_eq!(connect(&table, "192.0.2.4").err(), Some(Full::Server));
    busy.pop();
    let _new = connect(&table, "192.0.2.4").unwrap();
    assert!(!all[3].is_open().await);
    for connected in &all[..3] {
        assert!(connected.is_open().await);
    }
    drop((busy, all));
    assert!(connect(&table, "192.0.2.1").is_ok(), "dropped connections leave their place");
}

#[tokio::test]
async fn closed_connection_begins_no_request() {
    let table = Table::new(BOUNDS);
    let closed = connect(&table, "192.0.2.1").unwrap();
    assert!(table.evict());
    assert!(closed.place.begin().is_none());
    assert!(closed.place.block(1).is_err());
    assert!(!table.evict(), "none is left");
}

#[tokio::test]
async fn ipv6_addresses_of_one_64_are_one_client() {
    let table = Table::new(BOUNDS);
    let addresses = ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1", "2001:db8:0:1::1"];
    let all = addresses.map(|address| {
        let connected = connect(&table, address).unwrap();
        let busy = table.open().clients.len();
        (connected, busy)
    });
    assert_eq!(all.iter().map(|(_, clients)| *clients).collect::<Vec<_>>(), [1, 1, 1, 2]);
    assert!(!all[0].0.is_open().await);
    let mapped = ["192.0.2.1", "::ffff:192.0.2.1"].map(client);
    assert_eq!(mapped[0], mapped[1]);
}

#[tokio::test]
async fn trusted_proxy_is_bounded_by_the_total_alone() {
    let table = Table::new(BOUNDS);
    let all: Vec<_> = (0..4).map(|_| table.admit(None).unwrap()).collect();
    let busy: Vec<_> = all.iter().map(|place| place.begin().unwrap()).collect();
    assert_eq!(table.admit(None).err(), Some(Full::Server));
    drop(busy);
}

#[tokio::test]
async fn unread_answers_are_bounded_per_client() {
    let table = Table::new(BOUNDS);
    let first = connect(&table, "192.0.2.1").unwrap();
    let second = connect(&table, "192.0.2.1").unwrap();
    let other = connect(&table, "192.0.2.2").unwrap();
    let large = first.place.block(150).unwrap();
    assert!(second.place.block(1).is_err(), "one answer may be large, not the next too");
    assert!(other.place.block(90).is_ok());
    drop(large);
    assert!(second.place.block(90).is_ok());
}
