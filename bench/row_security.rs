//! Processor time of `ROW_SECURITY=on`: `cargo bench --bench row_security`.
//!
//! Starts the release binary twice on a PostgreSQL cluster of its own, without and with row-level
//! security, and sends both the same requests alternately. The figures are processor time per request, of
//! the server's process and of PostgreSQL's; the ratio is of their sums, with to without. See
//! `bench/README.md`.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails stops")]

mod database;
#[expect(dead_code, reason = "another benchmark reads memory")]
mod processes;
mod server;

use database::{Backends, postgres};
use processes::processor_time;
use server::{CHAPTERS, CREATE, PAGE, Server};

/// How often both are measured, alternately.
const ROUNDS: u32 = 3;

/// The processor time of both per request of this kind, measured alternately: off and on, of the server
/// and of PostgreSQL.
async fn compare(
    servers: [&Server; 2],
    query: &str,
    times: impl Fn(&Server) -> [f64; 2],
) -> [[f64; 2]; 2] {
    let mut costs = [[0.0; 2]; 2];
    for _ in 0..ROUNDS {
        for (cost, server) in costs.iter_mut().zip(servers) {
            let [of_server, of_database] = server.cost(Some(query), || times(server)).await;
            cost[0] += of_server / f64::from(ROUNDS);
            cost[1] += of_database / f64::from(ROUNDS);
        }
    }
    costs
}

#[tokio::main]
async fn main() {
    let [off, on] = ["off", "on"].map(|row_security| {
        let url = postgres::plain_database();
        Server::start(&[("DATABASE_URL", &url), ("ROW_SECURITY", row_security)])
    });
    let backends = Backends::of("plain");
    let times = |server: &Server| [processor_time(server.id()), backends.processor_time()];
    for server in [&off, &on] {
        server.fill().await;
    }
    println!("{:<34} {:>18} {:>18} {:>7}", "CPU µs (server + PostgreSQL)", "off", "on", "ratio");
    for (name, query) in [
        ("a page of 20 tasks", PAGE),
        ("public tasks of all users", "{ publicTasks(first: 20) { nodes { id title } } }"),
        ("chapters with text and progress", CHAPTERS),
        ("a new task", CREATE),
        (
            "a new task with tags",
            "mutation { createTask(input: {title: \"M\", tags: [\"a\"]}) { task { id } } }",
        ),
    ] {
        let [without, with] = compare([&off, &on], query, times).await;
        let text = |[server, database]: [f64; 2]| format!("{server:.0} + {database:.0}");
        let ratio = (with[0] + with[1]) / (without[0] + without[1]);
        println!("{name:<34} {:>18} {:>18} {ratio:>7.2}", text(without), text(with));
    }
}
