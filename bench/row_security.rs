//! Processor time of `ROW_SECURITY=on`: `cargo bench --bench row_security`.
//!
//! Starts the release binary twice on a PostgreSQL cluster of its own, without and with row-level
//! security, and sends both the same requests alternately. The figures are processor time per request, of
//! the server's process and of PostgreSQL's; the ratio is of their sums, with to without. See
//! `bench/README.md`.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails stops")]

#[expect(dead_code, reason = "the tests use more kinds of databases")]
#[path = "../tests/api/support/postgres.rs"]
mod postgres;
mod server;

/// The application and the configuration that the tests' PostgreSQL is migrated with.
mod app {
    use std::sync::{Arc, LazyLock};

    use hallpass::Application;
    use hallpass::config::Config;

    pub fn application() -> &'static Arc<Application> {
        static APPLICATION: LazyLock<Arc<Application>> =
            LazyLock::new(hallpass_server::application);
        &APPLICATION
    }

    pub fn config(flags: &[&str]) -> Config {
        hallpass::testing::config(application(), flags)
    }
}

use server::{CHAPTERS, CREATE, PAGE, Server, processor_time};

/// How often both are measured, alternately.
const ROUNDS: u32 = 3;

/// The parent of a process: the second word after the last parenthesis of `/proc/…/stat`.
fn parent(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

fn processes() -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The parent of PostgreSQL's processes: the one with this process' directory in its command line.
fn postmaster() -> u32 {
    let data = format!("hallpass-pg-{}/data", std::process::id());
    let is_it = |process: &u32| {
        let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
        line.split('\0').next().is_some_and(|program| program.ends_with("/postgres"))
            && line.contains(&data)
    };
    processes().into_iter().find(is_it).unwrap()
}

/// Whether a process of PostgreSQL serves a client; others run maintenance in the background.
fn is_backend(process: u32, postmaster: u32) -> bool {
    let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    parent(process) == Some(postmaster) && line.starts_with("postgres: plain ")
}

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
    let postmaster = postmaster();
    let times = |server: &Server| {
        let backends = processes().into_iter().filter(|it| is_backend(*it, postmaster));
        [processor_time(server.id()), backends.map(processor_time).sum()]
    };
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
            "mutation { createTask(input: {title: \"M\", tags: [\"a\"]}) { id } }",
        ),
    ] {
        let [without, with] = compare([&off, &on], query, times).await;
        let text = |[server, database]: [f64; 2]| format!("{server:.0} + {database:.0}");
        let ratio = (with[0] + with[1]) / (without[0] + without[1]);
        println!("{name:<34} {:>18} {:>18} {ratio:>7.2}", text(without), text(with));
    }
}
