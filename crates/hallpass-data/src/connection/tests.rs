use std::time::Duration;

use super::*;
use crate::database::{Database, Options};

const ONE: &str = "SELECT 1";

async fn pool() -> Pool {
    Database::connect(Options::at("sqlite::memory:")).await.unwrap().pool
}

#[tokio::test]
async fn failed_wait_is_database_time() {
    let (pool, time) = (pool().await, DatabaseTime::default());
    let slots = Arc::new(Semaphore::new(0));
    slots.close();
    assert!(pool.acquire(&Client::Server, &slots, Work::of(ONE), &time).await.is_err());
    assert!(time.total() > Duration::ZERO);
}

#[tokio::test]
async fn cancelled_wait_is_database_time() {
    let (pool, time) = (pool().await, DatabaseTime::default());
    let slots = Arc::new(Semaphore::new(0));
    let mut waiting = Box::pin(pool.acquire(&Client::Server, &slots, Work::of(ONE), &time));
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("there is no slot"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(time.total(), Duration::ZERO, "it still waits");
    drop(waiting);
    assert!(time.total() > Duration::ZERO);
}

#[tokio::test]
async fn cancelled_statement_is_database_time() {
    let (pool, time) = (pool().await, DatabaseTime::default());
    let slots = Arc::new(Semaphore::new(1));
    let connection = pool.acquire(&Client::Server, &slots, Work::of(ONE), &time).await.unwrap();
    let before = time.total();
    let running = connection.lease.run().await.unwrap();
    assert_eq!(time.total(), before, "it still runs");
    drop(running);
    assert!(time.total() > before);
}
