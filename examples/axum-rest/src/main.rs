//! Serves the protected routes. Settings as of Hallpass: `BETTER_AUTH_URL=https://app.example.com axum-rest`.

use std::error::Error;
use std::net::SocketAddr;

use clap::Parser;
use hallpass_identity::AuthLayer;
use hallpass_identity::config::{IdentitySettings, Origin};

#[derive(Parser)]
struct Cli {
    /// Address and port to serve on
    #[arg(long, env, default_value = "127.0.0.1:8001")]
    listen: SocketAddr,

    /// Exact origins of web pages that may send cookies, comma-separated
    #[arg(long, env, value_delimiter = ',')]
    allowed_origins: Vec<Origin>,

    #[command(flatten)]
    identity: IdentitySettings,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cli = Cli::parse();
    let auth = AuthLayer::new(&cli.identity.check()?, &cli.allowed_origins)?;
    let app = axum_rest::app(auth).into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind(cli.listen).await?;
    Ok(axum::serve(listener, app).await?)
}
