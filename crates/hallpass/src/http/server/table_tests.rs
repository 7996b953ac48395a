//! Tests of admission and eviction, without a network.

use std::future::pending;

use super::*;

const LIMITS: ConnectionLimits = ConnectionLimits {
    total: 4,
    per_client: 2,
    unsent_per_client: 100,
    unsent: 300,
    keep_alive: Duration::from_secs(75),
};

fn client(address: &str) -> Option<ClientNetwork> {
    Some(ClientNetwork::of(address.parse().unwrap()))
}

/// A connection that is served until it is closed.
fn connect(table: &Arc<Table>, address: &str) -> Result<Connected, RejectReason> {
    let slot = table.admit(client(address))?;
    let task = tokio::spawn(pending::<()>());
    slot.served_by(task.abort_handle());
    Ok(Connected { slot, task })
}

struct Connected {
    slot: Arc<ConnectionSlot>,
    task: tokio::task::JoinHandle<()>,
}

impl Connected {
    async fn is_open(&self) -> bool {
        tokio::task::yield_now().await;
        !self.task.is_finished()
    }
}

#[tokio::test]
async fn longest_idle_of_the_same_client_is_evicted() {
    let table = Table::new(LIMITS);
    let other = connect(&table, "192.0.2.9").unwrap();
    let first = connect(&table, "192.0.2.1").unwrap();
    let second = connect(&table, "192.0.2.1").unwrap();
    drop(first.slot.begin());
    let _third = connect(&table, "192.0.2.1").unwrap();
    assert!(first.is_open().await, "it had a request since");
    assert!(!second.is_open().await);
    assert!(other.is_open().await, "another client's");
}

#[tokio::test]
async fn busy_connections_are_never_closed() {
    let table = Table::new(LIMITS);
    let addresses = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"];
    let all = addresses.map(|address| connect(&table, address).unwrap());
    let mut busy: Vec<_> = all.iter().map(|it| it.slot.begin().unwrap()).collect();
    assert_eq!(connect(&table, "192.0.2.1").err(), Some(RejectReason::Client));
    assert_eq!(connect(&table, "192.0.2.4").err(), Some(RejectReason::Server));
    busy.pop();
    let _new = connect(&table, "192.0.2.4").unwrap();
    assert!(!all[3].is_open().await);
    for connected in &all[..3] {
        assert!(connected.is_open().await);
    }
    drop((busy, all));
    assert!(connect(&table, "192.0.2.1").is_ok(), "dropped connections free their slot");
}

#[tokio::test]
async fn closed_connection_begins_no_request() {
    let table = Table::new(LIMITS);
    let closed = connect(&table, "192.0.2.1").unwrap();
    assert!(table.evict());
    assert!(closed.slot.begin().is_none());
    assert!(closed.slot.block(1).is_err());
    assert!(!table.evict(), "none is left");
}

#[tokio::test]
async fn ipv6_addresses_of_one_64_are_one_client() {
    let table = Table::new(LIMITS);
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
async fn trusted_proxy_has_only_the_total_limit() {
    let table = Table::new(LIMITS);
    let all: Vec<_> = (0..4).map(|_| table.admit(None).unwrap()).collect();
    let busy: Vec<_> = all.iter().map(|slot| slot.begin().unwrap()).collect();
    assert_eq!(table.admit(None).err(), Some(RejectReason::Server));
    drop(busy);
}

#[tokio::test]
async fn unsent_bytes_are_limited_per_client() {
    let table = Table::new(LIMITS);
    let first = connect(&table, "192.0.2.1").unwrap();
    let second = connect(&table, "192.0.2.1").unwrap();
    let other = connect(&table, "192.0.2.2").unwrap();
    let large = first.slot.block(150).unwrap();
    assert!(second.slot.block(1).is_err(), "one response may exceed the limit, the next may not");
    assert!(other.slot.block(90).is_ok());
    drop(large);
    assert!(second.slot.block(90).is_ok());
}

#[tokio::test]
async fn unsent_bytes_are_limited_in_total() {
    let table = Table::new(LIMITS);
    let slots = ["192.0.2.1", "192.0.2.2"].map(|it| table.admit(client(it)).unwrap());
    let proxy = table.admit(None).unwrap();
    let first = slots[0].block(100).unwrap();
    let _second = slots[1].block(100).unwrap();
    let _third = proxy.block(100).unwrap();
    assert!(proxy.block(1).is_err(), "the connections of a proxy count too");
    drop(first);
    assert!(proxy.block(50).is_ok());
}
