use std::future::Future;
use std::pin::{Pin, pin};

use super::*;

fn read(table: &str) -> Work {
    Work::of(&format!("SELECT \"id\" FROM \"{table}\""))
}

const TIMEOUT: Duration = Duration::from_millis(20);

fn of(connections: u32) -> Arc<Bulkhead> {
    Bulkhead::new(connections, false, TIMEOUT)
}

fn caller(name: &str) -> Client {
    Client::Caller(name.into())
}

fn anonymous(last: u8) -> Client {
    Client::Anonymous([192, 0, 2, last].into())
}

/// Every permit that `client` gets without waiting.
async fn all_of(bulkhead: &Arc<Bulkhead>, client: &Client, work: Work) -> Vec<Permit> {
    let mut permits = Vec::new();
    while let Some(permit) = now(pin!(bulkhead.acquire(client, work))).await {
        permits.push(permit);
    }
    permits
}

/// The permit, if it is granted without waiting.
async fn now(future: Pin<&mut impl Future<Output = Option<Permit>>>) -> Option<Permit> {
    tokio::select! {
        biased;
        permit = future => permit,
        () = std::future::ready(()) => None,
    }
}

#[tokio::test]
async fn a_caller_holds_half_of_the_connections() {
    let bulkhead = of(8);
    let notes = all_of(&bulkhead, &caller("a"), read("note")).await;
    let orders = all_of(&bulkhead, &caller("a"), read("order")).await;
    assert_eq!((notes.len(), orders.len()), (3, 1));
}

#[tokio::test]
async fn anonymous_callers_leave_half_to_others() {
    let bulkhead = of(8);
    let mut held = Vec::new();
    for last in 0..20 {
        for work in [read("note"), read("order"), read("item")] {
            held.extend(all_of(&bulkhead, &anonymous(last), work).await);
        }
    }
    assert_eq!(held.len(), 4);
    assert_eq!(all_of(&bulkhead, &caller("a"), read("order")).await.len(), 3);
}

#[tokio::test]
async fn one_table_leaves_connections_to_others() {
    let bulkhead = of(8);
    let mut held = Vec::new();
    for (name, last) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        held.extend(all_of(&bulkhead, &anonymous(last), read("note")).await);
        held.extend(all_of(&bulkhead, &caller(name), read("note")).await);
    }
    assert_eq!(held.len(), 5);
    for client in [caller("a"), caller("e"), anonymous(1), anonymous(4)] {
        let mut order = pin!(bulkhead.acquire(&client, read("order")));
        assert!(now(order.as_mut()).await.is_some(), "{client:?}");
    }
}

#[tokio::test]
async fn server_work_has_a_connection_left() {
    let bulkhead = of(4);
    let mut held = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        for work in [read("note"), read("order"), read("item")] {
            held.extend(all_of(&bulkhead, &caller(name), work).await);
        }
    }
    assert_eq!(held.len(), 3);
    let audit = now(pin!(bulkhead.acquire(&Client::Server, read("audit_event")))).await;
    assert!(audit.is_some());
}

#[tokio::test]
async fn least_recently_served_client_comes_first() {
    let bulkhead = of(1);
    let (busy, client) = (caller("a"), caller("b"));
    let held = bulkhead.acquire(&busy, read("note")).await;
    let mut busy: Vec<_> =
        (0..3).map(|_| Box::pin(bulkhead.acquire(&busy, read("note")))).collect();
    let mut other = pin!(bulkhead.acquire(&client, read("note")));
    for waiter in &mut busy {
        assert!(now(waiter.as_mut()).await.is_none());
    }
    assert!(now(other.as_mut()).await.is_none());
    drop(held);
    let permit = now(other.as_mut()).await;
    assert!(permit.is_some(), "requested last, served first: it has not been served yet");
    drop(permit);
    assert!(now(busy[0].as_mut()).await.is_some());
}

#[tokio::test]
async fn cancelled_waiter_does_not_block_others() {
    for client in ["a", "b"].map(caller) {
        let bulkhead = of(1);
        let held = bulkhead.acquire(&caller("a"), read("note")).await;
        {
            let mut gone = pin!(bulkhead.acquire(&client, read("note")));
            assert!(now(gone.as_mut()).await.is_none());
        }
        drop(held);
        assert!(now(pin!(bulkhead.acquire(&caller("c"), read("note")))).await.is_some());
        let state = bulkhead.state();
        assert!(state.counters.is_empty() && state.waiting.is_empty());
    }
}

#[tokio::test]
async fn transactions_leave_each_share_a_connection() {
    for connections in 2..=16 {
        let bulkhead = of(connections);
        let mut transactions = Vec::new();
        for name in 0..40 {
            let client = caller(&name.to_string());
            transactions.extend(all_of(&bulkhead, &client, Work::transaction()).await);
        }
        let client = caller("0");
        let second = now(pin!(bulkhead.acquire(&client, read("note")))).await;
        assert!(second.is_some(), "{connections} connections");
    }
}

