//! The servers as processes of their own, and what they cost.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::content::{Content, Request};

/// The unit in which Linux reports processor times to user space.
const TICKS_PER_SECOND: f64 = 100.0;

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

/// Processor time of a process, in seconds: `utime` and `stime` of proc(5).
pub fn processor_time(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).map_or(0.0, |ticks| ticks.parse::<f64>().unwrap());
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

/// Resident memory, in MiB.
pub fn memory(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// PostgreSQL's processes that serve clients; others run maintenance in the background.
pub struct Backends {
    postmaster: u32,
}

impl Backends {
    /// Those of this process' cluster.
    pub fn find() -> Self {
        let data = format!("hallpass-pg-{}/data", std::process::id());
        let is_it = |process: &u32| {
            let line = command_line(*process);
            line.split('\0').next().is_some_and(|program| program.ends_with("/postgres"))
                && line.contains(&data)
        };
        Self { postmaster: processes().find(is_it).unwrap() }
    }

    /// Their processor time, in seconds.
    pub fn processor_time(&self) -> f64 {
        let is_backend = |process: &u32| {
            parent(*process) == Some(self.postmaster)
                && command_line(*process).starts_with("postgres: hallpass ")
        };
        processes().filter(is_backend).map(processor_time).sum()
    }
}

fn command_line(process: u32) -> String {
    std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default()
}

/// The parent of a process: the second word after the last parenthesis of `/proc/…/stat`.
fn parent(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

fn processes() -> impl Iterator<Item = u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
