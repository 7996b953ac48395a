//! What `ROW_SECURITY=on` costs: `cargo bench --bench row_security`.
//!
//! Starts the release binary twice on a PostgreSQL cluster of its own, without and with row-level
//! security, and sends both the same requests in turn. The figures are processor time per request, of
//! the server's process and of PostgreSQL's; the ratio is of both together, with to without. See
//! `bench/README.md`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops where it stands")]

#[expect(dead_code, reason = "the tests ask for more kinds of databases")]
#[path = "../tests/api/postgres.rs"]
mod postgres;
mod server;

/// What the tests' PostgreSQL is migrated with.
mod app {
    pub use hallpass::testing::config;
}

use server::{CHAPTERS, CREATE, PAGE, Server, processor_time};

/// How often both are asked in turn.
const ROUNDS: u32 = 3;

/// What follows the last parenthesis of `/proc/…/stat`: a process' parent is the second word of it.
fn parent(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

fn processes() -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The process that started PostgreSQL's others: the one that was told of this process' directory.
fn postmaster() -> u32 {
    let data = format!("hallpass-pg-{}/data", std::process::id());
    let is_it = |process: &u32| {
        let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
        line.split('\0').next().is_some_and(|program| program.ends_with("/postgres"))
            && line.contains(&data)
    };
    processes().into_iter().find(is_it).unwrap()
}

/// Whether a process of PostgreSQL answers clients; others tidy up behind everybody's back.
fn is_backend(process: u32, postmaster: u32) -> bool {
    let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    parent(process) == Some(postmaster) && line.starts_with("postgres: plain ")
}

/// The processor time that both spend on a request of this kind, asked in turn: off and on, of the
/// server and of PostgreSQL.
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
    let [plain, walled] = ["off", "on"].map(|row_security| {
        let url = postgres::plain_database();
        Server::start(&[("DATABASE_URL", &url), ("ROW_SECURITY", row_security)])
    });
    let postmaster = postmaster();
    let times = |server: &Server| {
        let backends = processes().into_iter().filter(|it| is_backend(*it, postmaster));
        [processor_time(server.id()), backends.map(processor_time).sum()]
    };
    for server in [&plain, &walled] {
        server.fill().await;
    }
    println!("{:<34} {:>18} {:>18} {:>7}", "CPU µs (server + PostgreSQL)", "off", "on", "ratio");
    for (name, query) in [
        ("a page of 20 tasks", PAGE),
        ("everyone's public tasks", "{ publicTasks(first: 20) { nodes { id title } } }"),
        ("chapters with text and progress", CHAPTERS),
        ("a new task", CREATE),
        (
            "a new task with tags",
            "mutation { createTask(input: {title: \"M\", tags: [\"a\"]}) { id } }",
        ),
    ] {
        let [off, on] = compare([&plain, &walled], query, times).await;
        let text = |[server, database]: [f64; 2]| format!("{server:.0} + {database:.0}");
        let ratio = (on[0] + on[1]) / (off[0] + off[1]);
        println!("{name:<34} {:>18} {:>18} {ratio:>7.2}", text(off), text(on));
    }
}
