//! `hallpass serve`: migrates the database, starts the server, and stops it on SIGTERM or SIGINT.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpSocket;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::output::print_line;
use super::{CliError, block_on, log};
use crate::app::{self, App, Listeners, StartError};
use crate::application::Application;
use crate::config::{Config, Environment, UnixSocketPath};
use crate::http::{self, BoundUnixSocket, Listener};
use hallpass_identity::PersonaCaller;

pub(super) fn run(
    application: &Arc<Application>,
    config: &Config,
    no_migrate: bool,
) -> Result<(), CliError> {
    // Exports what is left when it is dropped, after the server has stopped.
    let log = log::start(config)?;
    block_on(async {
        tokio::spawn(log.keep_reporting());
        serve(application, config, no_migrate).await
    })
}

async fn serve(
    application: &Arc<Application>,
    config: &Config,
    no_migrate: bool,
) -> Result<(), CliError> {
    application.routes().map_err(StartError::from)?;
    let stop = stop_on_signal()?;
    http::raise_file_limit();
    warn_if_all_proxies_trusted(config);
    // Bound before the migration, so that an address in use is reported before anything changes; listens once the
    // server is ready.
    let main = match &config.socket {
        Some(socket) => BoundSocket::unix(socket)?,
        None => BoundSocket::tcp("API_HOST and API_PORT", config.address)?,
    };
    let metrics = match config.metrics_address {
        Some(address) => Some(BoundSocket::tcp("METRICS_ADDR", address)?),
        None => None,
    };
    if !no_migrate {
        app::migrate(application, config).await?;
    }
    let database = app::open(application, config, |_| {}).await?;
    // Start-up tasks may take long: a stop signal ends them.
    let building = App::build(application, config, database);
    let Some(app) = stop.run_until_cancelled(building).await.transpose()? else { return Ok(()) };
    let listeners =
        Listeners { main: main.listen()?, metrics: metrics.map(BoundSocket::listen).transpose()? };
    if let Err(error) = announce(application, config, &listeners.main) {
        tracing::warn!(%error, "failed to print the start-up message");
    }
    Ok(app.serve(listeners, stop).await?)
}

/// Backlog of pending connections; the system's limit may be lower.
const BACKLOG: u32 = 4096;

/// A bound socket that does not listen yet.
struct BoundSocket {
    setting: &'static str,
    address: String,
    socket: Socket,
}

enum Socket {
    Tcp(TcpSocket),
    Unix(BoundUnixSocket),
}

impl BoundSocket {
    fn tcp(setting: &'static str, address: SocketAddr) -> Result<Self, StartError> {
        let bind = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            Ok(Socket::Tcp(socket))
        };
        Self::bound(setting, address.to_string(), bind())
    }

    fn unix(socket: &UnixSocketPath) -> Result<Self, StartError> {
        let bound = BoundUnixSocket::bind(&socket.path, socket.mode).map(Socket::Unix);
        Self::bound("API_SOCKET", socket.path.display().to_string(), bound)
    }

    fn bound(
        setting: &'static str,
        address: String,
        socket: io::Result<Socket>,
    ) -> Result<Self, StartError> {
        match socket {
            Ok(socket) => Ok(Self { setting, address, socket }),
            Err(source) => Err(StartError::Listen { setting, address, source }),
        }
    }

    fn listen(self) -> Result<Listener, StartError> {
        let Self { setting, address, socket } = self;
        let listener = match socket {
            Socket::Tcp(socket) => socket.listen(BACKLOG).map(Listener::from),
            Socket::Unix(socket) => socket.listen(BACKLOG),
        };
        listener.map_err(|source| StartError::Listen { setting, address, source })
    }
}

fn warn_if_all_proxies_trusted(config: &Config) {
    if let Some(network) = config.trusted_proxies.iter().find(|it| it.prefix_len() == 0) {
        tracing::warn!(
            %network,
            "TRUSTED_PROXIES includes all addresses: any client can forge its address and bypass limits per \
             address; list only the networks of your proxies"
        );
    }
}

fn stop_on_signal() -> Result<CancellationToken, CliError> {
    let listen = |kind| {
        signal(kind)
            .map_err(|error| CliError::Check(format!("failed to install signal handlers: {error}")))
    };
    let (mut terminate, mut interrupt) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        let mut next_signal = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next_signal().await;
        stopping.cancel();
        next_signal().await;
        tracing::warn!("second stop signal: aborting running requests");
        std::process::exit(1);
    });
    Ok(stop)
}

fn announce(
    application: &Application,
    config: &Config,
    listener: &Listener,
) -> Result<(), CliError> {
    let address = listener.address().unwrap_or_else(|_| config.address.to_string());
    let program = std::env::args().next().unwrap_or_else(|| config.program.clone());
    let personas = application.personas().iter();
    let mut users = personas.filter(|it| !matches!(it.caller, PersonaCaller::Anonymous));
    let persona = users.next().map_or("PERSONA", |persona| persona.name);
    let (at, curl) = match config.socket {
        Some(_) => (
            format!("the socket {address}"),
            format!("--unix-socket {address} http://localhost/graphql"),
        ),
        None => (format!("http://{address}/graphql"), format!("http://{address}/graphql")),
    };
    let call = format!(
        "curl {curl} -H \"Authorization: Bearer $({program} token --as {persona})\" \\
             -H 'Content-Type: application/json' -d '{{\"query\":\"{{ me {{ name roles }} }}\"}}'"
    );
    match (config.environment, &config.socket) {
        (Environment::Production, _) => print_line(format_args!("Hallpass serves GraphQL at {at}")),
        (Environment::Development, Some(_)) => print_line(format_args!(
            "Hallpass in development mode at {at}: its owner can act as any persona.\n\
             \n  Try   {call}\n\
             \nSet BETTER_AUTH_URL to accept the users of a Better Auth server instead."
        )),
        (Environment::Development, None) => print_line(format_args!(
            "Hallpass in development mode: anyone on this machine can act as any persona.\n\
             \n  Open  http://{address}/graphql    GraphiQL; choose a persona at the top\
             \n        http://{address}/doctor     doctor: explains why a credential is rejected\
             \n  Or    {call}\n\
             \nPages of this machine may call it from any port. A browser keeps the cookies of localhost and\
             \n127.0.0.1 apart: use one of them.\
             \nSet BETTER_AUTH_URL to accept the users of a Better Auth server instead."
        )),
    }
}
