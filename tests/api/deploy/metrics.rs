//! Metrics in alerts and dashboard: each is served, and each query is one that Prometheus executes.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};

use super::{document, text};
use crate::identity::revocation::with_push;
use crate::support::app::{App, Backend, client};
use crate::support::auth_server::AuthServer;

/// The queries of the dashboard, with values for Grafana's variables.
pub fn queries_of_dashboard() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/hallpass.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| Some((&panel["title"], panel["targets"].as_array()?)));
    let all = targets.flat_map(|(title, targets)| {
        targets.iter().map(move |target| {
            let query = target["expr"].as_str().unwrap().replace("$__rate_interval", "1m");
            let query = query.replace("$__range", "1h").replace("$instance", ".*");
            assert!(!query.contains('$'), "{title}: a variable is left in {query}");
            (title.as_str().unwrap().to_owned(), query)
        })
    });
    all.collect()
}

/// The queries of the alerts.
pub fn queries_of_alerts() -> Vec<(String, String)> {
    let rules = document("deploy/prometheus/alerts.yaml");
    let rules = rules["groups"][0]["rules"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rules.iter().map(|rule| (text(&rule["alert"]), text(&rule["expr"]))).collect()
}

/// The metrics of a query, without the suffixes of a histogram.
fn metrics(query: &str) -> impl Iterator<Item = &str> {
    let words = query.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    let ours = words
        .filter(|it| ["hallpass_", "http_", "process_"].iter().any(|start| it.starts_with(start)));
    ours.map(|name| {
        let ends = ["_bucket", "_sum", "_count"];
        ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
    })
}

/// A server of which every metric has a value: callers came, and one signed out.
async fn busy_server() -> (AuthServer, App) {
    let (server, app) = with_push(Backend::Sqlite).await;
    let account = server.sign_up("metrics", json!({})).await;
    let jwt = server.jwt(&account).await;
    for credential in [&account.session_token, &jwt] {
        app.by_bearer(credential).data("{ viewer { id } tasks { totalCount } }").await;
    }
    app.by_bearer(&jwt).ask("{ users { totalCount } }").await;
    app.anonymous().ask("{ me { id } }").await;
    server.sign_out(&account).await;
    (server, app)
}

/// The series of a server, with their labels.
async fn series(app: &App) -> BTreeSet<String> {
    let answer = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    let text = answer.text().await.unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

/// The names of the metrics of a server, without the suffixes of histograms.
async fn served(app: &App) -> BTreeSet<String> {
    let series = series(app).await;
    let names = series.iter().map(|it| it.split('{').next().unwrap());
    names.flat_map(metrics).map(str::to_owned).collect()
}

/// Metrics by name of the operation, which clients choose.
const BY_OPERATION: &str = "hallpass_graphql_operation";

/// The labels whose values the table of metrics lists: metric, label and value.
fn listed_values() -> Vec<(String, String, String)> {
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let mut all = Vec::new();
    for row in text("docs/operations.md").lines().filter(|row| row.starts_with("| `hallpass_")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let names: Vec<String> = quoted(cells[1]);
        for label in cells[2].split(';').filter_map(|label| label.split_once(": `")) {
            let (label, values) = (quoted(label.0).remove(0), format!("`{}", label.1));
            let values: Vec<String> = quoted(&values);
            all.extend(values.into_iter().map(|it| (names[0].clone(), label.clone(), it)));
        }
    }
    all
}

#[tokio::test]
async fn series_of_closed_labels_start_at_zero() {
    let app = App::start(Backend::Sqlite).await;
    let at_start = series(&app).await;
    let listed = listed_values();
    assert!(listed.len() > 30, "{listed:?}");
    let tiers = ["free", "premium", "enterprise"]
        .map(|tier| ["hallpass_refused_operations_total", "class", tier].map(str::to_owned).into());
    for (metric, label, value) in listed.into_iter().chain(tiers) {
        let expected = format!("{label}=\"{value}\"");
        let is_served = |it: &String| it.starts_with(&metric) && it.contains(&expected);
        assert!(at_start.iter().any(is_served), "{metric}{{{expected}}} is not served");
    }
    // No event adds a series, but of an operation's name.
    let (_auth_server, app) = busy_server().await;
    let added: Vec<_> = series(&app).await.difference(&at_start).cloned().collect();
    assert!(added.iter().any(|it| it.starts_with(BY_OPERATION)), "{added:?}");
    assert!(added.iter().all(|it| it.starts_with(BY_OPERATION)), "{added:?}");
}

#[tokio::test]
async fn alerts_and_dashboard_use_served_metrics() {
    let (_auth_server, app) = busy_server().await;
    let served = served(&app).await;
    assert!(served.contains("hallpass_revocations_received_total"), "{served:?}");
    let queries = [queries_of_alerts(), queries_of_dashboard()].concat();
    assert!(queries.len() > 50, "{} queries", queries.len());
    let mut used = BTreeSet::new();
    for (title, query) in &queries {
        for name in metrics(query) {
            used.insert(name);
            let is_served = served.contains(name) || WITH_SETTINGS.contains(&name);
            assert!(is_served, "{title}: {name} is not served: {query}");
        }
    }
    // A metric that is documented is on the dashboard or in an alert.
    for name in served {
        assert!(used.contains(name.as_str()) || NOT_SHOWN.contains(&name.as_str()), "{name}");
    }
}

/// Metrics that depend on settings: REDIS_URL, PostgreSQL or TRUSTED_DOCUMENTS. Their tests are with those.
const WITH_SETTINGS: [&str; 3] = [
    "hallpass_redis_up",
    "hallpass_bus_connected",
    "hallpass_trusted_documents_last_read_successful",
];

/// Served metrics that no alert and no panel needs.
const NOT_SHOWN: [&str; 4] = [
    "process_max_fds",
    "hallpass_revocation_bound_seconds",
    "hallpass_session_cache_entries",
    "hallpass_token_cache_entries",
];

/// A Prometheus that scrapes a server.
struct Prometheus {
    url: String,
    child: Child,
    _files: tempfile::TempDir,
}

impl Prometheus {
    fn start(target: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = text("deploy/prometheus/prometheus.yaml")
            .replace("hallpass:9464", target)
            .replace("15s", "250ms")
            .replace(
                "alerts.yaml",
                &super::path("deploy/prometheus/alerts.yaml").display().to_string(),
            );
        let file = files.path().join("prometheus.yaml");
        std::fs::write(&file, config).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", files.path().join("data").display()))
            .arg(format!("--web.listen-address={free}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the tests need prometheus: install it, or run .ci/run");
        Self { url: format!("http://{free}"), child, _files: files }
    }

    /// The result of a query; none if Prometheus does not answer.
    async fn query(&self, query: &str) -> Option<Value> {
        let url = format!("{}/api/v1/query", self.url);
        let request =
            client().post(url).header("content-type", "application/x-www-form-urlencoded");
        let body = utf8_percent_encode(query, NON_ALPHANUMERIC);
        request.body(format!("query={body}")).send().await.ok()?.json().await.ok()
    }

    /// Waits until a query has a result.
    async fn wait_for(&self, query: &str) {
        let began = Instant::now();
        while self.query(query).await.is_none_or(|it| it["data"]["result"] == json!([])) {
            assert!(began.elapsed() < Duration::from_secs(60), "{query} has no result");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn prometheus_executes_every_query() {
    let (_auth_server, app) = busy_server().await;
    let prometheus = Prometheus::start(app.url.trim_start_matches("http://"));
    prometheus.wait_for("count_over_time(up{job=\"hallpass\"}[1m]) > 4").await;
    for (title, query) in queries_of_dashboard() {
        let result = prometheus.query(&query).await.unwrap();
        assert_eq!(result["status"], "success", "{title}: {result}: {query}");
        // A scrape that takes too long on a busy machine has no result: the next one has.
        prometheus.wait_for(&query).await;
    }
    let rules = client().get(format!("{}/api/v1/rules", prometheus.url)).send().await.unwrap();
    let rules: Value = rules.json().await.unwrap();
    let rules = rules["data"]["groups"][0]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), queries_of_alerts().len());
    for rule in rules {
        assert_ne!(rule["health"], "err", "{rule}");
        assert_ne!(rule["state"], "firing", "{rule}");
    }
}