#[tokio::test]
async fn sqlite_writers_wait_for_each_other() {
    let bulkhead = Bulkhead::new(8, true, TIMEOUT);
    let write = bulkhead.acquire(&caller("a"), Work::of("INSERT INTO \"note\" VALUES (1)")).await;
    let client = caller("b");
    let mut other = pin!(bulkhead.acquire(&client, Work::transaction()));
    assert!(now(other.as_mut()).await.is_none());
    assert_eq!(all_of(&bulkhead, &client, read("note")).await.len(), 3);
    drop(write);
    assert!(now(other.as_mut()).await.is_some());
}

#[test]
fn work_is_read_from_the_statement() {
    let note = read("note");
    for sql in [
        "SELECT COUNT(*) FROM (SELECT 1 FROM \"note\" WHERE \"id\" = ?) AS \"counted\"",
        "SELECT \"note\".\"id\" FROM \"note\" WHERE EXISTS (SELECT 1 FROM \"note_tag\")",
    ] {
        assert_eq!(Work::of(sql), note, "{sql}");
    }
    for sql in [
        "INSERT INTO \"note\" (\"id\") SELECT 1 FROM \"order\" RETURNING \"id\"",
        "UPDATE \"note\" SET \"title\" = ?",
        "DELETE FROM \"note\"",
    ] {
        assert_eq!(Work::of(sql), Work { writes: true, ..note }, "{sql}");
    }
    assert_ne!(read("order"), note);
    assert_ne!(Work::transaction(), Work::of("PRAGMA x"));
}

#[tokio::test]
async fn clients_that_come_again_do_not_pass_others() {
    let bulkhead = of(3);
    let client = caller("with two statements");
    let _held = bulkhead.acquire(&caller("0"), read("tag")).await.unwrap();
    let mut running = bulkhead.acquire(&client, read("note")).await;
    let mut second = pin!(bulkhead.acquire(&client, read("order")));
    assert!(now(second.as_mut()).await.is_none());
    for turn in 0..10 {
        let again = caller(["1", "2"][turn % 2]);
        let mut next = Box::pin(bulkhead.acquire(&again, read("item")));
        assert!(now(next.as_mut()).await.is_none());
        drop(running.take());
        if now(second.as_mut()).await.is_some() {
            return;
        }
        running = now(next.as_mut()).await;
    }
    panic!("the second statement does not run");
}

/// How long a statement of `client` would wait.
fn wait_of(bulkhead: &Arc<Bulkhead>, client: Client) -> Duration {
    bulkhead.queue_time(|| client).wait
}

#[tokio::test]
async fn queue_time_is_of_the_own_class() {
    let bulkhead = of(4);
    let (first, second, third) = (anonymous(1), anonymous(2), anonymous(3));
    let _note = bulkhead.acquire(&first, read("note")).await;
    drop(bulkhead.acquire(&second, read("order")).await);
    let _order = bulkhead.acquire(&second, read("order")).await;
    assert_eq!(wait_of(&bulkhead, anonymous(99)), Duration::ZERO, "none waits");
    let mut waiting = pin!(bulkhead.acquire(&third, read("item")));
    assert!(now(waiting.as_mut()).await.is_none());
    assert!(wait_of(&bulkhead, anonymous(99)) > Duration::ZERO);
    assert_eq!(wait_of(&bulkhead, caller("99")), Duration::ZERO, "signed-in callers have the rest");
}

#[tokio::test]
async fn anonymous_callers_are_behind_waiting_ones() {
    let bulkhead = of(4);
    drop(bulkhead.acquire(&caller("0"), read("note")).await);
    let mut held = Vec::new();
    for (id, table) in [("1", "note"), ("2", "order"), ("3", "item")] {
        held.push(bulkhead.acquire(&caller(id), read(table)).await.unwrap());
    }
    let client = caller("4");
    let mut waiting = pin!(bulkhead.acquire(&client, read("tag")));
    assert!(now(waiting.as_mut()).await.is_none());
    let signed_in = wait_of(&bulkhead, caller("99"));
    assert!(signed_in > Duration::ZERO);
    assert_eq!(wait_of(&bulkhead, anonymous(99)), signed_in, "none of them waits");
}

