//! Runs PgBouncer in front of the tests' PostgreSQL; it stops with the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use crate::support::postgres::{self, database, is_root, succeed, unprivileged};

/// The environment variable with which every server of this process reaches PostgreSQL through [`shared`], beside
/// [`OtherClient`]. Its value is the mode, `transaction`.
pub const SUITE_VARIABLE: &str = "HALLPASS_TEST_POOLER";

/// The URL through the pooler to the database at `url`, if [`SUITE_VARIABLE`] is set.
#[expect(clippy::disallowed_methods, reason = "it is a setting of the tests")]
pub fn suite_address(url: &str) -> Option<String> {
    let mode = std::env::var(SUITE_VARIABLE).ok()?;
    assert_eq!(mode, "transaction", "{SUITE_VARIABLE} has no other mode");
    let is_pooled = url.contains("&port=");
    (url.starts_with("postgres:") && !is_pooled).then(|| shared().address(url))
}

/// A client of a pooler that names its statements as the server would, without heed of transaction mode. Ends on drop.
pub struct OtherClient(tokio::task::JoinHandle<()>);

impl OtherClient {
    #[expect(clippy::disallowed_methods, reason = "this client is not the server")]
    pub fn of(url: String) -> Self {
        Self(tokio::spawn(async move {
            let mut connect = sea_orm::ConnectOptions::new(url);
            connect.max_connections(1).sqlx_logging(false);
            connect.map_sqlx_postgres_opts(|options| options.extra_float_digits(None));
            let client = sea_orm::Database::connect(connect).await.unwrap();
            for number in 0.. {
                let sql = format!("SELECT {number} AS number WHERE $1::int8 > 0");
                let values = [1_i64.into()];
                let sql = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
                // The names of its own statements collide, depending on the session.
                let _ = client.query_all_raw(sql).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }))
    }
}

impl Drop for OtherClient {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub struct PgBouncer {
    directory: tempfile::TempDir,
    /// The directory of PostgreSQL's socket.
    postgres: String,
    /// Kills PgBouncer when its standard input closes.
    process: Child,
}

/// An instance in transaction mode, with three sessions for each database.
pub fn shared() -> &'static PgBouncer {
    static SHARED: OnceLock<PgBouncer> = OnceLock::new();
    SHARED.get_or_init(|| PgBouncer::start("pool_mode = transaction\ndefault_pool_size = 3"))
}

impl PgBouncer {
    /// An instance with these settings.
    pub fn start(settings: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = database();
        let postgres = url.split("host=").nth(1).unwrap().to_owned();
        let users = format!("\"{}\" \"\"\n\"{}\" \"\"\n", postgres::SUPERUSER, postgres::PLAIN);
        std::fs::write(directory.path().join("users"), users).unwrap();
        write_settings(directory.path(), &postgres, settings);
        if is_root() {
            let mut chown = std::process::Command::new("chown");
            succeed(chown.arg("-R").arg("postgres").arg(directory.path()));
        }
        let process = spawn(directory.path());
        let started = Self { directory, postgres, process };
        started.wait_until_ready();
        started
    }

    fn wait_until_ready(&self) {
        let began = Instant::now();
        let socket = self.directory.path().join(".s.PGSQL.6432");
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            let log = std::fs::read_to_string(self.directory.path().join("log"));
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "the tests need pgbouncer: install it, or run tests/run ({log:?})"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The URL through it to the database at `url`.
    pub fn address(&self, url: &str) -> String {
        let before = url.split("?host=").next().unwrap();
        format!("{before}?host={}&port=6432", self.directory.path().display())
    }

    /// Restarts it with other settings; every connection is lost.
    pub fn restart(&mut self, settings: &str) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
        write_settings(self.directory.path(), &self.postgres, settings);
        self.process = spawn(self.directory.path());
        self.wait_until_ready();
    }

    /// Reloads other settings; connections stay open.
    pub fn reload(&self, settings: &str) {
        write_settings(self.directory.path(), &self.postgres, settings);
        let console =
            self.address(&format!("postgres://{}@localhost/pgbouncer?host=", postgres::SUPERUSER));
        postgres::query(&console, "RELOAD");
        let mode = settings.lines().next().unwrap().replace(" = ", "|");
        let now = postgres::query(&console, "SHOW CONFIG");
        assert!(now.lines().any(|line| line.starts_with(&mode)), "{now}");
    }
}

/// Runs it on the settings in `directory` until the process's standard input closes.
fn spawn(directory: &Path) -> Child {
    let script = format!(
        "{program} -q {directory}/settings 2>{directory}/log & server=$!; read line; kill -KILL $server; \
         wait $server",
        program = program().display(),
        directory = directory.display(),
    );
    let mut shell = unprivileged(Path::new("sh"));
    let shell = shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null());
    shell.spawn().expect("a shell can be started")
}

fn write_settings(directory: &Path, socket: &str, settings: &str) {
    let text = format!(
        "[databases]\n* = host={socket}\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\n\
         unix_socket_dir = {directory}\nauth_type = trust\nauth_file = {directory}/users\nadmin_users = {admin}\n\
         max_client_conn = 1000\nserver_login_retry = 1\n{settings}\n",
        directory = directory.display(),
        admin = postgres::SUPERUSER,
    );
    std::fs::write(directory.join("settings"), text).unwrap();
}

fn program() -> PathBuf {
    let places = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
    let installed = places.into_iter().map(PathBuf::from).find(|place| place.exists());
    installed.unwrap_or_else(|| PathBuf::from("pgbouncer"))
}

/// Whether the installed PgBouncer tracks prepared statements (1.21 and later).
pub fn tracks_statements() -> bool {
    let reported = std::process::Command::new(program()).arg("--version").output().unwrap().stdout;
    let reported = String::from_utf8(reported).unwrap();
    let version = reported.split_whitespace().nth(1).unwrap().to_owned();
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    (parts.next(), parts.next()) >= (Some(1), Some(21))
}
