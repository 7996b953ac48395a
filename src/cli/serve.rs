//! `hallpass serve`

use std::io::IsTerminal as _;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::{CliError, block_on};
use crate::app::{self, App, Listeners, StartError};
use crate::config::{Config, Environment};

/// What is logged unless `RUST_LOG` says otherwise: migrations are told by their own command.
const USUAL_LOG: &str = "info,sea_orm_migration=warn";

pub(super) fn run(config: &Config, no_migrate: bool) -> Result<(), CliError> {
    let filter = config.log.as_ref().and_then(|log| EnvFilter::try_new(log).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(USUAL_LOG));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    block_on(serve(config, no_migrate))
}

async fn serve(config: &Config, no_migrate: bool) -> Result<(), CliError> {
    let stop = stop_on_signal()?;
    let main = listen("API_HOST and API_PORT", config.address).await?;
    let metrics = match config.metrics_address {
        Some(address) => Some(listen("METRICS_ADDR", address).await?),
        None => None,
    };
    if !no_migrate {
        app::migrate(config).await?;
    }
    let database = app::open(config, |_| {}).await?;
    let app = App::build(config, database).await?;
    announce(config, &main);
    Ok(app.serve(Listeners { main, metrics }, stop).await?)
}

async fn listen(setting: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| StartError::Listen { setting, address, source })
}

fn stop_on_signal() -> Result<CancellationToken, CliError> {
    let listen = |kind| {
        signal(kind).map_err(|error| CliError::Check(format!("signals cannot be heard: {error}")))
    };
    let (mut terminate, mut interrupt) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopping.cancel();
    });
    Ok(stop)
}

fn announce(config: &Config, listener: &TcpListener) {
    let address = listener.local_addr().unwrap_or(config.address);
    let program = std::env::args().next().unwrap_or_else(|| "hallpass".to_owned());
    match config.environment {
        Environment::Production => println!("Hallpass serves GraphQL on http://{address}/graphql"),
        Environment::Development => println!(
            "Hallpass, in development mode: anyone on this machine can act as any persona.\n\
             \n  Open  http://{address}/graphql    GraphiQL; choose who to be at the top\
             \n        http://{address}/doctor     why a credential is not accepted\
             \n  Or    curl http://{address}/graphql -H \"Authorization: Bearer $({program} token --as premium)\" \\\
             \n             -H 'Content-Type: application/json' -d '{{\"query\":\"{{ me {{ name contentLevel }} }}\"}}'\n\
             \nSet BETTER_AUTH_URL to sign in the users of a Better Auth server instead."
        ),
    }
}