#[tokio::test]
async fn queue_time_follows_the_turns_of_clients() {
    let bulkhead = of(4);
    drop(bulkhead.acquire(&caller("0"), read("note")).await);
    let tables = ["note", "order", "item"];
    let mut held = Vec::new();
    for (id, table) in ["1", "2", "3"].into_iter().zip(tables) {
        held.push(bulkhead.acquire(&caller(id), read(table)).await.unwrap());
    }
    let clients = [caller("4"), caller("4"), caller("4"), caller("5")];
    let mut waiting: Vec<_> = clients
        .iter()
        .zip(tables.into_iter().cycle())
        .map(|(client, table)| Box::pin(bulkhead.acquire(client, read(table))))
        .collect();
    for acquire in &mut waiting {
        assert!(now(acquire.as_mut()).await.is_none());
    }
    let of_one = |id| wait_of(&bulkhead, caller(id)).as_nanos();
    let (busy, with_one, new) = (of_one("4"), of_one("5"), of_one("6"));
    // All four; one of its own and two of the other; one of each.
    assert!((busy * 3).abs_diff(with_one * 4) < 20, "{busy} {with_one}");
    assert!((busy * 2).abs_diff(new * 4) < 20, "{busy} {new}");
}

#[tokio::test]
async fn client_at_its_own_limit_delays_no_other() {
    let bulkhead = of(8);
    let client = caller("busy");
    drop(bulkhead.acquire(&client, read("note")).await);
    let mut held = Vec::new();
    for table in ["note", "order", "item", "tag"] {
        held.push(bulkhead.acquire(&client, read(table)).await.unwrap());
    }
    let mut waiting = pin!(bulkhead.acquire(&client, read("note")));
    assert!(now(waiting.as_mut()).await.is_none());
    assert_eq!(wait_of(&bulkhead, caller("other")), Duration::ZERO);
    assert_eq!(wait_of(&bulkhead, client.clone()), Duration::ZERO, "there is no overload");
}

#[tokio::test]
async fn stuck_statements_are_not_ahead_of_others() {
    let bulkhead = Bulkhead::new(8, false, TIMEOUT * 1_000);
    drop(bulkhead.acquire(&caller("0"), read("note")).await);
    let mut held = Vec::new();
    for (id, table) in [("1", "note"), ("2", "note"), ("3", "note"), ("4", "note"), ("5", "note")] {
        held.push(bulkhead.acquire(&caller(id), read(table)).await.unwrap());
    }
    for (id, table) in [("6", "order"), ("7", "item")] {
        held.push(bulkhead.acquire(&caller(id), read(table)).await.unwrap());
    }
    let client = caller("8");
    let mut waiting = pin!(bulkhead.acquire(&client, read("note")));
    assert!(now(waiting.as_mut()).await.is_none());
    assert!(wait_of(&bulkhead, caller("9")) > Duration::ZERO);
    tokio::time::sleep(queue::STUCK).await;
    held.pop();
    held.push(bulkhead.acquire(&caller("7"), read("item")).await.unwrap());
    assert_eq!(wait_of(&bulkhead, caller("9")), Duration::ZERO);
}

#[tokio::test]
async fn locked_table_delays_only_its_statements() {
    let bulkhead = Bulkhead::new(8, false, TIMEOUT * 1_000);
    let blocked = bulkhead.acquire(&anonymous(1), read("note")).await;
    drop(bulkhead.acquire(&anonymous(1), read("order")).await);
    tokio::time::sleep(crate::queue_time::SLOW).await;
    drop(blocked);
    let mut notes = Vec::new();
    for last in 0..3 {
        notes.push(bulkhead.acquire(&anonymous(last), read("note")).await.unwrap());
    }
    let client = anonymous(3);
    let mut waiting = pin!(bulkhead.acquire(&client, read("note")));
    assert!(now(waiting.as_mut()).await.is_none());
    assert_eq!(wait_of(&bulkhead, anonymous(99)), Duration::ZERO, "one is free");
    let mut order = Some(bulkhead.acquire(&anonymous(4), read("order")).await.unwrap());
    assert_eq!(
        wait_of(&bulkhead, anonymous(99)),
        Duration::ZERO,
        "the next to be released is for others"
    );
    let client = anonymous(5);
    let mut next = pin!(bulkhead.acquire(&client, read("item")));
    assert!(now(next.as_mut()).await.is_none());
    let queue = wait_of(&bulkhead, anonymous(99));
    assert!(Duration::ZERO < queue && queue < TIMEOUT, "one that is fast: {queue:?}");
    order.take();
    assert!(now(next.as_mut()).await.is_some());
    notes.clear();
    let note = now(waiting.as_mut()).await;
    assert!(note.is_some());
    drop(note);
    assert!(bulkhead.state().blocked.is_empty(), "the lock has ended");
}

#[tokio::test]
async fn waiting_times_out() {
    let bulkhead = of(1);
    let _held = bulkhead.acquire(&caller("a"), read("note")).await;
    assert!(bulkhead.acquire(&caller("b"), read("note")).await.is_none());
}
