//! `hallpass serve`

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::output::print_line;
use super::{CliError, block_on, log};
use crate::app::{self, App, Listeners, StartError};
use crate::config::{Config, Environment};
use crate::http;

pub(super) fn run(config: &Config, no_migrate: bool) -> Result<(), CliError> {
    let sampler = log::start(config.log.as_deref());
    block_on(async {
        tokio::spawn(sampler.keep_reporting());
        serve(config, no_migrate).await
    })
}

async fn serve(config: &Config, no_migrate: bool) -> Result<(), CliError> {
    let stop = stop_on_signal()?;
    http::raise_file_limit();
    warn_of_trusting_everyone(config);
    // Bound at once, so that an address that is taken is reported before anything changes; listened on
    // once the server can answer.
    let main = bind("API_HOST and API_PORT", config.address)?;
    let metrics = match config.metrics_address {
        Some(address) => Some(bind("METRICS_ADDR", address)?),
        None => None,
    };
    if !no_migrate {
        app::migrate(config).await?;
    }
    let database = app::open(config, |_| {}).await?;
    let app = App::build(config, database).await?;
    let listeners =
        Listeners { main: main.listen()?, metrics: metrics.map(Bound::listen).transpose()? };
    if let Err(error) = announce(config, &listeners.main) {
        tracing::warn!(%error, "what to open is not printed");
    }
    Ok(app.serve(listeners, stop).await?)
}

/// How many connections may wait to be accepted; the system's own limit may be lower.
const BACKLOG: u32 = 4096;

/// An address that this server has, and on which it does not listen yet.
struct Bound {
    setting: &'static str,
    address: SocketAddr,
    socket: TcpSocket,
}

fn bind(setting: &'static str, address: SocketAddr) -> Result<Bound, StartError> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    match bound() {
        Ok(socket) => Ok(Bound { setting, address, socket }),
        Err(source) => Err(StartError::Listen { setting, address, source }),
    }
}

impl Bound {
    fn listen(self) -> Result<TcpListener, StartError> {
        let Self { setting, address, socket } = self;
        socket.listen(BACKLOG).map_err(|source| StartError::Listen { setting, address, source })
    }
}

fn warn_of_trusting_everyone(config: &Config) {
    if let Some(network) = config.trusted_proxies.iter().find(|it| it.prefix_len() == 0) {
        tracing::warn!(
            %network,
            "TRUSTED_PROXIES believes everyone: any client can claim any address, and no limit per \
             address holds; name the networks of your proxies alone"
        );
    }
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
        let mut signalled = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        signalled().await;
        stopping.cancel();
        signalled().await;
        tracing::warn!("told to stop a second time: requests under way are broken off");
        std::process::exit(1);
    });
    Ok(stop)
}

fn announce(config: &Config, listener: &TcpListener) -> Result<(), CliError> {
    let address = listener.local_addr().unwrap_or(config.address);
    let program = std::env::args().next().unwrap_or_else(|| "hallpass".to_owned());
    match config.environment {
        Environment::Production => {
            print_line(format_args!("Hallpass serves GraphQL on http://{address}/graphql"))
        }
        Environment::Development => print_line(format_args!(
            "Hallpass, in development mode: anyone on this machine can act as any persona.\n\
             \n  Open  http://{address}/graphql    GraphiQL; choose who to be at the top\
             \n        http://{address}/doctor     why a credential is not accepted\
             \n  Or    curl http://{address}/graphql -H \"Authorization: Bearer $({program} token --as premium)\" \\\
             \n             -H 'Content-Type: application/json' -d '{{\"query\":\"{{ me {{ name contentLevel }} }}\"}}'\n\
             \nSet BETTER_AUTH_URL to sign in the users of a Better Auth server instead."
        )),
    }
}
