//! What a request costs the server in processor time: `cargo bench --bench requests`.
//!
//! Starts the release binary in development mode, on SQLite, and sends it each kind of request over
//! eight kept-alive connections. The figure is the processor time of the server's process divided by
//! the requests, which other work on the machine moves far less than the time on the clock; the ratio
//! is to the cheapest answer there is, in the same run. See `bench/README.md`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops where it stands")]

mod server;

use server::{CHAPTERS, CREATE, PAGE, Server, processor_time};

/// Memory in use, in MiB.
fn memory(server: &Server) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

#[tokio::main]
async fn main() {
    let server = Server::start(&[]);
    println!("memory at rest: {:.0} MiB", memory(&server));
    server.fill().await;
    let mut cheapest = None;
    println!("{:<44} {:>10} {:>7}", "", "CPU µs", "ratio");
    for (name, query) in [
        ("an answer without GraphQL (/health)", None),
        ("who am I", Some("{ me { id name roles tier } }")),
        ("a page of 20 tasks", Some(PAGE)),
        ("chapters with text and progress", Some(CHAPTERS)),
        ("a new task", Some(CREATE)),
    ] {
        let [micros] = server.cost(query, || [processor_time(server.id())]).await;
        let base = *cheapest.get_or_insert(micros);
        println!("{name:<44} {micros:>10.0} {:>7.1}", micros / base);
    }
    println!("memory after: {:.0} MiB", memory(&server));
}
