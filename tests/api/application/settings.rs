//! Settings of an application, beside those of the server.

use std::ffi::OsString;
use std::sync::{Arc, Mutex};

use async_graphql::{Context, EmptyMutation, EmptySubscription, MergedObject};
use axum::extract::State;
use axum::routing::get;
use hallpass::application::{Routes, ServerHandle};
use hallpass::cli::{command, parse_from};
use hallpass::config::{EnvFile, check_names};
use hallpass::prelude::*;
use hallpass::testing::{App, config, user};
use hallpass::{app, core_schema};

use super::builder;

/// Prices.
#[derive(clap::Args)]
#[command(next_help_heading = "Prices")]
struct Settings {
    /// Where prices come from
    #[arg(long, env, default_value = "https://prices.example")]
    prices_url: String,
    /// Token for PRICES_URL
    #[arg(long, env, hide_env_values = true)]
    prices_token: Option<String>,
}

/// Queries of prices.
#[derive(Default)]
struct PriceQuery;

#[guarded(Query, domain = "prices")]
impl PriceQuery {
    /// Where prices come from.
    #[graphql(guard = "SignedIn")]
    async fn prices_url(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(ctx.settings::<Settings>()?.prices_url.clone())
    }
}

/// All queries.
#[derive(MergedObject, Default)]
struct Query(core_schema::CoreQuery, PriceQuery);

fn shop() -> hallpass::Builder {
    let builder = Hallpass::<Query, EmptyMutation, EmptySubscription>::builder().name("shop");
    builder.domain(Domain::new("prices"))
}

async fn url(State(server): State<ServerHandle>) -> String {
    server.settings::<Settings>().map_or_else(|error| error.to_string(), |it| it.prices_url.clone())
}

#[tokio::test]
async fn settings_reach_tasks_routes_and_resolvers() {
    let seen = Arc::<Mutex<String>>::default();
    let seen_by_task = Arc::clone(&seen);
    let application = shop()
        .settings::<Settings>()
        .routes(Routes::new().route("/url", get(url)))
        .on_start(move |server| {
            let settings = server.settings::<Settings>();
            let url = settings.map(|it| it.prices_url.clone()).map_err(Into::into);
            let seen = Arc::clone(&seen_by_task);
            std::future::ready(url.map(|url| *seen.lock().unwrap() = url))
        })
        .build();
    let app = App::with(&application, &["--prices-url", "https://other.example"]).await;
    assert_eq!(*seen.lock().unwrap(), "https://other.example");
    let response = app.anonymous().request(reqwest::Method::GET, "/url").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "https://other.example");
    let data = app.by_jwt(&user("alice")).data("{ pricesUrl }").await;
    assert_eq!(data["pricesUrl"], "https://other.example");
}

#[tokio::test]
async fn missing_type_of_settings_is_an_internal_error() {
    let application = shop().routes(Routes::new().route("/url", get(url))).build();
    let app = App::start(&application).await;
    let response = app.anonymous().request(reqwest::Method::GET, "/url").send().await.unwrap();
    let message = response.text().await.unwrap();
    assert!(message.contains("Settings>() to its builder"), "{message}");
    let answer = app.by_jwt(&user("alice")).ask("{ pricesUrl }").await;
    assert_eq!(answer.codes(), ["INTERNAL"]);
    assert_eq!(answer.body.to_string().matches("Settings").count(), 0, "{}", answer.body);
}

#[tokio::test]
async fn settings_are_in_help_and_doctor() {
    let application = shop().settings::<Settings>().build();
    let help = command(&application).render_long_help().to_string();
    assert!(help.contains("--prices-url <PRICES_URL>"), "{help}");
    assert!(command(&application).render_help().to_string().contains("PRICES_TOKEN"));
    let config = config(&application, &["--prices-token", "geheim"]);
    let report = app::doctor(&application, &config).await.unwrap().examine(None).await;
    let lines: Vec<_> = report.setup.iter().filter(|it| it.name == "settings").collect();
    let messages: Vec<_> = lines.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(messages, ["PRICES_URL has its default", "PRICES_TOKEN is set"]);
    assert!(!report.to_text(false).contains("geheim"));
    assert!(!format!("{config:?}").contains("geheim"));
}

#[tokio::test]
async fn settings_are_read_from_files() {
    let application = shop().settings::<Settings>().build();
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("token");
    std::fs::write(&path, "geheim\n").unwrap();
    let file = format!("PRICES_URL=https://file.example\nPRICES_TOKEN_FILE={}", path.display());
    let line = ["shop"].map(OsString::from);
    let (_, matches) = parse_from(command(&application), &EnvFile::parse(&file), line).unwrap();
    let value = |id: &str| matches.get_one::<String>(id).cloned();
    assert_eq!(value("prices_url").as_deref(), Some("https://file.example"));
    assert_eq!(value("prices_token").as_deref(), Some("geheim"));
}

#[test]
fn misspelled_setting_of_an_application_is_named() {
    let application = shop().settings::<Settings>().build();
    let file = EnvFile::parse("PRICES_ULR=https://file.example");
    let error = check_names(&command(&application), &file).unwrap_err().to_string();
    assert!(error.contains("PRICES_ULR is not a setting: write PRICES_URL"), "{error}");
}

#[tokio::test]
async fn messages_name_the_program() {
    let application = shop().build();
    let config = config(&application, &["--database-url", "sqlite:///nonexistent.db?mode=rwc"]);
    let report = app::doctor(&application, &config).await.unwrap().examine(None).await;
    let text = report.to_text(false);
    assert!(text.contains("`shop serve` creates it at start"), "{text}");
    assert!(!text.contains("`hallpass "), "{text}");
}

/// A setting with the name of one of the server's.
#[derive(clap::Args)]
struct Taken {
    /// The port
    #[arg(long, env)]
    api_port: Option<u16>,
}

#[test]
#[should_panic(expected = "settings::Taken is one of the server's settings too: rename it")]
fn setting_with_a_name_of_the_server_is_rejected() {
    let application = builder().settings::<Taken>().build();
    drop(application);
}
