//! Processor time of the server per request: `cargo bench --bench requests`.
//!
//! Starts the release binary in development mode, on SQLite, and sends it each kind of request over
//! eight keep-alive connections. The figure is the processor time of the server's process divided by
//! the number of requests, which other load changes far less than wall-clock time; the ratio is to the
//! cheapest response, in the same run. See `bench/README.md`.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails stops")]

mod processes;
mod server;

use processes::{memory, processor_time};
use server::{CHAPTERS, CREATE, PAGE, Server};

#[tokio::main]
async fn main() {
    let server = Server::start(&[]);
    println!("memory when idle: {:.0} MiB", memory(server.id()));
    server.fill().await;
    let mut cheapest = None;
    println!("{:<44} {:>10} {:>7}", "", "CPU µs", "ratio");
    for (name, query) in [
        ("a response without GraphQL (/health)", None),
        ("the caller (me)", Some("{ me { id name roles tier } }")),
        ("a page of 20 tasks", Some(PAGE)),
        ("chapters with text and progress", Some(CHAPTERS)),
        ("a new task", Some(CREATE)),
    ] {
        let [micros] = server.cost(query, || [processor_time(server.id())]).await;
        let base = *cheapest.get_or_insert(micros);
        println!("{name:<44} {micros:>10.0} {:>7.1}", micros / base);
    }
    println!("memory after: {:.0} MiB", memory(server.id()));
}
