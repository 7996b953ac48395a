//! What a request costs the server in processor time: `cargo bench --bench requests`.
//!
//! Starts the release binary in development mode, on SQLite, and sends it each kind of request over
//! eight kept-alive connections. The figure is the processor time of the server's process divided by
//! the requests, which other work on the machine moves far less than the time on the clock; the ratio
//! is to the cheapest answer there is, in the same run. See `bench/README.md`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops where it stands")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};

const CONNECTIONS: usize = 8;
const REQUESTS: usize = 4_000;
const WARM_UP: usize = 400;
/// The unit in which Linux tells processor times to user space.
const TICKS_PER_SECOND: f64 = 100.0;

struct Server {
    child: Child,
    url: String,
    directory: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut child = hallpass(&directory).args(["--api-port", "0"]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("http://")).unwrap();
        let at = line.find("http://").unwrap();
        let url = line[at..].split_whitespace().next().unwrap().trim_end_matches("/graphql");
        Self { url: url.to_owned(), child, directory }
    }

    fn token(&self, persona: &str) -> String {
        let output = hallpass(&self.directory).args(["token", "--as", persona]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Processor time so far, in seconds: `utime` and `stime` of proc(5).
    fn processor_time(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / TICKS_PER_SECOND
    }

    /// Memory in use, in MiB.
    fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hallpass(directory: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallpass"));
    command.current_dir(directory.path()).env_clear().stdout(Stdio::piped());
    command
}

#[expect(clippy::disallowed_methods, reason = "a bench is a client")]
fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap()
}

/// Sends the same request `count` times over each connection's share.
async fn send(client: &Client, url: &str, token: &str, body: Option<&Value>, count: usize) {
    let workers = (0..CONNECTIONS).map(|_| async {
        for _ in 0..count / CONNECTIONS {
            let request = match body {
                Some(body) => client.request(Method::POST, format!("{url}/graphql")).json(body),
                None => client.request(Method::GET, format!("{url}/health")),
            };
            let answer = request.bearer_auth(token).send().await.unwrap();
            assert!(answer.status().is_success());
            let text = answer.text().await.unwrap();
            assert!(!text.contains("\"errors\""), "{text}");
        }
    });
    futures_util::future::join_all(workers).await;
}

#[tokio::main]
async fn main() {
    let server = Server::start();
    println!("memory at rest: {:.0} MiB", server.memory());
    let (client, token) = (client(), server.token("premium"));
    let create = "mutation { createTask(input: {title: \"Measure\"}) { id } }";
    send(&client, &server.url, &token, Some(&json!({ "query": create })), 400).await;
    let page = "{ tasks(first: 20) { edges { cursor node { id title completed priority dueAt } }
        pageInfo { hasNextPage endCursor } } }";
    let chapters = "{ chapters(filter: {requiredTier: \"free\"}) { nodes { slug title
        personalized { level body } progress { percent } } } }";
    let mut cheapest = None;
    println!("{:<44} {:>10} {:>7}", "", "CPU µs", "ratio");
    for (name, query) in [
        ("an answer without GraphQL (/health)", None),
        ("who am I", Some("{ me { id name roles tier } }")),
        ("a page of 20 tasks", Some(page)),
        ("chapters with text and progress", Some(chapters)),
        ("a new task", Some(create)),
    ] {
        let body = query.map(|query| json!({ "query": query }));
        send(&client, &server.url, &token, body.as_ref(), WARM_UP).await;
        let before = server.processor_time();
        send(&client, &server.url, &token, body.as_ref(), REQUESTS).await;
        let micros = (server.processor_time() - before) / REQUESTS as f64 * 1e6;
        let base = *cheapest.get_or_insert(micros);
        println!("{name:<44} {micros:>10.0} {:>7.1}", micros / base);
    }
    println!("memory after: {:.0} MiB", server.memory());
}
