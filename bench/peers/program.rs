//! The servers as processes of their own.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::content::{Content, Request};

/// A running server.
pub struct Program {
    pub name: String,
    pub port: u16,
    child: Child,
    is_graphql: bool,
}

/// A recording by `perf`, until it is dropped.
pub struct Recorder(Child);

impl Drop for Recorder {
    fn drop(&mut self) {
        let interrupt = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        interrupt.unwrap();
        self.0.wait().unwrap();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Program {
    /// The release binary.
    pub fn hallpass(content: &Content) -> Self {
        Self::start("hallpass", env!("CARGO_BIN_EXE_hallpass"), content, |command, port| {
            command.args(["--api-port", &port.to_string()]);
        })
    }

    /// The floor: this program.
    pub fn floor(content: &Content) -> Self {
        let this = std::env::current_exe().unwrap();
        let mut program = Self::start("floor", this.to_str().unwrap(), content, |command, _| {
            command.arg("--floor").env("SUBJECTS", content.subjects());
        });
        program.is_graphql = false;
        program
    }

    /// A server that a shell starts with `command`.
    pub fn peer(name: &str, command: &str, content: &Content) -> Self {
        let command = format!("exec {command}");
        Self::start(name, "sh", content, |shell, _| {
            shell.args(["-c", &command]);
        })
    }

    fn start(
        name: &str,
        program: &str,
        content: &Content,
        configure: impl FnOnce(&mut Command, u16),
    ) -> Self {
        let port = free_port();
        let mut command = Command::new(program);
        command
            .current_dir(content.directory())
            .env("DATABASE_URL", content.database_url())
            .env("JWKS_URL", content.jwks_url())
            .env("BETTER_AUTH_URL", content.issuer())
            .env("PORT", port.to_string())
            .env("RATE_LIMIT", "off")
            .env("RUST_LOG", "warn")
            .stdout(Stdio::null());
        configure(&mut command, port);
        let child = command.spawn().unwrap();
        Self { name: name.to_owned(), port, child, is_graphql: true }
    }

    /// Waits until the port accepts connections.
    pub async fn wait_until_ready(&self) {
        for _ in 0..600 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} does not start", self.name);
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The bytes of a request.
    pub fn request(&self, request: Request, content: &Content, number: usize) -> Vec<u8> {
        match self.is_graphql {
            true => content.graphql(request, number),
            false => content.rest(request, number),
        }
    }

    /// Records where its time goes.
    pub fn record(&self, query: &str) -> Recorder {
        let file = format!("perf-{}-{}.data", self.name, &query[..2]);
        let file = std::env::temp_dir().join(file);
        let mut perf = Command::new("perf");
        perf.args(["record", "-q", "-F", "1999", "-g", "-p", &self.id().to_string(), "-o"])
            .arg(file);
        Recorder(perf.spawn().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
