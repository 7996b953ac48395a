//! Alerts and dashboard: alerts fire when they should, each is explained, and the dashboard is well-formed.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::metrics::queries_of_alerts;
use super::{document, output, path, text};

const TESTS: [&str; 2] =
    ["tests/deploy/alerts.test.yaml", "tests/deploy/alerts-of-a-day.test.yaml"];

#[test]
fn alerts_fire_on_their_incidents_only() {
    let mut promtool = Command::new("promtool");
    output(promtool.args(["check", "rules"]).arg(path("deploy/prometheus/alerts.yaml")));
    let mut promtool = Command::new("promtool");
    output(promtool.args(["check", "config"]).arg(path("deploy/prometheus/prometheus.yaml")));
    let mut promtool = Command::new("promtool");
    output(promtool.args(["test", "rules"]).args(TESTS.map(path)));
    let tests = TESTS.map(text).concat();
    for (alert, _) in queries_of_alerts() {
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "{alert} has no test");
    }
}

#[test]
fn every_alert_is_explained() {
    let page = text("docs/operations/alerts.md");
    let explained: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let alerts: Vec<_> = queries_of_alerts().into_iter().map(|(alert, _)| alert).collect();
    assert_eq!(explained, alerts, "docs/operations/alerts.md has a section for each, in order");
}

#[test]
fn dashboard_is_well_formed() {
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/hallpass.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut cells = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is taken");
        let place = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{title} is wider than the page");
        for (x, y) in (0..place("w")).flat_map(|x| (0..place("h")).map(move |y| (x, y))) {
            assert!(cells.insert((place("x") + x, place("y") + y)), "{title} covers another");
        }
        if panel["type"] != "row" {
            assert!(!panel["description"].as_str().unwrap().is_empty(), "{title}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
    let source = document("deploy/grafana/provisioning/datasources/prometheus.yaml");
    assert_eq!(source["datasources"][0]["type"], "prometheus");
}
