//! The release binary as a process of its own, and what it costs per request.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};

const CONNECTIONS: usize = 8;
const REQUESTS: usize = 4_000;
const WARM_UP: usize = 400;

/// Creates a task.
pub const CREATE: &str = "mutation { createTask(input: {title: \"Measure\"}) { task { id } } }";
/// Reads a page of tasks.
pub const PAGE: &str =
    "{ tasks(first: 20) { edges { cursor node { id title completed priority dueAt } }
    pageInfo { hasNextPage endCursor } } }";
/// Reads chapters, which are shared, with the progress in them, which is owned.
pub const CHAPTERS: &str = "{ chapters(filter: {requiredTier: \"free\"}) { nodes { slug title
    personalized { level body } progress { percent } } } }";

/// A server in development mode, and a premium learner with eight keep-alive connections to it.
pub struct Server {
    child: Child,
    url: String,
    client: Client,
    token: String,
    _directory: tempfile::TempDir,
}

impl Server {
    /// Starts it with these settings.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let hallpass = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_hallpass"));
            command.current_dir(directory.path()).env_clear().stdout(Stdio::piped());
            command.env("RATE_LIMIT", "off");
            command.envs(settings.iter().copied());
            command
        };
        let mut child = hallpass().args(["--api-port", "0"]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("http://")).unwrap();
        let at = line.find("http://").unwrap();
        let url = line[at..].split_whitespace().next().unwrap().trim_end_matches("/graphql");
        let output = hallpass().args(["token", "--as", "premium"]).output().unwrap();
        let token = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        Self { url: url.to_owned(), child, client: client(), token, _directory: directory }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Creates enough tasks for full pages.
    pub async fn fill(&self) {
        self.send(Some(CREATE), 400).await;
    }

    /// The processor time, in microseconds, that `of` measures per request of this kind; without a
    /// `query`, of a response without GraphQL.
    pub async fn cost<const N: usize>(
        &self,
        query: Option<&str>,
        of: impl Fn() -> [f64; N],
    ) -> [f64; N] {
        self.send(query, WARM_UP).await;
        let before = of();
        self.send(query, REQUESTS).await;
        let after = of();
        std::array::from_fn(|n| (after[n] - before[n]) / REQUESTS as f64 * 1e6)
    }

    /// Sends the same request `count` times, in equal parts over the connections.
    async fn send(&self, query: Option<&str>, count: usize) {
        let body = query.map(|query| json!({ "query": query }));
        let workers = (0..CONNECTIONS).map(|_| async {
            for _ in 0..count / CONNECTIONS {
                let text = self.request(body.as_ref()).await;
                assert!(!text.contains("\"errors\""), "{text}");
            }
        });
        futures_util::future::join_all(workers).await;
    }

    async fn request(&self, body: Option<&Value>) -> String {
        let request = match body {
            Some(body) => {
                self.client.request(Method::POST, format!("{}/graphql", self.url)).json(body)
            }
            None => self.client.request(Method::GET, format!("{}/health", self.url)),
        };
        let response = request.bearer_auth(&self.token).send().await.unwrap();
        assert!(response.status().is_success());
        response.text().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is a client")]
fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap()
}
